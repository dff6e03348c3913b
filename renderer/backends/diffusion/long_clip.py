"""Helios: clips of any length, made 33 frames after the other, each with what came before in view."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from diffusers import DiffusionPipeline, HeliosPipeline, HeliosPyramidPipeline
from PIL import Image
from torch import Tensor

from renderer.artifacts import Shot
from renderer.backends import Frames, Inputs
from renderer.backends.diffusion.model import DiffusionModel, Embedding, to_frames
from renderer.backends.diffusion.pictures import cover_clip
from renderer.errors import BackendError

CHUNK_LATENTS, CHUNK_FRAMES = 9, 33  # made at a time
MOST_GIVEN_CHUNKS = 3  # of a clip that is continued; the network sees 19 latents of the past, which are 2 and a bit
MOST_TOKENS = 512


class LongClipModel(DiffusionModel):
    """See the module. Weights of Helios-Base walk at full size; those of Mid and Distilled from coarse to fine."""

    frame_offset = 0

    def load(self) -> Any:
        """See `DiffusionModel.load`.

        Raises:
            BackendError: the weights are of another family.
        """
        pipe = self.from_pretrained(DiffusionPipeline)  # of the class that the weights name
        if not isinstance(pipe, HeliosPipeline | HeliosPyramidPipeline):
            raise BackendError(
                f"model {self.checkpoint.name}: {self.checkpoint.source} holds a {type(pipe).__name__}. "
                "It needs the weights of Helios."
            )
        return pipe

    @property
    def levels(self) -> int:
        """How many sizes the network walks through, each twice the one before."""
        return 1 if isinstance(self.pipe, HeliosPipeline) else int(self.pipe.scheduler.config.stages)

    @property
    def size_step(self) -> int:
        """See `DiffusionModel.size_step`."""
        smallest = self.pipe.vae_scale_factor_spatial * self.pipe.transformer.config.patch_size[-1]
        return int(smallest * 2 ** (self.levels - 1))

    @property
    def frame_step(self) -> int:
        """See `DiffusionModel.frame_step`."""
        return CHUNK_FRAMES

    def encode(self, text: str) -> Embedding:
        """See `DiffusionModel.encode`."""
        embedding = self.pipe.encode_prompt(
            text, do_classifier_free_guidance=False, max_sequence_length=MOST_TOKENS, device=self.device
        )[0]
        return (embedding,)

    def refuse(self, shot: Shot, inputs: Inputs) -> None:
        """See `DiffusionModel.refuse`."""
        if inputs.clip is not None and shot.footage is not None and len(inputs.clip) < CHUNK_FRAMES:
            raise BackendError(
                f"shot {shot.key}: the clip has {len(inputs.clip)} frames. "
                f"{shot.model} continues {CHUNK_FRAMES} or more."
            )
        if shot.num_inference_steps % self.levels:
            raise BackendError(
                f"shot {shot.key}: {shot.num_inference_steps} steps. {shot.model} takes a multiple of {self.levels}."
            )

    def sample(self, shot: Shot, inputs: Inputs) -> dict[str, Tensor]:
        """Return latents (1, 16, 9 for every 33 frames, height / 8, width / 8)."""
        words = {"prompt_embeds": self.embedding(shot.prompt)[0]}
        if shot.guidance_scale > 1:
            words["negative_prompt_embeds"] = self.embedding(shot.negative_prompt)[0]
        with _undecoded(self.pipe.vae):
            latents = self.pipe(
                **words,
                **self._steps(shot),
                **_past(shot, inputs),
                height=shot.height,
                width=shot.width,
                num_frames=shot.num_frames,
                guidance_scale=shot.guidance_scale,
                generator=self.noise(shot),
                output_type="latent",
            ).frames
        return {"latents": latents[:, :, -shot.num_frames // CHUNK_FRAMES * CHUNK_LATENTS :]}  # without the clip's own

    def picture(self, shot: Shot, tensors: dict[str, Tensor]) -> Frames:
        """See `DiffusionModel.picture`: each chunk is a clip of its own to the VAE."""
        vae = self.pipe.vae
        shape = (1, -1, 1, 1, 1)
        mean = torch.tensor(vae.config.latents_mean, dtype=vae.dtype, device=self.device).view(shape)
        spread = torch.tensor(vae.config.latents_std, dtype=vae.dtype, device=self.device).view(shape)
        latents = tensors["latents"].to(self.device, vae.dtype) / (1 / spread) + mean  # bit by bit as the pipeline
        chunks = torch.split(latents, CHUNK_LATENTS, dim=2)
        return to_frames(torch.cat([vae.decode(chunk, return_dict=False)[0].cpu() for chunk in chunks], dim=2))

    def _steps(self, shot: Shot) -> dict[str, Any]:
        if isinstance(self.pipe, HeliosPipeline):
            return {"num_inference_steps": shot.num_inference_steps}
        each = shot.num_inference_steps // self.levels
        # The first chunk has no past to lean on, and takes twice the steps where the weights were distilled so.
        distilled = bool(self.pipe.config.is_distilled)
        return {"pyramid_num_inference_steps_list": [each] * self.levels, "is_amplify_first_chunk": distilled}


def _past(shot: Shot, inputs: Inputs) -> dict[str, Any]:
    """Return the end of the clip that a shot continues, in whole chunks."""
    if shot.footage is None or inputs.clip is None:
        return {}
    chunks = min(len(inputs.clip) // CHUNK_FRAMES, MOST_GIVEN_CHUNKS)
    clip = cover_clip(inputs.clip[-chunks * CHUNK_FRAMES :], shot.width, shot.height)
    return {"video": [Image.fromarray(picture) for picture in clip]}


@contextlib.contextmanager
def _undecoded(vae: Any) -> Iterator[None]:
    """Keep the pipeline from decoding every chunk where only latents are asked for: `picture` does it, once."""
    nothing = torch.empty(1, 3, 0, 1, 1)
    vae.decode = lambda *_, **__: (nothing,)
    try:
        yield
    finally:
        del vae.decode
