"""Matrix products in 8-bit floats (E4M3): a scale for each row of the input and for each output, as tensor cores take.

Halves the time of a product on Hopper and the memory of its weights. What it changes is in docs/performance.md.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from renderer.backends.diffusion.kernels.rows import Rounded, rounded

LEAST_FEATURES = 512  # smaller products cost nothing
SIDE_STEP = 16  # of the sides that tensor cores take


class Float8Linear(nn.Module):
    """A linear layer whose weights were rounded once and whose inputs are rounded as they come."""

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight, scale = rounded(linear.weight.detach())
        self.register_buffer("weight", weight)  # (out_features, in_features)
        self.register_buffer("scale", scale.t().contiguous())  # (1, out_features)
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach().clone())  # that one may move
        self.in_features, self.out_features = linear.in_features, linear.out_features

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., out_features) of x (..., in_features), in the type of x."""
        product = self.of(rounded(x.reshape(-1, self.in_features)), x.dtype)
        return product.view(*x.shape[:-1], self.out_features)

    def of(self, x: Rounded, kind: torch.dtype) -> Tensor:
        """Return (tokens, out_features) of rows that are rounded already."""
        return torch._scaled_mm(
            x.rows, self.weight.t(), x.scale, self.scale, bias=self.bias, out_dtype=kind, use_fast_accum=True
        )


class Rounding:
    """Puts a network's large linear layers into 8 bits, and back."""

    def __init__(self, blocks: nn.Module) -> None:
        self.blocks = blocks
        self.kept: dict[tuple[nn.Module, str], nn.Linear] = {}  # by parent and name; on the CPU while they are replaced

    def use(self, wanted: bool) -> None:
        """Round the layers if that is wanted, else bring back those that were."""
        if wanted and not self.kept:
            self._round()
        elif not wanted and self.kept:
            self._restore()

    def _round(self) -> None:
        for parent in list(self.blocks.modules()):
            for name, layer in list(parent.named_children()):
                if type(layer) is nn.Linear and is_worth_it(layer):
                    setattr(parent, name, Float8Linear(layer))
                    self.kept[parent, name] = layer.cpu()

    def _restore(self) -> None:
        for (parent, name), layer in self.kept.items():
            setattr(parent, name, layer.to(getattr(parent, name).weight.device))
        self.kept.clear()


def is_worth_it(layer: nn.Linear) -> bool:
    """Tell whether a layer is large enough, and of sides that tensor cores take."""
    return (
        min(layer.in_features, layer.out_features) >= LEAST_FEATURES
        and layer.in_features % SIDE_STEP == 0
        and layer.out_features % SIDE_STEP == 0
    )
