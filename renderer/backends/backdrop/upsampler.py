"""Makes a draft clip four times as large and twice as smooth in time: the edges of soft light, no invented detail.

A small convolutional network looks at four neighbouring frames and adds, to plain enlargement, what it learned is
missing; all its work happens at the draft's size, the last layer unfolds pixels and frames (arXiv 1609.05158). It was
taught on answers of the diffusion network, so it also evens out the borders of that network's patches: it is told where
in a patch each pixel lies.

Letters in shapes: B clips, T frames, H rows, W columns.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from renderer.backends.backdrop import SPACE_SCALE, TIME_SCALE

PATCH = (4, 8)  # of the diffusion network: frames, and pixels along each side
NEIGHBOURS = (-1, 0, 1, 2)  # frames that are seen for one frame, and the one halfway to the next
MARGIN = 4  # pixels of repeated border, so that the padding of the convolutions stays outside
CHUNK_FRAMES = 8  # worked on at a time: bounds memory, costs nothing


class Upsampler(nn.Module):
    """Maps draft clips to clips with SPACE_SCALE times the size and TIME_SCALE times the frames."""

    def __init__(self, channels: int = 64, num_blocks: int = 4) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(3 * len(NEIGHBOURS) + 6, channels, 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(channels) for _ in range(num_blocks))
        self.conv_out = nn.Conv2d(channels, 3 * TIME_SCALE * SPACE_SCALE**2, 3, padding=1)
        for parameter in self.conv_out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, clip: Tensor, loops: bool = False, origin: tuple[int, int, int] = (0, 0, 0)) -> Tensor:
        """Return float32 (B, 3, TIME_SCALE T, SPACE_SCALE H, SPACE_SCALE W) of draft clips (B, 3, T, H, W).

        Args:
            clip: in about [-1, 1].
            loops: the first frame follows the last.
            origin: frame, row and column of the first pixel in a patch of the diffusion network.
        """
        batch, _, frames, _, _ = clip.shape
        padded = functional.pad(clip.flatten(0, 1), (MARGIN,) * 4, mode="replicate")
        padded = padded.view(batch, 3, *padded.shape[1:])
        phases = self.phases(padded.shape[-3:], (origin[0], origin[1] - MARGIN, origin[2] - MARGIN), clip)
        pieces = []
        for first in range(0, frames, CHUNK_FRAMES):
            numbers = torch.arange(first, min(first + CHUNK_FRAMES, frames), device=clip.device)
            around = [(numbers + n) % frames if loops else (numbers + n).clamp(0, frames - 1) for n in NEIGHBOURS]
            seen = torch.stack([padded[:, :, number] for number in around], 1)  # (B, 4, 3, t, H, W)
            pieces.append(self.enlarge(seen, phases[:, numbers]))
        return torch.cat(pieces, 2)

    def enlarge(self, seen: Tensor, phases: Tensor) -> Tensor:
        """Return (B, 3, TIME_SCALE t, ...) without margin, of neighbours (B, 4, 3, t, H, W) and phases (6, t, H, W)."""
        batch, _, _, frames, height, width = seen.shape
        here, following = seen[:, NEIGHBOURS.index(0)], seen[:, NEIGHBOURS.index(1)]
        plain = torch.stack([here, (here + following) / 2], 2).permute(0, 3, 2, 1, 4, 5)  # (B, t, 2, 3, H, W)
        told = torch.cat([seen.flatten(1, 2), phases.expand(batch, -1, -1, -1, -1)], 1)
        x = told.transpose(1, 2).flatten(0, 1).to(self.conv_in.weight.dtype, memory_format=torch.channels_last)
        x = self.conv_in(x)
        for block in self.blocks:
            x = block(x)
        detail = functional.pixel_shuffle(self.conv_out(functional.silu(x)).float(), SPACE_SCALE)
        large = functional.interpolate(
            plain.reshape(-1, 3, height, width), scale_factor=SPACE_SCALE, mode="bilinear", align_corners=False
        )
        sharp = detail.reshape(batch, frames * TIME_SCALE, 3, SPACE_SCALE * height, SPACE_SCALE * width)
        edge = SPACE_SCALE * MARGIN
        return (sharp + large.view_as(sharp))[..., edge:-edge, edge:-edge].transpose(1, 2)

    @staticmethod
    def phases(shape: torch.Size | tuple[int, ...], origin: tuple[int, int, int], like: Tensor) -> Tensor:
        """Return where in its patch each pixel lies, as angles' sines and cosines, (6, T, H, W)."""
        sides = (PATCH[0], PATCH[1], PATCH[1])
        grids = torch.meshgrid(
            *(torch.arange(n, device=like.device) + first for n, first in zip(shape, origin, strict=True)),
            indexing="ij",
        )
        angles = torch.stack([grid * (2 * math.pi / side) for grid, side in zip(grids, sides, strict=True)])
        return torch.cat([angles.sin(), angles.cos()]).to(like.dtype)


class ResidualBlock(nn.Module):
    """Two convolutions whose result is added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C, H, W)."""
        out: Tensor = x + self.second(functional.silu(self.first(functional.silu(x))))
        return out
