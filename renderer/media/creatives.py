"""Creatives: drawn frames and sound become the file that is delivered. The same input gives the same bytes."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from renderer.errors import MediaError
from renderer.media.files import SAME_BYTES, create, open_video
from renderer.media.planes import Planes, pixels, tag_bt709
from renderer.media.sounds import AAC_OPTIONS, SOUND_BIT_RATE, SOUND_RATE, Packets, encode_sound

if TYPE_CHECKING:
    from av import Packet
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.video.stream import VideoStream

FRAMES_AHEAD = 6  # composed but not yet encoded; 1080x1920 costs 3 MB each
Draw = Callable[[Planes], object]  # fills every pixel of a frame
T = TypeVar("T")


@dataclass(frozen=True)
class Encoding:
    """How a creative is encoded. Width and height in pixels, both even; `crf` and `preset` are x264's."""

    width: int
    height: int
    frame_rate: int
    crf: int = 20
    max_mbps: float = 0.0  # over any two seconds; 0 for no limit
    preset: str = "veryfast"
    threads: int = 2
    title: str = ""


@dataclass(frozen=True)
class Stretch:
    """Frames [first, last) of a film that begin with a key frame and are followed by one or by the end."""

    path: Path
    first: int
    last: int


def write_creative(path: Path, frames: Iterable[Planes], sound: NDArray[np.float32], encoding: Encoding) -> None:
    """Write H.264 High, 4:2:0, with AAC-LC stereo, index first, so that it plays while it loads.

    `sound` is float32 (num_samples, 2) at 48 kHz. `frames` is run in a thread of its own, some frames ahead of the
    encoder, and may reuse its arrays from one frame to the next. What it raises is raised here, and no file appears.

    Raises:
        MediaError: a frame or the sound does not have the shape that `encoding` says, or the encoder refused.
    """
    with tempfile.TemporaryDirectory() as folder, drawn(copies(frames), encoding) as pictures:
        picture = Path(folder) / "picture.mp4"
        num_frames = write_picture(picture, pictures, encoding)
        join(path, [Stretch(picture, 0, num_frames)], encode_sound(sound), encoding)


@contextlib.contextmanager
def drawn(draws: Iterable[Draw], encoding: Encoding) -> Iterator[Iterator[VideoFrame]]:
    """Give frames drawn in a thread, some ahead, right into the encoder's memory: each is good until the next is asked.

    What a draw raises is raised where its frame is asked for.
    """
    with contextlib.closing(_ahead(_drawn(draws, encoding), FRAMES_AHEAD)) as ahead:
        yield ahead


def copies(frames: Iterable[Planes]) -> Iterator[Draw]:
    """Yield what draws each frame by copying it; `frames` may reuse its arrays from one frame to the next."""
    return (partial(_copy, planes, number) for number, planes in enumerate(frames))


def write_picture(path: Path, pictures: Iterable[VideoFrame], encoding: Encoding) -> int:
    """Write the picture of a creative without sound, frame by frame; return how many there were.

    Raises:
        MediaError: there are no frames, or the encoder refused.
    """
    num_frames = 0
    with create(path) as container:
        video = open_encoder(container, encoding)
        for picture in pictures:
            picture.pts, picture.time_base = num_frames, Fraction(1, encoding.frame_rate)
            container.mux(video.encode(picture))
            num_frames += 1
        if not num_frames:
            raise MediaError(f"{path}: there are no frames. A creative needs one or more.")
        container.mux(video.encode(None))
    return num_frames


def join(path: Path, stretches: Sequence[Stretch], sound: Packets, encoding: Encoding) -> None:
    """Write a creative of finished pictures and finished sound, copied packet by packet.

    The same input gives the same bytes.

    Raises:
        MediaError: a stretch is broken or encoded in another way than the first.
    """
    # A note of the bit rate would be that of the film the first stretch was copied from.
    with contextlib.ExitStack() as stack, create(path, write_btrt="0") as container:
        films = [stack.enter_context(open_video(stretch.path)) for stretch in stretches]
        container.metadata["title"] = encoding.title
        video = container.add_stream_from_template(films[0].streams.video[0])
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="stereo", options=AAC_OPTIONS)
        audio.bit_rate = SOUND_BIT_RATE
        packs = deque(sound)
        for number, packet in enumerate(_packets(films, stretches, encoding)):
            packet.stream = video
            container.mux(packet)
            while packs and (packs[0].pts or 0) * encoding.frame_rate < number * SOUND_RATE:
                _mux_as(packs.popleft(), audio, container)
        for pack in packs:
            _mux_as(pack, audio, container)


def open_encoder(container: OutputContainer, encoding: Encoding) -> VideoStream:
    """Add the stream of a creative's picture to a container."""
    video = container.add_stream("libx264", rate=encoding.frame_rate, options=_x264_options(encoding))
    video.width, video.height, video.pix_fmt = encoding.width, encoding.height, "yuv420p"
    video.codec_context.thread_count = encoding.threads
    tag_bt709(video.codec_context)
    return video


def _packets(
    films: Sequence[InputContainer], stretches: Sequence[Stretch], encoding: Encoding
) -> Iterator[Packet[VideoStream]]:
    """The packets of all stretches, one after the other, with times from the start of the first."""
    start, parameters = 0, films[0].streams.video[0].codec_context.extradata
    for film, stretch in zip(films, stretches, strict=True):
        stream = film.streams.video[0]
        packets = [packet for packet in film.demux(stream) if packet.dts is not None][stretch.first : stretch.last]
        is_whole = len(packets) == stretch.last - stretch.first and packets[0].is_keyframe
        if not is_whole or stream.codec_context.extradata != parameters:
            raise MediaError(f"{stretch.path}: cannot be copied from frame {stretch.first} on. Delete the file.")
        assert stream.time_base is not None, "MP4 has one"
        later = (start - stretch.first) * round(1 / (encoding.frame_rate * stream.time_base))
        for packet in packets:
            assert packet.pts is not None, "MP4 times every packet"
            assert packet.dts is not None, "packets without were left out"
            packet.pts, packet.dts = packet.pts + later, packet.dts + later
            yield packet
        start += len(packets)


def _x264_options(encoding: Encoding) -> dict[str, str]:
    """Closed groups of pictures of half a second to two seconds: seekable, and what every destination takes."""
    groups = {"g": 2 * encoding.frame_rate, "keyint_min": max(1, encoding.frame_rate // 2), "flags": "+cgop"}
    options = {"preset": encoding.preset, "crf": encoding.crf, "profile": "high", **groups, **SAME_BYTES}
    if encoding.max_mbps:
        options |= {"maxrate": round(encoding.max_mbps * 1e6), "bufsize": round(encoding.max_mbps * 2e6)}
    return {name: str(value) for name, value in options.items()}


def _drawn(draws: Iterable[Draw], encoding: Encoding) -> Iterator[VideoFrame]:
    """Yield drawn frames, in memory that is used again once they are encoded: to get new costs as much as a copy."""
    blanks = [VideoFrame(encoding.width, encoding.height, "yuv420p") for _ in range(FRAMES_AHEAD + 1)]
    for draw, picture in zip(draws, itertools.cycle(blanks), strict=False):
        picture.make_writable()  # other memory, should the encoder still hold this
        draw(Planes(*map(pixels, picture.planes)))
        yield picture


def _copy(planes: Planes, number: int, onto: Planes) -> None:
    for source, target in zip(planes, onto, strict=True):
        if source.shape != target.shape:
            raise MediaError(f"frame {number}: a plane has the shape {source.shape}. It must be {target.shape}.")
        target[:] = source


def _mux_as(packet: Packet[AudioStream], stream: AudioStream, container: OutputContainer) -> None:
    packet.stream = stream
    container.mux(packet)


def _ahead(items: Iterable[T], depth: int) -> Generator[T]:
    """Yield items made in a thread, at most `depth` ahead; the thread ends with the last item, an error, or `close`."""
    source = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="frames") as thread:
        pending = deque(thread.submit(next, source, None) for _ in range(depth))
        try:
            while (item := pending.popleft().result()) is not None:
                pending.append(thread.submit(next, source, None))
                yield item
        finally:
            thread.shutdown(cancel_futures=True)
