"""The network of `backdrop`: a diffusion transformer on space-time patches of pixels, without an autoencoder.

It predicts the clean clip from a noisy one (x-prediction, as in "Back to Basics", arXiv 2511.13720), conditioned by
adaptive layer norms (DiT, arXiv 2212.09748) in the shared form of PixArt-alpha (arXiv 2310.00426). It is also told how
large a step will be taken with its answer, so that few large steps end where many small ones do (shortcut models,
arXiv 2410.12557). Positions are rotary in time, rows and columns; rows and columns count from the centre, so that
aspect ratios share one frame. Patches that are known already come in clean and marked: that continues a clip.

Letters in shapes: B clips, T frames, H rows, W columns, P values of one patch, L patches, D width, N heads, E = D / N.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from renderer.backends.backdrop.conditions import VECTOR_SIZE, Conditions

NUM_MODULATIONS = 6  # scale, shift and gate, before attention and before the MLP
TIME_FEATURES = 256
TIME_SCALE = 1000.0  # the usual step count of discrete diffusion, so that features of t in [0, 1] vary
ROTARY_BASE = 100.0  # the longest axis has 16 patches
NORM_EPS = 1e-6


def rotary_phases(grid: tuple[int, int, int], head_width: int, device: torch.device) -> Tensor:
    """Return the rotation angle of each patch and pair of channels, float32 (L, E / 2).

    `grid` counts patches in time, rows and columns. A quarter of the pairs turns with time, the rest with rows and
    columns in equal parts. Time counts from the first patch, rows and columns from the centre.
    """
    pairs = head_width // 2
    per_side = (pairs - pairs // 4) // 2
    counts = (pairs - 2 * per_side, per_side, per_side)
    origins = (0.0, (grid[1] - 1) / 2, (grid[2] - 1) / 2)
    positions = torch.meshgrid(
        *(torch.arange(size, device=device) - origin for size, origin in zip(grid, origins, strict=True)),
        indexing="ij",
    )
    angles = []
    for position, count in zip(positions, counts, strict=True):
        frequencies = ROTARY_BASE ** (-torch.arange(count, device=device) / count)
        angles.append(position.reshape(-1, 1) * frequencies)
    return torch.cat(angles, dim=-1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the two halves of the channels of `x` (B, N, L, E) by the angles behind `cos` and `sin` (L, E / 2)."""
    first, second = x.float().chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1).to(x.dtype)


def time_features(t: Tensor) -> Tensor:
    """Return cosines and sines of `t` (B,) in [0, 1] at geometric frequencies, float32 (B, TIME_FEATURES)."""
    half = TIME_FEATURES // 2
    frequencies = torch.exp(-math.log(1e4) * torch.arange(half, device=t.device) / half)
    angles = frequencies * t[:, None] * TIME_SCALE
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class Attention(nn.Module):
    """Full attention over all patches of a clip, with normalized queries and keys (arXiv 2302.05442)."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.query_norm = nn.RMSNorm(width // num_heads, eps=NORM_EPS)
        self.key_norm = nn.RMSNorm(width // num_heads, eps=NORM_EPS)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Map (B, L, D) to (B, L, D); `cos` and `sin` are (L, E / 2)."""
        batch, length, width = x.shape
        heads = self.qkv(x).view(batch, length, 3, self.num_heads, width // self.num_heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        query = rotate(self.query_norm(query), cos, sin)
        key = rotate(self.key_norm(key), cos, sin)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return out


class GatedMlp(nn.Module):
    """SwiGLU (arXiv 2002.05202), 8/3 as wide as its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = int(width * 8 / 3 / 64) * 64  # whole tiles of 64
        self.gate_up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, D) to (B, L, D)."""
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        out: Tensor = self.down(functional.silu(gate) * up)
        return out


class Block(nn.Module):
    """One layer: attention and MLP, each scaled, shifted and gated by what the clip is conditioned on."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(width, eps=NORM_EPS)
        self.attention = Attention(width, num_heads)
        self.mlp_norm = nn.RMSNorm(width, eps=NORM_EPS)
        self.mlp = GatedMlp(width)
        self.modulation_offset = nn.Parameter(torch.zeros(NUM_MODULATIONS, width))

    def forward(self, x: Tensor, modulation: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Map (B, L, D) to (B, L, D); `modulation` is (B, NUM_MODULATIONS, D), the same for all layers."""
        parts = (modulation + self.modulation_offset).to(x.dtype)[:, :, None].unbind(1)  # each (B, 1, D)
        scale, shift, gate = parts[:3]
        x = x + gate * self.attention(self.attention_norm(x) * (1 + scale) + shift, cos, sin)
        scale, shift, gate = parts[3:]
        out: Tensor = x + gate * self.mlp(self.mlp_norm(x) * (1 + scale) + shift)
        return out


class BackdropNetwork(nn.Module):
    """Predicts the clean clip from a noisy one, its time, and what it should show."""

    def __init__(
        self, width: int, depth: int, num_heads: int, bottleneck: int, num_scenes: int, patch: tuple[int, int]
    ) -> None:
        """`patch` is (frames, pixels along each side); `bottleneck` is the rank of the patch embedding."""
        super().__init__()
        values = 3 * patch[0] * patch[1] * patch[1]
        self.patch = patch
        self.head_width = width // num_heads
        self.patch_in = nn.Sequential(nn.Linear(values, bottleneck, bias=False), nn.Linear(bottleneck, width))
        self.known = nn.Parameter(torch.zeros(width))
        self.layout_in = nn.Linear(2 * patch[1] * patch[1], width, bias=False)
        self.time = _mlp(TIME_FEATURES, width)
        self.step = _mlp(TIME_FEATURES, width)
        self.scene = nn.Embedding(num_scenes, width)
        self.wishes = _mlp(VECTOR_SIZE, width)
        self.modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, NUM_MODULATIONS * width))
        self.blocks = nn.ModuleList(Block(width, num_heads) for _ in range(depth))
        self.norm_out = nn.RMSNorm(width, eps=NORM_EPS)
        self.modulation_out = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))
        self.patch_out = nn.Linear(width, values)
        for layer in (self.modulation[1], self.modulation_out[1], self.patch_out, self.layout_in):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    def forward(self, noisy: Tensor, t: Tensor, step: Tensor, conditions: Conditions, known: Tensor) -> Tensor:
        """Return the clean clip, float32 (B, 3, T, H, W) in about [-1, 1].

        Args:
            noisy: (B, 3, T, H, W); T and H, W are multiples of the patch sides. Clean where it is known.
            t: (B,), 0 is noise and 1 is clean.
            step: (B,), the step in t that the answer is for; 0 for an infinitely small one.
            conditions: what the B clips should show.
            known: (B, patches in time), 1 where all of a patch's frames are known, else 0.
        """
        dtype = self.patch_out.weight.dtype
        grid = self.patch_grid(noisy)
        phases = rotary_phases(grid, self.head_width, noisy.device)
        cos, sin = phases.cos(), phases.sin()
        condition = self.condition(t, step, conditions)
        modulation = self.modulation(condition).reshape(len(noisy), NUM_MODULATIONS, -1)
        x = self.patch_in(self.patches(noisy.to(dtype))) + self.layout(conditions, grid)
        marks = known.repeat_interleave(grid[1] * grid[2], dim=1)[..., None] * self.known
        x = x + marks.to(x.dtype)
        for block in self.blocks:
            x = block(x, modulation, cos, sin)
        shift, scale = self.modulation_out(condition)[:, None].chunk(2, dim=-1)
        return self.pixels(self.patch_out(self.norm_out(x) * (1 + scale) + shift).float(), grid)

    def condition(self, t: Tensor, step: Tensor, conditions: Conditions) -> Tensor:
        """Return what all patches of a clip are told alike, (B, D)."""
        dtype = self.patch_out.weight.dtype
        share = conditions.second_share[:, None].to(dtype)
        scene = torch.lerp(self.scene(conditions.scene), self.scene(conditions.second_scene), share)
        times = self.time(time_features(t).to(dtype)) + self.step(time_features(step).to(dtype))
        told: Tensor = times + scene + self.wishes(conditions.vector().to(dtype))
        return told

    def layout(self, conditions: Conditions, grid: tuple[int, int, int]) -> Tensor:
        """Return what each place is told about calm and the product's foot, (B, L, D), the same at all times."""
        side = self.patch[1]
        times, rows, columns = grid
        maps = conditions.maps(rows * side, columns * side).to(self.layout_in.weight.dtype)
        cut = maps.view(len(maps), 2, rows, side, columns, side).permute(0, 2, 4, 1, 3, 5)
        told: Tensor = self.layout_in(cut.reshape(len(maps), rows * columns, -1))
        return told.repeat(1, times, 1)

    def patch_grid(self, clip: Tensor) -> tuple[int, int, int]:
        """Count the patches of (B, 3, T, H, W) in time, rows and columns."""
        frames, side = self.patch
        _, _, num_frames, height, width = clip.shape
        return num_frames // frames, height // side, width // side

    def patches(self, clip: Tensor) -> Tensor:
        """Cut (B, 3, T, H, W) into (B, L, P), channels innermost."""
        frames, side = self.patch
        times, rows, columns = self.patch_grid(clip)
        cut = clip.reshape(len(clip), 3, times, frames, rows, side, columns, side)
        return cut.permute(0, 2, 4, 6, 3, 5, 7, 1).reshape(len(clip), times * rows * columns, -1)

    def pixels(self, patches: Tensor, grid: tuple[int, int, int]) -> Tensor:
        """Undo `patches`: (B, L, P) to (B, 3, T, H, W)."""
        frames, side = self.patch
        times, rows, columns = grid
        cut = patches.reshape(len(patches), times, rows, columns, frames, side, side, 3)
        return cut.permute(0, 7, 1, 4, 2, 5, 3, 6).reshape(len(patches), 3, times * frames, rows * side, columns * side)


def _mlp(features: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width))
