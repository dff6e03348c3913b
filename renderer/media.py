"""Reads and writes pictures that move and sound: takes, creatives, WAV files, moviepy clips.

Everything written here is BT.709, limited range, and says so: a player that has to guess shows brand colours wrong.
The same input gives the same bytes.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import platform
import tempfile
import wave
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import av
import numpy as np
from av import AudioCodecContext, AudioFrame, AudioResampler, CodecContext, VideoFrame
from av.filter import Graph
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from numpy.typing import NDArray

from renderer.errors import MediaError

if TYPE_CHECKING:
    from av import Packet
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.plane import VideoPlane
    from av.video.stream import VideoStream
    from moviepy import VideoClip

SOUND_RATE = 48_000  # Hz; the one rate that every destination takes
SOUND_BIT_RATE = 192_000  # bit/s; the highest floor among the destinations (DV360, Amazon)
AAC_OPTIONS = {"aac_coder": "fast"}  # against "twoloop": same size, 10 dB less noise, no overshooting peaks
# 50 dB at 4:4:4 and 10 bit: nothing to see in a difference picture. "medium" at 10 costs 2 to 3 times the CPU for 1 dB.
TAKE_CRF, TAKE_PRESET = 8, "veryfast"
TAKE_THREADS = 2  # fixed, as x264's bytes depend on the number of threads
FRAMES_AHEAD = 6  # composed but not yet encoded; 1080x1920 costs 3 MB each
EXACT = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)
# x264's AVX-512 code for macroblock trees reads memory that nothing wrote: other bytes on every run (docs/adr/0006).
SAME_BYTES = {"x264-params": "asm=SSE4.2"} if platform.machine() in ("x86_64", "AMD64") else {}
Frames = NDArray[np.uint8]  # RGB, (num_frames, height, width, 3)
Packets = Sequence["Packet[AudioStream]"]  # of sound
T = TypeVar("T")


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


Draw = Callable[[Planes], object]  # fills every pixel of a frame


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


def write_take(path: Path, frames: Frames, frame_rate: float) -> None:
    """Write frames as near-lossless H.264, 4:4:4, 10 bit, in an MP4 without sound.

    Raises:
        MediaError: there are no frames, or they are not RGB.
    """
    if frames.ndim != 4 or frames.shape[0] == 0 or frames.shape[3] != 3:
        raise MediaError(f"{path}: frames have the shape {frames.shape}. A take needs (num_frames, height, width, 3).")
    with _create(path) as container:
        rate = Fraction(frame_rate).limit_denominator(1001)  # finds 30000/1001 again
        options = {"crf": str(TAKE_CRF), "preset": TAKE_PRESET, **SAME_BYTES}
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv444p10le"
        stream.codec_context.thread_count = TAKE_THREADS
        _tag_bt709(stream.codec_context)
        for picture in frames:
            container.mux(stream.encode(_from_rgb(picture, "yuv444p10le")))
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


def at_tempo(samples: NDArray[np.float32], sample_rate: int, tempo: float) -> NDArray[np.float32]:
    """Return mono sound `tempo` (0.5..2) times as fast at the same pitch, float32 (num_samples / tempo,)."""
    graph = Graph()
    source = graph.add_abuffer(sample_rate=sample_rate, format="flt", layout="mono", time_base=Fraction(1, sample_rate))
    faster, sink = graph.add("atempo", f"{tempo:.6f}"), graph.add("abuffersink")
    source.link_to(faster)
    faster.link_to(sink)
    graph.configure()
    frame = AudioFrame.from_ndarray(samples[None].astype(np.float32), format="flt", layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = sample_rate, Fraction(1, sample_rate), 0
    graph.push(frame)
    graph.push(None)
    pieces = []
    with contextlib.suppress(av.BlockingIOError, av.EOFError):
        while True:
            pieces.append(graph.pull().to_ndarray().ravel())
    return np.concatenate([*pieces, np.empty(0, np.float32)])


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
    with _create(path) as container:
        video = open_encoder(container, encoding)
        for picture in pictures:
            picture.pts, picture.time_base = num_frames, Fraction(1, encoding.frame_rate)
            container.mux(video.encode(picture))
            num_frames += 1
        if not num_frames:
            raise MediaError(f"{path}: there are no frames. A creative needs one or more.")
        container.mux(video.encode(None))
    return num_frames


def encode_sound(sound: NDArray[np.float32]) -> Packets:
    """Return float32 (num_samples, 2) at 48 kHz as AAC-LC.

    Raises:
        MediaError: the sound has another shape.
    """
    if sound.ndim != 2 or sound.shape[1] != 2:
        raise MediaError(f"sound has the shape {sound.shape}. A creative needs (num_samples, 2).")
    codec = CodecContext.create("aac", "w")
    assert isinstance(codec, AudioCodecContext)
    codec.sample_rate, codec.layout, codec.format = SOUND_RATE, "stereo", "fltp"
    codec.bit_rate, codec.options, codec.time_base = SOUND_BIT_RATE, AAC_OPTIONS, Fraction(1, SOUND_RATE)
    return [packet for frame in (*_sound_frames(sound), None) for packet in codec.encode(frame)]


def join(path: Path, stretches: Sequence[Stretch], sound: Packets, encoding: Encoding) -> None:
    """Write a creative of finished pictures and finished sound, copied packet by packet.

    The same input gives the same bytes.

    Raises:
        MediaError: a stretch is broken or encoded in another way than the first.
    """
    # A note of the bit rate would be that of the film the first stretch was copied from.
    with contextlib.ExitStack() as stack, _create(path, write_btrt="0") as container:
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


def open_encoder(container: OutputContainer, encoding: Encoding) -> VideoStream:
    """Add the stream of a creative's picture to a container."""
    video = container.add_stream("libx264", rate=encoding.frame_rate, options=_x264_options(encoding))
    video.width, video.height, video.pix_fmt = encoding.width, encoding.height, "yuv420p"
    video.codec_context.thread_count = encoding.threads
    _tag_bt709(video.codec_context)
    return video


def to_planes(rgb: NDArray[np.uint8]) -> Planes:
    """Return a uint8 RGB picture, (height, width, 3) with even sides, as planes."""
    frame = _from_rgb(np.ascontiguousarray(rgb), "yuv420p")
    return Planes(*(_pixels(plane) for plane in frame.planes))


def read_wav(path: Path) -> tuple[NDArray[np.float32], int]:
    """Return a 16-bit WAV as mono float32 in [-1, 1), (num_samples,), and its rate in Hz; channels are averaged.

    Raises:
        MediaError: the file is missing, broken, or not 16-bit PCM.
    """
    pcm, rate = _read_pcm(path)
    return pcm.mean(axis=1, dtype=np.float32) / np.float32(32768), rate


def read_stereo(path: Path) -> tuple[NDArray[np.float32], int]:
    """Return a 16-bit WAV as float32 in [-1, 1), (num_samples, 2), and its rate in Hz; mono is the same on both sides.

    Raises:
        MediaError: the file is missing, broken, not 16-bit PCM, or has more channels.
    """
    pcm, rate = _read_pcm(path)
    if pcm.shape[1] > 2:
        raise MediaError(f"{path}: {pcm.shape[1]} channels. Write mono or stereo.")
    return np.broadcast_to(pcm, (len(pcm), 2)).astype(np.float32) / np.float32(32768), rate


def _read_pcm(path: Path) -> tuple[NDArray[np.int16], int]:
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            body = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise MediaError(f"{path}: not a readable WAV file ({error}). Write 16-bit PCM.") from error
    if width != 2:
        raise MediaError(f"{path}: {8 * width}-bit samples. Write 16-bit PCM.")
    return np.frombuffer(body, "<i2").reshape(-1, channels), rate


def read_sound(path: Path, longest_s: float) -> NDArray[np.float32]:
    """Return the first sound of any file as float32 (num_samples, 2) at 48 kHz; reading stops soon after `longest_s`.

    Raises:
        MediaError: the file is missing, broken, or holds no sound.
    """
    packs = [np.empty((0, 2), np.float32)]
    num_samples = 0
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise MediaError(f"{path}: holds no sound. Supply a WAV, MP3, FLAC or M4A file.")
            resampler = AudioResampler(format="flt", layout="stereo", rate=SOUND_RATE)
            for frame in itertools.chain(container.decode(audio=0), (None,)):
                packs += (
                    np.asarray(pack.to_ndarray(), np.float32).reshape(-1, 2) for pack in resampler.resample(frame)
                )
                num_samples += len(packs[-1])
                if num_samples > longest_s * SOUND_RATE:
                    break
    except av.FFmpegError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}). Supply a whole file.") from error
    return np.concatenate(packs)


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
    sound = np.zeros((round(clip.duration * SOUND_RATE), 2), np.float32)
    if clip.audio is not None:
        sound = np.asarray(clip.audio.to_soundarray(fps=SOUND_RATE), np.float32)
    write_creative(path, frames, sound, encoding)


def _tag_bt709(codec: VideoCodecContext) -> None:
    codec.colorspace = Colorspace.ITU709
    codec.color_primaries = ColorPrimaries.BT709
    codec.color_trc = ColorTrc.BT709
    codec.color_range = ColorRange.MPEG


def _x264_options(encoding: Encoding) -> dict[str, str]:
    """Closed groups of pictures of half a second to two seconds: seekable, and what every destination takes."""
    groups = {"g": 2 * encoding.frame_rate, "keyint_min": max(1, encoding.frame_rate // 2), "flags": "+cgop"}
    options = {"preset": encoding.preset, "crf": encoding.crf, "profile": "high", **groups, **SAME_BYTES}
    if encoding.max_mbps:
        options |= {"maxrate": round(encoding.max_mbps * 1e6), "bufsize": round(encoding.max_mbps * 2e6)}
    return {name: str(value) for name, value in options.items()}


def _from_rgb(picture: NDArray[np.uint8], pix_fmt: str) -> VideoFrame:
    return VideoFrame.from_ndarray(picture, "rgb24").reformat(
        format=pix_fmt,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        dst_colorspace=Colorspace.ITU709,
        interpolation=EXACT,
    )


def to_rgb(frame: VideoFrame) -> NDArray[np.uint8]:
    """Return a decoded BT.709 frame as uint8 RGB, (height, width, 3)."""
    colours = {"src_colorspace": Colorspace.ITU709, "src_color_range": ColorRange.MPEG}
    rgb = frame.reformat(format="rgb24", dst_color_range=ColorRange.JPEG, interpolation=EXACT, **colours)
    return np.asarray(rgb.to_ndarray(), np.uint8)


def _drawn(draws: Iterable[Draw], encoding: Encoding) -> Iterator[VideoFrame]:
    """Yield drawn frames, in memory that is used again once they are encoded: to get new costs as much as a copy."""
    blanks = [VideoFrame(encoding.width, encoding.height, "yuv420p") for _ in range(FRAMES_AHEAD + 1)]
    for draw, picture in zip(draws, itertools.cycle(blanks), strict=False):
        picture.make_writable()  # other memory, should the encoder still hold this
        draw(Planes(*map(_pixels, picture.planes)))
        yield picture


def _copy(planes: Planes, number: int, onto: Planes) -> None:
    for source, target in zip(planes, onto, strict=True):
        if source.shape != target.shape:
            raise MediaError(f"frame {number}: a plane has the shape {source.shape}. It must be {target.shape}.")
        target[:] = source


def _pixels(plane: VideoPlane) -> NDArray[np.uint8]:
    """The plane's own memory, (height, width), without the padding at the end of its lines."""
    padded = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return padded[: plane.height, : plane.width]


def _sound_frames(sound: NDArray[np.float32]) -> Iterator[AudioFrame]:
    for first in range(0, len(sound), 1024):  # AAC-LC codes 1024 samples at a time
        pack = np.ascontiguousarray(sound[first : first + 1024].T, np.float32)
        frame = AudioFrame.from_ndarray(pack, "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, first, Fraction(1, SOUND_RATE)
        yield frame


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


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; it becomes `path` at the end, or is removed after an error."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def _create(path: Path, **more_options: str) -> Iterator[OutputContainer]:
    options = {"movflags": "+faststart", "fflags": "+bitexact", **more_options}
    try:
        with _whole(path) as part, av.open(str(part), "w", format="mp4", options=options) as container:
            yield container
    except av.FFmpegError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror}). Check size and disk.") from error


@contextlib.contextmanager
def open_video(path: Path) -> Iterator[InputContainer]:
    """Give the open container of a file that holds a video.

    Raises:
        MediaError: the file is missing, broken (also when that shows later, inside the block), or holds no video.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise MediaError(f"{path}: holds no video. Make the file anew.")
            container.streams.video[0].thread_type = "AUTO"
            yield container
    except av.FFmpegError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}). Make the file anew.") from error
