"""Sound: WAV files, the sound of any file, another tempo, and AAC for creatives."""

from __future__ import annotations

import contextlib
import itertools
import wave
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av import AudioCodecContext, AudioFrame, AudioResampler, CodecContext
from av.filter import Graph
from numpy.typing import NDArray

from renderer.errors import MediaError
from renderer.media.files import whole

if TYPE_CHECKING:
    from av import Packet
    from av.audio.stream import AudioStream

SOUND_RATE = 48_000  # Hz; the one rate that every destination takes
SOUND_BIT_RATE = 192_000  # bit/s; the highest floor among the destinations (DV360, Amazon)
AAC_OPTIONS = {"aac_coder": "fast"}  # against "twoloop": same size, 10 dB less noise, no overshooting peaks
Packets = Sequence["Packet[AudioStream]"]  # of sound


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
    with whole(path) as part, wave.open(str(part), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())


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


def _sound_frames(sound: NDArray[np.float32]) -> Iterator[AudioFrame]:
    for first in range(0, len(sound), 1024):  # AAC-LC codes 1024 samples at a time
        pack = np.ascontiguousarray(sound[first : first + 1024].T, np.float32)
        frame = AudioFrame.from_ndarray(pack, "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, first, Fraction(1, SOUND_RATE)
        yield frame
