"""Makes the moving picture behind everything: a take, stretched in time and space, shaded for text, with film grain.

Soft light needs more than 8 bits on its way: everything happens in float at a fraction of the frame's size, is scaled
up once in 16 bit, and only then rounded, with grain that hides the steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.backends import Frames
from renderer.media import Planes
from renderer.picture.canvas import OFFSET, Rgb, Yuv, contrast, luminance, rgb_from, yuv_of
from renderer.picture.seat import CENTRED, Seat

Mask = NDArray[np.float32]  # (height, width), 0..1, at the working size

MAX_REDUCTION = 4  # the working size is the frame's over 4, 3, 2 or 1: the smallest that holds the take's detail
MAX_SLOWDOWN = 1.6  # beyond that a take plays forth and back
GRAIN_LUMA = 1.2  # sigma of film grain, in code values
GRAIN_SEED = 709
GRAIN_REACH = 64  # px the grain tile is moved about
FIXED_POINT = 64  # 16-bit code values have 6 binary places
VIGNETTE = 0.22  # light lost in the corners
GLOW = 16.0  # luma added behind the product
END_INK = (0.46, 0.84)  # share of the brand's ink over the end card, in the middle and at the corners
WORST_SHARE = 2.0  # percent of pixels that may lie beyond the one that contrast is measured at
SCRIM_STEP = 0.04
MAX_SCRIM = 0.92


@dataclass(frozen=True)
class Scrim:
    """A soft veil of one colour over part of the picture."""

    mask: Mask
    colour: Yuv  # (3,)
    strength: float


@dataclass(frozen=True)
class Footage:
    """A take as it was read: its frames, their rate per second, whether it may repeat, and where it comes to lie."""

    frames: Frames
    frame_rate: float
    loops: bool = False
    seat: Seat = CENTRED


@dataclass(frozen=True)
class Ground:
    """One scene's backdrop. `shade` multiplies luma, `glow` is added to it; all at the working size."""

    take: Footage
    duration_s: float  # of the scene, with the dissolve that follows
    size: tuple[int, int]  # working width, height
    shade: Mask
    glow: Mask
    scrim: Scrim

    def at(self, time_s: float) -> Yuv:
        """The picture at `time_s` of the scene, unrounded, (height, width, 3) at the working size."""
        return veiled(self.bare(time_s), self.scrim)

    def bare(self, time_s: float) -> Yuv:
        """The same without the scrim."""
        frames = self.take.frames
        position = take_position(self.take, self.duration_s, time_s)
        first, part = int(position), position % 1
        # Blending commutes with enlarging, and costs least at the size of the take.
        shown = frames[first].astype(np.float32)
        if part > 0:
            following = (first + 1) % len(frames) if self.take.loops else min(first + 1, len(frames) - 1)
            shown = shown * np.float32(1 - part) + frames[following] * np.float32(part)
        matrix = self.take.seat.matrix((shown.shape[1], shown.shape[0]), self.size)
        seated = cv2.warpAffine(
            yuv_of(shown), matrix, self.size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        picture = np.asarray(seated, np.float32)
        picture[..., 0] = (picture[..., 0] - 16) * self.shade + 16 + self.glow
        return picture


def take_position(take: Footage, duration_s: float, time_s: float) -> float:
    """Return which frame of a take (fractional) shows at `time_s` of a scene of `duration_s`.

    A take that is long enough plays as it is, and one that loops begins again. Another that is too short is slowed
    down to `MAX_SLOWDOWN`; a still shorter one swings forth and back like a pendulum, so that nobody sees the turn.
    """
    if take.loops:
        return float(time_s * take.frame_rate % len(take.frames))
    last = len(take.frames) - 1
    natural_s = last / take.frame_rate
    if natural_s <= 0:
        return 0.0
    if (speed := straight_speed(take, duration_s)) is not None:
        return float(min(time_s * take.frame_rate * speed, last))
    return float(last * (1 - np.cos(np.pi * time_s / (natural_s * MAX_SLOWDOWN))) / 2)


def straight_speed(take: Footage, duration_s: float) -> float | None:
    """Return how fast a take plays through a scene of `duration_s`, 1 as it was made; None if it repeats or swings."""
    natural_s = (len(take.frames) - 1) / take.frame_rate
    if take.loops or duration_s > natural_s * MAX_SLOWDOWN:
        return None
    return min(natural_s / duration_s, 1.0)


def working_size(take: Footage, width: int, height: int) -> tuple[int, int]:
    """Return the smallest of the frame's size over 4, 3, 2 or 1 that holds the detail of the take."""
    reduction = MAX_REDUCTION
    while reduction > 1 and take.frames.shape[1] > height / reduction * 1.1:
        reduction -= 1
    return width // reduction, height // reduction


def vignette(size: tuple[int, int]) -> Mask:
    """Light that remains, 1 in the middle, less in the corners."""
    x, y = _unit_grid(size)
    return np.asarray(1 - VIGNETTE * np.clip((x * x + y * y) / 2, 0, 1) ** 1.5, np.float32)


def glow(size: tuple[int, int], centre: tuple[float, float], reach: tuple[float, float]) -> Mask:
    """Luma to add around `centre`, fading over `reach`; both as shares of width and height."""
    x, y = _unit_grid(size)
    dx, dy = (x + 1) / 2 - centre[0], (y + 1) / 2 - centre[1]
    return np.asarray(GLOW * np.exp(-((dx / reach[0]) ** 2) - (dy / reach[1]) ** 2), np.float32)


def no_glow(size: tuple[int, int]) -> Mask:
    """Nothing to add."""
    return np.zeros((size[1], size[0]), np.float32)


def veiled(picture: Yuv, scrim: Scrim) -> Yuv:
    """Lay a scrim over a picture."""
    veil = (scrim.mask * scrim.strength)[..., None]
    return np.asarray(picture + (scrim.colour - picture) * veil, np.float32)


def end_ground(picture: Yuv, ink: Rgb) -> Yuv:
    """The backdrop of the end card: the last picture, far out of focus, sunk in the brand's ink."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (max(width // 8, 8), max(height // 8, 8)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), small.shape[1] * 0.10, borderType=cv2.BORDER_REFLECT)
    soft = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    x, y = _unit_grid((width, height))
    ink_share = (END_INK[0] + (END_INK[1] - END_INK[0]) * smooth(np.hypot(x, y + 0.25) / 1.3))[..., None]
    return np.asarray(soft + (yuv_of(ink) - soft) * ink_share, np.float32)


def smooth(values: NDArray[np.floating]) -> Mask:
    """Smoothstep of an array, clipped to 0..1."""
    clipped = np.clip(values, 0, 1)
    return np.asarray(clipped * clipped * (3 - 2 * clipped), np.float32)


def worst_contrast(pictures: list[Yuv], scrim: Scrim, box: tuple[slice, slice], colour: Rgb) -> float:
    """Contrast of text of `colour` against the least favourable pixels (but for `WORST_SHARE`) under its box."""
    part = replace(scrim, mask=scrim.mask[box])
    pixels = np.concatenate([rgb_from(veiled(picture[box], part)).reshape(-1, 3) for picture in pictures])
    ratios = contrast(pixels, colour)
    return float(np.percentile(ratios, WORST_SHARE))


def strengthened(
    pictures: list[Yuv], scrim: Scrim, boxes: list[tuple[slice, slice]], colour: Rgb, ratio: float
) -> tuple[Scrim, float]:
    """Return the weakest scrim, from its own strength up, under which text in all boxes has `ratio`; and the ratio."""
    while True:
        reached = min((worst_contrast(pictures, scrim, box, colour) for box in boxes), default=21.0)
        if reached >= ratio or scrim.strength >= MAX_SCRIM:
            return scrim, reached
        scrim = replace(scrim, strength=min(scrim.strength + SCRIM_STEP, MAX_SCRIM))


def scrim_colour(pictures: list[Yuv], text: Rgb) -> Yuv:
    """A tone of the picture itself, nearly black under light text and nearly white under dark text."""
    mean = np.mean([picture.mean((0, 1)) for picture in pictures], axis=0)
    target, share = (20.0, 0.55) if luminance(text) > 0.3 else (228.0, 0.25)
    hue = (mean - OFFSET) * np.array([0, share, share])
    return np.asarray(OFFSET + hue + np.array([target - 16, 0, 0]), np.float32)


def develop(picture: Yuv, width: int, height: int, number: int) -> Planes:
    """Enlarge an unrounded picture to the frame, add the grain of frame `number`, and round."""
    scaled = (picture * FIXED_POINT).astype(np.int16)
    luma = cv2.resize(scaled[..., 0], (width, height), interpolation=cv2.INTER_CUBIC)
    chroma = [cv2.resize(scaled[..., i], (width // 2, height // 2), interpolation=cv2.INTER_CUBIC) for i in (1, 2)]
    tile = _grain(width, height)
    x, y = (int(v) for v in np.random.default_rng(number).integers(0, GRAIN_REACH, 2))
    cv2.add(luma, tile[y : y + height, x : x + width], dst=luma)
    # convertScaleAbs rounds and saturates to 8 bit.
    rounded = (np.asarray(cv2.convertScaleAbs(plane, alpha=1 / FIXED_POINT), np.uint8) for plane in (luma, *chroma))
    return Planes(*rounded)


@cache
def _grain(width: int, height: int) -> NDArray[np.int16]:
    noise = np.random.default_rng(GRAIN_SEED).standard_normal((height + GRAIN_REACH, width + GRAIN_REACH), np.float32)
    clumped = cv2.GaussianBlur(noise, (0, 0), 0.6)
    return np.asarray(clumped / clumped.std() * GRAIN_LUMA * FIXED_POINT, np.int16)


def _unit_grid(size: tuple[int, int]) -> tuple[Mask, Mask]:
    """Coordinates x and y of each working pixel's middle, -1 to 1 across the frame."""
    x = (np.arange(size[0], dtype=np.float32) + 0.5) / size[0] * 2 - 1
    y = (np.arange(size[1], dtype=np.float32) + 0.5) / size[1] * 2 - 1
    return np.broadcast_to(x, (size[1], size[0])), np.broadcast_to(y[:, None], (size[1], size[0]))
