"""Hands items to workers, replaces workers, and tries again what a dead one was at: the same for all engines.

A worker that dies costs each item that it was at a try, and only one of them may be to blame. So an item that is tried
again has its worker for itself: what then costs a second worker its life is to blame, and is given up.
"""

from __future__ import annotations

import logging
import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Self, TypeVar

from renderer.engine import AtOnce, Outcome
from renderer.supply import MAX_TRIES, Held, Supply
from renderer.worker import Reply

T = TypeVar("T")
R = TypeVar("R")
Tool = TypeVar("Tool")
W = TypeVar("W", bound="Worker")

STALLED_AFTER_S = 1800.0  # no item takes that long on its own; a worker that hangs is ended like one that died
LOOK_EVERY_S = 5.0
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}  # threads that wait must not take the cores from other stages
TOOL = 0  # the number of the call that builds the tool; items count from 1

log = logging.getLogger(__name__)


class Worker(ABC):
    """A process that does items, as seen from the one that hands them out."""

    def __init__(self) -> None:
        self.held: dict[int, Held] = {}
        self.at_once = 0  # the most it takes at a time; none until its tool is built
        self.given = 0
        self.spent = False  # does what it holds, then a fresh one takes its place
        self.since = time.monotonic()  # its last answer, or when it began to have something to answer

    @property
    def ready(self) -> bool:
        """Whether its tool is built."""
        return self.at_once > 0

    def give(self, held: Held) -> None:
        """Have an item done; its answer will bear the number of items given so far."""
        if not self.held:
            self.since = time.monotonic()
        self.given += 1
        self.held[self.given] = held
        self.send(self.given, held.item)

    def patience_s(self, stalled_after_s: float) -> float:
        """How long it may be silent: items beside each other share a GPU or cores, so each may take as much longer."""
        if self.held:
            return stalled_after_s * len(self.held)
        return math.inf if self.ready else max(stalled_after_s, STALLED_AFTER_S)  # a cluster may have to find a machine

    @abstractmethod
    def send(self, number: int, item: Any) -> None:
        """Pass an item on to the process."""

    @abstractmethod
    def stop(self) -> None:
        """End the process, whatever it is at."""


class News(NamedTuple):
    """What a worker has to say about one call, or about its end."""

    number: int
    reply: Reply | None  # None: the worker is dead
    ending: str = ""  # what it died of
    resident_bytes: int = 0


@dataclass(frozen=True)
class Limits:
    """How many workers there are, and when one is replaced."""

    workers: int
    stalled_after_s: float
    max_items_per_worker: float = math.inf
    max_memory_bytes: float = math.inf


class Crew(Generic[W]):
    """The workers of one job. They outlast a map if they are kept for the next."""

    def __init__(
        self, limits: Limits, start: Callable[[], W], listen: Callable[[Sequence[W], float], Sequence[tuple[W, News]]]
    ) -> None:
        """Take what starts a worker, and what waits, up to some seconds, for all news that workers have."""
        self.limits = limits
        self.start = start
        self.listen = listen
        self.workers: list[W] = []
        self.heard: deque[tuple[W, News]] = deque()
        self.starts_lost = 0

    def outcomes(self, supply: Supply) -> Iterator[Outcome[Any, Any]]:
        """Yield outcomes until nothing waits and nothing is held."""
        self.starts_lost = 0
        yield from self._turns(supply)  # what a map that was closed early has left
        while self._fill(supply):
            self.heard.extend(self.listen(self.workers, min(LOOK_EVERY_S, self.limits.stalled_after_s)))
            self.heard.extend(self._silent())
            yield from self._turns(supply)

    def rest(self) -> None:
        """Let go of those that are still at something; the others wait for the next map."""
        for worker in [worker for worker in self.workers if worker.held]:
            self._dismiss(worker)

    def end(self) -> None:
        """Let go of all."""
        for worker in list(self.workers):
            self._dismiss(worker)

    def _fill(self, supply: Supply) -> bool:
        """Replace spent workers, start those that are needed, hand out items; return whether to wait for answers."""
        for worker in [worker for worker in self.workers if worker.spent and not worker.held]:
            self._dismiss(worker)
        while len(self.workers) < self.limits.workers and self._may_start() and self._someone_is_missing(supply):
            self.workers.append(self.start())
        beside = 0
        while any(worker.at_once > beside for worker in self.workers):  # every worker has one before any has two
            self._hand_out(supply, beside)
            beside += 1
        return supply.has(1) or any(worker.held for worker in self.workers)

    def _hand_out(self, supply: Supply, beside: int) -> None:
        """Give those who hold so many items, and can hold more, another."""
        for worker in self.workers:
            if worker.spent or len(worker.held) != beside or worker.at_once <= beside:
                continue
            starting = sum(not other.ready for other in self.workers)  # they will want one each
            if (beside == 0 or supply.has(starting + 1)) and (held := supply.take(worker.held.values())):
                worker.give(held)
                worker.spent |= worker.given >= self.limits.max_items_per_worker

    def _may_start(self) -> bool:
        return self.starts_lost < MAX_TRIES or not self.workers

    def _someone_is_missing(self, supply: Supply) -> bool:
        free = sum(not worker.held for worker in self.workers)
        return supply.has(free + 1)

    def _silent(self) -> list[tuple[W, News]]:
        """Return who has been silent for too long; to be asked when everyone who has news was heard."""
        heard = {worker for worker, _ in self.heard}
        patience = {worker: worker.patience_s(self.limits.stalled_after_s) for worker in self.workers}
        return [
            (worker, News(TOOL, None, f"no answer in {patience_s:g} s"))
            for worker, patience_s in patience.items()
            if worker not in heard and time.monotonic() - worker.since > patience_s
        ]

    def _turns(self, supply: Supply) -> Iterator[Outcome[Any, Any]]:
        while self.heard:
            yield from self._turn(*self.heard.popleft(), supply)

    def _turn(self, worker: W, news: News, supply: Supply) -> Iterator[Outcome[Any, Any]]:
        """Take what one worker has to say."""
        if worker not in self.workers:
            return  # it was let go a moment ago
        if news.reply is None:
            yield from self._lost(worker, news.ending, supply)
            return
        worker.since = time.monotonic()
        if news.number != TOOL:  # a tool that is larger than allowed does one item per process, not none
            worker.spent |= news.resident_bytes > self.limits.max_memory_bytes
            yield Outcome(worker.held.pop(news.number).item, *news.reply)
        elif news.reply[1] is None:
            worker.at_once, self.starts_lost = news.reply[0], 0
        else:  # the tool could not be built: no item of this map can be done
            self._dismiss(worker)
            yield from supply.refuse(news.reply)

    def _lost(self, worker: W, ending: str, supply: Supply) -> Iterator[Outcome[Any, Any]]:
        """Let a dead or stalled worker go; if worker after worker dies before it is ready and none is left, give up."""
        self._dismiss(worker)
        for held in worker.held.values():
            yield from supply.lost(held, ending)
        if worker.ready:
            return
        self.starts_lost += 1
        log.warning("a worker died while starting (%s)", ending)
        if self.starts_lost >= MAX_TRIES and not self.workers:
            words = f"{self.starts_lost} workers died while starting ({ending})"
            yield from supply.refuse((None, words, True, 0.0))

    def _dismiss(self, worker: W) -> None:
        self.workers.remove(worker)
        worker.stop()


class CrewEngine(ABC):
    """An engine with workers. Each map has its own, and ends them; `with engine:` keeps them.

    Kept workers do the next map if its work, set-up and `at_once` are equal (pickled, byte by byte): a model that takes
    minutes to load is loaded once for all rounds of a stage. A map of another kind ends them first, as two models may
    not fit on one card.
    """

    def __init__(self) -> None:
        self.keeps = False
        self.kept: tuple[bytes, Crew[Any]] | None = None

    def map(
        self, work: Callable[[Tool, T], R], items: Iterable[T], setup: Callable[[], Tool], at_once: AtOnce = 1
    ) -> Iterator[Outcome[T, R]]:
        """See `Engine.map`. Items are pulled as workers become free; closing the iterator ends those that are busy."""
        supply = Supply(items)
        if not supply.has(1):
            return
        packed = self.pack((work, setup, at_once))
        crew = self._kept_crew(packed) or self.crew(packed, at_once)
        try:
            yield from crew.outcomes(supply)
        finally:
            if self.keeps and self.kept is None:
                crew.rest()
                self.kept = packed, crew
            else:
                crew.end()

    def __enter__(self) -> Self:
        """See `Engine.__enter__`."""
        self.keeps = True
        return self

    def __exit__(self, *problem: object) -> None:
        """See `Engine.__exit__`."""
        self.close()

    def close(self) -> None:
        """End the workers that were kept."""
        self.keeps = False
        self._kept_crew(b"")

    def _kept_crew(self, packed: bytes) -> Crew[Any] | None:
        """Return the crew that was kept if it is for this job; end one that is for another."""
        (job, crew), self.kept = self.kept or (b"", None), None
        if crew is None or job == packed:
            return crew
        crew.end()
        return None

    @abstractmethod
    def pack(self, job: object) -> bytes:
        """Pickle a job: work, setup and at_once."""

    @abstractmethod
    def crew(self, packed: bytes, at_once: AtOnce) -> Crew[Any]:
        """Return workers, none started yet, that do a job."""
