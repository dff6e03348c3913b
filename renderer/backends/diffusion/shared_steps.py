"""Lets takes that differ in nothing but their prompt begin as one: their first steps are denoised once.

Early steps settle composition and motion, late ones what the words say in detail (Decatur et al., arXiv:2508.21032).
A take whose prompt is the shared one is the same, bit for bit, as if nothing had been shared.
"""

from __future__ import annotations

from collections import OrderedDict
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from renderer.artifacts import Shot
from renderer.digest import content_key

MOST_TRUNKS = 8  # beginnings kept, least recently used first; each a few latents
OWN = {"key", "prompt", "look", "layout", "sounds"}  # of a shot: what its trunk does not depend on


@dataclass(frozen=True)
class Trunk:
    """Where several takes part."""

    latents: Tensor
    scheduler: Any  # after its step; remembers earlier ones where it needs them
    noise: Tensor  # state of the generator


class SharedSteps:
    """Calls pipelines of diffusers, and remembers how takes began."""

    def __init__(self) -> None:
        self.trunks: OrderedDict[str, Trunk] = OrderedDict()

    def denoise(self, pipe: Any, shot: Shot, shared: Tensor, options: dict[str, Any]) -> Tensor:
        """Return the latents of `pipe(**options)`, begun under the embedding `shared` for the shot's first steps."""
        key = content_key("trunk", shot.model_dump(mode="json", exclude=OWN))
        if key not in self.trunks:
            self.trunks[key] = _begin(pipe, shot.shared_steps, {**options, "prompt_embeds": shared})
        self.trunks.move_to_end(key)
        while len(self.trunks) > MOST_TRUNKS:
            self.trunks.popitem(last=False)
        return _finish(pipe, self.trunks[key], shot.shared_steps, options)


def _begin(pipe: Any, num_steps: int, options: dict[str, Any]) -> Trunk:
    reached: list[Trunk] = []

    def stop(pipe: Any, step: int, _: Any, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        if step == num_steps - 1:
            state = options["generator"].get_state()
            reached.append(Trunk(tensors["latents"].clone(), deepcopy(pipe.scheduler), state))
            pipe._interrupt = True  # as the pipelines document it
        return {}

    pipe(**options, callback_on_step_end=stop)
    return reached[0]


def _finish(pipe: Any, trunk: Trunk, num_steps: int, options: dict[str, Any]) -> Tensor:
    before, scheduler = pipe.scheduler, deepcopy(trunk.scheduler)
    options["generator"].set_state(trunk.noise)
    if hasattr(scheduler, "generator"):
        scheduler.generator = options["generator"]
    pipe.scheduler = _Rest(scheduler, num_steps)
    try:
        latents: Tensor = pipe(**options, latents=trunk.latents).frames
    finally:
        pipe.scheduler = before
    return latents


class _Rest:
    """A scheduler that has walked a part of its way: a pipeline sees the rest, the scheduler itself still all of it."""

    def __init__(self, scheduler: Any, num_steps: int) -> None:
        self._scheduler = scheduler
        self.timesteps = scheduler.timesteps[num_steps:]

    def set_timesteps(self, *_: Any, **__: Any) -> None:
        """Leave them as they are."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scheduler, name)
