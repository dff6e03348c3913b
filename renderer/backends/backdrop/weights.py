"""Keeps both networks in one small file: matrices as 8-bit integers with a scale per row, everything else as halves."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from renderer.backends.backdrop import SCENES, WEIGHTS, WEIGHTS_SHA256
from renderer.backends.backdrop.network import BackdropNetwork
from renderer.backends.backdrop.upsampler import PATCH, Upsampler
from renderer.digest import file_sha256
from renderer.errors import BackendError

LARGEST = 127.0  # of the 8-bit integers
MIN_ROWS_LENGTH = 256  # shorter rows stay halves: their scales would cost as much as they save


def new_network() -> BackdropNetwork:
    """Return the diffusion network as it is before training, float32 on the CPU."""
    return BackdropNetwork(width=448, depth=12, num_heads=7, bottleneck=128, num_scenes=len(SCENES), patch=PATCH)


def save_weights(path: Path, network: nn.Module, upsampler: nn.Module) -> None:
    """Write both networks to one file of safetensors."""
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    state |= {f"upsampler.{name}": value for name, value in upsampler.state_dict().items()}
    save_file(packed(state), path)


def load_weights() -> tuple[BackdropNetwork, Upsampler]:
    """Return the shipped networks, float32 on the CPU.

    Raises:
        BackendError: the weights are missing or altered.
    """
    if not WEIGHTS.is_file() or file_sha256(WEIGHTS) != WEIGHTS_SHA256:
        raise BackendError(f"{WEIGHTS}: missing, or not the weights of this version. Install adloom again.")
    return networks_from(load_file(WEIGHTS))


def networks_from(stored: dict[str, Tensor]) -> tuple[BackdropNetwork, Upsampler]:
    """Build both networks from what `save_weights` wrote."""
    state = unpacked(stored)
    network, upsampler = new_network(), Upsampler()
    for name, module in (("network.", network), ("upsampler.", upsampler)):
        module.load_state_dict({key.removeprefix(name): value for key, value in state.items() if key.startswith(name)})
    return network, upsampler


def packed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights small enough to store: long rows as int8 with a scale in `<name>.scale`, the rest float16."""
    stored: dict[str, Tensor] = {}
    for name, value in state.items():
        value = value.detach().float().cpu()
        if value.ndim == 2 and value.shape[1] >= MIN_ROWS_LENGTH:
            scale = (value.abs().amax(1) / LARGEST).clamp(min=1e-8)
            stored[f"{name}.scale"] = scale
            stored[name] = (value / scale[:, None]).round().to(torch.int8)
        else:
            stored[name] = value.to(torch.float16).contiguous()
    return stored


def unpacked(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Undo `packed`, float32."""
    scales = {name.removesuffix(".scale"): value for name, value in stored.items() if name.endswith(".scale")}
    return {
        name: value.float() * scales[name][:, None] if name in scales else value.float()
        for name, value in stored.items()
        if not name.endswith(".scale")
    }
