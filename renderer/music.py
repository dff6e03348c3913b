"""Composes and plays the bed under the voice: a score of notes, then oscillators, percussion and a small room.

Royalty-free by construction, the same notes for the same seed, and beats that are known instead of guessed. The bed
ends as music ends: two chords of cadence, then the home chord, which rings out as the ad does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

from catalog import Music

RATE = 48_000  # Hz
MIN_RING_S = 1.5  # the last chord needs this long to sound like an ending
ROOM_S = 1.3  # time in which the room's echo falls by 60 dB
FIRST_ECHO_S = 0.018
WET = 0.22
FADE_S = 0.08
TABLE = 1 << 13  # points of one period; the nearest one is 75 dB precise, far below a bed
Samples = NDArray[np.float32]
Chord = tuple[int, ...]  # semitones above the home note, root first


@dataclass(frozen=True)
class Style:
    """What makes a mood. Places are in beats within a bar of four; gains are amplitudes."""

    progressions: tuple[tuple[Chord, ...], ...]
    cadence: tuple[Chord, Chord]
    home: Chord
    pad: float
    bass: tuple[float, ...]
    kick: tuple[float, ...]
    snap: tuple[float, ...]
    shaker: tuple[float, ...]
    motif_notes: int  # of eight steps in a bar
    pluck: float


I_9, II_7, III_7, IV_9, V_SUS, VI_7 = (
    (0, 4, 7, 14),
    (2, 5, 9, 12),
    (4, 7, 11, 14),
    (5, 9, 12, 19),
    (7, 12, 14),
    (9, 12, 16, 19),
)
I_MAJ7, IV_MAJ7, V = (0, 4, 7, 11), (5, 9, 12, 16), (7, 11, 14)
STYLES = {
    "bright": Style(
        progressions=((I_9, V, VI_7, IV_9), (I_9, IV_9, VI_7, V), (I_9, III_7, IV_9, V_SUS)),
        cadence=(IV_9, V),
        home=I_9,
        pad=0.5,
        bass=(0.0, 1.5, 2.0, 3.5),
        kick=(0.0, 2.0),
        snap=(1.0, 3.0),
        shaker=(0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5),
        motif_notes=5,
        pluck=0.55,
    ),
    "calm": Style(
        progressions=((I_MAJ7, VI_7, IV_MAJ7, IV_9), (I_MAJ7, IV_MAJ7, II_7, V_SUS), (VI_7, IV_MAJ7, I_MAJ7, V_SUS)),
        cadence=(II_7, V_SUS),
        home=I_MAJ7,
        pad=0.9,
        bass=(0.0, 2.0),
        kick=(),
        snap=(),
        shaker=(1.0, 3.0),
        motif_notes=3,
        pluck=0.4,
    ),
}


class Note(NamedTuple):
    """One event of the score. Pitch is a MIDI number, pan goes from -1 (left) to 1."""

    instrument: str
    start_s: float
    duration_s: float
    pitch: int
    gain: float
    pan: float = 0.0


def beats(music: Music, duration_s: float) -> tuple[float, ...]:
    """Return the times in s of all beats up to and with the last chord; cuts that fall on them feel right."""
    return tuple(beat * 60 / music.bpm for beat in range(_num_beats(music, duration_s) + 1))


@lru_cache(maxsize=8)
def synthesize_bed(music: Music, duration_s: float) -> Samples:
    """Return the bed: float32 (num_samples, 2) at 48 kHz, peaks at 0.5, read-only; zeros for the mood `none`."""
    bed = np.zeros((round(duration_s * RATE), 2), np.float32)
    if music.mood != "none":
        for note in _score(music, duration_s):
            _play(note, bed)
        bed = _in_room(bed, music.seed)
        bed[-round(FADE_S * RATE) :] *= np.linspace(1, 0, len(bed[-round(FADE_S * RATE) :]), dtype=np.float32)[:, None]
        bed *= 0.5 / max(float(np.abs(bed).max(initial=0)), 1e-9)
    bed.flags.writeable = False  # it is shared by everybody who asks for the same bed
    return bed


def _num_beats(music: Music, duration_s: float) -> int:
    """Beats before the last chord: an even number, so that it falls on a strong beat and rings for a while."""
    return max(0, int((duration_s - MIN_RING_S) * music.bpm / 60) // 2 * 2)


def _score(music: Music, duration_s: float) -> Iterator[Note]:
    style, random = STYLES[music.mood], np.random.default_rng(music.seed)
    beat_s, home = 60 / music.bpm, 48 + int(random.integers(-3, 5))
    motif = _motif(style, random)
    for first, length, chord in _harmony(style, random, _num_beats(music, duration_s)):
        yield from _pads(chord, home, first * beat_s, length * beat_s, style.pad)
        ladder = sorted(_near(home + step, 70) for step in chord)
        for place, step in motif:
            if place < length:
                pitch = ladder[step % len(ladder)] + 12 * (step // len(ladder))
                yield Note("pluck", (first + place) * beat_s, 1.2, pitch, style.pluck, 0.5 if step % 2 else -0.5)
        for place in style.bass:
            if place < length:
                yield Note("bass", (first + place) * beat_s, 0.9 * beat_s, _near(home + chord[0], 40), 0.42)
        yield from _percussion(style, first, length, beat_s)
    yield from _ending(style, home, _num_beats(music, duration_s) * beat_s, duration_s)


def _harmony(style: Style, random: np.random.Generator, num_beats: int) -> Iterator[tuple[int, int, Chord]]:
    """Yield first beat, length and chord: bars of four, the last four (or two) beats lead home."""
    progression = style.progressions[int(random.integers(len(style.progressions)))]
    lead = min(num_beats, 2 if num_beats % 4 else 4)
    for first in range(0, num_beats - lead, 4):
        yield first, 4, progression[first // 4 % len(progression)]
    for first in range(num_beats - lead, num_beats, 2):
        yield first, 2, style.cadence[1 if first == num_beats - 2 else 0]


def _motif(style: Style, random: np.random.Generator) -> list[tuple[float, int]]:
    """A figure of eighth notes that every bar repeats: place in the bar, step on the chord. It starts on the one."""
    places = [0, *sorted(1 + random.choice(7, style.motif_notes - 1, replace=False))]
    steps = np.abs(np.cumsum(random.choice([-1, 1, 2], len(places)))) % 5
    return [(place / 2, int(step)) for place, step in zip(places, steps, strict=True)]


def _pads(chord: Chord, home: int, start_s: float, duration_s: float, gain: float) -> Iterator[Note]:
    for number, step in enumerate(chord):
        for pan, detune in ((-0.7, "pad"), (0.7, "pad_sharp")):
            yield Note(detune, start_s, duration_s + 0.35, _near(home + step, 62 + number), gain * 0.16, pan)


def _percussion(style: Style, first: int, length: int, beat_s: float) -> Iterator[Note]:
    hits = [("kick", style.kick, 0.75, 0.0), ("snap", style.snap, 0.6, 0.15), ("shaker", style.shaker, 0.25, -0.3)]
    for instrument, places, gain, pan in hits:
        for place in (place for place in places if place < length):
            accent = 1.0 if place % 1 == 0 else 0.6
            yield Note(instrument, (first + place) * beat_s, 0.4, 0, gain * accent, pan)


def _ending(style: Style, home: int, start_s: float, duration_s: float) -> Iterator[Note]:
    """The home chord, strummed upwards, left to ring."""
    ring_s = duration_s - start_s
    yield from _pads(style.home, home, start_s, ring_s, style.pad)
    yield Note("bass", start_s, ring_s, _near(home, 40), 0.5)
    if style.kick:
        yield Note("kick", start_s, 0.4, 0, 0.75)
    for number, step in enumerate((*style.home, 12)):
        pitch = _near(home + step, 70 + 2 * number)
        yield Note("pluck", start_s + 0.05 * number, 2.5, pitch, 1.1 * style.pluck, (-0.5, 0.5)[number % 2])


def _near(pitch: int, centre: int) -> int:
    """The same note in the octave that lies around `centre`: voices move by small steps."""
    return centre - 6 + (pitch - centre + 6) % 12


def _play(note: Note, bed: Samples) -> None:
    first = round(note.start_s * RATE)
    sound = _sound(note.instrument, note.pitch, round(min(note.duration_s, 8.0) * RATE))[: max(0, len(bed) - first)]
    left, right = np.cos((note.pan + 1) * np.pi / 4), np.sin((note.pan + 1) * np.pi / 4)
    bed[first : first + len(sound), 0] += np.float32(left * note.gain) * sound
    bed[first : first + len(sound), 1] += np.float32(right * note.gain) * sound


@lru_cache(maxsize=128)
def _sound(instrument: str, pitch: int, num_samples: int) -> Samples:
    return INSTRUMENTS[instrument](440 * 2 ** ((pitch - 69) / 12), np.arange(num_samples) / RATE).astype(np.float32)


def _wave(hertz: float, seconds: NDArray[np.float64], partials: tuple[float, ...]) -> NDArray[np.float64]:
    """A tone with the given amplitudes of its partials, read from one period."""
    angle = 2 * np.pi * np.arange(TABLE) / TABLE
    period = sum(gain * np.sin((number + 1) * angle) for number, gain in enumerate(partials))
    places = (seconds * (hertz * TABLE)).astype(np.int64) & (TABLE - 1)
    return np.asarray(np.asarray(period)[places], np.float64)


def _swell(seconds: NDArray[np.float64], attack_s: float, release_s: float) -> NDArray[np.float64]:
    edges = np.minimum(seconds / attack_s, (seconds[-1] - seconds) / release_s)
    return np.asarray(np.sin(np.pi / 2 * np.clip(edges, 0, 1)) ** 2)


def _pad(hertz: float, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    partials = (1.0, 0.42, 0.22, 0.1, 0.05, 0.03)
    return np.asarray(_wave(hertz, seconds, partials) * _swell(seconds, 0.18, 0.5))


def _bass(hertz: float, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(_wave(hertz, seconds, (1.0, 0.35, 0.08)) * np.exp(-seconds / 0.8) * _swell(seconds, 0.012, 0.08))


def _pluck(hertz: float, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """A bar of wood: the fourth partial gives the strike and dies first."""
    body = _wave(hertz, seconds, (1.0, 0.18, 0.06)) * np.exp(-seconds / 0.38)
    strike = _wave(4 * hertz, seconds, (0.35,)) * np.exp(-seconds / 0.05)
    return np.asarray((body + strike) * _swell(seconds, 0.004, 0.1))


def _kick(_: float, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """A falling sine: 110 Hz at the skin, 46 Hz in the body."""
    phase = 46 * seconds + (110 - 46) / 30 * (1 - np.exp(-30 * seconds))
    return np.asarray(np.sin(2 * np.pi * phase) * np.exp(-seconds / 0.11) * _swell(seconds, 0.002, 0.05))


def _snap(_: float, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(_noise(len(seconds), 1200, 4200) * np.exp(-seconds / 0.045) * _swell(seconds, 0.002, 0.05))


def _shaker(_: float, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(_noise(len(seconds), 5500, 11000) * np.exp(-seconds / 0.03) * _swell(seconds, 0.012, 0.05))


def _noise(num_samples: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    white = np.random.default_rng(0).standard_normal(num_samples)
    return np.asarray(sosfilt(butter(2, (low_hz, high_hz), "bandpass", fs=RATE, output="sos"), white))


INSTRUMENTS: dict[str, Callable[[float, NDArray[np.float64]], NDArray[np.float64]]] = {
    "pad": _pad,
    "pad_sharp": lambda hertz, seconds: _pad(hertz * 1.0035, seconds),  # 6 cents: two players, not one
    "bass": _bass,
    "pluck": _pluck,
    "kick": _kick,
    "snap": _snap,
    "shaker": _shaker,
}


def _in_room(dry: Samples, seed: int) -> Samples:
    """Add the echo of a small room: noise that fades, darker than the sound itself, other on each side."""
    seconds = np.arange(round(ROOM_S * RATE)) / RATE
    echo = np.random.default_rng(seed).standard_normal((len(seconds), 2)) * np.exp(-6.9 * seconds / ROOM_S)[:, None]
    echo = sosfilt(butter(2, (250, 5000), "bandpass", fs=RATE, output="sos"), echo, axis=0)
    echo = np.pad(echo / np.sqrt((echo**2).sum(axis=0)), ((round(FIRST_ECHO_S * RATE), 0), (0, 0)))
    wet = fftconvolve(dry, echo.astype(np.float32), axes=0)[: len(dry)]
    return np.asarray(dry + WET * wet, np.float32)
