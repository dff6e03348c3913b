"""Scenes of air and water: mist, water, clouds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from renderer.backends.backdrop.scenes.field import TAU, Field, Layers, smoothstep, wrapped


@dataclass(frozen=True)
class Swell:
    """Plane waves whose sum can be asked for at many places: unlike Field.waves the same waves every time."""

    along_x: Tensor  # (n, N, 1, 1) radians per half short side
    along_y: Tensor
    amplitude: Tensor
    phase: Tensor  # (n, N, T, 1)

    @classmethod
    def drawn(cls, f: Field, count: int, frequency: tuple[float, float], sway: float, falloff: float = 1.0) -> Swell:
        """Return waves as Field.waves has them, variance 1, that sway by `sway` radians rather than run."""
        spread = torch.linspace(0, 1, count, device=f.x.device)[None, :, None, None]
        k = frequency[0] * (frequency[1] / frequency[0]) ** (spread + f.uniforms(count, -0.5, 0.5) / count)
        # Directions are spread evenly, so that no clip is all stripes.
        order = torch.arange(count, device=f.x.device)[None, :, None, None] * (0.618 * TAU)
        direction = order + f.uniforms(1, 0, TAU) + f.uniforms(count, -0.35, 0.35)
        amplitude = k ** (-falloff)
        amplitude = amplitude * torch.rsqrt((amplitude**2).sum(1, keepdim=True) / 2)
        turning = f.angle(f.uniforms(count, 0.3, 0.6)) + f.uniforms(count, 0, TAU)
        phase = f.uniforms(count, 0, TAU) + sway * torch.sin(turning)
        return cls(k * torch.cos(direction), k * torch.sin(direction), amplitude, phase)

    def angles(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the angle of every wave, (n, N, T, P), at places (n, T, P)."""
        return x[:, None] * self.along_x + y[:, None] * self.along_y + self.phase

    def height(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the sum of the waves, (n, T, P)."""
        return (self.amplitude * torch.sin(self.angles(x, y))).sum(1)


def mist(f: Field) -> Layers:
    """Return veils of fog that drift through each other, bright where the light comes from."""
    towards = (f.raw_x * f.light_x + f.raw_y * f.light_y) / 1.5
    glow = torch.exp(-((f.raw_x - 1.0 * f.light_x) ** 2 + (f.raw_y - 1.2 * f.light_y) ** 2) / 2.2)
    tone = (0.04 + 0.10 * towards + 0.34 * glow).expand_as(f.x)
    size, turn = f.uniform(0.85, 1.2), f.uniform(-0.5, 0.5)
    cos, sin = torch.cos(turn), torch.sin(turn)
    for parallax, scale, thick in ((0.05, 0.65, 0.75), (0.3, 0.95, 0.8), (0.8, 1.6, 0.5)):
        x, y = f.plane(parallax)
        along, across = (x * cos + y * sin) / (1.25 * scale * size), (y * cos - x * sin) / (0.8 * scale * size)
        cover, lit = veil(f, along, across, f.light_x * cos + f.light_y * sin, f.light_y * cos - f.light_x * sin)
        smoke = 0.02 + 0.12 * towards + 0.22 * glow + 1.12 * lit
        tone = tone + thick * cover * (smoke - tone)
    return Layers(tone, rest=torch.full_like(f.energy, 0.40))


def veil(f: Field, x: Tensor, y: Tensor, light_x: Tensor, light_y: Tensor) -> tuple[Tensor, Tensor]:
    """Return how much smoke covers places (n, T, P), and how lit it is there, 0..1 each."""
    x = x + 0.35 * torch.sin(f.angle(f.uniform(0.25, 0.45)) + f.uniform(0, TAU))
    for reach, frequency in ((0.34, (0.8, 2.0)), (0.17, (2.0, 4.5))):
        bend_x, bend_y = Swell.drawn(f, 3, frequency, 0.6), Swell.drawn(f, 3, frequency, 0.6)
        x, y = x + reach * bend_x.height(x, y), y + reach * bend_y.height(x, y)
    bulk, folds, fine = (Swell.drawn(f, 3, span, 0.5) for span in ((0.9, 2.0), (1.8, 3.6), (3.6, 7.0)))

    def density(reach: float) -> Tensor:
        at_x, at_y = x + reach * light_x, y + reach * light_y
        # Smoke is thin sheets, folded: dense along the folds.
        wisps = 0.65 * billows(folds.height(at_x, at_y), 0.33) + 0.28 * billows(fine.height(at_x, at_y), 0.45)
        return 0.6 * bulk.height(at_x, at_y) - wisps + 0.62

    here = density(0.0)
    cover = smoothstep(0.42 + 0.62 * here)
    lit = torch.sigmoid(4.0 * (here - density(0.13)) + 1.5 * here - 0.4)
    return cover, lit


def water(f: Field) -> Layers:
    """Return the net of light that ripples throw on the floor of a pool."""
    size, turn = f.uniform(0.85, 1.4), f.uniform(-0.6, 0.6)
    x = (f.x * torch.cos(turn) + f.y * torch.sin(turn)) * size
    y = (f.y * torch.cos(turn) - f.x * torch.sin(turn)) * size * f.uniform(1.0, 1.5)  # seen a little from the side
    count = 10
    spread = torch.linspace(0, 1, count, device=f.x.device)[None, :, None, None]
    k = 2.6 * 4.2 ** (spread + f.uniforms(count, -0.3, 0.3) / count)
    order = torch.arange(count, device=f.x.device)[None, :, None, None] * (0.618 * TAU)
    direction = order + f.uniforms(1, 0, TAU) + f.uniforms(count, -0.3, 0.3)
    cos, sin = torch.cos(direction), torch.sin(direction)
    phase = f.uniforms(count, 0, TAU) + f.angle(f.uniforms(count, 0.24, 0.42) * k**0.5)
    bend = (0.9 + 0.2 * f.energy[:, None]) * f.uniforms(count, 0.25, 0.33) * k**-0.12
    # Light's way is followed back from the floor up to the surface, step by step; where the ways part it is dim.
    up_x, up_y = x, y
    for _ in range(3):
        slope = bend / k * torch.cos(k * (up_x[:, None] * cos + up_y[:, None] * sin) + phase)
        up_x, up_y = x - (slope * cos).sum(1), y - (slope * sin).sum(1)
    curve = bend * torch.sin(k * (up_x[:, None] * cos + up_y[:, None] * sin) + phase)
    xx, xy, yy = (curve * cos * cos).sum(1), (curve * cos * sin).sum(1), (curve * sin * sin).sum(1)
    parting = (1 - xx) * (1 - yy) - xy * xy
    light = torch.rsqrt(parting**2 + 0.05)
    # Deep and shallow water: broad shades, and ripples that lean towards the light.
    depth = f.waves(f.x, f.y, 3, (0.9, 1.8), 0.3)
    light_x = f.light_x * torch.cos(turn) + f.light_y * torch.sin(turn)
    light_y = f.light_y * torch.cos(turn) - f.light_x * torch.sin(turn)
    lean = (slope * (cos * light_x[:, None] + sin * light_y[:, None])).sum(1)
    tone = 0.68 * torch.sqrt(light) - 0.27 + 0.07 * depth + 0.45 * lean
    tone = 0.49 + (tone - 0.42) * (1.2 + 0.2 * f.energy)
    return Layers(tone, rest=torch.full_like(f.energy, 0.42))


def clouds(f: Field) -> Layers:
    """Return heaped clouds at dusk, lit from one side, before smaller and hazier ones."""
    towards = (f.raw_x * f.light_x + f.raw_y * f.light_y) / 1.5
    glow = torch.exp(-((f.raw_x - 1.1 * f.light_x) ** 2 + (f.raw_y - 1.3 * f.light_y) ** 2) / 1.8)
    sky = 0.20 + 0.14 * towards + 0.30 * glow
    tone = sky.expand_as(f.x)
    size = f.uniform(0.85, 1.25)
    # Far clouds are smaller on the screen, so that more of them are needed before they repeat.
    layers = ((0.08, 0.72, 0.5, (8, 3), 6.4), (0.4, 1.1, 0.0, (5, 4), 4.6))
    for parallax, scale, haze, count, world in layers:
        x, y = f.plane(parallax)
        cover, lit = heaped(f, x / (scale * size), y / (scale * size), count, world)
        body = 0.10 + 0.08 * towards + 0.98 * lit
        tone = tone + cover * (body + haze * (sky + 0.12 - body) - tone)
    return Layers(tone, rest=torch.full_like(f.energy, 0.40))


def heaped(f: Field, x: Tensor, y: Tensor, count: tuple[int, int], world: float) -> tuple[Tensor, Tensor]:
    """Return how much cloud covers places (n, T, P), and how lit it is there, 0..1 each."""
    each = count[1]  # heads of a cloud, side by side on one flat base
    total = count[0] * each
    number = torch.arange(total, device=f.x.device)[None, :, None, None]
    cloud, head = number // each, number % each - (each - 1) / 2
    base = (0.5698 * cloud + f.uniforms(1, 0, 1)) * world + 0.12 * torch.sin(2.4 * cloud)
    centre_x = (0.7549 * cloud + f.uniforms(1, 0, 1)) * world + head * 0.42 + f.uniforms(total, -0.2, 0.2)
    middle = 1 - head.abs() / 2
    radius = f.uniforms(total, 0.30, 0.46) + 0.16 * middle
    centre_y = base - f.uniforms(total, 0.0, 0.45) * middle
    x = x + 0.25 * torch.sin(f.angle(f.uniform(0.3, 0.5)) + f.uniform(0, TAU))
    bend_x, bend_y = Swell.drawn(f, 4, (1.5, 4.0), 0.4), Swell.drawn(f, 4, (1.5, 4.0), 0.4)
    x, y = x + 0.08 * bend_x.height(x, y), y + 0.08 * bend_y.height(x, y)
    puffs = [Swell.drawn(f, 5, (k, 1.6 * k), 0.45) for k in (4.0, 8.0, 14.0)]
    # Even light from the side leaves tops a little brighter than bottoms.
    light_x, light_y = f.light_x, f.light_y - 0.6
    length = torch.rsqrt(light_x**2 + light_y**2 + 0.02)
    light_x, light_y = light_x * length, light_y * length

    def bulk(reach: float) -> Tensor:
        at_x, at_y = x + reach * light_x, y + reach * light_y
        across = wrapped(at_x[:, None] - centre_x, world) / radius
        down = wrapped(at_y[:, None] - centre_y, world) / radius
        under = wrapped(at_y[:, None] - base, world).clamp(min=0)  # below the flat base
        heads = 1.0 + radius * (1 - across**2 - down**2) - 1.5 * under
        # The highest head counts, as in a maximum, but without its hard creases: the root of a sum of 16th powers.
        power = heads.clamp(min=0)
        for _ in range(4):
            power = power * power
        body = torch.sqrt(torch.sqrt(torch.sqrt(torch.sqrt(power.sum(1) + 1e-9))))
        return body + 0.17 * billows(puffs[0].height(at_x, at_y)) - 1.22

    def detail(reach: float) -> Tensor:
        at_x, at_y = x + reach * light_x, y + reach * light_y
        fine, finest = (0.17 * 0.5**i * billows(puffs[i].height(at_x, at_y)) for i in (1, 2))
        return fine + finest

    heap = bulk(0.0)
    here = heap + detail(0.0)
    cover = smoothstep(here * 2.5 + 0.5)
    lit = torch.sigmoid(6.0 * (here - bulk(0.09) - detail(0.09)) + 2.2 * (heap - bulk(0.4)) - 0.3)
    return cover, lit


def billows(height: Tensor, softness: float = 0.25) -> Tensor:
    """Return round bumps with creases between, of waves of variance 1."""
    return torch.sqrt(height**2 + softness**2)
