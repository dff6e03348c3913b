"""LTX-2: words, first and last pictures, clips continued, in one stage or, with `upscale`, in two; with sound.

Picture and sound are denoised together. Both lie in the file of latents, the sound's as "audio_latents".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import (
    LTX2ConditionPipeline,
    LTX2ImageToVideoPipeline,
    LTX2LatentUpsamplePipeline,
    LTX2Pipeline,
)
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES, STAGE_2_DISTILLED_SIGMA_VALUES
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from renderer.artifacts import Shot
from renderer.backends import Frames, Inputs, Sound
from renderer.backends.diffusion.latents import unpack
from renderer.backends.diffusion.model import DiffusionModel, Embedding, to_frames
from renderer.backends.diffusion.pictures import cover, cover_clip
from renderer.errors import BackendError

SIZE_STEP = 32  # the pipelines refuse other sizes
UPSCALE = 2
MOST_GIVEN_FRAMES = 25  # of a clip that is continued: one second, from which motion can be read
MOST_EMBEDDINGS = 8  # kept; 400 MB each for Gemma with 12 billion weights, as all of its layers are read
NO_GUIDANCE = {  # of any kind, neither for the picture nor for the sound
    "guidance_scale": 1.0, "stg_scale": 0.0, "modality_scale": 1.0, "guidance_rescale": 0.0,
    "audio_guidance_scale": 1.0, "audio_stg_scale": 0.0, "audio_modality_scale": 1.0, "audio_guidance_rescale": 0.0,
    "spatio_temporal_guidance_blocks": None,
}  # fmt: skip
UNUSED = {
    "prompt_enhancer": None,
    "duration_head": None,
    "processor": None,
}  # parts that rewrite prompts or set lengths


class ImageToVideo(LTX2ImageToVideoPipeline):
    """Shows the picture to the VAE in the VAE's own precision, not in that of the texts."""

    vae: Any

    def prepare_latents(self, image: Tensor | None = None, *arguments: Any, **options: Any) -> tuple[Tensor, Tensor]:
        """See `LTX2ImageToVideoPipeline.prepare_latents`; a second stage has latents instead of a picture."""
        if isinstance(image, Tensor):
            image = image.to(self.vae.dtype)
        prepare = super().prepare_latents  # type: ignore[misc] # untyped
        prepared: tuple[Tensor, Tensor] = prepare(image, *arguments, **options)
        return prepared


class LtxModel(DiffusionModel):
    """See the module. A second stage doubles the sides of the latents and refines them in three steps."""

    upsampler: Any = None

    def load(self) -> Any:
        """See `DiffusionModel.load`."""
        # Sound goes through a hundred convolutions in a row, in which the rounding of bfloat16 would add up.
        exact = dict.fromkeys(("vae", "audio_vae", "vocoder"), torch.float32)
        return self.from_pretrained(LTX2Pipeline, **UNUSED, dtype={**exact, "default": self.dtype})

    @property
    def size_step(self) -> int:
        """See `DiffusionModel.size_step`."""
        return SIZE_STEP

    @property
    def frame_step(self) -> int:
        """See `DiffusionModel.frame_step`."""
        return int(self.pipe.vae_temporal_compression_ratio)

    def encode(self, text: str) -> Embedding:
        """See `DiffusionModel.encode`: an embedding and its mask."""
        embedding: Embedding = self.pipe.encode_prompt(text, do_classifier_free_guidance=False, device=self.device)[:2]
        return embedding

    def embedding(self, text: str) -> Embedding:
        """See `DiffusionModel.embedding`; keeps fewer of them."""
        found = super().embedding(text)
        while len(self._texts) > MOST_EMBEDDINGS:
            self._texts.popitem(last=False)
        return found

    def refuse(self, shot: Shot, inputs: Inputs) -> None:
        """See `DiffusionModel.refuse`."""
        if shot.footage is not None and inputs.last_image is not None:
            raise BackendError(f"shot {shot.key}: {shot.model} continues a clip freely. Remove the last picture.")
        if shot.upscale not in (1, UPSCALE):
            raise BackendError(
                f"shot {shot.key}: {shot.model} makes a take {UPSCALE} times as large, not {shot.upscale}."
            )

    def sample(self, shot: Shot, inputs: Inputs) -> dict[str, Tensor]:
        """Return denormalized latents (1, 128, 1 + (frames - 1) / 8, height / 32, width / 32), and those of the sound.

        `given_frames` are at the beginning of the latents and not part of the take.
        """
        noise = self.noise(shot)
        given_frames = self._given_frames(shot, inputs)
        small = shot.width // shot.upscale, shot.height // shot.upscale
        first = self._walk(shot, inputs, small, {**self._steps(shot), "generator": noise})
        latents, sound = first.frames, first.audio
        if shot.upscale == UPSCALE:
            refine = {
                **NO_GUIDANCE,
                "num_inference_steps": len(STAGE_2_DISTILLED_SIGMA_VALUES),
                "sigmas": STAGE_2_DISTILLED_SIGMA_VALUES,
                "noise_scale": STAGE_2_DISTILLED_SIGMA_VALUES[0],
                "latents": self._doubled(latents, small),
                "audio_latents": sound,
                "generator": noise,
            }
            second = self._walk(shot, inputs, (shot.width, shot.height), refine)
            latents, sound = second.frames, second.audio
        return {"latents": latents, "audio_latents": sound, "given_frames": torch.tensor(given_frames)}

    def picture(self, shot: Shot, tensors: dict[str, Tensor]) -> Frames:
        """See `DiffusionModel.picture`."""
        vae = self.pipe.vae
        latents = tensors["latents"].to(self.device, vae.dtype)
        time = torch.zeros(1, device=self.device, dtype=vae.dtype) if vae.config.timestep_conditioning else None
        first = int(tensors["given_frames"])
        return to_frames(vae.decode(latents, time, return_dict=False)[0][:, :, first : first + shot.num_frames])

    @torch.no_grad()
    def sound(self, shot: Shot, latents: bytes) -> Sound:
        """See `SoundingVideoModel.sound`; what belongs to given frames is cut off, as from the picture."""
        tensors = unpack(shot, latents)
        rate = int(self.pipe.vocoder.config.output_sampling_rate)
        first = round(int(tensors["given_frames"]) / shot.frame_rate * rate)
        num_samples = round(shot.duration_s * rate)
        place = f"shot {shot.key}: decoding its sound"
        with self._decoding, self._beside:
            heard = self._roomy(lambda: self._heard(tensors["audio_latents"]), place, holds_all=not self.decodes_apart)
        kept = heard[first : first + num_samples]
        return Sound(np.pad(kept, ((0, num_samples - len(kept)), (0, 0))), rate)  # the last latent ends a little early

    def _heard(self, latents: Tensor) -> NDArray[np.float32]:
        """Return all that latents sound like, (num_samples, num_channels)."""
        audio_vae = self.pipe.audio_vae
        spectrograms = audio_vae.decode(latents.to(self.device, audio_vae.dtype), return_dict=False)[0]
        waves: Tensor = self.pipe.vocoder(spectrograms)
        return np.ascontiguousarray(waves[0].float().cpu().numpy().T)

    def _steps(self, shot: Shot) -> dict[str, Any]:
        """Return how the first stage walks: without guidance along the steps that the weights were distilled for."""
        if shot.guidance_scale > 1:
            return {"guidance_scale": shot.guidance_scale, "num_inference_steps": shot.num_inference_steps}
        distilled = shot.num_inference_steps == len(DISTILLED_SIGMA_VALUES)
        sigmas = DISTILLED_SIGMA_VALUES if distilled else None
        return {**NO_GUIDANCE, "num_inference_steps": shot.num_inference_steps, "sigmas": sigmas}

    def _walk(self, shot: Shot, inputs: Inputs, size: tuple[int, int], options: dict[str, Any]) -> Any:
        """Run one stage at `size`, (width, height), and return the pipeline's output of latents."""
        width, height = size
        embedding, mask = self.embedding(shot.prompt)
        words = {"prompt_embeds": embedding, "prompt_attention_mask": mask}
        if options["guidance_scale"] > 1:
            embedding, mask = self.embedding(shot.negative_prompt)
            words |= {"negative_prompt_embeds": embedding, "negative_prompt_attention_mask": mask}
        kind, pictures = self._pictures(shot, inputs, size)
        given = self._given_frames(shot, inputs)
        return self.pipeline(kind)(
            **words,
            **pictures,
            **options,
            width=width,
            height=height,
            num_frames=shot.num_frames + given + (-given) % self.frame_step if given else shot.num_frames,
            frame_rate=shot.frame_rate,
            output_type="latent",
        )

    def _pictures(self, shot: Shot, inputs: Inputs, size: tuple[int, int]) -> tuple[type, dict[str, Any]]:
        """Return the pipeline that takes the pictures of a shot, and the pictures, (width, height) `size`."""
        if shot.footage is not None:
            assert inputs.clip is not None
            clip = cover_clip(inputs.clip[-self._given_frames(shot, inputs) :], *size)
            return LTX2ConditionPipeline, {"conditions": [LTX2VideoCondition(clip, index=0)]}
        first, last = (
            None if picture is None else Image.fromarray(cover(picture[0], *size))
            for picture in (inputs.image, inputs.last_image)
        )
        if last is None:
            return (LTX2Pipeline, {}) if first is None else (ImageToVideo, {"image": first})
        ends = [] if first is None else [LTX2VideoCondition(first, index=0)]
        return LTX2ConditionPipeline, {"conditions": [*ends, LTX2VideoCondition(last, index=-1)]}

    def _given_frames(self, shot: Shot, inputs: Inputs) -> int:
        """Return how many frames of a clip are continued: one more than a multiple of the frame step."""
        if shot.footage is None or inputs.clip is None:
            return 0
        most = min(len(inputs.clip), MOST_GIVEN_FRAMES)
        return most - (most - 1) % self.frame_step

    def _doubled(self, latents: Tensor, size: tuple[int, int]) -> Tensor:
        """Return latents of twice the width and height."""
        if self.upsampler is None:
            network = self.from_pretrained(LTX2LatentUpsamplerModel, subfolder="latent_upsampler", dtype=self.dtype)
            self.upsampler = LTX2LatentUpsamplePipeline(  # type: ignore[no-untyped-call]
                self.pipe.vae, network.to(self.device)
            )
        width, height = size
        doubled: Tensor = self.upsampler(latents=latents, width=width, height=height, output_type="latent").frames
        return doubled.float()
