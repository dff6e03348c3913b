"""Following runs. The slow tests start Airflow and the S3 server, and take them down again."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.error
from collections.abc import Iterator

import pytest
from rich.console import Console

from conftest import ROOT, free_ports
from renderer import report, runs, services
from renderer.progress import Progress
from renderer.services import Services, daemons
from renderer.services.airflow_api import request, run_path
from renderer.services.local_airflow import DAG
from renderer.settings import Settings
from renderer.store import open_store

CONF = {"campaign": "aurora_launch", "sample": 2}


def test_the_last_error_is_the_one_shown():
    """Of a long log, people need the sentence that says what went wrong."""
    events = [
        {"event": "starting", "level": "info"},
        {"event": "Task failed", "level": "error", "error_detail": [{"exc_value": "a"}, {"exc_value": "disk full"}]},
        {"event": "bye", "level": "info"},
    ]

    assert runs.last_error(events) == "disk full"
    assert runs.last_error([{"event": "killed", "level": "error"}]) == "killed"
    assert "no error" in runs.last_error([])


def test_unset_parameters_make_no_difference():
    """`--sample` not given and `sample: null` ask for the same run."""
    assert runs._given({"campaign": "c", "sample": None, "whole": False}) == runs._given({"campaign": "c"})


def test_time_left_counts_only_what_was_made_while_watching():
    """What was reused came for free and says nothing about the rest."""
    row = Progress(stage="compose", done=60, wanted=100, reused=50, failed=1)

    words = runs._left(row, since=time.monotonic() - 20, done_then=50)

    assert words == "about 80 s left, 50 reused, 1 failed"


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Services]:
    """Real services on free ports with a build folder of their own."""
    before = dict(os.environ)
    build = tmp_path_factory.mktemp("build")
    s3_port, airflow_port = free_ports(2)
    settings = Settings(
        build_dir=build, s3_port=s3_port, airflow_port=airflow_port, templates_dir=ROOT / "templates", workers=2
    )
    try:
        yield services.up(settings)
    finally:
        services.down(settings)
        os.environ.clear()
        os.environ |= before
        assert [state.pid for state in services.status(settings)] == [None] * 4


@pytest.mark.slow
def test_up_again_starts_nothing(running):
    """`make up` twice is the same as once."""
    again = services.up(running.settings)

    assert again.started == ()
    assert again.passwords == running.passwords


@pytest.mark.slow
@pytest.mark.parametrize(
    ("user", "method", "path", "status"),
    [
        (None, "GET", "/", 401),
        (None, "GET", "/page/app.js", 401),
        (None, "GET", "/api/runs", 401),
        (None, "POST", "/api/runs/c/r/decisions", 401),
        (None, "GET", "/docs", 404),
        (None, "GET", "/openapi.json", 404),
        ("viewer", "GET", "/api/runs", 200),
        ("viewer", "POST", "/api/runs/c/r/decisions", 403),
        ("reviewer", "POST", "/api/runs/c/r/decisions", 409),  # allowed, but there is no such ad
    ],
)
def test_the_review_page_is_behind_airflows_login(running, user, method, path, status):
    """Anonymous sees nothing, a viewer may look, a reviewer may decide, and only about bytes that exist."""
    ad = {"key": f"creative-{'0' * 32}", "sha256": "0" * 64, "seen": 0}
    wish = {"verdict": "approve", "ads": [ad]}
    token = _token(running, user) if user else ""

    assert _status(method, f"{running.airflow_url}/adloom-review{path}", wish, token) == status


@pytest.mark.slow
def test_a_run_survives_the_death_of_the_scheduler_and_the_next_renders_nothing(running):
    """`kill -9` in mid-run costs a task another try; what is finished is never made again."""
    killer = threading.Thread(target=_kill_scheduler_when_rendering, args=(running,))
    killer.start()
    end = runs.run_campaign(running, CONF, Console(quiet=True))
    killer.join()
    first = report.write(end.run, running.settings)
    again = runs.run_campaign(running, CONF, Console(quiet=True))
    second = report.write(again.run, running.settings)

    assert end.problems == ()
    assert (end.state, first.delivered, first.requested) == ("success", 2, 2)
    assert (again.state, second.delivered, second.shots_rendered) == ("success", 2, 0)
    assert [ad.sha256 for ad in second.creatives] == [ad.sha256 for ad in first.creatives]
    facts = json.loads((report.demo_folder(running.settings) / "report.json").read_text())
    folder = report.demo_folder(running.settings)
    for ad in facts["creatives"]:
        assert all((folder / path).stat().st_size for path in (ad["path"], ad["poster"], *ad["captions"]))


@pytest.mark.slow
def test_a_run_left_behind_is_closed_and_begun_anew(running):
    """After a power cut the old run must not block the new one."""
    api = running.api()
    services.down(running.settings, ("scheduler",))
    api.post(f"/dags/{DAG}/dagRuns", {"dag_run_id": "left-behind", "logical_date": None, "conf": CONF})
    time.sleep(1)

    end = runs.run_campaign(services.up(running.settings), CONF, Console(quiet=True))

    assert end.state == "success"
    assert api.get(run_path(DAG, "left-behind"))["state"] == "failed"


def _kill_scheduler_when_rendering(running: Services) -> None:
    """Wait for the first finished take, then kill the scheduler as a power cut would."""
    store = open_store(running.settings.store_url, running.settings.cache_dir)
    deadline = time.monotonic() + 240
    while not any(key.endswith(".json") for key in store.keys("takes/")) and time.monotonic() < deadline:
        time.sleep(0.3)
    scheduler = daemons.find("scheduler", running.settings.build_dir / "services")
    os.kill(scheduler.pid, signal.SIGKILL)


def _token(running: Services, user: str) -> str:
    login = {"username": user, "password": running.passwords[user]}
    return request("POST", f"{running.airflow_url}/auth/token", login)["access_token"]


def _status(method: str, url: str, body: dict, token: str) -> int:
    try:
        request(method, url, body if method == "POST" else None, token)
    except urllib.error.HTTPError as error:
        return error.code
    except ValueError:  # a page, not JSON
        return 200
    return 200
