"""Turns the words of an ad into pictures that fit its format: headlines, badges, buttons, captions."""

from __future__ import annotations

from dataclasses import dataclass

from catalog import Brand, Locale
from renderer.picture.canvas import contrast, rgb_of
from renderer.picture.frame import Frame, Role, Size, Slot
from renderer.picture.typography import (
    Align,
    Face,
    Rgb,
    Rgba,
    Run,
    Typesetter,
    cropped,
    ink_of,
    margin_px,
    plate,
    stacked,
)

WAS_SCALE = 0.5  # size of the former price, of the price's
WAS_OPACITY = 0.82
ENOUGH = 4.5  # contrast of normal text, WCAG 2.2 1.4.3


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
