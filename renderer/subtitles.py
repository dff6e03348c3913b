"""Writes cues as WebVTT, SRT and TTML (IMSC 1.1 Text) beside the ad, and reads WebVTT back; with pysubs2 and ttconv."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import pysubs2
from ttconv import model, style_properties
from ttconv.imsc import writer
from ttconv.imsc.attributes import TimeExpressionSyntaxEnum
from ttconv.imsc.config import ContentProfilesSignaling, IMSCWriterConfiguration
from ttconv.imsc.designators import IMSC_11_TEXT_PROFILE_DESIGNATOR

from catalog import Format, Locale
from renderer.artifacts import Cue

RTL_ISOLATE, END_ISOLATE = "\u2067", "\u2069"
NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
LINE_HEIGHT = 125  # percent of the type size
TYPE_SIZE = 46 / 1080  # of the frame's short side, that of captions in the picture
PLATE = style_properties.ColorType((0, 0, 0, 190))

Style = style_properties.StyleProperties
RTL, LTR = style_properties.DirectionType.rtl, style_properties.DirectionType.ltr
Units = style_properties.LengthType.Units


def write_webvtt(path: Path, cues: Iterable[Cue]) -> None:
    """Write WebVTT, UTF-8. `&`, `<` and `>` are escaped, right-to-left lines stand in isolates."""
    _write(path, "vtt", cues, lambda line: html.escape(line, quote=False))


def write_srt(path: Path, cues: Iterable[Cue]) -> None:
    """Write SubRip, UTF-8. It knows no escapes: players show `&amp;` as it stands."""
    _write(path, "srt", cues, str)


def write_ttml(path: Path, cues: Iterable[Cue], locale: Locale, format: Format) -> None:
    """Write TTML of the IMSC 1.1 Text profile, UTF-8: one region over the safe area, clock times in milliseconds."""
    document = model.ContentDocument()
    document.set_lang(locale.tag)
    document.set_content_profiles({IMSC_11_TEXT_PROFILE_DESIGNATOR})
    document.set_px_resolution(model.PixelResolutionType(format.width, format.height))
    region = _region(document, format)
    body, division = model.Body(document), model.Div(document)
    body.set_region(region)
    _style(body, locale, format)
    document.set_body(body)
    body.push_child(division)
    for cue in cues:
        division.push_child(_paragraph(document, cue))
    signaling = ContentProfilesSignaling.CONTENT_PROFILES
    clock = TimeExpressionSyntaxEnum.clock_time
    configuration = IMSCWriterConfiguration(time_format=clock, profile_signaling=signaling)
    writer.from_model(document, configuration).write(str(path), encoding="utf-8", xml_declaration=True)


def read_webvtt(text: str) -> list[Cue]:
    """Return the cues of WebVTT that `write_webvtt` wrote; without the times of their words."""
    events = pysubs2.SSAFile.from_string(text, format_="vtt", keep_html_tags=True) if text.strip() else []
    return [Cue(start_ms=event.start, end_ms=event.end, lines=_lines(event.text)) for event in events]


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


def _lines(text: str) -> tuple[str, ...]:
    lines = (html.unescape(line) for line in text.split("\\N"))
    return tuple(line.removeprefix(RTL_ISOLATE).removesuffix(END_ISOLATE) for line in lines)


def _region(document: model.ContentDocument, format: Format) -> model.Region:
    """The safe area; text stands at its bottom."""
    area = format.safe_area
    region = model.Region("captions", document)
    left, top = 100 * area.left / format.width, 100 * area.top / format.height
    right, bottom = 100 * area.right / format.width, 100 * area.bottom / format.height
    region.set_style(Style.Origin, style_properties.CoordinateType(_percent(left), _percent(top)))
    extent = style_properties.ExtentType(_percent(100 - top - bottom), _percent(100 - left - right))
    region.set_style(Style.Extent, extent)
    region.set_style(Style.DisplayAlign, style_properties.DisplayAlignType.after)
    region.set_style(Style.TextAlign, style_properties.TextAlignType.center)
    document.put_region(region)
    return region


def _style(body: model.Body, locale: Locale, format: Format) -> None:
    body.set_style(Style.Direction, RTL if locale.direction == "rtl" else LTR)
    size_rh = 100 * TYPE_SIZE * min(format.width, format.height) / format.height
    body.set_style(Style.FontSize, style_properties.LengthType(round(size_rh, 3), Units.rh))
    body.set_style(Style.LineHeight, style_properties.LengthType(LINE_HEIGHT, Units.pct))
    body.set_style(Style.FontFamily, (style_properties.GenericFontFamilyType.proportionalSansSerif,))
    body.set_style(Style.Color, style_properties.NamedColors.white.value)


def _paragraph(document: model.ContentDocument, cue: Cue) -> model.P:
    paragraph = model.P(document)
    paragraph.set_begin(Fraction(cue.start_ms, 1000))
    paragraph.set_end(Fraction(cue.end_ms, 1000))
    paragraph.set_space(model.WhiteSpaceHandling.PRESERVE)
    for number, line in enumerate(cue.lines):
        if number:
            paragraph.push_child(model.Br(document))
        span = model.Span(document)
        span.set_space(model.WhiteSpaceHandling.PRESERVE)
        span.set_style(Style.BackgroundColor, PLATE)
        span.set_style(Style.Direction, RTL if is_rtl(line) else LTR)
        span.set_style(Style.UnicodeBidi, style_properties.UnicodeBidiType.embed)
        span.push_child(model.Text(document, NOT_IN_XML.sub("", line)))
        paragraph.push_child(span)
    return paragraph


def _percent(value: float) -> style_properties.LengthType:
    return style_properties.LengthType(round(value, 4), Units.pct)
