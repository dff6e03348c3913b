"""Reads the product feed (CSV, TSV, JSONL, RSS/Atom XML; gz too) into products that name their source line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from catalog.errors import Problem, WrongValue, quoted
from catalog.feed import Table, feed_suffix, read_table
from catalog.fields import (
    UNSAFE,
    check_text,
    parse_availability,
    parse_id,
    parse_image_link,
    parse_link,
    parse_title,
    parse_window,
)
from catalog.locales import fallback_chain
from catalog.money import Money as Money  # products.Money is part of this module's face
from catalog.money import parse_money

REQUIRED = ("id", "title", "image_link", "price")
WINDOW = "sale_price_effective_date"
TEXTS = frozenset({"description", "brand", "gtin", "product_type", "item_group_id", "color"})  # any text will do
PARSERS: dict[str, Callable[[str], Any]] = {
    "id": parse_id,
    "title": parse_title,
    "link": parse_link,
    "availability": parse_availability,
    "price": parse_money,
    "sale_price": lambda text: parse_money(text) if text else None,
    WINDOW: lambda text: parse_window(text) if text else None,
}


class Product(BaseModel):
    """One sellable item, with the field names of Google Merchant Center.

    `attributes` holds every other column of the feed as text. `source` is `file:line`.
    `image_link` is absolute: a path, an `s3://` or an `https://` address.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    title: str
    description: str = ""
    link: str = ""
    image_link: str
    availability: Literal["in_stock", "out_of_stock", "preorder", "backorder"] = "in_stock"
    price: Money
    sale_price: Money | None = None
    sale_starts: datetime | None = None
    sale_ends: datetime | None = None
    brand: str = ""
    gtin: str = ""
    product_type: str = ""
    item_group_id: str = ""
    color: str = ""
    attributes: dict[str, str] = {}
    source: str

    def sale_price_at(self, moment: datetime) -> Money | None:
        """The sale price if `moment` (aware) lies inside the sale window, else None."""
        if self.sale_price is None:
            return None
        if self.sale_starts is not None and moment < self.sale_starts:
            return None
        if self.sale_ends is not None and moment >= self.sale_ends:
            return None
        return self.sale_price


class MoreImage(BaseModel):
    """A further picture of a product in the store, and whether its alpha channel is the product's outline."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    has_cutout: bool


class ProductImage(BaseModel):
    """A product picture that was fetched, checked and stored.

    `path` is a local RGBA PNG; `palette` is three `#RRGGBB` colours (dark, middle, light) that go with the product;
    `has_cutout` tells whether the alpha channel is the product's outline.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    product_id: str
    sha256: str
    width: int
    height: int
    has_cutout: bool
    palette: tuple[str, str, str]
    path: str
    more: tuple[MoreImage, ...] = ()  # the feed's additional pictures, where they were asked for


@dataclass(frozen=True)
class FeedRead:
    """What a feed holds: the products that fit, what is wrong with the others, and how many rows there were.

    Every row that is not a product is named by at least one problem. A GTIN is not verified: an ad does not need it.
    """

    products: tuple[Product, ...]
    problems: tuple[Problem, ...]
    rows: int


@dataclass(frozen=True)
class LocalRow:
    """What one market says differently about a product: fields of `Product`, and attributes; nothing empty."""

    id: str
    fields: Mapping[str, Any]
    attributes: Mapping[str, str]
    source: str


def read_products(path: Path) -> FeedRead:
    """Read a feed, every kind of which has the columns of Merchant Center. Relative pictures lie beside the feed.

    A wrong row is a problem with place `file:line: field` and the product's id as subject; the other rows go on.

    Raises:
        CatalogError: the file as a whole cannot be read, or lacks a required column.
    """
    table = read_table(path, REQUIRED)
    problems = [*table.problems, *_repeated(table)]
    repeated = {problem.subject for problem in problems if problem.subject}
    products: list[Product] = []
    for line, row in _rows(table):
        if row["id"] not in repeated:
            wrong = _Wrong(table, line, row["id"])
            fields, attributes = _checked(row, path.parent, wrong)
            if not wrong.problems:
                products.append(Product(**fields, attributes=attributes, source=f"{table.name}:{line}"))
            problems += wrong.problems
    return FeedRead(tuple(products), tuple(problems), table.rows)


def read_overrides(path: Path) -> tuple[dict[str, LocalRow], tuple[Problem, ...]]:
    """Read a local feed: ids, and any columns that this market says differently; wrong rows are problems, as in a feed.

    Raises:
        CatalogError: the file as a whole cannot be read, or has no ids.
    """
    table = read_table(path, ("id",))
    problems = [*table.problems, *_repeated(table)]
    repeated = {problem.subject for problem in problems if problem.subject}
    rows: dict[str, LocalRow] = {}
    for line, row in _rows(table):
        if row["id"] not in repeated:
            wrong = _Wrong(table, line, row["id"])
            said = {field: text for field, text in row.items() if text}
            fields, attributes = _checked(said, path.parent, wrong)
            if "price" in fields:
                fields.setdefault("sale_price", None)  # a local price ends the sale of the feed
            elif "sale_price" in fields:
                wrong.add("price", WrongValue("is missing beside a sale price", "Write the former price too."))
            if not wrong.problems:
                rows[row["id"]] = LocalRow(row["id"], fields, attributes, f"{table.name}:{line}")
            problems += wrong.problems
    return rows, tuple(problems)


def localize(product: Product, override: LocalRow | None) -> Product:
    """The product as one market knows it. A local price brings its own sale price, or none; a sale keeps its dates."""
    if override is None:
        return product
    attributes = {**product.attributes, **override.attributes}
    return product.model_copy(update={**override.fields, "attributes": attributes})


def local_feed_for(path: Path, tag: str) -> Path | None:
    """The feed beside `path` that says what a locale says differently: `products.de-DE.csv`, else `products.de.csv`.

    Raises:
        CatalogError: `path` is no kind of feed.
    """
    suffix = feed_suffix(path)
    stem = path.name.removesuffix(suffix)
    candidates = (path.with_name(f"{stem}.{name}{suffix}") for name in fallback_chain(tag))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


class _Wrong:
    """Collects what is wrong with one row."""

    def __init__(self, table: Table, line: int, product_id: str) -> None:
        self.problems: list[Problem] = []
        self._table = table
        self._line = line
        self._subject = "" if UNSAFE.search(product_id) else product_id

    def add(self, field: str, wrong: WrongValue) -> None:
        self.problems.append(Problem(self._table.place(self._line, field), wrong.fact, wrong.cure, self._subject))


def _rows(table: Table) -> Iterator[tuple[int, dict[str, str]]]:
    columns = list(table.frame.columns)
    values = (table.frame[column].tolist() for column in columns)
    for line, *row in zip(table.frame.index.tolist(), *values, strict=True):
        yield line, dict(zip(columns, row, strict=True))


def _repeated(table: Table) -> Iterator[Problem]:
    """All rows of an id that stands in several: nobody knows which one is right."""
    ids = table.frame["id"]
    repeated = ids[ids.duplicated(keep=False) & (ids != "")]
    for product_id, rows in repeated.groupby(repeated, sort=False):
        lines = [int(line) for line in rows.index]
        fact = f"{quoted(product_id)} stands in lines {', '.join(map(str, lines))}"
        yield from (Problem(table.place(line, "id"), fact, "Keep one of them.", str(product_id)) for line in lines)


def _checked(row: Mapping[str, str], folder: Path, wrong: _Wrong) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields and attributes of a row; what is wrong goes to `wrong` and is left out."""
    fields: dict[str, Any] = {}
    attributes: dict[str, str] = {}
    for field, text in row.items():
        try:
            check_text(field, text)
            if field in PARSERS:
                fields[field] = PARSERS[field](text)
            elif field == "image_link":
                fields[field] = parse_image_link(text, folder)
            elif field in TEXTS:
                fields[field] = text
            else:
                attributes[field] = text
        except WrongValue as error:
            wrong.add(field, error)
    _check_sale(fields, wrong)
    return fields, attributes


def _check_sale(fields: dict[str, Any], wrong: _Wrong) -> None:
    """Split the sale window into its moments; a sale is cheaper, in the same currency."""
    if (window := fields.pop(WINDOW, None)) is not None:
        fields["sale_starts"], fields["sale_ends"] = window
    price, sale_price = fields.get("price"), fields.get("sale_price")
    if price is None or sale_price is None:
        return
    if sale_price.currency != price.currency:
        fact = f"{sale_price} is in another currency than the price, {price}"
        wrong.add("sale_price", WrongValue(fact, f"Write it in {price.currency}."))
    elif sale_price.amount >= price.amount:
        fact = f"{sale_price} is not below the price, {price}"
        wrong.add("sale_price", WrongValue(fact, "Lower it, or leave it empty."))
