"""Google Merchant Center: a supplemental feed per locale that adds `video_link` to products by their id.

support.google.com/merchants/answer/15216925, as of 2026-11-22: at most ten addresses of 2,000 characters, with commas
between them in tab-separated files.
"""

from __future__ import annotations

from renderer.destinations.show import Show

MAX_VIDEOS = 10


def merchant_center(show: Show) -> dict[str, bytes]:
    """Return `<locale>.tsv` for every locale that ever had ads."""
    return {f"{locale}.tsv": _feed(show, locale) for locale in show.locales}


def _feed(show: Show, locale: str) -> bytes:
    lines = ["id\tvideo_link"]
    for product, rows in show.by_product(locale).items():
        links = ",".join(show.web(row.url) for row in rows[:MAX_VIDEOS])
        lines.append(f"{product}\t{links}")
    return "".join(f"{line}\n" for line in lines).encode()
