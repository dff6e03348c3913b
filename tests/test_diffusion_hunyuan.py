"""HunyuanVideo 1.5 makes clips from words, or with other weights from words and a picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import ClassifierFreeGuidance
from PIL import Image

import tiny_pipelines as tiny
from renderer.artifacts import Shot
from renderer.backends import Inputs
from renderer.backends.diffusion.hunyuan import HunyuanModel
from renderer.errors import BackendError

TEXT, IMAGE = "hunyuanvideo-1.5", "hunyuanvideo-1.5-i2v"
NOTHING = Inputs()
INPUTS = Inputs(image=tiny.clip(1, 80, 60))


@pytest.fixture(scope="module")
def from_text(tmp_path_factory) -> HunyuanModel:
    folder = tiny.save_hunyuan(tmp_path_factory.mktemp("models") / TEXT, from_image=False)
    return HunyuanModel(tiny.checkpoint(TEXT, folder), "cpu")


@pytest.fixture(scope="module")
def from_image(tmp_path_factory) -> HunyuanModel:
    folder = tiny.save_hunyuan(tmp_path_factory.mktemp("models") / IMAGE, from_image=True)
    return HunyuanModel(tiny.checkpoint(IMAGE, folder), "cpu")


def shot(**changes: object) -> Shot:
    return tiny.shot(TEXT, **{"guidance_scale": 6.0} | changes)


def image_shot(**changes: object) -> Shot:
    return tiny.shot(IMAGE, **{"guidance_scale": 6.0, "image_sha256": "0" * 64} | changes)


def pipeline_call() -> dict[str, object]:
    return {
        "prompt": "a bottle on wet stone", "negative_prompt": "neon", "num_frames": 5, "num_inference_steps": 2,
        "generator": torch.Generator().manual_seed(1), "output_type": "np",
    }  # fmt: skip


def test_a_take_from_words_is_what_the_pipeline_itself_returns(from_text):
    """Denoising to a file and decoding the file gives the very pixels of the pipeline, up to a code value."""
    from_text.pipe.guider = ClassifierFreeGuidance(guidance_scale=6.0)
    own = from_text.pipe(**pipeline_call(), height=32, width=32).frames[0]

    frames = from_text.decode(shot(), from_text.denoise(shot(), NOTHING), in_tiles=False)

    assert frames.shape == (5, 32, 32, 3)
    assert np.abs(frames - own * 255).max() <= 0.51


def test_a_take_from_a_picture_is_what_the_pipeline_itself_returns(from_image):
    """The same for a first picture, here of the size that the weights know."""
    picture = tiny.clip(1)
    from_image.pipe.guider = ClassifierFreeGuidance(guidance_scale=6.0)
    own = from_image.pipe(Image.fromarray(picture[0]), **pipeline_call()).frames[0]

    frames = from_image.generate(image_shot(), Inputs(image=picture))

    assert np.abs(frames - own * 255).max() <= 0.51


def test_seed_words_guidance_and_picture_make_the_take(from_text, from_image):
    """The same shot gives the same frames; another seed, text, guidance or picture gives others."""
    first = from_text.generate(shot(), NOTHING)
    pictured = from_image.generate(image_shot(), INPUTS)

    assert np.array_equal(first, from_text.generate(shot(), NOTHING))
    assert not np.array_equal(first, from_text.generate(shot(seed=2), NOTHING))
    assert not np.array_equal(first, from_text.generate(shot(prompt="silk and light"), NOTHING))
    assert not np.array_equal(first, from_text.generate(shot(guidance_scale=1.0), NOTHING))
    assert not np.array_equal(pictured, from_image.generate(image_shot(), Inputs(image=tiny.clip(1, seed=1))))


def test_a_text_is_encoded_once_and_its_encoders_may_leave(from_text):
    """Further shots of the same words need no text encoder; it comes back for new words."""
    calls = []
    hook = from_text.pipe.text_encoder.register_forward_pre_hook(lambda *_: calls.append(1))
    words = {"prompt": 'a label says "Aurora"', "negative_prompt": "dull"}

    first = from_text.generate(shot(**words), NOTHING)
    from_text.release_text_encoder()
    again = from_text.generate(shot(**words), NOTHING)
    from_text.generate(shot(**words | {"prompt": "glass"}), NOTHING)
    hook.remove()

    assert np.array_equal(first, again)
    assert len(calls) == 3


def test_tiles_give_nearly_the_same_picture(from_text):
    """Decoding in tiles returns the same size, and a picture close to the whole one."""
    latents = from_text.denoise(shot(), NOTHING)

    whole = from_text.decode(shot(), latents, in_tiles=False)
    tiled = from_text.decode(shot(), latents, in_tiles=True)

    assert tiled.shape == whole.shape
    assert np.abs(whole.astype(int) - tiled).mean() < 16


def test_weights_of_a_gpu_run_too(from_text, from_image):
    """In bfloat16, with the VAE in float32, all parts still fit each other."""
    words = HunyuanModel(from_text.checkpoint, "cpu", torch.bfloat16).generate(shot(), NOTHING)
    pictured = HunyuanModel(from_image.checkpoint, "cpu", torch.bfloat16).generate(image_shot(), INPUTS)

    assert np.abs(words.astype(int) - from_text.generate(shot(), NOTHING)).mean() < 16
    assert np.abs(pictured.astype(int) - from_image.generate(image_shot(), INPUTS)).mean() < 16


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_sha256": "0" * 64}, r"hunyuanvideo-1\.5 cannot do image\. It can do text\."),
        ({"look": {"loop": True}}, "cannot do loop"),
        ({"width": 40}, r"40x32 does not fit hunyuanvideo-1\.5\. It makes multiples of 16 pixels\."),
        ({"num_frames": 6}, "6 frames do not fit .* It makes 1 . 4n frames"),
    ],
)
def test_what_it_cannot_do_is_refused(from_text, changes, message):
    """A shot that does not fit is refused before any work, with what fits."""
    with pytest.raises(BackendError, match=message):
        from_text.generate(shot(**changes), INPUTS)


def test_a_size_that_the_weights_do_not_know_is_refused(from_image):
    """From a picture, the pipeline would silently make another size; the message names the nearest."""
    with pytest.raises(BackendError, match=r"64x64 is no size of hunyuanvideo-1\.5-i2v .* The nearest is 32x32\."):
        from_image.generate(image_shot(width=64, height=64), INPUTS)
