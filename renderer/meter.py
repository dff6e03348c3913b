"""Measures what takes cost a worker that is at several of them at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial


class Meter:
    """Shares the seconds of a worker among the takes that it holds: all shares together are the time it was busy.

    Takes that lie over each other (one is denoised while another is encoded) would otherwise count the same GPU twice.
    """

    def __init__(self, *, on_gpu: bool = False) -> None:
        self.on_gpu = on_gpu
        self._shares: dict[object, float] = {}
        self._counted_to = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[Callable[[], float]]:
        """Count for one take; what is given tells the seconds that were its share so far."""
        take = object()
        with self._lock:
            self._count()
            self._shares[take] = 0.0
        try:
            yield partial(self._share, take)
        finally:
            with self._lock:
                self._count()
                del self._shares[take]

    def _share(self, take: object) -> float:
        with self._lock:
            self._count()
            return self._shares[take]

    def _count(self) -> None:
        now = time.perf_counter()
        for take in self._shares:
            self._shares[take] += (now - self._counted_to) / len(self._shares)
        self._counted_to = now
