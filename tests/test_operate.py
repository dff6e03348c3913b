"""A day in Airflow: a broken campaign, an answer that comes too fast, a price that changes with no hand on anything."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from campaign_folder import CAMPAIGN, FEED, write_campaign
from conftest import free_ports
from renderer import batches, services
from renderer.live import live_rows
from renderer.run_records import RunReport
from renderer.services import Services
from renderer.services.airflow_api import run_path
from renderer.settings import Settings
from renderer.store import open_store
from test_end_to_end import SMALL_FORMAT
from test_notices import webhook

pytestmark = pytest.mark.slow
DAG = "campaign_shop"
SHOP = (
    CAMPAIGN.replace("id: test", "id: shop")
    .replace("formats: [story_9x16, square_1x1]", "formats: [tiny_9x16]")
    .replace("locales: [en-US, de-DE, ja-JP]", "locales: [en-US]")
    .replace("duration_s: 2", "duration_s: 1")
    + "approval: {cost_usd: 0}\nnotify: [webhook]\n"
)
CUP = "shop/cup/en-US/tiny_9x16"
PATIENCE_S = 420.0


@pytest.fixture(scope="module")
def day(tmp_path_factory) -> Iterator[tuple[Services, list[Any]]]:
    """Real services with one campaign and a broken one; and everything that people are told."""
    before = dict(os.environ)
    base = tmp_path_factory.mktemp("day")
    folder = write_campaign(base / "templates" / "shop", campaign=SHOP)
    (folder / "formats.yaml").write_text(SMALL_FORMAT, encoding="utf-8")
    write_campaign(
        base / "templates" / "zbroken", campaign=SHOP.replace("id: shop", "id: z") + "schedule: {cron: soon}\n"
    )
    s3_port, airflow_port = free_ports(2)
    settings = Settings(
        build_dir=base / "build", templates_dir=base / "templates", s3_port=s3_port, airflow_port=airflow_port,
        workers=2, watch_cron="* * * * *",
    )  # fmt: skip
    try:
        with webhook() as (url, told):
            running = services.up(settings)
            facts = {"connection_id": "adloom_webhook", "conn_type": "http", "host": url}
            running.api().post("/connections", facts)
            yield running, told
    finally:
        services.down(settings)
        os.environ.clear()
        os.environ |= before


def wait(for_what: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Ask again and again until there is an answer."""
    deadline = time.monotonic() + patience_s
    while not (found := for_what()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)
    return found


def ended(running: Services, run_id: str) -> str:
    """Wait for the end of a run, and return how it ended."""
    states = ("success", "failed")
    return wait(lambda: (s := running.api().get(run_path(DAG, run_id))["state"]) in states and s)


def answer(running: Services, run_id: str, option: str) -> None:
    """Answer the gate in the very moment when it parks."""
    task = f"{run_path(DAG, run_id)}/taskInstances/approve"
    wait(lambda: running.api().get(task)["state"] == "awaiting_input")
    running.api().patch(f"{task}/-1/hitlDetails", {"chosen_options": [option], "params_input": {}})


def newest(running: Services) -> dict[str, Any]:
    return running.api().get(f"/dags/{DAG}/dagRuns", order_by="-run_after", limit=1)["dag_runs"][0]


def after(running: Services, run_id: str) -> str:
    """Wait for a run that nobody started by hand."""
    found = wait(lambda: (run := newest(running))["dag_run_id"] != run_id and run)
    assert found["run_type"] == "asset_triggered"
    return str(found["dag_run_id"])


def report_of(running: Services, run_id: str) -> RunReport:
    name = "".join(c if c.isalnum() or c in "._-" else "-" for c in run_id)
    keys = open_store(running.settings.store_url, running.settings.cache_dir).keys("runs/shop/")
    runs = {key.split("/")[2] for key in keys}
    (run,) = (run for run in runs if run.replace("-", "") == name.replace("-", ""))
    report = batches.open_run(f"shop/{run}", running.settings).report()
    assert report is not None
    return report


def on_show(running: Services) -> dict[tuple[str, str], str]:
    store = open_store(running.settings.store_url, running.settings.cache_dir)
    return {(row.variant, row.sale_price or row.price): row.status for row in live_rows("shop", store)}


def test_a_day(day):
    """Told as one story, since each step needs the one before."""
    running, told = day
    api, feed = running.api(), running.settings.templates_dir / "shop" / "products.csv"

    errors = wait(lambda: api.get("/importErrors")["import_errors"])
    assert ["broken_campaigns.py"] == [error["filename"].rpartition("/")[2] for error in errors]
    assert "zbroken/campaign.yaml:" in errors[0]["stack_trace"]
    wait(lambda: api.get(f"/dags/{DAG}"))

    for dag in (DAG, "catalog_watch"):
        api.patch(f"/dags/{dag}", {"is_paused": False})
    first = api.post(f"/dags/{DAG}/dagRuns", {"logical_date": None, "conf": {}})["dag_run_id"]
    answer(running, first, "Approve")
    assert "success" == ended(running, first)
    assert [body["event"] for _, body in told] == ["approval"]
    assert set(on_show(running).values()) == {"delivered"}
    wait(lambda: list(open_store(running.settings.store_url).keys("watch/")))  # the watcher has seen the feed

    feed.write_text(FEED.replace("8.00 USD", "7.00 USD"), encoding="utf-8")
    second = after(running, first)
    assert "success" == ended(running, second)
    report = report_of(running, second)
    assert (report.shots_rendered, report.delivered) == (0, 2)
    assert on_show(running) == {
        (CUP, "$8"): "superseded",
        (CUP, "$7"): "delivered",
        ("shop/lamp/en-US/tiny_9x16", "$50"): "delivered",
    }

    feed.write_text(feed.read_text() + "vase,Aurora Vase,lamp.png,20.00 USD,,Aurora,Holds flowers\n", encoding="utf-8")
    third = after(running, second)
    answer(running, third, "Reject")
    assert "success" == ended(running, third)
    tasks = api.get(f"{run_path(DAG, third)}/taskInstances", limit=100)["task_instances"]
    states = {task["task_id"]: task["state"] for task in tasks}
    assert {states[name] for name in ("render.generate", "review", "publish")} == {"skipped"}
    assert not any("vase" in variant for variant, _ in on_show(running))
    assert [body["event"] for _, body in told] == ["approval", "approval"]
