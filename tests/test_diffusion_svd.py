"""Stable Video Diffusion sets a picture in motion, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import tiny_pipelines as tiny
from renderer.artifacts import Shot
from renderer.backends import Inputs
from renderer.backends.diffusion.svd import SvdModel
from renderer.errors import BackendError

INPUTS = Inputs(image=tiny.clip(1, 80, 60))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> SvdModel:
    folder = tiny.save_svd(tmp_path_factory.mktemp("models") / "svd")
    return SvdModel(tiny.checkpoint("svd", folder), "cpu")


def shot(**changes: object) -> Shot:
    return tiny.shot("svd", **{"image_sha256": "0" * 64, "guidance_scale": 3.0, "num_frames": 4} | changes)


def test_a_take_is_what_the_pipeline_itself_returns(model):
    """Denoising to a file and decoding the file gives the very pixels of the pipeline, up to a code value."""
    own = model.pipe(
        Image.fromarray(tiny.clip(1)[0]), height=32, width=32, num_frames=4, num_inference_steps=2,
        max_guidance_scale=3.0, fps=8, motion_bucket_id=127, generator=torch.Generator().manual_seed(1),
        output_type="np",
    ).frames[0]  # fmt: skip

    frames = model.decode(shot(), model.denoise(shot(), Inputs(image=tiny.clip(1))), in_tiles=False)

    assert frames.dtype == np.uint8
    assert frames.shape == (4, 32, 32, 3)
    assert np.abs(frames - own * 255).max() <= 0.51


def test_seed_picture_and_energy_make_the_take(model):
    """The same shot gives the same frames; another seed, picture or energy gives others."""
    first = model.generate(shot(), INPUTS)

    assert np.array_equal(first, model.generate(shot(), INPUTS))
    assert not np.array_equal(first, model.generate(shot(seed=2), INPUTS))
    assert not np.array_equal(first, model.generate(shot(look={"energy": 1.0}), INPUTS))
    assert not np.array_equal(first, model.generate(shot(), Inputs(image=tiny.clip(1, seed=1))))


def test_little_memory_means_few_frames_at_a_time(model):
    """In tiles, two frames are decoded at a time: nearly the same picture, from the same latents."""
    latents = model.denoise(shot(), INPUTS)
    sizes = []
    hook = model.pipe.vae.decoder.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))

    whole = model.decode(shot(), latents, in_tiles=False)
    tiled = model.decode(shot(), latents, in_tiles=True)
    hook.remove()

    assert sizes == [4, 2, 2]
    assert whole.shape == tiled.shape
    assert np.abs(whole.astype(int) - tiled).mean() < 32


def test_weights_of_a_gpu_run_too(model):
    """In bfloat16, with the VAE in float32, all parts still fit each other."""
    rounded = SvdModel(model.checkpoint, "cpu", torch.bfloat16)

    frames = rounded.generate(shot(), INPUTS)

    assert rounded.pipe.vae.dtype == torch.float32
    assert np.abs(frames.astype(int) - model.generate(shot(), INPUTS)).mean() < 16


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_sha256": None}, "svd cannot do text. It can do image."),
        ({"look": {"loop": True}}, "svd cannot do loop"),
        ({"width": 40}, "40x32 does not fit svd. It makes multiples of 16 pixels."),
        ({"num_frames": 26}, "26 frames do not fit svd"),
    ],
)
def test_what_it_cannot_do_is_refused(model, changes, message):
    """A shot that does not fit is refused before any work, with what fits."""
    with pytest.raises(BackendError, match=message):
        model.generate(shot(**changes), INPUTS)
