"""Reads the product feed (CSV, TSV, JSONL, RSS/Atom XML; gz too) into products that name their source line."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Money(BaseModel):
    """An exact amount in one currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Decimal
    currency: str  # ISO 4217

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


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
