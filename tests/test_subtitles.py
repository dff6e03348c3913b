"""Caption files say what was said, whatever characters that takes."""

from __future__ import annotations

from pathlib import Path

import pysubs2

from renderer.artifacts import Cue
from renderer.subtitles import is_rtl, write_srt, write_webvtt

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
