"""Muon for many matrices of few shapes: momentum, made orthogonal, in a handful of batched products.

`torch.optim.Muon` walks through matrices one by one, which costs a small network more than its gradients; this takes
all matrices of a shape at once. Same rule and same numbers (tests/test_backdrop_training.py compares them).

Source: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; scaling of arXiv 2502.16982.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic iteration
ITERATIONS = 5
EPS = 1e-7
RMS = 0.2  # of an update's entries, like AdamW's


class Muon(torch.optim.Optimizer):
    """Steps matrices along their orthogonalized Nesterov momentum."""

    def __init__(self, matrices: Iterable[nn.Parameter], lr: float) -> None:
        """Group matrices (rows, columns) by shape."""
        shapes: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        for matrix in matrices:
            shapes[matrix.shape].append(matrix)
        super().__init__([{"params": group} for group in shapes.values()], {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            matrices = group["params"]
            gradients = torch.stack([matrix.grad for matrix in matrices])
            state = self.state[matrices[0]]
            momentum = state.setdefault("momentum", torch.zeros_like(gradients))
            momentum.lerp_(gradients, 1 - MOMENTUM)
            updates = orthogonalized(gradients.lerp(momentum, MOMENTUM))
            rate = group["lr"] * RMS * math.sqrt(max(gradients.shape[1:]))
            torch._foreach_add_(matrices, list(updates.to(matrices[0].dtype).unbind()), alpha=-rate)


def orthogonalized(updates: Tensor) -> Tensor:
    """Return matrices (K, rows, columns) with all singular values near 1, by a Newton-Schulz iteration in bfloat16."""
    a, b, c = COEFFICIENTS
    x: Tensor = updates.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=EPS)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x
