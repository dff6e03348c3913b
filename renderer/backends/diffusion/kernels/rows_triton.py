"""`rows` in Triton: a program for each row, which it reads once. Rows lie one after the other, or are laid so first."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from renderer.backends.diffusion.kernels import E4M3_MAX, LEAST_SCALE, Modulation, Rounded

VALUES_OF_WARP = 1024
MOST_WARPS = 16
ROUND_TO = tl.constexpr(E4M3_MAX)
LEAST = tl.constexpr(LEAST_SCALE)


@triton.jit
def _store(y, into, scales, row, at, inside, C: tl.constexpr, ROUNDS: tl.constexpr):
    if ROUNDS:
        scale = tl.maximum(tl.max(tl.where(inside, tl.abs(y), 0.0), 0) / ROUND_TO, LEAST)
        tl.store(scales + row, scale)
        y = y / scale
    tl.store(into + row * C + at, y.to(into.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["first"])
def _normed(
    x, delta, gate, scale, shift, total, into, scales, first, eps,
    C: tl.constexpr, WIDE: tl.constexpr, TWO: tl.constexpr, ADDS: tl.constexpr, GATES: tl.constexpr,
    ROUNDS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, WIDE)
    inside = at < C
    group = tl.where(row >= first, C, 0) if TWO else 0
    value = tl.load(x + row * C + at, mask=inside, other=0.0).to(tl.float32)
    if ADDS:
        part = tl.load(delta + row * C + at, mask=inside, other=0.0).to(tl.float32)
        if GATES:
            part *= tl.load(gate + group + at, mask=inside, other=0.0)
        kept = (value + part).to(total.dtype.element_ty)
        tl.store(total + row * C + at, kept, mask=inside)
        value = kept.to(tl.float32)
    centred = tl.where(inside, value - tl.sum(value, 0) / C, 0.0)
    y = centred * tl.rsqrt(tl.sum(centred * centred, 0) / C + eps)
    y = y * tl.load(scale + group + at, mask=inside, other=0.0) + tl.load(shift + group + at, mask=inside, other=0.0)
    _store(y, into, scales, row, at, inside, C, ROUNDS)


@triton.jit
def _turned(
    x, weight, cos, sin, into, eps,
    C: tl.constexpr, WIDE: tl.constexpr, HEAD: tl.constexpr, TURNS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, WIDE)
    inside = at < C
    value = tl.load(x + row * C + at, mask=inside, other=0.0).to(tl.float32)
    length = tl.rsqrt(tl.sum(value * value, 0) / C + eps)
    y = value * length * tl.load(weight + at, mask=inside, other=0.0).to(tl.float32)
    if TURNS:
        other = at ^ 1  # the other one of the pair
        beside = tl.load(x + row * C + other, mask=inside, other=0.0).to(tl.float32)
        beside = beside * length * tl.load(weight + other, mask=inside, other=0.0).to(tl.float32)
        place = row * HEAD + at % HEAD
        turn = tl.load(sin + place, mask=inside, other=0.0)
        y = y * tl.load(cos + place, mask=inside, other=0.0) + beside * tl.where(at % 2 == 0, -turn, turn)
    tl.store(into + row * C + at, y.to(into.dtype.element_ty), mask=inside)


@triton.jit
def _rounded(x, into, scales, C: tl.constexpr, WIDE: tl.constexpr, GELU: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, WIDE)
    inside = at < C
    y = tl.load(x + row * C + at, mask=inside, other=0.0).to(tl.float32)
    if GELU:
        y = y * tl.sigmoid(1.5957691216057308 * (y + 0.044715 * y * y * y))
    _store(y, into, scales, row, at, inside, C, True)


@triton.jit
def _rounded_at(x, scale, shift, into, C: tl.constexpr, WIDE: tl.constexpr, SHIFTS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, WIDE)
    inside = at < C
    y = tl.load(x + row * C + at, mask=inside, other=0.0).to(tl.float32)
    if SHIFTS:
        y -= tl.load(shift + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(into + row * C + at, (y / tl.load(scale)).to(into.dtype.element_ty), mask=inside)


def normed(
    x: Tensor, delta: Tensor | None, gate: Tensor | None, how: Modulation, first: int, eps: float, rounds: bool
) -> tuple[Tensor, Tensor | Rounded]:
    """See `rows.added_and_normed`."""
    x, delta = x.contiguous(), None if delta is None else delta.contiguous()
    rows, channels = x.shape
    total = x if delta is None else torch.empty_like(x)
    into, scales = _answer(x, rounds)
    _normed[(rows,)](
        x, delta, gate, how.scale, how.shift, total, into, scales, first, eps,
        C=channels, TWO=len(how.scale) == 2, ADDS=delta is not None, GATES=gate is not None, ROUNDS=rounds,
        **_shape(channels),
    )  # fmt: skip
    return total, into if scales is None else Rounded(into, scales)


def turned(x: Tensor, weight: Tensor, eps: float, turns: tuple[Tensor, Tensor] | None) -> Tensor:
    """See `rows.turned`."""
    x = x.contiguous()
    rows, channels = x.shape
    into = torch.empty_like(x)
    cos, sin = turns or (x, x)
    head = cos.shape[1]
    _turned[(rows,)](x, weight, cos, sin, into, eps, C=channels, HEAD=head, TURNS=turns is not None, **_shape(channels))
    return into


def rounded(x: Tensor, gelu: bool) -> Rounded:
    """See `rows.rounded`."""
    x = x.contiguous()
    rows, channels = x.shape
    into, scales = _answer(x, True)
    _rounded[(rows,)](x, into, scales, C=channels, GELU=gelu, **_shape(channels))
    assert scales is not None
    return Rounded(into, scales)


def rounded_at(x: Tensor, scale: Tensor, shift: Tensor | None) -> Tensor:
    """See `rows.rounded_at`."""
    x = x.contiguous()
    channels = x.shape[-1] * x.shape[-2]
    into = torch.empty_like(x, dtype=torch.float8_e4m3fn)
    _rounded_at[(x.numel() // channels,)](
        x, scale, x if shift is None else shift, into, C=channels, SHIFTS=shift is not None, **_shape(channels)
    )
    return into


def _answer(x: Tensor, rounds: bool) -> tuple[Tensor, Tensor | None]:
    if not rounds:
        return torch.empty_like(x), None
    return torch.empty_like(x, dtype=torch.float8_e4m3fn), torch.empty(len(x), 1, device=x.device)


def _shape(channels: int) -> dict[str, int]:
    wide = triton.next_power_of_2(channels)
    return {"WIDE": wide, "num_warps": min(max(wide // VALUES_OF_WARP, 1), MOST_WARPS)}
