"""What a style sets behind the product: an arch, a wall, a disc, brackets; or a fine line around the whole frame.

A backing keeps clear of every text that has no ground of its own, so contrast stays as it was measured on the take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from catalog import Brand
from renderer.picture.canvas import Rgb, rgb_of
from renderer.picture.frame import Box, Frame
from renderer.picture.shapes import drawn, shape_picture
from renderer.picture.styles import Backing
from renderer.picture.typography import Rgba

SOLID = 200  # alpha from which a pixel tells the product's colour
LEAST_DIFFERENCE = 38.0  # CIE 1976 distance of a backing's colour from the product's: less swallows its outline
SLANT = 0.05  # of the frame's width: how much higher a wall's edge is where reading ends
BRACKET_PX, BRACKET_LINE_PX, BRACKET_AWAY_PX = 92, 6, 46  # design px: length, thickness, distance to the product
EDGE_PX = 24  # design px that brackets keep from the edge of their room
HAIRLINE_PX, HAIRLINE_INSET = 2.5, 0.5  # design px; of the smallest margin of the safe area

Pixels = NDArray[np.float32]
Piece = tuple[Rgba, int, int]  # a picture, and where its top left corner lies


@dataclass(frozen=True)
class Spot:
    """Where a product stands, and the largest box around it that meets no text."""

    product: Box
    room: Box
    frame: Frame

    @property
    def is_rtl(self) -> bool:
        """Tell whether reading begins at the right."""
        return self.frame.is_rtl

    @property
    def middle(self) -> int:
        """The product's middle column."""
        return self.product.x + self.product.width // 2


def backing(wanted: Backing, product: Box, texts: Sequence[Box], frame: Frame, colour: Rgb) -> list[Piece]:
    """Draw what stands behind a product that is in `product`, clear of the boxes of `texts`."""
    spot = Spot(product, _room(product, texts, frame), frame)
    draw = _side_wall if wanted.shape == "wall" and frame.has_columns else BACKINGS[wanted.shape]
    return list(draw(spot, colour))


def hairline(frame: Frame, colour: Rgb) -> list[Piece]:
    """Draw a fine line around the frame, in the middle of the margin that the safe area leaves."""
    area, width, height = frame.format.safe_area, frame.format.width, frame.format.height
    inset = round(HAIRLINE_INSET * min(area.left, area.top, area.right, area.bottom)) // 2 * 2
    line = max(round(HAIRLINE_PX * frame.unit), 1)
    level, upright = (
        shape_picture("block", *size, 0, colour) for size in ((width - 2 * inset, line), (line, height - 2 * inset))
    )
    right, bottom = width - inset - line, height - inset - line
    return [(level, inset, inset), (level, inset, bottom), (upright, inset, inset), (upright, right, inset)]


def backing_colour(wanted: Backing, product: Pixels, brand: Brand, ground: Rgb | None = None) -> Rgb | None:
    """Return the first of the backing's colours from which the product stands out; None if it does from neither.

    `product` is premultiplied RGBA as `read_product` returns it; `ground` is a colour that would not be seen.
    """
    solid = product[product[..., 3] >= SOLID][:, :3]
    if not len(solid):
        return None
    mean = _lab(solid.mean(0))
    colours = (one for name in wanted.colours if (one := rgb_of(getattr(brand, name))) != ground)
    return next((one for one in colours if float(np.linalg.norm(_lab(one) - mean)) >= LEAST_DIFFERENCE), None)


def _lab(rgb: Pixels | Rgb) -> Pixels:
    pixel = np.array(rgb, np.float32).reshape(1, 1, 3) / 255
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_RGB2LAB)[0, 0], np.float32)


def _room(product: Box, texts: Sequence[Box], frame: Frame) -> Box:
    """Texts in a column bound it sideways, others from above and below."""
    left, top, right, bottom = 0, 0, frame.format.width, frame.format.height
    for text in texts:
        in_column = frame.has_columns and frame.column.x <= text.x and text.right <= frame.column.right
        if text.y >= product.bottom and not in_column:
            bottom = min(bottom, text.y - frame.gap // 2)
        elif not frame.has_columns:
            top = max(top, text.bottom + frame.gap // 2)
        elif text.x < product.x:
            left = max(left, text.right + frame.gap)
        else:
            right = min(right, text.x - frame.gap)
    return Box(left, top, right - left, bottom - top)


def _arch(spot: Spot, colour: Rgb) -> Iterator[Piece]:
    """A niche: as wide as suits the product, its foot a little below the product's."""
    product, room = spot.product, spot.room
    width = min(max(round(1.3 * product.width), round(0.62 * product.height)), 2 * _reach(spot)) // 2 * 2
    bottom = min(product.bottom + round(0.07 * product.height), room.bottom)
    top = max(bottom - max(round(1.18 * product.height), round(1.1 * width)), room.y)
    height = bottom - top
    if width > 1 and height > 1:
        x = product.x + (product.width - width) // 2
        yield drawn(partial(_door, width, min(width // 2, height)), width, height, colour), x, top


def _door(width: int, radius: int, x: Pixels, y: Pixels) -> Pixels:
    """Distance from the edge of a door whose upper end is round, elliptic where it is broader than high."""
    across = (x - width / 2) / (width / 2)
    above = (np.hypot(across, (y - radius) / radius) - 1) * radius
    return np.asarray(np.where(y < radius, above, (np.abs(across) - 1) * (width / 2)), np.float32)


def _wall(spot: Spot, colour: Rgb) -> Iterator[Piece]:
    """A field from behind the product's middle down to the frame's edge, its upper edge rising as reading goes."""
    room = spot.room
    if room.bottom < spot.frame.format.height:
        return  # a text stands below the product
    rise = round(SLANT * room.width)
    top = max(spot.product.y + round(0.4 * spot.product.height), room.y)
    yield _slanted(room.width, room.bottom - top, rise, spot.is_rtl, colour), room.x, top


def _side_wall(spot: Spot, colour: Rgb) -> Iterator[Piece]:
    """A field from the texts' column to the edge of the frame, as high as the frame."""
    room = spot.room
    near = room.x if not spot.is_rtl else room.right
    edge = (near + spot.middle) // 2
    width = room.right - edge if not spot.is_rtl else edge - room.x
    field = _slanted(room.height, width, round(SLANT * room.height), False, colour)
    turned = np.ascontiguousarray(np.rot90(field, 1 if not spot.is_rtl else -1))
    yield turned, (edge if not spot.is_rtl else room.x), room.y


def _disc(spot: Spot, colour: Rgb) -> Iterator[Piece]:
    """A disc behind the product's middle, which the frame may cut, with two small ones around it."""
    product, room, width = spot.product, spot.room, spot.frame.format.width
    wanted = round(1.12 * min(max(product.width, product.height), 2.2 * min(product.width, product.height)))
    middle = spot.middle, product.y + round(0.52 * product.height)
    texts = [abs(spot.middle - side) for side in (room.x, room.right) if 0 < side < width]
    size = min(wanted, 2 * min([*texts, middle[1] - room.y, room.bottom - middle[1]])) // 2 * 2
    side = -1 if spot.is_rtl else 1
    for across, down, share in ((0.0, 0.0, 1.0), (0.55 * side, -0.3, 0.12), (-0.6 * side, 0.28, 0.07)):
        tall = round(size * share)
        x, y = round(middle[0] + across * size - tall / 2), round(middle[1] + down * size - tall / 2)
        if tall > 1 and (share == 1 or Box(x, y, tall, tall).within(room)):
            yield shape_picture("rounded", tall, tall, tall / 2, colour), x, y


def _brackets(spot: Spot, colour: Rgb) -> Iterator[Piece]:
    """Four corners around the product, as of a view finder."""
    product, room = spot.product, spot.room
    px, away, edge = spot.frame.px, spot.frame.px(BRACKET_AWAY_PX), spot.frame.px(EDGE_PX)
    left, top = max(product.x - away, room.x + edge), max(product.y - away, room.y + edge)
    right, bottom = min(product.right + away, room.right - edge), min(product.bottom + away, room.bottom - edge)
    length, line = min(px(BRACKET_PX), (right - left) // 3, (bottom - top) // 3), max(px(BRACKET_LINE_PX), 1)
    if length <= line:
        return
    corner = np.zeros((length, length, 4), np.uint8)
    corner[:line] = corner[:, :line] = (*colour, 255)
    for flipped, x, y in (
        (corner, left, top),
        (corner[:, ::-1], right - length, top),
        (corner[::-1], left, bottom - length),
        (corner[::-1, ::-1], right - length, bottom - length),
    ):
        yield np.ascontiguousarray(flipped), x, y


def _reach(spot: Spot) -> int:
    """Columns from the product's middle to the nearer side of its room."""
    return max(min(spot.middle - spot.room.x, spot.room.right - spot.middle), 0)


def _slanted(width: int, height: int, rise: int, falls: bool, colour: Rgb) -> Rgba:
    """A field whose upper edge begins `rise` px down and is at the top where it ends, or the other way round."""

    def distance(x: Pixels, y: Pixels) -> Pixels:
        share = x / width if not falls else 1 - x / width
        return np.asarray(rise * (1 - share) - y, np.float32)

    return drawn(distance, max(width, 2), max(height, 2), colour)


BACKINGS: dict[str, Callable[[Spot, Rgb], Iterator[Piece]]] = {
    "arch": _arch,
    "wall": _wall,
    "disc": _disc,
    "brackets": _brackets,
}
