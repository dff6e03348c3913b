"""How voices behind a network are asked: in turn, and again where that may help.

A request waits for its turn (`Turns`): a file in the machine's temporary folder holds the moment of the next free one,
so all workers of a machine together keep to the rate. Several machines each have their own; give each its share.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from renderer.errors import VoiceDown

T = TypeVar("T")

MAX_TRIES = 4
FIRST_WAIT_S = 0.5  # doubled each time, half of it by chance, so that workers do not all come back at once
MAX_WAIT_S = 30.0  # a service that asks for more is down for us
REST_S = 30.0  # after it was given up, the lines that follow fail at once for so long


class TryAgain(Exception):
    """What went wrong may pass. `after_s` is how long the service asks to wait, None where it does not say."""

    def __init__(self, fact: str, after_s: float | None = None) -> None:
        super().__init__(fact)
        self.after_s = after_s


@dataclass(frozen=True)
class Turns:
    """At most `per_s` requests a second to `service` from all processes of this machine."""

    service: str
    per_s: float

    def wait(self) -> None:
        """Return when it is this request's turn."""
        time.sleep(max(self._take() - time.time(), 0.0))

    def _take(self) -> float:
        """Return the moment of the next free turn, and leave the one after it to whoever comes next."""
        name = hashlib.sha256(self.service.encode()).hexdigest()[:16]
        path = Path(tempfile.gettempdir()) / f"adloom-{os.getuid()}-{name}.turn"
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            now = time.time()
            turn = max(now, min(float(file.read() or 0), now + MAX_WAIT_S))  # a clock that was set back cannot block us
            file.seek(0)
            file.truncate()
            file.write(f"{turn + 1 / self.per_s:.6f}")
        return turn


class Caller:
    """Asks one service, patiently but not for ever."""

    def __init__(self, service: str, per_s: float) -> None:
        self.service = service
        self.turns = Turns(service, per_s)
        self.rests_until = 0.0
        self.fault = ""

    def call(self, request: Callable[[], T]) -> T:
        """Return what the request returns; one that raises TryAgain is tried up to MAX_TRIES times.

        Raises:
            VoiceDown: the last try failed too, or the service asks for a longer wait than MAX_WAIT_S.
        """
        if time.monotonic() < self.rests_until:
            raise self._down()
        for number in range(MAX_TRIES):
            self.turns.wait()
            try:
                return request()
            except TryAgain as problem:
                self.fault = str(problem)
                wait_s = _pause(number) if problem.after_s is None else problem.after_s
            if number + 1 == MAX_TRIES or wait_s > MAX_WAIT_S:
                break
            time.sleep(wait_s)
        self.rests_until = time.monotonic() + REST_S
        raise self._down()

    def _down(self) -> VoiceDown:
        return VoiceDown(f"{self.service}: no speech ({self.fault}). Run again when it answers.")


def _pause(number: int) -> float:
    longest = FIRST_WAIT_S * 2**number
    return float(longest / 2 + random.uniform(0, longest / 2))  # noqa: S311 # not a secret
