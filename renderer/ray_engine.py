"""Runs one function over many items in actors of a Ray cluster: on the GPUs of many machines, or on this one.

Ray lends processes and GPUs and carries calls; which item is tried again is decided in crew.py (docs/adr/0013).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import ray
from ray import cloudpickle
from ray.exceptions import RayError, RayTaskError

from renderer.crew import STALLED_AFTER_S, THREAD_VARIABLES, TOOL, WAITING, Crew, CrewEngine, Limits, News, Worker
from renderer.engine import AtOnce
from renderer.ray_cluster import Places, connect, places
from renderer.ray_worker import RemoteWorker, Report
from renderer.worker import describe

MAX_ITEMS_PER_WORKER = 200
THREADS_OF_ACTOR = 8  # where the worker says how many it uses: Ray wants to know before, and idle ones cost nothing


class RayEngine(CrewEngine):
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
            max_memory_bytes: resident memory, all items in hand included, after which a worker is replaced; None: no
                limit.
            stalled_after_s: a worker without an answer for so long is ended; twice as long if it holds two items.
        """
        super().__init__()
        self.address = address
        self.workers = workers
        self.gpus_per_worker = gpus_per_worker
        self.threads = threads
        self.max_items_per_worker = max_items_per_worker
        self.max_memory_bytes = max_memory_bytes
        self.stalled_after_s = stalled_after_s
        self.connected_here = False

    def pack(self, job: object) -> bytes:
        """Pickle it; functions of the main program travel whole, others must be importable in a worker."""
        packed: bytes = cloudpickle.dumps(job)  # type: ignore[no-untyped-call]
        return packed

    def crew(self, packed: bytes, at_once: AtOnce) -> Crew[_Actor]:
        """Connect, and return actors.

        Raises:
            ServiceError: the cluster cannot be reached, or has nothing to lend.
            BackendError: GPUs are wanted and the cluster has none.
        """
        self.connected_here |= connect(self.address, (self.workers or 1) * (self.threads or 1))
        place = places(self.workers, self.gpus_per_worker, self.threads)
        max_memory_bytes = self.max_memory_bytes or math.inf
        limits = Limits(place.count, self.stalled_after_s, self.max_items_per_worker, max_memory_bytes)
        threads = at_once if isinstance(at_once, int) else THREADS_OF_ACTOR
        return Crew(limits, partial(_Actor, packed, place, threads), _listen)

    def close(self) -> None:
        """End kept workers and leave the cluster; ends a Ray of our own. A connection that was there before stays."""
        super().close()
        if self.connected_here:
            ray.shutdown()
            self.connected_here = False


class _Actor(Worker):
    """One actor, and its calls that have not been answered."""

    def __init__(self, packed: bytes, place: Places, at_once: int) -> None:
        super().__init__()
        self.actor = REMOTE_WORKER.options(
            num_cpus=place.cpus, num_gpus=place.gpus, max_restarts=0, max_concurrency=at_once
        ).remote()
        variables = dict.fromkeys(THREAD_VARIABLES, str(place.threads)) | WAITING
        self.calls: dict[Any, int] = {self.actor.prepare.remote(variables, packed): TOOL}

    def send(self, number: int, item: Any) -> None:
        self.calls[self.actor.attempt.remote(item)] = number

    def hear(self, call: Any) -> News:
        number = self.calls.pop(call)
        try:
            report: Report = ray.get(call)
        except RayTaskError as error:  # our side of the call failed: what was sent cannot be unpickled there, or here
            cause = error.cause if isinstance(error.cause, Exception) else error
            return News(number, (None, describe(cause), False, 0.0))
        except RayError as error:
            return News(number, None, _ending(error))
        return News(number, report.reply, resident_bytes=report.resident_bytes)

    def stop(self) -> None:
        ray.kill(self.actor)


REMOTE_WORKER: Any = ray.remote(RemoteWorker)  # Ray's types know functions only


def _listen(workers: Sequence[_Actor], timeout_s: float) -> list[tuple[_Actor, News]]:
    """Return the news of all calls that have been answered, answers before deaths: a dead actor may have done items."""
    calls = {call: worker for worker in workers for call in worker.calls}
    first, _ = ray.wait(list(calls), num_returns=1, timeout=timeout_s)
    answered, _ = ray.wait(list(calls), num_returns=len(calls), timeout=0) if first else ([], [])
    heard = [(calls[call], calls[call].hear(call)) for call in answered]
    return sorted(heard, key=lambda news: news[1].reply is None)


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
