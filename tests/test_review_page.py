"""The review page in Chromium, on a store with finished ads, without the rest of Airflow."""

from __future__ import annotations

import shutil
import time

import pytest

from finished_run import RUN, write_run
from renderer.journal import Journal
from renderer.review import Ruling, Subject, decide_all
from renderer.settings import Settings
from renderer.store import open_store
from review_server import CHROMIUM, browser, serve

SCRIPT = "<script>document.title = 'taken over'</script><img src=x onerror=\"document.title = 'taken over'\">"

pytestmark = pytest.mark.skipif(not shutil.which(CHROMIUM), reason="apt-get install chromium")


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(store_url=f"file://{tmp_path}/store", build_dir=tmp_path)


@pytest.fixture
def opened(airflow_db, settings, tmp_path):
    """The page on a run of two dozen ads, the first of them called like a script."""
    write_run(open_store(settings.store_url), tmp_path / "campaign", 24, titles=[SCRIPT], failures=2)
    with serve(settings) as url, browser(url) as page:
        page.goto(url)
        page.wait_for_selector(".ad.current")
        yield page


def journal(settings) -> Journal:
    return Journal("test", open_store(settings.store_url)).refresh()


def test_a_product_called_like_a_script_is_shown_as_text(opened):
    """Nothing of a feed runs in the reviewer's browser, in the grid and beside it."""
    opened.fill("#text", "document.title")
    opened.click(".ad")
    opened.keyboard.press("Enter")
    opened.wait_for_selector("#detail h2")

    assert "<script>" in opened.inner_text("#detail h2")
    assert "Ad review" == opened.title()
    assert 0 == opened.locator("#canvas script, #detail script, .name img").count()


def test_a_whole_review_by_keyboard(opened, settings):
    """Approve, reject with a reason, undo, retake; after each the next ad is current."""
    keys = [card.get_attribute("data-key") for card in opened.locator(".ad").all()]
    opened.keyboard.press("a")
    opened.wait_for_selector(f"[data-key={keys[0]}] .badge.approve")
    opened.keyboard.press("r")
    opened.keyboard.type("too dark")
    opened.keyboard.press("Enter")
    opened.wait_for_selector(f"[data-key={keys[1]}] .badge.reject")
    opened.keyboard.press("ArrowLeft")
    opened.keyboard.press("u")
    opened.wait_for_selector(f"[data-key={keys[1]}] .badge.waiting", state="hidden")
    opened.keyboard.press("t")
    opened.keyboard.type("melts")
    opened.keyboard.press("Enter")
    opened.wait_for_selector(f"[data-key={keys[1]}] .badge.retake")
    known = journal(settings)
    said = [decision for variant in known.variants() for decision in known.history(variant)]

    assert ["approve", "reject", "undo", "retake"] == [
        one.verdict for one in sorted(said, key=lambda one: one.revision)
    ]
    assert {"reviewer"} == {one.reviewer for one in said}
    assert keys[2] == opened.get_attribute(".ad.current", "data-key")


def test_all_that_match_are_approved_at_once(opened, settings):
    """The filter is the server's, too; ads whose checks failed are named."""
    opened.select_option("#locale", "en-US")
    opened.click("#choose-all")
    opened.click("[data-say=approve]")
    opened.wait_for_selector(".toast")
    known = journal(settings)
    shown = opened.locator(".ad").count()

    assert "its checks failed" in opened.inner_text("#toasts")
    assert 1 == known.revision
    assert 0 < len(known.said_since(0)) < shown


def test_what_another_reviewer_said_meanwhile_stands_and_is_told(opened, settings):
    """The page learns it at the latest when it would overwrite it."""
    store = open_store(settings.store_url)
    ad = opened.evaluate("fetch('api/runs/test/r1/ads').then((a) => a.json()).then((a) => a.ads[0])")
    decide_all(
        [Subject(ad["variant_id"], ad["sha256"], True)], Ruling("reject", "wrong logo", "otto"), Journal("test", store)
    )
    opened.keyboard.press("a")
    opened.wait_for_selector(f"[data-key={ad['key']}] .badge.reject")

    assert "otto said meanwhile: reject, wrong logo" in opened.inner_text("#toasts")


def test_a_viewer_is_told_that_looking_is_all(airflow_db, settings, tmp_path):
    """No button lies: the refusal is a sentence."""
    write_run(open_store(settings.store_url), tmp_path / "campaign", 3)
    with serve(settings) as url, browser(url, "viewer", "VIEWER") as page:
        page.goto(url)
        page.wait_for_selector(".ad.current")
        page.keyboard.press("a")
        page.wait_for_selector(".toast")

        assert "You may look, but not decide" in page.inner_text("#toasts")


def test_the_page_follows_the_theme_of_airflow_around_it(opened):
    """Airflow marks its own root element and keeps the choice; the frame follows at once."""
    address = opened.url
    opened.route(
        "**/airflow",
        lambda route: route.fulfill(body=f"<html class=dark><iframe src={address}>", content_type="text/html"),
    )
    opened.goto(address.replace("/adloom-review/", "/airflow"))
    frame = opened.frame_locator("iframe").locator("html")
    frame.locator(".ad.current").wait_for()
    dark = frame.get_attribute("class")
    opened.evaluate("document.documentElement.className = 'light'")
    opened.wait_for_timeout(100)

    assert "dark" == dark
    assert "" == frame.get_attribute("class")


def test_who_presses_a_three_times_in_a_row_approves_three_ads(opened, settings):
    """However quick the hand, no key goes to the ad before."""
    for _ in range(3):
        opened.keyboard.press("a")
    opened.wait_for_selector(".badge.approve >> nth=2")

    assert 3 == len(journal(settings).said_since(0))


@pytest.mark.parametrize("dark", [False, True])
def test_text_is_readable(opened, dark):
    """Contrast of at least 4.5 to 1 (WCAG 2.2 AA) for all text, light and dark."""
    opened.evaluate("(dark) => document.documentElement.classList.toggle('dark', dark)", dark)
    opened.keyboard.press("Enter")
    opened.wait_for_selector("#detail h3")
    opened.click("#glance-toggle")
    opened.wait_for_selector(".tile")
    low = opened.evaluate(CONTRASTS)

    assert [] == low


CONTRASTS = """() => {
  const channel = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const colour = (text) => text.match(/[\\d.]+/g).map(Number);
  const under = (e) => { for (; e; e = e.parentElement) { const c = colour(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] === 1) return c; } return [255, 255, 255]; };
  const texts = [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && !e.disabled && !e.closest('.stage, .screen')
    && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()));
  return texts.flatMap((e) => { const a = light(colour(getComputedStyle(e).color)), b = light(under(e)), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return ratio < 4.5 ? [`${e.tagName}.${e.className} ${e.textContent.slice(0, 20)} ${ratio.toFixed(2)}`] : []; });
}"""


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(opened, width):
    """On a phone and on a small laptop."""
    opened.set_viewport_size({"width": width, "height": 800})
    opened.click(".ad .name")
    opened.wait_for_selector("#detail h3")

    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.evaluate(
        "[...document.querySelectorAll('#actions button')].every((b) => !b.checkVisibility() || b.getBoundingClientRect().right <= innerWidth)"
    )


def test_every_control_has_a_name(opened):
    """Who listens to the page knows what each button, field and ad is."""
    unnamed = opened.evaluate(
        "[...document.querySelectorAll('button, input, select, textarea, [role]')].filter((e) => e.checkVisibility() && !(e.ariaLabel || e.labels?.length || e.textContent.trim())).map((e) => e.outerHTML.slice(0, 80))"
    )

    assert [] == unnamed
    assert 1 == opened.locator(".ad[tabindex='0']").count()


def test_ten_thousand_ads_open_soon_and_few_exist_at_once(airflow_db, settings, tmp_path):
    """Only what is in sight is in the page, wherever it is scrolled to; `benchmarks/review.py` has the exact time."""
    write_run(open_store(settings.store_url), tmp_path / "campaign", 10_000)
    with serve(settings) as url, browser(url) as page:
        page.goto(f"{url}?run={RUN}")
        page.wait_for_selector(".ad")  # whatever is imported or indexed at first use is
        began = time.perf_counter()
        page.reload()
        page.wait_for_selector(".ad")
        spent_s = time.perf_counter() - began
        page.evaluate("document.getElementById('grid').scrollTop = 1e9")
        page.wait_for_timeout(200)
        shown = page.locator(".ad").count()

        assert "10,000 ads" == page.inner_text("#chosen")
        assert 0 < shown < 100
        assert spent_s < 5.0  # two on a machine of its own; tests share theirs
