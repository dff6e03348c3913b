"""Makes Wan's networks fast on a GPU: compiled blocks, the best attention, and the approximations that a shot asks for.

Exact as far as the order of sums is: what is approximate is only what a shot names. See docs/performance.md.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from renderer.artifacts import Shot
from renderer.backends.diffusion import attention
from renderer.backends.diffusion.attention import Attention
from renderer.backends.diffusion.float8 import Rounding

log = logging.getLogger(__name__)

MOST_COMPILATIONS = 64  # of one block: each size, length and choice of approximations is one


class Attend:
    """Wan's attention as diffusers calls it, with `own` for a clip's own tokens; words are always looked at exactly.

    Source: diffusers 0.42.1, WanAttnProcessor.
    """

    def __init__(self, own: Attention) -> None:
        self.own = own

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Return (batch, tokens, channels)."""
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = attn.norm_q(attn.to_q(hidden_states)), attn.norm_k(attn.to_k(source)), attn.to_v(source)
        query, key, value = (part.unflatten(2, (attn.heads, -1)) for part in (query, key, value))
        if rotary_emb is not None:
            query, key = turned(query, *rotary_emb), turned(key, *rotary_emb)
        attend = self.own if encoder_hidden_states is None else attention.exact
        return attn.to_out[0](attend(query, key, value).flatten(2, 3))


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Return x (batch, tokens, heads, head_dim) with its pairs of channels turned by their place in the clip."""
    left, right = x.unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = cos[..., 0::2], sin[..., 1::2]
    return torch.stack([left * cos - right * sin, left * sin + right * cos], -1).flatten(-2).type_as(x)


class Tuning:
    """The networks of one loaded model, made fast."""

    def __init__(self, networks: Iterable[Any], device: torch.device, *, compiles: bool) -> None:
        self.networks = list(networks)
        self.device = device
        self.rounding = [Rounding(network.blocks) for network in self.networks]
        self.asked: tuple[tuple[str, ...], int] | None = None
        if compiles and can_compile():
            torch._dynamo.config.recompile_limit = MOST_COMPILATIONS
            for network in self.networks:
                network.compile_repeated_blocks(fullgraph=True, dynamic=False)

    def use(self, shot: Shot, tokens_per_frame: int) -> None:
        """Compute as the shot asks.

        Raises:
            BackendError: there is no kernel for it here.
        """
        asked = shot.approximations, tokens_per_frame
        if asked == self.asked:
            return
        own = attention.exact
        if "fp8_attention" in shot.approximations:
            attention.refuse_fp8(self.device)
            own = attention.fp8
        if "sparse_attention" in shot.approximations:
            own = attention.sparse(own, tokens_per_frame)
        for network, rounding in zip(self.networks, self.rounding, strict=True):
            network.set_attn_processor(Attend(own))
            rounding.use("fp8_linear" in shot.approximations)
        self.asked = asked

    def release(self) -> None:
        """Bring the original layers back, so that adapters can be laid over them."""
        for rounding in self.rounding:
            rounding.use(False)
        self.asked = None


def can_compile() -> bool:
    """Tell whether there is a C compiler, which Triton needs; say so once where there is none."""
    compiler = os.environ.get("CC", "cc")
    if shutil.which(compiler) or shutil.which("gcc") or shutil.which("clang"):
        return True
    log.warning("no C compiler: networks stay uncompiled and take about a sixth longer. Install gcc.")
    return False
