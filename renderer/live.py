"""What of a campaign is on show: every creative ever delivered, with when and why it was superseded or withdrawn.

Runs only add events, and the manifest is what all events say together, so two publishers at once lose nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from renderer.artifacts import Checked, Creative, Decision
from renderer.errors import PlanError
from renderer.offers import Cause, why_gone
from renderer.publish import write_manifest
from renderer.run_records import LiveRow, ManifestRow, Offer, Offers, VariantPlan
from renderer.store import Store


def campaign_prefix(campaign: str) -> str:
    """Return where a destination keeps what is on show of a campaign."""
    return f"campaigns/{campaign}"


def live_rows(campaign: str, destination: Store) -> list[LiveRow]:
    """Return every creative that was ever delivered, as it stands now, in the order of delivery."""
    return folded(_events(_keys(campaign, destination), destination))


def add_events(events: Sequence[LiveRow], campaign: str, destination: Store) -> list[LiveRow]:
    """Write down deliveries and withdrawals, write the manifest anew, and return its rows.

    Whoever adds an event meanwhile sees it in the manifest too: it is written until no event is missing in it.
    """
    if events:
        body = "".join(f"{event.model_dump_json()}\n" for event in events).encode()
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}.jsonl"
        destination.put_bytes(f"{campaign_prefix(campaign)}/events/{name}", body)
    while True:
        keys = _keys(campaign, destination)
        rows = folded(_events(keys, destination))
        write_manifest(rows, campaign_prefix(campaign), destination, LiveRow)
        if _keys(campaign, destination) == keys:
            return rows


def folded(events: Iterable[LiveRow]) -> list[LiveRow]:
    """Return the rows that events, in order, lead to: one for each variant and file."""
    rows: dict[tuple[str, str], LiveRow] = {}
    shown: dict[str, str] = {}
    for event in events:
        former = shown.get(event.variant)
        if event.status == "delivered":
            if former is not None and former != event.sha256:
                rows[event.variant, former] = _superseded(rows[event.variant, former], event)
            shown[event.variant] = event.sha256
        elif former != event.sha256:  # another publisher was faster: it is off show already
            continue
        else:
            del shown[event.variant]
        rows[event.variant, event.sha256] = event
    return list(rows.values())


def live_row(
    row: ManifestRow, planned: VariantPlan, creative: Creative, checked: Checked, offers: Offers | None, run: str
) -> LiveRow:
    """Return the row of a creative that a run has delivered."""
    offer = offers.products.get(row.product, Offer()) if offers else Offer()
    return LiveRow(
        **row.model_dump(),
        status="delivered",
        status_at=_second(datetime.now(UTC)),
        run=run,
        title=planned.variant.title,
        link=offer.links.get(row.locale) or offer.links.get("", ""),
        width=creative.width,
        height=creative.height,
        duration_s=checked.duration_s,
        size_bytes=creative.size_bytes,
    )


def news(live: Iterable[LiveRow], delivered: Iterable[LiveRow]) -> list[LiveRow]:
    """Return those deliveries that are not on show already."""
    shown = {(row.variant, row.sha256) for row in live if row.status == "delivered"}
    return [row for row in delivered if (row.variant, row.sha256) not in shown]


def gone(rows: Iterable[LiveRow], offers: Offers, run: str) -> list[tuple[Cause, LiveRow]]:
    """Return the withdrawals that offers ask for, each with its cause."""
    now = datetime.now(UTC)
    found = []
    for row in rows:
        reason = why_gone(row.product, row.locale, row.format, bool(row.sale_price), offers, now)
        if row.status == "delivered" and reason is not None:
            found.append((reason[0], _withdrawn(row, reason[1], run)))
    return found


def recalled(live: Iterable[LiveRow], decisions: Iterable[Decision], run: str) -> list[LiveRow]:
    """Return the withdrawals of creatives on show that a person has rejected since."""
    rejected = {decision.sha256: decision for decision in decisions if decision.verdict == "reject"}
    found = [(row, rejected[row.sha256]) for row in live if row.status == "delivered" and row.sha256 in rejected]
    return [_withdrawn(row, f"{decision.reviewer}: {decision.reason}", run) for row, decision in found]


def refuse_shrunken(
    campaign: str, live: Iterable[LiveRow], withdrawals: Iterable[tuple[Cause, LiveRow]], offers: Offers
) -> None:
    """Stop for a person where so much of the feed is gone that the feed may be wrong.

    Raises:
        PlanError: it lacks a larger share of the advertised products than the campaign allows.
    """
    shown = {row.product for row in live if row.status == "delivered"}
    lost = {row.product for cause, row in withdrawals if cause == "feed"}
    if lost and len(lost) > offers.feed_shrink * len(shown):
        some = ", ".join(sorted(lost)[:5])
        raise PlanError(
            f"{campaign}: {len(lost)} of {len(shown)} advertised products are gone from the feed (such as {some}), and "
            f"feed_shrink: {offers.feed_shrink:g} allows less. Mend the feed, or start a run with 'allow_shrink'."
        )


def _withdrawn(row: LiveRow, reason: str, run: str) -> LiveRow:
    changes = {"status": "withdrawn", "status_at": _second(datetime.now(UTC)), "reason": reason, "run": run}
    return row.model_copy(update=changes)


def _superseded(row: LiveRow, successor: LiveRow) -> LiveRow:
    reason = f"{successor.sha256[:12]} took its place"
    changes = {"status": "superseded", "status_at": successor.status_at, "reason": reason, "run": successor.run}
    return row.model_copy(update=changes)


def _keys(campaign: str, destination: Store) -> list[str]:
    return list(destination.keys(f"{campaign_prefix(campaign)}/events/"))


def _events(keys: Iterable[str], destination: Store) -> Iterable[LiveRow]:
    for key in keys:
        for line in (destination.get_bytes(key) or b"").splitlines():
            yield LiveRow.model_validate_json(line)


def _second(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
