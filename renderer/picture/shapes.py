"""Draws what prices and buttons stand on: flat shapes of one colour, some with a border.

A shape is a function that tells each pixel's distance in px from its edge, negative inside; edges are smooth and
borders even by construction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.picture.typography import Rgb, Rgba

Shape = Literal["rounded", "block", "chamfer", "ticket", "scallop"]
Plane = NDArray[np.float32]

CUT = 0.28  # of the height: what a chamfer takes off two corners
BITE = 0.11  # of the height: radius of the notches of a ticket
BUMPS = 4  # half circles down the side of a scallop
TILT_MARGIN = 2  # px around a tilted picture, for its soft edge


def shape_picture(
    shape: Shape, width: int, height: int, radius: float, fill: Rgb, border: Rgb | None = None, border_px: float = 0.0
) -> Rgba:
    """Draw a shape as large as `width` x `height` px; `radius` counts for rounded ones, a border lies inside."""
    return drawn(lambda x, y: SHAPES[shape](x, y, width, height, radius), width, height, fill, border, border_px)


def drawn(
    distance_of: Callable[[Plane, Plane], Plane],
    width: int,
    height: int,
    fill: Rgb,
    border: Rgb | None = None,
    border_px: float = 0.0,
) -> Rgba:
    """Draw whatever has its edge where `distance_of` the pixels' x (1, width) and y (height, 1) is 0."""
    x = np.arange(width, dtype=np.float32)[None] + np.float32(0.5)
    y = np.arange(height, dtype=np.float32)[:, None] + np.float32(0.5)
    distance = distance_of(x, y)
    colour = np.broadcast_to(np.array(fill, np.float32), (height, width, 3))
    if border is not None:
        share = np.clip(distance + border_px + 0.5, 0, 1)[..., None]
        colour = colour * (1 - share) + np.array(border, np.float32) * share
    alpha = np.clip(0.5 - distance, 0, 1)[..., None]
    return np.asarray(np.rint(np.concatenate([colour * alpha, 255 * alpha], -1)), np.uint8)


def tilted(picture: Rgba, degrees: float) -> Rgba:
    """Return a picture turned about its middle, counter-clockwise, just large enough to hold all of it."""
    if not degrees:
        return picture
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    across = int(np.ceil(width * cos + height * sin)) + 2 * TILT_MARGIN
    down = int(np.ceil(width * sin + height * cos)) + 2 * TILT_MARGIN
    matrix[:, 2] += (across - width) / 2, (down - height) / 2
    turned = cv2.warpAffine(picture, matrix, (across, down), flags=cv2.INTER_LINEAR)
    return np.asarray(turned, np.uint8)


def _rounded(x: Plane, y: Plane, width: float, height: float, radius: float) -> Plane:
    radius = min(radius, width / 2, height / 2)
    beside = np.abs(x - width / 2) - (width / 2 - radius)
    above = np.abs(y - height / 2) - (height / 2 - radius)
    outside = np.hypot(np.maximum(beside, 0), np.maximum(above, 0))
    return np.asarray(outside + np.minimum(np.maximum(beside, above), 0) - radius, np.float32)


def _block(x: Plane, y: Plane, width: float, height: float, radius: float) -> Plane:
    return _rounded(x, y, width, height, 0.0)


def _chamfer(x: Plane, y: Plane, width: float, height: float, radius: float) -> Plane:
    """The first and the last corner cut off."""
    cut = CUT * min(width, height)
    corners = np.maximum(cut - x - y, cut - (width - x) - (height - y)) / np.sqrt(np.float32(2))
    return np.asarray(np.maximum(_block(x, y, width, height, 0.0), corners), np.float32)


def _ticket(x: Plane, y: Plane, width: float, height: float, radius: float) -> Plane:
    """A slip of paper with a bite out of the middle of both sides."""
    bites = BITE * height - np.hypot(np.minimum(x, width - x), y - height / 2)
    return np.asarray(np.maximum(_rounded(x, y, width, height, radius), bites), np.float32)


def _scallop(x: Plane, y: Plane, width: float, height: float, radius: float) -> Plane:
    """A biscuit: a plate whose edge is a row of half circles."""
    bump = height / (2 * BUMPS + 2)
    inner = _rounded(x - bump, y - bump, width - 2 * bump, height - 2 * bump, 0.0)
    across, down = (width - 2 * bump) / max(round((width - 2 * bump) / (2 * bump)), 1), 2 * bump
    along_x = np.abs((np.clip(x, bump, width - bump) - bump) % across - across / 2)
    along_y = np.abs((np.clip(y, bump, height - bump) - bump) % down - down / 2)
    from_rows = np.minimum(np.abs(y - bump), np.abs(height - bump - y))
    from_columns = np.minimum(np.abs(x - bump), np.abs(width - bump - x))
    rows = np.hypot(along_x + _beyond(x, bump, width), from_rows) - across / 2
    columns = np.hypot(along_y + _beyond(y, bump, height), from_columns) - bump
    return np.asarray(np.minimum(inner, np.minimum(rows, columns)), np.float32)


def _beyond(along: Plane, margin: float, length: float) -> Plane:
    return np.asarray(np.maximum(np.maximum(margin - along, along - (length - margin)), 0), np.float32)


SHAPES: dict[Shape, Callable[[Plane, Plane, float, float, float], Plane]] = {
    "rounded": _rounded,
    "block": _block,
    "chamfer": _chamfer,
    "ticket": _ticket,
    "scallop": _scallop,
}
