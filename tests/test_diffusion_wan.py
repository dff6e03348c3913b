import numpy as np
import pytest
import safetensors.torch
import torch
from diffusers import WanImageToVideoPipeline, WanPipeline, WanVideoToVideoPipeline
from PIL import Image

from renderer.artifacts import Adapter, Footage
from renderer.backends import Inputs, LatentVideoModel
from renderer.backends.diffusion.checkpoint import find_checkpoint
from renderer.backends.diffusion.pictures import cover, cover_clip, spread
from renderer.backends.diffusion.wan import WanModel
from renderer.errors import BackendError, OutOfMemory
from tiny_wan import (
    clip_of,
    save_adapter,
    save_image_to_video,
    save_text_and_image_to_video,
    save_text_to_video,
    shot_of,
)

T2V, I2V, TI2V = "wan2.2-t2v-a14b", "wan2.2-i2v-a14b", "wan2.2-ti2v-5b"
I2V_4STEP, TI2V_3STEP = "wan2.2-i2v-a14b-4step", "wan2.2-ti2v-5b-3step"
LOOPS = shot_of(T2V).look.model_copy(update={"loop": True})
PICTURE, OTHER_PICTURE = clip_of(1, seed=1), clip_of(1, seed=2)


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory):
    """Tiny weights in folders named as the models."""
    folder = tmp_path_factory.mktemp("wan")
    save_text_to_video(folder / T2V)
    save_image_to_video(folder / I2V)
    save_text_and_image_to_video(folder / TI2V)
    save_text_and_image_to_video(folder / TI2V_3STEP)
    save_image_to_video(folder / I2V_4STEP)
    for number, name in enumerate(("high", "low")):
        save_adapter(folder / I2V_4STEP / "distilled" / f"{name}_noise_model.safetensors", seed=number)
    for number, name in enumerate(("gloss", "film")):
        save_adapter(folder / f"{name}.safetensors", seed=number)
    return folder


def load(models_dir, name: str) -> WanModel:
    return WanModel(find_checkpoint(name, "a/b", "main", models_dir, may_download=False), "cpu")


@pytest.fixture(scope="module")
def t2v(models_dir):
    return load(models_dir, T2V)


@pytest.fixture(scope="module")
def i2v(models_dir):
    return load(models_dir, I2V)


@pytest.fixture(scope="module")
def ti2v(models_dir):
    return load(models_dir, TI2V)


def uint8(video) -> np.ndarray:
    """What a pipeline returns as "np", (1, num_frames, height, width, 3) in [0, 1], as frames."""
    return (video[0] * 255).round().astype(np.uint8)


def words(shot) -> dict:
    """The arguments that any pipeline of Wan is called with for this shot."""
    return {
        "prompt": shot.prompt,
        "negative_prompt": shot.negative_prompt,
        "width": shot.width,
        "height": shot.height,
        "num_inference_steps": shot.num_inference_steps,
        "guidance_scale": shot.guidance_scale,
        "generator": torch.Generator("cpu").manual_seed(shot.seed),
        "output_type": "np",
    }


def differ(first, second) -> float:
    return float(np.abs(first.astype(int) - second).mean())


def test_text_gives_the_frames_of_the_pipeline(t2v, models_dir):
    """Denoising, keeping the latents as a file and decoding them changes no pixel of what diffusers returns."""
    shot = shot_of(T2V)
    pipe = WanPipeline.from_pretrained(models_dir / T2V)
    expected = uint8(pipe(**words(shot), num_frames=shot.num_frames, guidance_scale_2=3.0).frames)

    frames = t2v.decode(shot, t2v.denoise(shot, Inputs()), in_tiles=False)

    assert np.array_equal(expected, frames)
    assert (frames.shape, frames.dtype) == ((9, 32, 64, 3), np.uint8)


def test_both_networks_of_a14b_have_their_part(t2v):
    """The first network works on strong noise, the second on the rest."""
    calls = []
    hooks = [
        network.register_forward_hook(lambda *_, name=name: calls.append(name))
        for name, network in (("high", t2v.pipe.transformer), ("low", t2v.pipe.transformer_2))
    ]
    t2v.generate(shot_of(T2V, guidance_scale=1.0, num_inference_steps=4), Inputs())
    t2v.generate(
        shot_of(T2V, guidance_scale=1.0, num_inference_steps=4, footage=Footage(object="c", use="restyle", strength=1)),
        Inputs(clip=clip_of(9)),
    )
    for hook in hooks:
        hook.remove()

    assert calls == 2 * ["high", "high", "low", "low"]


def test_a_picture_gives_the_frames_of_the_pipeline(i2v, models_dir):
    """The product's picture, scaled and cut to the shot, is the first frame that the network sees."""
    shot = shot_of(I2V, image_sha256="1")
    pipe = WanImageToVideoPipeline.from_pretrained(models_dir / I2V)
    image = Image.fromarray(cover(PICTURE[0], 64, 32))
    expected = uint8(pipe(**words(shot), num_frames=shot.num_frames, image=image).frames)

    frames = i2v.generate(shot, Inputs(image=PICTURE))

    assert np.array_equal(expected, frames)


def test_two_pictures_give_the_frames_of_the_pipeline(i2v, models_dir):
    """A last picture counts, and a loop is a take whose first and last picture are the same."""
    shot = shot_of(I2V, image_sha256="1", last_image_sha256="2")
    loop = shot_of(I2V, image_sha256="1", look=LOOPS)
    pipe = WanImageToVideoPipeline.from_pretrained(models_dir / I2V)
    first, last = (Image.fromarray(cover(picture[0], 64, 32)) for picture in (PICTURE, OTHER_PICTURE))
    expected = uint8(pipe(**words(shot), num_frames=9, image=first, last_image=last).frames)
    expected_loop = uint8(pipe(**words(loop), num_frames=9, image=first, last_image=first).frames)

    assert np.array_equal(expected, i2v.generate(shot, Inputs(image=PICTURE, last_image=OTHER_PICTURE)))
    assert np.array_equal(expected_loop, i2v.generate(loop, Inputs(image=PICTURE)))


def test_a_picture_is_encoded_once_for_all_its_takes(i2v):
    """Takes that differ in seed or words share the encoding of their picture; another picture or length does not."""
    runs = []
    hook = i2v.pipe.vae.encoder.register_forward_hook(lambda *_: runs.append(1))
    counts = []
    picture = clip_of(1, seed=7)
    for changes in ({}, {"seed": 2}, {"prompt": "a bottle in snow"}, {"num_frames": 5}):
        i2v.denoise(shot_of(I2V, image_sha256="7", **changes), Inputs(image=picture))
        counts.append(len(runs))
    i2v.denoise(shot_of(I2V, image_sha256="8"), Inputs(image=clip_of(1, seed=8)))
    hook.remove()

    assert counts[0] == counts[1] == counts[2]
    assert counts[2] < counts[3] < len(runs)


def test_the_network_of_16_pixel_latents_makes_text_and_picture_takes(ti2v, models_dir):
    """TI2V-5B, with a timestep for each token where there is a picture, gives the pipelines' frames.

    Without one, all tokens are at the same time, and saying it once rounds elsewhere.
    """
    shot, begins = shot_of(TI2V, width=64, height=64), shot_of(TI2V, width=64, height=64, image_sha256="1")
    text = WanPipeline.from_pretrained(models_dir / TI2V)
    picture = WanImageToVideoPipeline(**text.components, expand_timesteps=True)
    expected = uint8(text(**words(shot), num_frames=9).frames)
    image = Image.fromarray(cover(PICTURE[0], 64, 64))
    expected_image = uint8(picture(**words(begins), num_frames=9, image=image).frames)

    made = ti2v.generate(shot, Inputs()).astype(int)
    assert np.abs(made - expected).max() <= 1
    assert (made != expected).mean() < 0.001
    assert np.array_equal(expected_image, ti2v.generate(begins, Inputs(image=PICTURE)))


def test_a_clip_painted_anew_gives_the_frames_of_the_pipeline(models_dir, t2v):
    """Where one network does it all, restyling is WanVideoToVideoPipeline on the clip, fitted to size and length."""
    shot = shot_of(T2V, num_inference_steps=4, footage=Footage(object="c", use="restyle", strength=0.5))
    clip = clip_of(20)
    text = WanPipeline.from_pretrained(models_dir / T2V)
    names = ("tokenizer", "text_encoder", "vae", "scheduler")
    low = WanVideoToVideoPipeline(**{name: getattr(text, name) for name in names}, transformer=text.transformer_2)
    low.scheduler.set_timesteps(4)
    assert low.scheduler.timesteps[2] < 875  # from here on only the second network is asked
    video = [Image.fromarray(frame) for frame in cover_clip(spread(clip, 9), 64, 32)]
    expected = uint8(low(**words(shot), video=video, strength=0.5).frames)

    assert np.array_equal(expected, t2v.generate(shot, Inputs(clip=clip)))


def test_a_clip_is_kept_or_lost_as_strength_says(ti2v):
    """The stronger, the less of the clip is left in the latents; also where latents are 16 pixels wide."""
    clip = clip_of(9)
    made = []
    for strength in (0.25, 0.5, 1.0):
        footage = Footage(object="c", use="restyle", strength=strength)
        shot = shot_of(TI2V, width=64, height=64, num_inference_steps=4, footage=footage)
        made.append(ti2v.generate(shot, Inputs(clip=clip)))
    from_words = ti2v.generate(shot_of(TI2V, width=64, height=64, num_inference_steps=4), Inputs())

    assert made[0].shape == (9, 64, 64, 3)
    assert differ(made[0], from_words) > differ(made[1], from_words) > differ(made[2], from_words)


def test_same_seed_same_frames_other_seed_other_frames(t2v):
    """A take can be made again, and retaken."""
    first, again, other = (t2v.generate(shot_of(T2V, seed=seed), Inputs()) for seed in (5, 5, 6))

    assert np.array_equal(first, again)
    assert differ(first, other) > 5


def test_words_count_and_are_encoded_once(t2v):
    """A text costs one run of the text encoder, however many takes use it, and other words give other frames."""
    runs = []
    hook = t2v.pipe.text_encoder.register_forward_hook(lambda *_: runs.append(1))
    texts = {"prompt": "neon-lit glass", "negative_prompt": "text"}
    first = t2v.generate(shot_of(T2V, **texts), Inputs())
    t2v.generate(shot_of(T2V, **texts, seed=9), Inputs())
    assert len(runs) == 2
    other = t2v.generate(shot_of(T2V, **{**texts, "prompt": "snow"}), Inputs())
    hook.remove()

    assert len(runs) == 3
    assert differ(first, other) > 0


def test_the_text_encoder_may_leave_until_a_new_text_comes(models_dir):
    """Known texts need no text encoder; a new one calls it back."""
    model = load(models_dir, TI2V)
    shot, new = shot_of(TI2V, width=64, height=64), shot_of(TI2V, width=64, height=64, prompt="snow")
    before = model.generate(shot, Inputs())

    assert model.release_text_encoder()
    assert not model.release_text_encoder()
    assert model.pipe.text_encoder is None
    assert np.array_equal(before, model.generate(shot, Inputs()))
    assert model.generate(new, Inputs()).shape == before.shape
    assert model.pipe.text_encoder is not None


def test_decoding_in_tiles_is_that_of_the_pipeline_and_ends_with_it(models_dir, t2v):
    """Tiles are those of diffusers, and the next decode works on whole frames again."""
    shot = shot_of(T2V, width=96, height=96)
    tiles = dict.fromkeys(("tile_sample_min_height", "tile_sample_min_width"), 64)
    strides = dict.fromkeys(("tile_sample_stride_height", "tile_sample_stride_width"), 48)
    pipe = WanPipeline.from_pretrained(models_dir / T2V)
    pipe.vae.enable_tiling(**tiles, **strides)
    expected = uint8(pipe(**words(shot), num_frames=9, guidance_scale_2=3.0).frames)
    for name, size in (tiles | strides).items():
        setattr(t2v.pipe.vae, name, size)
    latents = t2v.denoise(shot, Inputs())
    whole = t2v.decode(shot, latents, in_tiles=False)

    assert np.array_equal(expected, t2v.decode(shot, latents, in_tiles=True))
    assert not np.array_equal(expected, whole)
    assert np.array_equal(whole, t2v.decode(shot, latents, in_tiles=False))


def test_few_steps_of_a_distilled_network_are_those_it_was_trained_at(models_dir):
    """Four steps of A14B follow the flow at 1000, 937.5, 833.3 and 625: two for each network, and no guidance."""
    model = load(models_dir, I2V_4STEP)
    asked = []
    hooks = [
        network.register_forward_pre_hook(
            lambda _, __, options, name=name: asked.append((name, float(options["timestep"][0]))), with_kwargs=True
        )
        for name, network in (("high", model.pipe.transformer), ("low", model.pipe.transformer_2))
    ]
    shot = shot_of(I2V_4STEP, image_sha256="1", num_inference_steps=4, guidance_scale=1.0)
    frames = model.generate(shot, Inputs(image=PICTURE))
    for hook in hooks:
        hook.remove()

    assert [("high", 1000), ("high", 937.5), ("low", pytest.approx(833.33, abs=0.1)), ("low", 625)] == asked
    assert frames.shape == (9, 32, 64, 3)


def test_distilled_weights_are_added_for_good(models_dir):
    """The adapters of a distilled model are part of its weights, not adapters that a shot switches."""
    model = load(models_dir, I2V_4STEP)
    base = WanImageToVideoPipeline.from_pretrained(models_dir / I2V)
    weight = "blocks.0.attn1.to_q.weight"

    for part in ("transformer", "transformer_2"):
        changed, plain = (getattr(pipe, part).state_dict()[weight] for pipe in (model.pipe, base))
        assert float((changed - plain).abs().mean()) > 0.01
    assert model.pipe.get_list_adapters() == {}


def test_a_distilled_model_without_its_adapters_is_refused(models_dir, tmp_path):
    """Four steps with weights that need forty would be noise, so they do not start."""
    (tmp_path / I2V_4STEP).symlink_to(models_dir / I2V)

    with pytest.raises(
        BackendError, match=r"high_noise_model.safetensors is missing.*hf download lightx2v/Wan2.2-Light"
    ):
        load(tmp_path, I2V_4STEP)


def test_three_steps_add_the_shots_own_noise(models_dir):
    """FastWan draws fresh noise at each step; it comes from the shot's seed, so the take repeats."""
    model = load(models_dir, TI2V_3STEP)
    shot = shot_of(TI2V_3STEP, width=64, height=64, num_inference_steps=3, guidance_scale=1.0)
    first = model.generate(shot, Inputs())
    torch.manual_seed(99)
    again = model.generate(shot, Inputs())
    other = model.generate(shot.model_copy(update={"seed": 3}), Inputs())

    assert np.array_equal(first, again)
    assert differ(first, other) > 1


def test_adapters_change_the_take_and_are_switched_only_when_they_change(models_dir):
    """Shots that share adapters load nothing; without adapters the take is as it was before any came."""
    model = load(models_dir, T2V)
    gloss = Adapter(name="gloss.safetensors", revision="1")
    film = Adapter(name="film.safetensors", revision="1", weight=0.5)
    plain = model.generate(shot_of(T2V), Inputs())
    glossy = model.generate(shot_of(T2V, adapters=(gloss,)), Inputs())
    model.generate(shot_of(T2V, adapters=(gloss,), seed=2), Inputs())
    assert model.adapters.loads == 1
    both = model.generate(shot_of(T2V, adapters=(gloss, film)), Inputs())
    weaker = model.generate(shot_of(T2V, adapters=(gloss.model_copy(update={"weight": 0.1}),)), Inputs())
    assert model.adapters.loads == 2
    plain_again = model.generate(shot_of(T2V), Inputs())
    glossy_again = model.generate(shot_of(T2V, adapters=(gloss,)), Inputs())

    assert model.adapters.loads == 2
    assert np.array_equal(plain, plain_again)
    assert np.array_equal(glossy, glossy_again)
    assert min(differ(plain, glossy), differ(glossy, both), differ(glossy, weaker)) > 0.5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "adapter absent: .* has no weights. Put a file or folder of .*safetensors there"),
        ("../gloss.safetensors", "lies outside of"),
        ("unsafe.bin", "is not safetensors, and opening it may run code"),
        ("wide.safetensors", f"adapter wide.safetensors: does not fit {T2V} .*size mismatch"),
        ("of_an_image_model.safetensors", f"does not fit {T2V} .none of its weights are of it."),
    ],
)
def test_an_adapter_that_cannot_be_used_is_named(models_dir, name, message, t2v):
    """Missing, unsafe and foreign adapters are told apart, and the next shot works as before."""
    (models_dir / "unsafe.bin").write_bytes(b"")
    save_adapter(models_dir / "wide.safetensors", seed=0, heads=3)
    image_model = {"unet.mid.to_q.lora_A.weight": torch.ones(2, 24), "unet.mid.to_q.lora_B.weight": torch.ones(24, 2)}
    safetensors.torch.save_file(image_model, models_dir / "of_an_image_model.safetensors")
    adapters = Adapter(name="gloss.safetensors", revision="1"), Adapter(name=name, revision="1")
    before = t2v.generate(shot_of(T2V), Inputs())

    with pytest.raises(BackendError, match=message):
        t2v.denoise(shot_of(T2V, adapters=adapters), Inputs())
    assert np.array_equal(before, t2v.generate(shot_of(T2V), Inputs()))


CLIP = Footage(object="clip", use="restyle")


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("t2v", {"image_sha256": "1"}, f"{T2V} cannot do image. It can do adapter, restyle, text."),
        ("t2v", {"keeps_product": True}, "cannot do background"),
        ("t2v", {"upscale": 2}, "cannot do upscale"),
        ("t2v", {"footage": Footage(object="c", use="extend")}, "cannot do extend"),
        ("t2v", {"look": LOOPS}, "cannot do loop"),
        ("i2v", {}, "cannot do text"),
        ("ti2v", {"image_sha256": "1", "last_image_sha256": "2", "height": 64}, "cannot do first_last"),
        ("i2v", {"image_sha256": "1"}, "the product's picture is absent"),
        ("t2v", {"footage": CLIP}, "the footage is absent"),
        ("t2v", {"width": 72}, "72x32 does not fit wan2.2-t2v-a14b. It makes multiples of 16 pixels."),
        ("ti2v", {"height": 48}, "64x48 does not fit wan2.2-ti2v-5b. It makes multiples of 32 pixels."),
        ("t2v", {"num_frames": 8}, "8 frames do not fit wan2.2-t2v-a14b. It makes 1 . 4n frames, at most 81."),
        ("t2v", {"num_frames": 85}, "85 frames do not fit"),
    ],
)
def test_a_shot_that_does_not_fit_is_refused_in_words(request, model, changes, message):
    """What a model cannot do, and what of the shot is missing, is said before it starts."""
    network = request.getfixturevalue(model)

    with pytest.raises(BackendError, match=message):
        network.denoise(shot_of(network.checkpoint.name, **changes), Inputs())


def test_what_only_wan_minds_is_refused_in_words(t2v, i2v, models_dir):
    """Footage with a picture, a restyle too weak for its steps, a loop with an end, other numbers of steps, guidance."""
    weak = shot_of(T2V, footage=Footage(object="c", use="restyle", strength=0.4))
    loop = shot_of(I2V, image_sha256="1", last_image_sha256="2", look=LOOPS)
    few = load(models_dir, TI2V_3STEP)
    with pytest.raises(BackendError, match="cannot do reference"):
        t2v.denoise(shot_of(T2V, footage=CLIP, image_sha256="1"), Inputs(clip=clip_of(9), image=PICTURE))
    with pytest.raises(BackendError, match=r"strength 0.4 of 2 steps leaves none. Write at least 0.50"):
        t2v.denoise(weak, Inputs(clip=clip_of(9)))
    with pytest.raises(BackendError, match="a loop ends as it began"):
        i2v.denoise(loop, Inputs(image=PICTURE, last_image=PICTURE))
    with pytest.raises(BackendError, match=r"2 steps. wan2.2-ti2v-5b-3step is distilled to 3"):
        few.denoise(shot_of(TI2V_3STEP, width=64, height=64, guidance_scale=1.0), Inputs())
    with pytest.raises(BackendError, match=r"guidance_scale 4. wan2.2-ti2v-5b-3step has none; write 1"):
        few.denoise(shot_of(TI2V_3STEP, width=64, height=64, num_inference_steps=3), Inputs())


def test_latents_are_a_file_of_their_shot(t2v):
    """The file is safetensors, names its shot, and another shot's or a broken file is not decoded."""
    shot = shot_of(T2V)
    file = t2v.denoise(shot, Inputs())

    assert safetensors.torch.load(file)["latents"].shape == (1, 16, 3, 4, 8)
    with pytest.raises(BackendError, match=r"shot shot_2: these latents belong to shot shot_1. Denoise it again."):
        t2v.decode(shot_of(T2V, key="shot_2"), file, in_tiles=False)
    with pytest.raises(BackendError, match="shot shot_1: its latents are not readable"):
        t2v.decode(shot, file[:50], in_tiles=False)


class Crowded(WanModel):
    """Runs out of memory as a card would, while the text encoder is there, or for good."""

    for_good = False

    def sample(self, shot, inputs):
        self.embedding(shot.prompt)
        if self.for_good or self.pipe.text_encoder is not None:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has ...")
        return {"latents": torch.zeros(1, 48, 3, 4, 4)}


def test_when_memory_runs_out_the_text_encoder_leaves_first(models_dir):
    """Then the work is tried once more; if it still does not fit, the error says so and may be retried."""
    model = Crowded(find_checkpoint(TI2V, "a/b", "main", models_dir, may_download=False), "cpu")
    shot = shot_of(TI2V, width=64, height=64)
    assert isinstance(model, LatentVideoModel)
    assert model.generate(shot, Inputs()).shape == (9, 64, 64, 3)
    model.for_good = True

    with pytest.raises(
        OutOfMemory, match=r"denoising 64x64, 9 frames: the card has too little memory .CUDA out of mem"
    ):
        model.denoise(shot, Inputs())


def test_a_broken_checkpoint_is_named(models_dir, tmp_path):
    """Weights that do not load are the model's fault in the message, not a trace from within a library."""
    folder = save_text_to_video(tmp_path / T2V)
    (folder / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"half a download")

    with pytest.raises(BackendError, match=f"model {T2V}: .* does not load .*Fetch the weights again."):
        load(tmp_path, T2V)


def test_pictures_are_cut_to_the_shot_not_squeezed():
    """A wide picture loses its sides, a high one top and bottom; both keep their middle and proportions."""
    wide = np.zeros((10, 40, 3), np.uint8)
    wide[:, 15:25] = 200

    square = cover(wide, 20, 20)
    high = cover(wide.transpose(1, 0, 2), 20, 20)

    assert square.shape == (20, 20, 3)
    assert (square[:, 2:18] > 150).all()
    assert np.abs(square.astype(int) - high.transpose(1, 0, 2)).max() <= 2
    assert np.array_equal(wide, cover(wide, 40, 10))


def test_networks_may_be_rounded_the_vae_is_not(models_dir, ti2v):
    """In bfloat16, as on a card, all abilities work, the VAE keeps float32, and takes are nearly those of float32."""
    model = WanModel(find_checkpoint(TI2V, "a/b", "main", models_dir, may_download=False), "cpu", torch.bfloat16)
    shot = shot_of(TI2V, width=64, height=64)
    begins = shot_of(TI2V, width=64, height=64, image_sha256="1")
    anew = shot_of(TI2V, width=64, height=64, footage=Footage(object="c", use="restyle"))

    assert (torch.bfloat16, torch.bfloat16, torch.float32) == (
        model.pipe.transformer.dtype,
        model.pipe.text_encoder.dtype,
        model.pipe.vae.dtype,
    )
    for asked, given in ((shot, Inputs()), (begins, Inputs(image=PICTURE)), (anew, Inputs(clip=clip_of(9)))):
        assert differ(model.generate(asked, given), ti2v.generate(asked, given)) < 2
