"""Scenes of falling things: petals, snow, confetti."""

from __future__ import annotations

import torch
from torch import Tensor

from renderer.backends.backdrop.scenes.field import TAU, Field, Layers, smoothstep, stacked, wrapped

WIDTH = 4.5  # after which the world repeats to the right
HEIGHT = 2.25  # after which it repeats downwards, sideways by the wind: short, so that a loop falls slowly
GOLDEN = 0.618034  # its multiples spread evenly, and those of the others independently
STEPS = (0.414214, 0.732051, 0.236068, 0.645751, 0.316625, 0.605551, 0.141593, 0.874032)


def petals(f: Field) -> Layers:
    """Return petals that tumble down before blossoms far out of focus."""
    wind, broad = f.uniform(-0.45, 0.45), f.uniform(0.62, 0.86)
    ground = 0.27 + 0.15 * f.waves(f.x, f.y, 4, (0.9, 2.1), 0.25)
    for parallax, size, strength in ((0.12, 0.34, 0.75), (0.3, 0.50, 0.95)):
        alpha, bloom = _blossoms(f, parallax, size, 7)
        ground = ground + (bloom - ground) * alpha * strength
    alpha, tone = _petal_layer(f, 11, (0.10, 0.25), (0.055, 0.095), 0.018, wind, broad)
    ground = ground + (tone - ground) * 0.85 * alpha
    middle, middle_tone = _petal_layer(f, 13, (0.7, 1.0), (0.13, 0.21), 0.006, wind, broad)
    near, near_tone = _petal_layer(f, 5, (1.25, 1.6), (0.36, 0.52), 0.055, wind, broad)
    alpha, tone = _in_front(0.92 * near, near_tone, 0.97 * middle, middle_tone)
    return Layers(ground, torch.full_like(f.energy, 0.36), alpha, tone)


def snow(f: Field) -> Layers:
    """Return snowflakes that sink past firs and lights far out of focus."""
    wind = f.uniform(-0.5, 0.5)
    stature = f.uniform(0.75, 1.25)
    mist, blur = f.uniform(0.52, 0.68), f.uniform(0.025, 0.06)
    hill = f.uniform(0.55, 1.0) + 0.07 * torch.sin(1.7 * f.x + f.uniform(0, TAU)) + 0.03 * torch.sin(4.1 * f.x)
    sky = mist - 0.21 * (hill - f.y).clamp(min=-0.5)
    tone = sky + 0.07 * f.waves(f.x, f.y, 3, (0.8, 2.0), 0.25)
    for parallax, height, depth, shade in ((0.05, 0.9, 0.05, 0.34), (0.3, 1.5, 0.0, 0.05)):
        trees, snowy = _firs(f, parallax, height * stature, hill - depth, blur)
        tone = tone + (shade + 0.45 * snowy - tone) * trees
    bank = f.edge(f.y - hill, 0.07)
    drift = 0.90 - 0.20 * smoothstep((f.y - hill) / 1.1) + 0.05 * f.waves(f.x, 2 * f.y, 3, (1.5, 4.0), 0.15)
    tone = tone + (drift - tone) * bank
    lights, glow = _lights(f, 10, hill, (0.05, 0.70), (0.035, 0.085))
    tone = tone + (1.12 - tone) * lights + glow
    far = _flakes(f, 24, (0.2, 0.5), (0.008, 0.014), 0.006, wind, (3.1, 1.5))
    tone = tone + (1.0 - tone) * 0.75 * far
    middle = _flakes(f, 24, (0.6, 1.0), (0.017, 0.03), 0.009, wind, (WIDTH, HEIGHT))
    near = _flakes(f, 12, (1.2, 1.6), (0.06, 0.12), 0.035, wind, (WIDTH, HEIGHT))
    alpha = 1 - (1 - 0.92 * middle) * (1 - (0.38 + 0.2 * f.energy) * near)
    return Layers(tone, sky - 0.06, alpha, torch.full_like(alpha, 1.1))


def confetti(f: Field) -> Layers:
    """Return pieces of shining paper that tumble down in front of a festive glow."""
    wind = f.uniform(-0.3, 0.3)
    reach = f.light_x * f.x + f.light_y * f.y
    ground = 0.39 + 0.07 * reach + 0.17 * f.waves(f.x, f.y, 4, (0.8, 1.9), 0.3)
    lights, glow = _lights(f, 8, torch.zeros_like(f.y), (-2.2, 2.2), (0.10, 0.19))
    ground = ground + 0.30 * lights + glow
    alpha, tone = _paper_layer(f, 12, (0.15, 0.4), (0.12, 0.2), 0.05, wind)
    ground = ground + (tone - ground) * 0.6 * alpha
    alpha, tone = _paper_layer(f, 18, (0.5, 0.7), (0.05, 0.075), 0.010, wind)
    ground = ground + (tone - ground) * 0.92 * alpha
    middle, middle_tone = _paper_layer(f, 15, (0.8, 1.1), (0.09, 0.15), 0.004, wind)
    near, near_tone = _paper_layer(f, 5, (1.3, 1.6), (0.22, 0.32), 0.06, wind)
    alpha, tone = _in_front(0.85 * near, near_tone, middle, middle_tone)
    return Layers(ground, torch.full_like(f.energy, 0.42), alpha, tone)


def _spread(f: Field, count: int, low: float, high: float, row: int) -> Tensor:
    """Return one number per element, (n, N, 1, 1), that fill low to high evenly: one random number for them all."""
    order = torch.arange(count, device=f.x.device)[None, :, None, None]
    return low + (high - low) * torch.remainder(f.uniform(0, 1)[:, None] + order * STEPS[row], 1)


def _falling(
    f: Field, parallax: Tensor, speed: float, wind: Tensor, sway: float, lengths: tuple[float, float]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return x and y from the nearest piece's middle, and the way which that piece has fallen, (n, N, T, P) each."""
    count = parallax.shape[1]
    order = torch.arange(count, device=parallax.device)[None, :, None, None]
    start_x = (order + f.uniforms(count, 0, 1)) * (lengths[0] / count)
    start_y = torch.remainder(order * GOLDEN + f.uniforms(count, 0, 0.25), 1) * lengths[1]
    rates = speed * (0.55 + 0.45 * parallax) * _spread(f, count, 0.85, 1.15, 0)
    fallen = f.travel(rates, lengths[1])
    x, y = f.plane(parallax)
    below = y - start_y - fallen
    copy = torch.round(below / lengths[1])
    way = fallen + copy * lengths[1]
    swing = sway * torch.sin(f.angle(_spread(f, count, 0.5, 1.1, 1)) + _spread(f, count, 0, TAU, 2))
    return wrapped(x - start_x - swing - wind[:, None] * way, lengths[0]), below - copy * lengths[1], way


def _petal_layer(
    f: Field, count: int, depths: tuple[float, float], sizes: tuple[float, float], blur: float, wind: Tensor,
    broad: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return alpha and tone of curved petals at one depth, (n, T, P) each."""
    across, down, way = _falling(f, _spread(f, count, *depths, 3), 0.22, wind, 0.09, (WIDTH, HEIGHT))
    size, curl = _spread(f, count, *sizes, 6), _spread(f, count, 0.12, 0.30, 7)
    rocking = torch.sin(f.angle(_spread(f, count, 0.4, 0.9, 4)) + _spread(f, count, 0, TAU, 5))
    heading = f.uniforms(count, 0, TAU) + 0.5 * rocking
    tumble = f.uniforms(count, 0, TAU) + _spread(f, count, 1.6, 2.8, 0) * way
    cos_h, sin_h, open_, tilt = torch.cos(heading), torch.sin(heading), torch.cos(tumble), torch.sin(tumble)
    along = (across * cos_h + down * sin_h) / size
    aside = (down * cos_h - across * sin_h) / size - curl * tilt * (along.clamp(-1.2, 1.2) ** 2 - 0.3)
    # Seen from the edge a petal is thin, but a lens out of focus shows it wider and fainter.
    spread = blur / size
    true_width = broad[:, None] * torch.sqrt(open_**2 + 0.08)
    width = torch.sqrt(true_width**2 + spread**2)
    v = aside / (width * (0.82 + 0.26 * along).clamp(min=0.35))
    notch = 0.17 * (1 - 3.2 * v.abs()).clamp(min=0) * along.clamp(min=0)
    radius = torch.sqrt((along + notch) ** 2 + v**2 + 1e-4)
    distance = (1 - radius) * radius * size * torch.rsqrt(along**2 + (v / width) ** 2 + 1e-4)
    alpha = f.edge(distance, blur) * (true_width / width)
    towards = cos_h * f.light_y[:, None] - sin_h * f.light_x[:, None]  # the light seen across the petal
    along, v = along.clamp(-1, 1), v.clamp(-1, 1)  # a blurred rim keeps the tone of the rim
    lit = towards * (0.62 * tilt + 0.42 * v * open_)
    crease = 0.07 * (1 - 4 * v.abs()).clamp(min=0) * (1 - along)
    tone = 0.80 + 0.40 * lit + 0.18 * along - 0.10 * (v**2) + 0.12 * open_ - crease
    return stacked(alpha, tone.clamp(0.12, 1.12))


def _blossoms(f: Field, parallax: float, size: float, count: int) -> tuple[Tensor, Tensor]:
    """Return alpha and tone of blurred blossoms of five petals, (n, T, P) each."""
    x, y = f.plane(parallax)
    order = torch.arange(count, device=x.device)[None, :, None, None]
    at_x = (order + f.uniforms(count, 0, 1)) * (WIDTH / count)
    at_y = torch.remainder(order * GOLDEN + f.uniforms(count, -0.1, 0.1) + f.uniform(0, 1)[:, None], 1) * WIDTH
    radius, turn = f.uniforms(count, 0.65, 1.1) * size, f.uniforms(count, 0, TAU)
    turn = turn + 0.12 * torch.sin(f.angle(f.uniforms(count, 0.2, 0.5)))
    across, down = wrapped(x[:, None] - at_x, WIDTH) / radius, wrapped(y[:, None] - at_y, WIDTH) / radius
    square = across**2 + down**2 + 0.02
    # The fifth power of a complex number turns five times as fast: five lobes without an arc tangent.
    real, imaginary = across**2 - down**2, 2 * across * down
    real, imaginary = real**2 - imaginary**2, 2 * real * imaginary
    real, imaginary = real * across - imaginary * down, real * down + imaginary * across
    lobes = (real * torch.cos(turn) + imaginary * torch.sin(turn)) * torch.rsqrt(square**5)
    distance = torch.sqrt(square)
    alpha = torch.sigmoid((0.86 + 0.15 * lobes - distance) * 7.5)
    heart = torch.exp(-square * 9)
    shade = 0.16 * (across * f.light_x[:, None] + down * f.light_y[:, None]).clamp(-1, 1)
    tone = f.uniforms(count, 0.66, 1.02) + shade + 0.10 * lobes * distance.clamp(max=1) - 0.42 * heart
    return stacked(alpha, tone)


def _flakes(
    f: Field, count: int, depths: tuple[float, float], sizes: tuple[float, float], blur: float, wind: Tensor,
    lengths: tuple[float, float],
) -> Tensor:  # fmt: skip
    """Return how much of every place snowflakes at one depth cover, (n, T, P)."""
    across, down, _ = _falling(f, _spread(f, count, *depths, 3), 0.17, wind, 0.10, lengths)
    size = _spread(f, count, *sizes, 6)
    # Clumps of crystals are never quite round, and turn.
    slant = torch.sin(_spread(f, count, 0, TAU, 7) + f.angle(_spread(f, count, 0.4, 1.0, 2))) * 0.5
    distance = torch.sqrt(across**2 + down**2 + slant * across * down)
    alpha = f.edge(size - distance, _spread(f, count, 0.6, 1.3, 4) * blur) * _spread(f, count, 0.55, 1.0, 5)
    return 1 - torch.exp(torch.log1p(-alpha.clamp(max=0.995)).sum(1))


def _firs(f: Field, parallax: float, height: Tensor, foot: Tensor, blur: Tensor) -> tuple[Tensor, Tensor]:
    """Return the blurred outline of a row of firs, and how snowy they are, (n, T, P) each."""
    count = 7
    x, y = f.plane(parallax)
    order = torch.arange(count, device=x.device)[None, :, None, None]
    at = (order + f.uniforms(count, 0, 0.9)) * (WIDTH / count)
    height = f.uniforms(count, 0.6, 1.15) * height[:, None]
    across = wrapped(x[:, None] - at, WIDTH)
    down = y[:, None] - foot[:, None] + height  # from the top
    # Branches hang: a tier widens downwards and then draws in, lower at its tips.
    tier = torch.remainder((down - 0.30 * across.abs()) * f.uniforms(count, 4.4, 6.0) / height**0.5, 1)
    tier = tier * (1 - smoothstep((tier - 0.66) / 0.34)) * 1.5
    half = f.uniforms(count, 0.20, 0.27) * down.clamp(min=0) ** 0.9 * (0.66 + 0.5 * tier)
    alpha = f.edge(half - across.abs(), blur[:, None]) * f.edge(down, 0.05)
    side = torch.sigmoid((across * f.light_x[:, None] - 0.3 * half) / (0.4 * half + 0.05))
    snowy = (1 - tier) * (0.4 + 0.6 * side)
    return stacked(alpha, snowy)


def _lights(
    f: Field, count: int, base: Tensor, height: tuple[float, float], sizes: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """Return discs of lights out of focus at heights above a base, and the glow around them, (n, T, P) each."""
    order = torch.arange(count, device=f.x.device)[None, :, None, None]
    at_x = (order + f.uniforms(count, 0, 1)) * (WIDTH / count)
    across = wrapped(f.x[:, None] - at_x, WIDTH)
    down = wrapped((f.y - base)[:, None] + f.uniforms(count, *height), WIDTH)
    square = across**2 + down**2
    radius = f.uniforms(count, *sizes)
    twinkle = 0.75 + 0.25 * torch.sin(f.angle(f.uniforms(count, 0.5, 1.2)) + f.uniforms(count, 0, TAU))
    power = twinkle * f.uniforms(count, 0.25, 0.8)
    alpha = f.edge(radius - torch.sqrt(square), 0.010) * power
    return 1 - torch.exp(torch.log1p(-alpha).sum(1)), (0.14 * power * torch.exp(-square * 22)).sum(1)


def _paper_layer(
    f: Field, count: int, depths: tuple[float, float], sizes: tuple[float, float], blur: float, wind: Tensor
) -> tuple[Tensor, Tensor]:
    """Return alpha and tone of tumbling paper at one depth, (n, T, P) each."""
    across, down, way = _falling(f, _spread(f, count, *depths, 3), 0.24, wind, 0.07, (WIDTH, HEIGHT))
    size, shape = _spread(f, count, *sizes, 6), _spread(f, count, 0.45, 0.75, 7)
    rocking = torch.sin(f.angle(_spread(f, count, 0.4, 0.9, 4)) + _spread(f, count, 0, TAU, 5))
    heading = f.uniforms(count, 0, TAU) + 0.6 * rocking
    tumble = f.uniforms(count, 0, TAU) + _spread(f, count, 2.2, 4.0, 0) * way
    cos_h, sin_h, open_, tilt = torch.cos(heading), torch.sin(heading), torch.cos(tumble), torch.sin(tumble)
    along = across * cos_h + down * sin_h
    aside = down * cos_h - across * sin_h
    aside = aside - _spread(f, count, -0.3, 0.3, 1) * tilt * (along.clamp(-0.4, 0.4) ** 2 / size)  # paper bends
    thin = size * shape * torch.sqrt(open_**2 + 0.004)
    half = torch.sqrt(thin**2 + blur**2)
    # The distance to a rectangle whose corners are as round as the lens makes them.
    rounding = half.clamp(max=2.5 * blur)
    out_x, out_y = along.abs() - size + rounding, aside.abs() - half + rounding
    corner = torch.sqrt(out_x.clamp(min=0) ** 2 + out_y.clamp(min=0) ** 2 + 1e-8)
    alpha = f.edge(rounding - corner - torch.maximum(out_x, out_y).clamp(max=0), blur) * (thin / half)
    # Where the turning paper mirrors the light, a glint runs along it.
    towards = cos_h * f.light_y[:, None] - sin_h * f.light_x[:, None]
    bent = tilt * towards + 0.35 * (along / size).clamp(-1, 1)
    glint = 1 / (1 + ((bent - 0.55) * 4) ** 2) ** 2
    colour = torch.remainder(torch.arange(count, device=size.device)[None, :, None, None] * GOLDEN, 1)
    tone = 0.08 + 1.0 * colour + 0.22 * bent + (0.25 + 0.30 * f.energy[:, None]) * glint
    return stacked(alpha, tone.clamp(-0.08, 1.3))


def _in_front(near: Tensor, near_tone: Tensor, far: Tensor, far_tone: Tensor) -> tuple[Tensor, Tensor]:
    """Return alpha and tone of one see-through layer before another."""
    behind = far * (1 - near)
    total = near + behind
    return total, (near * near_tone + behind * far_tone) / (total + 1e-4)
