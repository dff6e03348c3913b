"""Where a scene is drawn: places that move with the camera, time that can loop, random numbers, and soft shapes.

Letters in shapes: n clips, N elements of a scene (petals, waves), T frames, P places (pixels of a frame, or of a part
of it). A scene is a pure function of places and times: the same clip can be drawn at any resolution, or in parts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from renderer.backends.backdrop.conditions import Conditions

NUM_RANDOMS = 512  # per clip: more than the hungriest scene takes
LOOP_S = 6.0  # after this time a looping clip is where it began
MIDDLE_S = 3.0  # when a dolly is at its natural distance
MAIN_PARALLAX = 0.3  # of a scene's main plane: 0 is the horizon, 1 where the product stands, more is nearer
TAU = 2 * math.pi


@dataclass(frozen=True)
class Layers:
    """One drawn scene. Tones are places on the palette: 0 dark, 0.5 middle, 1 light; above is white, below black."""

    tone: Tensor  # (n, T, P)
    rest: Tensor  # broadcasts to (n, T, P): the tone where the layout asks for calm; smooth
    alpha: Tensor | None = None  # (n, T, P) 0..1: what floats in front of the tone
    alpha_tone: Tensor | None = None  # (n, T, P)


class Field:
    """A canvas of places and times for n clips of one scene."""

    def __init__(
        self, x: Tensor, y: Tensor, time_s: Tensor, conditions: Conditions, randoms: Tensor,
        pixel: Tensor | float,        *, screen_y: Tensor | None = None, horizon: Tensor | None = None,
    ) -> None:  # fmt: skip
        """Take places x, y (n, 1, P), times (T,), random numbers 0..1 (n, NUM_RANDOMS) and a pixel's size.

        Where the layout has a floor, y is mirrored below its `horizon` (n, 1, 1). A scene that draws a floor itself
        uses `screen_y`, which is not.
        """
        self.raw_x, self.raw_y = x, y
        self.screen_y = y if screen_y is None else screen_y
        self.horizon = torch.full_like(conditions.energy[:, None, None], 9.0) if horizon is None else horizon
        self.time_s = time_s[None, :, None]  # (1, T, 1)
        self.energy = conditions.energy[:, None, None]  # (n, 1, 1)
        self.light_x = conditions.light[:, 0, None, None]
        self.light_y = conditions.light[:, 1, None, None]
        self.stand = conditions.stand[:, :, None, None].unbind(1)  # x, y, width, exists: each (n, 1, 1)
        self.pace = 0.35 + 1.3 * self.energy  # how much faster than usual everything moves
        self.pixel = torch.as_tensor(pixel, dtype=x.dtype, device=x.device)
        self._loops = conditions.loops[:, None, None] > 0
        self._camera = conditions.camera[:, :, None, None].unbind(1)  # each (n, 1, 1)
        self._randoms = randoms
        self._taken = 0
        self.x, self.y = self.plane(MAIN_PARALLAX)  # (n, T, P): the scene's main plane

    def uniform(self, low: float, high: float) -> Tensor:
        """One random number per clip, (n, 1, 1)."""
        return self.uniforms(1, low, high)[:, 0]

    def uniforms(self, count: int, low: float, high: float) -> Tensor:
        """`count` random numbers per clip, (n, N, 1, 1)."""
        first, self._taken = self._taken, self._taken + count
        assert self._taken <= NUM_RANDOMS
        return low + (high - low) * self._randoms[:, first : self._taken, None, None]

    def plane(self, parallax: Tensor | float, *, mirrored: bool = True) -> tuple[Tensor, Tensor]:
        """Return x and y of every place on a layer, (n, T, P), or (n, N, T, P) for parallaxes (n, N, 1, 1).

        A pan or tilt carries near layers further than far ones; a dolly enlarges them more; an orbit turns the far
        ones with the camera and the near ones against it, while the product's own plane stays. Without `mirrored`
        the layer goes on below the floor's horizon.
        """
        many = isinstance(parallax, Tensor) and parallax.ndim == 4
        x, y = self.raw_x, self.raw_y if mirrored else self.screen_y
        time, cameras = self.time_s, self._camera
        if many:
            x, y, time = x[:, None], y[:, None], time[:, None]
            cameras = tuple(part[:, None] for part in cameras)
        truck, pedestal, dolly, orbit = cameras
        near = 0.7 + 0.3 * parallax
        zoom = torch.exp(-dolly * (time - MIDDLE_S) * near)
        turned = orbit * time * (1 - parallax)
        keystone = 1 + 0.10 * orbit * (time - MIDDLE_S) * x
        return x * zoom * keystone + truck * time * near + turned, y * zoom * keystone + pedestal * time * near

    def angle(self, rate: Tensor) -> Tensor:
        """Return the angle of something that turns by `rate` per second, (n, T, 1) or (n, N, T, 1).

        Energy makes it faster. In a looping clip it turns a whole number of times, at least once.
        """
        pace, loops, time = self._shaped(rate)
        fast = rate * pace
        turns = (fast * LOOP_S / TAU).round()
        turns = torch.where(turns == 0, torch.where(fast < 0, -1.0, 1.0), turns)
        return torch.where(loops, turns * TAU / LOOP_S, fast) * time

    def travel(self, speed: Tensor, length: float) -> Tensor:
        """Return the way that something has gone at `speed`, like `angle`, where ways repeat after `length`."""
        return self.angle(speed * (TAU / length)) * (length / TAU)

    def _shaped(self, rate: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if rate.ndim == 4:
            return self.pace[:, None], self._loops[:, None], self.time_s[:, None]
        return self.pace, self._loops, self.time_s

    def edge(self, distance: Tensor, softness: Tensor | float) -> Tensor:
        """Return 1 where `distance` is well above 0 and 0 well below; never sharper than a pixel."""
        least = 0.4 * self.pixel
        soft = softness.clamp(min=least) if isinstance(softness, Tensor) else least.clamp(min=softness)
        return torch.sigmoid(distance / soft)

    def waves(
        self, x: Tensor, y: Tensor, count: int, frequency: tuple[float, float], rate: float, falloff: float = 1.0
    ) -> Tensor:
        """Return a smooth random field (n, T, P), mean 0 and variance 1: `count` plane waves in random directions.

        `frequency` is the range of their angular frequencies per half short side; higher ones are weaker by the power
        `falloff`; each moves on its own, by up to `rate` radians per second.
        """
        spread = torch.linspace(0, 1, count, device=x.device)[None, :, None, None]
        f = frequency[0] * (frequency[1] / frequency[0]) ** (spread + self.uniforms(count, -0.5, 0.5) / count)
        direction, phase = self.uniforms(count, 0, TAU), self.uniforms(count, 0, TAU)
        amplitude = f ** (-falloff)
        amplitude = amplitude * torch.rsqrt((amplitude**2).sum(1, keepdim=True) / 2)
        moved = self.angle(self.uniforms(count, -rate, rate)) + phase
        way = x[:, None] * (f * torch.cos(direction)) + y[:, None] * (f * torch.sin(direction))
        return (amplitude * torch.sin(way + moved)).sum(1)


def wrapped(distance: Tensor, length: Tensor | float) -> Tensor:
    """Return `distance` to the nearest of copies that repeat after `length`, in -length/2 .. length/2."""
    return torch.remainder(distance + length / 2, length) - length / 2


def smoothstep(values: Tensor) -> Tensor:
    """Ease from 0 to 1, clipped outside."""
    v = values.clamp(0, 1)
    return v * v * (3 - 2 * v)


def stacked(alpha: Tensor, tone: Tensor) -> tuple[Tensor, Tensor]:
    """Lay N see-through elements over each other, in no order: alpha and tone (n, N, T, P) become (n, T, P) each."""
    total = alpha.sum(1)
    mean = (alpha * tone).sum(1) / (total + 1e-4)
    return 1 - torch.exp(torch.log1p(-alpha.clamp(max=0.995)).sum(1)), mean
