"""How services behind a network are asked: in turn, again where that may help, and never beyond a time limit.

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
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from renderer.errors import BackendError, VoiceDown

T = TypeVar("T")

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 529})

MAX_TRIES = 4
FIRST_WAIT_S = 0.5  # doubled each time, half of it by chance, so that workers do not all come back at once
MAX_WAIT_S = 30.0  # a service that asks for more is down for us
REST_S = 30.0  # after it was given up, the requests that follow fail at once for so long


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
    """Asks one service, patiently but not for ever. `down` is the error that says so, `wanted` what was asked for."""

    def __init__(
        self, service: str, per_s: float, down: Callable[[str], BackendError] = VoiceDown, wanted: str = "speech"
    ) -> None:
        self.service = service
        self.down = down
        self.wanted = wanted
        self.turns = Turns(service, per_s)
        self.rests_until = 0.0
        self.fault = ""

    def call(self, request: Callable[[], T]) -> T:
        """Return what the request returns; one that raises TryAgain is tried up to MAX_TRIES times.

        Raises:
            BackendError: `down`: the last try failed too, or the service asks for a longer wait than MAX_WAIT_S.
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

    def _down(self) -> BackendError:
        return self.down(f"{self.service}: no {self.wanted} ({self.fault}). Run again when it answers.")


class _NoRedirect(HTTPRedirectHandler):
    """Follows no redirect: it would carry the key to another host."""

    def redirect_request(self, *_: object) -> None:
        """Leave the answer as it is: an error."""


OPENER = build_opener(_NoRedirect)


def answer_to(request: Request, timeout_s: float, max_bytes: int) -> tuple[str, bytes]:
    """Return the content type and the whole body of one answer.

    Raises:
        TryAgain: the service is busy, broken or slow.
        HTTPError: it refuses for another reason; the caller knows which.
        TooLarge: the body is larger than `max_bytes`.
    """
    try:
        with OPENER.open(request, timeout=timeout_s) as reply:
            return reply.headers.get_content_type(), _whole(reply, timeout_s, max_bytes)
    except HTTPError as error:
        if error.code not in PASSING:
            raise
        error.close()
        said = f"HTTP {error.code} {error.reason}"
        raise TryAgain(said, retry_after_s(error.headers.get("Retry-After"))) from None
    except (URLError, OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise TryAgain(str(reason) or type(reason).__name__) from None


class TooLarge(Exception):
    """An answer has more bytes than anything useful has."""


def _whole(reply: HTTPResponse, timeout_s: float, max_bytes: int) -> bytes:
    """Return the body as it comes; the time limit is for all of it, not for each piece."""
    deadline, body = time.monotonic() + timeout_s, bytearray()
    while piece := reply.read1(1 << 16):
        body += piece
        if len(body) > max_bytes:
            raise TooLarge(f"the answer is larger than {max_bytes >> 20} MiB")
        if time.monotonic() > deadline:
            raise TimeoutError(f"no whole answer in {timeout_s:g} s")
    return bytes(body)


def retry_after_s(told: str | None) -> float | None:
    """Return how long a service asks to wait: `Retry-After` holds seconds or a date (RFC 9110)."""
    if not told:
        return None
    try:
        return max(float(told), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(told).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def _pause(number: int) -> float:
    longest = FIRST_WAIT_S * 2**number
    return float(longest / 2 + random.uniform(0, longest / 2))  # noqa: S311 # not a secret
