"""Scenes that look like a photographer's set: a studio with a podium, leaf shadows on a wall, floating ribbons."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from renderer.backends.backdrop.conditions import STAND_FLATNESS
from renderer.backends.backdrop.scenes.field import MAIN_PARALLAX, TAU, Field, Layers, smoothstep, wrapped

WORLD = 4.5  # after this way a scene repeats
FLOOR_KEEPS = 0.3  # of a scene's contrast against its rest that a layout's floor lets through


def studio(f: Field) -> Layers:
    """Return a studio's wall and floor with the light of a window, and a round podium where a product stands."""
    wall_x, wall_y = f.plane(MAIN_PARALLAX, mirrored=False)
    near_x, near_y = f.plane(0.6, mirrored=False)
    stand_x, stand_y, stand_width, exists = f.stand
    stands = exists > 0
    floor_y = f.uniform(0.1, 0.38)
    foot_y = floor_y + f.uniform(0.16, 0.3)
    half = 0.75 * torch.where(stands, stand_width.clamp(min=0.1), f.uniform(0.55, 0.95))
    below = torch.where(stands, f.screen_y - f.horizon, wall_y - floor_y)
    across = torch.where(stands, f.raw_x - stand_x, wrapped(near_x - f.uniform(-0.35, 0.35), WORLD))
    down = torch.where(stands, f.screen_y - stand_y, near_y - foot_y)

    on_floor = f.edge(below, f.uniform(0.012, 0.07))
    wall, panel = _wall(f, wall_x, wall_y, torch.where(stands, stand_x, 0.0))
    depth = below.clamp(min=0)
    ground = 0.50 + 0.10 * f.light_x * wall_x.clamp(-1.5, 1.5) - 0.16 * smoothstep(depth / 1.2) + 0.06 * exists
    bright = wall + panel + (ground - wall - panel) * on_floor
    # The corner between wall and floor gets less light from the room.
    bright = bright - 0.10 * torch.exp(-((below / 0.16) ** 2)) * f.uniform(0.4, 1.0)
    rest = bright - 0.6 * panel * (1 - on_floor)

    top_way, side_way = torch.zeros_like(across), torch.zeros_like(across)
    for dx, dy, radius, tall, there in _podiums(f, across, down, half):
        shadow = _cast_shadow(f, dx, dy - tall, radius, tall) * there * on_floor
        top, flank, flank_tone, top_tone = _cylinder(f, dx, dy, radius, tall)
        top, flank = top * there, flank * there
        free, drawn = (1 - top - flank) * (1 - 0.6 * shadow), top * top_tone + flank * flank_tone
        bright, rest = bright * free + drawn, rest * free + drawn
        top_way = top_way * (1 - top - flank) + top * tall
        side_way = side_way * (1 - top - flank) + flank
    lit = _window_light(f, wall_x, wall_y, depth * (1 - side_way), top_way)
    # What the layout's floor takes from the contrast is given beforehand.
    kept = 1 + (0.7 / FLOOR_KEEPS - 1) * exists * on_floor
    lit = (0.76 + 0.08 * f.energy) * (lit - 0.25) * (1 - 0.45 * side_way) * (0.45 + bright.clamp(0, 1))
    return Layers(bright + lit * kept, rest=rest)


def _podiums(f: Field, across: Tensor, down: Tensor, half: Tensor) -> list[tuple[Tensor, ...]]:
    """Return cylinders, far ones first: across and down from the middle of their tops, half width, height, 0 or 1.

    `across` and `down` count from the top of the last one, which is always there.
    """
    height = half * f.uniform(0.28, 0.75)
    side = torch.where(f.uniform(-1, 1) > 0, 1.0, -1.0)
    block_half = half * f.uniform(0.32, 0.5)
    block_height = half * f.uniform(0.35, 1.3)
    tier = torch.where(f.uniform(0, 1) < 0.45, 1.0, 0.0)
    low = half * f.uniform(0.10, 0.2)
    foot = height + low * tier  # where the podium meets the floor, below its top
    block_x = across - side * (half + block_half * f.uniform(0.75, 1.2))
    block_down = down + block_height - half * 0.12 - foot * 0.35
    shown = torch.where(f.uniform(0, 1) < 0.6, 1.0, 0.0)
    return [
        (block_x, block_down, block_half, block_height, shown),
        (across, down - height, half * 1.42, low, tier),
        (across, down, half, height, torch.ones_like(half)),
    ]


def _wall(f: Field, x: Tensor, y: Tensor, middle: Tensor) -> tuple[Tensor, Tensor]:
    """Return the tone of an evenly lit wall, and what an arched panel on it adds."""
    across, up = x - 0.5 * f.light_x, y - 0.45 * f.light_y
    glow = torch.exp(-(wrapped(across, 2 * WORLD) ** 2) / 2.2 - up**2 / 2.4)
    wall = 0.14 + 0.40 * glow + 0.025 * f.waves(x, y, 3, (1.0, 2.5), 0.2)
    radius = f.uniform(0.5, 0.85)
    centre = middle + f.uniform(-0.3, 0.3)
    top = f.uniform(-0.55, 0.05)
    strength = torch.where(f.uniform(0, 1) < 0.6, f.uniform(0.6, 1.0), 0.0)
    lift = 0.09

    def outside(shift: float) -> Tensor:
        dx = wrapped(x - centre + shift * f.light_x, WORLD)
        dy = y - top + shift * f.light_y
        return torch.sqrt(dx**2 + dy.clamp(max=0) ** 2 + 1e-6) - radius

    inside = f.edge(-outside(0.0), 0.012)
    shade = f.edge(-outside(lift), 0.05) * (1 - inside)
    rim = torch.exp(-((outside(0.0) / 0.03) ** 2)) * inside
    return wall, strength * (0.13 * inside - 0.22 * shade + 0.05 * rim)


def _cylinder(f: Field, across: Tensor, down: Tensor, half: Tensor, height: Tensor) -> tuple[Tensor, ...]:
    """Return how much of each place is a cylinder's top and its flank, and both tones; down counts from the top."""
    soft = 0.007
    flat = half * STAND_FLATNESS
    ring = torch.sqrt((across / half) ** 2 + (down / flat) ** 2 + 1e-6)
    steep = torch.sqrt((across / half**2) ** 2 + (down / flat**2) ** 2 + 1e-6)
    rim = ring * (1 - ring) / steep  # about the distance to the ellipse
    top = f.edge(rim, soft)
    nx = (across / half).clamp(-1, 1)
    nz = torch.sqrt((1 - nx**2).clamp(min=1e-4))
    body = f.edge(half - across.abs(), soft) * f.edge(height + flat * nz - down, soft) * f.edge(down, soft)
    flank = body * (1 - top)
    facing = nx * f.light_x * 0.8 + nz * 0.42
    facing = 0.5 * (facing + torch.sqrt(facing**2 + 0.02))  # never below 0, without a kink
    fall = ((down - flat * nz) / height).clamp(0, 1)
    bevel = torch.exp(-((rim / 0.016) ** 2))
    bounce = 0.08 * fall**2
    flank_tone = 0.10 + 0.08 * f.stand[3] + 0.66 * facing * (1 - 0.35 * fall) + bounce + 0.16 * bevel
    top_tone = 0.72 + 0.12 * f.stand[3] + 0.10 * nx * f.light_x + 0.05 * (down / flat).clamp(-1, 1) + 0.10 * bevel
    return top, flank, flank_tone, top_tone


def _cast_shadow(f: Field, across: Tensor, down: Tensor, half: Tensor, height: Tensor) -> Tensor:
    """Return the shadow, 0..1, of a cylinder around its foot and away from the light; down counts from the foot."""
    flat = half * STAND_FLATNESS
    ring = torch.sqrt((across / half) ** 2 + (down / flat) ** 2)
    contact = torch.exp(-((ring - 1).clamp(min=0) / 0.16))
    reach = 0.25 * half + 0.55 * height
    dx = (across + f.light_x * reach) / (half + 0.6 * reach * f.light_x.abs())
    dy = (down - 0.12 * half + 0.2 * reach * f.light_y) / (flat * 1.7)
    cast = torch.exp(-((dx**2 + dy**2) ** 1.5))
    return 1 - (1 - 0.55 * contact) * (1 - 0.8 * cast)


def _window_light(f: Field, x: Tensor, y: Tensor, depth: Tensor, raised: Tensor) -> Tensor:
    """Return the light, 0..1, of a window with panes or blinds on wall, floor (`depth`) and podium (`raised`)."""
    lean = 0.55 * f.light_x + f.uniform(-0.12, 0.12)
    sway = 0.05 * torch.sin(f.angle(f.uniform(0.25, 0.5)) + f.uniform(0, TAU))
    u = x + lean * (y + 1.3 * depth + raised) + sway
    v = y + 1.1 * depth + raised - 0.25 * lean * x + 0.6 * sway
    blinds = f.uniform(0, 1) < 0.4
    wide = torch.where(blinds, 1.9, f.uniform(0.42, 0.62))
    tall = torch.where(blinds, f.uniform(0.15, 0.24), f.uniform(0.5, 0.8))
    bar = torch.where(blinds, 0.26 * tall, f.uniform(0.035, 0.06))
    columns = torch.where(f.uniform(0, 1) < 0.5, 1.0, 1.5)
    u = wrapped(u - f.uniform(-0.4, 0.4), WORLD)
    v = v - f.uniform(-0.35, 0.15)
    rows = torch.where(blinds, (1.0 / tall).round() * tall, tall * 1.5)
    # The further from the window, the wider the half shadow.
    soft = f.uniform(0.018, 0.035) + 0.014 * (v + 1).clamp(0, 3)
    extent_u = torch.where(blinds, 0.8, wide * columns)
    frame = f.edge(extent_u - u.abs(), soft) * f.edge(rows - v.abs(), soft)
    post = f.edge(wrapped(u + wide * (columns - 1), wide).abs() - bar * torch.where(blinds, 0.0, 1.0), soft)
    slat = f.edge(wrapped(v + rows, tall).abs() - bar, soft)
    # Leaves before the window take a little of its light, now here, now there.
    leaves = 0.5 + 0.5 * torch.tanh(1.1 * f.waves(x - 0.4 * y, y + depth, 6, (2.5, 6.0), 0.7, 0.6))
    return frame * torch.where(blinds, 1.0, post) * slat * (1 - (0.25 + 0.25 * f.energy) * leaves)


def leaf_shadow(f: Field) -> Layers:
    """Return the shadows of palm fronds or leafy twigs that sway on a plastered wall in the sun."""
    count = 7
    palm = f.uniform(0, 1)[:, None] < 0.55
    # Twigs near the wall cast sharp shadows, far ones soft and pale; wind moves the far ones a little more.
    far = torch.linspace(0, 1, count, device=f.x.device)[None, :, None, None] ** 1.3
    x, y = f.plane(MAIN_PARALLAX + 0.15 * far)
    side = torch.where(f.light_x[:, None] >= 0, 1.0, -1.0)
    spread = torch.linspace(-0.5, 0.5, count, device=f.x.device)[None, :, None, None]
    gust = torch.sin(f.angle(f.uniform(0.5, 0.8)) + f.uniform(0, TAU))[:, None]
    sway = torch.sin(f.angle(f.uniforms(count, 0.5, 1.1)) + f.uniforms(count, 0, TAU)) + 0.6 * gust
    sway = sway * (0.035 + 0.045 * f.energy[:, None])
    turn = f.uniform(-0.3, 0.3)[:, None] + f.uniforms(count, -0.5, 0.5)
    # Twigs come from the side of the light, and hang down a little.
    along_x, along_y = -side * torch.cos(turn + 0.45 + sway), torch.sin(turn + 0.45 + sway)
    places = (spread * 2.6) % 1.0 - 0.5 + f.uniforms(count, -0.08, 0.08)
    dx = wrapped(x - places * WORLD * 0.9, WORLD)
    dy = wrapped(y - spread * WORLD - f.uniforms(count, -0.2, 0.2), WORLD)
    size = f.uniform(0.8, 1.05)[:, None] * (0.9 + 0.25 * far)  # small enough for the world they repeat in
    mask = _frond(f, (dx * along_x + dy * along_y) / size, (dy * along_x - dx * along_y) / size, far, palm, sway)
    light = torch.exp(-(mask * (2.6 - 1.5 * far)).sum(1)) * (0.34 + 0.66 * _dapples(f))

    plaster = 0.03 * f.waves(f.x, f.y, 7, (9.0, 26.0), 0.0, 0.4) + 0.035 * f.waves(f.x, f.y, 4, (2.0, 5.0), 0.0)
    toward = f.light_x * f.x.clamp(-2, 2) + f.light_y * f.y.clamp(-2, 2)
    tone = -0.02 + 0.06 * toward + plaster * (0.4 + 0.6 * light) + 1.04 * light
    return Layers(tone, rest=torch.full_like(f.energy, 0.56))


def _frond(f: Field, along: Tensor, across: Tensor, far: Tensor, palm: Tensor, sway: Tensor) -> Tensor:
    """Return twigs with leaves on both sides, 0..1, that run along -1 to 1; `far` from the wall makes them soft."""
    count = along.shape[1]
    reach = along + 1  # from the root
    bend = f.uniforms(count, 0.06, 0.2) + 0.5 * sway
    across = across - bend * (along**2 - 0.4) - 0.05 * torch.sin(3.1 * along + f.uniforms(count, 0, TAU))
    out = across.abs()
    left = torch.where(across > 0, 1.0, 0.0)
    gap = torch.where(palm, f.uniforms(count, 0.12, 0.17), f.uniforms(count, 0.26, 0.36))
    # Leaves lean forward: `root` is where on the twig a leaf through this place would begin.
    lean = torch.where(palm, f.uniforms(count, 0.75, 1.1), f.uniforms(count, 0.5, 0.8))
    root = reach - lean * out * (1 + 0.25 * out)
    shifted = root + 0.03 * torch.sin(7.3 * root + 2 * left) + 0.01 * torch.sin(23 * root) + 0.5 * gap * left
    off = wrapped(shifted, gap).abs()
    uneven = torch.sin(2.3 * shifted / gap + 4.1 * left + f.uniforms(count, 0, TAU))
    taper = (root * (2.0 - root)).clamp(min=0)  # longest leaves in the middle, none beyond the ends
    length = torch.where(palm, 0.74 * taper**0.6, 0.42 * (0.5 + 0.5 * taper)) * (1 + 0.18 * uneven)
    t = (out / length.clamp(min=0.02)).clamp(0, 1)
    wide_palm = 0.30 * gap * (1 - t) ** 0.6 * (0.6 + 0.4 * torch.sin(math.pi * t))
    wide_leaf = 0.37 * gap * torch.sin(math.pi * t.clamp(min=0.02) ** 0.8)
    half_width = torch.where(palm, wide_palm, wide_leaf)
    soft = 0.006 + 0.032 * far + 0.008 * out
    grown = f.edge(root - 0.12, 0.8 * soft) * f.edge(1.9 - root, 0.8 * soft)
    leaf = f.edge((half_width - off) * 0.75, soft) * f.edge(length - out, soft) * grown
    stem = f.edge(0.013 * (1.6 - along) - out, 0.7 * soft) * f.edge(1 - along.abs(), soft)
    return 1 - (1 - leaf) * (1 - stem)


def _dapples(f: Field) -> Tensor:
    """Return light that falls through a far crown: round spots, images of the sun, in a soft shade; about 0..1."""
    count = 20
    x, y = f.plane(MAIN_PARALLAX + 0.1)
    crown = torch.sigmoid(2.0 * f.waves(x, y, 6, (1.2, 3.6), 0.5) + 0.35)
    sway = 0.10 * torch.sin(f.angle(f.uniforms(count, 0.5, 1.2)) + f.uniforms(count, 0, TAU))
    dx = wrapped(x[:, None] - f.uniforms(count, -WORLD / 2, WORLD / 2) - sway, WORLD)
    dy = wrapped(y[:, None] - f.uniforms(count, -WORLD / 2, WORLD / 2) - 0.6 * sway, WORLD)
    radius = f.uniforms(count, 0.07, 0.17)
    twinkle = 0.65 + 0.35 * torch.sin(f.angle(f.uniforms(count, 0.6, 1.4)) + f.uniforms(count, 0, TAU))
    spots = (f.edge(radius - torch.sqrt(dx**2 + dy**2 + 1e-6), 0.022) * twinkle).sum(1)
    return 1 - (1 - crown) * torch.exp(-0.9 * spots)


def ribbons(f: Field) -> Layers:
    """Return satin ribbons that float and twist before a soft ground."""
    count = 4
    device = f.x.device
    # From the farthest to the nearest; the last one is close to the lens and blurred.
    near = torch.linspace(0, 1, count, device=device)[None, :, None, None]
    x, y = f.plane(0.15 + 1.0 * near)
    direction = f.uniform(-0.9, 0.9)[:, None] + f.uniforms(count, -0.3, 0.3)
    cos, sin = torch.cos(direction), torch.sin(direction)
    slots = torch.linspace(-0.5, 0.5, count + 1, device=device)[None, :-1, None, None] + 0.5 / count
    order = torch.remainder(slots * 7 + f.uniform(0, 1)[:, None], 1.0) - 0.5
    offset = (order + f.uniforms(count, -0.06, 0.06)) * WORLD
    along, across = x * cos + y * sin, wrapped(y * cos - x * sin - offset, WORLD)
    shape = _ribbon_shape(f, along, near)
    alpha, tone = _ribbon(f, across, shape, near)
    # Soft shadows on the ground, away from the light.
    shift = 0.24 * (f.light_y[:, None] * cos - f.light_x[:, None] * sin)
    centre, half = shape[:2]
    shadow = f.edge(half - (across + shift - centre).abs(), 0.08 + 0.05 * near) * (0.7 - 0.4 * near)
    shade = torch.exp(-shadow.sum(1))
    toward = (f.light_x * f.x + f.light_y * f.y).clamp(-2, 2)
    ground = f.uniform(0.16, 0.36) + 0.10 * toward + 0.09 * f.waves(f.x, f.y, 4, (1.0, 2.4), 0.35)
    picture = ground * shade
    for i in range(count):
        picture = picture + (tone[:, i] - picture) * alpha[:, i]
    return Layers(picture, rest=torch.full_like(f.energy, 0.42))


def _ribbon_shape(f: Field, along: Tensor, near: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the middle, seen half width, twist and slope of ribbons (n, N, T, P) at every way along them."""
    count = along.shape[1]
    slow, fast = f.angle(f.uniforms(count, 0.18, 0.38)), f.angle(-f.uniforms(count, 0.2, 0.45))
    long, short = f.uniforms(count, 1.1, 1.8), f.uniforms(count, 2.2, 3.4)
    first = long * along + slow + f.uniforms(count, 0, TAU)
    second = short * along + fast + f.uniforms(count, 0, TAU)
    swing, ripple = f.uniforms(count, 0.16, 0.34), f.uniforms(count, 0.03, 0.09)
    centre = swing * torch.sin(first) + ripple * torch.sin(second)
    slope = long * swing * torch.cos(first) + short * ripple * torch.cos(second)
    twist = f.uniforms(count, 0.4, 1.2) * (1.1 - 0.5 * near) * along
    twist = twist + f.uniforms(count, 0.7, 1.3) * torch.sin(1.5 * along + f.uniforms(count, 0, TAU) + slow)
    twist = twist + f.uniforms(count, 0, TAU) + 0.3 * slow.sin()
    width = f.uniforms(count, 0.19, 0.29) * (0.75 + 0.6 * near) * (1 + 0.16 * torch.sin(first + 1.0))
    # As wide across its own way wherever that leads.
    half = width * torch.sqrt((torch.cos(twist) ** 2 + 0.010) * (1 + slope**2))
    return centre, half, twist, slope


def _ribbon(f: Field, across: Tensor, shape: tuple[Tensor, ...], near: Tensor) -> tuple[Tensor, Tensor]:
    """Return how much of each place is ribbon, and the tone of its satin."""
    centre, half, twist, slope = shape
    count = across.shape[1]
    v = (across - centre) / half
    blur = 0.006 + 0.02 * (near - 0.45).abs() + 0.028 * smoothstep((near - 0.7) * 3.3)
    alpha = f.edge(half - (across - centre).abs(), blur)
    inner = v.clamp(-1.2, 1.2)
    face = torch.tanh(torch.cos(twist) / 0.12)  # which of its sides is seen
    # Satin shines in a band across the ribbon wherever its twist and slope turn it to the light; its section is round.
    turned = twist + 0.55 * inner * face + 0.7 * slope + f.uniforms(count, -0.5, 0.5)
    lamp = 0.6 * f.light_x[:, None] - 0.6 * f.light_y[:, None]
    facing = 0.5 + 0.5 * torch.cos(2 * turned - lamp)
    shine = torch.exp(-5.5 * (1 - torch.cos(turned - 0.5 * lamp - 0.35))) + 0.6 * torch.exp(
        -5.5 * (1 + torch.cos(turned - 0.5 * lamp - 0.35))
    )
    streaks = 0.012 * torch.sin(17 * inner + 1.3 * torch.sin(2 * twist)) * (1 - near)
    tone = 0.20 + 0.60 * facing + 0.34 * shine + 0.13 * face + streaks
    return alpha, tone
