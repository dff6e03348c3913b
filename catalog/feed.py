"""Reads feed files of every kind into one table of texts, whose index is the line where each row starts."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import CatalogError, Problem, quoted
from catalog.feed_csv import Shape, read_records
from catalog.feed_file import Item, Record, Unreadable, open_bytes, open_text
from catalog.feed_json import read_objects
from catalog.feed_xml import read_items

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".xml", ".rss", ".atom")
DELIMITERS = ",;\t|"
MAX_COLUMNS = 1000  # Merchant Center knows about a hundred; keys that differ in every row are no columns
MAX_BROKEN_RECORDS = 1000  # more means that the file as a whole is not what its name says
SYNONYMS = {"sku": "id", "name": "title", "image": "image_link", "image_url": "image_link", "amount": "price"}


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
            return _table_of_items(path.name, read_objects(lines), required)
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
    _check_width(f"{name}:{header_line}", len(columns))
    _check_columns(f"{name}:{header_line}", columns, required)
    shape = Shape(delimiter, len(columns), columns.index("id") if "id" in columns else 0)
    return _collected(name, columns, read_records(lines, shape, header_line + 1))


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
        _check_width(f"{name}:{line}", len(columns))
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


def _check_width(place: str, width: int) -> None:
    if width > MAX_COLUMNS:
        raise CatalogError(
            [Problem(place, f"there are more than {MAX_COLUMNS} fields", "Write the same fields in every row.")]
        )


def _near_column(name: str, columns: list[str]) -> str:
    meant = [column for column in columns if SYNONYMS.get(column) == name] or get_close_matches(name, columns, n=1)
    return f"Rename '{meant[0]}' to '{name}'." if meant else "Add it."
