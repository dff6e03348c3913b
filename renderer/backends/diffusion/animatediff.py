"""AnimateDiff: a motion adapter sets Stable Diffusion 1, an image model, in motion; AnimateLCM in few steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AnimateDiffPipeline,
    AnimateDiffVideoToVideoPipeline,
    DDIMScheduler,
    LCMScheduler,
    MotionAdapter,
)
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor

from renderer.artifacts import Adapter, Shot
from renderer.backends import Frames, Inputs
from renderer.backends.diffusion.adapters import Adapters
from renderer.backends.diffusion.model import DiffusionModel, to_frames
from renderer.backends.diffusion.pictures import cover_clip, spread
from renderer.errors import BackendError

MOTION_ADAPTERS = {  # on the hub, for weights that come from there; a folder holds its own in motion_adapter/
    "animatediff": "guoyww/animatediff-motion-adapter-v1-5-2",
    "animatelcm": "wangfuyun/AnimateLCM",
}
FEW_STEPS = "animatelcm"
FEW_STEPS_LORA = "AnimateLCM_sd15_t2v_lora.safetensors"
FEW_STEPS_WEIGHT = 0.8  # its authors' own
CAMERA_LORAS = {  # folders in the models dir, as guoyww/animatediff-<name> on the hub
    "pan_left": "motion-lora-pan-left",
    "pan_right": "motion-lora-pan-right",
    "tilt_up": "motion-lora-tilt-up",
    "tilt_down": "motion-lora-tilt-down",
    "dolly_in": "motion-lora-zoom-in",
    "dolly_out": "motion-lora-zoom-out",
}
WINDOW_FRAMES, WINDOW_STEP = 16, 4  # what motion adapters were trained on; a longer clip is made in such windows
FRAMES_AT_ONCE, FRAMES_IN_TILES = 16, 2  # decoded at a time


class AnimateDiffModel(DiffusionModel):
    """See the module. Clips beyond 16 frames are made in windows that overlap (FreeNoise).

    Texts are encoded for every shot: adapters for this family may change the text encoder, which is small.
    """

    text_encoders = ()
    in_windows = False
    frames_at_once = FRAMES_AT_ONCE

    def load(self) -> Any:
        """See `DiffusionModel.load`.

        Raises:
            BackendError: the weights or the motion adapter are not there.
        """
        pipe = self.from_pretrained(AnimateDiffPipeline, motion_adapter=self._motion_adapter())
        kind: Any = LCMScheduler if self.checkpoint.name == FEW_STEPS else DDIMScheduler
        trained = {"beta_schedule": "linear", "clip_sample": False, "steps_offset": 1}  # as motion adapters were
        if kind is DDIMScheduler:
            trained["timestep_spacing"] = "linspace"
        pipe.scheduler = kind.from_config(pipe.scheduler.config, **trained)
        return pipe

    @property
    def size_step(self) -> int:
        """See `DiffusionModel.size_step`: 64, as the network halves its latents three times."""
        halvings = len(self.pipe.unet.config.block_out_channels) - 1
        return int(self.pipe.vae_scale_factor * 2**halvings)

    @property
    def frame_step(self) -> int:
        """See `DiffusionModel.frame_step`."""
        return 1

    def refuse(self, shot: Shot, inputs: Inputs) -> None:
        """See `DiffusionModel.refuse`."""
        if shot.look.camera not in (*CAMERA_LORAS, "static"):
            raise BackendError(
                f"shot {shot.key}: {shot.model} cannot do {shot.look.camera}. Choose static, {', '.join(CAMERA_LORAS)}."
            )
        if shot.footage and int(shot.num_inference_steps * shot.footage.strength) < 1:
            raise BackendError(
                f"shot {shot.key}: strength {shot.footage.strength:g} leaves none of {shot.num_inference_steps} steps. "
                f"Use {1 / shot.num_inference_steps:.2f} or more."
            )

    def denoise(self, shot: Shot, inputs: Inputs) -> bytes:
        """See `LatentVideoModel.denoise`."""
        self._use_windows(shot.num_frames > WINDOW_FRAMES)
        return super().denoise(shot.model_copy(update={"adapters": self._all_adapters(shot)}), inputs)

    def sample(self, shot: Shot, inputs: Inputs) -> dict[str, Tensor]:
        """Return latents (1, 4, num_frames, height / 8, width / 8)."""
        noise = self.noise(shot)
        options = {
            "prompt": shot.prompt,
            "negative_prompt": shot.negative_prompt,
            "height": shot.height,
            "width": shot.width,
            "num_inference_steps": shot.num_inference_steps,
            "guidance_scale": shot.guidance_scale,
            "generator": noise,
            "output_type": "latent",
        }
        if shot.footage is None:
            return {"latents": self.pipe(num_frames=shot.num_frames, **options).frames}
        pipe = self.pipeline(AnimateDiffVideoToVideoPipeline)
        _set_windows(pipe, self.in_windows)  # a setting of each pipeline, over blocks that both share
        latents = self._noised(pipe, shot, inputs, noise)
        return {"latents": pipe(latents=latents, strength=shot.footage.strength, **options).frames}

    def picture(self, shot: Shot, tensors: dict[str, Tensor]) -> Frames:
        """See `DiffusionModel.picture`."""
        latents = tensors["latents"].to(self.device, self.pipe.vae.dtype)
        return to_frames(self.pipe.decode_latents(latents, self.frames_at_once))

    def tile(self, in_tiles: bool) -> None:
        """See `DiffusionModel.tile`; in tiles also fewer frames at a time."""
        super().tile(in_tiles)
        self.frames_at_once = FRAMES_IN_TILES if in_tiles else FRAMES_AT_ONCE

    def _noised(self, pipe: Any, shot: Shot, inputs: Inputs, noise: torch.Generator) -> Tensor:
        """Return the clip's latents, as noisy as the first step of a restyle expects them.

        The pipeline does the same, but rounds the weights of the VAE on the way, and they stay so.
        """
        assert inputs.clip is not None
        assert shot.footage is not None
        clip = cover_clip(spread(inputs.clip, shot.num_frames), shot.width, shot.height)
        video = pipe.video_processor.preprocess_video([[Image.fromarray(picture) for picture in clip]])
        video = video[0].transpose(0, 1).to(self.device, pipe.vae.dtype)
        encoded = pipe.encode_video(video, noise, self.frames_at_once)[None] * pipe.vae.config.scaling_factor
        pipe.scheduler.set_timesteps(shot.num_inference_steps, device=self.device)
        steps = pipe.scheduler.timesteps
        first = pipe.get_timesteps(shot.num_inference_steps, steps, shot.footage.strength, self.device)[0][:1]
        clean = encoded.to(self.dtype)
        noisy: Tensor = pipe.scheduler.add_noise(
            clean, randn_tensor(clean.shape, generator=noise, device=self.device, dtype=self.dtype), first
        )
        return noisy.transpose(1, 2)

    def _use_windows(self, in_windows: bool) -> None:
        """Make clips in windows, or in one piece. Blocks of the network are exchanged, which needs them bare."""
        if in_windows == self.in_windows:
            return
        self.pipe.unload_lora_weights()
        self.adapters = Adapters(self.pipe, self.checkpoint, self.lay_adapter)
        _set_windows(self.pipe, in_windows)
        self.pipe.unet.to(self.dtype).eval()
        self.in_windows = in_windows

    def _all_adapters(self, shot: Shot) -> tuple[Adapter, ...]:
        """Return the adapters of a shot, with the one for few steps and the one for its camera."""
        adapters = shot.adapters
        if self.checkpoint.name == FEW_STEPS:
            adapters = (Adapter(name=f"{FEW_STEPS}/{FEW_STEPS_LORA}", revision="", weight=FEW_STEPS_WEIGHT), *adapters)
        if shot.look.camera in CAMERA_LORAS:
            camera = Adapter(name=CAMERA_LORAS[shot.look.camera], revision="", weight=shot.look.camera_speed)
            adapters = (*adapters, camera)
        return adapters

    def _motion_adapter(self) -> MotionAdapter:
        """Return the motion adapter: of the folder with the weights, or of the hub where those are from there.

        Raises:
            BackendError: it is not there.
        """
        where = self.checkpoint
        hub_id = MOTION_ADAPTERS[where.name]
        folder = Path(where.source) / "motion_adapter"
        try:
            adapter: MotionAdapter = MotionAdapter.from_pretrained(  # type: ignore[no-untyped-call]
                folder if Path(where.source).is_dir() else hub_id,
                local_files_only=not where.may_download,
                use_safetensors=True,
                torch_dtype=self.dtype,
            )
        except (OSError, ValueError) as error:
            raise BackendError(
                f"model {where.name}: its motion adapter does not load ({error}). "
                f"Run hf download {hub_id} --local-dir {folder}."
            ) from error
        return adapter


def _set_windows(pipe: Any, in_windows: bool) -> None:
    if in_windows:
        pipe.enable_free_noise(context_length=WINDOW_FRAMES, context_stride=WINDOW_STEP)
    else:
        pipe.disable_free_noise()
