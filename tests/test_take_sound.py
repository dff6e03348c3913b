"""What a model lets us hear is fit to be heard, in time with its picture, and quieter than voice and music."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from catalog import Music
from renderer.loudness import integrated_loudness
from renderer.music import RATE
from renderer.sound import BED_LUFS, Placement, mix
from renderer.take_sound import TAKE_LUFS, TakeSound, finished, laid, why_unusable
from test_sound import after_aac, rms, speech

SILENT = Music(mood="none")


def rustle(duration_s: float, seed: int = 0, loudness: float = 0.1) -> np.ndarray:
    """Wind in leaves: noise without extremes of pitch, which AAC would thin out; other left than right."""
    noise = np.random.default_rng(seed).standard_normal((round(duration_s * RATE), 2))
    leaves = sosfilt(butter(2, (200, 5000), "bandpass", fs=RATE, output="sos"), noise, axis=0)
    return (2 * loudness * leaves).clip(-1, 1).astype(np.float32)


def heard(
    start_s: float, end_s: float, samples: np.ndarray, speed: float | None = 1.0, fade_s: float = 0.3
) -> TakeSound:
    return TakeSound(start_s, end_s, samples, speed, fade_s, fade_s)


def between(sound: np.ndarray, start_s: float, end_s: float) -> np.ndarray:
    return sound[round(start_s * RATE) : round(end_s * RATE)]


@pytest.mark.parametrize(("speed", "duration_s"), [(1.0, 2.2), (0.8, 1.8), (None, 0.7)])
def test_a_take_is_heard_where_it_is_seen_and_nowhere_else(speed: float | None, duration_s: float) -> None:
    """As made, slowed down or repeated: all of its scene has sound, and before and after are zeros."""
    sound = mix([], SILENT, 6.0, -14.0, -1.0, [heard(2.0, 4.0, rustle(duration_s), speed)])
    parts = [rms(between(sound, start_s, start_s + 0.1)) for start_s in np.arange(2.3, 3.6, 0.1)]

    assert not between(sound, 0, 2).any()
    assert not between(sound, 4, 6).any()
    assert min(parts) > 0.7 * max(parts)


def test_a_take_makes_way_for_the_voice() -> None:
    """What is left of it under the voice is 12 dB quieter than what is heard when nobody speaks."""
    voice = [Placement(1.0, speech(3), 24_000)]
    takes = [heard(0.0, 8.0, rustle(8.0))]
    both, alone = (mix(voice, SILENT, 8.0, -30.0, -1.0, given) for given in (takes, []))  # so low, nothing is limited
    gain = np.vdot(both, alone) / np.vdot(alone, alone)
    speaking = np.abs(alone[:, 0]) > 0.03

    under = rms((both - gain * alone)[speaking])

    assert rms(between(both, 5.5, 6.5)) == pytest.approx(10 ** (12 / 20) * under, rel=0.2)
    assert 20 * np.log10(gain * rms(alone[speaking]) / under) > 12


@pytest.mark.parametrize(("mood", "voiced"), [("bright", True), ("calm", False), ("none", True), ("none", False)])
def test_with_takes_the_file_is_as_loud_as_asked(tmp_path: Path, mood: str, voiced: bool) -> None:
    """Within 0.3 LU and below the peak after AAC, by an independent meter; also with a door that slams."""
    door = rustle(2.5, loudness=0.02)
    door[RATE : RATE + 300] = 0.9
    takes = [heard(0.0, 2.3, door), heard(2.0, 5.0, rustle(3.0, seed=1))]
    voices = [Placement(0.5, speech(3), 24_000)] if voiced else []

    found = after_aac(mix(voices, Music(mood=mood), 5.0, -14.0, -1.0, takes), tmp_path)

    assert found.loudness_lufs == pytest.approx(-14.0, abs=0.3)
    assert found.peak_dbtp <= -1.0


@pytest.mark.parametrize(
    ("loudness", "lufs"), [(0.3, TAKE_LUFS), (0.01, TAKE_LUFS), (0.001, None)], ids=["loud", "soft", "a quiet place"]
)
def test_takes_lie_six_lu_under_the_music(loudness: float, lufs: float | None) -> None:
    """Whatever the model made of them; what is nearly silent is lifted by 12 dB and no more."""
    samples = rustle(4.0, loudness=loudness)
    expected = integrated_loudness(samples) + 12 if lufs is None else lufs

    assert TAKE_LUFS == BED_LUFS - 6
    assert integrated_loudness(laid([heard(0, 4, samples, fade_s=0.02)], 4 * RATE)) == pytest.approx(expected, abs=0.1)


def test_a_take_without_sound_leaves_the_mix_as_it_was() -> None:
    """Zeros under voice and music change no sample."""
    voices = [Placement(0.5, speech(1), 24_000)]
    zeros = heard(0.5, 2.0, np.zeros((2 * RATE, 2), np.float32))

    assert np.array_equal(mix(voices, Music(), 3.0, -14.0, -1.0, [zeros]), mix(voices, Music(), 3.0, -14.0, -1.0))


def test_neighbours_cross_without_a_hole() -> None:
    """While two scenes dissolve their sounds together have the power of one."""
    track = laid([heard(0.0, 2.3, rustle(3.0)), heard(2.0, 4.0, rustle(3.0, seed=1))], 4 * RATE)

    assert rms(between(track, 2.1, 2.2)) == pytest.approx(rms(between(track, 1.0, 1.9)), rel=0.1)


@pytest.mark.parametrize("speed", [1.0, None])
def test_nothing_clicks(speed: float | None) -> None:
    """A hum that is cut anywhere, or begins again, never jumps further than it does by itself."""
    hum = np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE + 1)[:, None].repeat(2, 1).astype(np.float32)
    track = laid([heard(0.2, 0.9 if speed else 3.0, hum, speed, fade_s=0.02)], 3 * RATE)

    jumps = np.abs(np.diff(track, axis=0, prepend=0.0, append=0.0)).max()

    assert jumps < 1.5 * np.abs(track).max() * 2 * np.pi * 100 / RATE


def test_a_slowed_take_stays_in_time() -> None:
    """What the picture shows after 1.2 s, at three quarters of its speed after 1.6 s, is heard then."""
    knock = rustle(2.0, loudness=0.001)
    knock[round(1.2 * RATE)] = 1.0

    track = laid([heard(1.0, 3.5, knock, speed=0.75)], 4 * RATE)

    assert np.abs(track[:, 0]).argmax() / RATE == pytest.approx(1.0 + 1.6, abs=0.001)


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (24_000, 2), (44_100, 1), (48_000, 2)])
@pytest.mark.parametrize("spare_s", [-0.03, 0.0, 0.5])
def test_sound_is_as_long_as_its_take(rate: int, channels: int, spare_s: float) -> None:
    """Of any rate, a little short or too long: stereo at 48 kHz, the same tone, and silence where nothing was made."""
    seconds = np.arange(round((2.0 + spare_s) * rate)) / rate
    tone = np.sin(2 * np.pi * 440 * seconds)[:, None].repeat(channels, 1).astype(np.float32)

    sound = finished(tone, rate, 2.0)

    expected = np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    assert sound.shape == (2 * RATE, 2)
    assert np.abs(between(sound, 0.1, 1.9) - between(expected, 0.1, 1.9)[:, None]).max() < 0.01
    assert not between(sound, 2.0 + min(spare_s, 0) + 0.005, 2.0).any()


def test_what_nobody_wants_to_hear_is_named() -> None:
    """Overflow, silence and clipping are told from sound, of which a little may touch full scale."""
    fine = rustle(1.0)
    broken = fine.copy()
    broken[5] = np.nan

    assert why_unusable(fine) == ""
    assert why_unusable(np.where(np.arange(RATE)[:, None] % 200 == 0, 1, fine)) == ""
    assert "numbers" in why_unusable(broken)
    assert "silent" in why_unusable(fine * 0)
    assert "silent" in why_unusable(fine * np.float32(1e-3))
    assert "clipped" in why_unusable((30 * fine).clip(-1, 1))
