"""Blends premultiplied YUV sprites into frames: only where they are, in 8 bit, one multiply and one add per plane.

RGB never exists at full size. A sprite carries Y, U, V (BT.709, limited range) already multiplied by its alpha, so
`frame * (1 - alpha) + sprite` is the whole of compositing; where alpha is full, the sprite's own pixels arrive exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.media import Planes
from renderer.picture.motion import Motion

Plane = NDArray[np.uint8]
Yuv = NDArray[np.float32]  # (height, width, 3), BT.709 limited range, not rounded
Rgb = tuple[int, int, int]
Entrance = Literal["rise", "pop", "fade", "cut"]

KR, KB = 0.2126, 0.0722  # BT.709
LUMA = np.array([KR, 1 - KR - KB, KB], np.float32)
# rows Y, U, V; columns R, G, B in 0..255
FROM_RGB = np.stack(
    [
        LUMA * (219 / 255),
        (np.array([0, 0, 1], np.float32) - LUMA) / (2 - 2 * KB) * (224 / 255),
        (np.array([1, 0, 0], np.float32) - LUMA) / (2 - 2 * KR) * (224 / 255),
    ]
).astype(np.float32)
OFFSET = np.array([16, 128, 128], np.float32)
TO_RGB = np.linalg.inv(FROM_RGB.astype(np.float64)).astype(np.float32)

POP_FROM = 0.6  # scale at which a badge appears
OVERSHOOT = 1.70158  # of the back easing: 10 % beyond the goal (R. Penner)


@dataclass(frozen=True, eq=False)
class Sprite:
    """A picture ready to blend: premultiplied planes with even sides; chroma and `alpha_half` at half size."""

    y: Plane
    u: Plane
    v: Plane
    alpha: Plane
    alpha_half: Plane

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.y.shape[0])

    @cached_property
    def packed(self) -> tuple[Plane, Plane]:
        """Full and half size planes as four channels each: OpenCV warps four as fast as one."""
        full, half = [self.y, self.alpha, self.y, self.alpha], [self.u, self.v, self.alpha_half, self.u]
        return np.asarray(cv2.merge(full), np.uint8), np.asarray(cv2.merge(half), np.uint8)


@dataclass(frozen=True)
class Layer:
    """A sprite at (x, y) during frames [first, last), and how it comes and goes."""

    sprite: Sprite
    x: float
    y: float
    first: int
    last: int
    entrance: Entrance = "cut"
    enter_frames: int = 0
    exit_frames: int = 0
    travel_px: float = 0.0
    motion: Motion | None = None  # instead of the entrance, and how many px a design px has
    unit: float = 1.0


def rgb_of(colour: str) -> Rgb:
    """Return (red, green, blue), 0..255, of `#RRGGBB`."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def yuv_of(rgb: NDArray[np.uint8] | NDArray[np.float32] | Rgb) -> Yuv:
    """Convert (..., 3) RGB 0..255 to unrounded BT.709 limited range."""
    result: Yuv = np.asarray(rgb, np.float32) @ FROM_RGB.T + OFFSET
    return result


def rgb_from(yuv: Yuv) -> NDArray[np.float32]:
    """Convert (..., 3) BT.709 limited range to RGB, clipped to 0..255, not rounded."""
    return np.clip((yuv - OFFSET) @ TO_RGB.T, 0, 255)


def to_rgb(planes: Planes) -> NDArray[np.uint8]:
    """Return a frame as uint8 RGB (height, width, 3)."""
    size = planes.y.shape[1], planes.y.shape[0]
    chroma = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in (planes.u, planes.v)]
    return np.rint(rgb_from(np.dstack([planes.y, *chroma]).astype(np.float32))).astype(np.uint8)


def sprite_of(rgba: NDArray[np.uint8] | NDArray[np.float32]) -> Sprite:
    """Convert premultiplied RGBA, 0..255, (height, width, 4), to a sprite; odd sides grow by an empty row or column."""
    height, width = rgba.shape[:2]
    even = cv2.copyMakeBorder(rgba, 0, height & 1, 0, width & 1, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    alpha = even[..., 3:].astype(np.float32)
    yuv = even[..., :3].astype(np.float32) @ FROM_RGB.T + OFFSET * (alpha / 255)
    half = cv2.resize(np.dstack([yuv[..., 1:], alpha]), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    planes = (yuv[..., 0], half[..., 0], half[..., 1], alpha[..., 0], half[..., 2])
    return Sprite(*(np.ascontiguousarray(np.rint(plane).astype(np.uint8)) for plane in planes))


def blend(frame: Planes, sprite: Sprite, x: int, y: int) -> None:
    """Lay `sprite` over `frame` at (x, y), both even, in place; parts outside the frame are cut."""
    left, top = max(x, 0), max(y, 0)
    right = min(x + sprite.width, frame.y.shape[1])
    bottom = min(y + sprite.height, frame.y.shape[0])
    if right <= left or bottom <= top:
        return
    _over(frame.y[top:bottom, left:right], sprite.y, sprite.alpha, left - x, top - y)
    half = slice(top // 2, bottom // 2), slice(left // 2, right // 2)
    _over(frame.u[half], sprite.u, sprite.alpha_half, (left - x) // 2, (top - y) // 2)
    _over(frame.v[half], sprite.v, sprite.alpha_half, (left - x) // 2, (top - y) // 2)


def blend_at(frame: Planes, sprite: Sprite, x: float, y: float, scale: float = 1.0, opacity: float = 1.0) -> None:
    """Lay `sprite` over `frame` with its top left corner at (x, y) before scaling about its middle, sub-pixel exact."""
    if opacity <= 0:
        return
    exact = scale == 1.0 and x == int(x) and y == int(y) and not (int(x) | int(y)) & 1
    if exact:
        blend(frame, sprite if opacity >= 1 else _faded(sprite, opacity), int(x), int(y))
        return
    blend(frame, *moved(sprite, x, y, scale, opacity))


def moved(sprite: Sprite, x: float, y: float, scale: float = 1.0, opacity: float = 1.0) -> tuple[Sprite, int, int]:
    """Return a sprite shifted, scaled about its middle and faded as `blend_at` does, and where it lies."""
    x -= sprite.width * (scale - 1) / 2
    y -= sprite.height * (scale - 1) / 2
    corner = int(np.floor(x / 2)) * 2 - 2, int(np.floor(y / 2)) * 2 - 2
    warped = _warped(sprite, scale, x - corner[0], y - corner[1])
    return (warped if opacity >= 1 else _faded(warped, opacity)), *corner


def paint(frame: Planes, layer: Layer, number: int) -> None:
    """Draw a layer as it stands at frame `number`."""
    if not layer.first <= number < layer.last:
        return
    opacity = min((layer.last - number) / (layer.exit_frames + 1), 1.0) if layer.exit_frames else 1.0
    progress = min((number - layer.first + 1) / max(layer.enter_frames, 1), 1.0)
    if layer.entrance == "cut" or progress >= 1:
        blend_at(frame, layer.sprite, layer.x, layer.y, opacity=opacity)
    elif layer.motion is not None:
        pose = layer.motion.pose(progress)
        x, y = layer.x + pose.dx * layer.unit, layer.y + pose.dy * layer.unit
        blend_at(frame, layer.sprite, x, y, pose.scale, min(opacity, pose.opacity))
    elif layer.entrance == "pop":
        scale = POP_FROM + (1 - POP_FROM) * ease_out_back(progress)
        blend_at(frame, layer.sprite, layer.x, layer.y, scale, min(opacity, progress * 2.5))
    else:
        travel = layer.travel_px * (1 - ease_out_cubic(progress)) if layer.entrance == "rise" else 0.0
        blend_at(frame, layer.sprite, layer.x, layer.y + travel, opacity=min(opacity, ease_out_cubic(progress)))


def ease_out_cubic(progress: float) -> float:
    """0 to 1, fast first, settling slowly."""
    return 1 - (1 - progress) ** 3


def ease_out_back(progress: float) -> float:
    """0 to 1 with a slight overshoot before it settles."""
    return 1 + (OVERSHOOT + 1) * (progress - 1) ** 3 + OVERSHOOT * (progress - 1) ** 2


def smoothstep(progress: float) -> float:
    """0 to 1, slow at both ends."""
    progress = min(max(progress, 0.0), 1.0)
    return progress * progress * (3 - 2 * progress)


def luminance(rgb: NDArray[np.float32] | Rgb) -> NDArray[np.float32]:
    """Relative luminance of (..., 3) sRGB 0..255, as WCAG 2.2 defines it."""
    coded = np.asarray(rgb, np.float32) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ LUMA, np.float32)


def contrast(one: NDArray[np.float32] | Rgb, other: NDArray[np.float32] | Rgb) -> NDArray[np.float32]:
    """Contrast ratio, 1 to 21, of two (broadcast) sRGB colours, as WCAG 2.2 defines it."""
    a, b = luminance(one), luminance(other)
    return np.asarray((np.maximum(a, b) + 0.05) / (np.minimum(a, b) + 0.05), np.float32)


def _over(ground: Plane, source: Plane, alpha: Plane, x: int, y: int) -> None:
    part = slice(y, y + ground.shape[0]), slice(x, x + ground.shape[1])
    cv2.multiply(ground, cv2.bitwise_not(alpha[part]), dst=ground, scale=1 / 255)
    cv2.add(ground, source[part], dst=ground)


def _faded(sprite: Sprite, opacity: float) -> Sprite:
    planes = (sprite.y, sprite.u, sprite.v, sprite.alpha, sprite.alpha_half)
    return Sprite(*(np.asarray(cv2.convertScaleAbs(plane, alpha=opacity), np.uint8) for plane in planes))


def _warped(sprite: Sprite, scale: float, x: float, y: float) -> Sprite:
    """Scale and shift a sprite into a new one that is just large enough."""
    width = int(np.ceil((sprite.width * scale + x + 2) / 2)) * 2
    height = int(np.ceil((sprite.height * scale + y + 2) / 2)) * 2
    # Pixel centres lie at +0.5, so scaling about the corner of the picture moves the centre of its first pixel.
    full = np.array([[scale, 0, x + (scale - 1) / 2], [0, scale, y + (scale - 1) / 2]], np.float32)
    half = np.array([[scale, 0, x / 2 + (scale - 1) / 2], [0, scale, y / 2 + (scale - 1) / 2]], np.float32)

    small = width // 2, height // 2
    whole = np.asarray(cv2.warpAffine(sprite.packed[0], full, (width, height), flags=cv2.INTER_LINEAR), np.uint8)
    halved = np.asarray(cv2.warpAffine(sprite.packed[1], half, small, flags=cv2.INTER_LINEAR), np.uint8)
    return Sprite(*(np.asarray(cv2.extractChannel(*one), np.uint8) for one in _unpacked(whole, halved)))


def _unpacked(whole: Plane, halved: Plane) -> list[tuple[Plane, int]]:
    """Where the planes of a sprite are among the channels of `Sprite.packed`."""
    return [(whole, 0), (halved, 0), (halved, 1), (whole, 1), (halved, 2)]
