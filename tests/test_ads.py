"""The rows of finished ads: kept by whoever finished them, so that opening a run reads a few objects."""

from __future__ import annotations

import pytest

from finished_run import RUN, write_run
from renderer.artifacts import Creative
from renderer.dashboard.ads import FORM, ads_of, keep_batch, parts_of
from renderer.run_state import RunState
from renderer.store import Store, open_store


@pytest.fixture
def store(tmp_path) -> Store:
    return open_store(f"file://{tmp_path}/store")


def forget_records(store: Store) -> None:
    """Remove what rows are made from."""
    for path in store.objects.folder.glob("creatives/*.json"):
        path.unlink()


def run_again(first: RunState, run: str) -> RunState:
    """A run of the same variants, planned when all of them were finished."""
    again = RunState(run, first.store)
    again.start(first.context(), ())
    again.write_plan(first.planned(), first.shots(), ())
    again.write_summary(first.summary().model_copy(update={"batch_labels": (), "missing_shots": ()}))
    return again


def test_a_batch_keeps_its_ads_when_its_check_has_ended(tmp_path, store):
    """Nobody who opens the run has to wait for thousands of records."""
    write_run(store, tmp_path / "c", 40, failures=2)
    state = RunState(RUN, store)
    fresh = ads_of(RunState(RUN, store), {})
    for key in store.keys(f"{state.prefix}/ads/"):
        store.objects.folder.joinpath(key).unlink()
    for number in range(len(state.summary().batch_labels)):
        keep_batch(state, number)
    kept = set(store.keys(f"{state.prefix}/ads/"))
    forget_records(store)

    assert 38 == len(fresh)
    assert fresh == ads_of(state, {})
    assert kept < set(parts_of(state))
    assert [f"{state.prefix}/ads/{FORM}/reused.jsonl.gz"] == sorted(set(parts_of(state)) - kept)


def test_ads_that_were_found_finished_have_the_rows_of_the_run_that_made_them(tmp_path, store):
    """A second run of the same variants opens without reading their records again."""
    write_run(store, tmp_path / "c", 12)
    first = RunState(RUN, store)
    made = ads_of(first, {})
    forget_records(store)

    assert made == ads_of(run_again(first, "test/r2"), {})


def test_ads_that_no_earlier_run_has_kept_are_read(tmp_path, store):
    """Also where an earlier run has kept some of them."""
    planned = write_run(store, tmp_path / "c", 12)
    first = RunState(RUN, store)
    again = run_again(first, "test/r2")
    lost = store.objects.folder / f"creatives/{planned[0].creative_key}.json"
    record = Creative.model_validate_json(lost.read_bytes())
    lost.unlink()
    some = ads_of(first, {})  # all but one
    store.put_record(f"creatives/{record.key}.json", record)

    assert 11 == len(some)
    assert {one.creative_key for one in planned} == {ad.key for ad in ads_of(again, {})}
