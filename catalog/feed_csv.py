"""Splits CSV and TSV into records that know their line.

By `csv` and not by `pandas.read_csv`, because only `csv` tells at which line a record starts, and lets a broken record
be named while the others go on.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from catalog.feed_file import Record, Unreadable


def read_records(lines: Iterator[str], shape: Shape, first_line: int) -> Iterator[Record]:
    """Yield (line, fields) of every record below the heading, each as long as the heading or unreadable."""
    return (_fitted(record, shape) for record in _Records(lines, shape, first_line))


@dataclass(frozen=True)
class Shape:
    """What the heading says about the rows below."""

    delimiter: str
    width: int
    id_column: int

    def id_in(self, cells: Sequence[str]) -> str:
        """The id of a broken row, if nothing before it is broken."""
        seen = cells[: self.id_column + 1]
        return seen[-1].strip() if len(seen) > self.id_column and not any('"' in cell for cell in seen) else ""


class _Records:
    """Iterates (line, fields) over CSV lines; a broken record costs its first line, the next line starts afresh."""

    def __init__(self, lines: Iterator[str], shape: Shape, first_line: int) -> None:
        self._lines = lines
        self._shape = shape
        self._given_back: deque[str] = deque()
        self._taken: list[str] = []
        self._line = first_line
        self._reader = csv.reader(_Pull(self._next_line), delimiter=shape.delimiter, strict=True)

    def __iter__(self) -> Iterator[Record]:
        while True:
            self._taken.clear()
            try:
                record: Sequence[str] | Unreadable = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                record = self._broken(str(error))
            yield self._line, record
            self._line += len(self._taken)

    def _broken(self, fact: str) -> Unreadable:
        """Give back all lines but the first."""
        self._given_back.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]
        subject = self._shape.id_in(self._taken[0].split(self._shape.delimiter))
        return Unreadable(f"the quotes are broken: {fact}", 'Close every quote; write " inside quotes as "".', subject)

    def _next_line(self) -> str:
        line = self._given_back.popleft() if self._given_back else next(self._lines)
        self._taken.append(line)
        return line


class _Pull:
    """An iterator that can go on after it ended, which no generator can."""

    def __init__(self, pull: Callable[[], str]) -> None:
        self._pull = pull

    def __iter__(self) -> _Pull:
        return self

    def __next__(self) -> str:
        return self._pull()


def _fitted(record: Record, shape: Shape) -> Record:
    """A record of the heading's length, or what is wrong with it; empty fields after the last column do not count."""
    line, cells = record
    if isinstance(cells, Unreadable) or len(cells) == shape.width or not any(cells):
        return line, cells
    if len(cells) > shape.width and not any(cells[shape.width :]):
        return line, cells[: shape.width]
    fact = f"has {len(cells)} fields, the heading has {shape.width}"
    return line, Unreadable(fact, f"Put fields that hold '{shape.delimiter}' in double quotes.", shape.id_in(cells))
