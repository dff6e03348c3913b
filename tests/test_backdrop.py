"""The embedded video model obeys the look, repeats itself exactly, and shows no patch borders."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch  # noqa: TID253 - the model under test is made of it

from catalog import Look
from renderer.artifacts import Shot
from renderer.backends import backdrop
from renderer.backends.backdrop import sampler
from renderer.backends.backdrop.network import BackdropNetwork
from renderer.backends.backdrop.sampler import BackdropModel
from renderer.backends.video_models import VIDEO_MODELS, load_video_model, video_model_facts
from renderer.errors import BackendError

PLUM = ("#2A1230", "#A0508C", "#F5D5E0")
MOSS = ("#12302A", "#4D9A7C", "#E2F2E4")


def shot(scene: str = "silk", palette: tuple[str, str, str] = PLUM, **changes: object) -> Shot:
    camera = {name: changes.pop(name) for name in ("camera", "camera_speed") if name in changes}
    facts: dict[str, object] = {
        "key": "shot-0",
        "model": "backdrop",
        "revision": backdrop.REVISION,
        "look": Look(scene=scene, palette=palette, **camera),
        "prompt": "",
        "negative_prompt": "",
        "image_sha256": None,
        "width": 72,
        "height": 128,
        "num_frames": 32,
        "frame_rate": 10.0,
        "num_inference_steps": 4,
        "guidance_scale": 1.0,
        "seed": 7,
    }
    return Shot.model_validate(facts | changes)


def tiny_network(seed: int = 0) -> BackdropNetwork:
    """A network of random weights: fast, and good for everything but looks."""
    torch.manual_seed(seed)
    network = BackdropNetwork(width=64, depth=2, num_heads=2, bottleneck=16, num_scenes=8, patch=(4, 8))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


@pytest.fixture(scope="module")
def model() -> Iterator[BackdropModel]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # tests run side by side; threads that wait for each other would be slower
    yield BackdropModel("cpu")
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def silk(model: BackdropModel) -> np.ndarray:
    return model.generate(shot(), None)


def sideways(frames: np.ndarray) -> float:
    """Mean motion to the right in pixels per frame, by dense optical flow."""
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames[::4]]
    flows = [cv2.calcOpticalFlowFarneback(a, b, None, 0.5, 3, 21, 5, 7, 1.5, 0) for a, b in pairwise(grey)]
    return float(np.mean([flow[..., 0].mean() for flow in flows]) / 4)


def test_same_shot_same_frames(model: BackdropModel, silk: np.ndarray) -> None:
    """A shot made twice gives the same bytes; another seed gives another picture."""
    short = {"num_inference_steps": 2}
    first, again = (model.generate(shot(**short), None) for _ in range(2))
    other = model.generate(shot(seed=8, **short), None)

    assert first.tobytes() == again.tobytes()
    assert np.abs(first.astype(int) - other).mean() > 5


def test_frames_fit_the_facts(silk: np.ndarray) -> None:
    """What comes back has the shape and type that planning was told."""
    facts = video_model_facts("backdrop")

    assert silk.dtype == np.uint8
    assert silk.shape == (facts.max_num_frames, 128, 72, 3)
    assert facts.sizes["9:16"] == (72, 128)


def test_palette_is_obeyed(model: BackdropModel, silk: np.ndarray) -> None:
    """Plum gives a red and blue picture, moss a green one, and neither is far from the middle colour."""
    moss = model.generate(shot(palette=MOSS), None).mean((0, 1, 2))
    plum = silk.mean((0, 1, 2))

    assert min(plum[0], plum[2]) > plum[1] + 20
    assert moss[1] > max(moss[0] + 20, moss[2])
    assert np.abs(plum - [0xA0, 0x50, 0x8C]).max() < 50
    assert np.abs(moss - [0x4D, 0x9A, 0x7C]).max() < 50


def test_clip_moves_without_flicker(silk: np.ndarray) -> None:
    """Something happens from frame to frame, but nothing jumps."""
    change = np.abs(np.diff(silk.astype(np.float32), axis=0)).mean((1, 2, 3))

    assert change.min() > 0.2
    assert change.max() < 12
    assert change.max() < 3 * np.median(change)


def test_camera_pans_to_the_side_asked_for(model: BackdropModel) -> None:
    """When the camera pans right the picture moves left, and the other way round."""
    left, right = (
        sideways(model.generate(shot("leaf_shadow", camera=camera, camera_speed=3.0), None))
        for camera in ("pan_left", "pan_right")
    )

    assert left > 0.1
    assert right < -0.1


def test_borders_of_patches_do_not_show(silk: np.ndarray, model: BackdropModel) -> None:
    """Across patch borders the picture changes as much as inside of patches, within a tenth."""
    steps = np.abs(np.diff(silk.astype(np.float32), axis=2)).mean((0, 1, 3))
    border = steps[7::8].mean()
    inside = np.delete(steps, np.s_[7::8]).mean()

    assert border == pytest.approx(inside, rel=0.1)


def test_seams_shrink_and_slopes_stay() -> None:
    """A step at a border shrinks, a step elsewhere and an even slope stay as they are."""
    slope = torch.linspace(-1, 1, 32).expand(1, 3, 4, 8, 32).clone()
    step = (torch.arange(32) >= 16).float().expand(1, 3, 4, 8, 32).clone()

    smoothed = sampler.smooth_seams(step, 4, 8)

    assert torch.allclose(sampler.smooth_seams(slope, 4, 8), slope, atol=1e-6)
    assert smoothed[0, 0, 0, 0, 16] - smoothed[0, 0, 0, 0, 15] == pytest.approx(1 - sampler.SEAM_SHARE)
    assert torch.equal(smoothed[..., :12], step[..., :12])


def test_network_looks_at_every_condition() -> None:
    """Time, scene, palette and camera each change what the network predicts."""
    network = tiny_network()
    noisy = torch.randn(1, 3, 8, 32, 16)
    asked = [torch.tensor([0.3]), torch.tensor([2]), torch.full((1, 3, 3), 0.5), torch.zeros(1, 3)]
    changed = [torch.tensor([0.4]), torch.tensor([3]), torch.full((1, 3, 3), 0.4), torch.full((1, 3), 0.1)]

    with torch.inference_mode():
        expected = network(noisy, *asked)
        others = [network(noisy, *asked[:i], changed[i], *asked[i + 1 :]) for i in range(4)]

    assert expected.shape == noisy.shape
    assert all((other - expected).abs().max() > 1e-3 for other in others)


def test_told_nothing_means_no_look() -> None:
    """Without a scene, palette and camera have no say: what guidance steps away from."""
    network = tiny_network()
    noisy, t, nothing = torch.randn(1, 3, 4, 16, 16), torch.tensor([0.5]), torch.tensor([network.no_scene])

    with torch.inference_mode():
        one = network(noisy, t, nothing, torch.zeros(1, 3, 3), torch.zeros(1, 3))
        two = network(noisy, t, nothing, torch.ones(1, 3, 3), torch.ones(1, 3))

    assert torch.equal(one, two)


def test_patches_and_pixels_are_inverse() -> None:
    """Cutting into patches and putting together again loses nothing, in any shape."""
    network = tiny_network()
    clip = torch.randn(2, 3, 8, 24, 40)

    assert torch.equal(network.pixels(network.patches(clip), network.patch_grid(clip)), clip)


def test_guidance_changes_the_picture() -> None:
    """A guidance scale of 2 gives another clip than 1, which costs half."""
    model = BackdropModel("cpu", tiny_network())
    plain, guided = (
        model.generate(shot(width=16, height=32, guidance_scale=scale, num_inference_steps=2), None)
        for scale in (1.0, 2.0)
    )

    assert not np.array_equal(plain, guided)


@pytest.mark.parametrize("ratio", sorted(backdrop.SIZES))
def test_studio_fills_every_shape(ratio: str) -> None:
    """A scene with an object is made narrow and cut, and still has the size that was asked for."""
    width, height = backdrop.SIZES[ratio]
    asked = shot("studio", width=width, height=height, num_inference_steps=1)
    frames = BackdropModel("cpu", tiny_network()).generate(asked, None)

    assert frames.shape == (32, height, width, 3)
    assert sampler.working_size(asked)[0] <= 80


def test_cover_keeps_the_object() -> None:
    """What lies six tenths down is in the middle of a wide cut."""
    clip = torch.zeros(1, 3, 1, 104, 80)
    clip[..., 62, 40] = 1.0

    frame = sampler.cover(clip, 128, 72)[0, 0, 0]
    row, column = divmod(int(frame.argmax()), 128)

    assert abs(row - 36) <= 2
    assert abs(column - 64) <= 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"scene": "desert"}, "no scene 'desert'. It has mist, silk"),
        ({"width": 70}, "multiples of 8 pixels"),
        ({"num_frames": 33}, "at most 32 frames"),
        ({"image_sha256": "0" * 64}, "product: composite"),
    ],
)
def test_unfit_shots_are_refused(changes: dict[str, object], expected: str) -> None:
    """A shot that the model cannot make is refused with what it can."""
    with pytest.raises(BackendError, match=expected):
        BackdropModel("cpu", tiny_network()).generate(shot(**changes), None)


def test_altered_weights_are_refused(tmp_path, monkeypatch) -> None:
    """Weights with one other byte are not loaded."""
    content = bytearray(backdrop.WEIGHTS.read_bytes())
    content[-1] ^= 1
    altered = tmp_path / "weights.safetensors"
    altered.write_bytes(content)
    monkeypatch.setattr(sampler, "WEIGHTS", altered)

    with pytest.raises(BackendError, match="not the weights of this version"):
        sampler.load_network()


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
