"""Parts that Wan's pipelines lack: a memory of encoded pictures, and two networks where a pipeline knows one."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from typing import Any

import torch
from diffusers.pipelines.wan.pipeline_wan_i2v import WanImageToVideoPipeline
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

MOST_CONDITIONS = 4  # pictures whose encoding is kept; 25 MB each at 1280x720, 81 frames


class ImageToVideo(WanImageToVideoPipeline):
    """Encodes a picture once, however many takes begin with it: the encoder sees as many frames as a take has."""

    def prepare_latents(self, image: Tensor, *arguments: Any) -> tuple[Tensor, ...]:  # type: ignore[override] # all of them by position
        """See `WanImageToVideoPipeline.prepare_latents`, whose arguments come by position."""
        batch, channels, height, width, num_frames, dtype, device, generator, latents, last = arguments
        space, time = self.vae_scale_factor_spatial, self.vae_scale_factor_temporal
        shape = (batch, channels, (num_frames - 1) // time + 1, height // space, width // space)
        if latents is None:
            latents = randn_tensor(shape, generator=generator, device=device, dtype=dtype)
        key = (shape, num_frames, _digest(image), _digest(last))
        if key not in self.conditions:
            encode: Any = super().prepare_latents
            given = encode(image, *arguments[:8], latents, last)
            self.conditions[key] = [part.cpu() for part in given[1:]]
        self.conditions.move_to_end(key)
        while len(self.conditions) > MOST_CONDITIONS:
            self.conditions.popitem(last=False)
        return latents, *(part.to(device) for part in self.conditions[key])

    @property
    def conditions(self) -> OrderedDict[Any, list[Tensor]]:
        """The encoded pictures, least recently used first."""
        kept: OrderedDict[Any, list[Tensor]] = self.__dict__.setdefault("_conditions", OrderedDict())
        return kept


class Experts(torch.nn.Module):
    """Two networks as one: the first for strong noise, the second for the rest. For pipelines that know only one."""

    def __init__(self, high: torch.nn.Module, low: torch.nn.Module, boundary: float) -> None:
        super().__init__()
        self.high, self.low, self.boundary = high, low, boundary
        self.config = high.config

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights."""
        return next(self.high.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.high.parameters()).device

    def forward(self, hidden_states: Tensor, timestep: Tensor, **options: Any) -> Any:
        """See `WanTransformer3DModel.forward`; all timesteps of a batch are the same."""
        network = self.high if float(timestep.flatten()[0]) >= self.boundary else self.low
        return network(hidden_states=hidden_states, timestep=timestep, **options)


def _digest(picture: Tensor | None) -> str:
    return "" if picture is None else sha256(picture.cpu().numpy().tobytes()).hexdigest()
