"""What stands between the convolutions of Wan's VAE decoder, fused on a GPU: norm, SiLU, sums.

Everything is (frames, channels, height, width) in channels_last, so a pixel's channels lie side by side.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 # as everybody calls it
from torch import Tensor

LEAST_LENGTH = 1e-12  # as torch.nn.functional.normalize has it


def paired(x: Tensor, history: Tensor, gamma: Tensor | None) -> Tensor:
    """Return the four inputs of F(2,3) for each pair of frames, (4, pairs, C, H, W), after RMS norm and SiLU.

    `history` are the two frames before x, (2, C, H, W). Without `gamma` (C,) there is neither norm nor SiLU.
    """
    if x.is_cuda:
        from renderer.backends.diffusion.kernels import frames_triton

        return frames_triton.paired(x, history, gamma)
    frames = torch.cat([history, x]).float()
    if gamma is not None:
        length = frames.norm(dim=1, keepdim=True).clamp_min(LEAST_LENGTH)
        frames = F.silu(frames / length * len(gamma) ** 0.5 * gamma.view(1, -1, 1, 1))
    if len(x) % 2:
        frames = torch.cat([frames, torch.zeros_like(frames[:1])])
    first, second, third, fourth = frames[:-2:2], frames[1:-1:2], frames[2::2], frames[3::2]
    return torch.stack([first - third, second + third, third - second, second - fourth]).to(x.dtype)


def joined(products: list[Tensor], bias: Tensor, residual: Tensor | None, num_frames: int) -> Tensor:
    """Return the frames (num_frames, C, H, W) that four products (pairs, C, H, W) make, with bias and residual."""
    if bias.is_cuda:
        from renderer.backends.diffusion.kernels import frames_triton

        return frames_triton.joined(products, bias, residual, num_frames)
    one, two, three, four = (product.float() for product in products)
    frames = torch.stack([one + two + three, two - three - four], 1).flatten(0, 1)[:num_frames]
    frames = frames + bias.view(1, -1, 1, 1)
    frames = frames if residual is None else frames + residual
    return frames.to(products[0].dtype).contiguous(memory_format=torch.channels_last)


def placed(products: list[Tensor], beside: Tensor | None, times: int, repeats: int, dropped: int) -> Tensor:
    """Return a doubled picture (frames, C, 2h, 2w) of four (frames, C, h + 1, w + 1), one for each pixel of a square.

    Added to it is what `DupUp3D` makes of `beside` (frames', C', h, w): each of its channels `repeats` times, dealt out
    over `times` frames and the four pixels, without the first `dropped` frames.
    """
    if products[0].is_cuda:
        from renderer.backends.diffusion.kernels import frames_triton

        return frames_triton.placed(products, beside, times, repeats, dropped)
    frames, channels, height, width = products[0].shape
    height, width = height - 1, width - 1
    whole = products[0].new_empty(frames, height, 2, width, 2, channels)
    for number, made in enumerate(products):
        row, column = divmod(number, 2)
        part = made[:, :, row : row + height, column : column + width].permute(0, 2, 3, 1)
        if beside is not None:
            first = torch.arange(channels) * times * 4 + 2 * row + column
            dealt = [beside[:, (first + step * 4) // repeats] for step in range(times)]
            part = part + torch.stack(dealt, 1).flatten(0, 1)[dropped:].permute(0, 2, 3, 1)
        whole[:, :, row, :, column] = part
    return whole.view(frames, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)
