"""The file between denoising and decoding: tensors as safetensors, with the shot they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from renderer.artifacts import Shot
from renderer.errors import BackendError


def pack(shot: Shot, tensors: Mapping[str, Tensor]) -> bytes:
    """Return a file of safetensors, the same bytes for the same tensors; they may be on any device."""
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(on_cpu, metadata={"shot": shot.key})  # two entries would come in any order


def unpack(shot: Shot, file: bytes) -> dict[str, Tensor]:
    """Return the tensors of a file that `pack` made for this shot, on the CPU.

    Raises:
        BackendError: the file is broken, or belongs to another shot.
    """
    try:
        tensors = safetensors.torch.load(file)
        length = int.from_bytes(file[:8], "little")
        owner = json.loads(file[8 : 8 + length]).get("__metadata__", {}).get("shot")
    except (SafetensorError, ValueError) as error:
        raise BackendError(f"shot {shot.key}: its latents are not readable ({error}). Denoise it again.") from error
    if owner != shot.key:
        raise BackendError(f"shot {shot.key}: these latents belong to shot {owner}. Denoise it again.")
    return tensors
