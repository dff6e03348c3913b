"""Wan 2.x: text, a first and a last picture, clips painted anew; one network or two, many steps or few."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import WanPipeline, WanVideoToVideoPipeline
from PIL import Image
from torch import Tensor

from renderer.artifacts import Shot
from renderer.backends import Frames, Inputs
from renderer.backends.diffusion.checkpoint import Checkpoint
from renderer.backends.diffusion.few_steps import FEW_STEPS, FewStepScheduler, find_distilled, lay, melt_in
from renderer.backends.diffusion.model import DiffusionModel, Embedding, to_frames
from renderer.backends.diffusion.pictures import cover, cover_clip, spread
from renderer.backends.diffusion.shared_steps import SharedSteps
from renderer.backends.diffusion.wan_decoder import WanDecoder
from renderer.backends.diffusion.wan_parts import Experts, ImageToVideo
from renderer.backends.diffusion.wan_tuning import Tuning
from renderer.errors import BackendError

MOST_TOKENS = 512
LOW_NOISE_GUIDANCE = {"wan2.2-t2v-a14b": 0.75}  # of the shot's, for the second network; the authors use 3 and 4


class WanModel(DiffusionModel):
    """Wan 2.x as a video model."""

    def __init__(self, checkpoint: Checkpoint, device: str = "auto", dtype: torch.dtype | None = None) -> None:
        self.few_steps = FEW_STEPS.get(checkpoint.name)
        super().__init__(checkpoint, device, dtype)

    def load(self) -> Any:
        """See `DiffusionModel.load`."""
        kind = WanPipeline if "text" in self.facts.abilities else ImageToVideo
        pipe = self.from_pretrained(kind)
        if self.few_steps:
            pipe.scheduler = FewStepScheduler(self.few_steps)
            melt_in(pipe, [find_distilled(self.checkpoint, self.few_steps, file) for file in self.few_steps.adapters])
        return pipe

    def tune(self) -> None:
        """See `DiffusionModel.tune`; weights that wait on the CPU for their turn stay as they are."""
        fast = self.device.type == "cuda" and not self.takes_turns
        networks = [
            one for one in (self.pipe.transformer, getattr(self.pipe, "transformer_2", None)) if one is not None
        ]
        self.tuning = Tuning(networks, self.device, fuses=fast)
        self.decoder = WanDecoder(self.pipe.vae, self.device, self.dtype) if fast else None
        self.decodes_apart = fast
        self.in_tiles = False
        # Without a picture all tokens are at the same time: said once, it need not be read for each of them.
        self.times_differ = bool(self.pipe.config.get("expand_timesteps"))
        if self.times_differ and "text" in self.facts.abilities:
            self.pipe.register_to_config(expand_timesteps=False)
        self.shared = SharedSteps()

    def ready(self, shot: Shot) -> None:
        """See `DiffusionModel.ready`."""
        if shot.adapters != self.adapters.active:
            self.tuning.release()
        super().ready(shot)
        self.tuning.use(shot, shot.width * shot.height // self.size_step**2)

    @property
    def size_step(self) -> int:
        """See `DiffusionModel.size_step`."""
        return int(self.pipe.vae_scale_factor_spatial * self.pipe.transformer.config.patch_size[1])

    @property
    def frame_step(self) -> int:
        """See `DiffusionModel.frame_step`."""
        return int(self.pipe.vae_scale_factor_temporal)

    def encode(self, text: str) -> Embedding:
        """See `DiffusionModel.encode`."""
        tokens, _ = self.pipe.encode_prompt(
            text, do_classifier_free_guidance=False, max_sequence_length=MOST_TOKENS, device=self.device
        )
        return (tokens,)

    def refuse(self, shot: Shot, inputs: Inputs) -> None:
        """See `DiffusionModel.refuse`."""
        if self.few_steps and shot.num_inference_steps != len(self.few_steps.sigmas):
            raise BackendError(
                f"shot {shot.key}: {shot.num_inference_steps} steps. "
                f"{shot.model} is distilled to {len(self.few_steps.sigmas)}; write that."
            )
        if shot.look.loop and inputs.last_image is not None:
            raise BackendError(f"shot {shot.key}: a loop ends as it began. Remove the last picture, or the loop.")
        self.refuse_footage(shot, inputs)

    def refuse_footage(self, shot: Shot, inputs: Inputs) -> None:
        """Check what may come with footage.

        Raises:
            BackendError: so few steps are left that nothing would change.
        """
        if not shot.footage:
            return
        if int(shot.num_inference_steps * shot.footage.strength) == 0:
            raise BackendError(
                f"shot {shot.key}: strength {shot.footage.strength:g} of {shot.num_inference_steps} steps leaves none. "
                f"Write at least {1 / shot.num_inference_steps:.2f}."
            )

    def sample(self, shot: Shot, inputs: Inputs) -> dict[str, Tensor]:
        """See `DiffusionModel.sample`."""
        if inputs.clip is not None:
            return {"latents": self._restyle(shot, inputs.clip)}
        if inputs.image is not None:
            return {"latents": self._from_picture(shot, inputs)}
        options = self._options(shot) | self._second_guidance(shot)
        return {"latents": self._denoised(self.pipeline(WanPipeline), shot, options)}

    def picture(self, shot: Shot, tensors: dict[str, Tensor]) -> Frames:
        """See `DiffusionModel.picture`."""
        return to_frames(self.decoded(tensors["latents"]))

    def decoded(self, latents: Tensor) -> Tensor:
        """Return pixels in [-1, 1] (1, 3, num_frames, height, width) as the pipelines do."""
        vae = self.pipe.vae
        latents = latents.to(self.device, vae.dtype)
        mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1).to(latents)
        scale = 1.0 / torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1).to(latents)
        latents = latents / scale + mean
        if self.decoder is not None and not self.in_tiles:
            return self.decoder.decode(latents)
        video: Tensor = vae.decode(latents, return_dict=False)[0]
        return video

    def tile(self, in_tiles: bool) -> None:
        """See `DiffusionModel.tile`; only diffusers' own decoder can."""
        self.in_tiles = in_tiles
        super().tile(in_tiles)

    def lay_adapter(self, files: list[Path], name: str) -> None:
        """Put an adapter into the network, or into both: two files are for the first and the second, by name."""
        pair = [files[0], files[-1]] if self.pipe.transformer_2 is not None else files[:1]
        for number, file in enumerate(pair):
            lay(self.pipe, file, name, second=number == 1)

    def build(self, kind: type) -> Any:
        """See `DiffusionModel.build`; the pipeline for clips knows neither a second network nor the VAE of Wan 2.2."""
        pipe = super().build(kind)
        if kind is ImageToVideo:
            pipe.register_to_config(expand_timesteps=self.times_differ)
        if kind is WanVideoToVideoPipeline:
            pipe.vae_scale_factor_spatial = self.pipe.vae_scale_factor_spatial
            pipe.vae_scale_factor_temporal = self.pipe.vae_scale_factor_temporal
            pipe.video_processor = self.pipe.video_processor
            if self.pipe.transformer_2 is not None:
                boundary = self.pipe.config.boundary_ratio * pipe.scheduler.config.num_train_timesteps
                pipe.transformer = Experts(self.pipe.transformer, self.pipe.transformer_2, boundary)
        return pipe

    def _options(self, shot: Shot) -> dict[str, Any]:
        """Return what all calls of a pipeline for this shot have in common."""
        guided = shot.guidance_scale > 1
        noise = self.noise(shot)
        if self.few_steps:
            self.pipe.scheduler.generator = noise
        return {
            "prompt_embeds": self.embedding(shot.prompt)[0],
            "negative_prompt_embeds": self.embedding(shot.negative_prompt)[0] if guided else None,
            "num_inference_steps": shot.num_inference_steps,
            "guidance_scale": shot.guidance_scale,
            "generator": noise,
            "output_type": "latent",
        }

    def _second_guidance(self, shot: Shot) -> dict[str, float]:
        share = LOW_NOISE_GUIDANCE.get(shot.model)
        return {"guidance_scale_2": share * shot.guidance_scale} if share and self.pipe.config.boundary_ratio else {}

    def _from_picture(self, shot: Shot, inputs: Inputs) -> Tensor:
        assert inputs.image is not None  # `sample` asks
        last = inputs.image if shot.look.loop else inputs.last_image
        pictures = [
            None if picture is None else Image.fromarray(cover(picture[0], shot.width, shot.height))
            for picture in (inputs.image, last)
        ]
        options = self._options(shot)
        pipe = self.pipeline(ImageToVideo)
        return self._denoised(pipe, shot, {**options, "image": pictures[0], "last_image": pictures[1]})

    def _denoised(self, pipe: Any, shot: Shot, options: dict[str, Any]) -> Tensor:
        options |= {**_size(shot), "num_frames": shot.num_frames}
        if shot.shared_steps:
            return self.shared.denoise(pipe, shot, self.embedding(shot.shared_prompt)[0], options)
        latents: Tensor = pipe(**options).frames
        return latents

    def _restyle(self, shot: Shot, clip: Frames) -> Tensor:
        assert shot.footage is not None  # a clip comes with it
        frames = cover_clip(spread(clip, shot.num_frames), shot.width, shot.height)
        options = self._options(shot)
        pipe = self.pipeline(WanVideoToVideoPipeline)
        video = [Image.fromarray(frame) for frame in frames]
        latents: Tensor = pipe(**options, **_size(shot), video=video, strength=shot.footage.strength).frames
        return latents


def _size(shot: Shot) -> dict[str, int]:
    return {"width": shot.width, "height": shot.height}
