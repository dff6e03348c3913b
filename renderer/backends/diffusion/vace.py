"""Wan 2.1 VACE: makes what a mask leaves open in a clip, around pictures and footage that stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from diffusers import WanVACEPipeline
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from renderer.artifacts import Shot
from renderer.backends import Frames, Inputs
from renderer.backends.diffusion.model import to_frames
from renderer.backends.diffusion.pictures import Picture, cover, cover_clip, cover_mask, spread
from renderer.backends.diffusion.wan import WanModel
from renderer.errors import BackendError

GREY = 128  # of the places that are to be made
MOST_CONTEXT = 16  # frames of footage that a continuation sees


@dataclass(frozen=True)
class Control:
    """What the network is told beside the words."""

    video: Frames  # (num_frames, height, width, 3), grey where it is to be made
    open: NDArray[np.bool_]  # (num_frames, height, width), where it is to be made
    reference: Picture | None = None  # how the product looks
    scale: float = 1.0  # how strongly `video` counts


class VaceModel(WanModel):
    """VACE as a video model."""

    def load(self) -> Any:
        """See `DiffusionModel.load`."""
        return self.from_pretrained(WanVACEPipeline)

    def refuse_footage(self, shot: Shot, inputs: Inputs) -> None:
        """Check what may come with footage: a picture shows how the product looks.

        Raises:
            BackendError: the shot asks for what excludes each other, or the footage is too short.
        """
        if shot.look.loop and inputs.image is None:
            raise BackendError(f"shot {shot.key}: a loop needs a picture to begin and end with. Give it the product's.")
        if shot.keeps_product and (shot.look.loop or inputs.last_image is not None):
            raise BackendError(f"shot {shot.key}: a product that stays leaves no room for a loop or a last picture.")
        if not shot.footage:
            return
        if shot.keeps_product or shot.look.loop or inputs.last_image is not None:
            raise BackendError(
                f"shot {shot.key}: footage cannot come with a loop, a last picture or a product that stays. "
                "Remove the footage or the others."
            )
        if shot.footage.use == "extend" and inputs.clip is not None and len(inputs.clip) < self.frame_step:
            raise BackendError(
                f"shot {shot.key}: footage of {len(inputs.clip)} frames. "
                f"{shot.model} continues {self.frame_step} or more."
            )

    def sample(self, shot: Shot, inputs: Inputs) -> dict[str, Tensor]:
        """See `DiffusionModel.sample`; beside the latents, the picture whose pixels stay and where."""
        control = self._control(shot, inputs)
        options = self._options(shot)
        pipe = self.pipeline(WanVACEPipeline)
        references = 0
        if control:
            options |= {
                "video": [Image.fromarray(frame) for frame in control.video],
                "mask": [Image.fromarray(np.where(frame, 255, 0).astype(np.uint8)) for frame in control.open],
                "conditioning_scale": control.scale,
            }
            if control.reference is not None:
                options["reference_images"] = [Image.fromarray(control.reference)]
                references = 1
        num_frames = len(control.video) if control else shot.num_frames
        latents = pipe(**options, width=shot.width, height=shot.height, num_frames=num_frames).frames
        tensors = {"latents": latents[:, :, references:]}
        if control and shot.keeps_product:
            tensors |= {"kept": torch.from_numpy(control.video[0]), "open": torch.from_numpy(control.open[0])}
        return tensors

    def picture(self, shot: Shot, tensors: dict[str, Tensor]) -> Frames:
        """See `DiffusionModel.picture`; the product's pixels are those of its picture, and footage is cut off."""
        frames = to_frames(self.decoded(tensors["latents"]))[-shot.num_frames :]
        if "kept" in tensors:
            stays = ~tensors["open"].numpy()
            frames[:, stays] = tensors["kept"].numpy()[stays]
        return frames

    def _control(self, shot: Shot, inputs: Inputs) -> Control | None:
        """Return what the shot gives the network beside words, or None."""
        size = shot.width, shot.height
        image = None if inputs.image is None else cover(inputs.image[0], *size)
        if inputs.clip is not None and shot.footage is not None:
            make = self._continued if shot.footage.use == "extend" else _painted_anew
            return make(shot, inputs.clip, None if inputs.image is None else inputs.image[0])
        if inputs.mask is not None and image is not None:
            return _around(image, cover_mask(inputs.mask, *size), shot.num_frames)
        last = None if inputs.last_image is None else cover(inputs.last_image[0], *size)
        if image is None and last is None:
            return None
        return _between(shot, image, image if shot.look.loop else last)

    def _continued(self, shot: Shot, clip: Frames, reference: Picture | None) -> Control:
        """Give the end of the footage, in whole latents, and leave as many frames open as the shot has."""
        step = self.frame_step
        length = min(MOST_CONTEXT, len(clip)) // step * step
        given = cover_clip(clip[-length:], shot.width, shot.height)
        video, space = _nothing(shot, length + shot.num_frames)
        video[:length], space[:length] = given, False
        return Control(video, space, reference)


def _nothing(shot: Shot, num_frames: int) -> tuple[Frames, NDArray[np.bool_]]:
    """Return grey frames, all of which are to be made."""
    shape = (num_frames, shot.height, shot.width)
    return np.full((*shape, 3), GREY, np.uint8), np.ones(shape, np.bool_)


def _between(shot: Shot, first: Picture | None, last: Picture | None) -> Control:
    video, space = _nothing(shot, shot.num_frames)
    for place, picture in ((0, first), (-1, last)):
        if picture is not None:
            video[place], space[place] = picture, False
    return Control(video, space)


def _around(image: Picture, space: NDArray[np.bool_], num_frames: int) -> Control:
    image = np.where(space[..., None], np.uint8(GREY), image)
    return Control(np.repeat(image[None], num_frames, 0), np.repeat(space[None], num_frames, 0))


def _painted_anew(shot: Shot, clip: Frames, reference: Picture | None) -> Control:
    """Give the footage without its colours; the less of it shall stay, the less it counts."""
    assert shot.footage is not None  # a clip comes with it
    frames = cover_clip(spread(clip, shot.num_frames), shot.width, shot.height)
    grey = np.stack([cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) for frame in frames])
    _, space = _nothing(shot, shot.num_frames)
    return Control(grey.astype(np.uint8), space, reference, scale=1 - shot.footage.strength)
