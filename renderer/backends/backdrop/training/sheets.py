"""Contact sheets of samples: a column for every scene, time running downwards."""

from __future__ import annotations

import contextlib
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from renderer.backends.backdrop import DRAFT_FRAMES, DRAFT_SIZES
from renderer.backends.backdrop.flow import denoise
from renderer.backends.backdrop.network import BackdropNetwork
from renderer.backends.backdrop.training.clips import drafts, random_batch
from renderer.backends.backdrop.upsampler import Upsampler

SHEET_SEED = 77
SHOWN = (0.0, 0.3, 0.6, 0.98)  # of the clip


@torch.no_grad()
def sample_sheet(
    network: BackdropNetwork,
    path: Path,
    num_inference_steps: int,
    upsampler: Upsampler | None = None,
    ratio: str = "9:16",
) -> None:
    """Write what the network makes of the same wishes and noise every time; `drawn_...png` beside it is the truth."""
    device = next(network.parameters()).device
    width, height = DRAFT_SIZES[ratio]
    generator = torch.Generator(device).manual_seed(SHEET_SEED)
    batch = random_batch(1, width / height, generator)
    noise = torch.randn(len(batch.conditions), 3, DRAFT_FRAMES, height, width, generator=generator, device=device)
    # Other sizes of batch than in training would be compiled anew.
    with torch.autocast(device.type, torch.bfloat16), torch.compiler.set_stance("force_eager"):
        clip = denoise(network, noise, batch.conditions, num_inference_steps)
        if upsampler is not None:
            clip = torch.cat([upsampler(part[None]) for part in clip])
        drawn = path.with_name(f"drawn_{ratio.replace(':', 'x')}.png")
        if not drawn.exists():
            save_sheet(drafts(batch, height, width), drawn)
    save_sheet(clip, path)


def save_sheet(clips: Tensor, path: Path) -> None:
    """Write clips (B, 3, T, H, W) in [-1, 1] as one PNG: a column each, time running downwards."""
    numbers = [round(share * (clips.shape[2] - 1)) for share in SHOWN]
    pixels = ((clips[:, :, numbers].clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).cpu()
    count, _, times, height, width = pixels.shape
    sheet = pixels.permute(2, 3, 0, 4, 1).reshape(times * height, count * width, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # a full disk must not end a training
        Image.fromarray(sheet.numpy()).save(path)
