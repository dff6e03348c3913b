"""Meta catalogs: a supplementary feed per locale that adds videos to products by their id.

developers.facebook.com, "Allow product video in Advantage+ catalog ads", as of 2026-11-22: columns `video[0].url` and
`video[0].tag[0]`, and so on; at most 200 MB a file.
"""

from __future__ import annotations

import csv
import io

from renderer.destinations.show import Show
from renderer.run_records import LiveRow

MAX_VIDEOS = 10  # Meta names no limit
MAX_BYTES = 200 * 10**6


def meta_catalog(show: Show) -> dict[str, bytes]:
    """Return `<locale>.csv` for every locale that ever had ads; the tag of a video is its format."""
    return {f"{locale}.csv": _feed(show, locale) for locale in show.locales}


def _feed(show: Show, locale: str) -> bytes:
    products = {product: _fitting(rows) for product, rows in show.by_product(locale).items()}
    most = max((len(rows) for rows in products.values()), default=1) or 1
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["id", *(name for n in range(most) for name in (f"video[{n}].url", f"video[{n}].tag[0]"))])
    for product, rows in products.items():
        cells = [cell for row in rows for cell in (show.web(row.url), row.format)]
        if cells:
            writer.writerow([product, *cells, *([""] * (2 * most - len(cells)))])
    return table.getvalue().encode()


def _fitting(rows: list[LiveRow]) -> list[LiveRow]:
    return [row for row in rows if row.size_bytes <= MAX_BYTES][:MAX_VIDEOS]
