"""What may be swapped: video models and voices. A backend is a protocol and a row in a table.

The row holds facts that planning needs and is readable without a GPU and without the backend's libraries; the
module behind it is imported only when the backend is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from renderer.artifacts import Approximation, Grade, Line, Shot, Word, WordTimes

Frames = NDArray[np.uint8]  # RGB, (num_frames, height, width, 3)
Mask = NDArray[np.uint8]  # (1, height, width), 255 where a picture is to be made, 0 where it stays
Ability = Literal[
    "text",  # a clip from a prompt or a look alone
    "image",  # begins with the product's photo
    "reference",  # looks at the product's photo beside footage
    "first_last",  # between two given frames
    "extend",  # continues a clip
    "restyle",  # paints a clip anew
    "background",  # makes everything around the product's own pixels
    "loop",
    "camera",  # follows look.camera by more than words in the prompt
    "upscale",
    "adapter",  # LoRA or style adapter
    "sound",  # makes the sound to its picture
]


@dataclass(frozen=True)
class Inputs:
    """The pictures a shot starts from, each only where the shot names it."""

    image: Frames | None = None  # (1, height, width, 3), the product's picture, any size
    last_image: Frames | None = None  # (1, height, width, 3), any size
    clip: Frames | None = None  # (num_frames, height, width, 3) of `shot.footage`, any size and length
    mask: Mask | None = None  # (1, height, width) of the image, where `shot.keeps_product`


class VideoModel(Protocol):
    """Makes the frames of shots. Built once per worker, used for many shots; may be called by several threads."""

    def generate(self, shot: Shot, inputs: Inputs) -> Frames:
        """Return uint8 RGB, (shot.num_frames, shot.height, shot.width, 3).

        Raises:
            BackendError: the model cannot do what the shot asks.
        """


@runtime_checkable
class LatentVideoModel(VideoModel, Protocol):
    """A video model whose costly half can be kept: what it denoised is written to the store before it is decoded."""

    def denoise(self, shot: Shot, inputs: Inputs) -> bytes:
        """Return the finished latents as a file of safetensors.

        Raises:
            BackendError: the model cannot do what the shot asks.
            OutOfMemory: the card is too small for it.
        """

    def decode(self, shot: Shot, latents: bytes, *, in_tiles: bool) -> Frames:
        """Return the frames of latents as `generate` does; `in_tiles` needs less memory.

        Raises:
            OutOfMemory: the card is too small for it.
        """


@dataclass(frozen=True)
class Sound:
    """What a take sounds like: float32 samples in [-1, 1], (num_samples, 1 or 2 channels), and their rate in Hz."""

    samples: NDArray[np.float32]
    sample_rate: int


@runtime_checkable
class SoundingVideoModel(LatentVideoModel, Protocol):
    """A video model that denoises sound together with the picture."""

    def sound(self, shot: Shot, latents: bytes) -> Sound:
        """Return the sound of latents, as long as the take and in time with the frames that `decode` returns.

        Raises:
            OutOfMemory: the card is too small for it.
        """


@dataclass(frozen=True)
class Recording:
    """What a voice returns: mono float32 samples in [-1, 1], (num_samples,), their rate in Hz, and word times.

    `word_times` says how the times came about.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    words: tuple[Word, ...]
    word_times: WordTimes = "engine"


class Voice(Protocol):
    """Speaks lines. Built once per worker, used for many lines."""

    def speak(self, line: Line) -> Recording:
        """Return the recording; word texts follow the shown text of the line.

        Raises:
            BackendError: the text holds what this voice cannot speak.
            VoiceFailed: the voice itself failed, whatever the text.
        """


@dataclass(frozen=True)
class VideoModelFacts:
    """What fits a video model, and what it costs."""

    loader: str  # "module:class"
    revision: str  # weights and code; part of every shot's key
    scenes: tuple[str, ...]  # looks it knows by name; empty means: any text
    abilities: frozenset[Ability]
    sizes: dict[str, tuple[int, int]]  # aspect ratio such as "9:16" to native (width, height)
    frame_rate: float
    min_num_frames: int
    max_num_frames: int
    frame_step: int  # num_frames = min_num_frames + n * frame_step, up to max_num_frames
    loop_num_frames: int  # of a take that ends where it began; 0 where the model cannot make one
    num_inference_steps: int
    has_guidance: bool  # takes a guidance scale; without, guidance_scale is 1
    guidance_scale: float
    gpu_seconds_per_shot: float  # the longest take of the largest of `sizes` in its own steps; for estimates only
    cpu_seconds_per_shot: float
    licence: str  # a row of the licence table
    checkpoint: str = ""  # hub id of the weights; empty: they are part of the package
    has_prompt: bool = True  # reads the prompt; without, a look's words or a picture say all
    extra: str = "render"  # the optional dependency that brings it: pip install 'adloom[extra]'
    approximations: frozenset[Approximation] = frozenset()  # that it can be asked for
    shares_steps: bool = False  # takes can share their first steps


def asked_of(shot: Shot) -> Iterator[Ability]:
    """Yield what a model must be able to do for a shot. The camera is none of it: words in the prompt may move it."""
    if shot.footage is not None:
        yield shot.footage.use
    if shot.keeps_product:
        yield "background"
    elif shot.image_sha256 is not None:
        yield "image" if shot.footage is None else "reference"
    elif shot.footage is None:
        yield "text"
    if shot.last_image_sha256 is not None:
        yield "first_last"
    if shot.look.loop:
        yield "loop"
    if shot.upscale > 1:
        yield "upscale"
    if shot.adapters:
        yield "adapter"
    if shot.sounds:
        yield "sound"


@dataclass(frozen=True)
class VoiceFacts:
    """Which languages a voice speaks, and how well."""

    loader: str
    revision: str
    languages: tuple[str, ...]
    grade: Grade
    extra: str  # the optional dependency that brings it: pip install 'adloom[extra]'
    licence: str
