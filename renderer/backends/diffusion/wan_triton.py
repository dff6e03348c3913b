"""`wan_kernels` in Triton."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

VALUES_AT_ONCE = 4096  # of one program: pixels times channels
JOINED_AT_ONCE = 2048


@triton.jit
def _activated(source, frame, num_frames, pixels, at, channel, inside, history, gamma, C: tl.constexpr, HAS_NORM: tl.constexpr):  # fmt: skip
    """Load a tile of one frame, of the history where `frame` is negative, nought behind the end."""
    if frame < 0:
        base = history + (frame + 2).to(tl.int64) * pixels * C
    else:
        base = source + frame.to(tl.int64) * pixels * C
    x = tl.load(base + at, mask=inside & (frame < num_frames), other=0.0).to(tl.float32)
    if HAS_NORM:
        length = tl.maximum(tl.sqrt(tl.sum(x * x, 1)), 1e-12)
        weight = tl.load(gamma + channel, mask=channel < C, other=0.0) * (C**0.5)
        x = x / length[:, None] * weight[None, :]
        x = x * tl.sigmoid(x)
    return x


@triton.jit
def _paired(
    source, history, gamma, into, num_frames, pixels, num_pairs,
    C: tl.constexpr, WIDE: tl.constexpr, PIXELS: tl.constexpr, HAS_NORM: tl.constexpr,
):  # fmt: skip
    pair = tl.program_id(1)
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    channel = tl.arange(0, WIDE)
    at = pixel[:, None].to(tl.int64) * C + channel[None, :]
    inside = (pixel[:, None] < pixels) & (channel[None, :] < C)
    frame = 2 * pair - 2
    one = _activated(source, frame, num_frames, pixels, at, channel, inside, history, gamma, C, HAS_NORM)
    two = _activated(source, frame + 1, num_frames, pixels, at, channel, inside, history, gamma, C, HAS_NORM)
    three = _activated(source, frame + 2, num_frames, pixels, at, channel, inside, history, gamma, C, HAS_NORM)
    four = _activated(source, frame + 3, num_frames, pixels, at, channel, inside, history, gamma, C, HAS_NORM)
    step = num_pairs.to(tl.int64) * pixels * C
    out = into + pair.to(tl.int64) * pixels * C + at
    kind = into.dtype.element_ty
    tl.store(out, (one - three).to(kind), mask=inside)
    tl.store(out + step, (two + three).to(kind), mask=inside)
    tl.store(out + 2 * step, (three - two).to(kind), mask=inside)
    tl.store(out + 3 * step, (two - four).to(kind), mask=inside)


@triton.jit
def _joined(
    first, second, third, fourth, bias, residual, into, size, num_frames,
    C: tl.constexpr, BLOCK: tl.constexpr, HAS_RESIDUAL: tl.constexpr,
):  # fmt: skip
    pair = tl.program_id(1).to(tl.int64)
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    place = pair * size + at
    one = tl.load(first + place, mask=inside).to(tl.float32)
    two = tl.load(second + place, mask=inside).to(tl.float32)
    three = tl.load(third + place, mask=inside).to(tl.float32)
    four = tl.load(fourth + place, mask=inside).to(tl.float32)
    shift = tl.load(bias + at % C, mask=inside)
    even, odd = one + two + three + shift, two - three - four + shift
    out = 2 * pair * size + at
    has_odd = inside & (2 * pair + 1 < num_frames)
    if HAS_RESIDUAL:
        even += tl.load(residual + out, mask=inside).to(tl.float32)
        odd += tl.load(residual + out + size, mask=has_odd).to(tl.float32)
    kind = into.dtype.element_ty
    tl.store(into + out, even.to(kind), mask=inside)
    tl.store(into + out + size, odd.to(kind), mask=has_odd)


def paired(x: Tensor, history: Tensor, gamma: Tensor | None) -> Tensor:
    """See `wan_kernels.paired`."""
    x, history = (part.contiguous(memory_format=torch.channels_last) for part in (x, history))
    frames, channels, height, width = x.shape
    pairs = (frames + 1) // 2
    into = torch.empty(4, pairs, height, width, channels, device=x.device, dtype=x.dtype)
    wide = triton.next_power_of_2(channels)
    step = max(VALUES_AT_ONCE // wide, 1)
    grid = (triton.cdiv(height * width, step), pairs)
    _paired[grid](
        x, history, x if gamma is None else gamma, into, frames, height * width, pairs,
        C=channels, WIDE=wide, PIXELS=step, HAS_NORM=gamma is not None,
    )  # fmt: skip
    return into.permute(0, 1, 4, 2, 3)


def joined(products: list[Tensor], bias: Tensor, residual: Tensor | None, num_frames: int) -> Tensor:
    """See `wan_kernels.joined`."""
    parts = [product.contiguous(memory_format=torch.channels_last) for product in products]
    pairs, channels, height, width = parts[0].shape
    if residual is not None:
        residual = residual.contiguous(memory_format=torch.channels_last)
    into = torch.empty(num_frames, height, width, channels, device=bias.device, dtype=parts[0].dtype)
    size = height * width * channels
    _joined[triton.cdiv(size, JOINED_AT_ONCE), pairs](
        *parts, bias, parts[0] if residual is None else residual, into, size, num_frames,
        C=channels, BLOCK=JOINED_AT_ONCE, HAS_RESIDUAL=residual is not None,
    )  # fmt: skip
    return into.permute(0, 3, 1, 2)
