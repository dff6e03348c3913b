"""Writes cues as WebVTT and SRT beside the ad, with pysubs2."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import pysubs2

from renderer.artifacts import Cue

RTL_ISOLATE, END_ISOLATE = "\u2067", "\u2069"


def write_webvtt(path: Path, cues: Iterable[Cue]) -> None:
    """Write WebVTT, UTF-8. `&`, `<` and `>` are escaped, right-to-left lines stand in isolates."""
    _write(path, "vtt", cues, lambda line: html.escape(line, quote=False))


def write_srt(path: Path, cues: Iterable[Cue]) -> None:
    """Write SubRip, UTF-8. It knows no escapes: players show `&amp;` as it stands."""
    _write(path, "srt", cues, str)


def is_rtl(line: str) -> bool:
    """Tell whether the first letter that has a direction reads from right to left (rules P2 and P3 of UAX #9)."""
    strong = (unicodedata.bidirectional(character) for character in line)
    return next((direction for direction in strong if direction in ("L", "R", "AL")), "L") != "L"


def _write(path: Path, format_: str, cues: Iterable[Cue], escape: Callable[[str], str]) -> None:
    sheet = pysubs2.SSAFile()
    for cue in cues:
        text = "\\N".join(_isolated(escape(line)) for line in cue.lines)
        sheet.append(pysubs2.SSAEvent(start=cue.start_ms, end=cue.end_ms, text=text))
    # Braces would be read as styling of the SSA format, which is what pysubs2 keeps texts in.
    sheet.save(str(path), encoding="utf-8", format_=format_, keep_ssa_tags=True)


def _isolated(line: str) -> str:
    return f"{RTL_ISOLATE}{line}{END_ISOLATE}" if is_rtl(line) else line
