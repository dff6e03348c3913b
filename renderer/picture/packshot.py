"""Puts the product's own pixels into the picture: scaled down once, never recoloured, standing on a soft shadow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from catalog.campaign import Light
from renderer.errors import MediaError
from renderer.media import Planes
from renderer.picture.canvas import Sprite, blend, blend_at, moved, sprite_of
from renderer.picture.frame import Box, Size

PUSH_IN = 0.045  # share of its size that the product grows by while it is on screen
FLOAT_PX = 2.0  # how far it breathes up and down
FLOAT_S = 5.2  # one breath
ENTER_PX = 36
CARD_RADIUS = 0.06  # of the short side, for pictures without a cutout
CONTACT, AMBIENT = 0.58, 0.24  # darkest alpha of the near and the wide shadow; a take with a floor adds to the wide one
AWAY: dict[Light, float] = {"left": 1.0, "top_left": 0.6, "top": 0.0, "top_right": -0.6, "right": -1.0}
LEAN = (0.06, 0.3, 0.45, 0.25)  # of the foot's half width: near and wide shadow move; the wide one's far and near reach
REFLECTED = 0.25  # share of the product's height that a shining floor shows
LEAST_REFLECTED = 0.06  # less than that looks like a mistake
REFLECTION_BLUR = 0.018  # of the product's height, where a reflection ends
BEVEL = 0.02  # of a foot's width at either end, where its edge turns up
UNDER_PX = 2  # of a reflection lie under the edge of the foot, so that no seam opens while it moves
VISIBLE = 8  # alpha from which a pixel counts as product


@dataclass(frozen=True)
class Packshot:
    """The product, its shadow and what the floor shows of it, at the size of `box`, ready to be drawn."""

    sprite: Sprite
    shadow: Sprite
    box: Box
    shadow_x: int
    shadow_y: int
    stands: bool  # on the floor; a card hangs
    reflection: Sprite | None = None
    reflection_y: int = 0  # where it begins, below the top of the box

    def paint(self, frame: Planes, pose: Pose, opacity: float = 1.0) -> None:
        """Draw the product as it stands at a moment."""
        sink = self.box.height * (1 - pose.scale) / 2 if self.stands else 0.0  # keeps the foot where it is
        y = self._foot(pose) - self.box.height + sink
        blend_at(frame, self.sprite, self.box.x, y, pose.scale, opacity * pose.entered)

    def paint_reflection(self, frame: Planes, pose: Pose, opacity: float = 1.0) -> None:
        """Draw what a shining floor shows of the product; it hangs on the foot."""
        if self.reflection is None:
            return
        scale, foot, seen = round(pose.scale, 3), round(4 * self._foot(pose)) / 4, round(opacity * pose.entered, 2)
        x = self.box.x - (self.reflection.width - self.box.width) / 2
        below = (self.reflection_y - self.box.height) * scale
        y = foot + below - self.reflection.height * (1 - scale) / 2
        if seen > 0:
            blend(frame, *_soft(self.reflection, x, y, scale, seen))

    def _foot(self, pose: Pose) -> float:
        """The row on which the product ends."""
        return self.box.bottom - pose.lift + (ENTER_PX * (1 - pose.entered) if self.stands else 0.0)

    def paint_shadow(self, frame: Planes, pose: Pose, opacity: float = 1.0) -> None:
        """Draw what it throws; fainter while it floats."""
        shade = opacity * pose.entered * (1 - 0.12 * pose.lift / FLOAT_PX)
        if shade > 0:
            blend(frame, *_soft(self.shadow, self.shadow_x, self.shadow_y, round(pose.scale, 3), round(shade, 2)))


@dataclass(frozen=True)
class Pose:
    """A moment: how large, how far above the floor in px, and how far it has come in, 0..1."""

    scale: float
    lift: float
    entered: float

    @classmethod
    def at(cls, time_s: float, progress: float, entered: float) -> Pose:
        """It breathes, and comes nearer while `progress` goes from 0 to 1."""
        lift = FLOAT_PX * (1 - np.cos(2 * np.pi * time_s / FLOAT_S)) / 2
        return cls(1 - PUSH_IN * (1 - min(progress, 1.0)), float(lift), entered)


@lru_cache(maxsize=4)
def _soft(sprite: Sprite, x: float, y: float, scale: float, opacity: float) -> tuple[Sprite, int, int]:
    """Shadows and reflections are too soft for anyone to see the small steps in which they move: most frames repeat."""
    return moved(sprite, x, y, scale, opacity)


def read_product(path: Path, has_cutout: bool, place: str) -> NDArray[np.float32]:
    """Return the product as premultiplied RGBA 0..255, float32 (height, width, 4), cropped to what shows.

    Raises:
        MediaError: the file is no picture, or nothing in it is visible.
    """
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise MediaError(f"{place}: {path.name} is not an 8-bit colour picture. Store the product again.")
    if pixels.shape[2] == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2BGRA)
    rgba = pixels[..., [2, 1, 0, 3]].astype(np.float32)
    if not has_cutout:
        rgba[..., 3] = _rounded(rgba.shape[1], rgba.shape[0])
    rows, columns = np.flatnonzero(rgba[..., 3].max(1) >= VISIBLE), np.flatnonzero(rgba[..., 3].max(0) >= VISIBLE)
    if not len(rows):
        raise MediaError(f"{place}: {path.name} is wholly transparent. Give the product a picture.")
    rgba[..., :3] *= rgba[..., 3:] / 255
    return np.ascontiguousarray(rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def inside(box: Box, product: NDArray[np.float32], has_cutout: bool) -> Box:
    """Return where another picture of the product lies: as large as fits, standing on the same floor, or hanging."""
    scale = min(box.width / product.shape[1], box.height / product.shape[0])
    width, height = int(product.shape[1] * scale) // 2 * 2, int(product.shape[0] * scale) // 2 * 2
    spare = box.height - height
    return Box(box.x + (box.width - width) // 2, box.y + (spare if has_cutout else spare // 2), width, height)


def size_of(product: NDArray[np.float32]) -> Size:
    """Width and height."""
    return product.shape[1], product.shape[0]


def foot_of(product: NDArray[np.float32]) -> tuple[int, int]:
    """First and last column of what touches the floor."""
    height, width = product.shape[:2]
    foot = np.flatnonzero(product[-max(height // 14, 4) :, :, 3].max(0) > 127)
    return (int(foot[0]), int(foot[-1])) if len(foot) else (0, width)


def packshot(
    product: NDArray[np.float32],
    box: Box,
    has_cutout: bool,
    light: Light = "top",
    gloss: float = 0.0,
    floor_px: int = 0,
) -> Packshot:
    """Scale a product (see `read_product`) into `box` and make its shadow, away from where the light comes from.

    A floor with some `gloss`, 0 to 1, reflects what stands on it, in the `floor_px` below the box at most.
    """
    shrinks = box.width < product.shape[1]
    kernel = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    scaled = np.asarray(np.clip(cv2.resize(product, (box.width, box.height), interpolation=kernel), 0, 255), np.float32)
    shadow, x, y = _floor_shadow(scaled, AWAY[light]) if has_cutout else _card_shadow(scaled, AWAY[light])
    reflected_px = min(round(REFLECTED * box.height), floor_px)
    shot = Packshot(sprite_of(scaled), sprite_of(shadow), box, box.x + x, box.y + y, has_cutout)
    if not (has_cutout and gloss > 0 and reflected_px >= LEAST_REFLECTED * box.height):
        return shot
    reflection, above = _reflection(scaled, reflected_px, gloss)
    return replace(shot, reflection=sprite_of(reflection), reflection_y=box.height - above)


def _reflection(product: NDArray[np.float32], reflected_px: int, gloss: float) -> tuple[NDArray[np.float32], int]:
    """The product upside down, fainter and softer away from its foot, and how many of its rows lie above the lowest.

    A round foot is seen from above: each column is mirrored where it meets the floor, not all at the lowest row.
    """
    height, width = product.shape[:2]
    blur = REFLECTION_BLUR * height
    margin = round(2 * blur) // 2 * 2
    raised = np.pad(_raised(product), margin, mode="edge")
    above = int(raised.max()) + UNDER_PX
    rows = np.arange(-above, reflected_px, dtype=np.float32)[:, None]
    below = rows + raised  # the edge of the foot, in px
    source_y = np.minimum(height - 1 - raised - below, height - 1 - raised)
    source_x = np.broadcast_to(np.arange(-margin, width + margin, dtype=np.float32), source_y.shape)
    sharp = cv2.remap(product, source_x.copy(), source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    soft = cv2.GaussianBlur(sharp, (0, 0), blur, borderType=cv2.BORDER_REPLICATE)
    away = np.clip(below / reflected_px, 0, 1)[..., None]
    seen = gloss * (1 - away) ** 1.5 * (below >= -UNDER_PX)[..., None]
    return np.asarray((sharp * (1 - away) + soft * away) * seen, np.float32), above


def _raised(product: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far above its lowest row the foot ends in each column, in px; what overhangs counts as the foot beside it."""
    height, width = product.shape[:2]
    left, right = foot_of(product)
    bevel = round(BEVEL * (right - left))
    foot = np.arange(left + bevel, max(right - bevel, left + bevel) + 1).clip(0, width - 1)
    lowest = np.argmax(product[::-1, :, 3] > 127, 0)[foot]
    raised = np.interp(np.arange(width), foot, np.minimum(lowest, height / 14)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(raised[None], (0, 0), 2)[0], np.float32)


def _floor_shadow(product: NDArray[np.float32], away: float) -> tuple[NDArray[np.float32], int, int]:
    """A dark line where the foot meets the floor and a wide, faint pool that leans to one side; and where they lie."""
    height, width = product.shape[:2]
    left, right = foot_of(product)
    reach = max(right - left, width // 4) / 2
    half_w, half_h = int(reach * 3.2), int(max(reach * 0.62, 24))
    x = (np.arange(2 * half_w, dtype=np.float32) - half_w + 0.5) / reach
    y = ((np.arange(2 * half_h, dtype=np.float32) - half_h + 0.5) / reach)[:, None]
    near = CONTACT * np.exp(-((((x - LEAN[0] * away) / 0.98) ** 2 + (y / 0.085) ** 2) ** 1.3))
    wide_x = 1.45 * np.where(x * away > 0, 1 + LEAN[2] * abs(away), 1 - LEAN[3] * abs(away))
    wide = AMBIENT * np.exp(-(((x - LEAN[1] * away) / wide_x) ** 2) - ((y - 0.04) / 0.24) ** 2)
    shadow = np.zeros((2 * half_h, 2 * half_w, 4), np.float32)
    shadow[..., 3] = 255 * (1 - (1 - near) * (1 - wide))
    return shadow, (left + right) // 2 - half_w, height - half_h - max(int(reach * 0.035), 2)


def _card_shadow(product: NDArray[np.float32], away: float) -> tuple[NDArray[np.float32], int, int]:
    """The soft shadow of a card that hangs a little in front of the picture."""
    spread = max(min(product.shape[:2]) // 9, 12)
    alpha = np.pad(product[..., 3], 2 * spread)
    shadow = np.zeros((*alpha.shape, 4), np.float32)
    shadow[..., 3] = cv2.GaussianBlur(alpha, (0, 0), spread * 0.6) * 0.42
    return shadow, -2 * spread + round(away * spread / 2), -2 * spread + spread // 2


def _rounded(width: int, height: int) -> NDArray[np.float32]:
    """Alpha of a rounded rectangle, 0..255, smooth at the edge."""
    radius = CARD_RADIUS * min(width, height)
    x = np.abs(np.arange(width) + 0.5 - width / 2) - (width / 2 - radius)
    y = np.abs(np.arange(height) + 0.5 - height / 2) - (height / 2 - radius)
    distance = np.hypot(np.maximum(x, 0)[None], np.maximum(y, 0)[:, None]) - radius
    return np.asarray(np.clip(0.5 - distance, 0, 1) * 255, np.float32)
