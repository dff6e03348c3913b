"""Helios makes long clips chunk by chunk, and continues clips."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import tiny_pipelines as tiny
from renderer.artifacts import Footage, Shot
from renderer.backends import Inputs
from renderer.backends.diffusion.long_clip import LongClipModel
from renderer.errors import BackendError

NOTHING = Inputs()
EXTEND = Footage(object="clip.mp4", use="extend")


@pytest.fixture(scope="module", params=[False, True], ids=["base", "distilled"])
def model(request, tmp_path_factory) -> LongClipModel:
    folder = tiny.save_helios(tmp_path_factory.mktemp("models") / "helios", distilled=request.param)
    return LongClipModel(tiny.checkpoint("helios", folder), "cpu")


def shot(**changes: object) -> Shot:
    return tiny.shot("helios", **{"num_frames": 66} | changes)


def own(model: LongClipModel, **changes: object) -> np.ndarray:
    """Return what the pipeline of diffusers returns, (num_frames, 32, 32, 3) of 255; it cuts what is not 1 + 4n."""
    if model.levels == 1:
        steps: dict[str, object] = {"num_inference_steps": 2}
    else:
        steps = {"pyramid_num_inference_steps_list": [1, 1], "is_amplify_first_chunk": True}
    frames: np.ndarray = model.pipe(
        "a bottle on wet stone", height=32, width=32, num_frames=66, guidance_scale=1.0,
        generator=torch.Generator().manual_seed(1), output_type="np", **steps, **changes,
    ).frames[0] * 255  # fmt: skip
    return frames


def test_a_take_is_what_the_pipeline_itself_returns(model):
    """Denoising to a file and decoding the file gives the very pixels of the pipeline, and all frames of each chunk."""
    expected = own(model)

    frames = model.decode(shot(), model.denoise(shot(), NOTHING), in_tiles=False)

    assert frames.shape == (66, 32, 32, 3)
    assert len(expected) == 65
    assert np.abs(frames[:65] - expected).max() <= 0.51


def test_a_continued_clip_holds_only_new_frames(model):
    """The last whole chunk of the clip is the past; the take begins after it, and depends on it."""
    clip = tiny.clip(40)
    expected = own(model, video=[Image.fromarray(picture) for picture in clip[-33:]])

    frames = model.generate(shot(footage=EXTEND), Inputs(clip=clip))

    assert frames.shape == (66, 32, 32, 3)
    assert np.abs(frames[:65] - expected).max() <= 0.51
    assert not np.array_equal(frames, model.generate(shot(footage=EXTEND), Inputs(clip=tiny.clip(40, seed=1))))


def test_seed_and_words_make_the_take(model):
    """The same shot gives the same frames; another seed or text gives others."""
    first = model.generate(shot(), NOTHING)

    assert np.array_equal(first, model.generate(shot(), NOTHING))
    assert not np.array_equal(first, model.generate(shot(seed=2), NOTHING))
    assert not np.array_equal(first, model.generate(shot(prompt="silk and light"), NOTHING))


def test_a_longer_take_begins_as_the_shorter_one(model):
    """Time costs only more chunks: 165 frames are five, and the first two are those of a take of two."""
    frames = model.generate(shot(num_frames=165), NOTHING)

    assert frames.shape == (165, 32, 32, 3)
    assert np.array_equal(frames[:66], model.generate(shot(), NOTHING))


def test_frames_are_decoded_once(model):
    """Denoising decodes nothing: that is a step of its own, which may be tried again in tiles."""
    calls = []
    hook = model.pipe.vae.decoder.register_forward_pre_hook(lambda *_: calls.append(1))

    latents = model.denoise(shot(), NOTHING)
    before = len(calls)
    tiled = model.decode(shot(), latents, in_tiles=True)
    hook.remove()

    assert before == 0
    assert len(calls) > 0
    assert tiled.shape == (66, 32, 32, 3)


def test_weights_of_a_gpu_run_too(model):
    """In bfloat16, with the VAE in float32, all parts still fit each other, words or a clip first."""
    rounded = LongClipModel(model.checkpoint, "cpu", torch.bfloat16)
    given = Inputs(clip=tiny.clip(33))

    frames = rounded.generate(shot(footage=EXTEND), given)

    assert np.abs(frames.astype(int) - model.generate(shot(footage=EXTEND), given)).mean() < 16
    assert rounded.generate(shot(), NOTHING).shape == (66, 32, 32, 3)


def test_weights_of_another_family_are_refused(tmp_path):
    """The folder may hold anything; what is not Helios is named."""
    folder = tiny.save_animatediff(tmp_path / "helios")

    with pytest.raises(BackendError, match=r"holds a AnimateDiffPipeline\. It needs the weights of Helios"):
        LongClipModel(tiny.checkpoint("helios", folder), "cpu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_sha256": "0" * 64}, "helios cannot do image. It can do extend, text."),
        ({"num_frames": 65}, "65 frames do not fit helios. It makes 0 . 33n frames"),
        ({"footage": EXTEND}, "the clip has 9 frames. helios continues 33 or more."),
        ({"width": 40}, "40x32 does not fit helios"),
    ],
)
def test_what_it_cannot_do_is_refused(model, changes, message):
    """A shot that does not fit is refused before any work, with what fits."""
    with pytest.raises(BackendError, match=message):
        model.generate(shot(**changes), Inputs(clip=tiny.clip(9)))
