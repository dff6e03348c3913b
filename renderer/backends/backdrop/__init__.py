"""`backdrop`, the embedded video diffusion model: soft moving backdrops for a product, on the CPU or a GPU.

This file holds what planning must know and needs no torch. `conditions.py` says what a clip should show, `network.py`
is the diffusion network, `upsampler.py` sharpens what it makes, `sampler.py` puts them together; `scenes/` draws the
clips that they learned from, `training/` teaches them.
"""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).with_name("weights.safetensors")
WEIGHTS_SHA256 = "00a65c41261b86cdadf1f8ff90b1cb169f7dbc6a8fbe0325c00f3655edfef624"
CODE_VERSION = 3  # raise when the same weights and shot now give another picture
REVISION = f"{WEIGHTS_SHA256[:12]}-{CODE_VERSION}"

SCENES = (  # rows of the scene table
    "silk", "ribbons", "studio", "leaf_shadow", "bokeh", "city_lights", "neon", "sunbeams",
    "petals", "snow", "confetti", "mist", "water", "clouds", "sand", "marble",
)  # fmt: skip
DRAFT_SIZES = {"9:16": (72, 128), "4:5": (88, 112), "1:1": (96, 96), "16:9": (128, 72)}  # width, height of diffusion
DRAFT_FRAME_RATE = 8.0
DRAFT_FRAMES = 48  # of one pass of the network: 6 seconds
OVERLAP_FRAMES = 16  # of a finished pass that the next one continues and dissolves into
SPACE_SCALE, TIME_SCALE = 4, 2  # what the upsampler multiplies size and frame rate by
SIZES = {ratio: (SPACE_SCALE * width, SPACE_SCALE * height) for ratio, (width, height) in DRAFT_SIZES.items()}
FRAME_RATE = TIME_SCALE * DRAFT_FRAME_RATE
MIN_NUM_FRAMES = TIME_SCALE * DRAFT_FRAMES
FRAME_STEP = TIME_SCALE * (DRAFT_FRAMES - OVERLAP_FRAMES)  # every further pass adds 4 seconds
MAX_NUM_FRAMES = MIN_NUM_FRAMES + 6 * FRAME_STEP  # 30 seconds
