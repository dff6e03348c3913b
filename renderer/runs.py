"""Triggers a run of the DAG, follows it on the terminal, and brings the scheduler back if it dies meanwhile."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from renderer import progress, services
from renderer.errors import ServiceError, StoreError
from renderer.services import Services
from renderer.services.airflow_api import AirflowApi, run_path
from renderer.services.local_airflow import DAG
from renderer.store import Store, open_store

POLL_S = 1.0
OBSERVE_S = 3.0  # listing a large store is not free
MAX_RESTARTS = 3
ENDED = ("success", "failed")
BAR = "{task.description:<9}"


@dataclass(frozen=True)
class RunEnd:
    """How a run ended. `run` is `<campaign>/<run_id>`; `problems` are the failed tasks, each with its last error."""

    run: str
    state: str
    seconds: float
    tasks: dict[str, int]
    problems: tuple[str, ...]


def run_campaign(running: Services, conf: Mapping[str, Any], console: Console) -> RunEnd:
    """Trigger a run, or join the same one if it is under way, and follow it to its end.

    `conf` has the DAG's parameters: `campaign`, and if wanted `sample`, `model`, `tier`, `promote`, `dry_run`.

    Raises:
        ServiceError: Airflow refused the parameters, or cannot be kept running.
    """
    api = running.api()
    run_id = _joinable(api, running, conf) or _trigger(api, conf)
    console.print(f"run {run_id}: {running.airflow_url}/dags/{DAG}/runs/{run_id}", soft_wrap=True)
    return follow(running, str(conf["campaign"]), run_id, console)


def follow(running: Services, campaign: str, run_id: str, console: Console) -> RunEnd:
    """Show a run's progress until it ends; safe to break off, the run goes on.

    Raises:
        ServiceError: Airflow cannot be kept running.
    """
    began = time.monotonic()
    run = f"{campaign}/{run_id}"
    store = open_store(running.settings.store_url, running.settings.cache_dir)
    board = _Board(console)
    with board.bars:
        for state in _states(running, run_id, console):
            board.show(state, run, store)
    api = running.api()
    tasks = list(_tasks(api, run_id))
    counts = Counter(str(task["state"]) for task in tasks)
    problems = tuple(_problem(api, run_id, task) for task in tasks if task["state"] == "failed")
    return RunEnd(run, state, time.monotonic() - began, dict(counts), problems)


def _joinable(api: AirflowApi, running: Services, conf: Mapping[str, Any]) -> str | None:
    """Return an unfinished run that asks for the same; close those that a scheduler left behind when it ended.

    What such a run had made is safe in the store: a new run goes on where it stopped, and at once.
    """
    begin = next((s.started for s in services.status(running.settings) if s.name == "scheduler"), None) or 0.0
    found = api.get(f"/dags/{DAG}/dagRuns", state=["queued", "running"], order_by="-run_after", limit=50)["dag_runs"]
    same = None
    for run in found:
        if datetime.fromisoformat(run["queued_at"] or run["run_after"]).timestamp() < begin:
            api.patch(
                run_path(DAG, run["dag_run_id"]), {"state": "failed", "note": "left behind by an ended scheduler"}
            )
        elif _given(run["conf"]) == _given(conf):
            same = str(run["dag_run_id"])
    return same


def _given(conf: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (conf or {}).items() if value not in (None, False)}


def _trigger(api: AirflowApi, conf: Mapping[str, Any]) -> str:
    run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    api.post(f"/dags/{DAG}/dagRuns", {"dag_run_id": run_id, "logical_date": None, "conf": _given(conf)})
    return run_id


def _states(running: Services, run_id: str, console: Console) -> Iterator[str]:
    """Yield the run's state about once a second until it ends; start again what died."""
    api, restarts = running.api(), 0
    while True:
        dead = [state.name for state in services.status(running.settings) if state.pid is None]
        if dead:
            restarts += 1
            if restarts > MAX_RESTARTS:
                raise ServiceError(f"{', '.join(dead)}: keeps dying. See the logs in build/services.")
            console.print(f"{', '.join(dead)} died; starting again. What was made is safe.")
            services.up(running.settings)
        found = api.get(run_path(DAG, run_id))
        if found is None:
            raise ServiceError(f"run {run_id}: Airflow does not know it. Trigger it anew: adloom run.")
        yield found["state"]
        if found["state"] in ENDED:
            return
        time.sleep(POLL_S)


def _tasks(api: AirflowApi, run_id: str) -> Iterator[dict[str, Any]]:
    offset, total = 0, 1
    while offset < total:
        page = api.get(f"{run_path(DAG, run_id)}/taskInstances", limit=100, offset=offset, order_by="start_date")
        yield from page["task_instances"]
        offset, total = offset + 100, page["total_entries"]


def _problem(api: AirflowApi, run_id: str, task: Mapping[str, Any]) -> str:
    """Return which task failed, on what, and the last error of its log."""
    label = f" ({task['rendered_map_index']})" if task["rendered_map_index"] else ""
    path = f"{run_path(DAG, run_id)}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
    log = api.get(path, map_index=task["map_index"], full_content=True) or {"content": []}
    return f"{task['task_id']}{label}: {last_error(log['content'])}"


def last_error(events: list[dict[str, Any]]) -> str:
    """Return the message of the last error in a task's log, as Airflow's API returns it."""
    for event in reversed(events):
        details = event.get("error_detail")
        if details:
            return str(details[-1]["exc_value"])
        if event.get("level") in ("error", "critical"):
            return str(event["event"])
    return "no error in its log. See Airflow"


class _Board:
    """One bar per stage that has work; counts come from the store, so they are true whoever made what."""

    def __init__(self, console: Console) -> None:
        remaining = TextColumn("{task.fields[left]}")
        columns = (TextColumn(BAR), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), remaining)
        self.bars = Progress(*columns, console=console, disable=not console.is_terminal)
        self.console = console
        self.rows: dict[str, TaskID] = {}
        self.first: dict[str, tuple[float, int]] = {}  # when a stage was first seen, and how much was done then
        self.due = 0.0
        self.printed = ""

    def show(self, state: str, run: str, store: Store) -> None:
        """Look into the store from time to time and move the bars."""
        if time.monotonic() < self.due and state not in ENDED:
            return
        try:
            seen = progress.observe(run, store)
        except StoreError:  # it is being started again
            return
        for row in seen:
            self._move(row)
        if not self.console.is_terminal:
            self._print(state, seen)
        self.due = time.monotonic() + OBSERVE_S

    def _move(self, row: progress.Progress) -> None:
        if row.stage not in self.rows:
            self.rows[row.stage] = self.bars.add_task(row.stage, total=row.wanted, left="")
            self.first[row.stage] = (time.monotonic(), row.done)
        left = _left(row, *self.first[row.stage])
        self.bars.update(self.rows[row.stage], total=row.wanted, completed=row.done, left=left)

    def _print(self, state: str, seen: list[progress.Progress]) -> None:
        text = ", ".join(f"{row.stage} {row.done}/{row.wanted}" for row in seen if row.wanted)
        if text and text != self.printed:
            self.console.print(f"{state}: {text}", soft_wrap=True)
        self.printed = text


def _left(row: progress.Progress, since: float, done_then: int) -> str:
    """Return in words how much longer, what was reused, and what failed."""
    words = []
    made, missing = row.done - done_then, row.wanted - row.done
    if made > 0 and missing > 0:
        words.append(f"about {missing * (time.monotonic() - since) / made:.0f} s left")
    words += [f"{count} {what}" for count, what in ((row.reused, "reused"), (row.failed, "failed")) if count]
    return ", ".join(words)
