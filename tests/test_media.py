"""Pictures that move and sound survive being written and read; what is written is what every destination takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderer.errors import MediaError
from renderer.measure import contact_sheet, measure, probe, read_frame
from renderer.media import (
    Encoding,
    Planes,
    as_clip,
    at_tempo,
    read_stereo,
    read_take,
    read_wav,
    to_planes,
    write_clip,
    write_creative,
    write_take,
    write_wav,
)

ENCODING = Encoding(width=90, height=160, frame_rate=20, title="Größe")


def moving(num_frames: int, width: int = 90, height: int = 160) -> np.ndarray:
    """Soft colours that drift."""
    cloud = cv2.resize(np.random.default_rng(3).integers(0, 256, (5, 4, 3), np.uint8), (width + 40, height + 40))
    return np.stack([cloud[i % 40 : i % 40 + height, i % 40 : i % 40 + width] for i in range(num_frames)])


def tone(duration_s: float, amplitude: float = 0.2) -> np.ndarray:
    wave = amplitude * np.sin(2 * np.pi * 440 * np.arange(round(duration_s * 48_000)) / 48_000)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def planes(frames: np.ndarray) -> list[Planes]:
    return [to_planes(frame) for frame in frames]


@pytest.fixture
def creative(tmp_path: Path) -> Path:
    path = tmp_path / "creative.mp4"
    write_creative(path, planes(moving(40)), tone(2), ENCODING)
    return path


@pytest.mark.parametrize(("width", "height"), [(72, 128), (90, 160), (33, 17)])
def test_a_take_comes_back_almost_as_it_was(tmp_path: Path, width: int, height: int) -> None:
    """Small and odd sizes too; about one grey level of noise."""
    frames = moving(6, width, height)

    write_take(tmp_path / "take.mp4", frames, 12)
    back = read_take(tmp_path / "take.mp4")

    assert back.shape == frames.shape
    assert back.dtype == np.uint8
    error = np.abs(back.astype(int) - frames)
    assert error.mean() < 1.5
    assert error.max() < 12


def test_a_take_says_its_colours_and_its_rate(tmp_path: Path) -> None:
    """Rates of television stay exact, and colours are BT.709."""
    write_take(tmp_path / "take.mp4", moving(6), 30000 / 1001)

    with av.open(str(tmp_path / "take.mp4")) as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)
    facts = probe(tmp_path / "take.mp4")
    assert facts.pix_fmt == "yuv444p10le"
    assert (facts.color_primaries, facts.color_trc, facts.color_space) == ("bt709", "bt709", "bt709")


def test_brand_yellow_stays_brand_yellow(tmp_path: Path) -> None:
    """An independent decoder that trusts the tags sees the colour within two levels; BT.601 would be ten off."""
    yellow = np.full((4, 160, 90, 3), (255, 212, 0), np.uint8)
    write_creative(tmp_path / "a.mp4", planes(yellow), tone(0.2), ENCODING)
    write_take(tmp_path / "b.mp4", yellow, 20)

    for name in ("a.mp4", "b.mp4"):
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(tmp_path / name)]
        raw = subprocess.run([*command, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"], capture_output=True, check=True)
        shown = np.frombuffer(raw.stdout, np.uint8).reshape(-1, 3).mean(axis=0)
        assert np.abs(shown - (255, 212, 0)).max() < 2.5, name


def test_a_creative_is_what_every_destination_takes(creative: Path) -> None:
    """H.264 High 4:2:0, BT.709, AAC 48 kHz stereo, the index first, sound as long as the picture."""
    facts = probe(creative)

    assert (facts.width, facts.height, facts.num_frames, facts.frame_rate) == (90, 160, 40, 20)
    assert (facts.video_codec, facts.profile, facts.pix_fmt) == ("h264", "High", "yuv420p")
    assert (facts.color_primaries, facts.color_trc, facts.color_space, facts.color_range) == ("bt709",) * 3 + (
        "limited",
    )
    assert (facts.audio_codec, facts.sample_rate, facts.channels) == ("aac", 48_000, 2)
    assert facts.duration_s == pytest.approx(2.0)
    assert facts.audio_duration_s == pytest.approx(2.0, abs=0.03)
    assert facts.faststart
    with av.open(str(creative)) as container:
        assert container.metadata["title"] == "Größe"
        times = [packet.pts for packet in container.demux(video=0) if packet.size]
        assert len(set(np.diff(sorted(times)))) == 1, "constant frame rate"


def test_pictures_and_sound_arrive(creative: Path) -> None:
    """What was put in is seen and heard."""
    assert np.abs(read_take(creative).astype(int) - moving(40)).mean() < 4
    assert measure(creative).loudness_lufs == pytest.approx(-14.7, abs=0.5)


WRITE_ONE = """
import sys, numpy, pathlib
from renderer.media import Encoding, to_planes, write_creative
picture = numpy.random.default_rng(0).integers(0, 256, (60, 34, 3), numpy.uint8).repeat(8, 0).repeat(8, 1)
frames = [to_planes(numpy.roll(picture, (step, 3 * step), (0, 1))) for step in range(20)]
write_creative(pathlib.Path(sys.argv[1]), frames, numpy.zeros((48000, 2), "f4"), Encoding(272, 480, 20))
"""


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    """Also in processes whose fresh memory holds other things, which x264's AVX-512 code would let through."""
    bodies = set()
    for perturb in ("85", "170"):
        path = tmp_path / f"{perturb}.mp4"
        environment = {**os.environ, "MALLOC_PERTURB_": perturb}
        subprocess.run([sys.executable, "-c", WRITE_ONE, str(path)], check=True, env=environment)
        bodies.add(path.read_bytes())

    assert len(bodies) == 1


def test_the_composer_may_reuse_its_arrays(tmp_path: Path) -> None:
    """Frames are copied before the next one is asked for."""
    frames = planes(moving(20))
    canvas = Planes(*(plane.copy() for plane in frames[0]))

    def reusing() -> Iterator[Planes]:
        for frame in frames:
            for target, source in zip(canvas, frame, strict=True):
                target[:] = source
            yield canvas

    write_creative(tmp_path / "a.mp4", frames, tone(1), ENCODING)
    write_creative(tmp_path / "b.mp4", reusing(), tone(1), ENCODING)

    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_an_error_of_the_composer_surfaces_and_leaves_nothing(tmp_path: Path) -> None:
    """The exception itself, no file, no thread."""
    threads = threading.active_count()

    def failing() -> Iterator[Planes]:
        yield planes(moving(1))[0]
        raise ZeroDivisionError("in the middle")

    with pytest.raises(ZeroDivisionError, match="in the middle"):
        write_creative(tmp_path / "a.mp4", failing(), tone(1), ENCODING)

    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads


def test_wrong_shapes_are_named(tmp_path: Path) -> None:
    """A frame of another size, no frame at all, mono sound, grey frames: each is told apart."""
    path = tmp_path / "a.mp4"

    with pytest.raises(MediaError, match=r"frame 0: a plane has the shape \(80, 90\)"):
        write_creative(path, planes(moving(1, height=80)), tone(1), ENCODING)
    with pytest.raises(MediaError, match="there are no frames"):
        write_creative(path, [], tone(1), ENCODING)
    with pytest.raises(MediaError, match="sound has the shape"):
        write_creative(path, planes(moving(1)), tone(1)[:, 0], ENCODING)
    with pytest.raises(MediaError, match="frames have the shape"):
        write_take(path, moving(1)[..., 0], 20)
    assert list(tmp_path.iterdir()) == []


def test_broken_files_are_named(tmp_path: Path, creative: Path) -> None:
    """Missing, empty, cut off and garbled files are media errors that name the file."""
    body = creative.read_bytes()
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "cut.mp4").write_bytes(body[: len(body) * 3 // 4])
    (tmp_path / "text.mp4").write_text("no video")

    for name in ("missing.mp4", "empty.mp4", "cut.mp4", "text.mp4"):
        for read in (probe, measure):
            with pytest.raises(MediaError, match=name):
                read(tmp_path / name)
    garbled = bytearray(body)
    garbled[6000:9000] = bytes(3000)
    (tmp_path / "garbled.mp4").write_bytes(garbled)
    with pytest.raises(MediaError, match="cannot be decoded to its end"):
        measure(tmp_path / "garbled.mp4")


def test_meters_find_black_frozen_and_silent_stretches(tmp_path: Path) -> None:
    """One second of motion and tone, then 1.5 s of black, still and mute picture."""
    frames = np.concatenate([moving(20), np.zeros((30, 160, 90, 3), np.uint8)])
    sound = np.concatenate([tone(1), np.zeros((72_000, 2), np.float32)])
    write_creative(tmp_path / "a.mp4", planes(frames), sound, ENCODING)

    found = measure(tmp_path / "a.mp4")

    for stretches in (found.black, found.frozen, found.silent):
        assert len(stretches) == 1
        assert stretches[0] == pytest.approx((1.0, 2.5), abs=0.12)


def test_silence_measures_as_numbers(tmp_path: Path) -> None:
    """No infinity, which JSON cannot hold; with a silent track and without any."""
    write_creative(tmp_path / "silent.mp4", planes(moving(20)), np.zeros((48_000, 2), np.float32), ENCODING)
    write_take(tmp_path / "mute.mp4", moving(20), 20)

    for name in ("silent.mp4", "mute.mp4"):
        found = measure(tmp_path / name)
        assert (found.loudness_lufs, found.peak_dbtp) == (-70.0, -120.0)
        json.dumps(found.loudness_lufs, allow_nan=False)


def test_a_frame_is_read_by_its_time(creative: Path) -> None:
    """The frame on screen at that time; past the end the last one."""
    frames = read_take(creative)

    assert np.array_equal(read_frame(creative, 0.0), frames[0])
    assert np.array_equal(read_frame(creative, 1.02), frames[20])
    assert np.array_equal(read_frame(creative, 99.0), frames[-1])


def test_a_contact_sheet_has_a_row_per_video(tmp_path: Path, creative: Path) -> None:
    """Four frames of two seconds at half a second each, over two of a shorter take."""
    write_take(tmp_path / "take.mp4", moving(20), 20)

    contact_sheet([creative, tmp_path / "take.mp4"], tmp_path / "sheet.png", step_s=0.5, height_px=80)

    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (160, 4 * 45, 3)


def test_a_clip_can_be_cut_further_and_keeps_its_colours(tmp_path: Path, creative: Path) -> None:
    """moviepy cuts, write_clip writes: same pictures, still tagged, with sound."""
    clip = as_clip(creative)
    write_clip(clip.subclipped(0.5, 1.5), tmp_path / "cut.mp4", ENCODING)
    clip.close()

    facts = probe(tmp_path / "cut.mp4")
    assert (facts.num_frames, facts.color_space, facts.audio_codec) == (20, "bt709", "aac")
    assert np.abs(read_take(tmp_path / "cut.mp4").astype(int) - read_take(creative)[10:30]).mean() < 3
    assert measure(tmp_path / "cut.mp4").loudness_lufs == pytest.approx(-14.7, abs=0.7)


@settings(max_examples=25, deadline=None)
@given(samples=st.lists(st.floats(-1.5, 1.5, width=32), min_size=1, max_size=200), rate=st.sampled_from([16000, 24000]))
def test_wav_files_come_back(tmp_path_factory: pytest.TempPathFactory, samples: list[float], rate: int) -> None:
    """Within half a step of 16 bit, clipped at full scale."""
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    original = np.array(samples, np.float32)

    write_wav(path, original, rate)
    back, back_rate = read_wav(path)

    assert (back_rate, back.dtype) == (rate, np.float32)
    assert np.abs(back - np.clip(original, -1, 32767 / 32768)).max() <= 0.5 / 32768 + 1e-7


def test_both_sides_of_a_wav_file_come_back(tmp_path: Path) -> None:
    """Left stays left; what has one channel is the same on both sides; more than two are refused."""
    sides = np.array([[0.5, -0.25], [0.125, 1.0], [0.0, -1.0]], np.float32)

    write_wav(tmp_path / "stereo.wav", sides, 48_000)
    write_wav(tmp_path / "mono.wav", sides[:, 0], 16_000)
    write_wav(tmp_path / "cinema.wav", np.zeros((4, 6), np.float32), 48_000)

    assert np.array_equal(read_stereo(tmp_path / "stereo.wav")[0], np.minimum(sides, 32767 / 32768))
    assert np.array_equal(read_stereo(tmp_path / "mono.wav")[0], sides[:, :1].repeat(2, 1))
    assert read_stereo(tmp_path / "mono.wav")[1] == 16_000
    with pytest.raises(MediaError, match=r"cinema\.wav: 6 channels\. Write mono or stereo"):
        read_stereo(tmp_path / "cinema.wav")


def test_other_sound_files_are_refused(tmp_path: Path) -> None:
    """What is missing or no 16-bit WAV is named."""
    (tmp_path / "a.wav").write_bytes(b"RIFFxxxx")

    for name in ("a.wav", "b.wav"):
        with pytest.raises(MediaError, match=f"{name}: not a readable WAV"):
            read_wav(tmp_path / name)


@pytest.mark.parametrize("tempo", [0.9, 1.0, 1.07, 1.15])
def test_a_faster_voice_keeps_its_pitch(tempo: float) -> None:
    """As much shorter as it was asked to be, within 10 ms, and a tone of 220 Hz stays one."""
    samples = (0.3 * np.sin(np.arange(72_000) * 2 * np.pi * 220 / 24_000)).astype(np.float32)

    faster = at_tempo(samples, 24_000, tempo)

    spectrum = np.abs(np.fft.rfft(faster * np.hanning(len(faster))))
    assert len(faster) / 24_000 == pytest.approx(3 / tempo, abs=0.01)
    assert spectrum.argmax() * 24_000 / len(faster) == pytest.approx(220, abs=1)
    assert np.abs(faster).max() == pytest.approx(0.3, abs=0.02)


def test_bit_rate_stays_under_its_limit(tmp_path: Path) -> None:
    """Noise that would need far more is held to the limit, the same bytes each time; what needs less is not touched."""
    noise = planes(np.random.default_rng(0).integers(0, 256, (80, 160, 90, 3), np.uint8))
    free, capped = Encoding(90, 160, 20), Encoding(90, 160, 20, max_mbps=0.5)
    for name, encoding in (("free", free), ("capped", capped), ("again", capped)):
        write_creative(tmp_path / name, noise, tone(4), encoding)
    size = {name: (tmp_path / name).stat().st_size - 4 * 192_000 / 8 for name in ("free", "capped")}

    assert size["free"] > 2 * size["capped"]
    assert size["capped"] * 8 / 4 < 0.5e6 * 1.5 + 20_000  # two seconds may come at once at the beginning
    assert (tmp_path / "capped").read_bytes() == (tmp_path / "again").read_bytes()
