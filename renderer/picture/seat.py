"""Seats a take: enlarges and shifts it so that the floor it was laid out with comes to lie under the product's foot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer.artifacts import Stand

Matrix = NDArray[np.float32]  # (2, 3), affine, from pixels of a take to pixels of a picture

MAX_ENLARGEMENT = 1.45  # beyond what covering the frame needs; more would show how few pixels a take has


@dataclass(frozen=True)
class Seat:
    """Where a take comes to lie in a frame. `foot` (x, y) is where the product stands, as fractions of the frame."""

    stand: Stand | None = None
    foot: tuple[float, float] | None = None
    mirrored: bool = False  # left and right change places

    def matrix(self, take: tuple[int, int], picture: tuple[int, int]) -> Matrix:
        """Return how a take of (width, height) is laid into a picture of (width, height), which it always covers.

        Without a product the take's middle is the picture's. With one, the take is enlarged as little as its stand
        needs to reach the foot, or comes as near as it can.
        """
        scale = max(picture[0] / take[0], picture[1] / take[1])
        if self.stand is None or self.foot is None:
            return self._matrix(take, scale, [(picture[i] - take[i] * scale) / 2 for i in (0, 1)])
        stand = (1 - self.stand.x if self.mirrored else self.stand.x, self.stand.y)
        needed = [
            least
            for i in (0, 1)
            for least in (
                self.foot[i] * picture[i] / max(stand[i] * take[i], 1e-6),
                (1 - self.foot[i]) * picture[i] / max((1 - stand[i]) * take[i], 1e-6),
            )
        ]
        scale = min(max(scale, *needed), MAX_ENLARGEMENT * scale)
        wanted = [self.foot[i] * picture[i] - stand[i] * take[i] * scale for i in (0, 1)]
        return self._matrix(take, scale, [min(max(wanted[i], picture[i] - take[i] * scale), 0.0) for i in (0, 1)])

    def _matrix(self, take: tuple[int, int], scale: float, corner: list[float]) -> Matrix:
        """Pixel centres lie at +0.5, so scaling about the corner of the take moves the centre of its first pixel."""
        left, top = corner[0] + (scale - 1) / 2, corner[1] + (scale - 1) / 2
        if self.mirrored:
            return np.array([[-scale, 0, left + scale * (take[0] - 1)], [0, scale, top]], np.float32)
        return np.array([[scale, 0, left], [0, scale, top]], np.float32)


CENTRED = Seat()
