"""AnimateDiff makes clips from words, paints clips anew, and moves the camera by adapters."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from diffusers import AnimateDiffVideoToVideoPipeline, LCMScheduler, StableDiffusionPipeline
from PIL import Image

import tiny_pipelines as tiny
from renderer.artifacts import Adapter, Footage, Shot
from renderer.backends import Inputs
from renderer.backends.diffusion.animatediff import AnimateDiffModel
from renderer.errors import BackendError

NOTHING = Inputs()
RESTYLE = Footage(object="clip.mp4", use="restyle", strength=0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.save_animatediff(tmp_path_factory.mktemp("models") / "animatediff")


@pytest.fixture(scope="module")
def model(folder) -> AnimateDiffModel:
    made = AnimateDiffModel(tiny.checkpoint("animatediff", folder), "cpu")
    for number, name in enumerate(("motion-lora-pan-left", "motion-lora-zoom-in", "brand")):
        tiny.save_lora(folder.parent / name, made.pipe, made.pipe.unet, seed=number)
    return made


def shot(**changes: object) -> Shot:
    return tiny.shot("animatediff", **{"guidance_scale": 7.5} | changes)


def pipeline_call(**changes: object) -> dict[str, object]:
    return {
        "prompt": "a bottle on wet stone", "negative_prompt": "neon", "height": 32, "width": 32,
        "num_inference_steps": 2, "guidance_scale": 7.5, "generator": torch.Generator().manual_seed(1),
        "output_type": "np",
    } | changes  # fmt: skip


def test_a_take_is_what_the_pipeline_itself_returns(model):
    """Denoising to a file and decoding the file gives the very pixels of the pipeline, up to a code value."""
    own = model.pipe(**pipeline_call(num_frames=5)).frames[0]

    frames = model.decode(shot(), model.denoise(shot(), NOTHING), in_tiles=False)

    assert frames.shape == (5, 32, 32, 3)
    assert np.abs(frames - own * 255).max() <= 0.51


def test_seed_and_words_make_the_take(model):
    """The same shot gives the same frames; another seed or text gives others."""
    first = model.generate(shot(), NOTHING)

    assert np.array_equal(first, model.generate(shot(), NOTHING))
    assert not np.array_equal(first, model.generate(shot(seed=2), NOTHING))
    assert not np.array_equal(first, model.generate(shot(prompt="silk and light"), NOTHING))


def test_a_clip_is_painted_anew_as_the_pipeline_does_it(model):
    """A restyle equals the pipeline's own, frame by frame, and depends on the clip."""
    given = tiny.clip(5)
    pipe = model.pipeline(AnimateDiffVideoToVideoPipeline)
    own = pipe(**pipeline_call(video=[[Image.fromarray(picture) for picture in given]], strength=0.5)).frames[0]
    restyle = shot(footage=RESTYLE)

    frames = model.generate(restyle, Inputs(clip=given))

    assert np.abs(frames - own * 255).max() <= 0.51
    assert not np.array_equal(frames, model.generate(restyle, Inputs(clip=tiny.clip(5, seed=1))))


def test_a_clip_of_any_size_and_length_may_be_painted_anew(model):
    """The clip is scaled, cut and spread over the frames of the shot."""
    frames = model.generate(shot(footage=RESTYLE), Inputs(clip=tiny.clip(9, 96, 40)))

    assert frames.shape == (5, 32, 32, 3)


def test_the_camera_moves_by_its_own_adapter(model):
    """Panning lays the motion LoRA of that name over the weights; a static camera takes it off again."""
    still = model.generate(shot(), NOTHING)
    left = model.generate(shot(look={"camera": "pan_left"}), NOTHING)
    slowly = model.generate(shot(look={"camera": "pan_left", "camera_speed": 0.5}), NOTHING)
    closer = model.generate(shot(look={"camera": "dolly_in"}), NOTHING)

    takes = [still, left, slowly, closer]
    assert len({take.tobytes() for take in takes}) == 4
    assert np.array_equal(still, model.generate(shot(), NOTHING))


def test_adapters_of_a_shot_count_beside_the_camera(model):
    """A brand's own LoRA changes the take, with or without a moving camera, and is read from disk once."""
    brand = (Adapter(name="brand", revision="1"),)
    before = model.adapters.loads

    alone = model.generate(shot(adapters=brand), NOTHING)
    moving = model.generate(shot(adapters=brand, look={"camera": "pan_left"}), NOTHING)
    again = model.generate(shot(adapters=brand), NOTHING)

    assert not np.array_equal(alone, moving)
    assert np.array_equal(alone, again)
    assert model.adapters.loads - before <= 2


def test_long_clips_are_made_in_windows(model):
    """Beyond 16 frames, windows overlap as in FreeNoise; short clips afterwards are as before, adapters included."""
    panned = shot(look={"camera": "pan_left"})
    short = model.generate(panned, NOTHING)
    long = shot(num_frames=21)

    frames = model.generate(long, NOTHING)

    assert frames.shape == (21, 32, 32, 3)
    assert np.array_equal(frames, model.generate(long, NOTHING))
    assert not np.array_equal(frames, model.generate(long.model_copy(update={"look": panned.look}), NOTHING))
    assert np.array_equal(short, model.generate(panned, NOTHING))


def test_long_clips_are_what_the_pipeline_itself_returns(folder, model):
    """FreeNoise through the model is FreeNoise through the pipeline, for text and for a restyle."""
    fresh = AnimateDiffModel(model.checkpoint, "cpu").pipe
    fresh.enable_free_noise(context_length=16, context_stride=4)
    own = fresh(**pipeline_call(num_frames=18)).frames[0]
    again = AnimateDiffVideoToVideoPipeline(**fresh.components)
    again.enable_free_noise(context_length=16, context_stride=4)
    given = tiny.clip(18)
    own_restyle = again(**pipeline_call(video=[[Image.fromarray(one) for one in given]], strength=0.5)).frames[0]

    frames = model.generate(shot(num_frames=18), NOTHING)
    restyled = model.generate(shot(num_frames=18, footage=RESTYLE), Inputs(clip=given))

    assert np.abs(frames - own * 255).max() <= 0.51
    assert np.abs(restyled - own_restyle * 255).max() <= 0.51


def test_little_memory_means_tiles(model):
    """In tiles, and two frames at a time, the same latents give nearly the same picture."""
    latents = model.denoise(shot(), NOTHING)

    whole = model.decode(shot(), latents, in_tiles=False)
    tiled = model.decode(shot(), latents, in_tiles=True)

    assert np.abs(whole.astype(int) - tiled).mean() < 16


def test_few_steps_need_their_lora(folder, tmp_path):
    """AnimateLCM walks with its own scheduler and LoRA; without the LoRA the shot is refused with the cure."""
    few = tmp_path / "animatelcm"
    shutil.copytree(folder, few)
    model = AnimateDiffModel(tiny.checkpoint("animatelcm", few), "cpu")
    short = tiny.shot("animatelcm", guidance_scale=2.0)

    with pytest.raises(BackendError, match=r"AnimateLCM_sd15_t2v_lora\.safetensors has no weights"):
        model.generate(short, NOTHING)
    tiny.save_lora(tmp_path / "lora", model.pipe, model.pipe.unet)
    shutil.move(tmp_path / "lora" / "pytorch_lora_weights.safetensors", few / "AnimateLCM_sd15_t2v_lora.safetensors")
    frames = model.generate(short, NOTHING)

    assert isinstance(model.pipe.scheduler, LCMScheduler)
    assert frames.shape == (5, 32, 32, 3)


def test_an_image_model_with_a_motion_adapter_beside_it_works(model, tmp_path):
    """Weights may be those of Stable Diffusion, with a folder motion_adapter; without it, the message has the cure."""
    parts = {name: getattr(model.pipe, name) for name in ("vae", "text_encoder", "tokenizer", "scheduler")}
    image_model = StableDiffusionPipeline(
        **parts, unet=tiny.image_network(), safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    image_model.save_pretrained(tmp_path / "animatediff", safe_serialization=True)
    where = tiny.checkpoint("animatediff", tmp_path / "animatediff")

    with pytest.raises(BackendError, match="hf download guoyww/animatediff-motion-adapter-v1-5-2 --local-dir"):
        AnimateDiffModel(where, "cpu")
    model.pipe.motion_adapter.save_pretrained(tmp_path / "animatediff" / "motion_adapter")

    assert AnimateDiffModel(where, "cpu").generate(shot(), NOTHING).shape == (5, 32, 32, 3)


def test_weights_of_a_gpu_run_too(model):
    """In bfloat16, with the VAE in float32, text, windows and a restyle still fit; the VAE is not rounded."""
    rounded = AnimateDiffModel(model.checkpoint, "cpu", torch.bfloat16)
    given = Inputs(clip=tiny.clip(5))
    restyle = shot(footage=RESTYLE)
    before = rounded.pipe.vae.decoder.conv_in.weight.clone()

    frames = rounded.generate(restyle, given)

    assert np.abs(frames.astype(int) - model.generate(restyle, given)).mean() < 16
    assert torch.equal(before, rounded.pipe.vae.decoder.conv_in.weight)
    assert rounded.generate(shot(num_frames=18), NOTHING).shape[0] == 18
    assert rounded.generate(shot(), NOTHING).shape[0] == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"look": {"camera": "orbit_left"}}, "animatediff cannot do orbit_left. Choose static, pan_left"),
        ({"look": {"camera": "tilt_up"}}, "motion-lora-tilt-up has no weights"),
        ({"image_sha256": "0" * 64}, "animatediff cannot do image"),
        ({"width": 36}, "36x32 does not fit animatediff. It makes multiples of 16 pixels."),
        ({"num_frames": 65}, "65 frames do not fit animatediff"),
        (
            {"footage": Footage(object="clip.mp4", use="restyle", strength=0.1)},
            "strength 0.1 leaves none of 2 steps. Use 0.50 or more.",
        ),
        ({"adapters": (Adapter(name="none", revision="1"),)}, "adapter none: .* has no weights"),
    ],
)
def test_what_it_cannot_do_is_refused(model, changes, message):
    """A shot that does not fit is refused before any work, with what fits."""
    with pytest.raises(BackendError, match=message):
        model.generate(shot(**changes), Inputs(clip=tiny.clip(5)))
