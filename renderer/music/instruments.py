"""The instruments of the beds: each turns a pitch in Hz and times in s into samples, peaks around 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

RATE = 48_000  # Hz
TABLE = 1 << 13  # points of one period; the nearest one is 75 dB precise, far below a bed
HIGHEST_HZ = 14_000  # partials above are left out: a table would fold them back as other tones
SHARP = 1.0035  # 6 cents: two players, not one
Samples = NDArray[np.float32]
Times = NDArray[np.float64]


@lru_cache(maxsize=128)
def sound(instrument: str, pitch: int, num_samples: int) -> Samples:
    """Return one note, float32 (num_samples,); `pitch` is a MIDI number."""
    return INSTRUMENTS[instrument](440 * 2 ** ((pitch - 69) / 12), np.arange(num_samples) / RATE).astype(np.float32)


def noise(num_samples: int, low_hz: float, high_hz: float) -> Times:
    """Return the same band of noise every time."""
    white = np.random.default_rng(0).standard_normal(num_samples)
    return np.asarray(sosfilt(butter(2, (low_hz, high_hz), "bandpass", fs=RATE, output="sos"), white))


def _wave(hertz: float, seconds: Times, partials: Sequence[float]) -> Times:
    """A tone with the given amplitudes of its partials, read from one period."""
    angle = 2 * np.pi * np.arange(TABLE) / TABLE
    period = sum(gain * np.sin((number + 1) * angle) for number, gain in enumerate(partials))
    places = (seconds * (hertz * TABLE)).astype(np.int64) & (TABLE - 1)
    return np.asarray(np.asarray(period)[places], np.float64)


def _bowed(hertz: float, num: int, slope: float) -> list[float]:
    """Amplitudes 1 / n ** slope of as many of `num` partials as can be heard."""
    return [1 / number**slope for number in range(1, num + 1) if number * hertz < HIGHEST_HZ]


def _swell(seconds: Times, attack_s: float, release_s: float) -> Times:
    edges = np.minimum(seconds / attack_s, (seconds[-1] - seconds) / release_s)
    return np.asarray(np.sin(np.pi / 2 * np.clip(edges, 0, 1)) ** 2)


def _pad(hertz: float, seconds: Times) -> Times:
    partials = (1.0, 0.42, 0.22, 0.1, 0.05, 0.03)
    return np.asarray(_wave(hertz, seconds, partials) * _swell(seconds, 0.18, 0.5))


def _bass(hertz: float, seconds: Times) -> Times:
    return np.asarray(_wave(hertz, seconds, (1.0, 0.35, 0.08)) * np.exp(-seconds / 0.8) * _swell(seconds, 0.012, 0.08))


def _drive_bass(hertz: float, seconds: Times) -> Times:
    """A bass through a warm amplifier: its overtones are what a phone plays of it."""
    tone = _wave(hertz, seconds, (1.0, 0.6, 0.35, 0.2, 0.12, 0.06)) * np.exp(-seconds / 0.45)
    return np.asarray(np.tanh(1.4 * tone) * _swell(seconds, 0.006, 0.06))


def _pluck(hertz: float, seconds: Times) -> Times:
    """A bar of wood: the fourth partial gives the strike and dies first."""
    body = _wave(hertz, seconds, (1.0, 0.18, 0.06)) * np.exp(-seconds / 0.38)
    strike = _wave(4 * hertz, seconds, (0.35,)) * np.exp(-seconds / 0.05)
    return np.asarray((body + strike) * _swell(seconds, 0.004, 0.1))


def _string(hertz: float, seconds: Times, ring_s: float = 0.5, brightness: float = 1.0) -> Times:
    """A string plucked at a fifth of its length: high partials die first, every fifth is missing."""
    tone = np.zeros_like(seconds)
    for number in range(1, 13):
        if number * hertz < HIGHEST_HZ:
            gain = np.sin(np.pi * number / 5) / number**1.2 * brightness ** (number - 1)
            tone += gain * np.sin(2 * np.pi * number * hertz * seconds) * np.exp(-seconds * (1 + 0.3 * number) / ring_s)
    return np.asarray(tone * _swell(seconds, 0.003, 0.05))


def _harp(hertz: float, seconds: Times) -> Times:
    return _string(hertz, seconds, ring_s=1.6, brightness=0.72)


def _bell(hertz: float, seconds: Times) -> Times:
    """A glockenspiel an octave up: the partials of a metal bar."""
    tone = np.zeros_like(seconds)
    for ratio, gain, ring_s in ((2.0, 1.0, 0.5), (5.52, 0.3, 0.16), (10.8, 0.12, 0.06)):
        if ratio * hertz < HIGHEST_HZ:
            tone += gain * np.sin(2 * np.pi * ratio * hertz * seconds) * np.exp(-seconds / ring_s)
    return np.asarray(tone * _swell(seconds, 0.002, 0.08))


def _electric_piano(hertz: float, seconds: Times) -> Times:
    """A tine and its tone bar: phase modulation that mellows, with a slow tremolo."""
    index = 1.1 * np.exp(-seconds / 0.35)
    phase = 2 * np.pi * hertz * seconds
    tine = 0.12 * np.sin(7 * phase) * np.exp(-seconds / 0.06) if 7 * hertz < HIGHEST_HZ else 0.0
    tremolo = 1 - 0.18 * (1 - np.cos(2 * np.pi * 4.5 * seconds)) / 2
    tone = np.sin(phase + index * np.sin(phase)) + tine
    return np.asarray(tone * tremolo * np.exp(-seconds / 0.9) * _swell(seconds, 0.004, 0.12))


def _strings(hertz: float, seconds: Times) -> Times:
    """Three desks of bowed strings, a little apart in tune."""
    partials = _bowed(hertz, 10, 1.35)
    desks = (_wave(hertz * ratio, seconds, partials) for ratio in (0.9975, 1.0, 1.003))
    return np.asarray(0.45 * sum(desks) * _swell(seconds, 0.25, 0.6))


def _cello(hertz: float, seconds: Times) -> Times:
    tone = _wave(2 * hertz, seconds, _bowed(2 * hertz, 8, 1.3)) + 0.5 * _wave(hertz, seconds, (1.0, 0.3))
    return np.asarray(0.6 * tone * np.exp(-seconds / 1.5) * _swell(seconds, 0.05, 0.2))


def _saw_pluck(hertz: float, seconds: Times) -> Times:
    return _filtered(hertz, seconds, range(1, 15), 0.22)


def _square_pluck(hertz: float, seconds: Times) -> Times:
    return _filtered(hertz, seconds, range(1, 16, 2), 0.14)


def _filtered(hertz: float, seconds: Times, partials: Sequence[int], ring_s: float) -> Times:
    """A synthesizer's pluck: a filter closes over its partials, the highest first."""
    tone = np.zeros_like(seconds)
    for number in partials:
        if number * hertz < HIGHEST_HZ:
            fall = np.exp(-seconds * (1 + 0.35 * number) / (1.35 * ring_s))
            tone += np.sin(2 * np.pi * number * hertz * seconds) / number * fall
    return np.asarray(tone * _swell(seconds, 0.003, 0.04))


def _kick(_: float, seconds: Times) -> Times:
    """A falling sine: 110 Hz at the skin, 46 Hz in the body."""
    phase = 46 * seconds + (110 - 46) / 30 * (1 - np.exp(-30 * seconds))
    return np.asarray(np.sin(2 * np.pi * phase) * np.exp(-seconds / 0.11) * _swell(seconds, 0.002, 0.05))


def _boom(_: float, seconds: Times) -> Times:
    """A large drum in a hall: a falling sine under the sound of its skin."""
    phase = 52 * seconds + (140 - 52) / 22 * (1 - np.exp(-22 * seconds))
    skin = 0.5 * noise(len(seconds), 120, 900) * np.exp(-seconds / 0.05)
    return np.asarray((np.sin(2 * np.pi * phase) * np.exp(-seconds / 0.3) + skin) * _swell(seconds, 0.002, 0.1))


def _snap(_: float, seconds: Times) -> Times:
    return np.asarray(noise(len(seconds), 1200, 4200) * np.exp(-seconds / 0.045) * _swell(seconds, 0.002, 0.05))


def _snare(_: float, seconds: Times) -> Times:
    wires = noise(len(seconds), 900, 5200) * np.exp(-seconds / 0.08)
    return np.asarray(
        (wires + 0.5 * np.sin(2 * np.pi * 190 * seconds) * np.exp(-seconds / 0.06)) * _swell(seconds, 0.002, 0.05)
    )


def _clap(_: float, seconds: Times) -> Times:
    """Several hands: four bursts, 11 ms apart."""
    bursts = sum(np.exp(-(seconds - late) / 0.012) * (seconds >= late) for late in (0.0, 0.011, 0.022))
    tail = np.exp(-(seconds - 0.033) / 0.07) * (seconds >= 0.033)
    return np.asarray(1.2 * noise(len(seconds), 800, 3600) * (0.6 * bursts + tail) * _swell(seconds, 0.001, 0.05))


def _hat(_: float, seconds: Times) -> Times:
    return np.asarray(noise(len(seconds), 6500, 14000) * np.exp(-seconds / 0.06) * _swell(seconds, 0.002, 0.05))


def _tick(_: float, seconds: Times) -> Times:
    return np.asarray(noise(len(seconds), 7500, 15000) * np.exp(-seconds / 0.015) * _swell(seconds, 0.001, 0.05))


def _shaker(_: float, seconds: Times) -> Times:
    return np.asarray(noise(len(seconds), 5500, 11000) * np.exp(-seconds / 0.03) * _swell(seconds, 0.012, 0.05))


INSTRUMENTS: dict[str, Callable[[float, Times], Times]] = {
    "pad": _pad,
    "pad_sharp": lambda hertz, seconds: _pad(hertz * SHARP, seconds),
    "strings": _strings,
    "strings_sharp": lambda hertz, seconds: _strings(hertz * SHARP, seconds),
    "bass": _bass,
    "drive_bass": _drive_bass,
    "cello": _cello,
    "pluck": _pluck,
    "string": _string,
    "harp": _harp,
    "bell": _bell,
    "electric_piano": _electric_piano,
    "saw_pluck": _saw_pluck,
    "square_pluck": _square_pluck,
    "kick": _kick,
    "boom": _boom,
    "snap": _snap,
    "snare": _snare,
    "clap": _clap,
    "hat": _hat,
    "tick": _tick,
    "shaker": _shaker,
}
