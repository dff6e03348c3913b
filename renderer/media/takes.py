"""Takes: what a model made, nearly without loss and without sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from renderer.errors import MediaError
from renderer.media.files import SAME_BYTES, create, open_video
from renderer.media.planes import Frames, from_rgb, tag_bt709, to_rgb

# 50 dB at 4:4:4 and 10 bit: nothing to see in a difference picture. "medium" at 10 costs 2 to 3 times the CPU for 1 dB.
TAKE_CRF, TAKE_PRESET = 8, "veryfast"
TAKE_THREADS = 2  # fixed, as x264's bytes depend on the number of threads


def write_take(path: Path, frames: Frames, frame_rate: float) -> None:
    """Write frames as near-lossless H.264, 4:4:4, 10 bit, in an MP4 without sound.

    Raises:
        MediaError: there are no frames, or they are not RGB.
    """
    if frames.ndim != 4 or frames.shape[0] == 0 or frames.shape[3] != 3:
        raise MediaError(f"{path}: frames have the shape {frames.shape}. A take needs (num_frames, height, width, 3).")
    with create(path) as container:
        rate = Fraction(frame_rate).limit_denominator(1001)  # finds 30000/1001 again
        options = {"crf": str(TAKE_CRF), "preset": TAKE_PRESET, **SAME_BYTES}
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv444p10le"
        stream.codec_context.thread_count = TAKE_THREADS
        tag_bt709(stream.codec_context)
        for picture in frames:
            container.mux(stream.encode(from_rgb(picture, "yuv444p10le")))
        container.mux(stream.encode(None))


def read_take(path: Path) -> Frames:
    """Return all frames of a video as uint8 RGB, (num_frames, height, width, 3).

    Raises:
        MediaError: the file is missing, broken, or ends too early.
    """
    with open_video(path) as container:
        stream = container.streams.video[0]
        expected, number = stream.frames, 0
        frames = np.empty((expected, stream.height, stream.width, 3), np.uint8)
        for number, frame in enumerate(container.decode(video=0), 1):
            if number > len(frames):  # the file did not say how many there are
                frames = np.concatenate([frames, np.empty_like(frames, shape=(64, *frames.shape[1:]))])
            frames[number - 1] = to_rgb(frame)
    if not number or number < expected:
        raise MediaError(f"{path}: {number} of {expected} frames can be read. Make the file anew.")
    return frames[:number]
