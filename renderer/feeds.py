"""Fetches a product feed from S3, with the local feeds beside it; each state of it once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from catalog.campaign_file import S3, load_campaign
from catalog.feed import feed_suffix
from renderer.errors import StoreError
from renderer.settings import Settings
from renderer.store.s3 import read_s3_object, s3_etags

MAX_FEED_BYTES = 1_000_000_000


def feed_file(folder: Path, settings: Settings) -> Path | None:
    """Return where the feed of a campaign lies after fetching it, or None where it is a file already.

    Raises:
        CatalogError: the campaign cannot be used.
        StoreError: the feed is not there, or may not be read.
    """
    campaign, _ = load_campaign(folder)
    if not campaign.feed.startswith(S3):
        return None
    states = feed_states(campaign.feed)
    target = settings.cache_dir / "feeds" / feed_digest(states)
    for url in states:
        path = target / url.rpartition("/")[2]
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name}")
            partial.write_bytes(read_s3_object(url, MAX_FEED_BYTES))
            partial.replace(path)
    return target / campaign.feed.rpartition("/")[2]


def feed_states(url: str) -> dict[str, str]:
    """Return the ETags of a feed on S3 and of the local feeds beside it (`products.de-DE.csv`), by address.

    Raises:
        StoreError: the feed is not there, or may not be listed.
    """
    name = urlsplit(url).path.rpartition("/")[2]
    suffix = feed_suffix(Path(name))
    start = url.removesuffix(suffix)
    found = s3_etags(start)
    states = {key: tag for key, tag in sorted(found.items()) if _beside(key, start, suffix)}
    if url not in states:
        raise StoreError(f"{url}: there is no such object. Check the address, or upload the feed.")
    return states


def feed_digest(states: dict[str, str]) -> str:
    """Return one name for the state of all these objects."""
    return hashlib.sha256("\n".join(f"{url} {tag}" for url, tag in sorted(states.items())).encode()).hexdigest()


def _beside(url: str, start: str, suffix: str) -> bool:
    """Tell whether an object is the feed itself or a local one; `products` also begins `products-old.csv`."""
    middle = url.removeprefix(start).removesuffix(suffix)
    return url.endswith(suffix) and (not middle or (middle.startswith(".") and "/" not in middle))
