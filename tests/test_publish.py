"""Publishing: once and only once, and only what was approved."""

from __future__ import annotations

import csv
import io
import json

import pytest

from campaign_folder import planned, write_campaign
from renderer.artifacts import Creative, Decision, Delivery
from renderer.errors import RenderError
from renderer.publish import manifest_row, publish_creative, write_manifest
from renderer.store import Store, open_store

SHA = "c" * 64


@pytest.fixture
def store(tmp_path) -> Store:
    store = open_store(f"file://{tmp_path / 'store'}")
    for suffix in ("mp4", "vtt", "srt", "ttml", "jpg"):
        store.put_bytes(f"creatives/creative-1.{suffix}", suffix.encode())
    return store


def creative(variant_id: str = "test/cup/en-US/story_9x16") -> Creative:
    name = "creatives/creative-1"
    return Creative(
        key="creative-1", variant_id=variant_id, object=f"{name}.mp4", webvtt=f"{name}.vtt", srt=f"{name}.srt", ttml=f"{name}.ttml",
        poster=f"{name}.jpg", sha256=SHA, size_bytes=3, width=1080, height=1920, num_frames=240, frame_rate=30, placed=(),
    )  # fmt: skip


def decision(verdict: str = "approve", sha256: str = SHA) -> Decision:
    return Decision(
        variant_id="v",
        sha256=sha256,
        verdict=verdict,
        reason="",
        reviewer="vera",
        decided_at="2026-01-01T00:00:00+00:00",
    )


def test_a_second_delivery_changes_nothing(store, tmp_path):
    """The first delivery is returned, with its first date."""
    destination = open_store(f"file://{tmp_path / 'cdn'}")
    first = publish_creative(creative(), decision(), store, destination)
    record = f"deliveries/{creative().variant_id}/{SHA}.json"
    destination.put_record(record, first.model_copy(update={"delivered_at": "2020-01-01T00:00:00+00:00"}))

    assert "2020-01-01T00:00:00+00:00" == publish_creative(creative(), decision(), store, destination).delivered_at
    assert [record] == list(destination.keys("deliveries/"))
    assert b"mp4" == destination.get_bytes(f"published/cc/{SHA}.mp4")


@pytest.mark.parametrize("wrong", [decision("reject"), decision(sha256="d" * 64)], ids=["rejected", "other bytes"])
def test_only_these_approved_bytes_are_delivered(store, wrong):
    """An approval of other bytes is none."""
    with pytest.raises(RenderError, match="nobody approved these bytes"):
        publish_creative(creative(), wrong, store, store)

    assert [] == list(store.keys("published/"))


def test_a_delivery_that_broke_off_is_finished_by_the_next(store):
    """Objects without a record do not count; the next publisher completes them."""
    store.put_bytes(f"published/cc/{SHA}.mp4", b"mp4")
    publish_creative(creative(), decision(), store, store)

    assert store.exists(f"published/cc/{SHA}.vtt")
    assert store.get_record(f"deliveries/{creative().variant_id}/{SHA}.json", Delivery)


def test_the_manifest_maps_variants_to_files_words_and_prices(store, tmp_path):
    """JSON lines for programs, CSV for people; no cell of it is a formula."""
    plan = planned(write_campaign(tmp_path / "campaign"))
    variant = next(one.variant for one in plan.variants if one.variant.id == "test/cup/de-DE/story_9x16")
    said = creative(variant.id).model_copy(update={"narration": "Fasst Kaffee Jetzt 9,50\xa0€"})
    delivery = publish_creative(said, decision(), store, store)
    write_manifest([manifest_row(variant.model_copy(update={"price": "=1+1"}), delivery)], "runs/test/r1", store)
    line = json.loads(store.get_bytes("runs/test/r1/manifest.jsonl"))
    row = next(csv.DictReader(io.StringIO(store.get_bytes("runs/test/r1/manifest.csv").decode("utf-8-sig"))))

    assert (variant.id, SHA, delivery.url) == (line["variant"], line["sha256"], line["url"])
    assert "Fasst Kaffee Jetzt 9,50\xa0€" == line["narration"]
    assert "'=1+1" == row["price"]
    assert "9,50\xa0€" == row["sale_price"]
