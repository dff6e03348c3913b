"""A DAG per campaign: its schedule as time passes, and what a broken campaign does to the others."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pendulum
import pytest
import time_machine

from campaign_folder import CAMPAIGN, write_campaign

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "pandas", "skia", "av", "cv2", "moviepy", "boto3", "onnxruntime", "ray")
TONE = "logo: logo.svg, tone: warm | plain"
SCHEDULED = """description: Ads before Christmas
owner: marketing
tags: [retail]
schedule: {cron: "0 6 * * MON", timezone: Europe/Berlin}
flight: {start: 2026-11-01, end: 2026-12-24}
"""


def bag_of(templates: Path, monkeypatch) -> Any:
    """Everything that Airflow reads with these campaigns."""
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("ADLOOM_TEMPLATES_DIR", str(templates))
    return DagBag(str(ROOT / "dags"))


@pytest.fixture
def templates(tmp_path, airflow_db) -> Path:
    """Two campaigns, one of them with a schedule."""
    write_campaign(tmp_path / "plain", campaign=CAMPAIGN.replace("id: test", "id: plain"))
    write_campaign(
        tmp_path / "xmas", campaign=CAMPAIGN.replace("id: test", "id: xmas").replace("logo: logo.svg", TONE) + SCHEDULED
    )
    return tmp_path


def test_each_campaign_has_a_dag_that_tells_about_it(templates, monkeypatch):
    """Id, owner, tags and the page come from the campaign; without a schedule it waits for a hand."""
    bag = bag_of(templates, monkeypatch)
    xmas, plain = bag.dags["campaign_xmas"], bag.dags["campaign_plain"]

    assert {} == bag.import_errors
    assert ("marketing", {"adloom", "retail"}, "Ads before Christmas") == (xmas.owner, xmas.tags, xmas.description)
    assert "`0 6 * * MON` in Europe/Berlin" in xmas.doc_md
    assert "| tone | warm \\| plain |" in xmas.doc_md
    assert "tone" not in plain.doc_md
    assert plain.task_ids == xmas.task_ids == bag.dags["render_campaign"].task_ids


def test_a_running_task_needs_no_other_campaign_and_survives_an_edit_of_its_own(templates, monkeypatch):
    """Every task reads the file: it finds its DAG at once, also while somebody saves a half-written campaign."""
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "campaign_xmas")
    path = templates / "xmas" / "campaign.yaml"
    path.write_text(path.read_text() + "scenes: [")
    bag = bag_of(templates, monkeypatch)

    assert {"campaign_xmas"} == {name for name in bag.dags if name.startswith("campaign_")}
    assert "xmas" == bag.dags["campaign_xmas"].params["campaign"]
    assert bag.dags["campaign_xmas"].task_ids == bag.dags["render_campaign"].task_ids


def assets_of(dag: Any) -> set[str]:
    """The names of the assets that begin a run of this DAG."""
    condition = dag.timetable.asset_condition
    return {asset.name for asset in condition.objects} if condition else set()


@pytest.mark.parametrize(
    ("day", "flies"),
    [("2026-10-31T12:00+00:00", False), ("2026-11-01T12:00+00:00", True), ("2026-12-25T12:00+00:00", False)],
)
def test_changed_catalogs_begin_runs_inside_the_flight_only(templates, monkeypatch, day, flies):
    """The feed and the locales of a campaign are assets of its DAG while it flies; the clock ends by itself."""
    with time_machine.travel(datetime.fromisoformat(day), tick=False):
        bag = bag_of(templates, monkeypatch)

    assert assets_of(bag.dags["campaign_plain"]) == {"product feed plain/products.csv", "locales of plain"}
    assert assets_of(bag.dags["campaign_xmas"]) == (
        {"product feed xmas/products.csv", "locales of xmas"} if flies else set()
    )
    assert bag.dags["campaign_xmas"].timetable.can_be_scheduled


def test_the_scheduler_reads_clock_and_catalogs_from_its_database(templates, monkeypatch):
    """What Airflow stores of a DAG still knows the flight's next slot and both assets."""
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.timetables.base import TimeRestriction

    with time_machine.travel(datetime(2026, 12, 20, tzinfo=UTC), tick=False):
        dag = bag_of(templates, monkeypatch).dags["campaign_xmas"]
        stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        info = stored.timetable.next_dagrun_info(
            last_automated_data_interval=None, restriction=TimeRestriction(None, None, catchup=False)
        )

    assert info.run_after.isoformat() == "2026-12-21T05:00:00+00:00"
    assert {key.name for key, _ in stored.timetable.asset_condition.iter_assets()} == {
        "product feed xmas/products.csv",
        "locales of xmas",
    }


def test_a_broken_campaign_is_an_import_error_and_hides_nobody(templates, monkeypatch):
    """In Airflow's database: every good campaign is active, and one error names file, line and cure."""
    from airflow.dag_processing.dagbag import sync_bag_to_db
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.errors import ParseImportError
    from airflow.utils.session import create_session
    from sqlalchemy import select

    broken = templates / "xmas" / "campaign.yaml"
    broken.write_text(broken.read_text().replace("0 6 * * MON", "0 25 * * MON"))
    bag = bag_of(templates, monkeypatch)
    with create_session() as session:
        session.merge(DagBundleModel(name="dags-folder"))
    sync_bag_to_db(bag, "dags-folder", None)

    with create_session() as session:
        errors = list(session.scalars(select(ParseImportError)))
        active = set(session.scalars(select(DagModel.dag_id).where(~DagModel.is_stale, ~DagModel.has_import_errors)))
        for error in errors:
            session.delete(error)

    line = broken.read_text().splitlines().index('schedule: {cron: "0 25 * * MON", timezone: Europe/Berlin}') + 1
    assert ["broken_campaigns.py"] == [Path(error.filename).name for error in errors]
    assert f"xmas/campaign.yaml:{line}: schedule.cron: '0 25 * * MON' does not fit. A field is" in errors[0].stacktrace
    assert {"campaign_plain", "render_campaign"} <= active
    assert "campaign_xmas" not in bag.dags


def slots(moments: list[str], *, last: str | None = None, cron: str = "0 6 * * MON") -> list[str | None]:
    """The next run of the Christmas campaign as the scheduler would see it at each moment."""
    from airflow.timetables.base import DataInterval, TimeRestriction
    from flight import FlightTimetable

    stored = FlightTimetable(cron, "Europe/Berlin", "2026-11-01", "2026-12-24").serialize()
    timetable = FlightTimetable.deserialize(stored)
    before = pendulum.parse(last) if last else None
    found: list[str | None] = []
    for moment in moments:
        with time_machine.travel(datetime.fromisoformat(moment).astimezone(UTC), tick=False):
            info = timetable.next_dagrun_info(
                last_automated_data_interval=DataInterval(before, before) if before else None,
                restriction=TimeRestriction(earliest=None, latest=None, catchup=False),
            )
        found.append(info.run_after.in_timezone("Europe/Berlin").isoformat() if info else None)
    return found


def test_runs_begin_and_end_with_the_flight():
    """Before it the first slot inside is next; on its last Monday that day; then never again."""
    assert slots(["2026-09-01T00:00+00:00", "2026-10-26T05:30+00:00", "2026-12-20T00:00+00:00"]) == [
        "2026-11-02T06:00:00+01:00",
        "2026-11-02T06:00:00+01:00",
        "2026-12-21T06:00:00+01:00",
    ]
    assert slots(["2026-12-21T07:00+00:00", "2027-06-01T00:00+00:00"], last="2026-12-21T05:00:00+00:00") == [None] * 2


def test_unpausing_makes_up_for_nothing():
    """Airflow's own timetable would start the slot that was missed last; here it is over after an hour."""
    assert slots(["2026-11-18T12:00+00:00", "2026-11-16T05:30+00:00"]) == [
        "2026-11-23T06:00:00+01:00",
        "2026-11-16T06:00:00+01:00",
    ]


def test_frequent_slots_are_over_sooner():
    """Un-pausing an hourly campaign at a quarter past begins nothing, nor all the hours that were missed."""
    moments = ["2026-11-18T12:15+00:00", "2026-11-18T12:05+00:00"]

    assert slots(moments, cron="0 * * * *") == ["2026-11-18T14:00:00+01:00", "2026-11-18T13:00:00+01:00"]
    assert slots(["2026-11-18T12:05+00:00"], cron="0 * * * *", last="2026-11-18T09:00:00+00:00") == [
        "2026-11-18T13:00:00+01:00"
    ]


def test_a_slot_is_taken_once():
    """Right after a run began the next slot is another week's, whatever the clock says about lateness."""
    assert slots(["2026-11-16T05:00:10+00:00"], last="2026-11-16T05:00:00+00:00") == ["2026-11-23T06:00:00+01:00"]


def test_the_wall_clock_counts_when_summer_time_ends():
    """Six in the morning stays six in the morning."""
    from flight import FlightTimetable

    with time_machine.travel(datetime(2026, 10, 24, tzinfo=UTC), tick=False):
        from airflow.timetables.base import TimeRestriction

        none = TimeRestriction(earliest=None, latest=None, catchup=False)
        timetable = FlightTimetable("0 6 * * *", "Europe/Berlin")
        first = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=none)
        second = timetable.next_dagrun_info(last_automated_data_interval=first.data_interval, restriction=none)

    assert [one.run_after.isoformat() for one in (first, second)] == [
        "2026-10-24T04:00:00+00:00",
        "2026-10-25T05:00:00+00:00",
    ]


@pytest.mark.parametrize("module", ["campaigns", "broken_campaigns", "render_campaign", "catalog_watch"])
def test_parsing_imports_nothing_heavy(module):
    """Airflow parses these files every few seconds: reading them must not load a library that renders."""
    code = (
        f"import sys; sys.path[:0] = ['dags', 'dags/plugins']; import {module}; "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )

    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ, capture_output=True, text=True)

    assert ended.stdout.splitlines()[-1:] == ["[]"], ended.stderr
