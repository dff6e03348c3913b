"""HunyuanVideo 1.5: words, or words and a first picture; the two have weights of their own."""

from __future__ import annotations

from typing import Any

from diffusers import HunyuanVideo15ImageToVideoPipeline, HunyuanVideo15Pipeline
from PIL import Image
from torch import Tensor

from renderer.artifacts import Shot
from renderer.backends import Frames, Inputs
from renderer.backends.diffusion.model import DiffusionModel, Embedding, to_frames
from renderer.backends.diffusion.pictures import cover
from renderer.errors import BackendError

EMBEDDINGS = ("embeds", "embeds_mask", "embeds_2", "embeds_mask_2")


class HunyuanModel(DiffusionModel):
    """See the module. What stands in quotation marks in a prompt is lettered in the picture."""

    text_encoders = ("text_encoder", "text_encoder_2")

    def load(self) -> Any:
        """See `DiffusionModel.load`."""
        from_picture = "image" in self.facts.abilities
        return self.from_pretrained(HunyuanVideo15ImageToVideoPipeline if from_picture else HunyuanVideo15Pipeline)

    @property
    def size_step(self) -> int:
        """See `DiffusionModel.size_step`."""
        return int(self.pipe.vae_scale_factor_spatial * self.pipe.transformer.config.patch_size)

    @property
    def frame_step(self) -> int:
        """See `DiffusionModel.frame_step`."""
        return int(self.pipe.vae_scale_factor_temporal)

    def encode(self, text: str) -> Embedding:
        """See `DiffusionModel.encode`: embeddings and masks of the language model and of the lettering."""
        embedding: Embedding = self.pipe.encode_prompt(text, device=self.device, dtype=self.dtype)
        return embedding

    def refuse(self, shot: Shot, inputs: Inputs) -> None:
        """See `DiffusionModel.refuse`: from a picture, the pipeline makes only the sizes that the weights know."""
        if shot.image_sha256 is None:
            return
        rows, columns = self.pipe.video_processor.calculate_default_height_width(
            shot.height, shot.width, self.pipe.target_size
        )
        if (columns, rows) != (shot.width, shot.height):
            raise BackendError(
                f"shot {shot.key}: {shot.width}x{shot.height} is no size of {shot.model} from a picture. "
                f"The nearest is {columns}x{rows}."
            )

    def sample(self, shot: Shot, inputs: Inputs) -> dict[str, Tensor]:
        """Return latents (1, 32, 1 + (num_frames - 1) / 4, height / 16, width / 16)."""
        options = dict(zip((f"prompt_{name}" for name in EMBEDDINGS), self.embedding(shot.prompt), strict=True))
        if shot.guidance_scale > 1:
            names = (f"negative_prompt_{name}" for name in EMBEDDINGS)
            options |= dict(zip(names, self.embedding(shot.negative_prompt), strict=True))
        if inputs.image is None:
            given: dict[str, Any] = {"height": shot.height, "width": shot.width}
        else:
            given = {"image": Image.fromarray(cover(inputs.image[0], shot.width, shot.height))}
        self.pipe.guider = self.pipe.guider.new(guidance_scale=shot.guidance_scale)
        latents = self.pipe(
            **given,
            **options,
            num_frames=shot.num_frames,
            num_inference_steps=shot.num_inference_steps,
            generator=self.noise(shot),
            output_type="latent",
        ).frames
        return {"latents": latents}

    def picture(self, shot: Shot, tensors: dict[str, Tensor]) -> Frames:
        """See `DiffusionModel.picture`."""
        vae = self.pipe.vae
        latents = tensors["latents"].to(self.device, vae.dtype) / vae.config.scaling_factor
        return to_frames(vae.decode(latents, return_dict=False)[0])
