"""Makes pictures, clips and masks of any size fit a shot."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.backends import Frames, Mask

Picture = NDArray[np.uint8]  # RGB, (height, width, 3)


def cover(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Scale (h, w) or (h, w, 3) until it covers `width` x `height`, and cut what juts out, equally on both sides."""
    rows, columns = picture.shape[:2]
    scale = max(width / columns, height / rows)
    size = max(width, round(columns * scale)), max(height, round(rows * scale))
    if size != (columns, rows):
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        picture = np.asarray(cv2.resize(picture, size, interpolation=kind), np.uint8)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def cover_clip(clip: Frames, width: int, height: int) -> Frames:
    """Return (num_frames, height, width, 3) of a clip of any size."""
    return np.stack([cover(picture, width, height) for picture in clip])


def cover_mask(mask: Mask, width: int, height: int) -> NDArray[np.bool_]:
    """Return where a picture is to be made, (height, width), for `Inputs.mask` of any size."""
    covered: NDArray[np.bool_] = cover(mask[0], width, height) >= 128
    return covered


def spread(clip: Frames, num_frames: int) -> Frames:
    """Return `num_frames` frames spread evenly over the clip: a longer one runs faster, a shorter one slower."""
    chosen: Frames = clip[np.linspace(0, len(clip) - 1, num_frames).round().astype(int)]
    return chosen
