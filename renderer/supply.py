"""Items that wait for a worker, for the first time or again, and those that have cost too many workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from renderer.engine import Outcome
from renderer.errors import WorkerLost
from renderer.worker import Reply

MAX_TRIES = 2


class Held(NamedTuple):
    """An item, and which try this is."""

    item: Any
    tries: int


class Supply:
    """Items that wait: fresh ones, pulled only when asked for, and those that are tried again."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = iter(items)
        self.fresh: deque[Held] = deque()
        self.again: deque[Held] = deque()

    def has(self, count: int) -> bool:
        """Tell whether so many wait; pulls no more than these."""
        while len(self.again) + len(self.fresh) < count:
            try:
                self.fresh.append(Held(next(self.items), 1))
            except StopIteration:
                return False
        return True

    def take(self, beside: Collection[Held]) -> Held | None:
        """Return what a worker can do beside what it holds. A second try is never beside another item."""
        if not beside and self.again:
            return self.again.popleft()
        if any(held.tries > 1 for held in beside) or not self.has(len(self.again) + 1):
            return None
        return self.fresh.popleft()

    def lost(self, held: Held, ending: str) -> Iterator[Outcome[Any, Any]]:
        """Take back an item whose worker died, or give it up."""
        if held.tries < MAX_TRIES:
            self.again.append(Held(held.item, held.tries + 1))
            return
        lost = WorkerLost(
            f"{item_name(held.item)}: {held.tries} workers died over it, the last one with: {ending}. "
            "Look for too little memory, or a broken input."
        )
        yield Outcome(held.item, None, str(lost), lost.retryable, 0.0)

    def refuse(self, reply: Reply) -> Iterator[Outcome[Any, Any]]:
        """Give up all that wait."""
        while self.has(1):
            yield Outcome((self.again or self.fresh).popleft().item, *reply)


def item_name(item: Any) -> str:
    """Return the key or id of an item, for messages."""
    for field in ("key", "id", "variant_id"):
        name = getattr(item, field, None)
        if isinstance(name, str):
            return name
    return type(item).__name__
