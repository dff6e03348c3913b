"""Mixes voices over music and the sound of takes, and brings the sum to a format's loudness and true peak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d
from scipy.signal import butter, resample_poly, sosfilt

from catalog import Music
from renderer.loudness import GATE_LUFS, Samples, at_loudness, integrated_loudness
from renderer.music import RATE, beats, laid_track, synthesize_bed
from renderer.take_sound import TakeSound, laid

__all__ = ["Placement", "TakeSound", "beats", "mix", "synthesize_bed"]

VOICE_LUFS = -18.0  # every recording is brought here first: engines differ by 10 LU
BED_LUFS = -21.0  # with nobody speaking, 3 LU under the voice
DUCK_DB = 12.0  # and this much more while somebody speaks
ATTACK_S = 0.06
RELEASE_S = 0.35
LOOK_AHEAD_S = 0.12  # the bed is down before the first syllable
SPEAKING_DB = 35.0  # speech is what lies at most this far under the loudest moment of the voice
HOP_S = 0.01
RUMBLE_HZ = 80.0  # nothing of a voice lies lower, and phones cannot play it
LIMIT_S = 0.004
CODEC_HEADROOM_DB = 1.0  # AAC at 192 kbit/s overshoots by less
EDGE_S = 0.01
CLOSE_LU = 0.1
MAX_PASSES = 12  # of gain and limit; two are enough for most mixes, a voice full of peaks needs more


@dataclass(frozen=True)
class Placement:
    """A recording and where it starts: mono float32 (num_samples,) in [-1, 1] at `sample_rate` Hz."""

    start_s: float
    samples: Samples
    sample_rate: int


def mix(
    voices: Sequence[Placement],
    music: Music,
    duration_s: float,
    loudness_lufs: float,
    peak_dbtp: float,
    takes: Sequence[TakeSound] = (),
    track: Samples | None = None,
) -> Samples:
    """Return the finished sound, float32 (num_samples, 2) at 48 kHz.

    It measures `loudness_lufs` within 0.3 LU and stays below `peak_dbtp` also after AAC. Where the two contradict
    each other (a lone shout, loud target, low peak) the peak wins. Silence stays silence. What is heard of takes makes
    way for voices as the music does. `track` is the campaign's own music, (num_samples, 2) at 48 kHz, where it has one.
    """
    voice = _voice_track(voices, round(duration_s * RATE))
    own = synthesize_bed(music, duration_s) if track is None else laid_track(track, music, duration_s)
    bed = at_loudness(own, BED_LUFS)
    under = bed + laid(takes, len(bed)) if takes else bed
    sound = under * _duck_gain(voice)[:, None] + voice[:, None]
    return _master(sound.astype(np.float32), loudness_lufs, peak_dbtp - CODEC_HEADROOM_DB)


def _voice_track(voices: Sequence[Placement], num_samples: int) -> Samples:
    """Put every recording in its place, at one loudness; what runs past the end is faded out."""
    track = np.zeros(num_samples, np.float32)
    rumble = butter(2, RUMBLE_HZ, "highpass", fs=RATE, output="sos")
    for voice in voices:
        first = round(voice.start_s * RATE)
        samples = sosfilt(rumble, _resampled(voice))
        samples = at_loudness(samples.astype(np.float32), VOICE_LUFS)[: max(0, num_samples - first)]
        track[first : first + len(samples)] += _with_soft_edges(samples)
    return track


def _resampled(voice: Placement) -> Samples:
    shared = gcd(RATE, voice.sample_rate)
    return np.asarray(resample_poly(voice.samples, RATE // shared, voice.sample_rate // shared), np.float32)


def _with_soft_edges(samples: Samples) -> Samples:
    ramp = np.minimum(np.arange(len(samples)) / (EDGE_S * RATE), 1)
    return np.asarray(samples * ramp * ramp[::-1], np.float32)


def _duck_gain(voice: Samples) -> Samples:
    """Return the gain of the bed, (num_samples,): 1 without speech, 12 dB less under it."""
    hop = round(HOP_S * RATE)
    power = np.pad(voice, (0, -len(voice) % hop)).reshape(-1, hop).astype(np.float64)
    level_db = 10 * np.log10(np.mean(power**2, axis=1) + 1e-12)
    speaking = (level_db > max(level_db.max(initial=-120) - SPEAKING_DB, -60)).astype(np.float64)
    ahead = round(LOOK_AHEAD_S / HOP_S)
    speaking = maximum_filter1d(np.pad(speaking, (0, ahead)), 2 * ahead + 1)[: len(speaking)]
    depth = np.interp(np.arange(len(voice)), hop * (np.arange(len(speaking)) + 0.5), _smoothed(speaking))
    return np.asarray(10 ** (-DUCK_DB / 20 * depth), np.float32)


def _smoothed(speaking: NDArray[np.float64]) -> NDArray[np.float64]:
    """Follow a step upwards in the attack time, downwards in the release time."""
    rise, fall = 1 - np.exp(-HOP_S / ATTACK_S), 1 - np.exp(-HOP_S / RELEASE_S)
    smooth, state = np.empty_like(speaking), 0.0
    for number, target in enumerate(speaking):
        state += (target - state) * (rise if target > state else fall)
        smooth[number] = state
    return smooth


def _master(sound: Samples, lufs: float, ceiling_db: float) -> Samples:
    """Every pass ends below the ceiling; what the limiter took from the loudness, the next pass gives back."""
    measured = integrated_loudness(sound)
    for _ in range(MAX_PASSES):
        if measured < GATE_LUFS:
            return sound
        sound = _limited(sound * np.float32(10 ** ((lufs - measured) / 20)), ceiling_db)
        measured = integrated_loudness(sound)
        if abs(lufs - measured) < CLOSE_LU:
            return sound
    return sound


def _limited(sound: Samples, ceiling_db: float) -> Samples:
    """Turn peaks down smoothly, and before they come; peaks are looked for at four times the rate, as BS.1770 says."""
    oversampled = np.abs(resample_poly(sound, 4, 1, axis=0)).max(axis=1).reshape(-1, 4).max(axis=1)
    wanted = np.minimum(1, 10 ** (ceiling_db / 20) / np.maximum(oversampled, 1e-9))
    if wanted.min(initial=1) == 1:
        return sound
    reach = round(LIMIT_S * RATE)
    window = np.hanning(2 * reach + 1)
    held = np.pad(minimum_filter1d(wanted, 2 * reach + 1), reach, mode="edge")
    return np.asarray(sound * np.convolve(held, window / window.sum(), "valid")[:, None], np.float32)
