"""Keeps every decision about the ads of a campaign in the order they were made; nothing is ever overwritten.

An entry is one object, `decisions/<campaign>/<page>/<place>.json`, written once under the next free number: of two
writers at the same moment one is told that the number is taken, reads what the other wrote, and thinks again. An entry
holds one decision or ten thousand, so what is decided at once is written whole or not at all. A full page of entries is
also kept as one object: whoever reads from the beginning asks for a few objects, not for one per decision.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from renderer.artifacts import Decision, Record, Retake
from renderer.store import Store

ENTRIES_PER_PAGE = 100
READERS = 8  # requests at once


class Entry(Record):
    """What was decided at once."""

    decisions: tuple[Decision, ...]


class Journal:
    """The decisions about one campaign as far as they were read. Threads may share it."""

    def __init__(self, campaign: str, store: Store) -> None:
        self.campaign = campaign
        self.store = store
        self.revision = 0  # how many entries were read; each decision bears the number of its own, from 1
        self._prefix = f"decisions/{campaign}"
        self._standing: dict[str, list[Decision]] = defaultdict(list)  # by SHA-256, what undo would bring back first
        self._last: dict[str, Decision] = {}  # by SHA-256, also one that was undone, or undoes
        self._by_variant: dict[str, list[Decision]] = defaultdict(list)
        self._lock = threading.RLock()

    def refresh(self) -> Journal:
        """Read what was written since, and return the journal itself."""
        with self._lock:
            pages = self._pages() if self.revision == 0 else {}
            while self._read_page(pages):
                pass
        return self

    def decision_on(self, sha256: str) -> Decision | None:
        """Return what stands about the file with this hash."""
        stack = self._standing.get(sha256)
        return stack[-1] if stack else None

    def before(self, sha256: str) -> Decision | None:
        """Return what stood before, and stands again after an undo."""
        stack = self._standing.get(sha256, ())
        return stack[-2] if len(stack) > 1 else None

    def last_word(self, sha256: str) -> Decision | None:
        """Return the last thing that was said about a file, which may be an undo."""
        return self._last.get(sha256)

    def history(self, variant_id: str) -> tuple[Decision, ...]:
        """Return everything that was said about a variant, whatever its bytes were, the oldest first."""
        return tuple(self._by_variant.get(variant_id, ()))

    def variants(self) -> tuple[str, ...]:
        """Return the variants that something was said about."""
        return tuple(self._by_variant)

    def said_since(self, revision: int) -> tuple[str, ...]:
        """Return the SHA-256 of all files that were spoken of after a revision."""
        return tuple(sha256 for sha256, last in list(self._last.items()) if last.revision > revision)

    def retakes(self) -> dict[str, Retake]:
        """Return what is to be taken again, by the key of the shot; of several wishes for one shot the last counts."""
        with self._lock:
            standing = [stack[-1] for stack in self._standing.values() if stack]
        wishes = sorted(standing, key=lambda decision: decision.revision)
        return {retake.shot: retake for decision in wishes for retake in decision.retakes}

    def write(self, decide: Callable[[Journal], Iterable[Decision]]) -> tuple[Decision, ...]:
        """Write what `decide` returns as one entry; it is asked again when somebody else was faster.

        When this returns, the entry is in the store.
        """
        while True:
            self.refresh()
            number = self.revision
            decisions = tuple(one.model_copy(update={"revision": number + 1}) for one in decide(self))
            if not decisions:
                return ()
            entry = Entry(decisions=decisions)
            if self.store.put_bytes(self._key(number), entry.model_dump_json(exclude_defaults=True).encode()):
                self._wrote(entry, number)
                return decisions

    def _pages(self) -> Mapping[int, bytes]:
        keys = list(self.store.keys(f"{self._prefix}/pages/"))
        return {int(key.rpartition("/")[2].removesuffix(".jsonl")): body for key, body in self._bodies(keys)}

    def _read_page(self, pages: Mapping[int, bytes]) -> bool:
        """Read the rest of the page that is being read; tell whether it is full, so that the next may have begun."""
        page, place = divmod(self.revision, ENTRIES_PER_PAGE)
        if place == 0 and page in pages:
            entries = pages[page].splitlines()
        else:
            keys = list(self.store.keys(f"{self._prefix}/{page:06}/"))[place:]
            entries = [body for _, body in self._bodies(keys)]
        for entry in entries:
            self._add(Entry.model_validate_json(entry))
        return place + len(entries) == ENTRIES_PER_PAGE

    def _bodies(self, keys: list[str]) -> list[tuple[str, bytes]]:
        if not keys:
            return []
        with ThreadPoolExecutor(min(READERS, len(keys))) as readers:
            bodies = readers.map(self.store.get_bytes, keys)
            return [(key, body) for key, body in zip(keys, bodies, strict=True) if body is not None]

    def _add(self, entry: Entry) -> None:
        for decision in entry.decisions:
            stack = self._standing[decision.sha256]
            if decision.verdict != "undo":
                stack.append(decision)
            elif stack:
                stack.pop()
            self._last[decision.sha256] = decision
            self._by_variant[decision.variant_id].append(decision)
        self.revision += 1

    def _wrote(self, entry: Entry, number: int) -> None:
        with self._lock:
            if self.revision == number:  # another thread may have read it already
                self._add(entry)
        self._write_page(number)

    def _write_page(self, number: int) -> None:
        """Keep a page that this entry has filled as one object; a page without one is read entry by entry."""
        if (number + 1) % ENTRIES_PER_PAGE:
            return
        page = number // ENTRIES_PER_PAGE
        keys = list(self.store.keys(f"{self._prefix}/{page:06}/"))
        lines = b"\n".join(body for _, body in self._bodies(keys))
        self.store.put_bytes(f"{self._prefix}/pages/{page:06}.jsonl", lines)

    def _key(self, number: int) -> str:
        page, place = divmod(number, ENTRIES_PER_PAGE)
        return f"{self._prefix}/{page:06}/{place:02}.json"
