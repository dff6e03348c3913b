"""Looks at finished files: facts of the container, loudness, black, frozen and silent stretches, still pictures.

Loudness comes from ffmpeg's meter, which is not the one that mixing steers by.
"""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from renderer.errors import MediaError
from renderer.media import open_video, to_rgb

if TYPE_CHECKING:
    from av.stream import Stream

Stretch = tuple[float, float]  # from and to, in seconds
SILENCE_LUFS = -70.0  # absolute gate of ITU-R BS.1770: nothing quieter has a loudness
SILENCE_DBTP = -120.0  # stands for minus infinity, which JSON cannot hold
MIN_BLACK_S = 0.3  # longer than a cut through black, shorter than what reads as a fault
MIN_FROZEN_S = 0.5  # short, as every key frame of a still picture ends one stretch and starts another
MIN_SILENT_S = 0.5
STILL_DB = -60  # mean difference between frames, ffmpeg's own default: a noise-free still, not a slow zoom
QUIET_DB = -60  # below room tone
TIMEOUT_S = 600
COLOUR_NAMES = {1: "bt709", 2: "unspecified", 5: "bt470bg", 6: "smpte170m", 9: "bt2020"}  # ITU-T H.273
RANGE_NAMES = {0: "unspecified", 1: "limited", 2: "full"}


@dataclass(frozen=True)
class Probe:
    """What a video file says and holds. Audio fields are empty or 0 where it is silent; frames are really counted."""

    width: int
    height: int
    num_frames: int
    frame_rate: float
    duration_s: float
    video_codec: str
    profile: str
    pix_fmt: str
    color_primaries: str
    color_trc: str
    color_space: str
    color_range: str
    audio_codec: str
    sample_rate: int
    channels: int
    audio_duration_s: float
    size_bytes: int
    faststart: bool


@dataclass(frozen=True)
class Measures:
    """What a viewer would see and hear. Loudness -70 LUFS and peak -120 dBTP stand for digital silence or no sound."""

    loudness_lufs: float
    peak_dbtp: float
    black: tuple[Stretch, ...]
    frozen: tuple[Stretch, ...]
    silent: tuple[Stretch, ...]


def probe(path: Path) -> Probe:
    """Return the facts of a video file without decoding it.

    Raises:
        MediaError: the file is missing, broken, holds no video, or has fewer frames than its index says.
    """
    with open_video(path) as container:
        video, codec = container.streams.video[0], container.streams.video[0].codec_context
        audio = next(iter(container.streams.audio), None)
        packets = [0] * len(container.streams)
        for packet in container.demux():
            packets[packet.stream.index] += packet.size > 0 and not packet.is_corrupt
        for stream in filter(None, (video, audio)):
            if packets[stream.index] < stream.frames:
                raise MediaError(
                    f"{path}: ends early, {packets[stream.index]} of {stream.frames} {stream.type} packets are there. "
                    "Make or copy the file anew."
                )
        return Probe(
            width=codec.width,
            height=codec.height,
            num_frames=packets[video.index],
            frame_rate=float(video.average_rate or 0),
            duration_s=_duration_s(video),
            video_codec=codec.name,
            profile=codec.profile or "",
            pix_fmt=codec.pix_fmt or "",
            color_primaries=COLOUR_NAMES.get(codec.color_primaries, str(codec.color_primaries)),
            color_trc=COLOUR_NAMES.get(codec.color_trc, str(codec.color_trc)),
            color_space=COLOUR_NAMES.get(codec.colorspace, str(codec.colorspace)),
            color_range=RANGE_NAMES.get(codec.color_range, str(codec.color_range)),
            audio_codec=audio.codec_context.name if audio else "",
            sample_rate=audio.codec_context.sample_rate if audio else 0,
            channels=audio.codec_context.channels if audio else 0,
            audio_duration_s=_duration_s(audio) if audio else 0.0,
            size_bytes=path.stat().st_size,
            faststart=_index_first(path),
        )


def measure(path: Path) -> Measures:
    """Decode the whole file once with ffmpeg and return what its meters say.

    Raises:
        MediaError: the file cannot be decoded to its end, or not within ten minutes.
    """
    picture = f"blackdetect=d={MIN_BLACK_S},freezedetect=n={STILL_DB}dB:d={MIN_FROZEN_S}"
    sound = f"ebur128=peak=true:framelog=quiet,silencedetect=n={QUIET_DB}dB:d={MIN_SILENT_S}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-xerror"]
    command += ["-i", f"file:{path}", "-vf", picture, "-af", sound, "-f", "null", "-"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise MediaError(f"{path}: not decoded within {TIMEOUT_S} s. Make the file anew.") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MediaError(f"{path}: cannot be decoded to its end ({last}). Make the file anew.")
    return _read_report(done.stderr)


def read_frame(path: Path, time_s: float) -> NDArray[np.uint8]:
    """Return the picture that is on screen at `time_s` (the last one, past the end): uint8 RGB, (height, width, 3).

    Raises:
        MediaError: the file is missing or broken.
    """
    return next(iter(_pictures(path, [time_s])))


def read_code(picture: NDArray[np.uint8]) -> str:
    """Return what a QR code in a picture says; nothing where none is found."""
    return str(cv2.QRCodeDetector().detectAndDecode(np.ascontiguousarray(picture[..., ::-1]))[0])


def contact_sheet(videos: Sequence[Path], out: Path, step_s: float = 1.0, height_px: int = 320) -> None:
    """Write one picture with a row of frames per video, one frame every `step_s` seconds.

    Raises:
        MediaError: a video is missing or broken, or the picture cannot be written.
    """
    rows = []
    for video in videos:
        with open_video(video) as container:
            duration_s = (container.duration or 0) / av.time_base
        pictures = _pictures(video, np.arange(step_s / 2, max(duration_s, step_s), step_s))
        rows.append(np.hstack([_at_height(picture, height_px) for picture in pictures]))
    width = max(row.shape[1] for row in rows)
    sheet = np.vstack([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])
    if not cv2.imwrite(str(out), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)):
        raise MediaError(f"{out}: the picture cannot be written. Name a file that ends in .png or .jpg.")


def _pictures(path: Path, times_s: Iterable[float]) -> Iterator[NDArray[np.uint8]]:
    with open_video(path) as container:
        frames = container.decode(video=0)
        shown = next(frames, None)
        if shown is None:
            raise MediaError(f"{path}: holds no picture. Make the file anew.")
        coming = next(frames, None)
        for time_s in times_s:
            while coming is not None and coming.time <= time_s:
                shown, coming = coming, next(frames, None)
            yield to_rgb(shown)


def _at_height(picture: NDArray[np.uint8], height_px: int) -> NDArray[np.uint8]:
    width_px = round(picture.shape[1] * height_px / picture.shape[0])
    return np.asarray(cv2.resize(picture, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)


def _duration_s(stream: Stream) -> float:
    return float((stream.duration or 0) * (stream.time_base or 0))


def _index_first(path: Path) -> bool:
    """Tell whether the MP4 index (moov) stands before the media (mdat), walking the top-level boxes, ISO 14496-12."""
    with path.open("rb") as file:
        while header := file.read(16):
            size, kind = int.from_bytes(header[:4]), header[4:8]
            if kind in (b"moov", b"mdat") or size == 0:
                return kind == b"moov"
            size = int.from_bytes(header[8:]) if size == 1 else size
            file.seek(size - len(header), 1)
    return False


def _read_report(report: str) -> Measures:
    hours, minutes, seconds = re.findall(r"time=(\d+):(\d+):([\d.]+)", report)[-1]
    end_s = 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    return Measures(
        loudness_lufs=max(_last_number(report, r"I: +(\S+) LUFS", SILENCE_LUFS), SILENCE_LUFS),
        peak_dbtp=max(_last_number(report, r"Peak: +(\S+) dBFS", SILENCE_DBTP), SILENCE_DBTP),
        black=_stretches(report, "black", end_s),
        frozen=_stretches(report, "freeze", end_s),
        silent=_stretches(report, "silence", end_s),
    )


def _last_number(report: str, pattern: str, otherwise: float) -> float:
    numbers = [float(found) for found in re.findall(pattern, report)]
    return numbers[-1] if numbers and math.isfinite(numbers[-1]) else otherwise


def _stretches(report: str, what: str, end_s: float) -> tuple[Stretch, ...]:
    """Pair the starts and ends of one detector; what has not ended ends with the file."""
    starts = [float(number) for number in re.findall(rf"{what}_start: ?(-?[\d.]+)", report)]
    ends = [float(number) for number in re.findall(rf"{what}_end: ?(-?[\d.]+)", report)]
    return tuple(zip(starts, [*ends, end_s][: len(starts)], strict=True))
