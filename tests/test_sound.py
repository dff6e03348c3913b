"""The mix is as loud as asked, the voice is understood, the music ends as music does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfilt

from catalog import Music
from renderer.loudness import integrated_loudness
from renderer.measure import Measures, measure
from renderer.media import Encoding, to_planes, write_creative
from renderer.sound import Placement, beats, mix, synthesize_bed

GREY = to_planes(np.full((64, 36, 3), 90, np.uint8))


def speech(duration_s: float, rate: int = 24_000, loudness: float = 0.2) -> np.ndarray:
    """Syllables of a buzzing throat behind a mouth: peaky, with pauses, as speech is."""
    seconds = np.arange(round(duration_s * rate)) / rate
    pitch = 2 * np.pi * np.cumsum(130 + 25 * np.sin(2 * np.pi * 0.7 * seconds)) / rate
    buzz = sum(np.sin(number * pitch + number**2) / number for number in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 2.1 * seconds), 0, 1) ** 0.5 * (np.sin(2 * np.pi * 0.3 * seconds + 1) > -0.6)
    mouth = sosfilt(butter(2, (300, 3000), "bandpass", fs=rate, output="sos"), buzz)
    return (loudness * syllables * mouth).astype(np.float32)


def after_aac(sound: np.ndarray, folder: Path) -> Measures:
    """What ffmpeg's meter, which the mix does not use, hears in the finished file."""
    frames = [GREY] * (len(sound) // 2400)
    write_creative(folder / "mix.mp4", frames, sound, Encoding(36, 64, 20))
    return measure(folder / "mix.mp4")


@pytest.mark.parametrize(
    ("mood", "lufs", "peak"),
    [("bright", -14.0, -1.0), ("calm", -14.0, -1.0), ("none", -14.0, -1.0), ("bright", -24.0, -2.0)],
)
def test_the_finished_file_is_as_loud_as_asked(tmp_path: Path, mood: str, lufs: float, peak: float) -> None:
    """Within 0.3 LU and below the peak, after AAC, by an independent meter."""
    voices = [Placement(0.5, speech(3), 24_000), Placement(4.5, speech(2, 16_000, 0.03), 16_000)]

    found = after_aac(mix(voices, Music(mood=mood), 8.0, lufs, peak), tmp_path)

    assert found.loudness_lufs == pytest.approx(lufs, abs=0.3)
    assert found.peak_dbtp <= peak


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 999), bpm=st.integers(50, 180), mood=st.sampled_from(["bright", "calm"]), voiced=st.booleans()
)
def test_no_bed_overshoots(tmp_path: Path, seed: int, bpm: int, mood: str, voiced: bool) -> None:
    """Whatever the seed and the tempo, with and without a voice."""
    voices = [Placement(1.0, speech(3), 24_000)] if voiced else []

    found = after_aac(mix(voices, Music(mood=mood, bpm=bpm, seed=seed), 5.0, -14.0, -1.0), tmp_path)

    assert found.loudness_lufs == pytest.approx(-14.0, abs=0.3)
    assert found.peak_dbtp <= -1.0


@pytest.mark.parametrize("mood", ["bright", "calm"])
def test_the_voice_lies_on_top(mood: str) -> None:
    """12 dB and more over the music while it speaks; the music is back when it has spoken."""
    voice = speech(3)
    spoken = mix([Placement(1.0, voice, 24_000)], Music(mood=mood), 8.0, -16.0, -1.0)
    alone = mix([Placement(1.0, voice, 24_000)], Music(mood="none"), 8.0, -16.0, -1.0)
    gain = np.vdot(spoken, alone) / np.vdot(alone, alone)
    speaking = np.abs(alone[:, 0]) > 0.03

    music_under_voice = (spoken - gain * alone)[speaking]

    assert 20 * np.log10(gain * rms(alone[speaking]) / rms(music_under_voice)) >= 12
    assert rms(spoken[264_000:312_000]) > 2 * rms(music_under_voice)


def rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(sound.astype(np.float64) ** 2)))


def test_silence_stays_silence() -> None:
    """No voice and no music, or a voice that says nothing: zeros, no NaN."""
    for voices in ([], [Placement(0.5, np.zeros(24_000, np.float32), 24_000)]):
        sound = mix(voices, Music(mood="none"), 2.0, -14.0, -1.0)

        assert sound.shape == (96_000, 2)
        assert not sound.any()


@settings(max_examples=10, deadline=None)
@given(
    duration_s=st.floats(0.1, 4),
    start_s=st.floats(0, 5),
    length_s=st.floats(0.001, 3),
    rate=st.sampled_from([8_000, 16_000, 22_050, 24_000, 44_100, 48_000]),
    mood=st.sampled_from(["bright", "calm", "none"]),
)
def test_any_length_can_be_mixed(duration_s: float, start_s: float, length_s: float, rate: int, mood: str) -> None:
    """Shorter than a syllable, voices past the end: the length is right, every number finite and below the peak."""
    voices = [Placement(start_s, speech(length_s, rate), rate)]

    sound = mix(voices, Music(mood=mood), duration_s, -14.0, -1.0)

    assert sound.shape == (round(duration_s * 48_000), 2)
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()
    assert np.abs(sound).max(initial=0) <= 10 ** (-1 / 20)


def test_the_same_mix_gives_the_same_samples() -> None:
    """Also when the bed is made anew."""
    voices = [Placement(0.5, speech(1), 24_000)]
    first = mix(voices, Music(), 3.0, -14.0, -1.0)
    synthesize_bed.cache_clear()

    assert np.array_equal(first, mix(voices, Music(), 3.0, -14.0, -1.0))
    assert not np.array_equal(synthesize_bed(Music(seed=1), 3.0), synthesize_bed(Music(seed=2), 3.0))


@pytest.mark.parametrize("mood", ["bright", "calm"])
@pytest.mark.parametrize("duration_s", [6.0, 10.0, 15.0])
def test_the_last_chord_rings_out(mood: str, duration_s: float) -> None:
    """It falls on a beat with time to ring, is the loudest moment of the last seconds, and fades to nothing."""
    music = Music(mood=mood)
    bed = synthesize_bed(music, duration_s)
    last_s = beats(music, duration_s)[-1]

    assert 1.5 <= duration_s - last_s <= 1.5 + 2 * 60 / music.bpm
    after = [rms(bed[round(s * 48_000) : round((s + 0.3) * 48_000)]) for s in (last_s, duration_s - 0.35)]
    assert after[0] > 1.5 * after[1] > 0
    assert np.abs(bed[-200:]).max() < 0.01


def test_beats_are_where_the_music_is() -> None:
    """Even steps at the tempo; onsets of the kick fall on every second one."""
    music = Music(mood="bright", bpm=120)
    times = np.array(beats(music, 10.0))

    assert np.allclose(np.diff(times), 0.5)
    low = sosfilt(butter(4, 100, fs=48_000, output="sos"), synthesize_bed(music, 10.0).mean(axis=1))
    kicked, between = (
        np.mean([rms(low[round(time * 48_000) :][:4_800]) for time in times[first:-1:2]]) for first in (0, 1)
    )
    assert kicked > 1.3 * between
    assert beats(music, 1.0) == (0.0,)


def test_the_bed_is_music_and_no_test_tone() -> None:
    """Energy in every octave from bass to shaker, other left than right, and no clipping."""
    bed = synthesize_bed(Music(mood="bright"), 10.0)

    for low_hz in (60, 120, 240, 480, 960, 1920, 3840, 7680):
        band = butter(3, (low_hz, 2 * low_hz), "bandpass", fs=48_000, output="sos")
        assert rms(sosfilt(band, bed[:, 0])) > 0.01 * rms(bed)
    assert rms(bed[:, 0] - bed[:, 1]) > 0.1 * rms(bed)
    assert np.abs(bed).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("mood", ["bright", "calm"])
@pytest.mark.parametrize("seed", [0, 1])
def test_phones_with_one_speaker_hear_the_music(mood: str, seed: int) -> None:
    """Both channels on one speaker: nothing cancels, 2 LU are lost at most."""
    bed = synthesize_bed(Music(mood=mood, seed=seed), 10.0)
    folded = np.repeat(bed.mean(1, keepdims=True), 2, 1)

    assert integrated_loudness(bed) - integrated_loudness(folded) < 2
