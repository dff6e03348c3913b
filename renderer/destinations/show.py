"""What platforms are told of, grouped as their files want it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from urllib.parse import quote

from renderer.publish import PUBLISHED
from renderer.run_records import LiveRow


@dataclass(frozen=True)
class Show:
    """Every creative of a campaign that was ever delivered; `public_url` is where the world finds the destination."""

    rows: tuple[LiveRow, ...]
    brand: str
    public_url: str

    @property
    def locales(self) -> tuple[str, ...]:
        """The locales that ever had an ad: the file of one that has none any more must say so."""
        return tuple(sorted({row.locale for row in self.rows}))

    def by_product(self, locale: str) -> dict[str, list[LiveRow]]:
        """Return what is on show in a locale, by product id, sorted by variant."""
        found: dict[str, list[LiveRow]] = defaultdict(list)
        for row in sorted(self.rows, key=lambda row: row.variant):
            if row.locale == locale and row.status == "delivered":
                found[row.product].append(row)
        return dict(sorted(found.items()))

    def web(self, url: str) -> str:
        """Return the address on the web of a published file; commas are encoded, because feeds list addresses."""
        return f"{self.public_url}/{PUBLISHED}{quote(url.rpartition(PUBLISHED)[2])}"
