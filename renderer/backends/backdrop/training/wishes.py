"""Random wishes for training and evaluation: everything a campaign may ask for, and everything between."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from renderer.backends.backdrop.conditions import CAMERA_UNITS, NUM_CALM, Conditions
from renderer.backends.backdrop.scenes.picture import from_oklab

BLENDS = (0.15, 0.85)  # share of the second scene where two are blended
SPEEDS = (0.3, 3.0)  # of the camera, drawn evenly on a logarithmic scale
STATIC, MIXED = 0.35, 0.12  # shares of clips with a still camera, and with several moves at once
LOOPING = 0.3  # of clips with a still camera
WITH_STAND, WITH_TEXT = 0.6, 0.6


def random_wishes(
    scene: Tensor, second_scene: Tensor, second_share: Tensor, aspect: float, generator: torch.Generator
) -> Conditions:
    """Draw palette, camera, light, energy, looping and layout for scenes (B,) in frames of width / height `aspect`."""
    count = len(scene)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator, device=scene.device)

    camera = _cameras(uniform)
    angle = uniform(-1.06 * math.pi, 0.06 * math.pi)  # from the left over the top to the right
    stand, calm = _layouts(uniform, aspect)
    return Conditions(
        scene=scene,
        second_scene=second_scene,
        second_share=second_share,
        palette=_palettes(uniform),
        camera=camera,
        light=torch.stack([torch.cos(angle), torch.sin(angle)], dim=-1),
        energy=uniform(0, 1),
        loops=((camera == 0).all(-1) & (uniform(0, 1) < LOOPING)).float(),
        stand=stand,
        calm=calm,
    )


def _cameras(uniform: Callable[..., Tensor]) -> Tensor:
    """Return (B, 4): mostly one move forth or back, sometimes none, sometimes all at once but slower."""
    kind = (uniform(0, 1) * 4).long().clamp(max=3)
    low, high = (math.log(speed) for speed in SPEEDS)
    speed = torch.exp(uniform(low, high)) * torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    units = torch.tensor(CAMERA_UNITS, device=kind.device)
    single = torch.nn.functional.one_hot(kind, 4) * (speed * units[kind])[:, None]
    mixed = uniform(-1, 1, 4) * units
    choice = uniform(0, 1)[:, None]
    moving = torch.where(choice < STATIC + MIXED, mixed, single)
    return torch.where(choice < STATIC, torch.zeros_like(moving), moving)


def _palettes(uniform: Callable[..., Tensor]) -> Tensor:
    """Return (B, 3, 3) sRGB 0..1: near hues, complements, triads and greys, from dark to light."""
    hue = uniform(0, 2 * math.pi)
    spread = torch.where(uniform(0, 1) < 0.65, uniform(-0.5, 0.5), uniform(-2.2, 2.2))
    grey = torch.where(uniform(0, 1) < 0.15, 0.15, 1.0)
    dark, middle, light = uniform(0.14, 0.44), uniform(0.45, 0.74), uniform(0.80, 0.985)
    chroma = [uniform(0.01, 0.10) * grey, uniform(0.03, 0.19) * grey, uniform(0.004, 0.07) * grey]
    hues = [hue, hue + spread * 0.5, hue + spread]
    lab = [
        torch.stack([level, strength * torch.cos(angle), strength * torch.sin(angle)], -1)
        for level, strength, angle in zip((dark, middle, light), chroma, hues, strict=True)
    ]
    return from_oklab(torch.stack(lab, -1)).transpose(1, 2).contiguous()


def _layouts(uniform: Callable[..., Tensor], aspect: float) -> tuple[Tensor, Tensor]:
    """Return stands (B, 4) and calm boxes (B, NUM_CALM, 4): text above or beside, and the product's own column."""
    half_w, half_h = max(aspect, 1.0), max(1 / aspect, 1.0)
    has_stand, has_text = (uniform(0, 1) < WITH_STAND).float(), (uniform(0, 1) < WITH_TEXT).float()
    has_second = has_text * (uniform(0, 1) < 0.4).float()
    centred = uniform(0, 1) < 0.5
    x = torch.where(centred, uniform(-0.1, 0.1), uniform(-0.7, 0.7)) * half_w
    y, width = uniform(0.25, 0.9) * half_h, uniform(0.3, 1.0)
    stand = torch.stack([x, y, width, torch.ones_like(x)], -1) * has_stand[:, None]
    tall = uniform(0.25, 0.8)
    column = torch.stack([x, y - tall, width * uniform(0.4, 0.7), tall], -1) * has_stand[:, None]
    calm = torch.zeros(len(x), NUM_CALM, 4, device=x.device)
    calm[:, 0] = column * (uniform(0, 1) < 0.8).float()[:, None]
    for row, exists in ((1, has_text), (2, has_second)):
        middle = torch.stack([uniform(-0.5, 0.5) * half_w, uniform(-0.85, 0.85) * half_h], -1)
        size = torch.stack([uniform(0.25, 0.9), uniform(0.1, 0.5)], -1)
        calm[:, row] = torch.cat([middle, size], -1) * exists[:, None]
    return stand, calm
