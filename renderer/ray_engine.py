"""Runs one function over many items in actors of a Ray cluster: on the GPUs of many machines, or on this one.

The promises are those of `LocalEngine`: one outcome per item, two tries over a worker that dies, the tool built once
per worker. Ray lends processes and GPUs and carries calls; which item is tried again is decided here (docs/adr/0013).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import ray
from ray import cloudpickle
from ray.exceptions import RayError, RayTaskError

from renderer.engine import (
    LOOK_EVERY_S,
    MAX_TRIES,
    STALLED_AFTER_S,
    THREAD_VARIABLES,
    WAITING,
    Outcome,
    item_name,
)
from renderer.errors import WorkerLost
from renderer.ray_cluster import connect, places
from renderer.ray_worker import RemoteWorker, Report
from renderer.worker import Reply, describe

T = TypeVar("T")
R = TypeVar("R")
Tool = TypeVar("Tool")

MAX_ITEMS_PER_WORKER = 200
MOST_HELD = 2  # one that runs and one that waits beside it
QUICK_S = 1.0  # a second item waits at a worker only if items are shorter: it saves a call of milliseconds

log = logging.getLogger(__name__)


class RayEngine:
    """Worker actors on a Ray cluster, one per GPU, or per CPU where there is no GPU."""

    def __init__(
        self,
        address: str = "",
        workers: int | None = None,
        gpus_per_worker: float | None = None,
        threads: int | None = None,
        max_items_per_worker: int = MAX_ITEMS_PER_WORKER,
        max_memory_bytes: int | None = None,
        stalled_after_s: float = STALLED_AFTER_S,
    ) -> None:
        """Remember how to work; the first item of a map connects.

        Args:
            address: `host:6379` or `auto`; empty: RAY_ADDRESS, else a Ray of its own on this machine.
            workers: at most so many; None: as many as fit.
            gpus_per_worker: 0.5 lets two share a GPU; None: one each if the cluster has GPUs, else none.
            threads: CPU threads of a worker; None: what the cluster has, shared out.
            max_items_per_worker: then a fresh process takes its place, before leaks add up.
            max_memory_bytes: resident memory after which a worker is replaced; None: no limit.
            stalled_after_s: a worker without an answer for so long is ended.
        """
        self.address = address
        self.workers = workers
        self.gpus_per_worker = gpus_per_worker
        self.threads = threads
        self.max_items_per_worker = max_items_per_worker
        self.max_memory_bytes = max_memory_bytes
        self.stalled_after_s = stalled_after_s
        self.connected_here = False

    def map(
        self, work: Callable[[Tool, T], R], items: Iterable[T], setup: Callable[[], Tool]
    ) -> Iterator[Outcome[T, R]]:
        """See `Engine.map`. Items are pulled as workers become free; closing the iterator ends the workers.

        Raises:
            ServiceError: the cluster cannot be reached, or has nothing to lend.
            BackendError: GPUs are wanted and the cluster has none.
        """
        supply = _Supply(items)
        if not supply.has(1):
            return
        self.connected_here |= connect(self.address, (self.workers or 1) * (self.threads or 1))
        crew = _Crew(self, supply, work, setup)
        try:
            yield from crew.outcomes()
        finally:
            crew.end()

    def close(self) -> None:
        """Leave the cluster, and end a Ray of our own; a connection that was there before stays."""
        if self.connected_here:
            ray.shutdown()
            self.connected_here = False


class _Held(NamedTuple):
    """An item, and which try this is; one that was at a worker that died is tried alone."""

    item: Any
    tries: int
    alone: bool = False


class _Supply:
    """Items that wait. Those given back come first; others are pulled only when asked for."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = iter(items)
        self.waiting: deque[_Held] = deque()

    def has(self, count: int) -> bool:
        while len(self.waiting) < count:
            try:
                self.waiting.append(_Held(next(self.items), 1))
            except StopIteration:
                return False
        return True

    def take(self) -> _Held:
        return self.waiting.popleft()

    def give_back(self, held: _Held) -> None:
        self.waiting.appendleft(held)


@dataclass(eq=False)
class _Worker:
    """One actor as seen from here. Calls are answered in order: the first runs, the others wait at the actor."""

    actor: Any
    calls: deque[tuple[Any, _Held | None]]  # reference of the answer, and its item; None: the tool is being built
    since: float = field(default_factory=time.monotonic)  # when the first call began, or later
    given: int = 0
    ready: bool = False
    quick: bool = False
    spent: bool = False

    def give(self, held: _Held) -> None:
        if not self.calls:
            self.since = time.monotonic()
        self.calls.append((self.actor.attempt.remote(held.item), held))
        self.given += 1
        self.quick &= not held.alone

    def takes(self, held: _Held, place: int) -> bool:
        """Whether an item may be given that would be the first or the second there."""
        free = self.ready and not self.spent and len(self.calls) < place
        return free and (place == 1 or (self.quick and not held.alone))

    def stalled(self, after_s: float) -> bool:
        patience_s = after_s if self.ready else max(after_s, STALLED_AFTER_S)  # a cluster may have to find a machine
        if not self.calls or time.monotonic() - self.since <= patience_s:
            return False
        return not ray.wait([self.calls[0][0]], timeout=0)[0]  # its answer may be here, and nobody has looked


class _Crew:
    """The workers of one map."""

    def __init__(self, engine: RayEngine, supply: _Supply, work: Callable[..., Any], setup: Callable[..., Any]) -> None:
        self.engine = engine
        self.supply = supply
        self.job = cloudpickle.dumps((work, setup))  # type: ignore[no-untyped-call]
        self.places = places(engine.workers, engine.gpus_per_worker, engine.threads)
        self.workers: list[_Worker] = []
        self.starts_lost = 0

    def outcomes(self) -> Iterator[Outcome[Any, Any]]:
        """Yield outcomes until nothing waits and nothing is held."""
        while self._fill():
            first_calls = {worker.calls[0][0]: worker for worker in self.workers if worker.calls}
            timeout = min(LOOK_EVERY_S, self.engine.stalled_after_s)
            for call in ray.wait(list(first_calls), num_returns=1, timeout=timeout)[0]:
                yield from self._turn(first_calls[call])
            for worker in [worker for worker in self.workers if worker.stalled(self.engine.stalled_after_s)]:
                yield from self._lost(worker, f"no answer in {self.engine.stalled_after_s:g} s")

    def end(self) -> None:
        for worker in list(self.workers):
            self._dismiss(worker)

    def _fill(self) -> bool:
        """Replace spent workers, start those that are needed, hand out items; return whether to wait for answers."""
        for worker in [worker for worker in self.workers if worker.spent and not worker.calls]:
            self._dismiss(worker)
        while len(self.workers) < self.places.count and self._may_start() and self._someone_is_missing():
            self.workers.append(self._start())
        for place in range(1, MOST_HELD + 1):  # every worker has one before any has two
            for worker in self.workers:
                if self.supply.has(1) and worker.takes(self.supply.waiting[0], place):
                    worker.give(self.supply.take())
                    worker.spent |= worker.given >= self.engine.max_items_per_worker
        return bool(self.supply.waiting) or any(held for worker in self.workers for _, held in worker.calls)

    def _may_start(self) -> bool:
        return self.starts_lost < MAX_TRIES or not self.workers

    def _someone_is_missing(self) -> bool:
        free = sum(not worker.ready or not worker.calls for worker in self.workers)
        return self.supply.has(free + 1)

    def _start(self) -> _Worker:
        place = self.places
        actor = REMOTE_WORKER.options(num_cpus=place.cpus, num_gpus=place.gpus, max_restarts=0).remote()
        variables = dict.fromkeys(THREAD_VARIABLES, str(place.threads)) | WAITING
        return _Worker(actor, deque([(actor.prepare.remote(variables, self.job), None)]))

    def _turn(self, worker: _Worker) -> Iterator[Outcome[Any, Any]]:
        """Take what one worker has to say about its first call."""
        call, held = worker.calls[0]
        try:
            report: Report = ray.get(call)
        except RayTaskError as error:  # our side of the call failed: what was sent cannot be unpickled there, or here
            cause = error.cause if isinstance(error.cause, Exception) else error
            report = Report((None, describe(cause), False, 0.0), 0)
        except RayError as error:
            yield from self._lost(worker, _ending(error))
            return
        worker.calls.popleft()
        worker.since = time.monotonic()
        if held is not None:  # a tool that is larger than allowed does one item per process, not none
            worker.spent |= report.resident_bytes > (self.engine.max_memory_bytes or float("inf"))
            worker.quick = report.reply[3] < QUICK_S
            yield Outcome(held.item, *report.reply)
        elif report.reply[1] is None:
            worker.ready, self.starts_lost = True, 0
        else:
            self._dismiss(worker)
            yield from self._unbuilt(report.reply)

    def _lost(self, worker: _Worker, ending: str) -> Iterator[Outcome[Any, Any]]:
        """Let a dead or stalled worker go: its first call has cost a try, what waited behind has not.

        The first may have been done and the answer lost with the process, so from now on each is tried alone.
        """
        self._dismiss(worker)
        (_, running), *behind = worker.calls
        for _, held in reversed(behind):
            assert held is not None, "only the first call builds the tool"
            self.supply.give_back(held._replace(alone=True))
        if running is None:
            yield from self._start_lost(ending)
        elif running.tries < MAX_TRIES:
            self.supply.give_back(_Held(running.item, running.tries + 1, alone=True))
        else:
            lost = WorkerLost(
                f"{item_name(running.item)}: {running.tries} workers died over it, the last one with: {ending}. "
                "Look for too little memory, or a broken input."
            )
            yield Outcome(running.item, None, str(lost), lost.retryable, 0.0)

    def _start_lost(self, ending: str) -> Iterator[Outcome[Any, Any]]:
        """Give up when worker after worker dies before it is ready and none is left."""
        self.starts_lost += 1
        log.warning("ray: a worker died while starting (%s)", ending)
        if self.starts_lost >= MAX_TRIES and not self.workers:
            yield from self._unbuilt((None, f"{self.starts_lost} workers died while starting ({ending})", True, 0.0))

    def _unbuilt(self, reply: Reply) -> Iterator[Outcome[Any, Any]]:
        while self.supply.has(1):
            yield Outcome(self.supply.take().item, *reply)

    def _dismiss(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        ray.kill(worker.actor)


REMOTE_WORKER: Any = ray.remote(RemoteWorker)  # Ray's types know functions only


def _ending(error: RayError) -> str:
    """Return why an actor died in a few words; Ray's own text is a page."""
    text = str(error)
    for known, words in ENDINGS.items():
        if known in text:
            return words
    return text.strip().splitlines()[-1][:200]


ENDINGS = {
    "low on memory": "too little memory on its machine",
    "unexpectedly exits with a connection error": "its process killed or crashed",
}
