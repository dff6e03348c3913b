"""How the backdrop of one part gives way to that of the next; what stands in front of both stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.picture.canvas import Rgb, smoothstep, yuv_of
from renderer.picture.ground import FIXED_POINT, Fixed, mixed, smooth
from renderer.picture.styles.style import TransitionKind
from renderer.picture.timeline import DISSOLVE_FRAMES

DIP_FRAMES = 2 * DISSOLVE_FRAMES  # down in the first half: takes last just so long beyond their scene
WIPE_EDGE = 0.3  # of the frame's width, over which a wipe goes from one picture to the other
WIPE_LEAVE_FRAMES = 4
LIGHT: Rgb = (255, 250, 240)
FLASH = 0.8  # share of light in the first frame of a flash


@dataclass(frozen=True)
class Transition:
    """A kind of giving way; all of it happens in the first frames of the later part.

    `dissolve`: one fades into the other. `wipe`: a soft edge travels in reading direction. `dip`: down to one colour
    and up again. `flash`: a cut, with light that dies away.
    """

    kind: TransitionKind
    fill: Rgb  # what a dip between scenes goes through
    is_rtl: bool = False  # where reading starts

    @property
    def frames(self) -> int:
        """How many frames of the later part it takes."""
        return DIP_FRAMES if self.kind == "dip" else DISSOLVE_FRAMES

    @property
    def leave_frames(self) -> int:
        """In how many frames of the later part a product that does not stay fades."""
        return {"dissolve": DISSOLVE_FRAMES, "wipe": WIPE_LEAVE_FRAMES, "dip": DIP_FRAMES // 2, "flash": 0}[self.kind]

    @property
    def enter_after(self) -> int:
        """After how many frames of the later part its own product begins to come: never beside the one that goes.

        A dissolve is no such thing: one fades into the other, as the backdrops do.
        """
        return self.leave_frames if self.kind in ("wipe", "dip") else 0

    def between(self, before: Callable[[], Fixed], after: Callable[[], Fixed], since: int, fill: Rgb) -> Fixed:
        """Return the backdrop `since` frames into the later part, fewer than `frames`; a dip goes through `fill`."""
        progress = (since + 1) / (self.frames + 1)
        if self.kind == "wipe":
            return wiped(before(), after(), smoothstep(progress), self.is_rtl)
        if self.kind == "dip":
            picture = before() if progress < 0.5 else after()
            return toned(picture, fill, smoothstep(1 - abs(2 * progress - 1)))
        if self.kind == "flash":
            return toned(after(), LIGHT, FLASH * (1 - progress) ** 2)
        return mixed(before(), after(), smoothstep(progress))


def wiped(one: Fixed, other: Fixed, share: float, is_rtl: bool) -> Fixed:
    """Return `one` with `other` over its first `share`, counted in reading direction, and a soft edge between them."""
    width = one.shape[1]
    edge = width * WIPE_EDGE
    middle = share * (width + edge) - edge / 2
    columns = np.arange(width, dtype=np.float32) + 0.5
    if is_rtl:
        columns = columns[::-1]
    veil = smooth((middle - columns) / edge + 0.5)
    new, both = slice(*_reach(veil == 1)), slice(*_reach((veil > 0) & (veil < 1)))
    picture = one.copy()
    picture[:, new] = other[:, new]
    change = cv2.subtract(other[:, both], one[:, both])
    shares = np.repeat(veil[None, both], len(one), 0)
    picture[:, both] += np.asarray(cv2.multiply(change, shares, dtype=cv2.CV_16S), np.int16)
    return picture


def toned(picture: Fixed, colour: Rgb, share: float) -> Fixed:
    """Blend a picture with one colour, of which there is `share`."""
    return mixed(picture, _plain(picture.shape[1], picture.shape[0] // 3, colour), share)


@lru_cache(maxsize=1)
def _plain(width: int, height: int, colour: Rgb) -> Fixed:
    """A picture of one colour."""
    values = np.rint(yuv_of(colour) * FIXED_POINT).astype(np.int16)
    return np.repeat(values, height)[:, None].repeat(width, 1)


def _reach(columns: NDArray[np.bool_]) -> tuple[int, int]:
    """First of the columns that are so, and the one after the last; they are neighbours."""
    found = np.flatnonzero(columns)
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)
