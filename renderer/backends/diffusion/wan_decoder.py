"""Wan's VAE decoder for GPUs: many frames at a time, a third fewer products, no copies for padding or upsampling.

It computes what `AutoencoderKLWan.decode` computes, in another order:

- diffusers decodes one latent frame after the other; causal layers only need the last frames of what came before, so
  chunks of any length give the same.
- A causal kernel over three frames gives two frames of output from four products of 3 x 3 kernels where six are usual
  (Winograd's F(2,3) along time; Lavin and Gray, arXiv:1509.09308).
- Doubling a picture and folding 3 x 3 pixels of it looks at 2 x 2 different ones: four small kernels, one for each
  pixel of the doubled square, do the same with 4 / 9 of the products.

Clips are (frames, channels, height, width) in channels_last. Histories begin as zeros, as the padding does.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812 # as everybody calls it
from torch import Tensor, nn

from renderer.backends.diffusion.kernels.frames import joined, paired, placed

CHUNK_FRAMES = 6  # latent frames at a time, 24 pictures: at 1280x704 that takes 38 GB at its peak
CHANNEL_STEP = 64  # of the last outputs, three or twelve: cuDNN has no fast kernel for fewer
Histories: TypeAlias = dict[Any, Tensor]  # by layer: the last frames that it saw


class WanDecoder:
    """Decodes latents with the weights of an `AutoencoderKLWan`, of Wan 2.1 or 2.2; copies them in `dtype`."""

    def __init__(self, vae: Any, device: torch.device, dtype: torch.dtype = torch.bfloat16) -> None:
        self.device, self.dtype = device, dtype
        self.patch_size = vae.config.patch_size or 1
        self.unquantize = _weights(vae.post_quant_conv, device, dtype)
        decoder = vae.decoder
        self.enter = CausalConv(decoder.conv_in, None, device, dtype)
        first, last = decoder.mid_block.resnets
        self.middle = Residual(first, device, dtype), Residual(last, device, dtype)
        self.attention = deepcopy(decoder.mid_block.attentions[0]).to(device, dtype)
        self.stages = [Stage(block, device, dtype) for block in decoder.up_blocks]
        self.leave = CausalConv(decoder.conv_out, decoder.norm_out, device, dtype, CHANNEL_STEP)
        self.num_outputs = decoder.conv_out.out_channels

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Return pixels in [-1, 1], (1, 3, num_frames, height, width), of latents (1, C, T, h, w) as the VAE has them.

        Source: Wan 2.1 and 2.2, AutoencoderKLWan._decode.
        """
        histories: Histories = {}
        clip = latents[0].transpose(0, 1).to(self.device, self.dtype, memory_format=torch.channels_last)
        clip = F.conv2d(clip, self.unquantize[0], self.unquantize[1])
        begins = [0, *range(1 + CHUNK_FRAMES, clip.shape[0], CHUNK_FRAMES)]
        ends = [*begins[1:], clip.shape[0]]
        made = [self._chunk(clip[begin:end], histories) for begin, end in zip(begins, ends, strict=True)]
        return torch.cat(made).transpose(0, 1)[None]

    def _chunk(self, x: Tensor, histories: Histories) -> Tensor:
        x = self.enter(x, histories)
        x = self.middle[0](x, histories)
        x = self.attention(x.transpose(0, 1)[None])[0].transpose(0, 1)
        x = self.middle[1](x.contiguous(memory_format=torch.channels_last), histories)
        for stage in self.stages:
            x = stage(x, histories)
        x = self.leave(x, histories)[:, : self.num_outputs]
        if self.patch_size > 1:  # channels are colour, then column, then row within the patch
            side = self.patch_size
            x = (
                x.contiguous()
                .view(len(x), -1, side, side, *x.shape[2:])
                .permute(0, 1, 4, 3, 5, 2)
                .flatten(4, 5)
                .flatten(2, 3)
            )
        return x.clamp(-1, 1)


class CausalConv:
    """A causal 3 x 3 x 3 convolution, with the norm and SiLU before it; gives two frames from four products."""

    def __init__(
        self, conv: nn.Conv3d, norm: Any, device: torch.device, dtype: torch.dtype, channel_step: int = 1
    ) -> None:
        weight, bias = conv.weight.detach().float(), conv.bias
        assert bias is not None, "all convolutions of this VAE have one"
        missing = -weight.shape[0] % channel_step
        weight = F.pad(weight, (0, 0, 0, 0, 0, 0, 0, 0, 0, missing))
        past, before, now = weight.unbind(2)
        halves = (past + before + now) / 2, (past - before + now) / 2
        self.kernels = [kernel.to(device, dtype, memory_format=torch.channels_last) for kernel in (past, *halves, now)]
        self.bias = F.pad(bias.detach().float(), (0, missing)).to(device)
        self.gamma = None if norm is None else norm.gamma.detach().float().flatten().to(device)

    def __call__(self, x: Tensor, histories: Histories, residual: Tensor | None = None) -> Tensor:
        """Return as many frames as x has, plus the residual."""
        history = histories.get(self)
        if history is None:
            history = torch.zeros_like(x[:1]).expand(2, -1, -1, -1).contiguous(memory_format=torch.channels_last)
        inputs = paired(x, history, self.gamma)
        products = [
            F.conv2d(part, kernel, padding=1) for part, kernel in zip(inputs.unbind(0), self.kernels, strict=True)
        ]
        histories[self] = torch.cat([history, x[-2:]])[-2:]
        return joined(products, self.bias, residual, len(x))


class Residual:
    """Two convolutions beside a shortcut."""

    def __init__(self, block: Any, device: torch.device, dtype: torch.dtype) -> None:
        self.first = CausalConv(block.conv1, block.norm1, device, dtype)
        self.second = CausalConv(block.conv2, block.norm2, device, dtype)
        has_weights = isinstance(block.conv_shortcut, nn.Conv3d)
        self.shortcut = _weights(block.conv_shortcut, device, dtype) if has_weights else None

    def __call__(self, x: Tensor, histories: Histories) -> Tensor:
        """Return as many frames as x has."""
        beside = x if self.shortcut is None else F.conv2d(x, *self.shortcut)
        return self.second(self.first(x, histories), histories, beside)


class Stage:
    """Residual blocks, and the doubling of the picture, perhaps of the frames too, that most stages end with."""

    def __init__(self, block: Any, device: torch.device, dtype: torch.dtype) -> None:
        self.blocks = [Residual(one, device, dtype) for one in block.resnets]
        ends = getattr(block, "upsampler", None) or next(iter(getattr(block, "upsamplers", None) or ()), None)
        self.doubling = None if ends is None else Doubling(ends, device, dtype)
        self.shortcut = getattr(block, "avg_shortcut", None)

    def __call__(self, x: Tensor, histories: Histories) -> Tensor:
        """Return larger frames, perhaps more."""
        beside = x if self.shortcut is not None else None
        for block in self.blocks:
            x = block(x, histories)
        return x if self.doubling is None else self.doubling(x, histories, beside, self.shortcut)


class Doubling:
    """Twice the height and width, where `time` is set also twice the frames but for the first."""

    def __init__(self, resample: Any, device: torch.device, dtype: torch.dtype) -> None:
        conv = resample.resample[1]
        self.kernels = [
            kernel.to(device, dtype, memory_format=torch.channels_last)
            for kernel in _folded(conv.weight.detach().float())
        ]
        self.bias = conv.bias.detach().to(device, dtype)
        self.time = _weights(resample.time_conv, device, dtype, ndim=5) if resample.mode == "upsample3d" else None

    def __call__(self, x: Tensor, histories: Histories, beside: Tensor | None, shortcut: Any) -> Tensor:
        """Return the doubled frames, plus what `shortcut`, a `DupUp3D`, makes of `beside`."""
        is_first = self not in histories
        if self.time is not None:
            x = self._twice_as_many(x, histories, is_first)
        histories.setdefault(self, x[:0])
        products = [F.conv2d(x, kernel, self.bias, padding=1) for kernel in self.kernels]
        times, repeats = (1, 1) if shortcut is None else (shortcut.factor_t, shortcut.repeats)
        return placed(products, beside, times, repeats, times - 1 if is_first else 0)

    def _twice_as_many(self, x: Tensor, histories: Histories, is_first: bool) -> Tensor:
        """The clip's first frame stays one, and the frames behind it do not see it."""
        assert self.time is not None
        alone, rest = (x[:1], x[1:]) if is_first else (x[:0], x)
        history = histories.get(self, torch.zeros_like(x[:1]).expand(2, -1, -1, -1))
        seen = torch.cat([history, rest])
        histories[self] = seen[-2:].clone()
        if not len(rest):
            return alone
        weight, bias = self.time
        pairs = F.conv3d(seen.transpose(0, 1)[None], weight, bias)[0].transpose(0, 1)
        doubled = torch.stack(pairs.chunk(2, 1), 1).flatten(0, 1)
        return torch.cat([alone, doubled]).contiguous(memory_format=torch.channels_last)


def _folded(weight: Tensor) -> list[Tensor]:
    """Return four kernels of 2 x 2 for one of 3 x 3 (O, C, 3, 3) that looks at a doubled picture, row by row."""
    rows = [_halved(weight, 2, row) for row in (0, 1)]
    return [_halved(kernel, 3, column) for kernel in rows for column in (0, 1)]


def _halved(weight: Tensor, axis: int, place: int) -> Tensor:
    """Along one axis of a doubled picture: three neighbours of an even place lie in two places, so do an odd one's."""
    first, middle, last = weight.unbind(axis)
    return torch.stack([first, middle + last] if place == 0 else [first + middle, last], axis)


def _weights(conv: Any, device: torch.device, dtype: torch.dtype, ndim: int = 4) -> tuple[Tensor, Tensor]:
    """Return weight and bias; a 1 x 1 x 1 kernel as one of 1 x 1."""
    weight = conv.weight.detach().to(device, dtype)
    if ndim == 5:
        return weight.contiguous(memory_format=torch.channels_last_3d), conv.bias.detach().to(device, dtype)
    return weight[:, :, 0].contiguous(memory_format=torch.channels_last), conv.bias.detach().to(device, dtype)
