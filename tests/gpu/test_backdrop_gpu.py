"""The embedded model on a GPU: pytest -m gpu tests/gpu"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from catalog import Look
from renderer.artifacts import Shot
from renderer.backends.backdrop.sampler import BackdropModel

pytestmark = pytest.mark.gpu

LOOK = Look(scene="silk", palette=("#102030", "#508090", "#E0F0FF"), camera="dolly_in")


def shot(width: int, height: int) -> Shot:
    return Shot(
        key="shot-1", model="backdrop", revision="r", look=LOOK, prompt="", negative_prompt="", image_sha256=None,
        width=width, height=height, num_frames=32, frame_rate=10.0, num_inference_steps=8, guidance_scale=1.0, seed=1,
    )  # fmt: skip


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
@pytest.mark.parametrize(("width", "height"), [(72, 128), (88, 88), (128, 72)])
def test_cpu_and_gpu_make_the_same_take(width, height):
    """The noise is drawn on the CPU, so a shot looks the same wherever it is rendered; and again the same there."""
    on_cpu = BackdropModel("cpu").generate(shot(width, height), None).astype(int)
    gpu = BackdropModel("cuda")
    first, second = gpu.generate(shot(width, height), None), gpu.generate(shot(width, height), None)

    assert np.abs(on_cpu - first).mean() < 1
    assert (first == second).all()
