"""Every family of diffusion models on a GPU, with tiny weights of the real classes: pytest -m gpu tests/gpu"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

import tiny_pipelines as tiny
import tiny_wan
from renderer.backends import Inputs
from renderer.backends.diffusion import model as diffusion_model
from renderer.backends.diffusion.animatediff import AnimateDiffModel
from renderer.backends.diffusion.hunyuan import HunyuanModel
from renderer.backends.diffusion.long_clip import LongClipModel
from renderer.backends.diffusion.ltx import LtxModel
from renderer.backends.diffusion.svd import SvdModel
from renderer.backends.diffusion.vace import VaceModel
from renderer.backends.diffusion.wan import WanModel

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU"),
]
PICTURE = Inputs(image=tiny.clip(1, 80, 60))
FAMILIES = {
    "wan2.2-t2v-a14b": (WanModel, tiny_wan.save_text_to_video, {}, Inputs()),
    "wan2.2-i2v-a14b": (WanModel, tiny_wan.save_image_to_video, {"image_sha256": "1"}, PICTURE),
    "wan2.2-ti2v-5b": (WanModel, tiny_wan.save_text_and_image_to_video, {"image_sha256": "1"}, PICTURE),
    "wan2.1-vace-1.3b": (VaceModel, tiny_wan.save_vace, {"image_sha256": "1"}, PICTURE),
    "ltx-2.5": (LtxModel, tiny.save_ltx, {}, Inputs()),
    "hunyuanvideo-1.5": (HunyuanModel, partial(tiny.save_hunyuan, from_image=False), {"guidance_scale": 6.0}, Inputs()),
    "svd": (SvdModel, tiny.save_svd, {"image_sha256": "1", "guidance_scale": 3.0, "num_frames": 4}, PICTURE),
    "animatediff": (AnimateDiffModel, tiny.save_animatediff, {}, Inputs()),
    "helios": (LongClipModel, tiny.save_helios, {"num_frames": 66}, Inputs()),
}


@pytest.fixture(params=FAMILIES)
def family(request, tmp_path):
    """The class, its weights, a shot that it can make, and the pictures for it."""
    kind, save, changes, inputs = FAMILIES[request.param]
    where = tiny.checkpoint(request.param, save(tmp_path / request.param))
    make = tiny_wan.shot_of if request.param.startswith("wan") else tiny.shot
    return kind, where, make(request.param, **changes), inputs


def test_a_family_makes_the_same_take_again_and_that_of_a_cpu(family):
    """In float32 within rounding; in bfloat16 the same each time."""
    kind, where, shot, inputs = family
    on_cpu = kind(where, "cpu").generate(shot, inputs).astype(int)

    exact = kind(where, "cuda", torch.float32).generate(shot, inputs)
    rounded = kind(where, "cuda")

    assert exact.shape == on_cpu.shape
    assert np.abs(exact - on_cpu).mean() < 4  # decoders round to bfloat16 or TF32 there
    assert np.array_equal(rounded.generate(shot, inputs), rounded.generate(shot, inputs))


def test_weights_that_do_not_fit_wait_for_their_turn(family, monkeypatch):
    """A card that is too small for all parts holds one at a time; the take is the same within rounding."""
    kind, where, shot, inputs = family
    whole = kind(where, "cuda", torch.float32).generate(shot, inputs).astype(int)
    monkeypatch.setattr(diffusion_model, "MOST_OF_CARD", 0.0)

    model = kind(where, "cuda", torch.float32)
    in_turns = model.generate(shot, inputs)

    assert model.takes_turns
    assert np.abs(in_turns - whole).mean() < 4


def test_text_encoders_leave_the_card_and_come_back(family):
    """Where memory is short; the next new text brings them back."""
    kind, where, shot, inputs = family
    model = kind(where, "cuda")
    before = model.generate(shot, inputs)
    other = shot.model_copy(update={"prompt": "neon-lit glass"})
    expected = model.generate(other, inputs)
    model._texts.clear()

    if model.release_text_encoder():
        assert all(getattr(model.pipe, name) is None for name in model.text_encoders)

    assert np.array_equal(model.generate(other, inputs), expected)
    assert np.array_equal(model.generate(shot, inputs), before)
