"""Turns drawn scenes into pictures: blends two, calms the layout's places, lays the floor and shadow, and colours.

Letters in shapes: n clips, T frames, P places.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from renderer.backends.backdrop.conditions import Conditions, calm_map
from renderer.backends.backdrop.scenes.field import NUM_RANDOMS, Field, Layers

CALM = 0.92  # of all contrast is taken away where it should be calm
FLOOR_RANDOMS = 4
FLOOR_STRETCH = 1.35  # a floor seen from above shows a longer reflection
LIGHT_SLOPE = 0.11  # tones per half short side towards the light

_SRGB_TO_LMS = ((0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
                (0.0883024619, 0.2817188376, 0.6299787005))  # fmt: skip
_LMS_TO_OKLAB = ((0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099),
                 (0.0259040371, 0.7827717662, -0.8086757660))  # fmt: skip


def draw(
    scene: Callable[[Field], Layers], conditions: Conditions, randoms: Tensor, places: tuple[Tensor, Tensor],
    time_s: Tensor, pixel: Tensor | float,
) -> Layers:  # fmt: skip
    """Draw one scene for n clips, mirrored in the floor where the layout has one.

    Args:
        scene: a function of the scene table.
        conditions: the wishes for n clips.
        randoms: (n, NUM_RANDOMS), 0..1, what makes one clip differ from another of the same wishes.
        places: x and y, each (n or 1, P), in half short sides from the middle.
        time_s: (T,), from the start of the clip.
        pixel: size of a pixel, in the same unit.
    """
    x, y = places
    horizon = floor_horizon(conditions, randoms)
    mirrored = torch.where(y > horizon, horizon - FLOOR_STRETCH * (y - horizon), y)
    x, y = x.expand_as(mirrored), y.expand_as(mirrored)
    field = Field(
        x[:, None], mirrored[:, None], time_s, conditions, randoms[:, FLOOR_RANDOMS:], pixel,
        screen_y=y[:, None], horizon=horizon[:, None],
    )  # fmt: skip
    return scene(field)


def floor_horizon(conditions: Conditions, randoms: Tensor) -> Tensor:
    """Return where the floor begins, (n, 1): a little above the product's foot; far below the frame without one."""
    _, y, width, exists = (conditions.stand[:, i, None] for i in range(4))
    depth = (0.10 + 0.14 * randoms[:, 0:1]) + 0.12 * width
    return torch.where(exists > 0, y - depth, torch.full_like(y, 9.0))


def blended(first: Layers, second: Layers, share: Tensor) -> Layers:
    """Mix two scenes: their tones by `share` (n,), while what floats in front of either stays longer."""
    share = share[:, None, None]
    tone = first.tone + (second.tone - first.tone) * share
    rest = first.rest + (second.rest - first.rest) * share
    parts = [(first, (2 - 2 * share).clamp(max=1)), (second, (2 * share).clamp(max=1))]
    alphas = [layers.alpha * weight for layers, weight in parts if layers.alpha is not None]
    tones = [layers.alpha_tone for layers, _ in parts if layers.alpha_tone is not None]
    if not alphas:
        return Layers(tone, rest)
    if len(alphas) == 1:
        return Layers(tone, rest, alphas[0], tones[0])
    alpha = 1 - (1 - alphas[0]) * (1 - alphas[1])
    mixed = (alphas[0] * tones[0] + alphas[1] * tones[1]) / (alphas[0] + alphas[1] + 1e-4)
    return Layers(tone, rest, alpha, mixed)


def developed(
    layers: Layers, conditions: Conditions, randoms: Tensor, places: tuple[Tensor, Tensor], pixel: Tensor | float
) -> Tensor:
    """Return the picture of drawn layers, sRGB 0..1, float32 (n, 3, T, P)."""
    x, y = places
    calm = CALM * calm_map(conditions.calm, x, y)[:, None]  # (n, 1, P)
    tone = layers.tone + (layers.rest - layers.tone) * calm
    light = conditions.light[:, :, None]
    slope = LIGHT_SLOPE * (light[:, 0] * x + light[:, 1] * y)[:, None]
    on_floor, shade = floor_shading(conditions, randoms, x, y, pixel)
    tone = tone + slope
    matte = 0.3 * tone + 0.7 * (layers.rest + slope) + (-0.06 - 0.14 * randoms[:, 1, None, None]) * on_floor
    tone = (tone + (matte - tone) * on_floor) * (1 - 0.62 * shade) - 0.10 * shade
    colour = coloured(tone, conditions.palette)
    if layers.alpha is None or layers.alpha_tone is None:
        return colour
    alpha = (layers.alpha * (1 - calm) * (1 - 0.6 * on_floor) * (1 - shade))[:, None]
    return colour + (coloured(layers.alpha_tone + 0.5 * slope, conditions.palette) - colour) * alpha


def floor_shading(
    conditions: Conditions, randoms: Tensor, x: Tensor, y: Tensor, pixel: Tensor | float
) -> tuple[Tensor, Tensor]:
    """Return how much of each place is floor, and how dark the product's shadow is there, (n, 1, P) each."""
    centre_x, centre_y, width, exists = (conditions.stand[:, i, None] for i in range(4))
    width = width.clamp(min=0.05)
    soft = (0.02 + 0.05 * randoms[:, 2:3]).clamp(min=0.4 * pixel)
    floor = torch.sigmoid((y - floor_horizon(conditions, randoms)) / soft) * exists
    across, down = (x - centre_x) / width, (y - centre_y) / width
    contact = torch.exp(-((across / 0.56) ** 4) - (down / 0.10) ** 2)
    away_x, away_y = -0.42 * conditions.light[:, 0:1], 0.10 - 0.06 * conditions.light[:, 1:2]
    cast = torch.exp(-(((across - away_x) / 0.78) ** 2) - ((down - away_y) / 0.24) ** 2)
    shade = (1 - (1 - 0.55 * contact) * (1 - 0.5 * cast)) * floor
    return floor[:, None], shade[:, None]


def coloured(tone: Tensor, palette: Tensor) -> Tensor:
    """Return sRGB 0..1 (n, 3, T, P) of tones (n, T, P) on palettes (n, 3, 3), mixed in OKLab.

    Source: B. Ottosson, "A perceptual color space for image processing", 2020.
    """
    stops = oklab(palette)  # (n, 3 colours, 3)
    black, white = stops[:, 0] * 0.45, stops[:, 2] * 0.25 + stops.new_tensor([0.75, 0.0, 0.0])
    rows = torch.stack([black, *stops.unbind(1), white], 1)  # tones -0.5, 0, 0.5, 1, 1.5
    position = (tone * 2 + 1).clamp(0, 4)[:, None]
    lab = rows[:, 0, :, None, None].expand(-1, -1, 1, 1)
    for i in range(4):
        step = (rows[:, i + 1] - rows[:, i])[:, :, None, None]
        lab = lab + step * (position - i).clamp(0, 1)
    return from_oklab(lab)


def oklab(srgb: Tensor) -> Tensor:
    """Return OKLab of sRGB colours 0..1; the last axis holds the channels."""
    linear = torch.where(srgb > 0.04045, ((srgb + 0.055) / 1.055).clamp(min=0) ** 2.4, srgb / 12.92)
    lms = linear @ linear.new_tensor(_SRGB_TO_LMS).T
    return lms.clamp(min=0) ** (1 / 3) @ lms.new_tensor(_LMS_TO_OKLAB).T


def from_oklab(lab: Tensor) -> Tensor:
    """Return sRGB 0..1 of OKLab colours; axis 1 holds the channels."""
    lightness, a, b = lab.unbind(1)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    linear = torch.stack([red, green, blue], 1).clamp(0, 1)
    return torch.where(linear > 0.0031308, 1.055 * linear.clamp(min=1e-6) ** (1 / 2.4) - 0.055, linear * 12.92)


def random_numbers(count: int, generator: torch.Generator) -> Tensor:
    """Return what makes clips differ, 0..1, float32 (count, FLOOR_RANDOMS + NUM_RANDOMS) on the generator's device."""
    return torch.rand(count, FLOOR_RANDOMS + NUM_RANDOMS, generator=generator, device=generator.device)
