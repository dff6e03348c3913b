"""Checks single values of a product feed: text, address of a picture, availability, sale window."""

from __future__ import annotations

import os
import re
import unicodedata
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from catalog.errors import WrongValue, quoted

Availability = Literal["in_stock", "out_of_stock", "preorder", "backorder"]

# Merchant Center product data specification, support.google.com/merchants/answer/7052112, as of 2026-11-22
MAX_LENGTHS = {"id": 50, "title": 150, "description": 5000, "link": 2000, "image_link": 2000, "brand": 70, "color": 100}
MAX_MORE_IMAGES = 10
AVAILABILITIES: dict[str, Availability] = {
    "instock": "in_stock",
    "outofstock": "out_of_stock",
    "preorder": "preorder",
    "backorder": "backorder",
}

# Controls, line separators, bidi embeddings, overrides and isolates, byte order marks, the annotation marks that are
# ours (U+FFF9 to U+FFFB), what is left of a wrong decoding (C1 controls, U+FFFD), lone surrogates. LRM, RLM, ZWJ and
# ZWNJ may stay: Arabic and Indic scripts need them.
UNSAFE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffd\ud800-\udfff]")
UNSAFE_ON_ONE_LINE = re.compile(UNSAFE.pattern[:-1] + r"\t\r\n]")
ID = re.compile(r"\w[\w.:~+@=,()-]*")  # ids become part of variant ids and file names
ADDRESS = re.compile(r"(?P<scheme>https?|s3)://[^\s/?#@:]+(:[0-9]+)?(?P<path>/\S*)?")  # no user and password
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:?\d{2})", re.ASCII)


def check_text(field: str, text: str) -> None:
    """Pass text that may be drawn, spoken and logged.

    Raises:
        WrongValue: it holds what a reader cannot see, what reorders the line, or a line break; or it is too long.
    """
    unsafe = UNSAFE if field == "description" else UNSAFE_ON_ONE_LINE
    if (found := unsafe.search(text)) is not None:
        raise WrongValue(f"holds {_name(found[0])} at character {found.start() + 1}", "Remove it.")
    if len(text) > (limit := MAX_LENGTHS.get(field, len(text))):
        raise WrongValue(f"has {len(text)} characters", f"At most {limit} fit.")


def parse_id(text: str) -> str:
    """Return the id.

    Raises:
        WrongValue: it is empty or holds characters that do not belong into a file name.
    """
    if not text:
        raise WrongValue("is empty", "Give every product its own id.")
    if not ID.fullmatch(text):
        raise WrongValue(f"{quoted(text)} does not fit into a file name", "Use letters, digits and .-_:~+@=,().")
    return text


def parse_title(text: str) -> str:
    """Return the title.

    Raises:
        WrongValue: it is empty.
    """
    if not text:
        raise WrongValue("is empty", "Name the product.")
    return text


def parse_availability(text: str) -> Availability:
    """Read any spelling of Merchant Center's four values; nothing written means in stock.

    Raises:
        WrongValue: it is none of them.
    """
    if not text:
        return "in_stock"
    value = AVAILABILITIES.get(re.sub(r"[\s_-]", "", text).lower())
    if value is None:
        raise WrongValue(f"{quoted(text)} is unknown", "Write in_stock, out_of_stock, preorder or backorder.")
    return value


@lru_cache(maxsize=10_000)  # a sale has one window for many products
def parse_window(text: str) -> tuple[datetime, datetime]:
    """Read `2026-11-20T00:00-0800/2026-12-01T23:59-0800` into two aware moments.

    Raises:
        WrongValue: a moment is not ISO 8601 with an offset, or the sale ends before it starts.
    """
    parts = [part.strip() for part in text.split("/")]
    cure = "Write start/end, such as '2026-11-20T00:00-0800/2026-12-01T23:59-0800'."
    if len(parts) != 2 or not all(MOMENT.fullmatch(part) for part in parts):
        raise WrongValue(f"{quoted(text)} is not two moments with offset", cure)
    try:
        starts, ends = (datetime.fromisoformat(part) for part in parts)
    except ValueError as error:
        raise WrongValue(f"{quoted(text)} is no date: {error}", cure) from error
    if ends <= starts:
        raise WrongValue(f"{quoted(text)} ends before it starts", "Swap the two.")
    return starts, ends


def parse_link(text: str) -> str:
    """Return the address of the landing page, or nothing where none is written.

    Raises:
        WrongValue: it is not http or https.
    """
    if text and ((address := ADDRESS.fullmatch(text)) is None or address["scheme"] == "s3"):
        raise WrongValue(f"{quoted(text)} is no web address", "Write https:// and the address of the page.")
    return text


def parse_image_link(text: str, folder: Path) -> str:
    """Return an absolute path, an `s3://` or an `https://` address; relative paths start at the folder of the feed.

    Raises:
        WrongValue: it is empty, of another kind, leaves the folder, or names no file.
    """
    if not text:
        raise WrongValue("is empty", "Write a path beside the feed, s3:// or https://.")
    if "://" not in text:
        return _file_beside(text, folder)
    address = ADDRESS.fullmatch(text)
    if address is None or len(address["path"] or "") < len("/x"):
        raise WrongValue(f"{quoted(text)} is no address of a picture", "Write a path, s3:// or https://.")
    if address["scheme"] == "http":
        raise WrongValue(f"{quoted(text)} is not encrypted", f"Write {quoted(text.replace('http', 'https', 1))}.")
    return text


def parse_more_image_links(text: str, folder: Path) -> tuple[str, ...]:
    """Return the addresses of further pictures, written with commas between; Merchant Center allows ten.

    Raises:
        WrongValue: as `parse_image_link`, or there are more than ten.
    """
    links = [link.strip() for link in text.split(",") if link.strip()]
    if len(links) > MAX_MORE_IMAGES:
        raise WrongValue(f"has {len(links)} addresses", f"Keep {MAX_MORE_IMAGES} of them.")
    return tuple(parse_image_link(link, folder) for link in links)


def _file_beside(text: str, folder: Path) -> str:
    if "\\" in text or ":" in text or text.startswith(("/", "~")) or ".." in text.split("/"):
        raise WrongValue(f"{quoted(text)} leaves the folder of the feed", "Write a path below the feed, with /.")
    root = _real_path(str(folder))
    path = os.path.realpath(f"{root}/{text}")
    if not path.startswith(root + os.sep):
        raise WrongValue(f"{quoted(text)} leads out of the folder of the feed", "Put the picture there, not a link.")
    if not Path(path).is_file():
        raise WrongValue(f"{quoted(text)} is not there", "Put the picture beside the feed.")
    return path


@lru_cache(maxsize=100)
def _real_path(folder: str) -> str:
    return os.path.realpath(folder)


def _name(character: str) -> str:
    code = f"U+{ord(character):04X}"
    names = {"\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN"}
    return f"{code} {names.get(character) or unicodedata.name(character, '')}".strip()
