"""The embedded model on a GPU: pytest -m gpu tests/gpu"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from catalog import Look
from renderer.artifacts import Layout, Region, Shot, Stand
from renderer.backends import Inputs
from renderer.backends.backdrop import FRAME_RATE, FRAME_STEP, MIN_NUM_FRAMES, REVISION, SIZES
from renderer.backends.backdrop.replay import Replay
from renderer.backends.backdrop.sampler import BackdropModel, conditions_of
from renderer.backends.backdrop.weights import load_weights

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU"),
]

LOOK = Look(scene="silk", palette=("#102030", "#508090", "#E0F0FF"), camera="dolly_in")
LAYOUT = Layout(calm=(Region(x=0.1, y=0.1, width=0.8, height=0.2),), stand=Stand(x=0.5, y=0.8, width=0.4))


def shot(ratio: str, num_frames: int = MIN_NUM_FRAMES) -> Shot:
    width, height = SIZES[ratio]
    return Shot(
        key="shot-1", model="backdrop", revision=REVISION, look=LOOK, layout=LAYOUT, prompt="", negative_prompt="",
        image_sha256=None, width=width, height=height, num_frames=num_frames, frame_rate=FRAME_RATE,
        num_inference_steps=4, guidance_scale=1.0, seed=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def gpu() -> BackdropModel:
    return BackdropModel("cuda")


@pytest.mark.parametrize("ratio", sorted(SIZES))
def test_cpu_and_gpu_make_the_same_take(gpu, ratio):
    """The noise is drawn on the CPU, so a shot looks the same wherever it is rendered; and again the same there."""
    on_cpu = BackdropModel("cpu").generate(shot(ratio), Inputs()).astype(int)
    first, second = gpu.generate(shot(ratio), Inputs()), gpu.generate(shot(ratio), Inputs())

    width, height = SIZES[ratio]
    assert first.shape == (MIN_NUM_FRAMES, height, width, 3)
    assert np.abs(on_cpu - first).mean() < 1
    assert (first == second).all()


def test_long_takes_fit(gpu):
    """A take of three more passes is made at once, in less than 8 GB."""
    torch.cuda.reset_peak_memory_stats()

    frames = gpu.generate(shot("9:16", MIN_NUM_FRAMES + 3 * FRAME_STEP), Inputs())

    assert len(frames) == MIN_NUM_FRAMES + 3 * FRAME_STEP
    assert torch.cuda.max_memory_allocated() < 8e9


@torch.inference_mode()
def test_a_replay_answers_as_the_network_does(gpu):
    """A recorded network gives the same answers to the bit, for wishes and noise it was not recorded with."""
    network, _ = load_weights()
    network = network.to("cuda", torch.bfloat16).eval()
    replay = Replay(network)
    for seed, scene in enumerate(("silk", "snow")):
        wishes = conditions_of(LOOK.model_copy(update={"scene": scene}), LAYOUT, 9 / 16).to("cuda")
        noise = torch.randn(1, 3, 48, 128, 72, generator=torch.Generator().manual_seed(seed)).to("cuda")
        question = (noise, torch.full((1,), 0.5 + seed / 8, device="cuda"), torch.zeros(1, device="cuda"), wishes)
        known = torch.zeros(1, 12, device="cuda")

        assert torch.equal(replay(*question, known), network(*question, known))
