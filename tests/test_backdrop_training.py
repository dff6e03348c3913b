"""The training of the embedded video model: its wishes, its clips, its lessons, and the command that runs it."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from backdrop_model import places, plain_upsampler, tiny_network, untrained_network, wishes
from renderer.backends.backdrop import DRAFT_FRAMES, DRAFT_SIZES, SCENES, TIME_SCALE, weights
from renderer.backends.backdrop.scenes import SCENE_FUNCTIONS
from renderer.backends.backdrop.scenes.picture import FLOOR_RANDOMS, developed, draw
from renderer.backends.backdrop.training import clips, measures, sharpen, sheets, train
from renderer.backends.backdrop.training.clips import Pool, drafts, random_batch, shoot
from renderer.backends.backdrop.training.wishes import BLENDS

pytestmark = pytest.mark.usefixtures("steady_torch")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_random_wishes_are_possible_and_varied() -> None:
    """Palettes go from dark to light, looping clips have still cameras, and everything a look may hold occurs."""
    batch = random_batch(40, 0.5625, generator())
    wished = batch.conditions

    levels = measures.cielab(wished.palette)[..., 0]
    assert ((levels[:, 0] < levels[:, 1]) & (levels[:, 1] < levels[:, 2])).all()
    assert not wished.camera[wished.loops > 0].any()
    assert torch.allclose(wished.light.norm(dim=1), torch.ones(()))
    for moving in (wished.camera[:, axis] != 0 for axis in range(4)):
        assert 0.1 < moving.float().mean() < 0.6
    for share in (wished.loops, wished.stand[:, 3], (wished.calm[:, 1, 2] > 0).float()):
        assert 0.05 < share.mean() < 0.75
    assert wished.scene.bincount().tolist() == [40] * len(SCENES)
    blended = wished.second_share > 0
    assert sorted(wished.second_scene[blended].tolist()) == list(range(len(SCENES)))
    assert (wished.second_scene != wished.scene)[blended].all()
    assert wished.second_share[blended].aminmax() >= (torch.tensor(BLENDS[0]),) * 2
    assert wished.second_share.max() <= BLENDS[1]


def test_batches_hold_their_scenes_and_blends() -> None:
    """Every clip is what its scene draws; blended wholly into another, it is what that one draws on the same floor."""
    size, time_s = (16, 12), torch.tensor([1.0])
    batch = random_batch(2, 0.75, generator())
    share = torch.where(batch.conditions.second_share > 0, 1.0, 0.0)
    batch = replace(batch, conditions=replace(batch.conditions, second_share=share))

    found = shoot(batch, places(*size), time_s, 2 / 12)

    for row in range(len(batch.conditions)):
        one, randoms = batch.conditions[slice(row, row + 1)], batch.randoms[row : row + 1]
        scene, numbers = int(one.scene), randoms
        if row in batch.targets:
            scene = int(one.second_scene)
            numbers = torch.cat(
                [randoms[:, :FLOOR_RANDOMS], batch.second_randoms[scene : scene + 1, FLOOR_RANDOMS:]], 1
            )
        layers = draw(SCENE_FUNCTIONS[SCENES[scene]], one, numbers, places(*size), time_s, 2 / 12)
        assert torch.allclose(found[row], developed(layers, one, randoms, places(*size), 2 / 12)[0] * 2 - 1, atol=2e-3)


def test_pools_keep_the_newest_clips() -> None:
    """A pool never holds more than its capacity; what it holds are the newest clips with their own wishes."""
    pool = Pool((8, 8), 24, generator(3))
    pool.draw(1)
    pool.draw(1)
    dice = generator(3)
    first, second = (random_batch(1, 1.0, dice) for _ in range(2))

    bytes_of = [((drafts(batch, 8, 8).clamp(-1, 1) + 1) * 127.5).round() for batch in (first, second)]

    assert pool.drawn == 32
    assert torch.equal(pool.pixels, torch.cat([bytes_of[1][8:], bytes_of[0][8:], bytes_of[1][:8]]).to(torch.uint8))
    assert pool.wishes is not None
    palettes = torch.cat([second.conditions.palette[8:], first.conditions.palette[8:], second.conditions.palette[:8]])
    assert torch.equal(pool.wishes.palette, palettes)


def test_pools_cut_and_mirror() -> None:
    """Taken clips are parts in a row of kept ones, half of them mirrored with mirrored wishes; a part does not loop."""
    pool = Pool((8, 8), 4, generator())
    column, frame = torch.arange(8), torch.arange(DRAFT_FRAMES)
    pool.pixels[:] = (column * 10)[None, None, None, None] + frame[None, None, :, None, None]
    pool.wishes = wishes(4, camera=torch.tensor([[0.1, 0.0, 0.0, 0.0]]).repeat(4, 1), loops=torch.ones(4))
    pool.drawn = 4

    whole, whole_wishes = pool.take(8, DRAFT_FRAMES)
    part, part_wishes = pool.take(64, 24)

    pixels = ((part + 1) * 127.5).round()
    starts = pixels[:, 0, :1, 0].amin(-1, keepdim=True)[..., None]
    assert torch.equal(pixels[32:] - starts[32:, None], whole_like(column, 24).expand(32, 3, 24, 8, 8))
    assert torch.equal(pixels[:32] - starts[:32, None], whole_like(column.flip(0), 24).expand(32, 3, 24, 8, 8))
    assert len(starts.unique()) > 10
    assert torch.equal(whole[4:].flip(-1), whole[:4])
    for wished, half in ((whole_wishes, 4), (part_wishes, 32)):
        assert wished.camera[:, 0].tolist() == pytest.approx([-0.1] * half + [0.1] * half)
    assert whole_wishes.loops.all()
    assert not part_wishes.loops.any()


def whole_like(column: Tensor, frames: int) -> Tensor:
    """What `test_pools_cut_and_mirror` fills clips with, from a first frame on, (frames, 1, W)."""
    return (column * 10)[None, None] + torch.arange(frames)[:, None, None].float()


@pytest.fixture
def small_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny clips, networks and crops, so that training takes seconds on one thread."""
    for ratio in DRAFT_SIZES:
        monkeypatch.setitem(DRAFT_SIZES, ratio, (24, 16) if ratio == "16:9" else (16, 24))
    for module in (clips, train, sheets, sharpen):
        monkeypatch.setattr(module, "DRAFT_FRAMES", 16)
    monkeypatch.setattr(sharpen, "CROP", 8)
    monkeypatch.setattr(sharpen, "CROP_FRAMES", 8)
    monkeypatch.setattr(train, "new_network", untrained_network)
    monkeypatch.setattr(train, "Upsampler", plain_upsampler)
    monkeypatch.setattr(weights, "new_network", untrained_network)
    monkeypatch.setattr(weights, "Upsampler", plain_upsampler)
    monkeypatch.setattr(train, "DRAWN_PER_SCENE", 1)
    monkeypatch.setattr(train, "LOG_EVERY", 2)
    monkeypatch.setattr(sharpen, "LOG_EVERY", 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def command(monkeypatch: pytest.MonkeyPatch, out: Path, minutes: float, *more: str) -> dict[str, Any]:
    """Run the command for some minutes and return its checkpoint."""
    words = ["--minutes", minutes, "--sharpen-minutes", 0.01, "--clips", 4, "--capacity", 32, "--out", out]
    monkeypatch.setattr(sys, "argv", ["train", "--sheet-every-s", "0.4", *map(str, words), *more])
    train.main()
    state: dict[str, Any] = torch.load(out / "checkpoint.pt", weights_only=True)
    return state


@pytest.mark.usefixtures("small_world")
def test_lessons_show_the_same_place_small_and_large() -> None:
    """The large part of a lesson, made small again, is what the draft shows at its origin; no neighbour fits as well."""
    smooth = [SCENES.index(scene) for scene in ("silk", "mist", "water", "clouds")]  # others hold detail of one pixel
    for number in range(4):
        lesson = sharpen.new_lesson(number, generator(number))

        frame, row, column = lesson.origin
        draft = lesson.clean[smooth, :, frame : frame + 8, row : row + 8, column : column + 8].float()
        large = lesson.large[smooth, :, ::TIME_SCALE, 1:-1, 1:-1].float()
        small = functional.avg_pool3d(large, (1, 2, 2), stride=(1, 4, 4))  # the middle of each pixel
        shifts = [(1, 2), (-1, 2), (1, 3), (-1, 3), (1, 4), (-1, 4)]
        beside = [(small.roll(*shift) - draft)[..., 1:-1, 1:-1, 1:-1].abs().mean() for shift in shifts]
        assert lesson.large.shape == (len(SCENES), 3, 16, 32, 32)
        assert (small - draft).abs().mean() < 0.01
        assert min(beside) > 1.5 * (small - draft).abs().mean()


@pytest.mark.usefixtures("small_world")
def test_upsamplers_are_judged_where_their_lesson_is() -> None:
    """With a network that sees the truth, plain enlargement is least wrong at the lesson's own frame, row and column."""
    lesson = sharpen.new_lesson(7, generator())
    frame, row, column = lesson.origin
    beside = [(frame + 1, row, column), (frame - 1, row, column), (frame, row + 1, column), (frame, row - 1, column),
              (frame, row, column + 1), (frame, row, column - 1)]  # fmt: skip

    def seer(*_: object) -> Tensor:
        return lesson.clean.float()

    def loss(origin: tuple[int, int, int]) -> float:
        return sharpen.lesson_loss(plain_upsampler(), seer, replace(lesson, origin=origin)).item()

    wrong = [loss(origin) for origin in beside]
    assert loss(lesson.origin) < 0.98 * min(wrong[:2])
    assert loss(lesson.origin) < 0.8 * min(wrong[2:])


@pytest.mark.usefixtures("small_world")
@pytest.mark.filterwarnings("ignore:Mismatch dtype")  # only on the CPU: bfloat16 between weights of float32
def test_training_writes_what_it_learned_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command trains, writes losses, sheets, a checkpoint and weights that load; from the checkpoint it goes on."""
    out = tmp_path / "run"

    first = command(monkeypatch, out, 0.025)
    before = (out / "weights.safetensors").read_bytes()
    minutes = first["spent_s"] / 60 + 0.02
    second = command(monkeypatch, out, minutes, "--resume", str(out / "checkpoint.pt"))

    steps, spent_s = zip(*((state["steps"], state["spent_s"]) for state in (first, second)), strict=True)
    assert 0 < steps[0] < steps[1]
    assert spent_s[0] < 60 * minutes <= spent_s[1]
    with (out / "loss.csv").open() as file:
        rows = [[float(value) for value in row] for row in csv.reader(file)]
    assert [row[0] for row in rows] == list(range(2, steps[1] + 1, 2))
    assert all(0 < loss < 1000 for row in rows for loss in row[2:])
    assert (out / "sharpen.csv").stat().st_size > 0
    for name in ("last_2", "last_4", "last_40", "drawn_9x16"):
        with Image.open(out / f"{name}.png") as sheet:
            assert sheet.width == len(SCENES) * (16 if name.startswith("drawn") else 64)
    assert list(out.glob("sheet_*.png"))
    stored = load_file(out / "weights.safetensors")
    assert {name.split(".")[0] for name in stored} == {"network", "upsampler"}
    assert (out / "weights.safetensors").read_bytes() != before


@pytest.mark.usefixtures("small_world")
@pytest.mark.filterwarnings("ignore:Mismatch dtype")
def test_training_may_begin_with_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From finished weights the schedule starts anew: after few steps the network is still near them."""
    given = tiny_network(seed=4)
    weights.save_weights(tmp_path / "given.safetensors", given, plain_upsampler())

    state = command(monkeypatch, tmp_path / "run", 0.01, "--from-weights", str(tmp_path / "given.safetensors"))

    assert 0 < state["steps"] < 200
    before, after, other = given.state_dict(), state["network"], tiny_network(seed=5).state_dict()
    for name in ("blocks.0.attention.qkv.weight", "patch_in.0.weight", "scene.weight"):
        assert (after[name] - before[name]).abs().mean() < 0.1 * (after[name] - other[name]).abs().mean()


def test_students_go_on_where_they_stopped(tmp_path: Path) -> None:
    """A loaded student has the saved weights, average, momentum, steps and time."""
    student, other = (train.new_student(tiny_network(seed)) for seed in (0, 1))
    for parameter in student.network.parameters():
        parameter.grad = torch.randn_like(parameter)
    for optimizer in student.optimizers:
        optimizer.step()
    student.steps, student.spent_s = 12, 3.5
    student.follow()

    student.save(tmp_path / "checkpoint.pt")
    other.load(tmp_path / "checkpoint.pt")

    assert (other.steps, other.spent_s) == (12, 3.5)
    for one, two in ((student.network, other.network), (student.average, other.average)):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    for parameter, same in zip(student.network.parameters(), other.network.parameters(), strict=True):
        same.grad = parameter.grad
    for optimizer in (*student.optimizers, *other.optimizers):
        optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(student.network.parameters(), other.network.parameters(), strict=True))


def test_rates_rise_stay_and_fall() -> None:
    """Learning rates rise at first, stay, and fall to a hundredth at the end."""
    shares = [
        train.learning_share(steps, done, decay_from=0.6)
        for steps, done in ((0, 0.0), (200, 0.1), (900, 0.5), (1500, 0.8), (2000, 1))
    ]

    assert shares == pytest.approx([1 / train.WARM_UP_STEPS, 1, 1, 0.5, 0.01])
