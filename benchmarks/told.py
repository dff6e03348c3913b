"""An engine for benchmarks, whose workers have models that no campaign could name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from renderer.engine import AtOnce, Engine, Outcome


class Told:
    """An engine whose workers build the tool, and hold as many items, as the options say."""

    def __init__(self, engine: Engine, setup: Callable[[], object] | None = None, at_once: int | None = None) -> None:
        self.engine, self.setup, self.at_once = engine, setup, at_once

    def map(self, work: Callable, items: Iterable, setup: Callable, at_once: AtOnce = 1) -> Iterator[Outcome]:
        """See `Engine.map`."""
        return self.engine.map(work, items, self.setup or setup, self.at_once or at_once)
