"""Matrix products in 8-bit floats (E4M3): a scale for each row of the input and for each output, as tensor cores take.

Halves the time of a product on Hopper and the memory of its weights. What it changes is in docs/performance.md.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

E4M3_MAX = 448.0
LEAST_SCALE = 1e-12  # so that a row of zeros divides by something
LEAST_FEATURES = 512  # smaller products cost nothing
SIDE_STEP = 16  # of the sides that tensor cores take


class Float8Linear(nn.Module):
    """A linear layer whose weights were rounded once and whose inputs are rounded as they come."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight, scale = round_rows(linear.weight.detach())
        self.register_buffer("weight", weight)  # (out_features, in_features)
        self.register_buffer("scale", scale.t().contiguous())  # (1, out_features)
        self.bias = linear.bias
        self.in_features, self.out_features = linear.in_features, linear.out_features

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., out_features) of x (..., in_features), in the type of x."""
        rows, scale = round_rows(x.reshape(-1, self.in_features))
        product = torch._scaled_mm(
            rows, self.weight.t(), scale, self.scale, bias=self.bias, out_dtype=x.dtype, use_fast_accum=True
        )
        return product.view(*x.shape[:-1], self.out_features)


def round_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return x (rows, columns) in E4M3, and the scale of each row, float32 (rows, 1)."""
    scale = (x.abs().amax(1, keepdim=True).float() / E4M3_MAX).clamp_min(LEAST_SCALE)
    return (x / scale).clamp(-E4M3_MAX, E4M3_MAX).to(torch.float8_e4m3fn), scale


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
                if is_worth_it(layer):
                    setattr(parent, name, Float8Linear(layer))
                    self.kept[parent, name] = layer.cpu()

    def _restore(self) -> None:
        for (parent, name), layer in self.kept.items():
            setattr(parent, name, layer.to(getattr(parent, name).weight.device))
        self.kept.clear()


def is_worth_it(layer: nn.Module) -> bool:
    """Tell whether a layer is a plain linear one, large enough, and of sides that tensor cores take."""
    return (
        type(layer) is nn.Linear
        and min(layer.in_features, layer.out_features) >= LEAST_FEATURES
        and layer.in_features % SIDE_STEP == 0
        and layer.out_features % SIDE_STEP == 0
    )
