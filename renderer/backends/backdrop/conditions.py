"""What a clip of `backdrop` should show, as numbers: read by the network, and by the renderer it learned from.

Letters in shapes: B clips, T frames, H rows, W columns. Lengths are in half short sides of the frame, from its middle,
x to the right and y down: the same numbers mean the same picture at any resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

NUM_CALM = 3  # boxes that a layout can keep calm
CALM_SOFTNESS = 0.11  # half short sides over which calm fades in
STAND_FLATNESS = 0.22  # height of the foot's ellipse over its width, seen from a little above
# Truck, pedestal, dolly and orbit per second at a camera speed of 1.
CAMERA_UNITS = (0.12, 0.08, 0.05, 0.14)
LOUD = 2.0  # palette and energy reach the network from -2 to 2: it learned them too late at half of that


@dataclass(frozen=True)
class Conditions:
    """The wishes for a batch of clips."""

    scene: Tensor  # (B,) int64, row of the scene table
    second_scene: Tensor  # (B,) int64
    second_share: Tensor  # (B,) 0..1, how much of the second scene shows
    palette: Tensor  # (B, 3, 3) dark, middle and light colour, sRGB 0..1
    camera: Tensor  # (B, 4) truck, pedestal, dolly and orbit per second
    light: Tensor  # (B, 2) unit vector towards the light
    energy: Tensor  # (B,) 0..1
    loops: Tensor  # (B,) 0 or 1: the last frame leads to the first
    stand: Tensor  # (B, 4) where a product stands: x and y of its foot, its width, and 1; all 0 without
    calm: Tensor  # (B, NUM_CALM, 4) boxes to keep calm: x and y of the middle, half width, half height; 0 without

    def __len__(self) -> int:
        return len(self.scene)

    def __getitem__(self, index: Tensor | slice) -> Conditions:
        """Return the wishes of some of the clips."""
        return Conditions(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def put(self, rows: Tensor, others: Conditions) -> None:
        """Overwrite the wishes of some clips."""
        for f in fields(self):
            getattr(self, f.name)[rows] = getattr(others, f.name)

    @staticmethod
    def joined(batches: Sequence[Conditions]) -> Conditions:
        """Return several batches as one."""
        return Conditions(**{f.name: torch.cat([getattr(b, f.name) for b in batches]) for f in fields(Conditions)})

    def to(self, device: torch.device | str) -> Conditions:
        """Return the same on another device."""
        return Conditions(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def mirrored(self) -> Conditions:
        """Return the wishes for the same clips seen in a mirror, left and right exchanged."""
        return replace(
            self,
            camera=self.camera * self.camera.new_tensor([-1, 1, 1, -1]),
            light=self.light * self.light.new_tensor([-1, 1]),
            stand=self.stand * self.stand.new_tensor([-1, 1, 1, 1]),
            calm=self.calm * self.calm.new_tensor([-1, 1, 1, 1]),
        )

    def vector(self) -> Tensor:
        """Return palette, camera, light, energy and looping as one row per clip, float32 (B, VECTOR_SIZE)."""
        palette, energy = (self.palette.flatten(1) * 2 - 1) * LOUD, (self.energy[:, None] * 2 - 1) * LOUD
        camera = [self.camera[:, number, None] / unit for number, unit in enumerate(CAMERA_UNITS)]
        return torch.cat([palette, *camera, self.light, energy, self.loops[:, None]], dim=-1)

    def maps(self, height: int, width: int) -> Tensor:
        """Return the layout as pictures: calm and the product's foot, each 0..1, float32 (B, 2, H, W)."""
        x, y = pixel_grid(height, width, self.energy.device)
        calm = calm_map(self.calm, x.reshape(1, -1), y.reshape(1, -1))
        foot = foot_map(self.stand, x.reshape(1, -1), y.reshape(1, -1))
        return torch.stack([calm, foot], dim=1).view(len(self), 2, height, width)


VECTOR_SIZE = 9 + 4 + 2 + 2


def pixel_grid(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return x and y of every pixel's middle, float32 (H, W) each; the short side spans -1 to 1."""
    half = min(height, width) / 2
    y = (torch.arange(height, device=device) + 0.5 - height / 2) / half
    x = (torch.arange(width, device=device) + 0.5 - width / 2) / half
    y, x = torch.meshgrid(y, x, indexing="ij")
    return x, y


def calm_map(calm: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return how calm each place should be, 0..1, (B, P), for boxes (B, NUM_CALM, 4) and places x, y (B or 1, P)."""
    boxes = calm[..., None]  # (B, NUM_CALM, 4, 1)
    inside_x = torch.sigmoid((boxes[:, :, 2] - (x[:, None] - boxes[:, :, 0]).abs()) / CALM_SOFTNESS)
    inside_y = torch.sigmoid((boxes[:, :, 3] - (y[:, None] - boxes[:, :, 1]).abs()) / CALM_SOFTNESS)
    exists = (boxes[:, :, 2] > 0).to(x.dtype)
    return (inside_x * inside_y * exists).amax(1)


def foot_map(stand: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return the ellipse under a product, 0..1 with a soft edge, (B, P), for stands (B, 4) and places x, y."""
    centre_x, centre_y, width, exists = (stand[:, i, None] for i in range(4))
    half = (width / 2).clamp(min=1e-3)
    distance = torch.sqrt(((x - centre_x) / half) ** 2 + ((y - centre_y) / (half * STAND_FLATNESS)) ** 2)
    return torch.sigmoid((1 - distance) * 6) * exists
