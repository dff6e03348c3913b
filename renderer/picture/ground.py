"""Makes the moving picture behind everything: a take, stretched in time and space, shaded for text, with film grain.

Soft light needs more than 8 bits on its way: everything happens in float at a fraction of the frame's size, is scaled
up once in 16 bit, and only then rounded, with grain that hides the steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.backends import Frames
from renderer.media import Planes
from renderer.picture.canvas import FROM_RGB, OFFSET, Rgb, Yuv, contrast, luminance, rgb_from, yuv_of
from renderer.picture.seat import CENTRED, Matrix, Seat

Mask = NDArray[np.float32]  # (height, width), 0..1, at the working size
Fixed = NDArray[np.int16]  # Y, U and V one under the other, (3 * height, width), in 64ths of a code value
TO_YUV = np.column_stack([FROM_RGB, OFFSET])

MAX_REDUCTION = 4  # the working size is the frame's over 4, 3, 2 or 1: the smallest that holds the take's detail
MAX_SLOWDOWN = 1.6  # beyond that a take plays forth and back
GRAIN_LUMA = 1.2  # sigma of film grain, in code values
GRAIN_SEED = 709
GRAIN_REACH = 64  # px the grain tile is moved about
FIXED_POINT = 64  # 16-bit code values have 6 binary places
VIGNETTE = 0.22  # light lost in the corners
GLOW = 16.0  # luma added behind the product
END_INK = (0.46, 0.84)  # share of the brand's ink over the end card, in the middle and at the corners
END_TINT = (0.82, 0.97)  # the same of light colours, through which dark pictures look dirty
LIGHT_FROM = 110.0  # luma, of 235
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
    name: str = ""  # in the store


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
        first, following, part = self.between(time_s)
        picture = self.lit(self.seated(first))
        return picture if part == 0 else picture * (1 - part) + self.lit(self.seated(following)) * part

    def between(self, time_s: float) -> tuple[int, int, np.float32]:
        """The two frames of the take that show at `time_s`, and the share of the later one."""
        position = take_position(self.take, self.duration_s, time_s)
        first, last = int(position), len(self.take.frames) - 1
        following = (first + 1) % (last + 1) if self.take.loops else min(first + 1, last)
        return first, following, np.float32(position % 1)

    def seated(self, number: int) -> Yuv:
        """A frame of the take where it comes to lie, at the working size."""
        frame = self.take.frames[number]
        matrix = self.take.seat.matrix((frame.shape[1], frame.shape[0]), self.size)
        return laid(frame, matrix, self.size)

    def lit(self, picture: Yuv) -> Yuv:
        """A picture with the light of the scene."""
        luma = (picture[..., 0] - 16) * self.shade + 16 + self.glow
        return np.dstack([luma, picture[..., 1:]]).astype(np.float32)


def laid(picture: NDArray[np.uint8], matrix: Matrix, size: tuple[int, int]) -> Yuv:
    """Lay an RGB picture into one of `size` that it covers (see `Seat.matrix`), cut at whole pixels of its own.

    A take lies still, so nobody sees that, and enlarging what is left costs a tenth of warping the whole.
    """
    scale, left, top = float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2])
    if matrix[0, 0] < 0:
        picture, left = picture[:, ::-1], left - scale * (picture.shape[1] - 1)
    edges = [(first - (scale - 1) / 2) / scale for first in (left, top)]  # the matrix moves middles of pixels
    columns, rows = (
        slice(max(round(-edge), 0), round(room / scale - edge)) for edge, room in zip(edges, size, strict=True)
    )
    yuv = cv2.transform(picture[rows, columns].astype(np.float32), TO_YUV)
    return np.asarray(cv2.resize(yuv, size, interpolation=cv2.INTER_CUBIC), np.float32)


class Reel:
    """The backdrop of one part as it goes into frames; each frame of the take is made ready once, for its few shows.

    Shading, veils, softening and blending of frames are all linear, so their order does not matter: everything that is
    the same for a whole part happens to the 16 frames per second of a take, not to the 30 of the ad.
    """

    def __init__(self, ground: Ground, prepare: Callable[[Yuv], Yuv], wash: Wash) -> None:
        self.ground = ground
        self.ready: Callable[[int], Fixed] = lru_cache(maxsize=4)(lambda number: wash(prepare(ground.seated(number))))

    @classmethod
    def of_scene(cls, ground: Ground) -> Reel:
        """The take, lit and veiled."""
        return cls(ground, lambda picture: picture, Wash.of(lambda p: veiled(ground.lit(p), ground.scrim), ground.size))

    @classmethod
    def of_end_card(cls, ground: Ground, ink: Rgb, veil: Scrim) -> Reel:
        """The take, lit, far out of focus, sunk in ink and veiled."""
        light = Wash.of(ground.lit, ground.size, scale=1)
        wash = Wash.of(lambda p: veiled(inked(p, ink), veil), ground.size)
        return cls(ground, lambda picture: softened(light.wet(picture)), wash)

    def at(self, time_s: float) -> Fixed:
        """The picture at `time_s` of the part."""
        first, following, part = self.ground.between(time_s)
        if part == 0:
            return self.ready(first)
        return mixed(self.ready(first), self.ready(following), float(part))


@dataclass(frozen=True)
class Wash:
    """What every value of a picture is multiplied by, and what is added to it, (height, width, 3)."""

    keep: Yuv
    add: Yuv

    @classmethod
    def of(cls, change: Callable[[Yuv], Yuv], size: tuple[int, int], scale: float = FIXED_POINT) -> Wash:
        """Any such change is known by what it makes of zeros and of ones."""
        zeros = np.zeros((size[1], size[0], 3), np.float32)
        added = change(zeros)
        return cls((change(zeros + 1) - added) * np.float32(scale), added * np.float32(scale))

    def wet(self, picture: Yuv) -> Yuv:
        """The changed picture."""
        return np.asarray(cv2.add(cv2.multiply(picture, self.keep), self.add), np.float32)

    def __call__(self, picture: Yuv) -> Fixed:
        """The changed picture in fixed point."""
        rounded = cv2.add(cv2.multiply(picture, self.keep), self.add, dtype=cv2.CV_16S)
        return np.concatenate(cv2.split(rounded)).astype(np.int16, copy=False)


def mixed(one: Fixed, other: Fixed, share: float) -> Fixed:
    """Blend two pictures of one size; `share` is the other one's."""
    return np.asarray(cv2.addWeighted(one, 1 - share, other, share, 0), np.int16)


def fixed(picture: Yuv) -> Fixed:
    """A picture in fixed point."""
    return np.concatenate(cv2.split(np.rint(picture * FIXED_POINT))).astype(np.int16)


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
    if (speed := straight_speed(len(take.frames), take.frame_rate, take.loops, duration_s)) is not None:
        return float(min(time_s * take.frame_rate * speed, last))
    return float(last * (1 - np.cos(np.pi * time_s / (natural_s * MAX_SLOWDOWN))) / 2)


def straight_speed(num_frames: int, frame_rate: float, loops: bool, duration_s: float) -> float | None:
    """Return how fast a take plays through a scene of `duration_s`, 1 as it was made; None if it repeats or swings."""
    natural_s = (num_frames - 1) / frame_rate
    if loops or duration_s > natural_s * MAX_SLOWDOWN:
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
    return inked(softened(picture), ink)


def softened(picture: Yuv) -> Yuv:
    """A picture far out of focus."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (max(width // 8, 8), max(height // 8, 8)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), small.shape[1] * 0.10, borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def inked(picture: Yuv, ink: Rgb) -> Yuv:
    """A picture sunk in ink, deeper towards the corners."""
    height, width = picture.shape[:2]
    x, y = _unit_grid((width, height))
    middle, corner = END_INK if yuv_of(ink)[0] < LIGHT_FROM else END_TINT
    ink_share = (middle + (corner - middle) * smooth(np.hypot(x, y + 0.25) / 1.3))[..., None]
    return np.asarray(picture + (yuv_of(ink) - picture) * ink_share, np.float32)


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


class Trays:
    """Where frames of one size are developed: memory that each of them uses again, 6 MB at 1080x1920."""

    def __init__(self, width: int, height: int) -> None:
        self.luma = np.empty((height, width), np.int16)
        self.chroma = np.empty((2, height // 2, width // 2), np.int16)


def develop(picture: Fixed, number: int, trays: Trays, onto: Planes) -> None:
    """Enlarge a picture to the frame, add the grain of frame `number`, and round, into the memory of `onto`."""
    y, u, v = np.split(picture, 3)
    cv2.resize(y, trays.luma.shape[::-1], dst=trays.luma, interpolation=cv2.INTER_CUBIC)
    for small, large in ((u, trays.chroma[0]), (v, trays.chroma[1])):  # only doubled, and eyes are lenient about colour
        cv2.resize(small, large.shape[::-1], dst=large, interpolation=cv2.INTER_LINEAR)
    height, width = trays.luma.shape
    top, left = np.random.default_rng(number).integers(0, GRAIN_REACH, 2)[::-1]
    cv2.add(trays.luma, _grain(width, height)[top : top + height, left : left + width], dst=trays.luma)
    for plane, exposed in zip(onto, (trays.luma, *trays.chroma), strict=True):
        cv2.convertScaleAbs(exposed, dst=plane, alpha=1 / FIXED_POINT)  # rounds and saturates to 8 bit


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
