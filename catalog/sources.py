"""Which files feed a campaign, grouped as people change them: the product feed, and the locales with their copy."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from catalog.campaign import Campaign
from catalog.campaign_file import S3
from catalog.feed import feed_suffix


@dataclass(frozen=True)
class Source:
    """Files that change together. `name` and `uri` are those of an Airflow asset.

    `files` are the paths as they are now; a feed on S3 has none, and its `uri` starts with `s3://`.
    """

    name: str
    uri: str
    files: tuple[Path, ...]


def sources(folder: Path, campaign: Campaign) -> tuple[Source, Source]:
    """Return the feed of a campaign with its local feeds, and its locales with their copy."""
    return _feed(folder, campaign), _locales(folder)


def _feed(folder: Path, campaign: Campaign) -> Source:
    if campaign.feed.startswith(S3):
        return Source(f"product feed {quote(campaign.feed.removeprefix(S3))}", campaign.feed, ())
    path = (folder / campaign.feed).resolve()
    stem, suffix = path.name.removesuffix(feed_suffix(path)), feed_suffix(path)
    local = sorted(other for other in path.parent.glob(f"{stem}.*{suffix}") if other != path)
    return Source(f"product feed {quote(f'{path.parent.name}/{path.name}')}", path.as_uri(), (path, *local))


def _locales(folder: Path) -> Source:
    words = [path for path in sorted(folder.glob("copy/*.yaml")) if not path.name.endswith(".draft.yaml")]
    own = [path for name in ("locales.yaml", "lexicon.yaml") if (path := folder / name).is_file()]
    catalog = Path(str(files("catalog") / "data" / "locales.yaml"))
    return Source(f"locales of {quote(folder.name)}", (folder.resolve() / "copy").as_uri(), (catalog, *own, *words))
