"""Matrix products in 8-bit floats (E4M3): a scale for each row of the input and for each output, as tensor cores take.

Halves the time of a product on Hopper and the memory of its weights. What it changes is in docs/performance.md.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from renderer.backends.diffusion.kernels import Rounded
from renderer.backends.diffusion.kernels.rows import rounded
from renderer.errors import BackendError

LEAST_FEATURES = 512  # smaller products cost nothing
LEAST_CAPABILITY = (8, 9)
SIDE_STEP = 16  # of the sides that tensor cores take
ROOM_BYTES = 40 * 2**30  # of a card, kept for a take: decoding 121 frames of 1280x704 takes 38 GB at its peak


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


def refuse_without_float8(device: torch.device) -> None:
    """Check that a card multiplies E4M3.

    Raises:
        BackendError: it does not.
    """
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < LEAST_CAPABILITY:
        raise BackendError("fp8_linear: needs a GPU of NVIDIA's Ada or Hopper generation or later. Remove it.")


class Rounding:
    """Puts a network's large linear layers into 8 bits, and back. The exact ones stay on the card if there is room."""

    def __init__(self, blocks: nn.Module) -> None:
        self.blocks = blocks
        self.kept: dict[tuple[nn.Module, str], nn.Linear] = {}  # by parent and name

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
                    self.kept[parent, name] = layer if _has_room(layer.weight.device) else layer.cpu()

    def _restore(self) -> None:
        for (parent, name), layer in self.kept.items():
            setattr(parent, name, layer.to(getattr(parent, name).weight.device))
        self.kept.clear()


def _has_room(device: torch.device) -> bool:
    """Tell whether a card has memory left for what a take needs beside the weights."""
    if device.type != "cuda":
        return True
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + unused > ROOM_BYTES


def is_worth_it(layer: nn.Linear) -> bool:
    """Tell whether a layer is large enough, and of sides that tensor cores take."""
    return (
        min(layer.in_features, layer.out_features) >= LEAST_FEATURES
        and layer.in_features % SIDE_STEP == 0
        and layer.out_features % SIDE_STEP == 0
    )
