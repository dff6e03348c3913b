"""Wan's kernels on a GPU against the same sums in PyTorch: pytest -m gpu tests/gpu"""

from __future__ import annotations

import threading
from functools import partial

import pytest
import torch
from diffusers import WanTransformer3DModel
from torch.nn import functional

from renderer.backends import Inputs
from renderer.backends.diffusion.checkpoint import Checkpoint
from renderer.backends.diffusion.float8 import Float8Linear
from renderer.backends.diffusion.kernels import Modulation, attention
from renderer.backends.diffusion.kernels.frames import joined, paired, placed
from renderer.backends.diffusion.kernels.rows import added_and_normed, gelu_rounded, normed, turned
from renderer.backends.diffusion.wan import WanModel
from renderer.backends.diffusion.wan_decoder import WanDecoder
from renderer.backends.diffusion.wan_tuning import Tuning
from tiny_wan import NETWORK, clip_of, save_image_to_video, shot_of, vae_of_8_pixels, vae_of_16_pixels

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU"),
]
I2V = "wan2.2-i2v-a14b"
CUDA = torch.device("cuda")


def channels_last(*size: int) -> torch.Tensor:
    return torch.randn(*size).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("frames", [1, 2, 5, 8])
@pytest.mark.parametrize("channels", [16, 96, 1024])
def test_fused_norms_and_sums_are_those_of_pytorch(frames, channels):
    """Odd and even lengths, channels that are no power of two."""
    x, history, gamma = channels_last(frames, channels, 7, 9), channels_last(2, channels, 7, 9), torch.rand(channels)
    products = [channels_last((frames + 1) // 2, channels, 7, 9) for _ in range(4)]
    residual, bias = channels_last(frames, channels, 7, 9), torch.randn(channels)

    inputs = paired(x.cuda(), history.cuda(), gamma.cuda())
    plain = paired(x.cuda(), history.cuda(), None)
    sums = joined([product.cuda() for product in products], bias.cuda(), residual.cuda(), frames)

    torch.testing.assert_close(inputs.cpu(), paired(x, history, gamma), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(plain.cpu(), paired(x, history, None), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(sums.cpu(), joined(products, bias, residual, frames), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("times", "channels", "given"), [(1, 64, 128), (2, 128, 128), (0, 96, 0)])
def test_doubled_pictures_are_those_of_pytorch(times, channels, given):
    """With a shortcut that deals its channels out over pixels, over pixels and frames, and without one."""
    repeats = channels * times * 4 // given if times else 1
    for dropped in {0, max(times - 1, 0)}:
        frames = 3 * max(times, 1) - dropped
        products = [channels_last(frames, channels, 5, 8) for _ in range(4)]
        beside = channels_last(3, given, 4, 7) if times else None
        expected = placed(products, beside, times or 1, repeats, dropped)

        there = None if beside is None else beside.cuda()
        found = placed([product.cuda() for product in products], there, times or 1, repeats, dropped)

        torch.testing.assert_close(found.cpu(), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("vae_of", [vae_of_8_pixels, vae_of_16_pixels])
def test_the_decoder_gives_the_pictures_of_diffusers(vae_of):
    """In bfloat16 as near to float32 as diffusers' own decoder in bfloat16."""
    vae = vae_of().eval().to(CUDA)
    latents = torch.randn(1, vae.config.z_dim, 9, 4, 6, device=CUDA)
    found = WanDecoder(vae, CUDA).decode(latents).float()
    whole = WanDecoder(vae, CUDA, torch.float32).decode(latents)
    with torch.no_grad():
        expected = vae.decode(latents, return_dict=False)[0]
        rounded = vae.to(torch.bfloat16).decode(latents.bfloat16(), return_dict=False)[0].float()

    assert found.shape == expected.shape
    assert float((whole - expected).norm() / expected.norm()) < 0.02  # convolutions in TF32
    assert float((found - expected).norm()) < 1.3 * float((rounded - expected).norm())


@pytest.mark.parametrize("tokens", [512, 4680, 5000])
def test_exact_attention_is_exact(tokens):
    """Whichever kernel is there."""
    query, key, value = (torch.randn(1, tokens, 4, 128, device=CUDA, dtype=torch.bfloat16) for _ in range(3))
    heads_first = (part.transpose(1, 2).float() for part in (query, key, value))
    expected = functional.scaled_dot_product_attention(*heads_first).transpose(1, 2)

    found = attention.exact(query, key, value).float()

    assert float((found - expected).norm() / expected.norm()) < 0.005


@pytest.mark.parametrize("two_times", [False, True])
@pytest.mark.parametrize("channels", [96, 3072, 5120])
def test_rows_are_normed_turned_and_rounded_as_by_pytorch(channels, two_times):
    """Channels that are no power of two; one time for all tokens, or another for the first frame; rows not in a row."""
    tokens, first, head = 50, 20, 48 if channels == 96 else 128
    x, delta = torch.randn(2, channels, tokens).transpose(1, 2)  # as VACE hands over its patches
    sets = 2 if two_times else 1
    gate, scale, shift = torch.randn(3, sets, channels)
    weight, turns = torch.rand(channels), torch.randn(2, tokens, head // 2).repeat_interleave(2, 2)
    how, gpu_how = Modulation(scale, shift), Modulation(scale.cuda(), shift.cuda())

    total, seen = added_and_normed(x.cuda(), delta.cuda(), gate.cuda(), gpu_how, first, 1e-6, rounds=False)
    alone = normed(x.cuda(), gpu_how, first, 1e-6, rounds=False)
    _, in_8_bits = added_and_normed(x.cuda(), delta.cuda(), None, gpu_how, first, 1e-6, rounds=True)
    spun = turned(x.cuda(), weight.cuda(), 1e-6, (turns[0].cuda(), turns[1].cuda()))
    gelu = gelu_rounded(x.cuda())

    plain_total, plain_seen = added_and_normed(x, delta, gate, how, first, 1e-6, rounds=False)
    _, plain_in_8_bits = added_and_normed(x, delta, None, how, first, 1e-6, rounds=True)
    close = partial(torch.testing.assert_close, atol=2e-4, rtol=2e-4)
    close(total.cpu(), plain_total)
    close(seen.cpu(), plain_seen)
    close(alone.cpu(), normed(x, how, first, 1e-6, rounds=False))
    close(in_8_bits.scale.cpu(), plain_in_8_bits.scale)
    assert (in_8_bits.rows.cpu().float() != plain_in_8_bits.rows.float()).float().mean() < 0.01
    close(spun.cpu(), turned(x, weight, 1e-6, (turns[0], turns[1])))
    close(turned(x.cuda(), weight.cuda(), 1e-6, None).cpu(), turned(x, weight, 1e-6, None))
    close(gelu.scale.cpu(), gelu_rounded(x).scale)


@pytest.mark.parametrize("times", ["one", "two"])
def test_fused_blocks_are_near_those_of_diffusers(times):
    """In bfloat16 as near to diffusers' blocks in float32 as its rounding allows."""
    shape = {**NETWORK, "attention_head_dim": 128, "ffn_dim": 512, "in_channels": 16, "out_channels": 16}
    network = WanTransformer3DModel(**shape).eval().to(CUDA)
    latents, text = torch.randn(1, 16, 5, 8, 8, device=CUDA), torch.randn(1, 9, 16, device=CUDA)
    timestep = torch.full((1,), 700.0, device=CUDA)
    if times == "two":
        timestep = timestep.repeat(1, 5 * 16)
        timestep[:, :16] = 0
    with torch.no_grad():
        expected = network(latents, timestep, text, return_dict=False)[0]
        network = network.bfloat16()
        inputs = (latents.bfloat16(), timestep, text.bfloat16())
        tuning = Tuning([network], CUDA, fuses=True)
        tuning.use(shot_of(I2V), 16)
        found = network(*inputs, return_dict=False)[0].float()

    assert float((found - expected).norm() / expected.norm()) < 0.02


def test_attention_in_8_bits_is_near():
    """Keys that share a large mean lose nothing by it."""
    query, key, value = (torch.randn(1, 4680, 4, 128, device=CUDA, dtype=torch.bfloat16) for _ in range(3))
    key, query = key + 20 * torch.randn(1, 1, 4, 128, device=CUDA).bfloat16(), 2 * query
    heads_first = (part.transpose(1, 2).float() for part in (query, key, value))
    expected = functional.scaled_dot_product_attention(*heads_first).transpose(1, 2)

    found = attention.fp8(query, key, value).float()

    assert found.shape == expected.shape
    assert float((found - expected).norm() / expected.norm()) < 0.1


def test_products_in_8_bits_are_near():
    """Rows of any size."""
    layer = torch.nn.Linear(1024, 2048, device=CUDA, dtype=torch.bfloat16)
    rows = torch.randn(300, 1024, device=CUDA, dtype=torch.bfloat16) * torch.logspace(-3, 3, 300, device=CUDA)[:, None]
    rows = rows.bfloat16()
    with torch.no_grad():
        expected = layer(rows).float()

        found = Float8Linear(layer)(rows).float()

    assert float(((found - expected).norm(dim=1) / expected.norm(dim=1)).max()) < 0.06


def test_a_model_makes_the_same_take_again_also_while_it_decodes_another(tmp_path):
    """Decoding has its own stream and its own weights; denoising beside it changes nothing."""
    model = WanModel(Checkpoint(I2V, str(save_image_to_video(tmp_path))), "cuda")
    shots = [shot_of(I2V, key=f"shot_{n}", seed=n, image_sha256="1") for n in range(6)]
    inputs = Inputs(image=clip_of(1, seed=1))
    alone = [model.generate(shot, inputs) for shot in shots]
    together = {}

    def work(mine) -> None:
        for shot in mine:
            together[shot.key] = model.generate(shot, inputs)

    threads = [threading.Thread(target=work, args=(shots[number::2],)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert model.decodes_apart
    assert all((frames == together[shot.key]).all() for shot, frames in zip(shots, alone, strict=True))
    tiled = model.decode(shots[0], model.denoise(shots[0], inputs), in_tiles=True)
    assert abs(tiled.astype(int) - alone[0]).mean() < 8  # in float32, and the tiny decoder magnifies rounding
