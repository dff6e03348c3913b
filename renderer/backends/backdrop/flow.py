"""Walks from noise to clips: a few large steps along straight lines (flow matching, arXiv 2210.02747).

The network predicts where the line ends; told the size of the step, it answers for all of it. A walk may begin part of
the way, from a sketch half hidden in noise (SDEdit, arXiv 2108.01073). Given frames stay as they are, so that a clip
continues another; a looping clip is seen from two starting frames at once.

Letters in shapes: B clips, T frames, H rows, W columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from renderer.backends.backdrop.conditions import Conditions
from renderer.backends.backdrop.upsampler import PATCH

Predict = Callable[[Tensor, Tensor, Tensor, Conditions, Tensor], Tensor]  # BackdropNetwork.forward

NOISE_SCALE = 2.5  # sigma of the noise at t = 0, as in training; a clip is redundant and hides in weaker noise
LEARNED_STEPS = (1 / 2, 1 / 4, 1 / 8, 1 / 16)  # sizes the network was taught; others are asked as infinitely small


def denoise(
    predict: Predict,
    noise: Tensor,
    conditions: Conditions,
    num_inference_steps: int,
    *,
    sketch: Tensor | None = None,
    start: float = 0.0,
    first: Tensor | None = None,
    last: Tensor | None = None,
    loops: bool = False,
) -> Tensor:
    """Walk to clean clips in equal steps, float32 (B, 3, T, H, W) in about [-1, 1].

    Args:
        predict: the network, on the device of the clips.
        noise: (B, 3, T, H, W), standard normal.
        conditions: what the clips should show.
        num_inference_steps: evaluations of the network.
        sketch: (B, 3, T, H, W) in [-1, 1], where the walk begins at time `start`.
        start: 0 is pure noise.
        first: frames (B, 3, t, H, W) that are given at the beginning, t a multiple of the patch's frames.
        last: the same at the end.
        loops: the first frame follows the last; costs twice as much.
    """
    clip = (1 - start) * NOISE_SCALE * noise
    if sketch is not None:
        clip = clip + start * sketch
    given, known = given_frames(clip, first, last)
    is_given = (known > 0).repeat_interleave(PATCH[0], dim=1)[:, None, :, None, None]
    size = (1 - start) / num_inference_steps
    step = torch.full((len(clip),), size if size in LEARNED_STEPS else 0.0, device=clip.device)
    for t, next_t in pairwise(torch.linspace(start, 1, num_inference_steps + 1, device=clip.device)):
        clip = torch.where(is_given, given, clip)
        clean = predict(clip, t.expand(len(clip)), step, conditions, known)
        if loops:
            turned = predict(_turned(clip), t.expand(len(clip)), step, conditions, known)
            clean = torch.lerp(_turned(turned), clean, _middle_weight(clip))
        clip = torch.lerp(clip, clean, (next_t - t) / (1 - t))
    return torch.where(is_given, given, clip)


def given_frames(clip: Tensor, first: Tensor | None, last: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return a copy of the clip with the given frames in it, and which patches in time are given, (B, T / patch)."""
    given = clip.clone()
    known = torch.zeros(len(clip), clip.shape[2] // PATCH[0], device=clip.device)
    if first is not None and first.shape[2]:
        given[:, :, : first.shape[2]] = first
        known[:, : first.shape[2] // PATCH[0]] = 1
    if last is not None and last.shape[2]:
        given[:, :, -last.shape[2] :] = last
        known[:, -(last.shape[2] // PATCH[0]) :] = 1
    return given, known


def _turned(clip: Tensor) -> Tensor:
    """Let a loop (B, 3, T, H, W) begin half a round later; twice is the same loop again."""
    return clip.roll(clip.shape[2] // 2, dims=2)


def _middle_weight(clip: Tensor) -> Tensor:
    """Return how much a frame's place in the clip is trusted, 1 in the middle and 0 at the ends, (1, 1, T, 1, 1)."""
    frames = clip.shape[2]
    phase = (torch.arange(frames, device=clip.device) + 0.5) * (math.pi / frames)
    return (torch.sin(phase) ** 2).view(1, 1, -1, 1, 1)
