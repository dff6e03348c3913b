"""Sets the captions of an ad: one size for all, four styles, and how much a line of them holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import groupby, pairwise
from typing import Literal, NamedTuple

import cv2
import numpy as np

from catalog import Format, Locale
from renderer.artifacts import Cue
from renderer.cue_lines import Ruler
from renderer.errors import MediaError
from renderer.picture.canvas import contrast, rgb_of
from renderer.picture.frame import Frame, Size
from renderer.picture.lettering import ENOUGH, Lettering, Pen
from renderer.picture.linebreak import balanced, pieces
from renderer.picture.timeline import Shown
from renderer.picture.typography import (
    STEP,
    Face,
    Fitted,
    Rgb,
    Rgba,
    Run,
    Typesetter,
    leading_of,
    margin_px,
    plate,
    stacked,
)
from renderer.subtitles import is_rtl

PLATE_OPACITY = 0.74
PLATE_PAD = (30, 18)  # px left and right, above and below a caption
QUIET = 0.75  # opacity of the words of a caption that are not being spoken
OUTLINE = 4  # px around letters that have no plate
WHITE = (255, 255, 255)
SHADOW = 0.65  # opacity of the shadow of text that has no plate
SWEEP_FRAMES, MAX_SWEEPS = 2, 6  # least length of a step in which a word of karaoke is filled, and most steps

StyleName = Literal["highlight", "plate", "plain", "karaoke"]


class Ink(NamedTuple):
    """How a stretch of a caption is written."""

    colour: Rgb
    opacity: float


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

    def pictures(self, states: Sequence[Shown]) -> Iterator[tuple[Lettering, int, int]]:
        """Yield the pictures of one cue in all its states, each with its frames [first, last)."""
        cue = states[0].cue
        if self.kind in ("plate", "plain"):
            yield self.draw(cue, -1), states[0].first, states[-1].last
            return
        for state in states:
            num_frames = state.last - state.first
            steps = min(num_frames // SWEEP_FRAMES, MAX_SWEEPS) if self.kind == "karaoke" else 1
            drawn = list(self.sweep(cue, state.word, steps))
            edges = [state.first + round(num_frames * step / len(drawn)) for step in range(len(drawn) + 1)]
            yield from ((picture, *span) for picture, span in zip(drawn, pairwise(edges), strict=True))

    def sweep(self, cue: Cue, word: int, steps: int) -> Iterator[Lettering]:
        """Draw a cue while a word of it is filled from its beginning to its end, in so many steps."""
        after = self.draw(cue, word)
        if steps < 2 or word < 0:
            yield after
            return
        old, new = self.draw(cue, word - 1).pictures[0][0], after.pictures[0][0]
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
            yield replace(after, pictures=((mixed, 0, 0),))

    def largest(self, cues: Sequence[Cue]) -> Size | None:
        """Width and height of the largest cue with what lies under it; None without cues."""
        sizes = [self.draw(cue, -1).size for cue in cues]
        return (max(size[0] for size in sizes), max(size[1] for size in sizes)) if sizes else None

    def _inks(self, count: int, word: int) -> list[Ink]:
        """The colour and opacity of each word, and of everything between them."""
        if not count:  # nobody says it
            return [Ink(WHITE, 1.0)]
        lit, quiet, plain = Ink(self._lit(), 1.0), Ink(WHITE, QUIET), Ink(WHITE, 1.0)
        if self.kind == "highlight":
            return [lit if number == word else quiet for number in range(count)] + [quiet]
        if self.kind == "karaoke":
            return [lit if number <= word else quiet for number in range(count)] + [quiet]
        return [plain] * (count + 1)

    def _ground(self, text: Rgba, width: int, height: int, place: tuple[int, int]) -> Rgba:
        ink = rgb_of(self.pen.brand.ink)
        if self.kind == "plain":
            return stacked(plate(width, height, 0, ink, 0.0), _outline(text, ink, self.pen.frame.px(OUTLINE)), *place)
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
        opacity = 1.0 if self.kind == "plate" else QUIET
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
    """Find the largest type at which the lines of all cues fit; broken anew only where no type is small enough.

    Raises:
        MediaError: a cue does not fit even at the smallest size.
    """
    (size, smallest), width = pen.frame.slot("caption").sizes, _caption_room(pen.frame)
    kept = {cue.lines: cue.lines for cue in cues}
    while not all(_width(line, pen, size) <= width for lines in kept for line in lines):
        if size <= smallest:
            return CaptionStyle(pen, kind, size, {cue.lines: _anew(cue, pen, size, width) for cue in cues})
        size = max(size * STEP, smallest)
    return CaptionStyle(pen, kind, size, kept)


def _anew(cue: Cue, pen: Pen, size: float, width: float) -> tuple[str, ...]:
    if all(_width(line, pen, size) <= width for line in cue.lines):
        return cue.lines
    joint = "" if pen.locale.language in ("ja", "zh") else " "
    parts, max_lines = pieces(joint.join(cue.lines), pen.locale.tag), pen.frame.slot("caption").max_lines
    lines = balanced(parts, partial(_width, pen=pen, size=size), width, max_lines)
    if lines is None:
        raise MediaError(
            f"{pen.place} caption: {' '.join(cue.lines)!r} does not fit {width:g} px in {max_lines} lines "
            f"even at {size:g} px. Give the locale fewer characters per line."
        )
    return lines


def _width(line: str, pen: Pen, size: float) -> float:
    return pen.typesetter.width(line, caption_face(pen.locale), size, f"{pen.place} caption")


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


def _outline(picture: Rgba, colour: Rgb, width: int) -> Rgba:
    """Return what lies behind a picture of text: its shape in one colour, `width` px larger, with a soft shadow."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    grown = cv2.dilate(picture[..., 3], disc).astype(np.float32)
    shadow = cv2.GaussianBlur(grown, (0, 0), 2 * width) * np.float32(SHADOW)
    alpha = np.maximum(cv2.GaussianBlur(grown, (0, 0), 0.7), shadow)
    flat = np.empty(picture.shape, np.float32)
    flat[..., :3] = np.array(colour, np.float32) * (alpha[..., None] / np.float32(255))
    flat[..., 3] = alpha
    return np.rint(flat).astype(np.uint8)
