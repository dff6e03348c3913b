"""The program of one worker process: receives work and items over a socket, returns what became of them.

Started by `renderer.engine` as `python -m renderer.worker FD`. It ends when the other side closes the socket, so no
worker outlives the process that started it, even one killed with SIGKILL.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

Reply = tuple[Any, str | None, bool, float]  # value, error, retryable, seconds

log = logging.getLogger(__name__)


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
    """Build the tool once, then answer items until the connection closes."""
    work, setup = connection.recv()
    try:
        tool = setup()
    except Exception as error:
        connection.send((None, describe(error), bool(getattr(error, "retryable", False)), 0.0))
        return
    connection.send(None)
    while True:
        item = connection.recv()
        connection.send(attempt(work, tool, item))


def main() -> None:
    """Serve the socket whose file descriptor is the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        serve(Connection(int(sys.argv[1])))
    except (EOFError, ConnectionError):
        os._exit(0)  # nobody is listening: leave at once, threads of libraries included


if __name__ == "__main__":
    main()
