"""How things come into view: easing curves as motion designers write them, and what they do to a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

NEWTON_STEPS = 16  # steep curves need most of them


@dataclass(frozen=True)
class CubicBezier:
    """The `cubic-bezier(x1, y1, x2, y2)` of CSS (W3C, CSS Easing Functions Level 1): from (0, 0) to (1, 1)."""

    x1: float
    y1: float
    x2: float
    y2: float

    def __call__(self, progress: float) -> float:
        """Return how far the way is gone, 0 to 1 and maybe a little beyond, at `progress` of the time."""
        if progress <= 0 or progress >= 1:
            return min(max(progress, 0.0), 1.0)
        low, high, at = 0.0, 1.0, progress
        for _ in range(NEWTON_STEPS):
            missed = _bezier(at, self.x1, self.x2) - progress
            low, high = (low, at) if missed > 0 else (at, high)
            slope = _slope(at, self.x1, self.x2)
            guess = at - missed / slope if slope > 1e-6 else low
            at = guess if low <= guess <= high else (low + high) / 2
        return _bezier(at, self.y1, self.y2)


@dataclass(frozen=True)
class Spring:
    """A spring let go at 0 that comes to rest at 1: `damping` below 1 swings beyond, `swings` times back and forth."""

    damping: float = 0.5
    swings: float = 1.5

    def __call__(self, progress: float) -> float:
        """Return where it is at `progress` of the time; at 1 it rests."""
        if progress <= 0 or progress >= 1:
            return min(max(progress, 0.0), 1.0)
        turn = 2 * math.pi * self.swings
        decay = turn * self.damping / math.sqrt(1 - self.damping**2)
        swing = math.cos(turn * progress) + decay / turn * math.sin(turn * progress)
        return 1 - (1 - progress) * math.exp(-decay * progress) * swing


Curve = CubicBezier | Spring


@dataclass(frozen=True)
class Pose:
    """Where a picture stands before it has arrived: shift in design px, scale about its middle, opacity 0 to 1."""

    dx: float
    dy: float
    scale: float
    opacity: float


@dataclass(frozen=True)
class Motion:
    """An entrance: from where (design px; `dx_px` counts in reading direction), from which scale, along which curve."""

    frames: int
    curve: Curve
    dx_px: float = 0.0
    dy_px: float = 0.0
    scale_from: float = 1.0
    opaque_at: float = 0.5  # share of the time after which it hides what is behind it

    def pose(self, progress: float) -> Pose:
        """Return the pose at `progress`, 0 to 1, of the entrance."""
        left = 1 - self.curve(progress)
        scale = 1 + (self.scale_from - 1) * left
        return Pose(self.dx_px * left, self.dy_px * left, scale, min(progress / self.opaque_at, 1.0))


def _bezier(at: float, one: float, other: float) -> float:
    return 3 * (1 - at) ** 2 * at * one + 3 * (1 - at) * at**2 * other + at**3


def _slope(at: float, one: float, other: float) -> float:
    return 3 * (1 - at) ** 2 * one + 6 * (1 - at) * at * (other - one) + 3 * at**2 * (1 - other)
