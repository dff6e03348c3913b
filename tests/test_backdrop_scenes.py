"""The scenes that the embedded video model learned from: everything a campaign may ask for shows in them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from backdrop_model import filmed, places, wishes
from renderer.backends.backdrop import SCENES
from renderer.backends.backdrop.conditions import calm_map, foot_map
from renderer.backends.backdrop.scenes import SCENE_FUNCTIONS
from renderer.backends.backdrop.scenes.field import LOOP_S, Field, Layers
from renderer.backends.backdrop.scenes.picture import blended, developed, draw, floor_shading, random_numbers
from renderer.backends.backdrop.training import measures

pytestmark = pytest.mark.usefixtures("steady_torch")

SIZE = (32, 20)  # rows and columns: enough for everything but fine lines
MOVES = 2 * torch.tensor([
    [0.12, 0, 0, 0], [-0.12, 0, 0, 0], [0, 0.08, 0, 0], [0, -0.08, 0, 0],
    [0, 0, 0.05, 0], [0, 0, -0.05, 0], [0, 0, 0, 0.14], [0, 0, 0, -0.14],
])  # fmt: skip
BOX = torch.tensor([[0.0, -0.6, 0.6, 0.5], [0.0] * 4, [0.0] * 4])
STAND = torch.tensor([0.1, 0.6, 0.7, 1.0])

every_scene = pytest.mark.parametrize("scene", SCENES)


def drawn(scene: str, time_s: Tensor, count: int = 8, **changes: Tensor) -> Layers:
    conditions = wishes(count, scene, SIZE[1] / SIZE[0], **changes)
    randoms = random_numbers(count, torch.Generator().manual_seed(0))
    return draw(SCENE_FUNCTIONS[scene], conditions, randoms, places(*SIZE), time_s, 2 / min(SIZE))


def tones(layers: Layers) -> Tensor:
    """What is seen, as tones (n, T, P)."""
    if layers.alpha is None or layers.alpha_tone is None:
        return layers.tone
    return layers.tone + (layers.alpha_tone - layers.tone) * layers.alpha


def test_every_scene_is_drawn() -> None:
    """The scenes that planning knows are those that are drawn, in the same order."""
    assert tuple(SCENE_FUNCTIONS) == SCENES


@every_scene
def test_tones_span_the_palette(scene: str) -> None:
    """Every scene goes from dark to light, and hardly anything beyond black and white."""
    seen = tones(drawn(scene, torch.tensor([0.0, 2.0, 4.0])))

    assert seen.isfinite().all()
    assert seen.quantile(0.02) < 0.2
    assert seen.quantile(0.98) > 0.7
    assert ((seen > -0.5) & (seen < 1.5)).float().mean() > 0.995


@every_scene
def test_clips_differ(scene: str) -> None:
    """Other random numbers give another picture of the same wishes."""
    first, other = (filmed(scene, wishes(2, scene), SIZE, torch.zeros(1), seed) for seed in (0, 1))

    assert (first - other).abs().mean((1, 2, 3, 4)).min() > 0.05


@every_scene
def test_scenes_move_smoothly(scene: str) -> None:
    """Something moves in every clip, half of it in half the time, and nothing jumps; with any camera."""
    step = 1 / 16
    time_s = torch.tensor([[t, t + step, t + 2 * step] for t in (0.0, 1.9, 4.6)]).flatten()
    moves = torch.cat([MOVES, torch.zeros_like(MOVES)])
    clips = filmed(scene, wishes(16, scene, SIZE[1] / SIZE[0], camera=moves), SIZE, time_s).unflatten(2, (3, 3))
    one = (clips[:, :, :, 1] - clips[:, :, :, 0]).abs()
    two = (clips[:, :, :, 2] - clips[:, :, :, 0]).abs().mean((1, 3, 4))

    share = two / one.mean((1, 3, 4))

    assert one.mean((1, 2, 3, 4)).min() > 5e-5
    assert 1.5 < share.min()
    assert share.max() < 2.5
    assert (one > 0.5).float().mean() < 0.005


@every_scene
def test_looping_clips_close(scene: str) -> None:
    """After six seconds a looping clip is where it began, and other clips are elsewhere."""
    loops = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])

    clips = filmed(scene, wishes(6, scene, loops=loops), SIZE, torch.tensor([0.0, LOOP_S / 2, LOOP_S]))

    way = (clips[:, :, 1:] - clips[:, :, :1]).abs().mean((1, 3, 4))  # after half the time, and after all
    assert way[:3, 1].max() < 1e-4
    assert way[:3, 0].min() > 0.002
    assert way[3:, 1].min() > 0.002


@every_scene
def test_parts_are_drawn_as_the_whole(scene: str) -> None:
    """Any places of a frame alone look as they do within all of it, with floor, calm boxes and a second layer."""
    conditions = wishes(2, scene, camera=MOVES[:2], stand=STAND.repeat(2, 1), calm=BOX.repeat(2, 1, 1))
    randoms, pixel, time_s = random_numbers(2, torch.Generator()), 2 / min(SIZE), torch.tensor([1.0, 2.5])
    some = torch.arange(37, 620, 11)

    def picture(at: tuple[Tensor, Tensor], when: Tensor) -> Tensor:
        layers = draw(SCENE_FUNCTIONS[scene], conditions, randoms, at, when, pixel)
        return developed(layers, conditions, randoms, at, pixel)

    x, y = places(*SIZE)
    whole, part = picture((x, y), time_s), picture((x[:, some], y[:, some]), time_s[1:])

    assert torch.allclose(part, whole[:, :, 1:, some], atol=1e-4)


@every_scene
def test_resolutions_show_the_same(scene: str) -> None:
    """Drawn four times as large and made small again, a clip is the same; but marble's veins need their pixels."""
    conditions = wishes(3, scene, 36 / 64, camera=MOVES[::3])
    large, small = (filmed(scene, conditions, size, torch.tensor([1.0])) for size in ((256, 144), (64, 36)))

    assert (functional.avg_pool3d(large, (1, 4, 4)) - small).abs().mean() < (0.15 if scene == "marble" else 0.03)


@pytest.mark.parametrize("scene", ["studio", "leaf_shadow", "neon", "sunbeams", "water", "sand", "marble"])
def test_cameras_carry_the_picture(scene: str) -> None:
    """Pans, tilts, dollies and orbits move the picture to where they should."""
    conditions = wishes(len(MOVES), scene, 36 / 64, camera=MOVES, energy=torch.full((len(MOVES),), 0.2))

    clips = filmed(scene, conditions, (64, 36), torch.arange(20) / 8)

    assert measures.camera_obeyed(clips, MOVES).all()
    assert not measures.camera_obeyed(clips, -MOVES).any()


@every_scene
def test_calm_boxes_are_calm(scene: str) -> None:
    """In the heart of a calm box there is at least four times less contrast and motion than without the box."""
    conditions = wishes(8, scene, 28 / 48)
    boxed = replace(conditions, calm=BOX.repeat(8, 1, 1))
    heart = (calm_map(BOX[None], *places(48, 28)) > 0.97).view(48, 28)[1:, 1:]
    plain, calm = (filmed(scene, c, (48, 28), torch.arange(3) / 8) for c in (conditions, boxed))

    def unrest(clips: Tensor) -> Tensor:
        luma = clips.mean(1)
        down, right, later = luma.diff(dim=2)[..., 1:], luma.diff(dim=3)[:, :, 1:], luma.diff(dim=1)[..., 1:, 1:]
        # What the slope towards the light adds is the same everywhere: it is not unrest.
        sides = [(step - step.mean((2, 3), keepdim=True))[..., heart].abs().mean() for step in (down, right)]
        return sum(sides) + later[..., heart].abs().mean()

    assert unrest(plain) > 4 * unrest(calm)


def test_outside_of_calm_boxes_more_happens() -> None:
    """Over all scenes the median clip has four times as much going on outside of its boxes as inside."""
    ratios = []
    for scene in SCENES:
        conditions = wishes(4, scene, 28 / 48, seed=3, calm=BOX.repeat(4, 1, 1))
        ratios.append(measures.calm_ratios(filmed(scene, conditions, (48, 28), torch.arange(4) / 8), conditions))
        assert not ratios[-1].isnan().any()

    assert torch.cat(ratios).median() > 4


@every_scene
def test_palettes_show(scene: str) -> None:
    """The three asked colours are all found in a drawn clip, and those of other clips are not."""
    conditions = wishes(8, scene)
    clips = filmed(scene, conditions, (32, 32), torch.tensor([0.0] * 6 + [3.0]))

    right = measures.palette_errors(clips, conditions.palette)
    wrong = measures.palette_errors(clips, conditions.palette.roll(1, 0))

    assert right.median() < 10
    assert wrong.median() > 2.5 * right.median()


@pytest.mark.parametrize("scene", [scene for scene in SCENES if scene != "studio"])  # whose podium is bright
def test_products_stand_in_their_shadow(scene: str) -> None:
    """Under a product's foot the floor is darker than left and right of it, in the mean of many clips."""
    conditions = wishes(8, scene, stand=STAND.repeat(8, 1))
    x, y = places(48, 48)
    foot = foot_map(STAND[None], x, y)[0] > 0.6
    beside = ((y - STAND[1]).abs() < 0.1)[0] & ((x - STAND[0]).abs() > 0.7)[0]

    luma = filmed(scene, conditions, (48, 48), torch.tensor([0.0, 2.0])).mean((1, 2)).flatten(1)

    assert luma[:, foot].mean() < luma[:, beside].mean() - 0.04


def test_a_floor_begins_above_the_foot_and_only_with_a_stand() -> None:
    """With a stand the lower part of the frame is floor, shaded at the foot; without, there is neither."""
    conditions = wishes(2, stand=torch.stack([STAND, torch.zeros(4)]))
    x, y = places(64, 64)

    floor, shade = (part[:, 0] for part in floor_shading(conditions, torch.rand(2, 4), x, y, 2 / 64))

    assert floor[0, y[0] > STAND[1]].min() > 0.95
    assert floor[0, y[0] < 0].max() < 0.05
    at_foot = ((x - STAND[0]).abs() < 0.1)[0] & ((y - STAND[1]).abs() < 0.03)[0]
    assert shade[0, at_foot].min() > 0.5
    assert shade[0, (x[0] - STAND[0]).abs() > 0.9].max() < 0.2
    assert floor[1].max() < 0.01
    assert shade[1].max() < 0.01


def test_blends_show_both_scenes() -> None:
    """A blend is the first scene at a share of 0 and the second at 1; between, it is like both."""
    time_s = torch.tensor([1.0])
    first, second = drawn("petals", time_s, 4), drawn("marble", time_s, 4)

    def likeness(share: float, scene: Layers) -> Tensor:
        mixed = tones(blended(first, second, torch.full((4,), share)))
        pairs = zip(mixed.flatten(1), tones(scene).flatten(1), strict=True)
        return torch.stack([torch.corrcoef(torch.stack(pair))[0, 1] for pair in pairs])

    assert likeness(0.0, first).min() > 0.999
    assert likeness(1.0, second).min() > 0.999
    assert likeness(0.5, first).min() > 0.2
    assert likeness(0.5, second).min() > 0.2
    assert (likeness(0.2, first) > likeness(0.8, first)).all()
    assert (likeness(0.2, second) < likeness(0.8, second)).all()


def test_what_floats_in_front_stays_in_a_blend() -> None:
    """Half petals, half snow: neither loses anything of what floats in front of it."""
    petals, snow = drawn("petals", torch.zeros(1), 2), drawn("snow", torch.zeros(1), 2)

    mixed = blended(petals, snow, torch.full((2,), 0.5))

    assert mixed.alpha is not None
    assert (mixed.alpha >= torch.maximum(petals.alpha, snow.alpha) - 1e-6).all()


def test_a_mirrored_layout_makes_a_mirrored_picture() -> None:
    """Light, floor, shadow and calm boxes of mirrored wishes are those of the wishes, left and right exchanged."""
    box = torch.tensor([[0.5, -0.5, 0.3, 0.3], [0.0] * 4, [0.0] * 4])
    conditions = wishes(3, stand=STAND.repeat(3, 1), calm=box.repeat(3, 1, 1))
    x, y = places(24, 24)
    even = Layers(0.5 + 0.4 * torch.cos(9 * x)[:, None].expand(3, 1, -1), torch.full((3, 1, 1), 0.3))
    randoms = random_numbers(3, torch.Generator())

    right, left = (
        developed(even, c, randoms, (x, y), 2 / 24).view(3, 3, 24, 24) for c in (conditions, conditions.mirrored())
    )

    assert torch.allclose(left, right.flip(-1), atol=1e-5)
    assert (left - right).abs().max() > 0.1


def test_mirrored_cameras_carry_to_the_other_side() -> None:
    """Planes of mirrored wishes lie where the wishes have them, left and right exchanged, at every depth."""
    conditions = wishes(8, camera=MOVES + MOVES.roll(3, 0))
    x, y = places(*SIZE)
    time_s, randoms = torch.tensor([0.0, 2.0, 5.0]), torch.zeros(8, 600)

    for depth in (0.0, 0.3, 1.4):
        there_x, there_y = Field(x[:, None], y[:, None], time_s, conditions, randoms, 0.1).plane(depth)
        here_x, here_y = Field(-x[:, None], y[:, None], time_s, conditions.mirrored(), randoms, 0.1).plane(depth)

        assert torch.allclose(here_x, -there_x, atol=1e-5)
        assert torch.allclose(here_y, there_y, atol=1e-5)
