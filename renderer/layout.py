"""Decides where everything goes: pure arithmetic from a format, a reading direction and measured sizes to boxes.

Text stays inside the format's safe area and never meets other text. Product and logo may use the rest of the frame.
Portrait and square formats stack around the middle of the frame. Wide ones set text in a column at the side where
reading starts and the product at the other; so do very tall ones for a slender product, which then stands twice as large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from catalog import Format

Size = tuple[int, int]  # width, height in px
Role = Literal["headline", "subline", "badge", "caption", "logo", "cta", "legal", "product"]

WIDE_FROM = 1.25  # width / height at and above which text and product stand side by side
TALL_FROM = 1.5  # height / width from which a slender product may stand beside the text
SLENDER_FROM = 1.4  # height / width of such a product
ROOMY_TOP = 190  # a safe area that starts this far down leaves room for the logo above it
GAP = 34  # px between neighbours, at a short side of 1080
MIN_PRODUCT = 0.14  # of the frame's height; below that the end card does without the product


@dataclass(frozen=True)
class Box:
    """A rectangle in whole pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    def meets(self, other: Box) -> bool:
        """Tell whether the two share a pixel."""
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom

    def within(self, other: Box) -> bool:
        """Tell whether this lies wholly inside `other`."""
        return self.x >= other.x and self.y >= other.y and self.right <= other.right and self.bottom <= other.bottom


@dataclass(frozen=True)
class Slot:
    """Room for one text: largest width and height in px, largest and smallest type size, most lines."""

    width: int
    height: int
    sizes: tuple[float, float]
    max_lines: int


@dataclass(frozen=True)
class SceneSizes:
    """What a scene has to place; None where it has no such thing. `caption` is the largest of its cues."""

    headline: Size | None = None
    subline: Size | None = None
    badge: Size | None = None
    caption: Size | None = None
    has_product: bool = True


@dataclass(frozen=True)
class EndSizes:
    """What the end card has to place."""

    logo: Size
    headline: Size | None = None
    cta: Size | None = None
    legal: Size | None = None
    caption: Size | None = None


@dataclass(frozen=True)
class Frame:
    """A format seen from one reading direction, with the measures that everything is placed by."""

    format: Format
    is_rtl: bool
    beside: bool = False  # a slender product beside the text of a tall frame

    @property
    def unit(self) -> float:
        """Pixels per design pixel; designs are drawn for a short side of 1080."""
        return min(self.format.width, self.format.height) / 1080

    @property
    def gap(self) -> int:
        return self.px(GAP)

    @property
    def is_wide(self) -> bool:
        return self.format.width >= self.format.height * WIDE_FROM

    @property
    def safe(self) -> Box:
        """The safe area as a box."""
        area = self.format.safe_area
        return Box(
            area.left, area.top, self.format.width - area.left - area.right, self.format.height - area.top - area.bottom
        )

    @property
    def has_columns(self) -> bool:
        """Tell whether scenes set text in a column beside the product."""
        return self.is_wide or self.beside

    @property
    def middle(self) -> Box:
        """The part of the safe area that is symmetric about the frame's middle."""
        safe, centre = self.safe, self.format.width // 2
        half = min(centre - safe.x, safe.right - centre)
        return Box(centre - half, safe.y, 2 * half, safe.height)

    @property
    def column(self) -> Box:
        """Where the text of scenes goes: at the side where reading starts, or in the middle."""
        if not self.has_columns:
            return self.middle
        safe = self.safe
        width = round(safe.width * 0.5) if self.is_wide else round(self.format.width * 0.40)
        return Box(safe.right - width if self.is_rtl else safe.x, safe.y, width, safe.height)

    def can_stand_beside(self, product: Size) -> bool:
        """Tell whether this frame is tall, and the product slender, enough for the two to share its width with text."""
        tall, slender = self.format.height / self.format.width, product[1] / product[0]
        return tall >= TALL_FROM and slender >= SLENDER_FROM

    def px(self, design: float) -> int:
        """Design pixels in pixels of this frame."""
        return round(design * self.unit)

    def slot(self, role: Role, on_end_card: bool = False) -> Slot:
        """Room for a text of this role."""
        column, middle = self.column, self.middle
        if role == "headline" and on_end_card:
            width = column.width if self.is_wide else middle.width
            return self._slot(width, middle.height * (0.30 if self.is_wide else 0.15), (94, 44), 3)
        if role == "headline":
            return self._slot(column.width, column.height * (0.42 if self.has_columns else 0.24), (104, 46), 4)
        if role == "subline":
            return self._slot(column.width, column.height * (0.18 if self.has_columns else 0.12), (46, 30), 4)
        if role == "badge":
            return self._slot(min(column.width - 2 * self.px(40), self.px(430)), self.px(90), (76, 32), 1)
        if role == "caption":
            return self._slot(min(middle.width, self.px(980)), self.px(128), (46, 28), 2)
        if role == "cta":
            return self._slot(middle.width * 0.9 - 2 * self.px(56), self.px(64), (46, 30), 1)
        if role == "legal":
            return self._slot(middle.width, self.px(68), (26, 24), 2)
        raise ValueError(role)

    def _slot(self, width: float, height: float, sizes: tuple[float, float], max_lines: int) -> Slot:
        return Slot(int(width), int(height), (sizes[0] * self.unit, sizes[1] * self.unit), max_lines)

    def logo_room(self, on_end_card: bool) -> Size:
        """Largest width and height of the logo."""
        return (self.px(440), self.px(104)) if on_end_card else (self.px(216), self.px(46))

    def product_room(self) -> Size:
        """Largest width and height of the product in any scene; its real box depends on the text."""
        if self.is_wide:
            return round(self.format.width * 0.38), round(self.format.height * 0.78)
        return round(self.format.width * 0.74), round(self.format.height * 0.62)


def arrange_scenes(frame: Frame, scenes: Sequence[SceneSizes], logo: Size, product: Size) -> list[dict[Role, Box]]:
    """Place all scenes of one ad. The product has the same box in each, the largest that no scene's text meets.

    `product` is its size in any unit; only the ratio counts.
    """
    caption_top = frame.safe.bottom - max((s.caption[1] + frame.gap for s in scenes if s.caption), default=0)
    places = [_texts(frame, sizes, logo, caption_top) for sizes in scenes]
    room = _product_room(frame, [p for p, s in zip(places, scenes, strict=True) if s.has_product], caption_top)
    stands = _standing(room, product)
    for place, sizes in zip(places, scenes, strict=True):
        if sizes.has_product:
            place["product"] = stands
        if sizes.badge:
            place["badge"] = _badge(frame, sizes, place, room if sizes.has_product else None, caption_top)
        if sizes.caption:
            place["caption"] = _centred(frame, sizes.caption, frame.safe.bottom - sizes.caption[1])
    return places


def arrange_end_card(frame: Frame, sizes: EndSizes, product: Size) -> dict[Role, Box]:
    """Place the end card: logo, product where there is room, headline, call to action; legal line at the bottom."""
    places: dict[Role, Box] = {}
    bottom = frame.safe.bottom
    for role, size in (("legal", sizes.legal), ("caption", sizes.caption)):
        if size is not None:
            sided = frame.is_wide and role == "legal"
            places[role] = (_aligned if sided else _centred)(frame, size, bottom - size[1])  # type: ignore[index]
            bottom -= size[1] + round(frame.gap * 0.8)
    return places | (_wide_end if frame.is_wide else _stacked_end)(frame, sizes, product, bottom - frame.gap // 2)


def _texts(frame: Frame, sizes: SceneSizes, logo: Size, caption_top: int) -> dict[Role, Box]:
    """Logo, headline and subline of one scene."""
    safe, gap = frame.safe, frame.gap
    above = safe.y >= frame.px(ROOMY_TOP)
    logo_y = safe.y - round(1.3 * gap) - logo[1] if above else safe.y + gap // 3
    places: dict[Role, Box] = {"logo": _aligned(frame, logo, logo_y)}
    top = safe.y if above else logo_y + logo[1] + round(1.3 * gap)
    block = [(role, size) for role, size in (("headline", sizes.headline), ("subline", sizes.subline)) if size]
    tall = sum(size[1] for _, size in block) + round(1.2 * gap) * max(len(block) - 1, 0)
    badge = sizes.badge[1] + gap if sizes.badge else 0
    if frame.has_columns or not sizes.has_product:
        top += max((caption_top - top - tall - badge) // 2, 0)
    for role, size in block:
        places[role] = _aligned(frame, size, top)  # type: ignore[index]
        top += size[1] + round(1.2 * gap)
    return places


def _product_room(frame: Frame, places: Sequence[dict[Role, Box]], caption_top: int) -> Box:
    """The largest box that the texts of all scenes leave to the product."""
    width, height = frame.product_room()
    if frame.is_wide:
        middle = frame.column.x // 2 if frame.is_rtl else (frame.column.right + frame.format.width) // 2
        ground = min(caption_top - frame.gap // 2, round(frame.format.height * 0.88))
        return Box(middle - width // 2, max(ground - height, frame.px(70)), width, min(height, ground - frame.px(70)))
    if frame.beside:
        edge, top = frame.px(44), frame.px(ROOMY_TOP)
        left = edge if frame.is_rtl else frame.column.right + frame.gap
        right = frame.column.x - frame.gap if frame.is_rtl else frame.format.width - edge
        ground = caption_top - frame.gap
        return Box(left, top, right - left, max(ground - top, 2))
    top = max((box.bottom for place in places for box in place.values()), default=frame.safe.y) + frame.gap
    ground = caption_top - round(frame.gap * 0.8)
    height = max(min(height, ground - top), 2)
    return Box(frame.format.width // 2 - width // 2, ground - height, width, height)


def _standing(room: Box, product: Size) -> Box:
    """The product as large as fits its room, standing on the room's floor."""
    scale = min(room.width / product[0], room.height / product[1])
    width, height = max(round(product[0] * scale), 2), max(round(product[1] * scale), 2)
    return Box(room.x + (room.width - width) // 2, room.bottom - height, width, height)


def _badge(frame: Frame, sizes: SceneSizes, place: dict[Role, Box], room: Box | None, caption_top: int) -> Box:
    """Under the text in wide frames and without a product; else at the product's shoulder, on the end side."""
    assert sizes.badge is not None
    width, height = sizes.badge
    texts = [place[role] for role in ("headline", "subline") if role in place]
    under = max((box.bottom for box in texts), default=frame.safe.y + frame.px(160)) + frame.gap
    if frame.has_columns or room is None:
        return _aligned(frame, sizes.badge, min(under, caption_top - height))
    product, safe = place["product"], frame.safe
    top = min(max(product.y - round(0.45 * height), under - frame.gap // 2), caption_top - height)
    if frame.is_rtl:
        x = max(product.x - round(width * 0.75), safe.x)
    else:
        x = min(product.right - round(width * 0.25), safe.right - width)
    return Box(x, top, width, height)


def _stacked_end(frame: Frame, sizes: EndSizes, product: Size, bottom: int) -> dict[Role, Box]:
    safe, gap = frame.safe, frame.gap
    lift = sizes.logo[1] + gap if safe.y >= frame.px(ROOMY_TOP) else -gap // 2
    top = safe.y - lift
    texts = [(role, size) for role, size in (("headline", sizes.headline), ("cta", sizes.cta)) if size]
    needed = sizes.logo[1] + sum(size[1] + round(1.3 * gap) for _, size in texts)
    left = bottom - top - needed - 2 * gap
    tall = min(left, round(frame.format.height * 0.34))
    places: dict[Role, Box] = {}
    has_product = tall >= frame.format.height * MIN_PRODUCT
    y = top + max((left - tall) // 2, 0) if has_product else max(top, safe.y) + max((left - lift) // 3, 0)
    places["logo"] = _centred(frame, sizes.logo, y)
    y += sizes.logo[1] + gap
    if has_product:
        room = Box(safe.x, y, safe.width, tall)
        stands = _standing(room, product)
        places["product"] = Box(frame.format.width // 2 - stands.width // 2, stands.y, stands.width, stands.height)
        y += tall + gap
    for role, size in texts:
        y = max(y, safe.y) + (round(0.3 * gap) if role == "headline" else gap)
        places[role] = _centred(frame, size, y)  # type: ignore[index]
        y += size[1]
    return places


def _wide_end(frame: Frame, sizes: EndSizes, product: Size, bottom: int) -> dict[Role, Box]:
    safe, gap = frame.safe, frame.gap
    rows: list[tuple[Role, Size]] = [("logo", sizes.logo)]
    rows += [("headline", sizes.headline)] if sizes.headline else []
    rows += [("cta", sizes.cta)] if sizes.cta else []
    spacing = round(1.6 * gap)
    tall = sum(size[1] for _, size in rows) + spacing * (len(rows) - 1)
    y = safe.y + max((bottom - safe.y - tall) // 2, 0)
    places: dict[Role, Box] = {}
    for role, size in rows:
        places[role] = _aligned(frame, size, y)
        y += size[1] + spacing
    width, height = frame.product_room()
    middle = frame.column.x // 2 if frame.is_rtl else (frame.column.right + frame.format.width) // 2
    height = min(round(height * 0.9), bottom - frame.px(80))
    places["product"] = _standing(Box(middle - width // 2, bottom - height, width, height), product)
    return places


def _aligned(frame: Frame, size: Size, y: int) -> Box:
    """At the start side of the column in wide frames, in the middle of the frame elsewhere."""
    if not frame.has_columns:
        return _centred(frame, size, y)
    column = frame.column
    return Box(column.right - size[0] if frame.is_rtl else column.x, y, *size)


def _centred(frame: Frame, size: Size, y: int) -> Box:
    return Box((frame.format.width - size[0]) // 2, y, *size)
