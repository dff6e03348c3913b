"""Scenes of sand and stone: dunes, marble."""

from __future__ import annotations

import torch
from torch import Tensor

from renderer.backends.backdrop.scenes.field import TAU, Field, Layers


def sand(f: Field) -> Layers:
    """Return rippled dunes in raking light, under slowly passing shadows."""
    slant = f.uniform(-0.5, 0.5)
    x, y = f.x + slant * f.y, 1.5 * f.y - 0.3 * slant * f.x
    warp = 0.32 * _still(f, x, y, 4, (0.9, 2.4), 0.8)
    # Dunes rise slowly on one side and drop on the other: the crest is where their slope changes sign.
    count = 2
    pitch = f.uniforms(count, 0.85, 1.15) * torch.tensor([1.9, 3.1], device=x.device)[None, :, None, None]
    direction = f.uniform(0.9, 2.2)[:, None] + f.uniforms(count, -0.5, 0.5)
    across = x[:, None] * torch.cos(direction) + y[:, None] * torch.sin(direction)
    phase = pitch * (across + warp[:, None]) + f.uniforms(count, 0, TAU)
    crest = torch.tanh(torch.sin(phase) * 13)
    weight = torch.tensor([1.0, 0.55], device=x.device)[None, :, None, None]
    rise = weight * (1 - torch.sin(phase).abs())
    slope = -weight * torch.cos(phase) * crest
    tilt_x, tilt_y = (slope * torch.cos(direction)).sum(1), (slope * torch.sin(direction)).sum(1)
    height = rise.sum(1)
    # Wind ripples bend around the dunes and die away in their lee.
    fine, turn = f.uniform(19, 32), f.uniform(0.9, 2.2)
    ripple_x, ripple_y = torch.cos(turn), torch.sin(turn)
    bend = 0.10 * _still(f, x, y, 4, (1.5, 4.5), 0.8)
    ripple = fine * (x * ripple_x + y * ripple_y + bend + 0.12 * height) + f.angle(f.uniform(0.15, 0.3))
    strength = (0.55 + 0.35 * _still(f, x, y, 3, (1.2, 3.0), 1.0)).clamp(0, 1)
    comb = torch.cos(ripple + 0.5 * torch.sin(ripple)) * strength
    light_x, light_y = f.light_x, f.light_y
    shade = -(tilt_x * light_x + tilt_y * light_y)
    passing = f.waves(f.x, f.y, 4, (0.9, 2.2), 0.5)
    tone = 0.50 + 0.46 * shade + 0.15 * comb * (0.7 + 0.5 * shade) + 0.12 * (0.7 + f.energy) * passing
    tone = 0.5 + 0.58 * torch.tanh((tone - 0.47) / 0.52)  # neither shadow nor light clips
    return Layers(tone, torch.full_like(f.energy, 0.5))


def marble(f: Field) -> Layers:
    """Return polished marble with branching veins, over which reflected light slides."""
    # Stone was pressed: its veins run mostly one way.
    turn, scale = f.uniform(-1.3, 1.3), f.uniform(0.8, 1.25)
    x = (f.x * torch.cos(turn) + f.y * torch.sin(turn)) * scale * 1.5
    y = (f.y * torch.cos(turn) - f.x * torch.sin(turn)) * scale * 0.75
    warp_x = x + 0.26 * _still(f, x, y, 5, (1.2, 6.0), 1.0)
    warp_y = y + 0.26 * _still(f, x, y, 5, (1.2, 6.0), 1.0)
    twice_x = warp_x + 0.06 * _still(f, warp_x, warp_y, 6, (4.0, 16.0), 0.8)
    twice_y = warp_y + 0.06 * _still(f, warp_x, warp_y, 6, (4.0, 16.0), 0.8)
    cloud = _still(f, warp_x, warp_y, 5, (1.4, 6.0), 0.8)
    dark = torch.sigmoid(f.uniform(-30, 30))  # nearly always a pale stone or a dark one
    thick = (0.8 + 0.45 * cloud).clamp(0.25, 1.6) * (1 - 0.45 * dark)
    broad = _still(f, twice_x, twice_y, 4, (1.3, 2.8), 0.5).abs()
    middle = _still(f, twice_x, twice_y, 4, (2.4, 5.0), 0.4).abs()
    fine = _still(f, twice_x, twice_y, 5, (4.5, 10.0), 0.4).abs()
    # A vein is where a field crosses zero: full at its heart, with a wide stain on both sides.
    stain = torch.exp(-broad / 0.32)
    vein = 0.75 * _vein(broad, 0.13 * thick + 2.5 * f.pixel) + 0.42 * thick * _vein(middle, 0.11 * thick + 3 * f.pixel)
    vein = vein + 0.26 * thick * _vein(fine, 0.11 * thick + 4 * f.pixel)
    vein = 1 - torch.exp(-1.25 * vein)  # where veins meet they do not add up
    pale = 0.82 + 0.12 * cloud - 0.34 * stain - 0.80 * vein
    deep = 0.17 + 0.12 * cloud + 0.06 * stain + 0.88 * vein
    tone = pale + (deep - pale) * dark
    return Layers(tone + _reflection(f), 0.62 - 0.32 * dark)


def _vein(distance: Tensor, width: Tensor) -> Tensor:
    """Return 1 in the heart of a vein, falling to 0 within a few of its widths."""
    return 1 / (1 + (distance / width) ** 2) ** 2


def _reflection(f: Field) -> Tensor:
    """Return windows of light that slide over a polished stone, (n, T, P)."""
    x, y = f.plane(0.0)
    turn = f.uniform(-0.5, 0.5)
    along = x * torch.cos(turn) + y * torch.sin(turn) + 0.03 * f.waves(x, y, 3, (1.0, 2.5), 0.3)
    wave = torch.sin(1.5 * along + f.angle(f.uniform(0.3, 0.6)) + f.uniform(0, TAU))
    return (0.14 + 0.08 * f.energy) * (torch.sigmoid((wave - 0.3) * 7) - 0.3)


def _still(f: Field, x: Tensor, y: Tensor, count: int, frequency: tuple[float, float], falloff: float) -> Tensor:
    """Return a random field like `Field.waves` that does not move, (n, T, P)."""
    spread = torch.linspace(0, 1, count, device=x.device)[None, :, None, None]
    k = frequency[0] * (frequency[1] / frequency[0]) ** (spread + f.uniforms(count, -0.5, 0.5) / count)
    direction, phase = f.uniforms(count, 0, TAU), f.uniforms(count, 0, TAU)
    amplitude = k ** (-falloff)
    amplitude = amplitude * torch.rsqrt((amplitude**2).sum(1, keepdim=True) / 2)
    way = x[:, None] * (k * torch.cos(direction)) + y[:, None] * (k * torch.sin(direction))
    return (amplitude * torch.sin(way + phase)).sum(1)
