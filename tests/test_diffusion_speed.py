"""What makes networks fast changes nothing, or only what a shot asked for. Kernels of GPUs are in tests/gpu."""

import threading
from copy import deepcopy

import numpy as np
import pytest
import torch
from peft import LoraConfig
from torch import nn
from torch.nn import functional

from renderer.artifacts import Adapter
from renderer.backends import Inputs
from renderer.backends.diffusion import float8, wan_decoder
from renderer.backends.diffusion.checkpoint import Checkpoint
from renderer.backends.diffusion.float8 import Float8Linear, Rounding
from renderer.backends.diffusion.kernels import attention
from renderer.backends.diffusion.wan import WanModel
from renderer.backends.diffusion.wan_decoder import WanDecoder
from renderer.backends.diffusion.wan_tuning import Tuning
from renderer.errors import BackendError
from tiny_wan import (
    clip_of,
    save_adapter,
    save_image_to_video,
    save_text_and_image_to_video,
    save_text_to_video,
    shot_of,
    vae_of_8_pixels,
    vae_of_16_pixels,
)

T2V, I2V, TI2V, TI2V_3STEP = "wan2.2-t2v-a14b", "wan2.2-i2v-a14b", "wan2.2-ti2v-5b", "wan2.2-ti2v-5b-3step"
PICTURE = clip_of(1, seed=1)


def load(name: str, folder) -> WanModel:
    return WanModel(Checkpoint(name, str(folder)), "cpu")


@pytest.fixture(scope="module")
def t2v(tmp_path_factory):
    return load(T2V, save_text_to_video(tmp_path_factory.mktemp("t2v")))


@pytest.fixture(scope="module")
def ti2v_folder(tmp_path_factory):
    return save_text_and_image_to_video(tmp_path_factory.mktemp("ti2v"))


# Decoding


@pytest.mark.parametrize("num_frames", [1, 2, 3, 8])
@pytest.mark.parametrize("chunk_frames", [1, 2, 5])
@pytest.mark.parametrize("vae_of", [vae_of_8_pixels, vae_of_16_pixels])
def test_many_frames_at_a_time_give_the_pictures_of_diffusers(vae_of, chunk_frames, num_frames, monkeypatch):
    """Chunks, paired frames and folded kernels are the same sums in another order, for both VAEs and any length."""
    monkeypatch.setattr(wan_decoder, "CHUNK_FRAMES", chunk_frames)
    vae = vae_of().eval()
    for weight in vae.parameters():  # norms and biases of fresh weights are one and nought
        weight.data += 0.05 * torch.randn_like(weight)
    latents = torch.randn(1, vae.config.z_dim, num_frames, 3, 5)
    with torch.no_grad():
        expected = vae.decode(latents, return_dict=False)[0]

    decoded = WanDecoder(vae, torch.device("cpu"), torch.float32).decode(latents)

    assert decoded.shape == expected.shape
    assert float(expected.std()) > 0.1
    assert torch.allclose(expected, decoded, atol=1e-4)


def test_a_decoder_forgets_the_clip_before(t2v):
    """Decoding one clip leaves nothing behind that the next would see."""
    decoder = WanDecoder(t2v.pipe.vae, torch.device("cpu"), torch.float32)
    first, second = (torch.randn(1, 16, 4, 4, 4) for _ in range(2))
    alone = decoder.decode(second)

    decoder.decode(first)

    assert torch.equal(alone, decoder.decode(second))


# Attention


def test_sparse_attention_is_exact_attention_with_far_frames_left_out():
    """Each group of frames sees itself, some on either side, and the first; nothing else."""
    torch.manual_seed(0)
    frames, tokens = 17, 3
    query, key, value = (torch.randn(1, frames * tokens, 2, 8) for _ in range(3))
    of = torch.arange(frames * tokens) // tokens
    begin = of // attention.GROUP_FRAMES * attention.GROUP_FRAMES
    end = (begin + attention.GROUP_FRAMES).clamp_max(frames)
    near = (of >= (begin - attention.NEAR_FRAMES)[:, None]) & (of < (end + attention.NEAR_FRAMES)[:, None])
    seen = near | (of == 0)
    heads_first = (part.transpose(1, 2) for part in (query, key, value))
    expected = functional.scaled_dot_product_attention(*heads_first, attn_mask=seen).transpose(1, 2)

    found = attention.sparse(attention.by_pytorch, tokens)(query, key, value)

    assert not bool(seen.all())
    assert torch.allclose(expected, found, atol=1e-6)


def test_sparse_attention_changes_a_long_take_and_no_short_one(t2v):
    """Where all frames are near each other nothing is left out."""
    long = {"num_frames": 81, "num_inference_steps": 1, "guidance_scale": 1.0}
    for changes, is_same in (({}, True), (long, False)):
        shot = shot_of(T2V, **changes)
        exact = t2v.denoise(shot, Inputs())
        sparse = t2v.denoise(shot.model_copy(update={"approximations": ("sparse_attention",)}), Inputs())
        assert (exact == sparse) is is_same
        assert exact == t2v.denoise(shot, Inputs())


def test_8_bit_attention_without_a_card_says_what_it_needs(t2v):
    """No wrong pictures, and no crash in a kernel."""
    with pytest.raises(BackendError, match="fp8_attention: needs a GPU of NVIDIA's Hopper generation"):
        t2v.denoise(shot_of(T2V, approximations=("fp8_attention",)), Inputs())


# Blocks


@pytest.mark.parametrize("adapter", [False, True])
@pytest.mark.parametrize("times", ["one", "two"])
def test_fused_blocks_are_those_of_diffusers(times, adapter, t2v, ti2v_folder):
    """The same sums in fewer passes: for one time, for a first frame at another, and with adapters over the layers."""
    model = t2v if times == "one" else load(TI2V, ti2v_folder)
    network = deepcopy(model.pipe.transformer)
    if adapter:
        network.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=["to_q", "to_v", "proj"]))
    tokens_per_frame, frames = 2 * 3, 4
    latents = torch.randn(1, network.config.in_channels, frames, 4, 6)
    timestep = torch.full((1,), 700.0)
    if times == "two":
        timestep = timestep.repeat(1, frames * tokens_per_frame)
        timestep[:, :tokens_per_frame] = 0
    inputs = {"timestep": timestep, "encoder_hidden_states": torch.randn(1, 7, 16), "return_dict": False}
    with torch.no_grad():
        expected = network(latents, **inputs)[0]
        tuning = Tuning([network], torch.device("cpu"), fuses=True)
        tuning.use(shot_of(T2V), tokens_per_frame)

        found = network(latents, **inputs)[0]

    assert float(expected.std()) > 0.01
    assert torch.allclose(expected, found, atol=1e-5, rtol=1e-4)


def test_fused_blocks_take_rounded_layers(t2v, monkeypatch):
    """In 8 bits they are near the exact ones, and exact again when that is over."""
    monkeypatch.setattr(float8, "LEAST_FEATURES", 8)
    monkeypatch.setattr(float8, "SIDE_STEP", 8)
    network = deepcopy(t2v.pipe.transformer).bfloat16()
    inputs = {"timestep": torch.full((1,), 700.0), "encoder_hidden_states": torch.randn(1, 7, 16).bfloat16()}
    latents = torch.randn(1, 16, 4, 4, 6).bfloat16()
    tuning = Tuning([network], torch.device("cpu"), fuses=True)
    answers = []
    with torch.no_grad():
        for approximations in ((), ("fp8_linear",), ()):
            tuning.use(shot_of(T2V, approximations=approximations), 6)
            answers.append(network(latents, **inputs, return_dict=False)[0].float())
    exact, rounded, again = answers

    assert torch.equal(exact, again)
    assert 0.001 < float((rounded - exact).norm() / exact.norm()) < 0.2


# 8-bit products


def test_a_rounded_layer_is_near_the_exact_one_whatever_the_size_of_rows_and_outputs():
    """Rows and outputs a thousand times larger than others lose no more of their precision."""
    torch.manual_seed(0)
    layer = nn.Linear(512, 512, dtype=torch.bfloat16)
    layer.weight.data *= torch.logspace(-3, 0, 512).view(-1, 1)
    layer.bias.data.zero_()
    rows = torch.randn(2, 20, 512, dtype=torch.bfloat16) * torch.logspace(-3, 3, 20).view(1, -1, 1)
    rows = rows.bfloat16()

    with torch.no_grad():
        found, expected = Float8Linear(layer)(rows).float(), layer(rows).float()

    errors = (found - expected).norm(dim=2) / expected.norm(dim=2)
    assert found.shape == expected.shape
    assert 0.001 < float(errors.max()) < 0.06
    assert torch.isfinite(Float8Linear(layer)(torch.zeros_like(rows))).all()


def test_rounding_comes_and_goes(t2v, monkeypatch):
    """A shot in 8 bits differs; the next one without is what it was before, bit for bit."""
    monkeypatch.setattr(float8, "LEAST_FEATURES", 8)
    monkeypatch.setattr(float8, "SIDE_STEP", 1)
    layers = nn.ModuleList([nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32)), nn.Linear(32, 4)])
    before = [layers[0][0], layers[0][2], layers[1]]
    rounding = Rounding(layers)

    rounding.use(True)
    rounded = [layers[0][0], layers[0][2], layers[1]]
    rounding.use(True)
    rounding.use(False)

    assert [type(layer) for layer in rounded] == [Float8Linear, Float8Linear, nn.Linear]
    assert [layers[0][0], layers[0][2], layers[1]] == before


def test_adapters_lie_over_rounded_layers_too(tmp_path, monkeypatch):
    """A campaign may ask for both; either leaves nothing behind when it is no longer asked for."""
    monkeypatch.setattr(float8, "LEAST_FEATURES", 8)
    monkeypatch.setattr(float8, "SIDE_STEP", 8)
    folder = save_text_to_video(tmp_path / T2V)
    save_adapter(tmp_path / "gloss.safetensors", seed=0)
    model = WanModel(Checkpoint(T2V, str(folder), models_dir=tmp_path), "cpu", torch.bfloat16)
    gloss = {"adapters": (Adapter(name="gloss.safetensors", revision=""),)}
    rounds = {"approximations": ("fp8_linear",)}
    takes = [
        model.denoise(shot_of(T2V, **changes), Inputs())
        for changes in ({}, rounds, gloss, rounds | gloss, gloss, rounds, {})
    ]

    assert takes[:3] == [takes[6], takes[5], takes[4]]
    assert len(set(takes)) == 4


def test_a_gpu_machine_without_a_compiler_says_so_before_it_denoises(monkeypatch):
    """Triton would say it in the middle of the first take."""
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(BackendError, match="no C compiler, which Triton needs"):
        Tuning([], torch.device("cuda"), fuses=True)


# Shared steps


@pytest.mark.parametrize(("name", "guidance_scale", "steps"), [(TI2V, 5.0, 4), (TI2V_3STEP, 1.0, 3)])
@pytest.mark.parametrize("inputs", [Inputs(), Inputs(image=PICTURE)])
def test_a_take_under_the_shared_prompt_is_the_same_as_alone(name, guidance_scale, steps, inputs, ti2v_folder):
    """Leaving a trajectory and coming back changes nothing: not the solver's memory, not the noise that is added."""
    model = load(name, ti2v_folder)
    shot = shot_of(
        name,
        guidance_scale=guidance_scale,
        num_inference_steps=steps,
        image_sha256="1" if inputs.image is not None else None,
    )
    alone = model.denoise(shot, inputs)
    for shared_steps in range(1, steps):
        shared = shot.model_copy(update={"shared_steps": shared_steps, "shared_prompt": shot.prompt})
        assert model.denoise(shared, inputs) == alone


def test_takes_that_differ_in_their_prompt_share_their_first_steps(ti2v_folder):
    """Three takes of four steps, half of them shared, call the network eight times instead of twelve."""
    model = load(TI2V, ti2v_folder)
    calls = []
    model.pipe.transformer.register_forward_hook(lambda *_: calls.append(1))
    common = {"num_inference_steps": 4, "guidance_scale": 1.0, "shared_steps": 2, "shared_prompt": "a red shoe"}
    takes = [
        model.denoise(shot_of(TI2V, key=f"shot_{n}", prompt=prompt, **common), Inputs())
        for n, prompt in enumerate(("a red shoe on wet stone", "a bottle in snow", "neon-lit glass"))
    ]

    assert len(calls) == 2 + 3 * 2
    assert len(set(takes)) == 3

    model.denoise(shot_of(TI2V, key="other", prompt="a bottle", **{**common, "seed": 2}), Inputs())
    assert len(calls) == 8 + 4


def test_what_a_model_cannot_share_is_refused(t2v):
    """All steps shared would leave nothing of the prompt."""
    with pytest.raises(BackendError, match="cannot share 2 of 2 steps"):
        t2v.denoise(shot_of(T2V, shared_steps=2, shared_prompt="a"), Inputs())


# Threads


def test_two_threads_get_the_takes_that_one_gets(tmp_path):
    """Workers denoise one shot while they decode another."""
    model = load(I2V, save_image_to_video(tmp_path))
    shots = [shot_of(I2V, key=f"shot_{n}", seed=n, image_sha256="1") for n in range(6)]
    inputs = Inputs(image=PICTURE)
    alone = [model.generate(shot, inputs) for shot in shots]
    together: dict[str, np.ndarray] = {}

    def work(mine) -> None:
        for shot in mine:
            together[shot.key] = model.generate(shot, inputs)

    threads = [threading.Thread(target=work, args=(shots[number::3],)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(np.array_equal(frames, together[shot.key]) for shot, frames in zip(shots, alone, strict=True))
