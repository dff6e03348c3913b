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
from renderer.backends import backdrop
from renderer.backends.backdrop import FRAME_STEP, MIN_NUM_FRAMES, OVERLAP_FRAMES, weights
from renderer.backends.backdrop.network import BackdropNetwork
from renderer.backends.backdrop.sampler import BackdropModel, make_draft
from renderer.backends.backdrop.upsampler import Upsampler
from renderer.backends.video_models import VIDEO_MODELS, load_video_model, video_model_facts
from renderer.digest import file_sha256
from renderer.errors import BackendError

pytestmark = pytest.mark.usefixtures("steady_torch")


def tiny_model(network: BackdropNetwork | None = None) -> BackdropModel:
    return BackdropModel("cpu", (network or tiny_network(), plain_upsampler()))


def square(**changes: object) -> Shot:
    """A small shot: one patch high and wide."""
    return shot(**({"width": 32, "height": 32, "num_inference_steps": 2} | changes))


def test_longer_takes_go_on_from_their_last_frames() -> None:
    """Every further pass is given the last frames of the one before, and adds what comes after them."""
    asked = square(num_frames=MIN_NUM_FRAMES + FRAME_STEP, num_inference_steps=1)
    network = Recorder()

    draft = make_draft(network, wishes(), asked, torch.Generator().manual_seed(1), torch.device("cpu"))

    (start, *_, nothing), (more, *_, known) = network.asked
    assert draft.shape[2] * backdrop.TIME_SCALE == asked.num_frames
    assert not nothing.any()
    assert known[0].tolist() == [1, 1] + [0] * 10
    assert torch.equal(more[:, :, :OVERLAP_FRAMES], start[:, :, -OVERLAP_FRAMES:])
    assert torch.equal(draft, torch.cat([start, more[:, :, OVERLAP_FRAMES:]], 2))


def test_same_shot_same_frames() -> None:
    """A shot made twice gives the same bytes; another seed gives another picture."""
    first, again, other = (tiny_model().generate(square(seed=seed), None) for seed in (7, 7, 8))

    assert first.tobytes() == again.tobytes()
    assert np.abs(first.astype(int) - other).mean() > 1


@pytest.mark.parametrize("ratio", sorted(backdrop.SIZES))
def test_frames_fit_the_facts(ratio: str) -> None:
    """What comes back has the shape, length and type that planning was told."""
    facts = video_model_facts("backdrop")
    width, height = facts.sizes[ratio]
    asked = shot(width=width, height=height, num_frames=facts.min_num_frames, num_inference_steps=1)

    frames = tiny_model().generate(asked, None)

    assert frames.dtype == np.uint8
    assert frames.shape == (96, height, width, 3)
    assert frames.std() > 5


@pytest.mark.parametrize("num_frames", [2, 40, MIN_NUM_FRAMES + 1])
def test_takes_have_any_length(num_frames: int) -> None:
    """A take is cut to the frames that were asked for."""
    assert len(tiny_model().generate(square(num_frames=num_frames), None)) == num_frames


def test_looping_takes_lead_from_their_end_to_their_beginning() -> None:
    """The last frame of a looping take lies between the one before it and the first."""
    frames = tiny_model().generate(square(loop=True), None).astype(int)

    assert np.abs(2 * frames[-1] - frames[-2] - frames[0]).max() <= 2
    assert np.abs(frames[-1] - frames[-2]).max() > 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"scene": "desert"}, "no scene 'desert'. It has silk, ribbons"),
        ({"second_scene": "jungle"}, "no scene 'jungle'"),
        ({"width": 300}, "multiples of 32 pixels"),
        ({"num_frames": 497}, "at most 496 frames"),
        ({"num_frames": 0}, "at most 496 frames"),
        ({"image_sha256": "0" * 64}, "product: composite"),
        ({"guidance_scale": 2.0}, "guidance_scale 2. backdrop has none; write 1"),
    ],
)
def test_unfit_shots_are_refused(changes: dict[str, object], expected: str) -> None:
    """A shot that the model cannot make is refused with what it can."""
    with pytest.raises(BackendError, match=expected):
        tiny_model().generate(shot(**changes), None)


def test_pictures_of_products_are_refused() -> None:
    """A picture to be redrawn is refused with what to write instead."""
    with pytest.raises(BackendError, match="product: composite"):
        tiny_model().generate(square(), np.zeros((1, 32, 32, 3), np.uint8))


def test_overflow_is_told() -> None:
    """Frames that are no numbers never leave the model."""
    network = tiny_network()
    torch.nn.init.constant_(network.patch_out.bias, torch.inf)

    with pytest.raises(BackendError, match="network overflowed"):
        tiny_model(network).generate(square(), None)


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
    loaded = BackdropModel("cpu").network
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    assert torch.allclose(loaded.patch_out.bias.float(), tiny_network(seed=3).patch_out.bias, atol=2e-3)
    with pytest.raises(BackendError, match="missing, or not the weights of this version"):
        BackdropModel("cpu")


def test_unknown_model_is_answered_with_the_known_ones() -> None:
    """A wrong name is answered with the names there are."""
    with pytest.raises(BackendError, match="Choose one of: backdrop"):
        load_video_model("sora", "cpu")


def test_table_needs_no_torch() -> None:
    """Planning reads the table of models in a process that never imports torch."""
    code = (
        "import sys, renderer.backends.video_models as m; assert 'torch' not in sys.modules; print(len(m.VIDEO_MODELS))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert int(done.stdout) == len(VIDEO_MODELS)
