"""Fits a text into its slot: in whole words where that is handsome, else with words parted at hyphens."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from renderer.picture.frame import Slot
from renderer.picture.linebreak import NO_LIMIT, balanced, pieces
from renderer.picture.typography import STEP, Face, Fitted, Typesetter, leading_of

WORTH = 1.15  # times the size of whole words from which parted ones are better
SLACK = 1.02  # how well widths at one size tell those at another


@dataclass(frozen=True)
class Fitting:
    """Room for a text, how it is set in it, and from which size on (px) it is handsome."""

    typesetter: Typesetter
    face: Face
    slot: Slot
    handsome: float
    place: str  # for errors

    def fit(self, text: str, softer: Iterable[str]) -> Fitted:
        """Break and size a text so that it fits, as large as possible.

        `softer` are the same text with ever more places where words may be parted. Words stay whole where that is
        handsome, or nearly as large. No two lines in a row end in a hyphen, unless the text fits in no other way.

        Raises:
            MediaError: it does not fit even at the smallest size, or no font has one of its characters.
        """
        largest, smallest = self.slot.sizes
        handsome = min(max(self.handsome, smallest), largest)
        whole = self._try(text, largest, smallest)
        if whole is not None and whole.size >= handsome:
            return whole
        least = WORTH * whole.size if whole is not None else smallest
        if not self._has_room(text, least):
            return whole or self._fit(text)
        texts = []
        for parted in softer:
            if (found := self._parted(parted, largest, max(least, handsome))) is not None:
                return found
            texts.append(parted)
        smaller = [self._parted(parted, handsome, least) for parted in texts if least < handsome]
        ladders = (self._parted(parted, largest, smallest, NO_LIMIT) for parted in texts)
        return _first_of_the_large(smaller) or whole or _first_of_the_large([*ladders]) or self._fit(text)

    def _has_room(self, text: str, size: float) -> bool:
        """Tell whether a text could fit at a size if it were parted anywhere."""
        room = self._rows(size * leading_of(text)) * self.slot.width
        return self.typesetter.width(text, self.face, size, self.place) <= room

    def _rows(self, leading: float) -> int:
        return min(self.slot.max_lines, int(self.slot.height // leading))

    def _fit(self, text: str) -> Fitted:
        slot = self.slot
        box = slot.width, slot.height
        return self.typesetter.fit(text, self.face, box, slot.sizes, slot.max_lines, self.place)

    def _try(self, text: str, largest: float, smallest: float, max_hyphens: int = NO_LIMIT) -> Fitted | None:
        slot = self.slot
        box, sizes = (slot.width, slot.height), (largest, smallest)
        return self.typesetter.try_fit(text, self.face, box, sizes, slot.max_lines, self.place, max_hyphens)

    def _parted(self, text: str, largest: float, smallest: float, max_hyphens: int = 1) -> Fitted | None:
        """Look for the size with widths measured once: there are many ways to part words."""
        if largest < smallest:
            return None
        parts, leading = pieces(text, self.face.locale.tag), leading_of(text)

        @cache
        def em(line: str) -> float:
            return self.typesetter.width(line, self.face, largest, self.place) / largest / SLACK

        def may_fit(size: float) -> bool:
            rows = self._rows(size * leading)
            return balanced(parts, lambda line: em(line) * size, self.slot.width, rows, max_hyphens) is not None

        sizes = [largest]
        while sizes[-1] > smallest:
            sizes.append(max(sizes[-1] * STEP, smallest))
        first = bisect_left(sizes, True, key=may_fit)
        return self._try(text, sizes[first], smallest, max_hyphens) if first < len(sizes) else None


def _first_of_the_large(found: Sequence[Fitted | None]) -> Fitted | None:
    """Return the largest, or an earlier one that is nearly as large."""
    fitting = [one for one in found if one is not None]
    largest = max((one.size for one in fitting), default=0.0)
    return next((one for one in fitting if one.size * WORTH >= largest), None)
