"""The whole flow without Airflow: real model, real voices, real files, on a small format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from campaign_folder import CAMPAIGN, COPY, FEED, write_campaign
from renderer import batches
from renderer.measure import probe
from renderer.run_records import RunReport
from renderer.settings import Settings

SMALL_FORMAT = """tiny_9x16:
  width: 270
  height: 480
  frame_rate: 12
  min_duration_s: 1
  max_duration_s: 15
  loudness_lufs: -14
  loudness_tolerance_lu: 1
  peak_dbtp: -1
  max_size_mb: 20
  safe_area: {top: 20, right: 14, bottom: 40, left: 14}
  placements: [a test]
  source: this test
  as_of: 2026-01-01
"""
CAMPAIGN_OF_ONE_SCENE = CAMPAIGN.replace("formats: [story_9x16, square_1x1]", "formats: [tiny_9x16]")
THREE_PRODUCTS = FEED + "vase,Aurora Vase,lamp.png,,,Aurora,Holds flowers\n"


def run_whole(folder: Path, build: Path, run_id: str) -> RunReport:
    """Do what Airflow does, in this process."""
    settings = Settings(store_url=f"file://{build}/store", build_dir=build, workers=2)
    started = batches.start_run(str(folder), run_id, None, None, settings)
    planned = batches.plan_run(started["run"], settings)
    for batch in planned["batches"]:
        for stage in ("generate", "narrate", "caption", "compose", "check"):
            batches.run_stage(stage, batch, settings)
    batches.review_run(started["run"], settings)
    batches.publish_run(started["run"], settings)
    report = batches.open_run(started["run"], settings).report()
    assert report is not None
    return report


@pytest.fixture(scope="module")
def troubled(tmp_path_factory) -> tuple[Path, Path, RunReport]:
    """A campaign with a corrupt picture, a product without price, and a locale without a key."""
    folder = tmp_path_factory.mktemp("campaign")
    copy = COPY | {"de": COPY["de"].replace("cta: Jetzt kaufen\n", "")}
    write_campaign(folder, campaign=CAMPAIGN_OF_ONE_SCENE, feed=THREE_PRODUCTS, copy=copy)
    (folder / "formats.yaml").write_text(SMALL_FORMAT, encoding="utf-8")
    (folder / "lamp.png").write_bytes((folder / "lamp.png").read_bytes()[:2000])
    build = tmp_path_factory.mktemp("build")
    return folder, build, run_whole(folder, build, "first")


def test_three_faults_are_named_and_everything_else_is_delivered(troubled):
    """One corrupt picture, one missing price, one missing key: each has its sentence, the rest arrives."""
    _, _, report = troubled
    said = "\n".join(report.problems)

    assert ["test/cup/en-US/tiny_9x16", "test/cup/ja-JP/tiny_9x16"] == sorted(one.variant for one in report.creatives)
    assert (9, 2, 7) == (report.requested, report.delivered, len(report.failed))
    assert "products.csv:3: image_link" in said
    assert "products.csv:4: price" in said
    assert "de-DE has no 'cta'" in said
    assert not report.complete


def test_every_delivered_ad_carries_the_terms_of_its_model(troubled):
    """The report and the manifest name the licence that the pictures were made under."""
    _, build, report = troubled
    manifest = (build / "store" / "runs" / "test" / "first" / "manifest.jsonl").read_text(encoding="utf-8")

    assert {"Apache-2.0"} == {ad.terms.licence for ad in report.creatives}
    assert [("backdrop", "Apache-2.0")] * 2 == [
        (row["model"], row["licence"]) for row in map(json.loads, manifest.splitlines())
    ]


def test_the_account_closes(troubled):
    """Requested is delivered plus waiting plus rejected plus failed, and no failure is without a reason."""
    report = troubled[2]

    assert report.requested == report.delivered + len(report.waiting) + len(report.rejected) + len(report.failed)
    assert all(one.reason for one in report.failed)


def test_what_was_delivered_is_what_the_format_asks_for(troubled):
    """The file itself says so, not only its record."""
    _, build, report = troubled
    for creative in report.creatives:
        found = probe(build / "store" / creative.object)

        assert (270, 480, 12) == (found.width, found.height, round(found.frame_rate))
        assert ("h264", "aac", 48000) == (found.video_codec, found.audio_codec, found.sample_rate)
        assert abs(creative.loudness_lufs + 14) <= 1


def test_captions_lie_beside_the_video_in_both_formats(troubled):
    """WebVTT and SRT hold the locale's words, prices as digits."""
    _, build, report = troubled
    japanese = next(one for one in report.creatives if one.locale == "ja-JP")
    webvtt = (build / "store" / japanese.webvtt).read_text(encoding="utf-8")

    assert webvtt.startswith("WEBVTT")
    assert "1,200" in webvtt
    assert "-->" in (build / "store" / japanese.srt).read_text(encoding="utf-8")


def test_a_second_run_makes_nothing_again(troubled):
    """Everything is found in the store, and nothing is delivered twice."""
    folder, build, first = troubled
    deliveries = sorted((build / "store" / "deliveries").rglob("*.json"))
    second = run_whole(folder, build, "second")

    assert (0, first.shots) == (second.shots_rendered, second.shots_cached)
    assert [one.sha256 for one in first.creatives] == [one.sha256 for one in second.creatives]
    assert deliveries == sorted((build / "store" / "deliveries").rglob("*.json"))


def test_lost_work_is_made_again_with_the_same_bytes(troubled):
    """A take and an ad that vanish are made anew, and nothing else; the same input gives the same file."""
    folder, build, first = troubled
    creative = first.creatives[0]
    take = next((build / "store" / "takes").glob("*.mp4"))
    ad = build / "store" / creative.object
    record = ad.with_name(ad.name.rpartition("-")[0] + ".json")
    for lost in (take, take.with_suffix(".json"), ad, record):
        lost.unlink()
    third = run_whole(folder, build, "third")

    assert creative.sha256 in {one.sha256 for one in third.creatives}
    assert third.shots_rendered <= 1


def test_the_manifest_of_a_run_names_every_delivery(troubled):
    """One line per delivered variant, with the words and prices it shows."""
    _, build, report = troubled
    text = (build / "store" / "runs" / "test" / "first" / "manifest.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]

    assert {one.variant for one in report.creatives} == {row["variant"] for row in rows}
    assert {"$8", "￥1,200"} == {row["sale_price"] for row in rows}
