"""Copies approved creatives to their destination, once, and writes the manifest that maps variants to files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from catalog import Variant
from renderer.artifacts import Creative, Decision, Delivery
from renderer.errors import RenderError
from renderer.run_records import ManifestRow, ModelUse, Terms
from renderer.store import Store

PUBLISHED = "published/"
SIDECARS = {"webvtt": ".vtt", "srt": ".srt", "ttml": ".ttml", "poster": ".jpg"}
CAPTION_FILES = ("webvtt", "srt", "ttml")
NO_USE, NO_TERMS = ModelUse(), Terms()


def publish(approved: Iterable[tuple[Creative, Decision]], store: Store, destination: Store) -> Iterator[Delivery]:
    """Yield the delivery of each approved creative."""
    for creative, decision in approved:
        yield publish_creative(creative, decision, store, destination)


def publish_creative(creative: Creative, decision: Decision, store: Store, destination: Store) -> Delivery:
    """Put one creative at its destination; doing it again changes nothing and returns the first delivery.

    Raises:
        RenderError: the decision is not an approval of exactly these bytes.
    """
    if decision.verdict != "approve" or decision.sha256 != creative.sha256:
        raise RenderError(
            f"{creative.variant_id}: nobody approved these bytes ({creative.sha256[:12]}). Review it first."
        )
    record_key = f"deliveries/{creative.variant_id}/{creative.sha256}.json"
    if (known := destination.get_record(record_key, Delivery)) is not None:
        return known
    name = f"{PUBLISHED}{creative.sha256[:2]}/{creative.sha256}"
    destination.put_file(f"{name}.mp4", store.local(creative.object))
    for field, suffix in SIDECARS.items():
        destination.put_file(f"{name}{suffix}", store.local(getattr(creative, field)))
    delivery = Delivery(
        variant_id=creative.variant_id,
        sha256=creative.sha256,
        url=destination.url(f"{name}.mp4"),
        captions=tuple(destination.url(f"{name}{SIDECARS[field]}") for field in CAPTION_FILES),
        narration=creative.narration,
        delivered_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    # of two publishers at the same moment one writes the record, and both return it
    destination.put_bytes(record_key, delivery.model_dump_json().encode())
    return destination.get_record(record_key, Delivery) or delivery


def manifest_row(variant: Variant, delivery: Delivery, use: ModelUse = NO_USE, terms: Terms = NO_TERMS) -> ManifestRow:
    """Return the line of the manifest: what a delivered file shows, says and costs, what made it and on which terms."""
    return ManifestRow(
        variant=variant.id,
        campaign=variant.campaign,
        product=variant.product_id,
        locale=variant.locale,
        format=variant.format,
        axes=variant.axes,
        url=delivery.url,
        sha256=delivery.sha256,
        captions=delivery.captions,
        headlines=tuple(scene.headline for scene in variant.scenes),
        narration=delivery.narration,
        cta=variant.end_card.cta if variant.end_card else "",
        price=variant.price,
        sale_price=variant.sale_price,
        music=variant.music.file or variant.music.mood,
        music_licence=variant.music.rights,
        delivered_at=delivery.delivered_at,
        **use.model_dump(),
        **terms.model_dump(),
    )


def write_manifest(
    rows: Iterable[ManifestRow], prefix: str, store: Store, kind: type[ManifestRow] = ManifestRow
) -> None:
    """Write `manifest.jsonl` and `manifest.csv` below `prefix`, with the columns of `kind`."""
    rows = list(rows)
    lines = "".join(f"{row.model_dump_json()}\n" for row in rows)
    store.put_bytes(f"{prefix}/manifest.jsonl", lines.encode(), replace=True)
    store.put_bytes(f"{prefix}/manifest.csv", _csv(rows, kind).encode("utf-8-sig"), replace=True)


def _csv(rows: list[ManifestRow], kind: type[ManifestRow]) -> str:
    """Return the rows for spreadsheets: lists joined, and no cell that a spreadsheet would take for a formula."""
    table = io.StringIO()
    writer = csv.DictWriter(table, fieldnames=list(kind.model_fields))
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.model_dump().items()})
    return table.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, dict):
        text = " · ".join(f"{name}={entry}" for name, entry in value.items())
    elif isinstance(value, tuple | list):
        text = " · ".join(map(str, value))
    else:
        text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
