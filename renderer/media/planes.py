"""Pixels of frames: RGB for takes, planes for creatives, and the way between the two.

All is BT.709, limited range: a player that has to guess shows brand colours wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.plane import VideoPlane

EXACT = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)
Frames = NDArray[np.uint8]  # RGB, (num_frames, height, width, 3)


class Planes(NamedTuple):
    """One frame as uint8 BT.709 in limited range: `y` (height, width), `u` and `v` (height / 2, width / 2)."""

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]

    @classmethod
    def blank(cls, width: int, height: int) -> Planes:
        """Memory for a frame, with anything in it."""
        small = height // 2, width // 2
        return cls(np.empty((height, width), np.uint8), np.empty(small, np.uint8), np.empty(small, np.uint8))


def to_planes(rgb: NDArray[np.uint8]) -> Planes:
    """Return a uint8 RGB picture, (height, width, 3) with even sides, as planes."""
    frame = from_rgb(np.ascontiguousarray(rgb), "yuv420p")
    return Planes(*(pixels(plane) for plane in frame.planes))


def to_rgb(frame: VideoFrame) -> NDArray[np.uint8]:
    """Return a decoded BT.709 frame as uint8 RGB, (height, width, 3)."""
    colours = {"src_colorspace": Colorspace.ITU709, "src_color_range": ColorRange.MPEG}
    rgb = frame.reformat(format="rgb24", dst_color_range=ColorRange.JPEG, interpolation=EXACT, **colours)
    return np.asarray(rgb.to_ndarray(), np.uint8)


def from_rgb(picture: NDArray[np.uint8], pix_fmt: str) -> VideoFrame:
    """Return a contiguous uint8 RGB picture, (height, width, 3), as a frame to encode."""
    return VideoFrame.from_ndarray(picture, "rgb24").reformat(
        format=pix_fmt,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        dst_colorspace=Colorspace.ITU709,
        interpolation=EXACT,
    )


def pixels(plane: VideoPlane) -> NDArray[np.uint8]:
    """The plane's own memory, (height, width), without the padding at the end of its lines."""
    padded = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return padded[: plane.height, : plane.width]


def tag_bt709(codec: VideoCodecContext) -> None:
    """Say what every pixel here is."""
    codec.colorspace = Colorspace.ITU709
    codec.color_primaries = ColorPrimaries.BT709
    codec.color_trc = ColorTrc.BT709
    codec.color_range = ColorRange.MPEG
