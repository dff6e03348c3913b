"""What a run really cost: seconds of a GPU as they were measured, once for each take that it rendered."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from campaign_folder import CAMPAIGN, write_campaign
from conftest import ROOT
from finished_run import RUN, take, write_run
from renderer import batches
from renderer.dashboard.desk import Desk
from renderer.engine import Outcome
from renderer.errors import StoreError
from renderer.meter import Meter
from renderer.run_records import Spending
from renderer.run_state import RunState
from renderer.settings import Settings
from renderer.spending import cost_of, noted, over_budget
from renderer.store import open_store
from test_notices import connect, webhook


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(store_url=f"file://{tmp_path}/store", build_dir=tmp_path, workers=1, gpu_hour_usd=2.0)


def planned_run(folder: Path, settings: Settings, more: str = "") -> RunState:
    """A run of the small campaign that is expanded and planned."""
    started = batches.start_run(str(write_campaign(folder, campaign=CAMPAIGN + more)), "r1", None, None, settings)
    batches.plan_run(started["run"], settings)
    return batches.open_run(started["run"], settings)


def rendered(state: RunState, gpu_seconds: float, seconds: float = 1.0) -> list[Outcome]:
    """What the first batch's shots come to: rendered now, or, in no time at all, found."""
    cost = {"seconds_spent": gpu_seconds, "gpu_seconds": gpu_seconds}
    return [Outcome(shot, take(shot.key, **cost), None, False, seconds) for shot in state.batch(0).shots]


def test_takes_that_lie_over_each_other_share_their_workers_time():
    """Three at once for a moment are one GPU for that moment, not three."""
    meter, shares = Meter(on_gpu=True), []

    def hold(seconds: float) -> None:
        with meter.running() as spent:
            time.sleep(seconds)
            shares.append(spent())

    began = time.perf_counter()
    threads = [threading.Thread(target=hold, args=(seconds,)) for seconds in (0.05, 0.1, 0.2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    passed = time.perf_counter() - began

    assert 0.2 <= sum(shares) <= passed
    assert shares == sorted(shares)


def test_what_was_rendered_is_paid_for_and_what_was_found_is_not(tmp_path, settings):
    """An outcome that took no time at all is a take that was in the store."""
    state = planned_run(tmp_path / "c", settings)
    fresh = list(noted(rendered(state, 90.0), 0, state))
    spent = dict(state.spent())
    list(noted(rendered(state, 70.0, seconds=0.0), 0, state))

    assert spent == {outcome.item.key: 90.0 for outcome in fresh}
    assert spent == state.spent()


def test_what_a_killed_try_has_spent_stays_spent(tmp_path, settings):
    """A batch that breaks off has written what its takes cost; the next try adds to it."""
    state = planned_run(tmp_path / "c", settings)
    first, *others = rendered(state, 90.0)

    def breaks_off():
        yield first
        raise StoreError("the server is away. Try again.")

    with pytest.raises(StoreError):
        list(noted(breaks_off(), 0, state))
    before = dict(state.spent())
    list(noted(others, 0, state))

    assert {first.item.key: 90.0} == before
    assert 90.0 * (1 + len(others)) == sum(state.spent().values())


def test_a_take_that_two_batches_want_is_paid_for_once(tmp_path, settings):
    """Whoever comes first makes it."""
    state = planned_run(tmp_path / "c", settings)
    for number in (0, 1):
        state.write_spending(number, Spending(gpu_seconds={"shot-a": 30.0, f"shot-{number}": 10.0}))

    assert 50.0 == sum(state.spent().values())


def test_the_price_is_that_of_the_plan(tmp_path, settings):
    """A price that changes afterwards does not change what was spent; what is left is estimated."""
    state = planned_run(tmp_path / "c", settings)
    first, *others = rendered(state, 1800.0)
    list(noted([first], 0, state))
    estimates = {one.item.key: 0.25 for one in (first, *others)}
    missing = len(state.summary().missing_shots)
    cost = cost_of(state, [(first.item.key, 1800.0)] * 3, estimates, 99.0, closed=False)
    closed = cost_of(state, [(first.item.key, None)] * 3, estimates, 99.0, closed=True)

    assert (2.0, 0.5, 1.0) == (cost.gpu_hour_usd, cost.gpu_hours_spent, cost.usd_spent)
    assert (1.0, 2.0, True) == (cost.gpu_hours_saved, cost.usd_saved, cost.saved_measured)
    assert len(others) * 0.25 == cost.gpu_hours_left > 0
    assert missing >= len(others)
    assert (0.0, False) == (closed.gpu_hours_left, closed.saved_measured)


def test_a_budget_is_judged_by_what_was_spent_and_told_once(tmp_path, settings):
    """The plan was within it, the takes were slower: a sentence with both figures, for people, one time."""
    state = planned_run(tmp_path / "c", settings, "budget: {gpu_hours: 0.01}\n")
    within = over_budget(state)
    list(noted(rendered(state, 30.0), 0, state))
    told = [batches.tell_over_budget(state.run, settings) for _ in range(2)]

    assert "" == within
    assert "GPU hours are spent, measured, and the budget allows 0.01" in told[0]
    assert "" == told[1]


def test_people_are_told_before_the_next_stage_begins(tmp_path, settings, monkeypatch, airflow_db):
    """By the task that comes after rendering, wherever the takes were rendered."""
    monkeypatch.syspath_prepend(str(ROOT / "dags"))
    from airflow.sdk import DAG
    from campaign_flow import stage

    state = planned_run(tmp_path / "xmas", settings, "budget: {gpu_hours: 0.01}\nnotify: [webhook]\n")
    list(noted(rendered(state, 30.0), 0, state))
    for planned in state.batch(0).variants:
        state.store.put_bytes(f"creatives/{planned.creative_key}.json", b"{}")  # nothing is left to compose
    monkeypatch.setenv("ADLOOM_TEMPLATES_DIR", str(tmp_path))
    monkeypatch.setenv("ADLOOM_STORE_URL", settings.store_url)
    run = SimpleNamespace(dag_id="campaign_test", run_id="manual__1")
    with DAG("over_budget"):
        work = stage("compose").function
    batch = {"run": state.run, "batch": 0, "label": "all"}
    with webhook() as (url, posts):
        connect(monkeypatch, "adloom_webhook", conn_type="http", host=url)
        work(batch, dag_run=run, params={"campaign": "xmas"})

    assert ["budget"] == [body["event"] for _, body in posts]
    assert "are spent, measured" in posts[0][1]["text"]


def test_the_dashboard_says_what_was_measured(tmp_path, settings):
    """Takes that this run rendered are spent; every further ad that shows one saves as much again."""
    store = open_store(settings.store_url)
    planned = write_run(store, tmp_path / "c", 12)
    state = RunState(RUN, store)
    shown = [key for one in planned for key in one.shots]
    for key in set(shown):
        store.put_record(f"takes/{key}.json", take(key, seconds_spent=36.0, gpu_seconds=36.0))
    state.write_spending(0, Spending(gpu_seconds=dict.fromkeys(shown, 36.0)))
    cost = Desk(settings, store).overview(RUN).cost

    assert 0.01 * len(set(shown)) == pytest.approx(cost.gpu_hours_spent)
    assert 0.01 * (len(shown) - len(set(shown))) == pytest.approx(cost.gpu_hours_saved)
    assert cost.saved_measured
