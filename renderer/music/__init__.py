"""Composes and plays the bed under the voice: a score of notes, then oscillators, percussion and a small room.

Royalty-free by construction, the same notes for the same seed, and beats that are known instead of guessed. The bed
ends as music ends: two chords of cadence, then the home chord, which rings out as the ad does. A campaign's own track
is laid over the ad by its bars instead, see `laid_track`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from catalog import Music
from renderer.music.instruments import RATE, Samples, noise, sound
from renderer.music.moods import MOODS, Chord, Mood
from renderer.music.track import laid_track, why_unusable

__all__ = ["MOODS", "RATE", "Samples", "beats", "laid_track", "synthesize_bed", "why_unusable"]

MIN_RING_S = 1.5  # the last chord needs this long to sound like an ending
FIRST_ECHO_S = 0.018
QUIETEST = 0.4  # where a bed that grows begins
WOW_S, WOW_HZ = 0.0009, 0.7  # how far, and how often, a cassette runs early and late
TAPE_HZ = (60, 6500)  # what is left on it
HISS = 0.004


class Note(NamedTuple):
    """One event of the score. Pitch is a MIDI number, pan goes from -1 (left) to 1."""

    instrument: str
    start_s: float
    duration_s: float
    pitch: int
    gain: float
    pan: float = 0.0


def beats(music: Music, duration_s: float) -> tuple[float, ...]:
    """Return the times in s of all beats up to and with the last chord; cuts that fall on them feel right.

    There are none where nobody said how fast a campaign's own track is.
    """
    if not music.bpm:
        return ()
    return tuple(beat * 60 / music.bpm for beat in range(_num_beats(music, duration_s) + 1))


@lru_cache(maxsize=8)
def synthesize_bed(music: Music, duration_s: float) -> Samples:
    """Return the bed: float32 (num_samples, 2) at 48 kHz, peaks at 0.5, read-only; zeros for the mood `none`."""
    bed = np.zeros((round(duration_s * RATE), 2), np.float32)
    if music.mood != "none":
        mood = MOODS[music.mood]
        for note in _score(music, mood, duration_s):
            _play(note, bed)
        if mood.tape:
            bed = _from_tape(bed)
        bed = _in_room(bed, music.seed, mood)
        end = bed[-round(mood.fade_s * RATE) :]
        end *= np.linspace(1, 0, len(end), dtype=np.float32)[:, None]
        bed *= 0.5 / max(float(np.abs(bed).max(initial=0)), 1e-9)
    bed.flags.writeable = False  # it is shared by everybody who asks for the same bed
    return bed


def _num_beats(music: Music, duration_s: float) -> int:
    """Beats before the last chord: an even number, so that it falls on a strong beat and rings for a while."""
    return max(0, int((duration_s - MIN_RING_S) * music.bpm / 60) // 2 * 2)


def _score(music: Music, mood: Mood, duration_s: float) -> Iterator[Note]:
    random, num_beats = np.random.default_rng(music.seed), _num_beats(music, duration_s)
    beat_s, home = 60 / music.bpm, 48 + int(random.integers(-3, 5))
    motif = _motif(mood, random)
    for first, length, chord in _harmony(mood, random, num_beats):
        growth = QUIETEST + (1 - QUIETEST) * first / num_beats if mood.grows else 1.0
        for note in _bar(mood, motif, home, chord, first, length, num_beats, beat_s):
            yield note._replace(gain=note.gain * growth)
    yield from _ending(mood, home, num_beats * beat_s, duration_s)


def _bar(
    mood: Mood,
    motif: list[tuple[float, int]],
    home: int,
    chord: Chord,
    first: int,
    length: int,
    num_beats: int,
    beat_s: float,
) -> Iterator[Note]:
    """One bar, or half of one: `first` and `length` in beats of the whole bed."""

    def at(place: float) -> float:
        return (first + place + mood.swing * (place % 1 == 0.5)) * beat_s

    yield from _pads(mood, chord, home, first * beat_s, length * beat_s)
    ladder = sorted(_near(home + step, 70) for step in chord)
    for place, step in motif:
        if place < length:
            pitch = ladder[step % len(ladder)] + 12 * (step // len(ladder))
            yield Note(mood.lead, at(place), mood.lead_s, pitch, mood.lead_gain, 0.5 if step % 2 else -0.5)
    for place in mood.bass:
        if place < length:
            yield Note(mood.bass_sound, at(place), 0.9 * beat_s, _near(home + chord[0], 40), 0.42)
    for drum in mood.drums:
        for place in drum.places:
            if place < length and first >= drum.since * num_beats:
                accent = 1.0 if place % 1 == 0 else 0.6
                length_s = 1.2 if drum.instrument == "boom" else 0.4
                yield Note(drum.instrument, at(place), length_s, 0, drum.gain * accent, drum.pan)
    for number, place in enumerate(place for place in mood.strums if place < length):
        yield from _strum(mood, chord, home, at(place), 1.1 * beat_s, upwards=number % 2 == 0)


def _strum(mood: Mood, chord: Chord, home: int, start_s: float, duration_s: float, *, upwards: bool) -> Iterator[Note]:
    """The notes of a chord, one shortly after the other."""
    pitches = sorted(_near(home + step, 63) for step in chord)
    for number, pitch in enumerate(pitches if upwards else pitches[::-1]):
        pan = 0.35 * (-1 if number % 2 else 1)
        yield Note(mood.strum_sound, start_s + 0.014 * number, duration_s, pitch, mood.strum_gain, pan)


def _harmony(mood: Mood, random: np.random.Generator, num_beats: int) -> Iterator[tuple[int, int, Chord]]:
    """Yield first beat, length and chord: bars of four, the last four (or two) beats lead home."""
    progression = mood.progressions[int(random.integers(len(mood.progressions)))]
    lead = min(num_beats, 2 if num_beats % 4 else 4)
    for first in range(0, num_beats - lead, 4):
        yield first, 4, progression[first // 4 % len(progression)]
    for first in range(num_beats - lead, num_beats, 2):
        yield first, 2, mood.cadence[1 if first == num_beats - 2 else 0]


def _motif(mood: Mood, random: np.random.Generator) -> list[tuple[float, int]]:
    """A figure that every bar repeats: place in the bar, step on the chord. It starts on the one."""
    places = [0, *sorted(1 + random.choice(mood.steps - 1, mood.lead_notes - 1, replace=False))]
    steps = np.abs(np.cumsum(random.choice([-1, 1, 2], len(places)))) % 5
    return [(place * 4 / mood.steps, int(step)) for place, step in zip(places, steps, strict=True)]


def _pads(mood: Mood, chord: Chord, home: int, start_s: float, duration_s: float) -> Iterator[Note]:
    if mood.pad_gain:
        for number, step in enumerate(chord):
            for pan, instrument in zip((-0.7, 0.7), mood.pad, strict=True):
                pitch = _near(home + step, 62 + number)
                yield Note(instrument, start_s, duration_s + 0.35, pitch, mood.pad_gain * 0.16, pan)


def _ending(mood: Mood, home: int, start_s: float, duration_s: float) -> Iterator[Note]:
    """The home chord, strummed upwards, left to ring."""
    ring_s = duration_s - start_s
    yield from _pads(mood, mood.home, home, start_s, ring_s)
    yield Note(mood.bass_sound, start_s, ring_s, _near(home, 40), 0.5)
    if mood.last_hit:
        yield Note(mood.last_hit, start_s, 1.2 if mood.last_hit == "boom" else 0.4, 0, 0.75)
    for number, step in enumerate((*mood.home, 12)):
        pitch = _near(home + step, 70 + 2 * number)
        yield Note(mood.lead, start_s + 0.05 * number, 2.5, pitch, 1.1 * mood.lead_gain, (-0.5, 0.5)[number % 2])
    if mood.strums:
        yield from _strum(mood, mood.home, home, start_s, 2.5, upwards=True)


def _near(pitch: int, centre: int) -> int:
    """The same note in the octave that lies around `centre`: voices move by small steps."""
    return centre - 6 + (pitch - centre + 6) % 12


def _play(note: Note, bed: Samples) -> None:
    first = round(note.start_s * RATE)
    played = sound(note.instrument, note.pitch, round(min(note.duration_s, 8.0) * RATE))[: max(0, len(bed) - first)]
    left, right = np.cos((note.pan + 1) * np.pi / 4), np.sin((note.pan + 1) * np.pi / 4)
    bed[first : first + len(played), 0] += np.float32(left * note.gain) * played
    bed[first : first + len(played), 1] += np.float32(right * note.gain) * played


def _from_tape(bed: Samples) -> Samples:
    """Play from an old cassette: speed that wavers, dull highs, a little hiss."""
    places = np.arange(len(bed), dtype=np.float64)
    late = WOW_S * RATE * (1 - np.cos(2 * np.pi * WOW_HZ * places / RATE)) / 2
    wavering = np.stack([np.interp(places - late, places, side) for side in bed.T], axis=1)
    dull = sosfilt(butter(2, TAPE_HZ, "bandpass", fs=RATE, output="sos"), wavering, axis=0)
    hiss = HISS * float(np.abs(bed).max(initial=0)) * noise(len(bed), 1500, 6000)
    return np.asarray(dull + hiss[:, None], np.float32)


def _in_room(dry: Samples, seed: int, mood: Mood) -> Samples:
    """Add the echo of a room: noise that fades, darker than the sound itself, other on each side."""
    seconds = np.arange(round(mood.room_s * RATE)) / RATE
    echo = (
        np.random.default_rng(seed).standard_normal((len(seconds), 2)) * np.exp(-6.9 * seconds / mood.room_s)[:, None]
    )
    echo = sosfilt(butter(2, (250, 5000), "bandpass", fs=RATE, output="sos"), echo, axis=0)
    echo = np.pad(echo / np.sqrt((echo**2).sum(axis=0)), ((round(FIRST_ECHO_S * RATE), 0), (0, 0)))
    wet = fftconvolve(dry, echo.astype(np.float32), axes=0)[: len(dry)]
    return np.asarray(dry + mood.wet * wet, np.float32)
