"""The engine: every item gets exactly one outcome, whatever happens to the others."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

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
