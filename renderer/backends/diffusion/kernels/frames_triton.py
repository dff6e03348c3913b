"""`frames` in Triton."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

VALUES_AT_ONCE = 4096  # of one program: pixels times channels
JOINED_AT_ONCE = 2048
PLACED_AT_ONCE = 2048


@triton.jit
def _activated(source, frame, pixels, at, channel, inside, gamma, C: tl.constexpr, HAS_NORM: tl.constexpr):
    """Load a tile of one frame."""
    x = tl.load(source + frame.to(tl.int64) * pixels * C + at, mask=inside, other=0.0).to(tl.float32)
    if HAS_NORM:
        length = tl.maximum(tl.sqrt(tl.sum(x * x, 1)), 1e-12)
        weight = tl.load(gamma + channel, mask=channel < C, other=0.0) * (C**0.5)
        x = x / length[:, None] * weight[None, :]
        x = x * tl.sigmoid(x)
    return x


@triton.jit(do_not_specialize=["num_pairs", "num_frames"])  # a one would become a constant, without `to`
def _paired(
    source, history, gamma, into, num_frames, pixels, num_pairs,
    C: tl.constexpr, WIDE: tl.constexpr, PIXELS: tl.constexpr, HAS_NORM: tl.constexpr,
):  # fmt: skip
    """Walk through the frames of a few pixels; what was read for one pair is at hand for the next."""
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    channel = tl.arange(0, WIDE)
    at = pixel[:, None].to(tl.int64) * C + channel[None, :]
    inside = (pixel[:, None] < pixels) & (channel[None, :] < C)
    kind = into.dtype.element_ty
    step = num_pairs.to(tl.int64) * pixels * C
    nought = num_pairs * 0
    one = _activated(history, nought, pixels, at, channel, inside, gamma, C, HAS_NORM)
    two = _activated(history, nought + 1, pixels, at, channel, inside, gamma, C, HAS_NORM)
    for pair in range(num_pairs):
        there = inside & (2 * pair + 1 < num_frames)
        three = _activated(source, 2 * pair + nought, pixels, at, channel, inside, gamma, C, HAS_NORM)
        four = _activated(source, 2 * pair + 1 + nought, pixels, at, channel, there, gamma, C, HAS_NORM)
        out = into + (pair + nought).to(tl.int64) * pixels * C + at
        tl.store(out, (one - three).to(kind), mask=inside)
        tl.store(out + step, (two + three).to(kind), mask=inside)
        tl.store(out + 2 * step, (three - two).to(kind), mask=inside)
        tl.store(out + 3 * step, (two - four).to(kind), mask=inside)
        one, two = three, four


@triton.jit(do_not_specialize=["num_frames"])
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


@triton.jit(do_not_specialize=["dropped"])
def _placed(
    made, beside, into, rows, columns, dropped, row, column,
    C: tl.constexpr, BLOCK: tl.constexpr, TIMES: tl.constexpr, REPEATS: tl.constexpr, GIVEN: tl.constexpr,
):  # fmt: skip
    line = tl.program_id(1).to(tl.int64)  # of all frames
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < columns * C
    pixel, channel = at // C, at % C
    frame, height = line // rows, line % rows
    there = ((frame * (rows + 1) + height + row) * (columns + 1) + pixel + column) * C + channel
    value = tl.load(made + there, mask=inside).to(tl.float32)
    if TIMES > 0:
        source = (frame + dropped) // TIMES
        step = (frame + dropped) % TIMES
        given = ((channel * TIMES + step) * 4 + 2 * row + column) // REPEATS
        value += tl.load(beside + ((source * rows + height) * columns + pixel) * GIVEN + given, mask=inside).to(
            tl.float32
        )
    out = ((2 * line + row) * columns + pixel) * 2 * C + column * C + channel
    tl.store(into + out, value.to(into.dtype.element_ty), mask=inside)


def paired(x: Tensor, history: Tensor, gamma: Tensor | None) -> Tensor:
    """See `frames.paired`."""
    x, history = (part.contiguous(memory_format=torch.channels_last) for part in (x, history))
    frames, channels, height, width = x.shape
    pairs = (frames + 1) // 2
    into = torch.empty(4, pairs, height, width, channels, device=x.device, dtype=x.dtype)
    wide = triton.next_power_of_2(channels)
    step = max(VALUES_AT_ONCE // wide, 1)
    _paired[(triton.cdiv(height * width, step),)](
        x, history, x if gamma is None else gamma, into, frames, height * width, pairs,
        C=channels, WIDE=wide, PIXELS=step, HAS_NORM=gamma is not None,
    )  # fmt: skip
    return into.permute(0, 1, 4, 2, 3)


def joined(products: list[Tensor], bias: Tensor, residual: Tensor | None, num_frames: int) -> Tensor:
    """See `frames.joined`."""
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


def placed(products: list[Tensor], beside: Tensor | None, times: int, repeats: int, dropped: int) -> Tensor:
    """See `frames.placed`."""
    frames, channels, height, width = products[0].shape
    height, width = height - 1, width - 1
    into = torch.empty(frames, 2 * height, 2 * width, channels, device=products[0].device, dtype=products[0].dtype)
    if beside is not None:
        beside = beside.contiguous(memory_format=torch.channels_last)
    for number, made in enumerate(products):
        made = made.contiguous(memory_format=torch.channels_last)
        _placed[triton.cdiv(width * channels, PLACED_AT_ONCE), frames * height](
            made, made if beside is None else beside, into, height, width, dropped, number // 2, number % 2,
            C=channels, BLOCK=PLACED_AT_ONCE, TIMES=0 if beside is None else times, REPEATS=repeats,
            GIVEN=0 if beside is None else beside.shape[1],
        )  # fmt: skip
    return into.permute(0, 3, 1, 2)
