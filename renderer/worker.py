"""The program of one worker process: receives work and items over a socket, returns what became of them.

Started by `renderer.local_engine` as `python -m renderer.worker FD`. It ends when the other side closes the socket, so
no worker outlives the process that started it, even one killed with SIGKILL.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

Reply = tuple[Any, str | None, bool, float]  # value, error, retryable, seconds

log = logging.getLogger(__name__)


class Job(NamedTuple):
    """What a worker does with every item, and at how many it may be at a time, each on a thread of its own."""

    work: Callable[[Any, Any], Any]
    tool: Any
    at_once: int


def build(packed: bytes) -> tuple[Job | None, Reply]:
    """Build the tool of a pickled (work, setup, at_once); the reply's value is how many items the worker takes."""
    job, error, retryable, seconds = attempt(_build, None, packed)
    return job, (job.at_once if job else None, error, retryable, seconds)


def _build(_: None, packed: bytes) -> Job:
    work, setup, at_once = pickle.loads(packed)  # noqa: S301 # from the process that started this one
    tool = setup()
    return Job(work, tool, at_once if isinstance(at_once, int) else at_once())


def attempt(work: Callable[[Any, Any], Any], tool: Any, item: Any) -> Reply:
    """Do one item; turn whatever goes wrong into words."""
    started = time.monotonic()
    try:
        return work(tool, item), None, False, time.monotonic() - started
    except Exception as error:
        return None, describe(error), bool(getattr(error, "retryable", False)), time.monotonic() - started


def describe(error: Exception) -> str:
    """Return the sentence to show; log the traceback of errors that are not ours."""
    if type(error).__module__ == "renderer.errors":
        return str(error)
    log.error("unexpected failure", exc_info=error)
    return f"{type(error).__name__}: {error}"


def serve(connection: Connection) -> None:
    """Build the tool once, then answer numbered items until the connection closes; the tool is number 0."""
    job, reply = build(connection.recv_bytes())
    connection.send((0, reply))
    if job is None:
        return
    receiving, sending = threading.Lock(), threading.Lock()
    for _ in range(job.at_once - 1):
        threading.Thread(target=_answer, args=(connection, job, receiving, sending), daemon=True).start()
    _answer(connection, job, receiving, sending)


def _answer(connection: Connection, job: Job, receiving: threading.Lock, sending: threading.Lock) -> None:
    """Do item after item. Whatever ends one thread ends the process: an item must not be left without an answer."""
    try:
        while True:
            with receiving:
                number, item = connection.recv()
            reply = attempt(job.work, job.tool, item)
            with sending:
                connection.send((number, reply))
    except (EOFError, ConnectionError):
        os._exit(0)  # nobody is listening: leave at once, threads of libraries included
    except BaseException:
        log.exception("worker: an item or what became of it cannot be sent")
        os._exit(1)


def main() -> None:
    """Serve the socket whose file descriptor is the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        serve(Connection(int(sys.argv[1])))
    except (EOFError, ConnectionError):
        os._exit(0)


if __name__ == "__main__":
    main()
