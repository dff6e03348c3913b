"""Sees a format with a designer's eyes: safe area, columns, and how much room each kind of text gets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from catalog import Format

Size = tuple[int, int]  # width, height in px
Role = Literal["headline", "subline", "badge", "caption", "logo", "cta", "legal", "product", "qr"]

WIDE_FROM = 1.25  # width / height at and above which text and product stand side by side
# Frame height / width from which ..., product height / width from which it stands beside text there. 4:5 stacks well.
SLENDER_FROM = ((1.5, 1.4), (1.15, 1.9), (0.0, 1.4))
COLUMN_SHARES = (0.40, 0.56)  # least and most of the frame's width that text gets beside a slender product
EDGE = 44  # px that the product keeps from the frame's edge
ROOMY_TOP = 190  # a safe area that starts this far down leaves room for the logo above it
# Where platforms keep this share of the height for themselves at the bottom, a stacked product stands below the text on
# a stage that reaches into it, down to this row; within the safe area alone it would be a thumbnail.
DEEP_BOTTOM, STAGE_FLOOR = 0.25, 0.85
CAPTION_WIDTH = 1140  # px, 42 Latin letters and the plate around them; wider lines make eyes wander
# Design px below which text is small for its kind: it leaves its narrow column, and long words are parted.
HANDSOME: dict[Role, float] = {"headline": 62, "subline": 32, "cta": 36}
GAP = 34  # px between neighbours, at a short side of 1080


@dataclass(frozen=True)
class Box:
    """A rectangle in whole pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column beyond it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row beyond it."""
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
class Frame:
    """A format seen from one reading direction, with the measures that everything is placed by."""

    format: Format
    is_rtl: bool
    column_share: float = 0.0  # of the width, for text beside a slender product; 0: text and product are stacked
    starts_at_margin: bool = False  # stacked text begins at the side where reading does, instead of in the middle

    @property
    def unit(self) -> float:
        """Pixels per design pixel; designs are drawn for a short side of 1080."""
        return min(self.format.width, self.format.height) / 1080

    @property
    def gap(self) -> int:
        """Pixels between neighbours."""
        return self.px(GAP)

    @property
    def is_wide(self) -> bool:
        """Tell whether text and product always stand side by side."""
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
        return self.is_wide or self.column_share > 0

    @property
    def stage_floor(self) -> int | None:
        """The row on which a product stands below all text, or None where it stands inside the safe area."""
        below = self.format.height - self.safe.bottom
        if self.has_columns or below < DEEP_BOTTOM * self.format.height:
            return None
        return round(STAGE_FLOOR * self.format.height)

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
        width = round(safe.width * 0.5) if self.is_wide else round(self.format.width * self.column_share)
        return Box(safe.right - width if self.is_rtl else safe.x, safe.y, width, safe.height)

    def beside(self, product: Size) -> Frame | None:
        """Return this frame with a column for text beside a slender product, as wide as a large product leaves it.

        None where the frame is wide anyway, the product is not slender, or it stands as tall below the text.
        """
        slenderness, shape = product[1] / product[0], self.format.height / self.format.width
        enough = next(slender for ratio, slender in SLENDER_FROM if shape >= ratio)
        if self.is_wide or self.stage_floor is not None or slenderness < enough:
            return None
        standing = self.safe.bottom - self.slot("caption").height - self.product_top
        across = self.safe.right if self.is_rtl else self.format.width - self.safe.x
        share = (across - self.px(EDGE) - self.gap - standing / slenderness) / self.format.width
        return replace(self, column_share=min(max(share, COLUMN_SHARES[0]), COLUMN_SHARES[1]))

    @property
    def product_top(self) -> int:
        """Highest place of a product beside text: under the platform's own bar where there is one."""
        return self.px(ROOMY_TOP) if self.safe.y >= self.px(ROOMY_TOP) else self.px(1.6 * EDGE)

    def px(self, design: float) -> int:
        """Design pixels in pixels of this frame."""
        return round(design * self.unit)

    def slot(self, role: Role, on_end_card: bool = False, above_badge: bool = False) -> Slot:
        """Room for a text of this role; a headline in a column leaves room to a badge below it."""
        column, middle = self.column, self.middle
        if role == "headline" and on_end_card and not self.has_columns:
            return self._slot(middle.width, middle.height * 0.15, (94, 44), 3)
        if role == "headline":
            share = (0.28 if above_badge else 0.42) if self.has_columns else 0.24
            return self._slot(column.width, column.height * share, (120 if self.is_wide else 104, 46), 4)
        if role == "subline":
            return self._slot(column.width, column.height * (0.18 if self.has_columns else 0.12), (46, 30), 4)
        if role == "badge":
            return self._slot(min(column.width - 2 * self.px(40), self.px(430)), self.px(90), (76, 32), 1)
        if role == "caption":
            return self._slot(min(middle.width, self.px(CAPTION_WIDTH)), self.px(128), (46, 28), 2)
        if role == "cta":
            room = column.width if self.has_columns else middle.width
            return self._slot(room * 0.9 - 2 * self.px(56), self.px(64), (46, 30), 1)
        if role == "legal":
            return self._slot(middle.width, self.px(68), (26, 24), 2)
        raise ValueError(role)

    def _slot(self, width: float, height: float, sizes: tuple[float, float], max_lines: int) -> Slot:
        return Slot(int(width), int(height), (sizes[0] * self.unit, sizes[1] * self.unit), max_lines)

    def logo_room(self, on_end_card: bool) -> Size:
        """Largest width and height of the logo."""
        width, height = (440, 104) if on_end_card else (216, 46)
        return min(self.px(width), self.column.width), self.px(height)

    def product_room(self) -> Size:
        """Largest width and height of the product in any scene; its real box depends on the text."""
        if self.is_wide:
            return round(self.format.width * 0.38), round(self.format.height * 0.78)
        return round(self.format.width * 0.74), round(self.format.height * 0.62)
