"""LTX-2 makes clips from words and pictures, continues clips, and doubles their size in a second stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from diffusers import LTX2ConditionPipeline, LTX2ImageToVideoPipeline, LTX2Pipeline
from diffusers.pipelines.ltx2 import LTX2VideoCondition
from diffusers.pipelines.ltx2.pipeline_output import LTX2PipelineOutput
from PIL import Image

import tiny_pipelines as tiny
from campaign_folder import CAMPAIGN, planned, write_campaign
from renderer.artifacts import Adapter, Footage, Shot
from renderer.backends import Inputs, SoundingVideoModel
from renderer.backends.diffusion.ltx import MOST_EMBEDDINGS, NO_GUIDANCE, LtxModel
from renderer.backends.video_models import VIDEO_MODELS, Place
from renderer.engine import InlineEngine
from renderer.errors import BackendError
from renderer.generate import generate
from renderer.loudness import integrated_loudness
from renderer.media import read_stereo
from renderer.store import open_store

NOTHING = Inputs()
PICTURE, LAST = tiny.clip(1), tiny.clip(1, seed=1)
FIRST_LAST = Inputs(image=PICTURE, last_image=LAST)
SHA = "0" * 64
EXTEND = Footage(object="clip.mp4", use="extend")
KINDS = {
    "text": ({}, NOTHING),
    "image": ({"image_sha256": SHA}, Inputs(image=PICTURE)),
    "first_last": ({"image_sha256": SHA, "last_image_sha256": SHA}, FIRST_LAST),
    "extend": ({"footage": EXTEND}, Inputs(clip=tiny.clip(8))),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> LtxModel:
    folder = tiny.save_ltx(tmp_path_factory.mktemp("models") / "ltx-2.5")
    made = LtxModel(tiny.checkpoint("ltx-2.5", folder), "cpu")
    tiny.save_lora(folder.parent / "brand", made.pipe, made.pipe.transformer)
    return made


def shot(**changes: object) -> Shot:
    return tiny.shot("ltx-2.5", **changes)


def own(model: LtxModel, kind: type, **changes: object) -> np.ndarray:
    """Return what the pipeline of diffusers returns, (num_frames, 32, 32, 3) of 255."""
    frames: np.ndarray = called(model, kind, **changes).frames[0] * 255
    return frames


def own_sound(model: LtxModel, kind: type, **changes: object) -> np.ndarray:
    """Return what the pipeline of diffusers lets hear, (num_samples, 2)."""
    audio: torch.Tensor = called(model, kind, **changes).audio[0]
    return audio.numpy().T


def called(model: LtxModel, kind: type, **changes: object) -> LTX2PipelineOutput:
    call = {
        "prompt": "a bottle on wet stone", "width": 32, "height": 32, "num_frames": 5, "frame_rate": 8.0,
        "num_inference_steps": 2, "generator": torch.Generator().manual_seed(1), "output_type": "np",
    }  # fmt: skip
    return model.pipeline(kind)(**call | NO_GUIDANCE | changes)


def test_words_give_what_the_pipeline_itself_returns(model):
    """Denoising to a file and decoding the file gives the very pixels of the pipeline, up to a code value."""
    expected = own(model, LTX2Pipeline)

    frames = model.decode(shot(), model.denoise(shot(), NOTHING), in_tiles=False)

    assert frames.shape == (5, 32, 32, 3)
    assert np.abs(frames - expected).max() <= 0.51


def test_a_picture_gives_what_the_pipeline_itself_returns(model):
    """The same for a first picture."""
    expected = own(model, LTX2ImageToVideoPipeline, image=Image.fromarray(PICTURE[0]))

    frames = model.generate(shot(image_sha256=SHA), Inputs(image=PICTURE))

    assert np.abs(frames - expected).max() <= 0.51


def test_first_and_last_picture_give_what_the_pipeline_itself_returns(model):
    """The same for a first and a last picture, as conditions at both ends."""
    ends = [LTX2VideoCondition(Image.fromarray(PICTURE[0]), 0), LTX2VideoCondition(Image.fromarray(LAST[0]), -1)]
    expected = own(model, LTX2ConditionPipeline, conditions=ends)

    frames = model.generate(shot(image_sha256=SHA, last_image_sha256=SHA), FIRST_LAST)

    assert np.abs(frames - expected).max() <= 0.51


def test_a_last_picture_alone_is_aimed_at(model):
    """A clip from words may end on a picture."""
    end = LTX2VideoCondition(Image.fromarray(LAST[0]), -1)
    expected = own(model, LTX2ConditionPipeline, conditions=[end])

    frames = model.generate(shot(last_image_sha256=SHA), Inputs(last_image=LAST))

    assert np.abs(frames - expected).max() <= 0.51


def test_a_continued_clip_holds_only_new_frames(model):
    """The last 7 of 8 frames are given, which is 1 + 2n; what follows them is the take."""
    clip = tiny.clip(8)
    given = LTX2VideoCondition(clip[-7:], index=0)
    expected = own(model, LTX2ConditionPipeline, conditions=[given], num_frames=13)

    frames = model.generate(shot(footage=EXTEND), Inputs(clip=clip))

    assert frames.shape == (5, 32, 32, 3)
    assert np.abs(frames - expected[7:12]).max() <= 0.51


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_stage_doubles_the_size(model, kind):
    """Every way of making a take works in two stages; the result depends on the seed and repeats."""
    changes, inputs = KINDS[kind]
    large = shot(width=64, height=64, upscale=2, **changes)

    frames = model.generate(large, inputs)

    assert frames.shape == (5, 64, 64, 3)
    assert np.array_equal(frames, model.generate(large, inputs))
    assert not np.array_equal(frames, model.generate(large.model_copy(update={"seed": 2}), inputs))


@pytest.mark.parametrize(("wish", "side"), [("upscale: 1", 32), ("upscale: 2", 64)])
def test_the_rows_sizes_are_those_of_the_first_stage(model, tmp_path, wish, side):
    """A planned shot has them as they are in one stage, and doubled in two; so 1080p is the double of the row's."""
    row = VIDEO_MODELS["ltx-2.5"]
    campaign = CAMPAIGN.replace("id: hero\n", f"id: hero\n    {wish}\n").replace("when:", 'prompt: "lights"\n    when:')
    tiny_row = replace(
        row,
        sizes={"1:1": (32, 32)},
        min_num_frames=5,
        max_num_frames=5,
        num_inference_steps=2,
        licence="Apache-2.0",  # this is not about what a user promised
    )
    shots = planned(write_campaign(tmp_path, campaign=campaign), tiny_row).shots.values()
    hero = next(one for one in shots if one.look.scene == "silk").model_copy(update={"model": "ltx-2.5"})

    frames = model.generate(hero, NOTHING)

    assert frames.shape == (5, side, side, 3)
    assert row.sizes["9:16"] == (1088 // 2, 1920 // 2)
    assert not any(length % model.size_step for size in row.sizes.values() for length in size)


def test_seed_words_and_pictures_make_the_take(model):
    """The same shot gives the same frames; another seed, text, picture or clip gives others."""
    first = model.generate(shot(), NOTHING)

    assert np.array_equal(first, model.generate(shot(), NOTHING))
    assert not np.array_equal(first, model.generate(shot(seed=2), NOTHING))
    assert not np.array_equal(first, model.generate(shot(prompt="silk and light"), NOTHING))
    takes = [model.generate(shot(**changes), inputs).tobytes() for changes, inputs in KINDS.values()]
    assert len(set(takes)) == len(KINDS)


def test_the_sound_stays_in_the_file_of_latents(model):
    """Its latents lie beside those of the picture, and are as long in two stages as in one."""
    tensors = safetensors.torch.load(model.denoise(shot(), NOTHING))
    large = safetensors.torch.load(model.denoise(shot(width=64, height=64, upscale=2), NOTHING))

    assert tensors["audio_latents"].ndim == 4
    assert tensors["audio_latents"].shape == large["audio_latents"].shape
    assert large["latents"].shape[-2:] == (16, 16)


def test_the_sound_is_what_the_pipeline_itself_returns(model):
    """Sample for sample, from the same latents as the frames; then silence, for the last latent ends a little early."""
    expected = own_sound(model, LTX2Pipeline)

    sound = model.sound(shot(sounds=True), model.denoise(shot(sounds=True), NOTHING))

    assert isinstance(model, SoundingVideoModel)
    assert sound.sample_rate == 48_000
    assert sound.samples.shape == (30_000, 2)  # 5 frames, 8 a second
    assert 29_000 < len(expected) <= 30_000
    assert np.array_equal(sound.samples[: len(expected)], expected)
    assert not sound.samples[len(expected) :].any()
    assert sound.samples.std() > 0.01


def test_the_sound_of_a_continued_clip_begins_where_the_clip_ends(model):
    """Of 12 frames that are heard, 7 were given: the take's sound is that of the next 5."""
    clip = tiny.clip(8)
    expected = own_sound(
        model, LTX2ConditionPipeline, conditions=[LTX2VideoCondition(clip[-7:], index=0)], num_frames=13
    )
    asked = shot(footage=EXTEND, sounds=True)

    sound = model.sound(asked, model.denoise(asked, Inputs(clip=clip)))

    assert sound.samples.shape == (30_000, 2)
    assert np.array_equal(sound.samples, expected[42_000:72_000])  # 7 and 12 frames, 8 a second, 48 kHz


@pytest.mark.parametrize("kind", KINDS)
def test_every_take_can_be_heard(model, kind):
    """In one stage and in two, in bfloat16 as on a GPU: as long as the take, and another seed sounds otherwise."""
    changes, inputs = KINDS[kind]
    large = shot(width=64, height=64, upscale=2, sounds=True, **changes)
    rounded = LtxModel(model.checkpoint, "cpu", torch.bfloat16)

    sounds = [
        one.sound(asked, one.denoise(asked, inputs)).samples
        for one, asked in ((model, large), (model, large.model_copy(update={"seed": 2})), (rounded, large))
    ]

    assert all(samples.shape == (30_000, 2) and samples.dtype == np.float32 for samples in sounds)
    assert not np.array_equal(sounds[0], sounds[1])
    assert {part.dtype for part in (rounded.pipe.audio_vae, rounded.pipe.vocoder)} == {torch.float32}


def test_a_scene_that_asks_for_sound_gets_a_take_with_it(model, tmp_path):
    """Planned, made by a worker with weights from a folder, written: the WAV is as long as the picture."""
    campaign = CAMPAIGN.replace("id: hero\n", "id: hero\n    sound: true\n").replace(
        "when:", 'prompt: "lights"\n    when:'
    )
    row = replace(
        VIDEO_MODELS["ltx-2.5"],
        sizes={"1:1": (32, 32)},
        min_num_frames=5,
        max_num_frames=5,
        num_inference_steps=2,
        licence="Apache-2.0",  # this is not about what a user promised
    )
    shots = planned(write_campaign(tmp_path / "campaign", campaign=campaign), row).shots.values()
    named = [one.model_copy(update={"model": "ltx-2.5"}) for one in shots if "Cup" in one.prompt or not one.sounds][:2]
    store = open_store(f"file://{tmp_path / 'store'}")
    place = Place("cpu", models_dir=Path(model.checkpoint.source).parent)

    outcomes = {one.item.sounds: one for one in generate(named, store, InlineEngine(), place)}

    assert [outcome.error for outcome in outcomes.values()] == [None, None]
    heard, unheard = outcomes[True].value, outcomes[False].value
    samples, rate = read_stereo(store.local(heard.sound))
    assert rate == 48_000
    assert len(samples) == 48_000 * heard.num_frames / heard.frame_rate == 10_000
    assert integrated_loudness(samples) > -60
    assert unheard.sound is None


def test_eight_steps_without_guidance_are_those_the_weights_were_distilled_for(model):
    """The noise levels of 8 steps are the authors' own."""
    model.generate(shot(num_inference_steps=8), NOTHING)

    levels = model.pipe.scheduler.sigmas.tolist()

    assert levels == pytest.approx([1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875, 0.0])


def test_an_adapter_changes_the_take(model):
    """A LoRA counts where the shot names it, and only there."""
    plain = model.generate(shot(), NOTHING)
    branded = model.generate(shot(adapters=(Adapter(name="brand", revision="1"),)), NOTHING)

    assert not np.array_equal(plain, branded)
    assert np.array_equal(plain, model.generate(shot(), NOTHING))


def test_few_embeddings_are_kept(model):
    """Embeddings of the real text encoder are hundreds of megabytes: only the last few stay."""
    for number in range(MOST_EMBEDDINGS + 3):
        model.embedding(f"bottle {number}")

    assert len(model._texts) == MOST_EMBEDDINGS


def test_weights_of_a_gpu_run_too(model):
    """In bfloat16, with the VAE in float32, every way of making a take still works."""
    rounded = LtxModel(model.checkpoint, "cpu", torch.bfloat16)

    for changes, inputs in KINDS.values():
        frames = rounded.generate(shot(**changes), inputs)

        assert np.abs(frames.astype(int) - model.generate(shot(**changes), inputs)).mean() < 16
    changes, inputs = KINDS["image"]
    assert rounded.generate(shot(width=64, height=64, upscale=2, **changes), inputs).shape == (5, 64, 64, 3)


def test_a_shot_is_not_made_with_other_weights_than_it_was_planned_for(model):
    """Both commits are named; a shot planned without one, and weights without notes, are taken as they are."""
    here, planned_for = "a" * 40, "b" * 40
    noted = LtxModel(replace(model.checkpoint, commit=here), "cpu")

    with pytest.raises(BackendError, match=f"was planned for ltx-2.5 at revision {planned_for}, and .* holds {here}"):
        noted.generate(shot(revision=f"{planned_for}-1"), NOTHING)
    same = [noted.generate(shot(revision=name), NOTHING).tobytes() for name in ("main-1", f"{here}-1")]
    assert {model.generate(shot(revision=f"{planned_for}-1"), NOTHING).tobytes()} == set(same)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"footage": Footage(object="clip.mp4", use="restyle")}, r"ltx-2\.5 cannot do restyle"),
        ({"width": 48}, r"48x32 does not fit ltx-2\.5\. It makes multiples of 32 pixels\."),
        ({"upscale": 2}, r"32x32 does not fit ltx-2\.5\. It makes multiples of 64 pixels\."),
        ({"upscale": 3, "width": 96, "height": 96}, "makes a take 2 times as large, not 3"),
        ({"guidance_scale": 3.0}, r"guidance_scale 3\. ltx-2\.5 has none; write 1\."),
    ],
)
def test_what_it_cannot_do_is_refused(model, changes, message):
    """A shot that does not fit is refused before any work, with what fits."""
    with pytest.raises(BackendError, match=message):
        model.generate(shot(**changes), Inputs(clip=tiny.clip(8)))
