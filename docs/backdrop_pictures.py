"""Draws the pictures of docs/backdrop.md with the shipped model: python docs/backdrop_pictures.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from catalog import Look
from renderer.artifacts import Layout, Region, Shot, Stand
from renderer.backends import Inputs
from renderer.backends.backdrop import (
    DRAFT_FRAMES,
    DRAFT_SIZES,
    FRAME_RATE,
    MIN_NUM_FRAMES,
    REVISION,
    SCENES,
    SIZES,
)
from renderer.backends.backdrop.flow import denoise
from renderer.backends.backdrop.sampler import BackdropModel, conditions_of, even_borders

IMAGES = Path(__file__).parent / "images"
PALETTES = (
    ("#12302A", "#4D9A7C", "#E2F2E4"), ("#2A1230", "#A0508C", "#F5D5E0"), ("#101A33", "#3E6FB0", "#DDEBFA"),
    ("#2B1708", "#B9733B", "#FBE8CF"), ("#15171B", "#6E7680", "#F2F3F5"), ("#4A0F1C", "#D4476A", "#FFE3D6"),
    ("#0C2B3A", "#1E8FA0", "#D9F5EE"), ("#3A2B12", "#C9A24B", "#FFF6DC"),
)  # fmt: skip
LAYOUT = Layout(calm=(Region(x=0.15, y=0.12, width=0.7, height=0.2),), stand=Stand(x=0.5, y=0.85, width=0.3))
QUALITY = 85


def main() -> None:
    """Write a sheet of all scenes, one of all shapes, and one of scenes made from nothing but noise."""
    model = BackdropModel("cpu")
    scenes = [tile(model, scene, "9:16", PALETTES[number % len(PALETTES)]) for number, scene in enumerate(SCENES)]
    rows = [np.concatenate(scenes[first : first + 8], axis=1) for first in (0, 8)]
    Image.fromarray(np.concatenate(rows)).resize((1440, 640)).save(IMAGES / "backdrop_scenes.jpg", quality=QUALITY)
    shapes = [
        tile(model, scene, ratio, PALETTES[number])
        for number, (ratio, scene) in enumerate(zip(SIZES, ("silk", "water", "leaf_shadow", "clouds"), strict=True))
    ]
    shown = [Image.fromarray(shape) for shape in shapes]
    shown = [picture.resize((round(picture.width * 384 / picture.height), 384)) for picture in shown]
    Image.fromarray(np.concatenate(shown, axis=1)).save(IMAGES / "backdrop_shapes.jpg", quality=QUALITY)
    rows = [from_noise(model, steps) for steps in (4, 40)]
    Image.fromarray(np.concatenate(rows)).save(IMAGES / "backdrop_noise.jpg", quality=QUALITY)


def tile(model: BackdropModel, scene: str, ratio: str, palette: tuple[str, str, str]) -> np.ndarray:
    """The frame two seconds into a take."""
    width, height = SIZES[ratio]
    look = Look(scene=scene, palette=palette, light="top_left")
    shot = Shot(
        key=scene, model="backdrop", revision=REVISION, look=look, layout=LAYOUT, prompt="", negative_prompt="",
        image_sha256=None, width=width, height=height, num_frames=MIN_NUM_FRAMES, frame_rate=FRAME_RATE,
        num_inference_steps=3, guidance_scale=1.0, seed=4,
    )  # fmt: skip
    return model.generate(shot, Inputs())[32]


@torch.inference_mode()
def from_noise(model: BackdropModel, num_inference_steps: int) -> np.ndarray:
    """The same frame of every scene, walked to from pure noise, side by side; half the size of a take."""
    width, height = DRAFT_SIZES["9:16"]
    shown = []
    for number, scene in enumerate(SCENES):
        look = Look(scene=scene, palette=PALETTES[number % len(PALETTES)], light="top_left")
        noise = torch.randn(1, 3, DRAFT_FRAMES, height, width, generator=torch.Generator().manual_seed(number))
        draft = denoise(model.predict, noise, conditions_of(look, LAYOUT, width / height), num_inference_steps)
        clip = model.upsampler(even_borders(draft)[:, :, 14:18])[0, :, 4, ::2, ::2]
        shown.append(((clip.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy())
    return np.concatenate(shown, axis=1)


if __name__ == "__main__":
    main()
