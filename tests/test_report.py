"""What a run leaves for people: files, report.json, the page, the table."""

from __future__ import annotations

import hashlib
import io
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from renderer import report
from renderer.report.gallery import Card, page
from renderer.run_records import DeliveredCreative, RunReport, Undelivered
from renderer.settings import Settings

ATTACK = '<script>alert(1)</script>" onload="alert(1)'


def ad(variant: str = "c/bottle/de-DE/story_9x16", **changes) -> DeliveredCreative:
    """A delivered creative of 3 s."""
    _, product, locale, form = variant.split("/")[:4]
    sha256 = hashlib.sha256(variant.encode()).hexdigest()
    stem = f"creatives/creative-{sha256[:32]}"
    facts = {
        "variant": variant,
        "product": product,
        "locale": locale,
        "format": form,
        "object": f"{stem}.mp4",
        "webvtt": f"{stem}.vtt",
        "srt": f"{stem}.srt",
        "ttml": f"{stem}.ttml",
        "poster": f"{stem}.jpg",
        "url": f"s3://bucket/{stem}.mp4",
        "sha256": sha256,
        "width": 1080,
        "height": 1920,
        "duration_s": 3.0,
        "terms": {"licence": "Apache-2.0"},
        "video_codec": "h264",
        "audio_codec": "aac",
        "loudness_lufs": -14.1,
        "peak_dbtp": -1.4,
        "warnings": (),
    }
    return DeliveredCreative.model_validate({**facts, **changes})


def account(*ads: DeliveredCreative, **changes) -> RunReport:
    """The account of a run that delivered these, with one of the other fates each."""
    facts = {
        "campaign": "c",
        "run_id": "r",
        "model": "backdrop",
        "requested": len(ads) + 1,
        "creatives": ads,
        "waiting": (),
        "rejected": (Undelivered(variant="c/candle", reason="rule: too loud"),),
        "failed": (),
        "problems": ("products.csv:7: price: 'x' is not an amount.",),
        "shots": 5,
        "shots_rendered": 2,
        "seconds": {"generate": 3.5},
    }
    return RunReport.model_validate({**facts, **changes})


def card(creative: DeliveredCreative, **changes) -> Card:
    """A card for the page."""
    facts = {
        "creative": creative,
        "video": "ads/a.mp4",
        "poster": "ads/a.jpg",
        "webvtt": "WEBVTT\n",
        "srt": "ads/a.srt",
        "headline": "Hallo",
        "language": "Deutsch",
        "direction": "ltr",
    }
    return Card(**{**facts, **changes})


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_report_has_what_other_programs_read():
    """Names and meaning of the fields are a promise."""
    one = ad()

    facts = report.as_json(account(one), {one.variant: "bottle"})

    assert {name: facts[name] for name in ("campaign", "run_id", "requested", "delivered", "rejected", "failed")} == {
        "campaign": "c",
        "run_id": "r",
        "requested": 2,
        "delivered": 1,
        "rejected": 1,
        "failed": 0,
    }
    assert (facts["shots"], facts["shots_rendered"], facts["shots_cached"]) == (5, 2, 3)
    assert facts["seconds"] == {"generate": 3.5}
    assert facts["problems"] == ["products.csv:7: price: 'x' is not an amount.", "c/candle: rule: too loud"]
    assert facts["creatives"][0] == {
        "variant": one.variant,
        "product": "bottle",
        "locale": "de-DE",
        "format": "story_9x16",
        "path": "ads/bottle.mp4",
        "poster": "ads/bottle.jpg",
        "captions": ["ads/bottle.vtt", "ads/bottle.srt", "ads/bottle.ttml"],
        "url": one.url,
        "sha256": one.sha256,
        "width": 1080,
        "height": 1920,
        "duration_s": 3.0,
        "video_codec": "h264",
        "audio_codec": "aac",
        "loudness_lufs": -14.1,
        "peak_dbtp": -1.4,
        "music": "",
        "music_licence": "",
        "terms": {
            "licence": "Apache-2.0",
            "attribution": "",
            "disclosure": False,
            "keeps_watermark": False,
            "trains_no_models": False,
        },
        "warnings": [],
    }


@pytest.mark.parametrize("variant", ["c/../../etc/x", "c/a b/de/f", "c/薔薇/ja/f", f"c/{'x' * 400}/de/f"])
def test_file_names_stay_in_their_folder_and_fit_every_file_system(variant):
    """A product id from a feed may hold anything."""
    name = report.file_name(ad().model_copy(update={"variant": variant}))

    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,119}", name)
    assert ".." not in name


def test_ads_with_similar_names_get_different_files():
    """`a b` and `a_b` both become `a_b`."""
    assert report.file_name(ad("c/a b/de-DE/f")) != report.file_name(ad("c/a_b/de-DE/f"))


def test_a_run_that_was_not_closed_has_no_report(tmp_path):
    """The command line says so instead of showing an empty page."""
    settings = Settings(store_url=f"file://{tmp_path}/store", build_dir=tmp_path / "build")

    assert report.write("c/unknown", settings) is None
    assert not report.demo_folder(settings).exists()


def test_the_page_loads_nothing_from_elsewhere():
    """It must work from disk, without a network, in ten years."""
    html = page(account(ad()), [card(ad())])

    addresses = [value for _, attrs in Tags(html).found for name, value in attrs.items() if name in ("src", "href")]
    policy = next(attrs["content"] for tag, attrs in Tags(html).found if attrs.get("http-equiv"))

    assert all(address.startswith(("ads/", "data:text/vtt")) for address in addresses)
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_text_from_feeds_stays_text():
    """A product title must not become markup."""
    hostile = ad().model_copy(update={"product": ATTACK, "format": ATTACK, "variant": ATTACK})

    html = page(account(hostile, campaign=ATTACK, problems=(ATTACK,)), [card(hostile, headline=ATTACK)])

    tags = Tags(html).found
    assert [tag for tag, _ in tags].count("script") == 1
    assert not [attrs for _, attrs in tags if "onload" in attrs]


def test_right_to_left_headlines_read_right_to_left():
    """An Arabic headline with a Latin brand name must not be reordered."""
    html = page(account(ad()), [card(ad("c/b/ar-EG/f"), headline="قنينة Aurora", language="العربية", direction="rtl")])

    assert '<b lang="ar-EG" dir="rtl">قنينة Aurora</b>' in html


def test_the_table_says_what_became_of_every_ad(tmp_path):
    """Requested, delivered, rejected with the reason, and where to look."""
    console = Console(file=io.StringIO(), width=200)

    console.print(report.table(account(ad(), rejected=(Undelivered(variant="v", reason="[bold]too loud"),)), tmp_path))
    text = console.file.getvalue()

    assert re.search(r"variants\s*│ 2", text)
    assert re.search(r"rejected\s*│ 1: \[bold\]too loud", text)
    assert "5, 2 of them rendered now" in text
    assert re.search(r"cached\s*│ 3", text)
    assert "index.html" in text


def test_the_page_brings_the_letters_that_machines_lack():
    """Japanese headlines show on a machine without Japanese fonts; English pages carry no font."""
    japanese = page(account(ad()), [card(ad("c/b/ja-JP/f"), headline="いまなら、お得。", language="日本語")])
    english = page(account(ad()), [card(ad(), headline="Now for less", language="English")])

    assert "U+3044" in japanese
    assert "font-src data:" in japanese
    assert "@font-face" not in english
    assert len(japanese) < len(english) + 40_000
