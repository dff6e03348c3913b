"""The table of video models: what fits each and what it costs, readable without a GPU and without torch."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from renderer.backends import VideoModel, VideoModelFacts, backdrop
from renderer.errors import BackendError

VIDEO_MODELS: dict[str, VideoModelFacts] = {
    "backdrop": VideoModelFacts(
        loader="renderer.backends.backdrop.sampler:BackdropModel",
        revision=backdrop.REVISION,
        scenes=backdrop.SCENES,
        takes_image=False,
        sizes=backdrop.SIZES,
        frame_rate=backdrop.FRAME_RATE,
        min_num_frames=backdrop.MIN_NUM_FRAMES,
        max_num_frames=backdrop.MAX_NUM_FRAMES,
        frame_step=backdrop.FRAME_STEP,
        loop_num_frames=backdrop.MIN_NUM_FRAMES,
        num_inference_steps=3,
        has_guidance=False,
        guidance_scale=1.0,
        gpu_seconds_per_shot=0.04,  # H200, one shot at a time, docs/performance.md
        cpu_seconds_per_shot=7.0,
        licence="Apache-2.0",
    ),
}


def video_model_facts(name: str) -> VideoModelFacts:
    """Return the row of a video model.

    Raises:
        BackendError: there is no such model; names those there are.
    """
    if name not in VIDEO_MODELS:
        raise BackendError(f"model {name!r}: there is none of that name. Choose one of: {', '.join(VIDEO_MODELS)}.")
    return VIDEO_MODELS[name]


def load_video_model(name: str, device: str) -> VideoModel:
    """Build a video model on `cpu`, `cuda`, or `auto`: a GPU if there is one. Takes seconds, so a worker keeps it.

    Raises:
        BackendError: there is no such model, or what it needs is not installed.
    """
    module, _, kind = video_model_facts(name).loader.partition(":")
    try:
        build = getattr(import_module(module), kind)
    except ModuleNotFoundError as error:
        raise BackendError(f"model {name}: {error.name} is not installed. Run pip install 'adloom[render]'.") from error
    return cast(VideoModel, build(device))
