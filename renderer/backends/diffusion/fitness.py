"""Tells whether a shot fits a diffusion model, before a GPU is busy with it."""

from __future__ import annotations

from dataclasses import dataclass

from renderer.artifacts import Shot
from renderer.backends import Inputs, VideoModelFacts, asked_of
from renderer.backends.diffusion import hub_revision
from renderer.backends.diffusion.checkpoint import Checkpoint, is_commit
from renderer.errors import BackendError


@dataclass(frozen=True)
class Grid:
    """What the loaded weights can make: sides that are multiples of `size`, and `offset` + n * `frames` frames."""

    size: int
    frames: int
    offset: int = 1


def refuse_unfit(shot: Shot, inputs: Inputs, facts: VideoModelFacts, grid: Grid) -> None:
    """Check what planning should have kept away.

    Raises:
        BackendError: the model cannot do it, a picture is absent, or size, length, steps or guidance do not fit.
    """
    place = f"shot {shot.key}"
    if lacking := sorted(set(asked_of(shot)) - facts.abilities):
        raise BackendError(
            f"{place}: {shot.model} cannot do {', '.join(lacking)}. It can do {', '.join(sorted(facts.abilities))}."
        )
    _refuse_absent(place, shot, inputs)
    step = grid.size * shot.upscale
    if shot.width % step or shot.height % step:
        raise BackendError(
            f"{place}: {shot.width}x{shot.height} does not fit {shot.model}. It makes multiples of {step} pixels."
        )
    if (shot.num_frames - grid.offset) % grid.frames or not 0 < shot.num_frames <= facts.max_num_frames:
        raise BackendError(
            f"{place}: {shot.num_frames} frames do not fit {shot.model}. "
            f"It makes {grid.offset} + {grid.frames}n frames, at most {facts.max_num_frames}."
        )
    if unknown := sorted(set(shot.approximations) - facts.approximations):
        raise BackendError(f"{place}: {shot.model} knows no {', '.join(unknown)}. Remove it from 'approximations'.")
    if shot.shared_steps and not (facts.shares_steps and shot.shared_steps < shot.num_inference_steps):
        raise BackendError(
            f"{place}: {shot.model} cannot share {shot.shared_steps} of {shot.num_inference_steps} steps."
        )
    if not facts.has_guidance and shot.guidance_scale != 1:
        raise BackendError(f"{place}: guidance_scale {shot.guidance_scale:g}. {shot.model} has none; write 1.")


def refuse_other_weights(shot: Shot, checkpoint: Checkpoint) -> None:
    """Check that a shot which was planned for one commit of the weights is not made with another.

    Raises:
        BackendError: names both.
    """
    planned = hub_revision(shot.revision)
    if is_commit(planned) and checkpoint.commit not in ("", planned):
        raise BackendError(
            f"shot {shot.key}: was planned for {shot.model} at revision {planned}, and {checkpoint.source} holds "
            f"{checkpoint.commit}. Plan the run again, or fetch that revision."
        )


def _refuse_absent(place: str, shot: Shot, inputs: Inputs) -> None:
    """Refuse a shot that names a picture which did not come along."""
    wanted = {
        "the product's picture": (shot.image_sha256 is not None, inputs.image),
        "the last frame": (shot.last_image_sha256 is not None, inputs.last_image),
        "the mask of the product": (shot.keeps_product, inputs.mask),
        "the footage": (shot.footage is not None, inputs.clip),
    }
    for name, (named, given) in wanted.items():
        if named and given is None:
            raise BackendError(f"{place}: {name} is absent. Put it into the store and generate again.")
