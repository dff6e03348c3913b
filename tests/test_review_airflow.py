"""A whole review in Chromium against a running Airflow with ads that it has rendered itself."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from rich.console import Console

from campaign_folder import CAMPAIGN, write_campaign
from conftest import free_ports
from renderer import runs, services
from renderer.dashboard.desk import Desk
from renderer.services import Services
from renderer.settings import Settings
from review_server import browser
from test_end_to_end import SMALL_FORMAT

pytestmark = pytest.mark.slow

REVIEWED = CAMPAIGN.replace("formats: [story_9x16, square_1x1]", "formats: [tiny_9x16]\nreview: people")
LOAD_MS, RENDER_S = 60_000, 420.0


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Services]:
    """Real services on free ports; the templates hold one small campaign that people review."""
    before = dict(os.environ)
    build, templates = tmp_path_factory.mktemp("build"), tmp_path_factory.mktemp("templates")
    folder = write_campaign(templates / "test", campaign=REVIEWED)
    (folder / "formats.yaml").write_text(SMALL_FORMAT, encoding="utf-8")
    s3_port, airflow_port = free_ports(2)
    settings = Settings(build_dir=build, s3_port=s3_port, airflow_port=airflow_port, templates_dir=templates, workers=2)
    try:
        yield services.up(settings)
    finally:
        services.down(settings)
        os.environ.clear()
        os.environ |= before


@pytest.fixture(scope="module")
def run(running) -> str:
    """A run that Airflow rendered, waiting for people."""
    conf = {"campaign": "test", "sample": 4, "model": "backdrop"}
    end = runs.run_campaign(running, conf, Console(quiet=True))
    assert (end.state, end.problems) == ("success", ())
    return end.run


def until(holds, limit_s: float = 60.0) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.5)


def test_sign_in_watch_decide_retake_and_publish(running, run):
    """As a reviewer does it on an ordinary day, from Airflow's menu to the delivered ads."""
    desk = Desk(running.settings)
    with browser(running.airflow_url, user="") as page:
        sign_in(page, running)
        page.get_by_role("link", name="Ad review").first.click(timeout=LOAD_MS)
        review = page.frame_locator("iframe")
        review.locator(".ad.current").wait_for(timeout=LOAD_MS)

        assert 4 == review.locator(".ad").count()

        watch(review)
        decide(review)
        until(lambda: (desk.overview(run).approved, desk.overview(run).waiting) == (2, 2))
        retake_and_render(review)
        until(lambda: len(desk.runs()) == 2, RENDER_S)
        again = desk.runs()[0]
        until(lambda: desk.overview(again).closed, RENDER_S)
        publish(review)
        until(lambda: desk.overview(run).delivered == 2, RENDER_S)

    old, new = ({shot for ad in desk.ads(one) for shot in ad.shots} for one in (run, again))
    made = next(row for row in desk.overview(again).stages if row.stage == "generate")
    cookies = {cookie["name"]: cookie for cookie in page.cookies_seen}

    assert (1, 1) == (len(old - new), len(new - old))
    assert 1 == made.made
    assert "Lax" == cookies["_token"]["sameSite"]


def sign_in(page, running: Services) -> None:
    """Through Airflow's own form, as `reviewer`."""
    page.goto(running.airflow_url)
    page.locator("input[name=username]").fill("reviewer", timeout=LOAD_MS)
    page.locator("input[name=password]").fill(running.passwords["reviewer"])
    page.locator("button[type=submit]").click()
    page.get_by_role("link", name="Ad review").first.wait_for(timeout=LOAD_MS)
    page.cookies_seen = page.context.cookies()


def watch(review) -> None:
    """The video under the mouse really plays."""
    review.locator(".ad").first.hover()
    video = review.locator(".ad video")
    video.wait_for()
    until(lambda: video.evaluate("(v) => v.currentTime > 0.2 && !v.paused && v.readyState >= 2"), 30)

    assert video.evaluate("(v) => v.muted && v.videoWidth === 270")
    assert "captions" == video.locator("track").get_attribute("kind")


def decide(review) -> None:
    """Filter, approve two by keyboard, reject one and think again."""
    review.locator("#locale").select_option("en-US")
    shown = review.locator(".ad").count()
    review.locator("#locale").select_option("")
    review.locator(".ad").first.focus()
    body = review.locator("body")
    for key in ("Home", "a", "a", "r"):
        body.press(key)
    review.locator("#reason").fill("too dark")
    review.locator("#reason").press("Enter")
    review.locator(".badge.reject").wait_for()
    for key in ("ArrowLeft", "u"):
        body.press(key)
    review.locator(".badge.reject").wait_for(state="hidden")

    assert 0 < shown < 4


def retake_and_render(review) -> None:
    """Have the first scene of the third ad taken again, and render it at once."""
    review.locator("body").press("t")
    review.locator("#reason").fill("melts")
    review.locator("#reason").press("Enter")
    review.get_by_role("button", name="Render now").click()


def publish(review) -> None:
    review.locator("#publish").click()
    review.locator(".toast", has_text="Airflow publishes").wait_for()
