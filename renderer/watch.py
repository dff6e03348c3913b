"""Sees which catalogs changed: files by their content, feeds on S3 by ETag, sales by the clock. Renders nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from catalog.campaign_file import S3, read_campaigns
from catalog.sources import Source, sources
from renderer.artifacts import Record
from renderer.digest import file_sha256
from renderer.errors import PlanError, StoreError
from renderer.feeds import feed_digest, feed_states
from renderer.offers import latest, sale_boundaries
from renderer.settings import Settings
from renderer.store import Store, open_store

SETTLED_S = 10.0  # files that changed just now may be half written


class Seen(Record):
    """The state of a source that its campaigns were told of, and until when its sales were looked at."""

    digest: str
    looked_at: str  # ISO 8601, UTC


def look(settings: Settings) -> list[dict[str, Any]]:
    """Return what campaigns must be told of: each changed source with `name`, `uri`, `reason`, `digest`, `looked_at`.

    A source that was never seen has no reason: there is nothing to tell, only to remember. One that cannot be read has
    an `error` and no digest; the others are looked at all the same. Campaigns that cannot be read are left out;
    Airflow shows them as import errors.
    """
    store = open_store(settings.store_url, settings.cache_dir)
    now = datetime.now(UTC)
    campaigns, _ = read_campaigns(settings.templates_dir)
    used: dict[str, tuple[Source, list[str]]] = {}
    for name, campaign in campaigns.items():
        for source in sources(settings.templates_dir / name, campaign):
            used.setdefault(source.uri, (source, []))[1].append(campaign.id)
    found = (_changed(source, users, store, now) for source, users in used.values())
    return [change for change in found if change is not None]


def remember(changes: Iterable[Mapping[str, Any]], settings: Settings) -> int:
    """Write down that campaigns were told; return of how many changes. Not before: a lost message is told again.

    Raises:
        PlanError: sources could not be read; what could is remembered.
    """
    store = open_store(settings.store_url, settings.cache_dir)
    changes, count = list(changes), 0
    for change in (one for one in changes if "digest" in one):
        store.put_record(_key(change["uri"]), Seen(digest=change["digest"], looked_at=change["looked_at"]))
        count += 1
    if unread := [f"{change['name']}: {change['error']}" for change in changes if "error" in change]:
        raise PlanError("\n".join(unread))
    return count


def _changed(source: Source, users: Iterable[str], store: Store, now: datetime) -> dict[str, Any] | None:
    seen = store.get_record(_key(source.uri), Seen)
    try:
        if any(abs(now.timestamp() - path.stat().st_mtime) < SETTLED_S for path in source.files):
            return None  # somebody may still be writing: the next look will tell
        digest = _digest(source)
    except (StoreError, OSError) as error:
        return {"name": source.name, "uri": source.uri, "reason": "", "error": str(error)}
    if seen is None:
        reason = ""
    elif seen.digest != digest:
        reason = "its content changed"
    elif source.name.startswith("product feed") and _sale_turned(users, seen, store, now):
        reason = "a sale began or ended"
    else:
        return None
    facts = {"name": source.name, "uri": source.uri, "reason": reason, "digest": digest}
    return facts | {"looked_at": now.isoformat(timespec="seconds")}


def _sale_turned(users: Iterable[str], seen: Seen, store: Store, now: datetime) -> bool:
    since = datetime.fromisoformat(seen.looked_at)
    for campaign in users:
        offers = latest(campaign, store)
        if offers is None:
            continue
        told = max(since, datetime.fromisoformat(offers.as_of))
        if any(told < moment <= now for moment in sale_boundaries(offers)):
            return True
    return False


def _digest(source: Source) -> str:
    if source.uri.startswith(S3):
        return feed_digest(feed_states(source.uri))
    return hashlib.sha256("\n".join(map(_named_digest, source.files)).encode()).hexdigest()


def _named_digest(path: Path) -> str:
    return f"{path.name} {file_sha256(path)}"


def _key(uri: str) -> str:
    return f"watch/{hashlib.sha256(uri.encode()).hexdigest()}.json"
