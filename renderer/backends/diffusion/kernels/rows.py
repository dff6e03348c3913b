"""What stands between the matrix products of a transformer block, one pass over memory each: norms, turns, rounding.

Rows are tokens: (tokens, channels). On a GPU each is one kernel of Triton; elsewhere the same sums in PyTorch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 # as everybody calls it
from torch import Tensor

from renderer.backends.diffusion.kernels import E4M3_MAX, LEAST_SCALE, Modulation, Rounded


def normed(x: Tensor, how: Modulation, first: int, eps: float, *, rounds: bool) -> Tensor | Rounded:
    """Return LayerNorm(x) * scale + shift, rounded or in the type of x.

    Where there are two of both, the first `first` rows take the first.
    """
    if x.is_cuda:
        from renderer.backends.diffusion.kernels import rows_triton

        return rows_triton.normed(x, None, None, how, first, eps, rounds)[1]
    return _finish(_plain_norm(x.float(), how, first, eps), x.dtype, rounds)


def added_and_normed(
    x: Tensor, delta: Tensor, gate: Tensor | None, how: Modulation, first: int, eps: float, *, rounds: bool
) -> tuple[Tensor, Tensor | Rounded]:
    """Return x + delta * gate, and that as `normed` returns it; `gate` is as a modulation, or absent for one."""
    if x.is_cuda:
        from renderer.backends.diffusion.kernels import rows_triton

        return rows_triton.normed(x, delta, gate, how, first, eps, rounds)
    total = added(x, delta, gate, first)
    return total, _finish(_plain_norm(total.float(), how, first, eps), x.dtype, rounds)


def added(x: Tensor, delta: Tensor, gate: Tensor | None, first: int) -> Tensor:
    """Return x + delta * gate."""
    part = delta.float() if gate is None else delta.float() * _of_rows(gate, len(x), first)
    return (x.float() + part).to(x.dtype)


def turned(x: Tensor, weight: Tensor, eps: float, turns: tuple[Tensor, Tensor] | None) -> Tensor:
    """Return RMSNorm(x) * weight, its pairs of channels turned by cosines and sines (tokens, head_dim), if given."""
    if x.is_cuda:
        from renderer.backends.diffusion.kernels import rows_triton

        return rows_triton.turned(x, weight, eps, turns)
    rows = x.float()
    rows = rows * torch.rsqrt(rows.square().mean(1, keepdim=True) + eps) * weight.float()
    if turns is not None:
        cos, sin = turns
        left, right = rows.view(len(rows), -1, cos.shape[1] // 2, 2).unbind(3)
        cos, sin = cos[:, None, 0::2], sin[:, None, 1::2]
        rows = torch.stack([left * cos - right * sin, left * sin + right * cos], 3).flatten(1)
    return rows.to(x.dtype)


def rounded(x: Tensor) -> Rounded:
    """Return rows in E4M3, each at a scale of its own."""
    if x.is_cuda:
        from renderer.backends.diffusion.kernels import rows_triton

        return rows_triton.rounded(x, False)
    return _round(x.float())


def rounded_at(x: Tensor, scale: Tensor, shift: Tensor | None) -> Tensor:
    """Return (x - shift) / scale in E4M3, of any shape whose last two axes are those of `shift`; one scale for all."""
    if x.is_cuda:
        from renderer.backends.diffusion.kernels import rows_triton

        return rows_triton.rounded_at(x, scale, shift)
    moved = x.float() if shift is None else x.float() - shift.float()
    return (moved / scale).clamp(-E4M3_MAX, E4M3_MAX).to(torch.float8_e4m3fn)


def gelu_rounded(x: Tensor) -> Rounded:
    """Return GELU(x), by its approximation with tanh, as `rounded` does."""
    if x.is_cuda:
        from renderer.backends.diffusion.kernels import rows_triton

        return rows_triton.rounded(x, True)
    return _round(F.gelu(x.float(), approximate="tanh"))


def _plain_norm(x: Tensor, how: Modulation, first: int, eps: float) -> Tensor:
    rows = F.layer_norm(x, x.shape[-1:], eps=eps)
    return rows * _of_rows(how.scale, len(x), first) + _of_rows(how.shift, len(x), first)


def _of_rows(values: Tensor, count: int, first: int) -> Tensor:
    if len(values) == 1:
        return values
    return torch.cat([values[:1].expand(first, -1), values[1:].expand(count - first, -1)])


def _finish(rows: Tensor, kind: torch.dtype, rounds: bool) -> Tensor | Rounded:
    return _round(rows) if rounds else rows.to(kind)


def _round(rows: Tensor) -> Rounded:
    scale = (rows.abs().amax(1, keepdim=True) / E4M3_MAX).clamp_min(LEAST_SCALE)
    return Rounded((rows / scale).clamp(-E4M3_MAX, E4M3_MAX).to(torch.float8_e4m3fn), scale)
