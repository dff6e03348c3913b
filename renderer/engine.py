"""Runs one function over many items and says what became of each.

One item's failure never stops the rest: it becomes an `Outcome`. A worker that dies (killed, out of memory) costs what
it was at one try; an item that has cost two workers their life is given up (crew.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from renderer.worker import attempt, describe

T = TypeVar("T")
R = TypeVar("R")
Tool = TypeVar("Tool")

AtOnce = int | Callable[[], int]


@dataclass(frozen=True)
class Outcome(Generic[T, R]):
    """What became of one item: a value, or the error in words."""

    item: T
    value: R | None
    error: str | None
    retryable: bool
    seconds: float


class Engine(Protocol):
    """Runs one function over many items. `with engine:` keeps its workers for the next map of the same work."""

    def map(
        self, work: Callable[[Tool, T], R], items: Iterable[T], setup: Callable[[], Tool], at_once: AtOnce = 1
    ) -> Iterator[Outcome[T, R]]:
        """Yield one outcome per item, in the order in which they end; they begin in the order given.

        `setup` builds the tool (a model, a voice) once per worker. `at_once` is the most items that a worker holds at a
        time, each on a thread of its own with the one tool; a function is asked in the worker, once the tool is built.
        `work`, `setup`, `at_once` and items must be picklable.
        """

    def __enter__(self) -> Self:
        """Keep workers from now on, each with its tool, from one map to the next of equal work and set-up."""

    def __exit__(self, *problem: object) -> None:
        """End the workers."""


class InlineEngine:
    """Everything in this process, one item after the other: for tests, debugging and single items."""

    def map(
        self, work: Callable[[Tool, T], R], items: Iterable[T], setup: Callable[[], Tool], at_once: AtOnce = 1
    ) -> Iterator[Outcome[T, R]]:
        """See `Engine.map`; `at_once` is ignored."""
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

    def __enter__(self) -> Self:
        """Keep nothing: there are no workers."""
        return self

    def __exit__(self, *problem: object) -> None:
        """End nothing."""
