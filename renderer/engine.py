"""Runs one function over many items in worker processes and says what became of each.

One item's failure never stops the rest: it becomes an `Outcome`. A worker that dies (killed, out of memory) costs
its item one try; an item that has cost two workers their life is given up.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Protocol, TypeVar

from renderer.errors import WorkerLost
from renderer.worker import Reply, attempt, describe

T = TypeVar("T")
R = TypeVar("R")
Tool = TypeVar("Tool")

MAX_TRIES = 2
STALLED_AFTER_S = 1800.0  # no item takes that long on its own; a worker that hangs is ended like one that died
LOOK_EVERY_S = 5.0
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}  # threads that wait must not take the cores from other stages


@dataclass(frozen=True)
class Outcome(Generic[T, R]):
    """What became of one item: a value, or the error in words."""

    item: T
    value: R | None
    error: str | None
    retryable: bool
    seconds: float


class Engine(Protocol):
    """Runs one function over many items."""

    def map(
        self, work: Callable[[Tool, T], R], items: Iterable[T], setup: Callable[[], Tool]
    ) -> Iterator[Outcome[T, R]]:
        """Yield one outcome per item, in the order in which they end.

        `setup` builds the tool (a model, a voice) once per worker. `work`, `setup` and items must be picklable.
        """


class InlineEngine:
    """Everything in this process, one item after the other: for tests, debugging and single items."""

    def map(
        self, work: Callable[[Tool, T], R], items: Iterable[T], setup: Callable[[], Tool]
    ) -> Iterator[Outcome[T, R]]:
        """See `Engine.map`."""
        items = list(items)
        if not items:
            return
        try:
            tool = setup()
        except Exception as error:
            failure = describe(error), bool(getattr(error, "retryable", False))
            yield from (Outcome(item, None, *failure, 0.0) for item in items)
            return
        for item in items:
            yield Outcome(item, *attempt(work, tool, item))


class LocalEngine:
    """Worker processes on this machine. They share its cores: `workers` processes of `threads` threads each."""

    def __init__(self, workers: int, threads: int | None = None, stalled_after_s: float = STALLED_AFTER_S) -> None:
        self.workers = workers
        self.threads = threads
        self.stalled_after_s = stalled_after_s

    def map(
        self, work: Callable[[Tool, T], R], items: Iterable[T], setup: Callable[[], Tool]
    ) -> Iterator[Outcome[T, R]]:
        """See `Engine.map`."""
        waiting: deque[tuple[T, int]] = deque((item, 1) for item in items)
        workers = [self._start(work, setup) for _ in range(min(self.workers, len(waiting)))]
        try:
            while waiting or any(worker.busy for worker in workers):
                ready = wait([worker.connection for worker in workers], min(LOOK_EVERY_S, self.stalled_after_s))
                for worker in workers:
                    worker.end_if_stalled(self.stalled_after_s)
                for worker in [worker for worker in workers if worker.connection in ready]:
                    yield from self._turn(worker, workers, waiting, lambda: self._start(work, setup))
        finally:
            for worker in workers:
                worker.stop()

    def _turn(
        self, worker: _Worker, workers: list[_Worker], waiting: deque[tuple[T, int]], start: Callable[[], _Worker]
    ) -> Iterator[Outcome[T, R]]:
        """Take what one worker has to say, and give it the next item."""
        held, worker.held = worker.held, None
        try:
            reply: Reply | None = worker.connection.recv()
        except (EOFError, ConnectionError):
            workers.remove(worker)
            worker.stop()
            if held is not None:
                yield from self._lost(held, worker, waiting)
            elif not worker.ready:
                yield from self._unbuilt(waiting, (None, f"a worker died while starting ({worker.ending})", True, 0.0))
            if waiting:
                workers.append(start())
            return
        if held is not None and reply is not None:
            yield Outcome(held[0], *reply)
        elif reply is not None:  # the tool could not be built: no item of this map can be done
            yield from self._unbuilt(waiting, reply)
        worker.ready = True
        if waiting:
            worker.give(waiting.popleft())

    def _lost(self, held: tuple[T, int], worker: _Worker, waiting: deque[tuple[T, int]]) -> Iterator[Outcome[T, R]]:
        item, tries = held
        if tries < MAX_TRIES:
            waiting.append((item, tries + 1))
            return
        lost = WorkerLost(
            f"{item_name(item)}: {tries} workers died over it, the last one with {worker.ending}. "
            "Look for too little memory, or a broken input."
        )
        yield Outcome(item, None, str(lost), lost.retryable, 0.0)

    def _unbuilt(self, waiting: deque[tuple[T, int]], reply: Reply) -> Iterator[Outcome[T, R]]:
        while waiting:
            yield Outcome(waiting.popleft()[0], *reply)

    def _start(self, work: Callable[..., Any], setup: Callable[..., Any]) -> _Worker:
        threads = self.threads or max(1, (os.cpu_count() or 1) // self.workers)
        return _Worker(work, setup, threads)


class _Worker:
    """One worker process, the item it holds, and the socket to it."""

    def __init__(self, work: Callable[..., Any], setup: Callable[..., Any], threads: int) -> None:
        ours, theirs = socket.socketpair()
        environment = (
            os.environ
            | dict.fromkeys(THREAD_VARIABLES, str(threads))
            | WAITING
            | {"PYTHONPATH": os.pathsep.join(sys.path)}
        )
        with theirs:
            command = [sys.executable, "-m", "renderer.worker", str(theirs.fileno())]
            self.process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL
            )
        self.connection = Connection(ours.detach())
        self.held: tuple[Any, int] | None = None
        self.given_at = 0.0
        self.ready = False
        self._send((work, setup))

    @property
    def busy(self) -> bool:
        return self.held is not None

    @property
    def ending(self) -> str:
        code = self.process.wait()
        return f"signal {-code}" if code < 0 else f"exit status {code}"

    def give(self, held: tuple[Any, int]) -> None:
        self.held = held
        self.given_at = time.monotonic()
        self._send(held[0])

    def end_if_stalled(self, after_s: float) -> None:
        if self.busy and time.monotonic() - self.given_at > after_s:
            self.process.kill()

    def _send(self, message: Any) -> None:
        with contextlib.suppress(ConnectionError):  # it died just now; its closed socket will say so
            self.connection.send(message)

    def stop(self) -> None:
        self.connection.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def item_name(item: Any) -> str:
    """Return the key or id of an item, for messages."""
    for field in ("key", "id", "variant_id"):
        name = getattr(item, field, None)
        if isinstance(name, str):
            return name
    return type(item).__name__
