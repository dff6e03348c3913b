"""Turns the words of an ad into pictures that fit its format: headlines, badges, buttons, captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Literal, NamedTuple

import numpy as np

from catalog import Brand, Format, Locale
from renderer.artifacts import Cue
from renderer.cue_lines import Ruler
from renderer.errors import MediaError
from renderer.picture.canvas import contrast, rgb_of
from renderer.picture.frame import Frame, Role, Size, Slot
from renderer.picture.linebreak import balanced, pieces
from renderer.picture.typography import (
    STEP,
    Align,
    Face,
    Fitted,
    Rgb,
    Rgba,
    Run,
    Typesetter,
    cropped,
    ink_of,
    leading_of,
    margin_px,
    outline,
    plate,
    stacked,
)
from renderer.subtitles import is_rtl

PLATE_OPACITY = 0.74
PLATE_PAD = (30, 18)  # px left and right, above and below a caption
QUIET = 0.75  # opacity of the words of a caption that are not being spoken
WAS_SCALE = 0.5  # size of the former price, of the price's
WAS_OPACITY = 0.82
OUTLINE = 4  # px around letters that have no plate
WHITE = (255, 255, 255)
ENOUGH = 4.5  # contrast of normal text, WCAG 2.2 1.4.3

StyleName = Literal["highlight", "plate", "plain", "karaoke"]


class Ink(NamedTuple):
    """How a stretch of a caption is written."""

    colour: Rgb
    opacity: float


@dataclass(frozen=True)
class Lettering:
    """A text as pictures, one per line, each with its place inside the whole of `width` x `height` px."""

    text: str
    width: int
    height: int
    lines: tuple[tuple[Rgba, int, int], ...]
    contrast: float | None = None  # where it brings its own ground

    @property
    def size(self) -> Size:
        """Width and height."""
        return self.width, self.height


@dataclass(frozen=True)
class Pen:
    """Everything that lettering of one ad depends on."""

    typesetter: Typesetter
    brand: Brand
    locale: Locale
    frame: Frame
    place: str  # the variant, for errors

    @property
    def display(self) -> Face:
        """The brand's own type: headlines, prices, buttons."""
        return Face((self.brand.headline_font, *self.locale.fonts), "bold", self.locale, tracking=-0.012)

    @property
    def running(self) -> Face:
        """Type for everything that is read rather than seen."""
        return Face(self.locale.fonts, "medium", self.locale)

    def text(self, text: str, role: Role, slot: Slot, colour: Rgb) -> Lettering:
        """Set a headline, subline or legal line.

        Raises:
            MediaError: it does not fit its slot, or no font has one of its characters.
        """
        face = self.display if role == "headline" else self.running
        place = f"{self.place} {role}"
        align: Align = "start" if self.frame.has_columns else "centre"
        fitted = self.typesetter.fit(text, face, (slot.width, slot.height), slot.sizes, slot.max_lines, place)
        rows = [
            [[Run(line, colour, 1.0 if number == shown else 0.0)] for number, line in enumerate(fitted.lines)]
            for shown in range(len(fitted.lines))
        ]
        pictures = [self.typesetter.draw_runs(row, fitted, face, align, place) for row in rows]
        inks = [ink_of(picture) for picture in pictures]
        left, top = min(ink[1].start for ink in inks), min(ink[0].start for ink in inks)
        right, bottom = max(ink[1].stop for ink in inks), max(ink[0].stop for ink in inks)
        lines = tuple(
            (picture[ink], ink[1].start - left, ink[0].start - top) for picture, ink in zip(pictures, inks, strict=True)
        )
        return Lettering(text, right - left, bottom - top, lines)

    def fits(self, text: str, role: Role, smallest: float) -> bool:
        """Tell whether a text finds room at `smallest` design pixels or more."""
        slot = self.frame.slot(role)
        face = self.display if role in ("headline", "cta") else self.running
        sizes = slot.sizes[0], smallest * self.frame.unit
        room, place = (slot.width, max(slot.height, round(2 * slot.sizes[0]))), f"{self.place} {role}"
        return self.typesetter.try_fit(text, face, room, sizes, slot.max_lines, place) is not None

    def badge(self, price: str, was: str) -> Lettering:
        """Set a price on a pill in the brand's accent, the former price struck through above it."""
        slot, ground = self.frame.slot("badge"), rgb_of(self.brand.accent)
        ink = self._ink_on(ground)
        now = self._flat(price, slot, ink, f"{self.place} badge")
        rows, inner = [now], round(0.16 * slot.sizes[0])
        if was:
            smaller = Slot(slot.width, slot.height, (slot.sizes[0] * WAS_SCALE, 20 * self.frame.unit), 1)
            rows.insert(0, self._flat(was, smaller, ink, f"{self.place} former price", struck=True))
        pad_x, pad_y = self.frame.px(40), self.frame.px(26 if was else 30)
        width = max(row.shape[1] for row in rows) + 2 * pad_x
        height = sum(row.shape[0] for row in rows) + inner * (len(rows) - 1) + 2 * pad_y
        picture = plate(width, height, min(height / 2, self.frame.px(46)), ground)
        y = pad_y
        for row in rows:
            picture = stacked(picture, row, (width - row.shape[1]) // 2, y)
            y += row.shape[0] + inner
        ratio = float(contrast(ink, ground))
        return Lettering(price, width, height, ((picture, 0, 0),), ratio)

    def button(self, text: str) -> Lettering:
        """Set the call to action on a pill in the brand's accent."""
        slot, ground = self.frame.slot("cta"), rgb_of(self.brand.accent)
        ink, place = self._ink_on(ground), f"{self.place} call to action"
        fitted = self.typesetter.fit(text, self.display, (slot.width, 2 * slot.height), slot.sizes, 1, place)
        line = self.typesetter.draw_runs([[Run(text, ink)]], fitted, self.display, "centre", place)
        margin, pad = margin_px(fitted), self.frame.px(56)
        width, height = line.shape[1] - 2 * margin + 2 * pad, round(2.25 * fitted.size)
        picture = stacked(plate(width, height, height / 2, ground), line, pad - margin, (height - line.shape[0]) // 2)
        return Lettering(text, width, height, ((picture, 0, 0),), float(contrast(ink, ground)))

    def _flat(self, text: str, slot: Slot, ink: Rgb, place: str, struck: bool = False) -> Rgba:
        """One line, cropped to its ink."""
        fitted = self.typesetter.fit(text, self.display, (slot.width, 2 * slot.height), slot.sizes, 1, place)
        run = Run(text, ink, WAS_OPACITY if struck else 1.0, struck)
        return cropped(self.typesetter.draw_runs([[run]], fitted, self.display, "centre", place))

    def _ink_on(self, ground: Rgb) -> Rgb:
        """The brand's ink or paper, whichever reads better."""
        inks = rgb_of(self.brand.ink), rgb_of(self.brand.paper)
        return max(inks, key=lambda colour: float(contrast(colour, ground)))


@dataclass(frozen=True)
class CaptionStyle:
    """One type size for all captions of an ad, and how each cue breaks at that size."""

    pen: Pen
    kind: StyleName
    size: float
    lines: dict[tuple[str, ...], tuple[str, ...]]  # a cue's own lines: the lines that fit

    def fitted(self, cue: Cue) -> Fitted:
        """A cue at this size."""
        lines = self.lines[cue.lines]
        return Fitted(lines, self.size, self.size * max(leading_of("".join(lines)), 1.2))

    @property
    def follows(self) -> bool:
        """Tell whether the picture changes from word to word."""
        return self.kind in ("highlight", "karaoke")

    def draw(self, cue: Cue, word: int) -> Lettering:
        """Draw a cue while a word of it is being spoken (-1: none)."""
        fitted, place = self.fitted(cue), f"{self.pen.place} caption"
        runs = [list(_runs(line, spans, self._inks(len(cue.words), word))) for line, spans in _spans(fitted.lines, cue)]
        text = self.pen.typesetter.draw_runs(runs, fitted, caption_face(self.pen.locale), "centre", place)
        margin, (pad_x, pad_y) = margin_px(fitted), (self.pen.frame.px(pad) for pad in PLATE_PAD)
        width, height = text.shape[1] + 2 * (pad_x - margin), text.shape[0] + 2 * (pad_y - margin)
        ground = self._ground(text, width, height, (pad_x - margin, pad_y - margin))
        picture = stacked(ground, text, pad_x - margin, pad_y - margin)
        return Lettering(" ".join(fitted.lines), width, height, ((picture, 0, 0),), self._contrast())

    def sweep(self, cue: Cue, word: int, steps: int) -> Iterator[Lettering]:
        """Draw a cue while a word of it is filled from its beginning to its end, in so many steps."""
        after = self.draw(cue, word)
        if steps < 2 or word < 0:
            yield after
            return
        old, new = self.draw(cue, word - 1).lines[0][0], after.lines[0][0]
        changed = np.flatnonzero((old != new).any((0, 2)))
        if not len(changed):
            yield after
            return
        first, last = int(changed[0]), int(changed[-1]) + 1
        from_right = is_rtl(cue.words[word].text)
        for step in range(1, steps + 1):
            filled = round((last - first) * step / steps)
            columns = slice(last - filled, last) if from_right else slice(first, first + filled)
            mixed = old.copy()
            mixed[:, columns] = new[:, columns]
            yield replace(after, lines=((mixed, 0, 0),))

    def largest(self, cues: Sequence[Cue]) -> Size | None:
        """Width and height of the largest cue with what lies under it; None without cues."""
        sizes = [self.draw(cue, -1).size for cue in cues]
        return (max(size[0] for size in sizes), max(size[1] for size in sizes)) if sizes else None

    def _inks(self, count: int, word: int) -> list[Ink]:
        """The colour and opacity of each word, and of everything between them."""
        lit, quiet, plain = Ink(self._lit(), 1.0), Ink(WHITE, QUIET), Ink(WHITE, 1.0)
        if self.kind == "highlight":
            return [lit if number == word else quiet for number in range(count)] + [quiet]
        if self.kind == "karaoke":
            return [lit if number <= word else quiet for number in range(count)] + [quiet]
        return [plain] * (count + 1)

    def _ground(self, text: Rgba, width: int, height: int, place: tuple[int, int]) -> Rgba:
        ink = rgb_of(self.pen.brand.ink)
        if self.kind == "plain":
            return stacked(plate(width, height, 0, ink, 0.0), outline(text, ink, self.pen.frame.px(OUTLINE)), *place)
        return plate(width, height, min(height / 2, self.pen.frame.px(30)), ink, PLATE_OPACITY)

    def _lit(self) -> Rgb:
        accent, ink = rgb_of(self.pen.brand.accent), rgb_of(self.pen.brand.ink)
        return accent if contrast(accent, ink) >= ENOUGH else WHITE

    def _contrast(self) -> float:
        """Of the quietest words, with the brightest possible picture shining through the plate."""
        ink = rgb_of(self.pen.brand.ink)
        if self.kind == "plain":
            return float(contrast(WHITE, ink))  # the outline is all around the letters
        through = np.array(ink, np.float32) * PLATE_OPACITY + 255 * (1 - PLATE_OPACITY)
        opacity = QUIET if self.follows else 1.0
        return float(contrast(through * (1 - opacity) + 255 * opacity, through))


def caption_face(locale: Locale) -> Face:
    """Captions are read in passing: bold."""
    return Face(locale.fonts, "bold", locale)


def caption_ruler(typesetter: Typesetter, locale: Locale, format: Format) -> Ruler:
    """Return how much a line of captions holds in this format, at the largest type or, where it must, at the smallest.

    A character that no font has counts as one em: who draws it will say so.
    """
    frame = Frame(format, is_rtl=locale.direction == "rtl")
    (largest, smallest), room = frame.slot("caption").sizes, _caption_room(frame)
    face = caption_face(locale)

    @lru_cache(maxsize=4096)
    def measure(text: str) -> float:
        try:
            return typesetter.width(text, face, largest, locale.tag)
        except MediaError:
            return largest * len(text)

    return Ruler(locale.captions, room, room * largest / smallest, measure)


def _caption_room(frame: Frame) -> float:
    return frame.slot("caption").width - 2 * frame.px(PLATE_PAD[0])


def caption_style(pen: Pen, cues: Sequence[Cue], kind: StyleName = "highlight") -> CaptionStyle:
    """Find the largest type at which all cues fit in two lines; broken anew only where their own lines are too wide.

    Raises:
        MediaError: a cue does not fit even at the smallest size.
    """
    slot, width = pen.frame.slot("caption"), _caption_room(pen.frame)
    size, smallest = slot.sizes
    while True:
        style = CaptionStyle(pen, kind, size, {})
        for cue in cues:
            lines = _fitting(style, cue, width, slot.max_lines)
            if lines is None:
                break
            style.lines[cue.lines] = lines
        else:
            return style
        if size <= smallest:
            raise MediaError(
                f"{pen.place} caption: {' '.join(cue.lines)!r} does not fit {width:g} px in {slot.max_lines} lines "
                f"even at {smallest:g} px. Give the locale fewer characters per line."
            )
        size = max(size * STEP, smallest)


def _fitting(style: CaptionStyle, cue: Cue, width: float, max_lines: int) -> tuple[str, ...] | None:
    typesetter, place = style.pen.typesetter, f"{style.pen.place} caption"

    def measure(line: str) -> float:
        return typesetter.width(line, caption_face(style.pen.locale), style.size, place)

    if len(cue.lines) <= max_lines and all(measure(line) <= width for line in cue.lines):
        return cue.lines
    joint = "" if style.pen.locale.language in ("ja", "zh") else " "
    return balanced(pieces(joint.join(cue.lines), style.pen.locale.tag), measure, width, max_lines)


def _spans(lines: Sequence[str], cue: Cue) -> Iterator[tuple[str, list[tuple[int, int, int]]]]:
    """Yield each line with (first, last, number) of the cue's words in it."""
    number = 0
    for line in lines:
        spans, cursor = [], 0
        while number < len(cue.words):
            found = line.find(cue.words[number].text, cursor)
            if found < 0:
                break
            cursor = found + len(cue.words[number].text)
            spans.append((found, cursor, number))
            number += 1
        yield line, spans


def _runs(line: str, spans: Sequence[tuple[int, int, int]], inks: Sequence[Ink]) -> Iterator[Run]:
    """Split a line into runs of one ink; what belongs to no word has the last one."""
    stretches, cursor = [], 0
    for first, last, number in spans:
        stretches += [(line[cursor:first], inks[-1]), (line[first:last], inks[number])]
        cursor = last
    stretches.append((line[cursor:], inks[-1]))
    for ink, group in groupby((stretch for stretch in stretches if stretch[0]), key=lambda stretch: stretch[1]):
        yield Run("".join(text for text, _ in group), ink.colour, ink.opacity)
