"""Makes Wan's networks fast on a GPU: blocks of few kernels, the best attention, approximations that a shot asks for.

Exact as far as the order of sums is: what is approximate is only what a shot names. See docs/performance.md.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from renderer.artifacts import Shot
from renderer.backends.diffusion.float8 import Float8Linear, Rounding, refuse_without_float8
from renderer.backends.diffusion.kernels import Modulation, Rounded, attention
from renderer.backends.diffusion.kernels.attention import Attention
from renderer.backends.diffusion.kernels.rows import (
    added,
    added_and_normed,
    gelu_rounded,
    normed,
    turned,
)
from renderer.errors import BackendError


class Tuning:
    """The networks of one loaded model, made fast. They keep the modules of diffusers, which adapters are laid over."""

    def __init__(self, networks: Iterable[Any], device: torch.device, *, fuses: bool) -> None:
        """Take the networks over.

        Raises:
            BackendError: there is no C compiler, which Triton needs.
        """
        if fuses and device.type == "cuda":
            refuse_without_compiler()
        self.networks = list(networks)
        self.device = device
        self.rounding = [Rounding(network.blocks) for network in self.networks]
        self.asked: tuple[tuple[str, ...], int] | None = None
        self.passes = [BlockPass() for _ in self.networks] if fuses else []
        for network, block_pass in zip(self.networks, self.passes, strict=False):
            for block in network.blocks:
                block.forward = partial(block_pass, block)
            embedder = network.condition_embedder
            embedder.forward = partial(_embedded, embedder.forward, block_pass)

    def use(self, shot: Shot, tokens_per_frame: int) -> None:
        """Compute as the shot asks.

        Raises:
            BackendError: there is no kernel for it here.
        """
        asked = shot.approximations, tokens_per_frame
        if asked == self.asked:
            return
        if "fp8_linear" in shot.approximations:
            refuse_without_float8(self.device)
        own: Attention = attention.exact
        if "fp8_attention" in shot.approximations:
            attention.refuse_fp8(self.device)
            own = attention.fp8
        if "sparse_attention" in shot.approximations:
            own = attention.sparse(own, tokens_per_frame)
        for network, rounding in zip(self.networks, self.rounding, strict=True):
            network.set_attn_processor(Attend(own))
            rounding.use("fp8_linear" in shot.approximations)
        for block_pass in self.passes:
            block_pass.own, block_pass.first = own, tokens_per_frame
        self.asked = asked

    def release(self) -> None:
        """Bring the original layers back, so that adapters can be laid over them."""
        for rounding in self.rounding:
            rounding.use(False)
        self.asked = None


def refuse_without_compiler() -> None:
    """Check for a C compiler.

    Raises:
        BackendError: there is none.
    """
    if not any(shutil.which(name) for name in (os.environ.get("CC", "cc"), "gcc", "clang")):
        raise BackendError("kernels of Wan: there is no C compiler, which Triton needs. Install gcc.")


class Attend:
    """Wan's attention as diffusers calls it, with `own` among a clip's tokens; words are always looked at exactly.

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
        turns = None if rotary_emb is None else _turns(rotary_emb)
        query = _apart(_turned(attn.to_q(hidden_states), attn.norm_q, turns), attn)
        key = _apart(_turned(attn.to_k(source), attn.norm_k, turns), attn)
        attend = self.own if encoder_hidden_states is None else attention.exact
        answer: Tensor = attn.to_out[0](attend(query, key, _apart(attn.to_v(source), attn)).flatten(2))
        return answer


class BlockPass:
    """One pass through a `WanTransformerBlock`, called instead of its `forward`, for a batch of one.

    Tokens may be at two times, as those of a given first frame and the rest are: the first `first` at the earlier one.
    Source: diffusers 0.42.1, WanTransformerBlock.
    """

    own: Attention
    first: int

    def __call__(
        self,
        block: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        temb: Tensor,
        rotary_emb: tuple[Tensor, Tensor],
    ) -> Tensor:
        """Return (1, tokens, channels)."""
        x, text, turns = hidden_states[0], encoder_hidden_states[0], _turns(rotary_emb)
        times = temb[0] if temb.ndim == 4 else temb  # (1 or 2, 6, channels)
        table = (block.scale_shift_table + times.float()).unbind(1)
        shift, scale, gate, ffn_shift, ffn_scale, ffn_gate = (part.contiguous() for part in table)
        own, words = block.attn1, block.attn2

        seen = normed(x, Modulation(1 + scale, shift), self.first, block.norm1.eps, rounds=_rounds(own.to_q))
        query = turned(_product(own.to_q, seen, x), own.norm_q.weight, own.norm_q.eps, turns)
        key = turned(_product(own.to_k, seen, x), own.norm_k.weight, own.norm_k.eps, turns)
        value = _product(own.to_v, seen, x)
        found = self.own(*(part.view(1, len(part), own.heads, -1) for part in (query, key, value)))
        delta = own.to_out[0](found.flatten(2)[0])

        how = Modulation(block.norm2.weight.float()[None], block.norm2.bias.float()[None])
        x, seen = added_and_normed(x, delta, gate, how, self.first, block.norm2.eps, rounds=_rounds(words.to_q))
        query = turned(_product(words.to_q, seen, x), words.norm_q.weight, words.norm_q.eps, None)
        key = turned(words.to_k(text), words.norm_k.weight, words.norm_k.eps, None)
        parts = (query, key, words.to_v(text))
        found = attention.exact(*(part.view(1, len(part), words.heads, -1) for part in parts))
        delta = words.to_out[0](found.flatten(2)[0])

        up, down = block.ffn.net[0].proj, block.ffn.net[2]
        how = Modulation(1 + ffn_scale, ffn_shift)
        x, seen = added_and_normed(x, delta, None, how, self.first, block.norm3.eps, rounds=_rounds(up))
        return added(x, _forward(up, down, seen, x), ffn_gate, self.first)[None]


def _forward(up: nn.Module, down: nn.Module, seen: Tensor | Rounded, like: Tensor) -> Tensor:
    """Return the feed-forward layers' answer; an exact product takes the GELU along where it can."""
    if type(up) is nn.Linear and isinstance(seen, Tensor) and seen.is_cuda:
        return _product(down, torch._addmm_activation(up.bias, seen, up.weight.t(), use_gelu=True), like)
    wide = _product(up, seen, like)
    if isinstance(down, Float8Linear):
        return down.of(gelu_rounded(wide), like.dtype)
    return _product(down, nn.functional.gelu(wide, approximate="tanh"), like)


def _product(layer: Any, x: Tensor | Rounded, like: Tensor) -> Tensor:
    answer: Tensor = layer.of(x, like.dtype) if isinstance(x, Rounded) else layer(x)
    return answer


def _rounds(layer: nn.Module) -> bool:
    """Tell whether a layer wants its input rounded; one with an adapter rounds for itself."""
    return isinstance(layer, Float8Linear)


def _turns(rotary: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    cos, sin = (part.flatten(0, 2) for part in rotary)
    return cos, sin


def _turned(x: Tensor, norm: Any, turns: tuple[Tensor, Tensor] | None) -> Tensor:
    return torch.stack([turned(one, norm.weight, norm.eps, turns) for one in x])


def _apart(x: Tensor, attn: Any) -> Tensor:
    return x.view(*x.shape[:2], attn.heads, -1)


def _embedded(
    embed: Any, block_pass: BlockPass, timestep: Tensor, *others: Any, timestep_seq_len: int | None = None
) -> tuple[Any, ...]:
    """Embed two times instead of one for each token: that of the first, and that of the last.

    Source: diffusers 0.42.1, WanTimeTextImageEmbedding.
    """
    if timestep_seq_len is None:
        return tuple(embed(timestep, *others))
    ends = timestep[[0, -1]]
    end_of = (torch.arange(timestep_seq_len, device=timestep.device) >= block_pass.first).long()
    torch._assert_async((timestep == ends[end_of]).all())
    temb, *rest = embed(ends, *others, timestep_seq_len=2)
    return temb[:, end_of], *rest
