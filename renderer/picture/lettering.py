"""Turns the words of an ad into pictures that fit its format: headlines, badges, buttons, captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import icu
import numpy as np

from catalog import Brand, Locale
from renderer.picture.canvas import contrast, rgb_of
from renderer.picture.fitting import Fitting
from renderer.picture.frame import HANDSOME, Frame, Role, Size, Slot
from renderer.picture.hyphenation import softened
from renderer.picture.linebreak import pieces
from renderer.picture.qr import ENOUGH as QR_ENOUGH
from renderer.picture.qr import qr_picture
from renderer.picture.shapes import shape_picture, tilted
from renderer.picture.styles import CLASSIC, Plate, Style
from renderer.picture.typography import (
    INVISIBLE,
    Align,
    Face,
    Fitted,
    Rgb,
    Rgba,
    Run,
    Typesetter,
    cropped,
    ink_of,
    margin_px,
    stacked,
)

WAS_SCALE = 0.5  # size of the former price, of the price's
WAS_OPACITY = 0.82
RULE_GAP = 30  # design px between the line above a headline and its ink
# Letters that join, or carry marks that do: other than their own distances tear words apart or cut marks.
JOINING = (range(0x0600, 0x0900), range(0x0900, 0x1000), range(0x1000, 0x10A0), range(0x1780, 0x1800))
QR_RADIUS = 18  # design px
CLEAR = 5.5  # contrast from which the colour of an end card leaves room for the picture behind it
ENOUGH = 4.5  # contrast of normal text, WCAG 2.2 1.4.3


@dataclass(frozen=True)
class Lettering:
    """A text as pictures, one per line or word, each with its place inside the whole of `width` x `height` px."""

    text: str
    width: int
    height: int
    pictures: tuple[tuple[Rgba, int, int], ...]  # in reading order
    contrast: float | None = None  # where it brings its own ground
    before: tuple[Rgba, ...] = ()  # pictures of the same size, shown one after the other before this one

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
    style: Style = CLASSIC
    title: str = ""  # of the product; its words are never parted, nor is the brand's name

    def display(self, text: str) -> Face:
        """Type for headlines, prices, buttons: the brand's own, or the style's where it has all letters of the text.

        A style's face beside letters that it lacks would be two sizes and weights in one line.
        """
        style, families = self.style, self.locale.fonts
        if self.brand.headline_font:
            families = (self.brand.headline_font, *families)
        elif self.typesetter.shelf.covers(style.family, text):
            families = (style.family, *families)
        return Face(families, style.weight, self.locale, tracking=style.tracking)

    def running(self, text: str) -> Face:
        """Type for what is read rather than seen: the brand's own where it has all letters of the text."""
        own = self.brand.text_font
        self.typesetter.shelf.require(own, self.place)
        is_used = bool(own) and self.typesetter.shelf.covers(own, text)
        return Face((own, *self.locale.fonts) if is_used else self.locale.fonts, "medium", self.locale)

    def text(self, text: str, role: Role, slot: Slot, colour: Rgb) -> Lettering:
        """Set a headline, subline or legal line.

        Raises:
            MediaError: it does not fit its slot, or no font has one of its characters.
        """
        room, place = slot, f"{self.place} {role}"
        fitted, face, slot = self.broken(text, role, room)
        align: Align = "start" if self.frame.has_columns or self.frame.starts_at_margin else "centre"
        whole = [[line] for line in fitted.lines]
        pictures = list(self._drawn_alone(whole, fitted, face, align, colour, place))
        inks = [ink_of(picture) for picture in pictures]
        left, top = min(ink[1].start for ink in inks), min(ink[0].start for ink in inks)
        right, bottom = max(ink[1].stop for ink in inks), max(ink[0].stop for ink in inks)
        if role == "headline" and self.style.headline_by == "word":
            rows = [pieces(line, self.locale.tag) for line in fitted.lines]
            drawn = self._drawn_alone(rows, fitted, face, align, colour, place)
            words = [_parted(line, list(islice(drawn, len(row)))) for line, row in zip(pictures, rows, strict=True)]
            pictures = [word for row in words for word in row]
            inks = [_on_grid_of(ink, ink_of(word)) for ink, row in zip(inks, words, strict=True) for word in row]
        placed = tuple(
            (picture[ink], ink[1].start - left, ink[0].start - top) for picture, ink in zip(pictures, inks, strict=True)
        )
        lettering = Lettering(text, right - left, bottom - top, placed)
        beyond = lettering.width - slot.width, lettering.height - slot.height
        if max(beyond) > 0:  # marks that reach beyond their letters: set again for less room
            less = replace(room, width=room.width - max(beyond[0], 0), height=room.height - max(beyond[1], 0))
            return self.text(text, role, less, colour)
        return self._ruled(lettering, align) if role == "headline" else lettering

    def broken(self, text: str, role: Role, slot: Slot) -> tuple[Fitted, Face, Slot]:
        """Break a text into lines in its style's letters; long words are parted where they do not fit whole.

        Raises:
            MediaError: it does not fit its slot, or no font has one of its characters.
        """
        told, face, slot = self._as_styled(text, role, slot)
        softer = (self._cased(one, role) for one in softened(text, self.locale, (self.brand.name, self.title)))
        handsome = HANDSOME.get(role, 0) * self.frame.unit
        return Fitting(self.typesetter, face, slot, handsome, f"{self.place} {role}").fit(told, softer), face, slot

    def _drawn_alone(
        self, rows: Sequence[Sequence[str]], fitted: Fitted, face: Face, align: Align, colour: Rgb, place: str
    ) -> Iterator[Rgba]:
        """One picture per stretch of the lines, all shaped and placed as the whole text is, with nothing else seen."""
        for shown in ((row, column) for row, stretches in enumerate(rows) for column in range(len(stretches))):
            lines = [
                [Run(stretch, colour, float((row, column) == shown)) for column, stretch in enumerate(stretches)]
                for row, stretches in enumerate(rows)
            ]
            yield self.typesetter.draw_runs(lines, fitted, face, align, place)

    def fits(self, text: str, role: Role, smallest: float) -> bool:
        """Tell whether a text finds room at `smallest` design pixels or more."""
        text, face, slot = self._as_styled(text, role, self.frame.slot(role))
        sizes = slot.sizes[0], smallest * self.frame.unit
        room, place = (slot.width, max(slot.height, round(2 * slot.sizes[0]))), f"{self.place} {role}"
        return self.typesetter.try_fit(text, face, room, sizes, slot.max_lines, place) is not None

    @property
    def end_fill(self) -> Rgb:
        """What the end card is sunk in: the style's choice where text stands out from it, else the brand's ink."""
        fill = self.brand_colour(self.style.end_fill)
        return fill if float(contrast(self.ink_on(fill), fill)) >= CLEAR else rgb_of(self.brand.ink)

    def qr(self, link: str, side_px: int) -> Lettering:
        """Draw a link as a QR code of at most `side_px`.

        Raises:
            MediaError: the link is too long.
        """
        ink, paper = rgb_of(self.brand.ink), rgb_of(self.brand.paper)
        radius = self.frame.px(QR_RADIUS if self.brand.corner_radius is None else self.brand.corner_radius)
        if self.style.button.shape in ("block", "chamfer") and self.brand.corner_radius is None:
            radius = 0
        picture = qr_picture(link, side_px, self.frame.unit, (ink, paper), radius, f"{self.place} QR code")
        return Lettering(link, picture.shape[1], picture.shape[0], ((picture, 0, 0),), QR_ENOUGH)

    def badge(self, price: str, was: str) -> Lettering:
        """Set a price on the style's plate, the former price struck through above it."""
        slot, ground = self.frame.slot("badge"), self._colour(self.style.badge)
        ink = self.ink_on(ground)
        now = self._flat(price, slot, ink, f"{self.place} badge")
        rows, inner = [now], round(0.16 * slot.sizes[0])
        if was:
            smaller = Slot(slot.width, slot.height, (slot.sizes[0] * WAS_SCALE, 20 * self.frame.unit), 1)
            rows.insert(0, self._flat(was, smaller, ink, f"{self.place} former price", struck=True))
        pad_x, pad_y = self.frame.px(40), self.frame.px(26 if was else 30)
        width = max(row.shape[1] for row in rows) + 2 * pad_x
        height = sum(row.shape[0] for row in rows) + inner * (len(rows) - 1) + 2 * pad_y
        empty = self._plate(self.style.badge, width, height)
        picture, y = empty, pad_y
        for row in rows:
            picture = stacked(picture, row, (width - row.shape[1]) // 2, y)
            y += row.shape[0] + inner
        before: tuple[Rgba, ...] = ()
        if was and self.style.price_drops:
            room = replace(slot, width=width - 2 * pad_x)
            before = tuple(
                self._tilted(_centred_on(empty, self._flat(was, room, ink, f"{self.place} former price", struck)))
                for struck in (False, True)
            )
        picture = self._tilted(picture)
        size, ratio = (picture.shape[1], picture.shape[0]), float(contrast(ink, ground))
        return Lettering(price, *size, ((picture, 0, 0),), ratio, before)

    def button(self, text: str) -> Lettering:
        """Set the call to action on the style's button."""
        told, face, slot = self._as_styled(text, "cta", self.frame.slot("cta"))
        plate = self.style.button
        if self.brand_colour(plate.fill) == self.end_fill and plate.border is None:
            plate = replace(plate, fill="ink")
        ground = self._colour(plate)
        ink, place = self.ink_on(ground), f"{self.place} call to action"
        fitted = self.typesetter.fit(told, face, (slot.width, 2 * slot.height), slot.sizes, 1, place)
        line = self.typesetter.draw_runs([[Run(told, ink)]], fitted, face, "centre", place)
        margin, pad = margin_px(fitted), self.frame.px(56)
        width, height = line.shape[1] - 2 * margin + 2 * pad, round(2.25 * fitted.size)
        ground_picture = self._plate(plate, width, height)
        picture = stacked(ground_picture, line, pad - margin, (height - line.shape[0]) // 2)
        return Lettering(text, width, height, ((picture, 0, 0),), float(contrast(ink, ground)))

    def _flat(self, text: str, slot: Slot, ink: Rgb, place: str, struck: bool = False) -> Rgba:
        """One line, cropped to its ink."""
        face = replace(self.display(text), tracking=min(self.style.tracking, 0.0))  # digits are never spread
        fitted = self.typesetter.fit(text, face, (slot.width, 2 * slot.height), slot.sizes, 1, place)
        run = Run(text, ink, WAS_OPACITY if struck else 1.0, struck)
        return cropped(self.typesetter.draw_runs([[run]], fitted, face, "centre", place))

    def _as_styled(self, text: str, role: Role, slot: Slot) -> tuple[str, Face, Slot]:
        """Return a text in the style's letter case, its face, and its slot at the style's scale."""
        style, text = self.style, self._cased(text, role)
        face = self.display(text) if role in ("headline", "cta") else self.running(text)
        if role == "headline":
            rule = self.frame.px(style.rule_px[1] + RULE_GAP) if style.rule_px else 0
            sizes = max(slot.sizes[0] * style.scale, slot.sizes[1]), slot.sizes[1]
            slot = replace(slot, height=slot.height - rule, sizes=sizes)
        if role == "subline":
            face = replace(face, tracking=style.subline_tracking)
        if face.tracking and any(ord(letter) in script for letter in text for script in JOINING):
            face = replace(face, tracking=0.0)
        return text, face, slot

    def _cased(self, text: str, role: Role) -> str:
        style, is_display = self.style, role in ("headline", "cta")
        is_uppercase = style.is_uppercase if is_display else role == "subline" and style.subline_is_uppercase
        return self._uppercase(text) if is_uppercase else text

    def _uppercase(self, text: str) -> str:
        """As the locale writes it: Greek loses its accents, Turkish i keeps its dot."""
        return str(icu.UnicodeString(text).toUpper(icu.Locale(self.locale.tag)))

    def _ruled(self, lettering: Lettering, align: Align) -> Lettering:
        """Put the style's line in the brand's accent above a headline."""
        if self.style.rule_px is None:
            return lettering
        length, thickness = (max(self.frame.px(side), 1) for side in self.style.rule_px)
        drop, width = thickness + self.frame.px(RULE_GAP), max(lettering.width, length)
        ends_right = align == "start" and self.frame.is_rtl
        spare, own = width - lettering.width, width - length
        x, rule_x = (spare // 2, own // 2) if align == "centre" else (spare, own) if ends_right else (0, 0)
        rule = shape_picture("block", length, thickness, 0, rgb_of(self.brand.accent))
        moved = ((picture, x + left, drop + top) for picture, left, top in lettering.pictures)
        return replace(lettering, width=width, height=lettering.height + drop, pictures=((rule, rule_x, 0), *moved))

    def _plate(self, wanted: Plate, width: int, height: int) -> Rgba:
        radius = wanted.radius_px if self.brand.corner_radius is None else self.brand.corner_radius
        radius_px = height / 2 if radius is None else min(height / 2, self.frame.px(radius))
        border = self.brand_colour(wanted.border) if wanted.border else None
        border_px = max(wanted.border_px * self.frame.unit, 1.0)
        return shape_picture(wanted.shape, width, height, radius_px, self._colour(wanted), border, border_px)

    def _tilted(self, picture: Rgba) -> Rgba:
        """Rising in reading direction."""
        return tilted(picture, self.style.badge.tilt_deg * (-1 if self.frame.is_rtl else 1))

    def _colour(self, wanted: Plate) -> Rgb:
        return self.brand_colour(wanted.fill)

    def brand_colour(self, name: str) -> Rgb:
        """Return one of the brand's own colours by name."""
        return rgb_of({"accent": self.brand.accent, "ink": self.brand.ink, "paper": self.brand.paper}[name])

    def ink_on(self, ground: Rgb) -> Rgb:
        """The brand's ink or paper, whichever reads better."""
        inks = rgb_of(self.brand.ink), rgb_of(self.brand.paper)
        return max(inks, key=lambda colour: float(contrast(colour, ground)))


def _parted(line: Rgba, drafts: Sequence[Rgba]) -> list[Rgba]:
    """Give each pixel of a line to the word that it belongs to: laid over each other, they are the line again.

    Skia cuts a glyph that reaches out of its word, so its own pictures of words only tell which is where.
    """
    alphas = [draft[..., 3].astype(np.int32) for draft in drafts if draft[..., 3].max() > INVISIBLE]
    if len(alphas) < 2:
        return [line]
    columns = np.arange(line.shape[1], dtype=np.int32)
    claims = []
    for alpha in alphas:
        seen = np.flatnonzero(alpha.max(0))
        away = np.maximum(np.maximum(seen[0] - columns, columns - seen[-1]), 0)
        claims.append(np.where(alpha > 0, alpha, -away - 1))
    owner = np.argmax(claims, 0)[..., None]
    words = [np.where(owner == number, line, 0).astype(np.uint8) for number in range(len(alphas))]
    return [word for word in words if word[..., 3].max() > INVISIBLE]


def _on_grid_of(line: tuple[slice, slice], ink: tuple[slice, slice]) -> tuple[slice, slice]:
    """Grow the ink of a word by a row or column, so that its pixels lie in pairs as those of its line do."""
    rows, columns = (
        slice(own.start - (own.start - whole.start) % 2, own.stop) for own, whole in zip(ink, line, strict=True)
    )
    return rows, columns


def _centred_on(ground: Rgba, picture: Rgba) -> Rgba:
    x, y = ((whole - part) // 2 for whole, part in zip(ground.shape[1::-1], picture.shape[1::-1], strict=True))
    return stacked(ground, picture, x, y)
