"""Scenes of cloth: silk, ribbons."""

from __future__ import annotations

import torch

from renderer.backends.backdrop.scenes.field import Field, Layers


def silk(f: Field) -> Layers:
    """Return wide folds of a shining cloth that breathes."""
    x, y = f.x, f.y
    warp_x = x + 0.16 * f.waves(x, y, 4, (1.0, 2.2), 0.5)
    warp_y = y + 0.16 * f.waves(x, y, 4, (1.0, 2.2), 0.5)
    # Folds run along one direction; height is a sum of waves across it, and the slope decides what the light does.
    count = 6
    k = f.uniforms(count, 0.8, 1.2) * torch.tensor([1.7, 2.6, 3.7, 5.1, 7.0, 9.4], device=x.device)[None, :, None, None]
    direction = f.uniform(0.4, 1.2)[:, None] + f.uniforms(count, -0.45, 0.45)
    phase = f.angle(f.uniforms(count, -0.7, 0.7)) + f.uniforms(count, 0, 6.28)
    along = k * (warp_x[:, None] * torch.cos(direction) + warp_y[:, None] * torch.sin(direction)) + phase
    slope = 0.75 * torch.cos(along) * k**0.15
    hx, hy = (slope * torch.cos(direction)).sum(1) * 0.55, (slope * torch.sin(direction)).sum(1) * 0.55
    normal = torch.rsqrt(1 + hx**2 + hy**2)
    facing = (0.62 + 0.75 * (hx * f.light_x + hy * f.light_y)) * normal
    shine = torch.exp(-(((hx - 0.75 * f.light_x) ** 2 + (hy - 0.75 * f.light_y) ** 2) * 3.2))
    tone = 0.02 + 0.72 * facing + 0.42 * shine
    return Layers(tone, rest=torch.full_like(f.energy, 0.45))
