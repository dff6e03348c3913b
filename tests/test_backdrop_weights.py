"""The shipped weights of the embedded video model: takes are smooth, and the network alone knows what was asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from backdrop_model import MOSS, PLUM, shot, wishes
from renderer.backends import Inputs, backdrop
from renderer.backends.backdrop import DRAFT_FRAMES, DRAFT_SIZES, FRAME_STEP, MIN_NUM_FRAMES, SPACE_SCALE, TIME_SCALE
from renderer.backends.backdrop.conditions import Conditions
from renderer.backends.backdrop.flow import denoise
from renderer.backends.backdrop.sampler import BackdropModel, make_draft
from renderer.backends.backdrop.sketch import Sketch
from renderer.backends.backdrop.training import measures
from renderer.backends.backdrop.upsampler import PATCH

STEPS = 4
MOVING = {  # a scene and twice the usual camera move for each shape
    "9:16": ("leaf_shadow", (0.24, 0.0, 0.0, 0.0)),
    "4:5": ("water", (-0.24, 0.0, 0.0, 0.0)),
    "1:1": ("sand", (0.0, 0.16, 0.0, 0.0)),
    "16:9": ("neon", (0.0, -0.16, 0.0, 0.0)),
}
BOX = torch.tensor([[[0.0, -0.9, 0.7, 0.6], [0.0] * 4, [0.0] * 4]])


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tests run side by side; threads that wait for each other would be slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model() -> BackdropModel:
    return BackdropModel("cpu")


@torch.inference_mode()
def made(model: BackdropModel, conditions: Conditions, ratio: str) -> Tensor:
    """Drafts from pure noise, without a sketch that would help, float32 (B, 3, DRAFT_FRAMES, H, W)."""
    width, height = DRAFT_SIZES[ratio]
    noise = torch.randn(len(conditions), 3, DRAFT_FRAMES, height, width, generator=torch.Generator().manual_seed(1))
    return denoise(model.predict, noise, conditions, STEPS)


@pytest.fixture(scope="module")
def moving(model: BackdropModel) -> list[tuple[Tensor, Conditions]]:
    """A clip of each shape with its wishes."""
    asked = [
        (ratio, wishes(1, scene, seed=number, camera=torch.tensor([camera])))
        for number, (ratio, (scene, camera)) in enumerate(MOVING.items())
    ]
    return [(made(model, conditions, ratio), conditions) for ratio, conditions in asked]


@pytest.fixture(scope="module")
def looped(model: BackdropModel) -> np.ndarray:
    return model.generate(shot(scene="silk", palette=MOSS, loop=True), Inputs())


def test_shipped_weights_are_small() -> None:
    """The package stays easy to download."""
    assert backdrop.WEIGHTS.stat().st_size < 64e6


def test_palettes_are_obeyed(moving: list[tuple[Tensor, Conditions]]) -> None:
    """The three asked colours are found in clips of every shape, and those of the other clips are not."""
    palettes = [conditions.palette for _, conditions in moving]

    right = [measures.palette_errors(clip, palette).item() for (clip, _), palette in zip(moving, palettes, strict=True)]
    others = zip(moving, palettes[1:] + palettes[:1], strict=True)
    wrong = [measures.palette_errors(clip, palette).item() for (clip, _), palette in others]

    assert max(right) < 15
    assert np.median(wrong) > 2 * np.median(right)


def test_cameras_are_obeyed(moving: list[tuple[Tensor, Conditions]]) -> None:
    """Pans and tilts move the picture to where they should, in every shape."""
    assert [measures.camera_obeyed(clip, conditions.camera).item() for clip, conditions in moving] == [True] * 4


@torch.inference_mode()
def test_drafts_follow_their_sketch(model: BackdropModel) -> None:
    """From a sketch in heavy noise the network finds back to its picture and its motion."""
    asked, conditions = shot(seed=3), wishes(1, "silk", 0.5625, camera=torch.tensor([[0.12, 0.0, 0.0, 0.0]]))

    draft = make_draft(model.predict, conditions, asked)

    sketch = Sketch.of(conditions, torch.Generator().manual_seed(3)).frames(0, DRAFT_FRAMES, 128, 72)
    motion = [clip[:, :, 8:] - clip[:, :, :-8] for clip in (draft, sketch)]
    assert (draft - sketch).abs().mean() < 0.08
    assert torch.corrcoef(torch.stack([part.flatten() for part in motion]))[0, 1] > 0.9


def test_colours_are_those_of_the_campaign(looped: np.ndarray) -> None:
    """Moss gives a green picture, not far from the middle colour."""
    mean = looped.mean((0, 1, 2))

    assert mean[1] > max(mean[0] + 15, mean[2])
    assert np.abs(mean - np.array([0x4D, 0x9A, 0x7C])).max() < 60


def test_takes_move_without_flicker(looped: np.ndarray) -> None:
    """Something happens from frame to frame, and nothing jumps."""
    change = np.abs(np.diff(looped[:, ::2, ::2].astype(np.float32), axis=0)).mean((1, 2, 3))

    assert change.min() > 0.1
    assert change.max() < 12
    assert change.max() < 2.5 * np.median(change)


@pytest.mark.parametrize("axis", [1, 2])
def test_borders_of_patches_do_not_show(looped: np.ndarray, axis: int) -> None:
    """Across patch borders the picture changes as much as inside of patches, within a tenth."""
    side = PATCH[1] * SPACE_SCALE
    steps = np.abs(np.diff(looped[::4].astype(np.float32), axis=axis)).mean(tuple({0, 1, 2, 3} - {axis}))

    inside = np.delete(steps, np.s_[side - 1 :: side]).mean()

    assert steps[side - 1 :: side].mean() == pytest.approx(inside, rel=0.1)


def test_borders_of_patches_do_not_pulse(looped: np.ndarray) -> None:
    """From patch to patch in time the picture changes as much as within patches, within a quarter."""
    every = PATCH[0] * TIME_SCALE
    change = np.abs(np.diff(looped[:, ::2, ::2].astype(np.float32), axis=0)).mean((1, 2, 3))

    inside = np.delete(change, np.s_[every - 1 :: every]).mean()

    assert change[every - 1 :: every].mean() == pytest.approx(inside, rel=0.25)


def test_loops_close(looped: np.ndarray) -> None:
    """From the last frame to the first, less changes than in the liveliest twentieth of the take."""
    clip = torch.from_numpy(looped).permute(3, 0, 1, 2).float()

    assert measures.joint_share(clip, [0]) < 1.1


def test_longer_takes_have_no_joints(model: BackdropModel) -> None:
    """Where a take is continued, no more changes than in its liveliest twentieth."""
    frames = model.generate(shot(scene="mist", palette=PLUM, num_frames=MIN_NUM_FRAMES + FRAME_STEP), Inputs())

    clip = torch.from_numpy(frames).permute(3, 0, 1, 2).float()

    assert len(frames) == MIN_NUM_FRAMES + FRAME_STEP
    assert measures.joint_share(clip, [MIN_NUM_FRAMES]) < 1.1


def test_layouts_are_calm(model: BackdropModel) -> None:
    """Far more happens outside of a calm box than inside."""
    conditions = Conditions.joined([wishes(1, scene, calm=BOX) for scene in ("bokeh", "petals")])

    ratios = measures.calm_ratios(made(model, conditions, "9:16"), conditions)

    assert ratios.min() > 2
    assert ratios.mean() > 3


def test_products_get_a_floor_with_a_shadow(model: BackdropModel) -> None:
    """Under a product's foot the picture is darker than left and right of it."""
    stand = torch.tensor([[0.0, 0.9, 0.6, 1.0]])
    conditions = wishes(1, "sand", seed=4, stand=stand)

    luma = made(model, conditions, "9:16").mean((1, 2))[0]

    row = round((0.9 + 128 / 72) * 36)
    foot, beside = luma[row - 2 : row + 3, 28:44], luma[row - 2 : row + 3]
    sides = torch.cat([beside[:, :10], beside[:, -10:]], 1)
    assert foot.mean() < sides.mean() - 0.05
