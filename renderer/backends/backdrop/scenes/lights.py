"""Scenes of lights: bokeh, city_lights, neon, sunbeams."""

from __future__ import annotations

import torch
from torch import Tensor

from renderer.backends.backdrop.scenes.field import TAU, Field, Layers, smoothstep, stacked, wrapped

WORLD = 4.5  # half short sides after which things repeat: more than any frame shows
WHITE = 1.14  # the tone that adding more and more light comes near


def lit(dark: Tensor, light: Tensor) -> Tensor:
    """Return the tone of a place of tone `dark` where `light` is added, as on film: it never burns out."""
    return dark + (WHITE - dark) * (1 - torch.exp(-light))


def shuffled(column: Tensor, row: Tensor, seed: Tensor) -> Tensor:
    """Return a number 0..1 for each cell of a grid, the same wherever and whenever the cell is drawn."""
    return (torch.remainder(7.3 * torch.sin(12.9 * column + 7.82 * row + seed), 2) - 1).abs()


def norm(x: Tensor, y: Tensor) -> Tensor:
    """Return the length of vectors, smooth at 0."""
    return torch.sqrt(x * x + y * y + 1e-6)


def disc(f: Field, dx: Tensor, dy: Tensor, radius: Tensor, softness: Tensor | float, eye: Tensor | float) -> Tensor:
    """Return the brightness of out-of-focus points (n, N, T, P) at dx, dy: discs with a faintly brighter rim.

    The lens cuts them to cat's eyes away from the middle of the frame, as much as `eye`.
    """
    cut_x = eye * radius * (f.raw_x[:, None] - dx).clamp(-2, 2)
    cut_y = eye * radius * (f.raw_y[:, None] - dy).clamp(-2, 2)
    distance = torch.maximum(norm(dx + cut_x, dy + cut_y), norm(dx - cut_x, dy - cut_y)) / radius
    rim = distance.clamp(max=1.1) ** 4
    return f.edge((1 - distance) * radius, softness) * (0.74 + 0.34 * rim)


def spread(f: Field, count: int, parallax: tuple[float, float], drift: float) -> tuple[Tensor, Tensor]:
    """Return every place's dx and dy from `count` points of a layer that hover slowly, (n, N, T, P) each."""
    x, y = f.plane(f.uniforms(count, *parallax))
    sway = drift * torch.sin(f.angle(f.uniforms(count, 0.25, 0.6)) + f.uniforms(count, 0, TAU))
    rise = drift * torch.sin(f.angle(f.uniforms(count, -0.6, -0.25)) + f.uniforms(count, 0, TAU))
    # One point in each column of the world, its height by the golden ratio: never clumped, never in rows.
    order = torch.arange(count, device=x.device)[None, :, None, None]
    across = (order + f.uniforms(count, -0.6, 0.6)) * (WORLD / count) + f.uniform(0, WORLD)[:, None]
    down = (order * 0.618 + f.uniforms(count, -0.14, 0.14) + f.uniform(0, 1)[:, None]) * WORLD
    return wrapped(x - across - sway, WORLD), wrapped(y - down - rise, WORLD)


def sprinkled(
    f: Field, cell: Tensor, parallax: tuple[float, float], drift: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return every place's dx and dy from the nearest of endless points, two random numbers and an angle of each point.

    The points hover in the `cell`s (n, N, 1, 1) of N grids turned against each other, and each grid
    goes to and fro by `drift`; all are (n, N, T, P).
    """
    count = cell.shape[1]
    turn, seed = f.uniforms(count, 0, TAU), f.uniforms(count, 0, 50)
    cos, sin = torch.cos(turn), torch.sin(turn)
    x, y = f.plane(f.uniforms(count, *parallax))
    flow = f.angle(f.uniforms(count, 0.35, 0.7)) + f.uniforms(count, 0, TAU)
    x, y = x + drift * torch.cos(flow + turn), y + drift * torch.sin(flow)
    grid_x, grid_y = (x * cos + y * sin) / cell + 0.37 * seed, (y * cos - x * sin) / cell + 0.73 * seed
    column, row = torch.floor(grid_x), torch.floor(grid_y)
    chance, place = shuffled(column, row, seed), shuffled(row, column, seed + 3)
    wander = f.angle(f.uniforms(count, 0.3, 0.6)) + TAU * place
    off_x = (grid_x - column - 0.5 - 0.09 * torch.sin(wander) - 0.08 * (2 * chance - 1)) * cell
    off_y = (grid_y - row - 0.5 - 0.09 * torch.cos(wander) - 0.08 * (2 * place - 1)) * cell
    return off_x * cos - off_y * sin, off_x * sin + off_y * cos, chance, place, wander


def bokeh(f: Field) -> Layers:
    """Return large discs of light far out of focus, at three depths."""
    size = f.uniform(0.8, 1.25)
    glow_x, glow_y = f.x - 0.9 * f.light_x, f.y - 0.9 * f.light_y
    towards = torch.exp(-(glow_x**2 + glow_y**2) / 1.7)
    dark = 0.08 + 0.11 * f.waves(f.x, f.y, 4, (0.7, 1.8), 0.35) + 0.30 * towards
    # The far lights are many.
    count = 3
    cell = size[:, None] * f.uniforms(count, 0.46, 0.64)
    dx, dy, chance, place, wander = sprinkled(f, cell, (0.05, 0.25), 0.05)
    twinkle = 0.8 + 0.2 * torch.sin(2 * wander + 9 * chance)
    radius = cell * (0.13 + 0.10 * place)
    far = disc(f, dx, dy, radius, 0.018, 0.10) * smoothstep((chance - 0.22) * 3) * (0.30 + 1.2 * place**2) * twinkle
    # The middle ones: larger and clearer.
    count = 20
    dx, dy = spread(f, count, (0.3, 0.6), 0.13)
    bright = f.uniforms(count, 0, 1) ** 1.5
    shimmer = 1 + (0.12 + 0.16 * f.energy[:, None]) * torch.sin(
        f.angle(f.uniforms(count, 0.6, 1.3)) + f.uniforms(count, 0, TAU)
    )
    radius = size[:, None] * f.uniforms(count, 0.17, 0.34)
    middle = disc(f, dx, dy, radius, f.uniforms(count, 0.012, 0.03), 0.09) * (0.26 + 1.5 * bright) * shimmer
    tone = lit(dark, (far.sum(1) + middle.sum(1)) * (1.1 + 0.75 * towards))
    # The near ones: huge, faint and soft.
    count = 9
    dx, dy = spread(f, count, (0.9, 1.5), 0.20)
    radius = size[:, None] * f.uniforms(count, 0.36, 0.56)
    veil = disc(f, dx, dy, radius, f.uniforms(count, 0.03, 0.07), 0.11) * f.uniforms(count, 0.16, 0.42)
    alpha, alpha_tone = stacked(veil, f.uniforms(count, 0.5, 1.05))
    return Layers(tone, torch.full_like(f.energy, 0.40), alpha, alpha_tone)


def towers(f: Field, parallax: float, ground: Tensor, centres: Tensor, halves: Tensor, tops: Tensor) -> Tensor:
    """Return where towers stand, 0..1 (n, T, P), with soft edges."""
    x, y = f.plane(parallax)
    inside = halves - wrapped(x[:, None] - centres, WORLD).abs()
    body = f.edge(inside, 0.028) * f.edge(y[:, None] - ground[:, None] + tops, 0.028)
    return body.amax(1)


def windows(f: Field, parallax: float, cell: Tensor, share: float) -> Tensor:
    """Return the lit windows of a wall of towers, 0..1 (n, T, P): a grid of soft dots, most of them dark."""
    x, y = f.plane(parallax)
    seed = f.uniform(0, 50)
    column, row = torch.floor(x / cell), torch.floor(y / (1.25 * cell))
    chance, other = shuffled(column, row, seed), shuffled(row, column, seed + 5)
    # Whole storeys and columns are brighter than others, and each window slowly breathes.
    house = 0.22 * torch.sin(column * 0.9 + seed) + 0.16 * torch.sin(row * 0.7 + 2 * seed)
    breath = 0.06 * torch.sin(f.angle(f.uniform(0.5, 1.0)) + TAU * other)
    on = smoothstep((chance + house + breath - 1 + share) * 4)
    dx, dy = x - (column + 0.42 + 0.16 * other) * cell, y - (row + 0.42 + 0.16 * chance) * 1.25 * cell
    return on * (0.12 + 0.88 * other**2) * f.edge((0.26 + 0.12 * other) * cell - norm(dx, 0.9 * dy), 0.045 * cell)


def city_lights(f: Field) -> Layers:
    """Return a wet street at night, out of focus: towers, two rows of lamps and slow traffic towards one point."""
    ground, middle = f.uniform(0.12, 0.42), f.uniform(-0.45, 0.45)
    ripple = 0.014 * f.waves(0.5 * f.x, 2.6 * f.y, 3, (3.0, 7.0), 0.9)
    dx, below = wrapped(f.x - middle, WORLD), f.y - ground
    road = f.edge(below, 0.03)
    haze = torch.exp(-((dx / 1.3) ** 2) - (below / torch.where(below > 0, 0.45, 1.15)) ** 2)
    sky = -0.02 + 0.05 * f.waves(f.x, f.y, 3, (0.8, 1.6), 0.3) + 0.62 * haze
    # Two rows of towers: far ones in the haze, near ones left and right of the street.
    count = 9
    order = torch.arange(count, device=dx.device)[None, :, None, None]
    far = towers(
        f, 0.12, ground, middle[:, None] + order * 0.5 + f.uniforms(count, -0.12, 0.12),
        f.uniforms(count, 0.12, 0.24), f.uniforms(count, 0.35, 1.3),
    )  # fmt: skip
    count = 6
    side = torch.tensor([-1.0, 1.0] * 3, device=dx.device)[None, :, None, None]
    step = torch.tensor([0.0, 0.0, 1.0, 1.0, 2.0, 2.0], device=dx.device)[None, :, None, None]
    near = towers(
        f, 0.4, ground, middle[:, None] + side * (0.72 + 0.62 * step + f.uniforms(count, -0.08, 0.08)),
        f.uniforms(count, 0.24, 0.34), 0.8 + 0.5 * step + f.uniforms(count, 0, 0.9),
    )  # fmt: skip
    far, near = far * (1 - road), near * (1 - road)
    cell = f.uniform(0.11, 0.15)
    dark = sky + (0.05 + 0.25 * haze - sky) * 0.75 * far
    dark = dark + (-0.04 + 0.12 * haze - dark) * 0.88 * near
    dark = dark + (0.02 + 0.30 * haze - dark) * 0.8 * road
    panes = 0.55 * windows(f, 0.12, 0.75 * cell, 0.5) * far * (1 - near)
    panes = panes + 1.3 * windows(f, 0.4, 1.15 * cell, 0.6) * near
    # Shops and signs along the street: larger discs, crowded just above the ground.
    sx, sy, chance, place, wander = sprinkled(f, f.uniforms(2, 0.30, 0.44), (0.2, 0.35), 0.0)
    signs = disc(f, sx, sy, 0.05 + 0.05 * place, 0.012, 0.08) * (0.15 + 0.85 * chance) * (0.9 + 0.1 * torch.sin(wander))
    panes = panes + signs.sum(1) * 1.6 * torch.exp(-(((below + 0.20) / 0.24) ** 2)) * (1 - road)
    # The near windows lie on the wet street as a dim mirrored glow.
    wet = road * 0.34 * (0.5 + 0.5 * torch.sin((f.x + ripple) * 7 + 9 * middle)) * torch.exp(-below.clamp(min=0) / 0.9)
    light = panes + wet + lamps(f, ground, middle, ripple) + traffic(f, ground, middle, ripple)
    return Layers(lit(dark, light), torch.full_like(f.energy, 0.33))


def lamps(f: Field, ground: Tensor, middle: Tensor, ripple: Tensor) -> Tensor:
    """Return the light of two rows of street lamps and of their reflections, (n, T, P)."""
    count = 14
    order = torch.arange(count, device=ground.device)[None, :, None, None]
    side = 1 - 2.0 * (order % 2)
    scale = 0.13 * torch.exp(0.44 * (order // 2 + f.uniform(0, 1)[:, None]) + f.uniforms(count, -0.05, 0.05))
    x, y = f.plane(0.15 + 0.35 * scale)
    x = wrapped(x - middle[:, None] - side * scale * f.uniform(0.62, 0.85)[:, None], WORLD)
    y = y - ground[:, None]
    radius = 0.025 + 0.105 * scale
    glimmer = 1 + 0.08 * torch.sin(f.angle(f.uniforms(count, 0.5, 1.1)) + f.uniforms(count, 0, TAU))
    power = f.uniforms(count, 0.9, 2.3) * glimmer
    orb = disc(f, x, y + 0.62 * scale, radius, 0.012 + 0.012 * scale, 0.10)
    under = y - 0.34 * scale
    streak = torch.exp(-(((x + ripple[:, None] * scale) / (0.75 * radius)) ** 2) - under.clamp(min=0) / (0.9 * scale))
    return (power * (orb + 0.75 * streak * f.edge(under, 0.05 * scale))).sum(1)


def traffic(f: Field, ground: Tensor, middle: Tensor, ripple: Tensor) -> Tensor:
    """Return the light of cars that come on one side and go on the other, and of their reflections, (n, T, P)."""
    count = 10
    order = torch.arange(count, device=ground.device)[None, :, None, None]
    side = 1 - 2.0 * (order % 2)
    speed = torch.full_like(f.energy, 0.085)[:, None] * side
    way = torch.remainder(order * 0.1 + f.uniforms(count, -0.06, 0.06) + f.travel(speed, 1.0), 1.0)
    scale = 0.10 * torch.exp(3.0 * way)
    here = smoothstep(way * 8) * smoothstep((1 - way) * 6)
    x, y = f.plane(0.15 + 0.35 * f.uniforms(count, 0.4, 0.6))
    x = wrapped(x - middle[:, None] - side * scale * f.uniforms(count, 0.16, 0.34), WORLD).abs() - 0.075 * scale
    y = y - ground[:, None] - 0.24 * scale
    radius = 0.016 + 0.05 * scale
    power = here * torch.where(side > 0, 1.6, 0.6)
    orb = f.edge(radius - norm(x, y), 0.16 * radius)
    streak = torch.exp(-(((x + ripple[:, None] * scale) / radius) ** 2) - y.clamp(min=0) / (0.45 * scale))
    return (power * (orb + 0.5 * streak * f.edge(y, 0.04 * scale))).sum(1)


def wall(f: Field) -> Tensor:
    """Return how a wall takes light, about 0.6..1.1 (n, T, P): soft bricks, or upright slats."""
    size = f.uniform(0.22, 0.32)
    row = torch.floor(f.y / size)
    u = f.x / (2.3 * size) + 0.5 * torch.remainder(row, 2)
    column = torch.floor(u)
    joint_x = (0.5 - (u - column - 0.5).abs()) * 2.3 * size
    joint_y = (0.5 - (f.y / size - row - 0.5).abs()) * size
    joint = f.edge(torch.minimum(joint_x, joint_y) - 0.016, 0.014)
    bricks = (0.55 + (0.40 + 0.16 * shuffled(column, row, f.uniform(0, 50))) * joint) * 1.05
    slats = 0.86 + 0.24 * torch.sin(f.x * (TAU / size)) * (1 + 0.3 * f.light_x)
    return torch.where(f.uniform(0, 1) < 0.6, bricks, slats)


def neon(f: Field) -> Layers:
    """Return glowing tubes before a dark wall: rings, rounded frames, or bars, that pulse and sway."""
    count = 5
    kind = f.uniform(0, 3)[:, None]
    order = torch.arange(count, device=kind.device)[None, :, None, None]
    texture = wall(f)
    x, y = f.plane(0.55)
    sway = f.angle(f.uniforms(count, 0.3, 0.5)) + f.uniforms(count, 0, TAU)
    bars = kind > 2
    # Rings and frames share a middle, or nearly; bars stand side by side.
    apart = torch.where(bars, (order - 2) * 0.62 + f.uniforms(count, -0.12, 0.12), f.uniforms(count, -0.16, 0.16))
    lower = torch.where(bars, f.uniforms(count, -0.5, 0.5), f.uniforms(count, -0.12, 0.12))
    # Everything leans alike, and repeats along its own axes: no copy is ever cut.
    lean = f.uniform(-0.5, 0.5)
    u, v = x * torch.cos(lean) + y * torch.sin(lean), y * torch.cos(lean) - x * torch.sin(lean)
    period_u, period_v = torch.where(bars, 3.1, 7.0), torch.where(bars, 3.5, 7.0)
    across = u[:, None] - apart - f.uniform(-0.3, 0.3)[:, None] - 0.05 * torch.sin(sway)
    along = v[:, None] - lower - f.uniform(-0.3, 0.3)[:, None] - 0.06 * torch.cos(sway)
    across, along = wrapped(across / period_u, 1.0) * period_u, wrapped(along / period_v, 1.0) * period_v
    # A closed tube is where a rounded square of power p has radius `size`; its slope makes that a true distance.
    size = (0.40 + 0.42 * order + f.uniforms(count, -0.05, 0.05)) * f.uniform(0.85, 1.15)[:, None]
    power = torch.where(kind > 1, 4.0, 2.0)
    flat_x, flat_y = (across.abs() + 1e-3) / size, (along.abs() + 1e-3) / size
    reach = (flat_x**power + flat_y**power) ** (1 / power)
    slope = norm((flat_x / reach) ** (power - 1), (flat_y / reach) ** (power - 1))
    bar = norm(across, (along.abs() - f.uniforms(count, 0.55, 1.2)).clamp(min=0))
    distance = torch.where(bars, bar, (reach - 1).abs() * size / slope)
    wide = torch.where(bars, bar, (reach - 1).abs() * size)
    # Each closed tube is an arc with a soft gap, and a swell of light runs along it.
    facing = f.uniforms(count, 0, TAU) + 0.3 * torch.sin(sway)
    heading = (across * torch.cos(facing) + along * torch.sin(facing)) / (norm(across, along) + 0.12)
    gap = torch.where(bars, 1.0, smoothstep((f.uniforms(count, 0.35, 1.1) - heading) * 4))
    pulse = 1 + (0.06 + 0.10 * f.energy[:, None]) * torch.sin(2 * sway + order)
    strength = f.uniforms(count, 0.5, 1.0) * pulse * (1 - 0.25 * heading)
    half = f.uniform(0.026, 0.042)[:, None]
    core = strength * gap * f.edge(half - distance, 0.010)
    near = strength * gap * torch.exp(-distance / (2.6 * half))
    halo = strength * (0.25 + 0.75 * gap) / (1 + (wide / 0.15) ** 2)
    dark = -0.03 + 0.10 * texture * (1 + 0.6 * (f.x * f.light_x + f.y * f.light_y).clamp(-1, 1))
    light = texture * 0.50 * halo.sum(1) + 0.55 * near.sum(1) + 2.2 * core.sum(1)
    return Layers(lit(dark, light), torch.full_like(f.energy, 0.36))


def sunbeams(f: Field) -> Layers:
    """Return shafts of sunlight that fall through haze, with dust adrift in them."""
    far = f.uniform(2.1, 2.8)
    x, y = f.plane(0.2)
    from_x, from_y = x - far * f.light_x, y - far * f.light_y
    distance = norm(from_x, from_y)
    # Beams are waves in the angle around the sun, seen from it; whole numbers of waves leave no seam behind it.
    aside = torch.atan2(from_y * -f.light_x + from_x * f.light_y, -from_x * f.light_x - from_y * f.light_y)
    beams = torch.zeros_like(distance)
    for first, last, weight in ((5, 9, 0.55), (10, 16, 0.75), (18, 30, 0.55), (34, 52, 0.28)):
        many = f.uniforms(2, first, last).round()
        sway = f.angle(f.uniforms(2, 0.35, 0.8)) + f.uniforms(2, 0, TAU)
        phase = (0.5 + 0.03 * last) * torch.sin(sway) + f.uniforms(2, 0, TAU)
        swell = weight * (1 + 0.3 * torch.cos(sway + phase))
        beams = beams + (swell * torch.sin(many * aside[:, None] + phase)).sum(1)
    shaft = torch.sigmoid(beams * (1.15 + 0.4 * f.energy) - 0.4)
    smoke = f.waves(f.x, f.y, 5, (1.2, 4.0), 0.6)
    fade = torch.exp(-distance / 3.1)
    # Near the sun the haze is so bright that its beams melt together.
    sun = torch.exp(-((distance / 0.95) ** 2))
    shaft = shaft + (0.7 - shaft) * sun
    light = (1 + 0.24 * smoke) * fade * (0.32 + 2.0 * shaft) + 0.8 * sun
    # Dust: soft points at many depths that glint where a beam meets them.
    count = 4
    grain = torch.tensor([0.20, 0.28, 0.42, 0.62], device=x.device)[None, :, None, None]
    dx, dy, chance, place, wander = sprinkled(f, grain * f.uniforms(count, 0.9, 1.3), (0.2, 0.9), 0.20)
    radius = grain * (0.05 + 0.09 * place)
    glint = smoothstep((chance - 0.35) * 2) * (0.65 + 0.35 * torch.sin(2 * wander + 9 * chance))
    dust = f.edge(radius - norm(dx, dy), 0.16 * radius) * glint * torch.exp(-2.2 * grain)
    light = light + dust.sum(1) * (0.12 + 1.5 * shaft * fade**0.5)
    dark = -0.06 + 0.04 * smoke
    return Layers(lit(dark, light), torch.full_like(f.energy, 0.42))
