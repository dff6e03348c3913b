"""The table of video models: what fits each and what it costs, readable without a GPU and without torch."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import cast

from renderer.backends import VideoModel, VideoModelFacts, backdrop
from renderer.backends.diffusion import DIFFUSION_MODELS, hub_revision, of_commit
from renderer.backends.diffusion.checkpoint import Checkpoint, find_checkpoint
from renderer.errors import BackendError, SettingsError
from renderer.settings import Settings

VIDEO_MODELS: dict[str, VideoModelFacts] = {
    "backdrop": VideoModelFacts(
        loader="renderer.backends.backdrop.sampler:BackdropModel",
        revision=backdrop.REVISION,
        scenes=backdrop.SCENES,
        abilities=frozenset({"text", "loop", "camera"}),
        sizes=backdrop.SIZES,
        frame_rate=backdrop.FRAME_RATE,
        min_num_frames=backdrop.MIN_NUM_FRAMES,
        max_num_frames=backdrop.MAX_NUM_FRAMES,
        frame_step=backdrop.FRAME_STEP,
        loop_num_frames=backdrop.MIN_NUM_FRAMES,
        num_inference_steps=3,
        has_guidance=False,
        guidance_scale=1.0,
        gpu_seconds_per_shot=0.2,  # H200, one shot at a time, docs/performance.md: 0.04 for 96 of 480 frames
        cpu_seconds_per_shot=35.0,
        licence="Apache-2.0",
        has_prompt=False,
    ),
    **DIFFUSION_MODELS,
}


def video_model_facts(name: str) -> VideoModelFacts:
    """Return the row of a video model.

    Raises:
        BackendError: there is no such model; names those there are.
    """
    if name not in VIDEO_MODELS:
        raise BackendError(f"model {name!r}: there is none of that name. Choose one of: {', '.join(VIDEO_MODELS)}.")
    return VIDEO_MODELS[name]


@dataclass(frozen=True)
class Place:
    """Where models run and where their weights lie."""

    device: str = "auto"  # cpu, cuda, or auto: a GPU if there is one
    models_dir: Path | None = None
    may_download: bool = False
    revisions: Mapping[str, str] = field(default_factory=dict)  # pinned commits on the hub by model

    @classmethod
    def of(cls, settings: Settings) -> Place:
        """Return what the environment says.

        Raises:
            SettingsError: a revision is pinned for a model that takes no weights from the hub.
        """
        pins = settings.pinned_revisions
        known = [name for name, facts in VIDEO_MODELS.items() if facts.checkpoint]
        if unknown := sorted(pins.keys() - known):
            raise SettingsError(
                f"ADLOOM_MODEL_REVISIONS: {', '.join(unknown)} is no model with weights on the hub. "
                f"Those are: {', '.join(known)}."
            )
        return cls(settings.device, settings.models_dir, settings.download_models, pins)

    def has_gpu(self) -> bool:
        """Tell whether models run on a GPU here; asks torch, which takes seconds to load."""
        if self.device == "cpu":
            return False
        import torch

        return torch.cuda.is_available()

    def threads(self) -> int:
        """Return how many CPU threads a worker has here: its engine shares out the cores; asks torch too."""
        import torch

        return torch.get_num_threads()


def find_video_model(name: str, place: Place) -> Checkpoint | None:
    """Return where a model's weights are, without loading them; None for weights that are part of the package.

    Raises:
        BackendError: there is no such model, what it needs is not installed, or its weights are not there.
    """
    facts = video_model_facts(name)
    if not facts.checkpoint:
        return None
    revision = place.revisions.get(name) or hub_revision(facts.revision)
    return find_checkpoint(name, facts.checkpoint, revision, place.models_dir, place.may_download)


def facts_at(place: Place, name: str, *, weights_are_here: bool) -> VideoModelFacts:
    """Return the row of a model, its revision naming the commit of the weights where it is pinned or they are here.

    Weights that are absent or unfit are no error yet: `find_video_model` says what is wrong with them.

    Raises:
        BackendError: there is no such model.
    """
    facts = video_model_facts(name)
    commit = place.revisions.get(name, "")
    if not commit and weights_are_here:
        with suppress(BackendError):
            found = find_video_model(name, place)
            commit = found.commit if found else ""
    return of_commit(facts, commit) if commit else facts


def load_video_model(name: str, place: Place) -> VideoModel:
    """Build a video model. Takes seconds to minutes, so a worker keeps it.

    Raises:
        BackendError: there is no such model, or what it needs is not installed or not there.
    """
    facts = video_model_facts(name)
    checkpoint = find_video_model(name, place)
    _refuse_without_gpu(place)
    module, _, kind = facts.loader.partition(":")
    try:
        build = getattr(import_module(module), kind)
    except ModuleNotFoundError as error:
        raise BackendError(
            f"model {name}: {error.name} is not installed. Run pip install 'adloom[{facts.extra}]'."
        ) from error
    return cast(VideoModel, build(checkpoint, place.device) if checkpoint else build(place.device))


def _refuse_without_gpu(place: Place) -> None:
    if place.device == "cuda" and not place.has_gpu():
        raise BackendError(
            "ADLOOM_DEVICE: cuda, and torch sees no GPU here. Install its driver and a torch for it, or write cpu."
        )
