"""The embedded video model makes the takes it promised, continues and repeats them, and guards its weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from backdrop_model import Recorder, plain_upsampler, randomized, shot, tiny_network, wishes
from renderer.artifacts import Shot
from renderer.backends import Inputs, backdrop
from renderer.backends.backdrop import DRAFT_FRAMES, FRAME_STEP, MIN_NUM_FRAMES, OVERLAP_FRAMES, TIME_SCALE, weights
from renderer.backends.backdrop.flow import NOISE_SCALE
from renderer.backends.backdrop.network import BackdropNetwork
from renderer.backends.backdrop.sampler import (
    SPACE_SEAM,
    START,
    TIME_SEAM,
    BackdropModel,
    dissolved,
    even_borders,
    make_draft,
)
from renderer.backends.backdrop.sketch import Sketch
from renderer.backends.backdrop.training.clips import drafts, random_batch
from renderer.backends.backdrop.upsampler import Upsampler
from renderer.backends.video_models import VIDEO_MODELS, Place, load_video_model, video_model_facts
from renderer.digest import file_sha256
from renderer.errors import BackendError

pytestmark = pytest.mark.usefixtures("steady_torch")


def tiny_model(network: BackdropNetwork | None = None) -> BackdropModel:
    return BackdropModel("cpu", (network or tiny_network(), plain_upsampler()))


def square(**changes: object) -> Shot:
    """A small shot: one patch high and wide."""
    return shot(**({"width": 32, "height": 32, "num_inference_steps": 2} | changes))


def test_longer_takes_go_on_from_their_last_frames() -> None:
    """A further pass is given a patch of finished frames, dissolves into the others it shares, and adds the rest."""
    asked = square(num_frames=MIN_NUM_FRAMES + FRAME_STEP, num_inference_steps=1)
    network = Recorder()

    draft = make_draft(network, wishes(), asked)

    (start, *_, nothing), (more, *_, known) = network.asked
    shared = DRAFT_FRAMES - OVERLAP_FRAMES
    assert draft.shape[2] * TIME_SCALE == asked.num_frames
    assert not nothing.any()
    assert known[0].tolist() == [1] + [0] * 11
    assert torch.equal(more[:, :, :4], start[:, :, shared : shared + 4])
    assert torch.equal(draft[:, :, :shared], start[:, :, :shared])
    assert torch.allclose(draft[:, :, shared : shared + 4], start[:, :, shared : shared + 4])
    assert torch.equal(draft[:, :, DRAFT_FRAMES:], more[:, :, OVERLAP_FRAMES:])


def test_shared_frames_dissolve() -> None:
    """From the first frame that two passes share to the last, the share of the later one grows evenly."""
    before, after = torch.zeros(1, 3, 4, 2, 2), torch.ones(1, 3, 6, 2, 2)

    assert dissolved(before, after)[0, 0, :, 0, 0].tolist() == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])


def test_every_pass_begins_with_its_part_of_one_sketch() -> None:
    """Passes start from the sketch, hidden in noise; the second from where in the sketch the first one ended."""
    asked = square(num_frames=MIN_NUM_FRAMES + FRAME_STEP, num_inference_steps=1)
    network = Recorder()

    make_draft(network, wishes(), asked)

    sketch = Sketch.of(wishes(), torch.Generator().manual_seed(asked.seed))
    for number, (noisy, t, step, *_) in enumerate(network.asked):
        drawn = sketch.frames(number * (DRAFT_FRAMES - OVERLAP_FRAMES), DRAFT_FRAMES, 8, 8)[:, :, 4:]
        noise = noisy[:, :, 4:] - START * drawn
        assert (float(t), float(step)) == (START, 0)
        assert abs(torch.corrcoef(torch.stack([noise.flatten(), drawn.flatten()]))[0, 1]) < 0.05
        assert noise.std() == pytest.approx((1 - START) * NOISE_SCALE, rel=0.05)


def test_sketches_go_on_forever_and_repeat_themselves() -> None:
    """Frames drawn later are those that were there, and a blend is drawn like the clips of the training."""
    batch = random_batch(1, 1.0, torch.Generator().manual_seed(5))
    row = int(batch.targets[3])
    sketch = Sketch(batch.conditions[slice(row, row + 1)], torch.stack([batch.randoms[row], batch.second_randoms[3]]))

    frames = sketch.frames(0, DRAFT_FRAMES, 16, 16)

    assert torch.allclose(sketch.frames(40, 8, 16, 16), frames[:, :, 40:], atol=1e-4)
    assert torch.allclose(frames[0], drafts(batch, 16, 16)[row], atol=1e-4)


def test_borders_shrink_and_slopes_stay() -> None:
    """Of a jump at a border a share goes, in a loop between its ends too; slopes and the middles of patches stay."""
    slope = torch.linspace(-1, 1, 32).expand(1, 3, 4, 8, 32)
    jump = (torch.arange(32) >= 16).float().expand(1, 3, 4, 8, 32)
    late = (torch.arange(16) >= 8).float().view(1, 1, 16, 1, 1).expand(1, 3, 16, 8, 8)

    evened = even_borders(jump)
    in_time, looped = (even_borders(late, loops)[0, 0, :, 0, 0] for loops in (False, True))

    assert torch.allclose(even_borders(slope), slope, atol=1e-6)
    assert evened[..., 16] - evened[..., 15] == pytest.approx(torch.full((1, 3, 4, 8), 1 - SPACE_SEAM))
    assert torch.equal(evened[..., :12], jump[..., :12])
    assert torch.equal(evened[..., 20:], jump[..., 20:])
    assert in_time[8] - in_time[7] == looped[8] - looped[7] == pytest.approx(1 - TIME_SEAM)
    assert in_time[15] - in_time[0] == 1
    assert looped[15] - looped[0] == pytest.approx(1 - TIME_SEAM)


def test_same_shot_same_frames() -> None:
    """A shot made twice gives the same bytes; another seed gives another picture."""
    first, again, other = (tiny_model().generate(square(seed=seed), Inputs()) for seed in (7, 7, 8))

    assert first.tobytes() == again.tobytes()
    assert np.abs(first.astype(int) - other).mean() > 1


@pytest.mark.parametrize("ratio", sorted(backdrop.SIZES))
def test_frames_fit_the_facts(ratio: str) -> None:
    """What comes back has the shape, length and type that planning was told."""
    facts = video_model_facts("backdrop")
    width, height = facts.sizes[ratio]
    asked = shot(width=width, height=height, num_frames=facts.min_num_frames, num_inference_steps=1)

    frames = tiny_model().generate(asked, Inputs())

    assert frames.dtype == np.uint8
    assert frames.shape == (96, height, width, 3)
    assert frames.std() > 5


@pytest.mark.parametrize("num_frames", [2, 40, MIN_NUM_FRAMES + 1])
def test_takes_have_any_length(num_frames: int) -> None:
    """A take is cut to the frames that were asked for."""
    assert len(tiny_model().generate(square(num_frames=num_frames), Inputs())) == num_frames


def test_looping_takes_lead_from_their_end_to_their_beginning() -> None:
    """The last frame of a looping take lies between the one before it and the first."""
    frames = tiny_model().generate(square(loop=True), Inputs()).astype(int)

    assert np.abs(2 * frames[-1] - frames[-2] - frames[0]).max() <= 2
    assert np.abs(frames[-1] - frames[-2]).max() > 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"scene": "desert"}, "no scene 'desert'. It has silk, ribbons"),
        ({"second_scene": "jungle"}, "no scene 'jungle'"),
        ({"width": 300}, "multiples of 32 pixels"),
        ({"num_frames": 481}, "at most 480 frames"),
        ({"num_frames": 0}, "at most 480 frames"),
        ({"loop": True, "num_frames": 160}, "A loop has 96"),
        ({"image_sha256": "0" * 64}, "product: composite"),
        ({"guidance_scale": 2.0}, "guidance_scale 2. backdrop has none; write 1"),
    ],
)
def test_unfit_shots_are_refused(changes: dict[str, object], expected: str) -> None:
    """A shot that the model cannot make is refused with what it can."""
    with pytest.raises(BackendError, match=expected):
        tiny_model().generate(shot(**changes), Inputs())


def test_pictures_of_products_are_refused() -> None:
    """A picture to be redrawn is refused with what to write instead."""
    with pytest.raises(BackendError, match="product: composite"):
        tiny_model().generate(square(), Inputs(image=np.zeros((1, 32, 32, 3), np.uint8)))


def test_overflow_is_told() -> None:
    """Frames that are no numbers never leave the model."""
    network = tiny_network()
    torch.nn.init.constant_(network.patch_out.bias, torch.inf)

    with pytest.raises(BackendError, match="network overflowed"):
        tiny_model(network).generate(square(), Inputs())


def test_stored_weights_are_small_and_near(tmp_path: Path) -> None:
    """The file of both networks is below 64 MB, and no weight comes back further off than half a step of its row."""
    network, upsampler = weights.new_network(), Upsampler()
    randomized(network, std=0.02)
    path = tmp_path / "weights.safetensors"

    weights.save_weights(path, network, upsampler)
    restored, sharpener = weights.networks_from(load_file(path))

    assert path.stat().st_size < 64e6
    for before, after in ((network, restored), (upsampler, sharpener)):
        for name, value in before.state_dict().items():
            step = value.abs().amax(-1, keepdim=True) / 127 if value.ndim == 2 else value.abs().amax() / 1024
            assert ((after.state_dict()[name] - value).abs() <= 0.51 * step).all(), name


def test_altered_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are loaded only when they are there and every byte is the expected one."""
    path = tmp_path / "weights.safetensors"
    monkeypatch.setattr(weights, "new_network", tiny_network)
    monkeypatch.setattr(weights, "Upsampler", plain_upsampler)
    monkeypatch.setattr(weights, "WEIGHTS", path)
    with pytest.raises(BackendError, match="missing, or not the weights of this version"):
        BackdropModel("cpu")

    weights.save_weights(path, tiny_network(seed=3), plain_upsampler())
    monkeypatch.setattr(weights, "WEIGHTS_SHA256", file_sha256(path))
    loaded = BackdropModel("cpu").predict
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    assert torch.allclose(loaded.patch_out.bias.float(), tiny_network(seed=3).patch_out.bias, atol=2e-3)
    with pytest.raises(BackendError, match="missing, or not the weights of this version"):
        BackdropModel("cpu")


def test_unknown_model_is_answered_with_the_known_ones() -> None:
    """A wrong name is answered with the names there are."""
    with pytest.raises(BackendError, match="Choose one of: backdrop"):
        load_video_model("sora", Place("cpu"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named() -> None:
    """Asking for a GPU where there is none says so before anything is loaded."""
    with pytest.raises(BackendError, match="torch sees no GPU here"):
        load_video_model("backdrop", Place("cuda"))


def test_table_needs_no_torch() -> None:
    """Planning reads the table of models in a process that never imports torch."""
    code = (
        "import sys, renderer.backends.video_models as m; assert 'torch' not in sys.modules; print(len(m.VIDEO_MODELS))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert int(done.stdout) == len(VIDEO_MODELS)
