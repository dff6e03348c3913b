"""Wan's kernels on a GPU against the same sums in PyTorch: pytest -m gpu tests/gpu"""

from __future__ import annotations

import threading

import pytest
import torch
from torch.nn import functional

from renderer.backends import Inputs
from renderer.backends.diffusion import attention
from renderer.backends.diffusion.checkpoint import Checkpoint
from renderer.backends.diffusion.float8 import Float8Linear
from renderer.backends.diffusion.wan import WanModel
from renderer.backends.diffusion.wan_decoder import WanDecoder
from renderer.backends.diffusion.wan_kernels import joined, paired
from tiny_wan import clip_of, save_image_to_video, shot_of, vae_of_8_pixels, vae_of_16_pixels

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


@pytest.mark.parametrize("vae_of", [vae_of_8_pixels, vae_of_16_pixels])
def test_the_decoder_gives_the_pictures_of_diffusers(vae_of):
    """In bfloat16 within its rounding."""
    vae = vae_of().eval()
    latents = torch.randn(1, vae.config.z_dim, 9, 4, 6)
    with torch.no_grad():
        expected = vae.decode(latents, return_dict=False)[0]

    found = WanDecoder(vae, CUDA).decode(latents.cuda()).float().cpu()

    assert found.shape == expected.shape
    assert float((found - expected).norm() / expected.norm()) < 0.05


@pytest.mark.parametrize("tokens", [512, 4680, 5000])
def test_exact_attention_is_exact(tokens):
    """Whichever kernel is there."""
    query, key, value = (torch.randn(1, tokens, 4, 128, device=CUDA, dtype=torch.bfloat16) for _ in range(3))
    heads_first = (part.transpose(1, 2).float() for part in (query, key, value))
    expected = functional.scaled_dot_product_attention(*heads_first).transpose(1, 2)

    found = attention.exact(query, key, value).float()

    assert float((found - expected).norm() / expected.norm()) < 0.005


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
    assert (model.decode(shots[0], model.denoise(shots[0], inputs), in_tiles=True) == alone[0]).mean() > 0.5
