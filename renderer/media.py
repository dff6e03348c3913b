"""Reads and writes pictures that move and sound: takes, creatives, WAV files, moviepy clips.

With `measure.py` the only owner of PyAV, ffmpeg and moviepy. Everything written here is BT.709, limited range, and
says so: a player that has to guess shows brand colours wrong. The same input gives the same bytes.
"""

from __future__ import annotations

import contextlib
import os
import wave
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from numpy.typing import NDArray

from renderer.backends import Frames
from renderer.errors import MediaError

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.video import VideoCodecContext, VideoFrame
    from moviepy import VideoClip

SOUND_RATE = 48_000  # Hz; what every destination takes, research of 2026-11
SOUND_BIT_RATE = 192_000  # bit/s; the highest floor among the destinations (DV360, Amazon)
TAKE_CRF = 10  # nothing to see in a difference picture at 4:4:4 and 10 bit
FRAMES_AHEAD = 6  # composed but not yet encoded; 1080x1920 costs 3 MB each
EXACT = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)
T = TypeVar("T")


class Planes(NamedTuple):
    """One frame as uint8 BT.709 in limited range: `y` (height, width), `u` and `v` (height / 2, width / 2)."""

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]


@dataclass(frozen=True)
class Encoding:
    """How a creative is encoded. Width and height in pixels, both even; `crf` and `preset` are x264's."""

    width: int
    height: int
    frame_rate: int
    crf: int = 20
    preset: str = "veryfast"
    threads: int = 2
    title: str = ""


def write_take(path: Path, frames: Frames, frame_rate: float) -> None:
    """Write frames as near-lossless H.264, 4:4:4, 10 bit, in an MP4 without sound.

    Raises:
        MediaError: there are no frames, or they are not RGB.
    """
    if frames.ndim != 4 or frames.shape[0] == 0 or frames.shape[3] != 3:
        raise MediaError(f"{path}: frames have the shape {frames.shape}. A take needs (num_frames, height, width, 3).")
    with _create(path) as container:
        stream = container.add_stream("libx264", rate=_exact_rate(frame_rate), options={"crf": str(TAKE_CRF)})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv444p10le"
        _tag_bt709(stream.codec_context)
        for picture in frames:
            container.mux(stream.encode(_from_rgb(picture, "yuv444p10le")))
        container.mux(stream.encode(None))


def read_take(path: Path) -> Frames:
    """Return all frames of a video as uint8 RGB, (num_frames, height, width, 3).

    Raises:
        MediaError: the file is missing, broken, or ends too early.
    """
    with _open(path) as container:
        expected = container.streams.video[0].frames
        frames = [_to_rgb(frame) for frame in container.decode(video=0)]
    if not frames or len(frames) < expected:
        raise MediaError(f"{path}: {len(frames)} of {expected} frames can be read. Make the file anew.")
    return np.stack(frames)


def read_frame(path: Path, time_s: float) -> NDArray[np.uint8]:
    """Return the picture that is on screen at `time_s` (the last one, past the end): uint8 RGB, (height, width, 3).

    Raises:
        MediaError: the file is missing or broken.
    """
    return next(iter(_pictures(path, [time_s])))


def contact_sheet(videos: Sequence[Path], out: Path, step_s: float = 1.0, height_px: int = 320) -> None:
    """Write one picture with a row of frames per video, one frame every `step_s` seconds.

    Raises:
        MediaError: a video is missing or broken, or the picture cannot be written.
    """
    rows = []
    for video in videos:
        with _open(video) as container:
            duration_s = (container.duration or 0) / av.time_base
        pictures = _pictures(video, np.arange(step_s / 2, max(duration_s, step_s), step_s))
        rows.append(np.hstack([_at_height(picture, height_px) for picture in pictures]))
    width = max(row.shape[1] for row in rows)
    sheet = np.vstack([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])
    if not cv2.imwrite(str(out), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)):
        raise MediaError(f"{out}: the picture cannot be written. Name a file that ends in .png or .jpg.")


def write_creative(path: Path, frames: Iterable[Planes], sound: NDArray[np.float32], encoding: Encoding) -> None:
    """Write H.264 High, 4:2:0, with AAC-LC stereo, index first, so that it plays while it loads.

    `sound` is float32 (num_samples, 2) at 48 kHz. `frames` is run in a thread of its own, some frames ahead of the
    encoder, and may reuse its arrays from one frame to the next. What it raises is raised here, and no file appears.

    Raises:
        MediaError: a frame or the sound does not have the shape that `encoding` says, or the encoder refused.
    """
    if sound.ndim != 2 or sound.shape[1] != 2:
        raise MediaError(f"{path}: sound has the shape {sound.shape}. A creative needs (num_samples, 2).")
    with _create(path) as container:
        if encoding.title:
            container.metadata["title"] = encoding.title
        video = container.add_stream("libx264", rate=encoding.frame_rate, options=_x264_options(encoding))
        video.width, video.height, video.pix_fmt = encoding.width, encoding.height, "yuv420p"
        video.codec_context.thread_count = encoding.threads
        _tag_bt709(video.codec_context)
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        audio.bit_rate = SOUND_BIT_RATE
        packs = _sound_frames(sound)
        for frame in _ahead((_from_planes(planes, encoding) for planes in frames), FRAMES_AHEAD):
            container.mux(video.encode(frame))
            for pack in _until(packs, (frame.pts + 1) / encoding.frame_rate):
                container.mux(audio.encode(pack))
        for pack in packs:
            container.mux(audio.encode(pack))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def to_planes(rgb: NDArray[np.uint8]) -> Planes:
    """Return a uint8 RGB picture, (height, width, 3) with even sides, as planes."""
    frame = _from_rgb(np.ascontiguousarray(rgb), "yuv420p")
    y, u, v = (
        np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
        for plane in frame.planes
    )
    return Planes(y, u, v)


def read_wav(path: Path) -> tuple[NDArray[np.float32], int]:
    """Return a 16-bit WAV as mono float32 in [-1, 1), (num_samples,), and its rate in Hz; channels are averaged.

    Raises:
        MediaError: the file is missing, broken, or not 16-bit PCM.
    """
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            body = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise MediaError(f"{path}: not a readable WAV file ({error}). Write 16-bit PCM.") from error
    if width != 2:
        raise MediaError(f"{path}: {8 * width}-bit samples. Write 16-bit PCM.")
    samples = np.frombuffer(body, "<i2").reshape(-1, channels).astype(np.float32) / 32768
    return samples.mean(axis=1, dtype=np.float32), rate


def write_wav(path: Path, samples: NDArray[np.float32], rate: int) -> None:
    """Write float32 samples, (num_samples,) or (num_samples, channels), as 16-bit PCM; beyond [-1, 1] they clip."""
    pcm = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2")
    with _whole(path) as part, wave.open(str(part), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())


def as_clip(path: Path) -> VideoClip:
    """Return a creative or a take as a moviepy clip, for people who want to cut further. Close it after use."""
    from moviepy import VideoFileClip

    return VideoFileClip(str(path))


def write_clip(clip: VideoClip, path: Path, encoding: Encoding) -> None:
    """Write a moviepy clip as a creative is written. moviepy's own writer guesses BT.601 and tags nothing.

    Raises:
        MediaError: the size of the clip is not the size that `encoding` says.
    """
    frames = (to_planes(picture) for picture in clip.iter_frames(fps=encoding.frame_rate, dtype="uint8"))
    if clip.audio is None:
        sound = np.zeros((round(clip.duration * SOUND_RATE), 2), np.float32)
    else:
        sound = np.asarray(clip.audio.to_soundarray(fps=SOUND_RATE, nbytes=4), np.float32)
    write_creative(path, frames, sound, encoding)


def _exact_rate(frame_rate: float) -> Fraction:
    """29.97 means 30000/1001."""
    return Fraction(frame_rate).limit_denominator(1001)


def _tag_bt709(codec: VideoCodecContext) -> None:
    codec.colorspace = Colorspace.ITU709
    codec.color_primaries = ColorPrimaries.BT709
    codec.color_trc = ColorTrc.BT709
    codec.color_range = ColorRange.MPEG


def _x264_options(encoding: Encoding) -> dict[str, str]:
    """Closed groups of pictures of half a second to two seconds: seekable, and what every destination takes."""
    return {
        "preset": encoding.preset,
        "crf": str(encoding.crf),
        "profile": "high",
        "g": str(2 * encoding.frame_rate),
        "keyint_min": str(max(1, encoding.frame_rate // 2)),
        "flags": "+cgop",
    }


def _from_rgb(picture: NDArray[np.uint8], pix_fmt: str) -> VideoFrame:
    return av.VideoFrame.from_ndarray(picture, "rgb24").reformat(
        format=pix_fmt,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        dst_colorspace=Colorspace.ITU709,
        interpolation=EXACT,
    )


def _to_rgb(frame: VideoFrame) -> NDArray[np.uint8]:
    rgb = frame.reformat(
        format="rgb24",
        src_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=EXACT,
    )
    return np.asarray(rgb.to_ndarray(), np.uint8)


def _from_planes(planes: Planes, encoding: Encoding) -> VideoFrame:
    frame = av.VideoFrame(encoding.width, encoding.height, "yuv420p")
    for source, target in zip(planes, frame.planes, strict=True):
        if source.shape != (target.height, target.width):
            raise MediaError(
                f"frame of {encoding.width}x{encoding.height}: a plane has the shape {source.shape}. "
                f"It must be {(target.height, target.width)}."
            )
        np.frombuffer(target, np.uint8).reshape(-1, target.line_size)[: target.height, : target.width] = source
    return frame


def _sound_frames(sound: NDArray[np.float32]) -> Iterator[av.AudioFrame]:
    for first in range(0, len(sound), 1024):  # AAC-LC codes 1024 samples at a time
        pack = np.ascontiguousarray(sound[first : first + 1024].T, np.float32)
        frame = av.AudioFrame.from_ndarray(pack, "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, first, Fraction(1, SOUND_RATE)
        yield frame


