"""Draws the sketch of a shot: composition, light and motion for the network to paint over.

The same functions drew the clips that the network learned from.

Letters in shapes: T frames, H rows, W columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from renderer.backends.backdrop import DRAFT_FRAME_RATE, SCENES
from renderer.backends.backdrop.conditions import Conditions, pixel_grid
from renderer.backends.backdrop.scenes import SCENE_FUNCTIONS
from renderer.backends.backdrop.scenes.field import Layers
from renderer.backends.backdrop.scenes.picture import FLOOR_RANDOMS, blended, developed, draw, random_numbers


@dataclass(frozen=True)
class Sketch:
    """One endless clip: frames of any number can be drawn, again and again the same."""

    conditions: Conditions  # of one clip
    randoms: Tensor  # (2, ...) for the first and the second scene

    @classmethod
    def of(cls, conditions: Conditions, generator: torch.Generator) -> Sketch:
        """Draw the random numbers of a sketch, on the CPU: they are the same for every device."""
        return cls(conditions, random_numbers(2, generator).to(conditions.scene.device))

    def frames(self, first: int, count: int, height: int, width: int) -> Tensor:
        """Draw `count` frames from number `first` on, float32 (1, 3, T, H, W) in [-1, 1]."""
        x, y = pixel_grid(height, width, self.randoms.device)
        places = x.reshape(1, -1), y.reshape(1, -1)
        time_s = (first + torch.arange(count, device=x.device)) / DRAFT_FRAME_RATE
        pixel = 2 / min(height, width)
        layers = self._layers(int(self.conditions.scene), self.randoms[:1], places, time_s, pixel)
        if float(self.conditions.second_share) > 0:
            # A second scene brings its own numbers, but stands on the floor of the first.
            numbers = torch.cat([self.randoms[:1, :FLOOR_RANDOMS], self.randoms[1:, FLOOR_RANDOMS:]], 1)
            second = self._layers(int(self.conditions.second_scene), numbers, places, time_s, pixel)
            layers = blended(layers, second, self.conditions.second_share)
        clip = developed(layers, self.conditions, self.randoms[:1], places, pixel) * 2 - 1
        return clip.view(1, 3, count, height, width)

    def _layers(
        self, scene: int, randoms: Tensor, places: tuple[Tensor, Tensor], time_s: Tensor, pixel: float
    ) -> Layers:
        return draw(SCENE_FUNCTIONS[SCENES[scene]], self.conditions, randoms, places, time_s, pixel)
