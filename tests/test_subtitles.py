"""Caption files say what was said, whatever characters that takes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import pysubs2
import pytest
from defusedxml.ElementTree import fromstring
from ttconv.imsc import reader

from catalog.formats import read_formats
from catalog.locales import read_locales
from renderer.artifacts import Cue
from renderer.subtitles import is_rtl, read_webvtt, write_srt, write_ttml, write_webvtt

LOCALES = read_locales()

CUES = [
    Cue(start_ms=250, end_ms=1500, lines=("Salt & pepper <3", "{really}")),
    Cue(start_ms=61_000, end_ms=62_345, lines=("بارد لمدة ٢٤ ساعة", "Aurora")),
]


def test_webvtt_is_exact(tmp_path: Path) -> None:
    """Times, escapes and isolates stand where the standard wants them; braces survive."""
    write_webvtt(tmp_path / "a.vtt", CUES)

    assert (tmp_path / "a.vtt").read_text(encoding="utf-8").split("\n\n")[:3] == [
        "WEBVTT",
        "1\n00:00:00.250 --> 00:00:01.500\nSalt &amp; pepper &lt;3\n{really}",
        "2\n00:01:01.000 --> 00:01:02.345\n\u2067بارد لمدة ٢٤ ساعة\u2069\nAurora",
    ]


def test_srt_can_be_read_back(tmp_path: Path) -> None:
    """Another program finds the same times and lines."""
    write_srt(tmp_path / "a.srt", CUES)

    read = pysubs2.load(str(tmp_path / "a.srt"), encoding="utf-8")

    assert [(event.start, event.end) for event in read] == [(250, 1500), (61_000, 62_345)]
    assert read[1].plaintext == "\u2067بارد لمدة ٢٤ ساعة\u2069\nAurora"


def test_no_cues_make_an_empty_file(tmp_path: Path) -> None:
    """A silent ad still has a valid WebVTT file."""
    write_webvtt(tmp_path / "a.vtt", [])

    assert (tmp_path / "a.vtt").read_text(encoding="utf-8").strip() == "WEBVTT"


def test_direction_is_that_of_the_first_letter() -> None:
    """Digits and signs have no direction of their own."""
    assert [is_rtl(line) for line in ("24 ساعة", "Aurora ساعة", "1,990", "")] == [True, False, False, False]


TTML = {"tt": "http://www.w3.org/ns/ttml"}
ATTRIBUTE = {
    prefix: f"{{http://www.w3.org/ns/ttml#{name}}}" for prefix, name in (("ttp", "parameter"), ("tts", "styling"))
}
XML = "{http://www.w3.org/XML/1998/namespace}"
STORY = read_formats()["story_9x16"]


def test_ttml_is_imsc_text_inside_the_safe_area(tmp_path: Path) -> None:
    """The profile, the language, one region that is the safe area, relative sizes, clock times in milliseconds."""
    write_ttml(tmp_path / "a.ttml", CUES, LOCALES["ar-EG"], STORY)

    root = fromstring((tmp_path / "a.ttml").read_bytes())
    region = root.find("tt:head/tt:layout/tt:region", TTML)
    body = root.find("tt:body", TTML)
    x, y = (float(part.rstrip("%")) for part in region.get(f"{ATTRIBUTE['tts']}origin").split())
    width, height = (float(part.rstrip("%")) for part in region.get(f"{ATTRIBUTE['tts']}extent").split())
    assert root.get(f"{ATTRIBUTE['ttp']}contentProfiles") == "http://www.w3.org/ns/ttml/profile/imsc1.1/text"
    assert root.get(f"{XML}lang") == "ar-EG"
    assert (x, y) == pytest.approx((100 * 120 / 1080, 100 * 288 / 1920), abs=0.001)
    assert (x + width, y + height) == pytest.approx((100 - 100 * 192 / 1080, 100 - 100 * 672 / 1920), abs=0.001)
    assert body.get("region") == region.get(f"{XML}id")
    assert [(p.get("begin"), p.get("end")) for p in body.iter(f"{{{TTML['tt']}}}p")] == [
        ("00:00:00.250", "00:00:01.500"),
        ("00:01:01.000", "00:01:02.345"),
    ]
    assert not any("px" in value for element in root.iter() for value in element.attrib.values())


def test_ttml_keeps_text_and_tells_its_direction(tmp_path: Path) -> None:
    """Escapes are undone by any reader; each line has its own direction inside a document that has its locale's."""
    odd = Cue(start_ms=70_000, end_ms=71_000, lines=("tab\there \x0b & <b>", "two  spaces"))
    write_ttml(tmp_path / "a.ttml", [*CUES, odd], LOCALES["ar-EG"], STORY)

    root = fromstring((tmp_path / "a.ttml").read_bytes())
    spans = [(span.text, span.get(f"{ATTRIBUTE['tts']}direction")) for span in root.iter(f"{{{TTML['tt']}}}span")]
    assert root.find("tt:body", TTML).get(f"{ATTRIBUTE['tts']}direction") == "rtl"
    assert spans == [
        ("Salt & pepper <3", "ltr"),
        ("{really}", "ltr"),
        ("بارد لمدة ٢٤ ساعة", "rtl"),
        ("Aurora", "ltr"),
        ("tab\there  & <b>", "ltr"),
        ("two  spaces", "ltr"),
    ]


def test_another_program_understands_the_ttml(tmp_path: Path) -> None:
    """ttconv reads it and finds the same times, lines and breaks."""
    write_ttml(tmp_path / "a.ttml", CUES, LOCALES["en-US"], STORY)

    document = reader.to_model(ElementTree.parse(tmp_path / "a.ttml"))

    found = [
        (element.get_begin(), element.get_end(), [type(child).__name__ for child in element])
        for element in document.get_body().dfs_iterator()
        if type(element).__name__ == "P"
    ]
    assert found == [
        (Fraction(1, 4), Fraction(3, 2), ["Span", "Br", "Span"]),
        (Fraction(61), Fraction(62345, 1000), ["Span", "Br", "Span"]),
    ]


def test_webvtt_gives_its_cues_back(tmp_path: Path) -> None:
    """What check reads is what was written, isolates and escapes undone."""
    write_webvtt(tmp_path / "a.vtt", CUES)

    assert read_webvtt((tmp_path / "a.vtt").read_text(encoding="utf-8")) == CUES
    assert read_webvtt("") == []
