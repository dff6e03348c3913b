"""Runs one function over many items in worker processes on this machine."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any

from renderer.crew import STALLED_AFTER_S, THREAD_VARIABLES, WAITING, Crew, CrewEngine, Limits, News, Worker
from renderer.engine import AtOnce


class LocalEngine(CrewEngine):
    """Worker processes on this machine. They share its cores: `workers` processes of `threads` threads each."""

    def __init__(self, workers: int, threads: int | None = None, stalled_after_s: float = STALLED_AFTER_S) -> None:
        super().__init__()
        self.workers = workers
        self.threads = threads
        self.stalled_after_s = stalled_after_s

    def pack(self, job: object) -> bytes:
        """Pickle it; what it names must be importable in a worker."""
        return pickle.dumps(job)

    def crew(self, packed: bytes, at_once: AtOnce) -> Crew[_Process]:
        """Return processes; how many threads each has it says when its tool is built."""
        threads = self.threads or max(1, (os.cpu_count() or 1) // self.workers)
        return Crew(Limits(self.workers, self.stalled_after_s), partial(_Process, packed, threads), _listen)


class _Process(Worker):
    """One worker process, and the socket to it."""

    def __init__(self, packed: bytes, threads: int) -> None:
        super().__init__()
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
        with contextlib.suppress(ConnectionError):  # it died just now; its closed socket will say so
            self.connection.send_bytes(packed)

    def send(self, number: int, item: Any) -> None:
        with contextlib.suppress(ConnectionError):
            self.connection.send((number, item))

    def hear(self) -> News:
        try:
            return News(*self.connection.recv())
        except (EOFError, OSError):  # an answer that a kill cut off is an OSError
            code = self.process.wait()
            return News(0, None, f"signal {-code}" if code < 0 else f"exit status {code}")

    def stop(self) -> None:
        self.connection.close()
        if self.held or not self.ready:
            self.process.kill()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _listen(workers: Sequence[_Process], timeout_s: float) -> list[tuple[_Process, News]]:
    by_connection = {worker.connection: worker for worker in workers}
    ready = wait(list(by_connection), timeout_s)
    return [(worker, worker.hear()) for connection, worker in by_connection.items() if connection in ready]
