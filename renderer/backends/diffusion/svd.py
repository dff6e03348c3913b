"""Stable Video Diffusion: sets one picture in motion. It reads no words: `shot.prompt` changes nothing."""

from __future__ import annotations

from typing import Any

from diffusers import StableVideoDiffusionPipeline
from PIL import Image
from torch import Tensor

from renderer.artifacts import Shot
from renderer.backends import Frames, Inputs
from renderer.backends.diffusion.model import DiffusionModel, to_frames
from renderer.backends.diffusion.pictures import cover

MOST_MOTION = 254  # of motion_bucket_id; half of it is 127, at which the weights are usually shown
FRAMES_IN_TILES = 2  # decoded at a time where memory is short; frames of one turn know only each other


class SvdModel(DiffusionModel):
    """See the module. `look.energy` is how much it moves."""

    text_encoders = ()
    in_tiles = False

    def load(self) -> Any:
        """See `DiffusionModel.load`."""
        return self.from_pretrained(StableVideoDiffusionPipeline)

    @property
    def size_step(self) -> int:
        """See `DiffusionModel.size_step`: 64, as the network halves its latents three times."""
        halvings = len(self.pipe.unet.config.block_out_channels) - 1
        return int(self.pipe.vae_scale_factor * 2**halvings)

    @property
    def frame_step(self) -> int:
        """See `DiffusionModel.frame_step`."""
        return 1

    def sample(self, shot: Shot, inputs: Inputs) -> dict[str, Tensor]:
        """Return latents (1, num_frames, 4, height / 8, width / 8)."""
        assert inputs.image is not None
        latents = self.pipe(
            Image.fromarray(cover(inputs.image[0], shot.width, shot.height)),
            height=shot.height,
            width=shot.width,
            num_frames=shot.num_frames,
            num_inference_steps=shot.num_inference_steps,
            max_guidance_scale=shot.guidance_scale,
            fps=max(round(shot.frame_rate), 2),  # the network is told one less, and 0 would mean a still
            motion_bucket_id=max(round(shot.look.energy * MOST_MOTION), 1),
            generator=self.noise(shot),
            output_type="latent",
        ).frames
        return {"latents": latents}

    def picture(self, shot: Shot, tensors: dict[str, Tensor]) -> Frames:
        """See `DiffusionModel.picture`."""
        latents = tensors["latents"].to(self.device, self.pipe.vae.dtype)
        together = FRAMES_IN_TILES if self.in_tiles else shot.num_frames
        return to_frames(self.pipe.decode_latents(latents, shot.num_frames, together))

    def tile(self, in_tiles: bool) -> None:
        """Decode few frames at a time, or all at once: this VAE has no tiles."""
        self.in_tiles = in_tiles
