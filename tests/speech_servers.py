"""Servers on this machine that speak the protocols of speech services, with answers that a test has written down."""

from __future__ import annotations

import io
import json
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

RATE = 24_000


@dataclass(frozen=True)
class Answer:
    """What the server says to one request; `drip_s` waits before each kilobyte."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drip_s: float = 0.0


@dataclass
class Log:
    """What was asked of a server, and when."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)


@contextmanager
def server(*answers: Answer) -> Iterator[Log]:
    """Run a server that gives the answers one after the other, the last one for ever."""
    log = Log()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = answers[min(len(log.requests), len(answers) - 1)]
            log.moments.append(time.monotonic())
            log.requests.append(json.loads(body))
            log.headers.append({name.lower(): value for name, value in self.headers.items()})
            log.paths.append(self.path)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            step = 1024 if answer.drip_s else max(len(answer.body), 1)
            for start in range(0, len(answer.body), step):
                time.sleep(answer.drip_s)
                try:
                    self.wfile.write(answer.body[start : start + step])
                except OSError:
                    return

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    log.url = f"http://127.0.0.1:{http.server_address[1]}"
    try:
        yield log
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def sound(seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    """Return something that is loud in the middle, as 16-bit samples."""
    samples = np.sin(np.arange(int(seconds * rate)) / 9)
    samples[: rate // 10] = samples[-rate // 10 :] = 0
    return (12_000 * samples).astype("<i2")


def wav(samples: np.ndarray, rate: int = RATE, channels: int = 1) -> bytes:
    """Return a WAV file."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return target.getvalue()
