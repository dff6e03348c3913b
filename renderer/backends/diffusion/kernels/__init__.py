"""Fused sums and attention, each with the same sums in plain PyTorch; the files in Triton need a GPU to be imported."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

E4M3_MAX = 448.0
LEAST_SCALE = 1e-12  # so that a row of zeros divides by something


class Rounded(NamedTuple):
    """Rows in E4M3, and the scale that gives each of them back, float32 (tokens, 1)."""

    rows: Tensor
    scale: Tensor


class Modulation(NamedTuple):
    """What multiplies and shifts the channels of normed rows: (1, channels), or (2, channels) for two times."""

    scale: Tensor
    shift: Tensor
