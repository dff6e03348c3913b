"""`backdrop`, the embedded video diffusion model: soft moving backdrops for a product, on the CPU or a GPU.

This file holds what planning must know and needs no torch; `network.py` is the network, `sampler.py` makes clips.
"""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).with_name("weights.safetensors")
WEIGHTS_SHA256 = "a0bcef6ec24341172bbc86bc9d82649d4906354afe794b0836032a2834e8b8bd"
CODE_VERSION = 1  # raise when the same weights and shot now give another picture
REVISION = f"{WEIGHTS_SHA256[:12]}-{CODE_VERSION}"

SCENES = ("mist", "silk", "bokeh", "water", "leaf_shadow", "studio", "petals", "ribbons")  # rows of the scene table
SIZES = {"9:16": (72, 128), "4:5": (88, 112), "1:1": (88, 88), "16:9": (128, 72)}  # width, height
NUM_FRAMES = 32  # of every clip in training
FRAME_RATE = 10.0
