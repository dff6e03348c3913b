"""Reads feed files of every kind into one table of texts, whose index is the line where each row starts.

CSV and TSV are split by `csv` and not by `pandas.read_csv`, because only `csv` tells at which line a record starts and
lets a broken record be named while the others go on.
"""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.errors import CatalogError, Problem, WrongValue, quoted
from catalog.feed_file import open_bytes, open_text
from catalog.feed_xml import read_items

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".xml", ".rss", ".atom")
DELIMITERS = ",;\t|"
MAX_BROKEN_RECORDS = 1000  # more means that the file as a whole is not what its name says
SYNONYMS = {"sku": "id", "name": "title", "image": "image_link", "image_url": "image_link", "amount": "price"}


@dataclass(frozen=True)
class Unreadable:
    """A row that could not be split into fields, with its id where that could still be seen."""

    fact: str
    cure: str
    subject: str = ""


Record = tuple[int, Sequence[str] | Unreadable]  # line, fields
Item = tuple[int, Mapping[str, str] | Unreadable]


@dataclass(frozen=True)
class Table:
    """Rows as they were written, stripped: one text column per field, the index is the line of each row.

    `rows` counts the unreadable ones too, which stand in `problems`; empty lines count as nothing.
    """

    name: str
    frame: pd.DataFrame
    problems: tuple[Problem, ...]
    rows: int

    def place(self, line: int, field: str) -> str:
        """Return `file:line: field`."""
        return f"{self.name}:{line}: {field}"


def read_table(path: Path, required: Sequence[str]) -> Table:
    """Read a feed of any kind, by the ending of its name (`.gz` may follow).

    Raises:
        CatalogError: the file is missing, empty, of unknown kind, too large, not text, or lacks a required column.
    """
    kind = feed_suffix(path).removesuffix(".gz")
    if kind in (".xml", ".rss", ".atom"):
        with open_bytes(path) as body:
            return _table_of_items(path.name, read_items(body, path.name), required)
    with open_text(path) as lines:
        if kind in (".jsonl", ".ndjson"):
            return _table_of_items(path.name, _json_items(lines), required)
        return _table_of_records(path.name, lines, required)


def feed_suffix(path: Path) -> str:
    """Return the ending that says which kind of feed a file is, such as `.csv` or `.jsonl.gz`.

    Raises:
        CatalogError: there is no reader for it.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    ending = "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])
    if ending.removesuffix(".gz") not in SUFFIXES:
        raise CatalogError([Problem(path.name, "is no kind of feed", f"Known: {' '.join(SUFFIXES)}; .gz may follow.")])
    return path.name[len(path.name) - len(ending) :]


def column_name(written: str) -> str:
    """Return the field that a heading means: `Sale Price`, `g:sale_price` and `sale-price` are `sale_price`."""
    return re.sub(r"[\s_-]+", "_", written.strip().lower().removeprefix("g:")).strip("_")


def _table_of_records(name: str, lines: Iterator[str], required: Sequence[str]) -> Table:
    """CSV: a heading, then records of the same length."""
    header_line, header = next(((n, line) for n, line in enumerate(lines, 1) if line.strip()), (1, ""))
    if not header:
        raise CatalogError([Problem(name, "is empty", "Write a heading line and one line per product.")])
    delimiter = _delimiter(header)
    columns = _columns(f"{name}:{header_line}", header, delimiter)
    _check_columns(f"{name}:{header_line}", columns, required)
    shape = _Shape(delimiter, len(columns), columns.index("id") if "id" in columns else 0)
    records = _CsvRecords(lines, shape, first_line=header_line + 1)
    return _collected(name, columns, (_fitted(record, shape) for record in records))


def _table_of_items(name: str, items: Iterator[Item], required: Sequence[str]) -> Table:
    """JSON and XML: each item names its fields; a field that an item lacks is empty."""
    columns: dict[str, int] = dict.fromkeys(required, 0)
    rows: list[Record] = []
    for line, item in items:
        if isinstance(item, Unreadable):
            rows.append((line, item))
            continue
        fields: dict[str, str] = {}
        for key, value in item.items():
            fields.setdefault(column_name(key), value)
        columns.update(dict.fromkeys(fields, 0))
        rows.append((line, [fields.get(column, "") for column in columns]))
    if not rows:
        raise CatalogError([Problem(name, "holds no product", "Write at least one.")])
    return _collected(name, list(columns), (_padded(row, len(columns)) for row in rows))


def _collected(name: str, columns: list[str], records: Iterator[Record]) -> Table:
    """Keep the readable rows, name the others."""
    import pandas as pd  # here, so that only who reads a feed waits for it

    rows, at_lines, problems = [], [], []
    for line, record in records:
        if isinstance(record, Unreadable):
            problems.append(Problem(f"{name}:{line}", record.fact, record.cure, record.subject))
            if len(problems) > MAX_BROKEN_RECORDS:
                raise CatalogError([*problems, Problem(name, "is broken all over", "Export it again.")])
        elif any(stripped := [cell.strip() for cell in record]):
            rows.append(stripped)
            at_lines.append(line)
    frame = pd.DataFrame(rows, index=pd.Index(at_lines, dtype="int64", name="line"), columns=columns, dtype="str")
    return Table(name, frame, tuple(problems), len(rows) + len(problems))


@dataclass(frozen=True)
class _Shape:
    """What the heading says about the rows below."""

    delimiter: str
    width: int
    id_column: int

    def id_in(self, cells: Sequence[str]) -> str:
        """The id of a broken row, if nothing before it is broken."""
        seen = cells[: self.id_column + 1]
        return seen[-1].strip() if len(seen) > self.id_column and not any('"' in cell for cell in seen) else ""


class _CsvRecords:
    """Iterates (line, fields) over CSV lines; a broken record costs its first line, the next line starts afresh."""

    def __init__(self, lines: Iterator[str], shape: _Shape, first_line: int) -> None:
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


def _fitted(record: Record, shape: _Shape) -> Record:
    """A record of the heading's length, or what is wrong with it; empty fields after the last column do not count."""
    line, cells = record
    if isinstance(cells, Unreadable) or len(cells) == shape.width or not any(cells):
        return line, cells
    if len(cells) > shape.width and not any(cells[shape.width :]):
        return line, cells[: shape.width]
    fact = f"has {len(cells)} fields, the heading has {shape.width}"
    return line, Unreadable(fact, f"Put fields that hold '{shape.delimiter}' in double quotes.", shape.id_in(cells))


def _padded(record: Record, width: int) -> Record:
    line, cells = record
    return record if isinstance(cells, Unreadable) else (line, [*cells, *[""] * (width - len(cells))])


def _delimiter(header: str) -> str:
    """The delimiter that splits the heading most often, quoted parts aside."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(DELIMITERS, key=bare.count)


def _columns(place: str, header: str, delimiter: str) -> list[str]:
    """The fields that the heading names; a delimiter at the end of the line, as some exports write it, names none."""
    try:
        columns = [column_name(cell) for cell in next(csv.reader([header], delimiter=delimiter, strict=True))]
    except csv.Error as error:
        raise CatalogError([Problem(place, f"the heading is broken: {error}", "Check its quotes.")]) from error
    while columns and columns[-1] == "":
        columns.pop()
    return columns


def _check_columns(place: str, columns: list[str], required: Sequence[str]) -> None:
    problems = [
        Problem(place, f"there are {columns.count(name)} columns {quoted(name)}", "Rename or remove one.")
        for name in dict.fromkeys(columns)
        if name and columns.count(name) > 1
    ]
    there = ", ".join(name for name in columns if name)
    problems += [
        Problem(place, f"there is no column '{name}', only {there}", _near_column(name, columns))
        for name in required
        if name not in columns
    ]
    if "" in columns:
        problems.append(Problem(place, f"column {columns.index('') + 1} has no name", "Name it or remove it."))
    if problems:
        raise CatalogError(problems)


def _near_column(name: str, columns: list[str]) -> str:
    meant = [column for column in columns if SYNONYMS.get(column) == name] or get_close_matches(name, columns, n=1)
    return f"Rename '{meant[0]}' to '{name}'." if meant else "Add it."


def _json_items(lines: Iterator[str]) -> Iterator[Item]:
    """JSON Lines: one object per line. Numbers stay as they were written; lists join with commas, as in text feeds."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_unique)
        except json.JSONDecodeError as error:
            fact = f"is not JSON at character {error.pos + 1}: {error.msg}"
            yield number, Unreadable(fact, "Write one object per line.")
        except WrongValue as error:
            yield number, Unreadable(error.fact, error.cure)
        except RecursionError:
            yield number, Unreadable("is nested too deep", "Write every field as text.")
        else:
            if isinstance(item, dict):
                yield number, {key: _json_text(value) for key, value in item.items()}
            else:
                yield number, Unreadable("is not an object", 'Write {"id": "...", ...} on one line.')


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise WrongValue("names a field twice", "Write every field once.")
    return fields


def _json_text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ",".join(value)
    return json.dumps(value, ensure_ascii=False)
