"""Plays the network back on a GPU: its few hundred small kernels cost more to launch one by one than to compute."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from renderer.backends.backdrop.conditions import Conditions
from renderer.backends.backdrop.flow import Predict

WARM_UP_CALLS = 3  # before a recording, so that libraries have chosen and loaded their kernels


@dataclass(frozen=True)
class Recording:
    """Inputs that a graph reads, and the output that it writes, always in the same memory."""

    graph: torch.cuda.CUDAGraph
    tensors: tuple[Tensor, ...]  # noisy, t, step, known
    conditions: Conditions
    answer: Tensor


class Replay:
    """The network on a GPU, called as `BackdropNetwork.forward` is; records itself once per shape of clip."""

    def __init__(self, predict: Predict) -> None:
        self.predict = predict
        self.recordings: dict[torch.Size, Recording] = {}

    def __call__(self, noisy: Tensor, t: Tensor, step: Tensor, conditions: Conditions, known: Tensor) -> Tensor:
        """Return the clean clip, float32 (B, 3, T, H, W)."""
        inputs = (noisy, t, step, known)
        recording = self.recordings.get(noisy.shape)
        if recording is None:
            recording = self.recordings[noisy.shape] = self.record(inputs, conditions)
        for kept, given in zip(recording.tensors, inputs, strict=True):
            kept.copy_(given)
        for field in fields(Conditions):
            getattr(recording.conditions, field.name).copy_(getattr(conditions, field.name))
        recording.graph.replay()
        return recording.answer.clone()

    def record(self, inputs: tuple[Tensor, ...], conditions: Conditions) -> Recording:
        """Call the network until it is warm, then record one call."""
        noisy, t, step, known = (tensor.clone() for tensor in inputs)
        wishes = conditions[torch.arange(len(conditions), device=noisy.device)]
        stream = torch.cuda.Stream(noisy.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(noisy.device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_CALLS):
                self.predict(noisy, t, step, wishes, known)
        torch.cuda.current_stream(noisy.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            answer = self.predict(noisy, t, step, wishes, known)
        return Recording(graph, (noisy, t, step, known), wishes, answer)
