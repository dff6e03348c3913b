"""The engine: every item gets exactly one outcome, whatever happens to the others."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial
from itertools import chain, repeat
from pathlib import Path

import pytest

import work_at_once
from renderer.engine import InlineEngine
from renderer.errors import BackendError
from renderer.local_engine import LocalEngine


def build() -> str:
    return "tool"


def broken_build() -> str:
    raise BackendError("voice 'x': not installed. Run pip install 'adloom[speech]'.")


def double(tool: str, item: int) -> int:
    if item == 3:
        raise BackendError("3: cannot be doubled. Use 4.")
    if item == 5:
        raise ValueError("strange")
    return 2 * item


def die_over_seven(folder: Path, tool: str, item: int) -> int:
    with (folder / str(item)).open("a") as log:
        log.write("x")
    if item == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def die_once(folder: Path, tool: str, item: int) -> int:
    marker = folder / f"tried-{item}"
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def nap(tool: str, item: float) -> int:
    time.sleep(item)
    return os.getpid()


@pytest.mark.parametrize("engine", [InlineEngine(), LocalEngine(2)], ids=["inline", "local"])
def test_one_failure_does_not_stop_the_rest(engine):
    """Each item has one outcome; failures carry words, and only unexpected ones their type."""
    outcomes = {outcome.item: outcome for outcome in engine.map(double, range(8), build)}

    assert {0: 0, 1: 2, 2: 4, 4: 8, 6: 12, 7: 14} == {i: o.value for i, o in outcomes.items() if o.error is None}
    assert outcomes[3].error == "3: cannot be doubled. Use 4."
    assert outcomes[5].error == "ValueError: strange"


@pytest.mark.parametrize("engine", [InlineEngine(), LocalEngine(2)], ids=["inline", "local"])
def test_a_tool_that_cannot_be_built_fails_every_item_with_its_reason(engine):
    """Nothing is lost and nothing hangs when a voice or a model is not installed."""
    outcomes = list(engine.map(double, range(3), broken_build))

    assert [0, 1, 2] == sorted(outcome.item for outcome in outcomes)
    assert {"voice 'x': not installed. Run pip install 'adloom[speech]'."} == {outcome.error for outcome in outcomes}


def test_an_item_that_kills_its_worker_is_given_up_after_two_tries(tmp_path):
    """A poison item costs two workers, never the batch."""
    outcomes = {o.item: o for o in LocalEngine(2).map(partial(die_over_seven, tmp_path), range(10), build)}

    assert set(range(10)) == set(outcomes)
    assert [7] == [item for item, outcome in outcomes.items() if outcome.error]
    assert "2 workers died over it, the last one with: signal 9." in (outcomes[7].error or "")
    assert "xx" == (tmp_path / "7").read_text()


def test_a_worker_that_is_killed_once_costs_only_a_try(tmp_path):
    """The item of a killed worker is done by the next one."""
    outcomes = list(LocalEngine(2).map(partial(die_once, tmp_path), [1, 2], build))

    assert [1, 2] == sorted(outcome.value for outcome in outcomes)


def test_workers_run_side_by_side_and_end_with_the_map():
    """Two naps on two workers overlap, and no process stays behind."""
    started = time.monotonic()
    outcomes = list(LocalEngine(2).map(nap, [1.0, 1.0, 0.0, 0.0], build))
    pids = {outcome.value for outcome in outcomes}

    assert 2 == len(pids)
    assert time.monotonic() - started < 10
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_no_items_start_no_worker():
    """An empty batch is free."""
    assert [] == list(LocalEngine(2).map(double, [], broken_build))


def hang_once(folder: Path, tool: str, item: int) -> int:
    marker = folder / f"tried-{item}"
    if not marker.exists():
        marker.touch()
        time.sleep(600)
    return item


def test_a_worker_that_hangs_is_ended_and_its_item_tried_again(tmp_path):
    """A stall costs a try, not the night."""
    engine = LocalEngine(1, stalled_after_s=1.0)
    outcomes = list(engine.map(partial(hang_once, tmp_path), [1, 2], build))

    assert [1, 2] == sorted(outcome.value for outcome in outcomes)


def test_a_worker_may_be_at_several_items_at_once():
    """The second begins before the first has ended, in the same process; each would wait for ever alone."""
    outcomes = list(LocalEngine(1).map(work_at_once.meet, range(6), partial(threading.Barrier, 2), at_once=2))

    assert list(range(6)) == sorted(outcome.item for outcome in outcomes)
    assert {None} == {outcome.error for outcome in outcomes}
    assert 1 == len({outcome.value for outcome in outcomes})


def test_one_at_a_time_is_done_in_the_main_thread():
    """Libraries that mind threads meet none unless asked."""
    outcomes = list(LocalEngine(1).map(in_main_thread, range(3), build))

    assert [(0, True), (1, True), (2, True)] == [(outcome.item, outcome.value) for outcome in outcomes]


def in_main_thread(tool: str, item: int) -> bool:
    return threading.current_thread() is threading.main_thread() and threading.active_count() == 1


def test_a_worker_says_itself_how_many_items_it_takes(tmp_path):
    """What this process does not know, a GPU say, is asked where the tool is."""
    seats = partial(work_at_once.seats_noted, tmp_path)
    outcomes = list(LocalEngine(1).map(work_at_once.meet, range(2), partial(threading.Barrier, 2), at_once=seats))

    assert {None} == {outcome.error for outcome in outcomes}
    assert [f"asked-{outcomes[0].value}"] == [note.name for note in tmp_path.iterdir()]


def test_few_items_are_spread_over_workers_before_any_has_two(tmp_path):
    """A worker that starts sooner leaves one for each that still starts."""
    work = partial(work_at_once.meet_other_process, tmp_path)
    outcomes = list(LocalEngine(2).map(work, range(2), build, at_once=3))

    assert {None} == {outcome.error for outcome in outcomes}
    assert 2 == len({outcome.value for outcome in outcomes})


def test_only_the_item_at_fault_is_given_up(tmp_path):
    """Of three in a process that dies each costs a try, and the second try of each is alone."""
    tool = partial(work_at_once.Room, tmp_path, 3)
    outcomes = list(LocalEngine(1).map(work_at_once.die_amid_others, range(8), tool, at_once=3))
    errors = {outcome.item: outcome.error for outcome in outcomes}

    assert 8 == len(outcomes)
    assert "int: 2 workers died over it, the last one with: signal 9." in (errors[1] or "")
    assert work_at_once.innocents_are_tried_alone(tmp_path, errors)


def test_a_hanging_item_costs_those_beside_it_nothing(tmp_path):
    """They are done, and then the process that says no more is ended."""
    tool = partial(work_at_once.Room, tmp_path, 2)
    engine = LocalEngine(1, stalled_after_s=4.0)
    outcomes = list(engine.map(work_at_once.hang_once_beside, range(5), tool, at_once=2))

    assert [1, 2, 3, 4, 0] == [outcome.value for outcome in outcomes]
    assert {"0-1", "0-2", "1-1", "2-1", "3-1", "4-1"} == set(work_at_once.company(tmp_path))


def test_workers_are_kept_for_the_same_work_and_end_with_the_engine():
    """A model is loaded once for all rounds; another job ends its workers first."""
    with LocalEngine(1) as engine:
        first, second = (next(iter(engine.map(work_at_once.pid_of, [0.0], build))).value for _ in range(2))
        other = next(iter(engine.map(nap, [0.0], build))).value
        assert not Path(f"/proc/{first}").exists()
        assert Path(f"/proc/{other}").exists()

    assert first == second != other
    assert not Path(f"/proc/{other}").exists()


def test_kept_workers_know_nothing_of_a_map_that_was_closed_early():
    """Who was busy is ended, and no answer of before turns up among those of now."""
    with LocalEngine(2) as engine:
        early = engine.map(nap, chain([0.0], repeat(30.0)), build)
        next(early)
        early.close()
        started = time.monotonic()
        outcomes = list(engine.map(nap, [0.1, 0.2, 0.3], build))

    assert [0.1, 0.2, 0.3] == sorted(outcome.item for outcome in outcomes)
    assert {None} == {outcome.error for outcome in outcomes}
    assert time.monotonic() - started < 20


def test_a_kept_worker_that_died_meanwhile_is_replaced():
    """Its end is nobody's fault, and costs at most a try."""
    with LocalEngine(1) as engine:
        first = next(iter(engine.map(work_at_once.pid_of, [0.0], build))).value
        os.kill(first, signal.SIGKILL)
        again = list(engine.map(work_at_once.pid_of, [0.0, 0.1], build))

    assert {None} == {outcome.error for outcome in again}
    assert first not in {outcome.value for outcome in again}
