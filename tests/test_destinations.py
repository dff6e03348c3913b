"""What platforms are told: exactly what is on show, in the form they read, whatever products are called."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET

import pytest
from pydantic import TypeAdapter

from catalog.campaign import DestinationName
from renderer.destinations import DESTINATIONS, check_destinations, show_of, tell
from renderer.destinations.merchant_center import merchant_center
from renderer.destinations.meta_catalog import meta_catalog
from renderer.destinations.vast import vast
from renderer.errors import PlanError
from renderer.settings import Settings
from renderer.store import open_store
from test_live import row

SETTINGS = Settings(public_url="https://cdn.example.com/ads/")
HOSTILE = "杯 <script>alert('&')</script> \x00\x0b\ufffe ]]> \"كأس\""
NAMES = {"vast": "http://www.iab.com/VAST"}


def on_show(*rows):
    return show_of(rows, "Aurora & Söhne", SETTINGS)


def cup(form: str = "story_9x16", locale: str = "ja-JP", product: str = "cup", **changes):
    """A delivered creative of 12.345 s and 3 MB."""
    sha256 = changes.pop("sha256", f"{len(form):x}" * 64)
    folder = f"s3://ads/x/published/{sha256[:2]}/{sha256}"
    facts = {"width": 1080, "height": 1920, "duration_s": 12.345, "size_bytes": 3_000_000, "title": HOSTILE}
    facts |= {"url": f"{folder}.mp4", "captions": tuple(f"{folder}.{kind}" for kind in ("vtt", "srt", "ttml"))}
    return row(f"c/{product}/{locale}/{form}", sha256, **(facts | {"link": "https://shop/カップ?a=1&b=2"} | changes))


def test_merchant_center_gets_every_video_of_a_product_by_locale():
    """One row per product with all its formats; what is withdrawn is not in it, and its file still is there."""
    files = merchant_center(
        on_show(
            cup(), cup("wide_16x9"), cup(locale="de-DE", status="withdrawn"), cup(product="vase,blau", sha256="f" * 64)
        )
    )
    lines = [line.split("\t") for line in files["ja-JP.tsv"].decode().splitlines()]

    assert files["de-DE.tsv"] == b"id\tvideo_link\n"
    assert lines[0] == ["id", "video_link"]
    assert [line[0] for line in lines[1:]] == ["cup", "vase,blau"]
    assert lines[1][1].split(",") == [
        f"https://cdn.example.com/ads/published/{mark * 2}/{mark * 64}.mp4" for mark in ("a", "9")
    ]


def test_merchant_center_reads_ten_videos_at_most():
    """An eleventh would make the row wrong."""
    rows = [cup(f"form_{n}", sha256=f"{n:064x}") for n in range(12)]

    assert 10 == merchant_center(on_show(*rows))["ja-JP.tsv"].count(b".mp4")


def test_meta_gets_videos_as_numbered_columns():
    """Columns for as many videos as the richest product has; files that are too large are left out."""
    rows = [cup(), cup("wide_16x9"), cup("square_1x1_", size_bytes=201_000_000), cup(product="vase", sha256="f" * 64)]
    read = list(csv.DictReader(io.StringIO(meta_catalog(on_show(*rows))["ja-JP.csv"].decode())))

    assert [one["id"] for one in read] == ["cup", "vase"]
    assert [read[0][f"video[{n}].tag[0]"] for n in range(2)] == ["story_9x16", "wide_16x9"]
    assert read[0]["video[0].url"].startswith("https://cdn.example.com/ads/published/")
    assert (read[1]["video[1].url"], "video[2].url" in read[0]) == ("", False)


def test_a_vast_document_says_what_a_player_needs():
    """In the standard's order; titles in any script are text, and what XML cannot hold is left out."""
    files = vast(on_show(cup()))
    root = ET.fromstring(files["cup/ja-JP/story_9x16.xml"])
    (inline,) = root.findall("vast:Ad/vast:InLine", NAMES)
    creative = [child.tag.partition("}")[2] for child in inline.find("vast:Creatives/vast:Creative", NAMES)]
    (linear,) = inline.findall("vast:Creatives/vast:Creative/vast:Linear", NAMES)
    (media,) = linear.findall("vast:MediaFiles/vast:MediaFile", NAMES)
    order = [child.tag.partition("}")[2] for child in inline]

    assert (root.tag, root.get("version")) == ("{http://www.iab.com/VAST}VAST", "4.2")
    assert order == ["AdSystem", "Impression", "AdServingId", "AdTitle", "Advertiser", "Creatives"]
    assert creative == ["Linear", "UniversalAdId"]
    assert [child.tag.partition("}")[2] for child in linear] == ["Duration", "MediaFiles", "VideoClicks"]
    assert inline.find("vast:AdTitle", NAMES).text == "杯 <script>alert('&')</script>  ]]> \"كأس\""
    assert linear.find("vast:Duration", NAMES).text == "00:00:12.345"
    assert (media.get("width"), media.get("height"), media.get("bitrate")) == ("1080", "1920", "1944")
    assert media.text.startswith("https://cdn.example.com/ads/published/")
    assert linear.find("vast:VideoClicks/vast:ClickThrough", NAMES).text == "https://shop/カップ?a=1&b=2"
    assert [one.get("type") for one in linear.iter("{http://www.iab.com/VAST}ClosedCaptionFile")] == [
        "text/vtt", "text/srt", "application/ttml+xml",
    ]  # fmt: skip


def test_a_vast_address_stays_and_answers_with_no_ad_after_a_withdrawal():
    """An ad server that has the address shows nothing rather than an old price."""
    old, new = cup(sha256="0" * 64, status="superseded"), cup(sha256="1" * 64)
    shown = vast(on_show(old, new))
    gone = vast(on_show(old, new.model_copy(update={"status": "withdrawn"})))

    assert list(shown) == list(gone)
    assert b"1" * 64 in shown["cup/ja-JP/story_9x16.xml"]
    assert [] == list(ET.fromstring(gone["cup/ja-JP/story_9x16.xml"]))


def test_only_what_changed_is_written_again(tmp_path):
    """Ten thousand documents that stayed cost one read."""
    cdn = open_store(f"file://{tmp_path}")
    rows = [cup(), cup("wide_16x9")]

    assert 3 == tell(["manifest", "merchant_center", "vast"], on_show(*rows), "campaigns/c", cdn)
    assert 0 == tell(["manifest", "merchant_center", "vast"], on_show(*rows), "campaigns/c", cdn)
    assert 2 == tell(
        ["merchant_center", "vast"], on_show(rows[0], cup("wide_16x9", status="withdrawn")), "campaigns/c", cdn
    )
    assert cdn.get_bytes("campaigns/c/vast/cup/ja-JP/story_9x16.xml").startswith(b"<?xml")


def test_platforms_need_an_address_on_the_web():
    """Said when the campaign is planned, with the setting that is missing."""
    check_destinations(["manifest"], Settings())
    check_destinations(["vast"], SETTINGS)
    with pytest.raises(PlanError, match=r"merchant_center, vast must reach the videos.*ADLOOM_PUBLIC_URL"):
        check_destinations(["manifest", "merchant_center", "vast"], Settings())


@pytest.mark.parametrize("kind", DESTINATIONS)
def test_campaigns_may_name_every_kind(kind):
    """The table and the campaign's field list the same names."""
    assert kind == TypeAdapter(DestinationName).validate_python(kind)
