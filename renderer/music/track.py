"""Lays a campaign's own track under an ad: from its first beat, repeated on its bars, faded where the ad ends."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from catalog import Music
from renderer.music.instruments import RATE, Samples

BEATS_IN_BAR = 4
LONGEST_FADE_S = 2.0
SEAM_S = 0.003  # in which the last bar passes into the first: no click, and the beat keeps its edge
BLEND_S = 1.5  # in which the end passes into the beginning, where it is not
SHORTEST_S = 4.0  # that can be repeated without a tempo
SILENT = 10 ** (-60 / 20)  # peak below which nothing is heard
EARLY = 0.05  # of a bar that may be missing at the end of a loop: encoders cut and pad


def why_unusable(track: Samples, music: Music) -> str:
    """Say why a track, (num_samples, 2) at 48 kHz, cannot lie under an ad; an empty text where it can."""
    heard = _heard(track, music)
    if not len(heard) or float(np.abs(heard).max()) < SILENT:
        return "is silent" + (f" after {music.first_beat_s:g} s" if music.first_beat_s else "")
    if not music.bpm and len(heard) < SHORTEST_S * RATE:
        return f"has {len(heard) / RATE:.1f} s of sound, and {SHORTEST_S:g} s are needed to repeat it"
    if music.bpm and not _num_bars(heard, music):
        return f"has {len(heard) / RATE:.1f} s of sound from its first beat, and a bar at {music.bpm:g} bpm is longer"
    return ""


def laid_track(track: Samples, music: Music, duration_s: float) -> Samples:
    """Return the bed made of a track, both float32 (num_samples, 2) at 48 kHz.

    With a tempo its first beat is the ad's first moment, and it repeats after its last whole bar; without one its end
    blends into its beginning. It fades out, with a tempo from the last beat on that leaves time for it.
    """
    num_samples = round(duration_s * RATE)
    heard = _heard(track, music)
    bed = heard[:num_samples].copy()
    if len(heard) < num_samples:
        bed = _on_bars(heard, music, num_samples) if music.bpm else _blended(heard, num_samples)
    length = round(min(_fade_s(music, duration_s), duration_s) * RATE)
    bed[num_samples - length :] *= np.cos(np.linspace(0, np.pi / 2, length, dtype=np.float32))[:, None]
    return bed


def _heard(track: Samples, music: Music) -> Samples:
    """The track from its first beat, or without the silence before it where that is unknown, to its last sound."""
    loud = np.flatnonzero(np.abs(track).max(axis=1) >= SILENT)
    if not len(loud):
        return track[:0]
    first = round(music.first_beat_s * RATE) if music.bpm else int(loud[0])
    return track[first : int(loud[-1]) + 1]


def _num_bars(heard: Samples, music: Music) -> int:
    return math.floor(len(heard) / _bar_samples(music) + EARLY)


def _bar_samples(music: Music) -> float:
    return BEATS_IN_BAR * 60 / music.bpm * RATE


def _on_bars(heard: Samples, music: Music, num_samples: int) -> Samples:
    """Begin again on every bar line that follows the last whole bar; the first bar takes over in no time."""
    period = _num_bars(heard, music) * _bar_samples(music)
    seam = round(SEAM_S * RATE)
    bed = np.zeros((num_samples + seam, 2), np.float32)
    for number in range(math.ceil(num_samples / period)):
        first, end = round(number * period), round((number + 1) * period)
        again = heard[: end - first + seam].copy()  # what follows the last bar leads over the seam, if there is any
        again[:seam] *= _rise(min(seam, len(again))) if number else np.float32(1)
        again[-seam:] *= _rise(seam)[::-1]
        place = bed[first : first + len(again)]
        place += again[: len(place)]
    return bed[:num_samples]


def _blended(heard: Samples, num_samples: int) -> Samples:
    """Begin again while it still ends, at the same power."""
    overlap = round(BLEND_S * RATE)
    bed = np.zeros((num_samples, 2), np.float32)
    for number, first in enumerate(range(0, num_samples, len(heard) - overlap)):
        again = heard.copy()
        again[-overlap:] *= np.sqrt(_rise(overlap))[::-1]
        again[:overlap] *= np.sqrt(_rise(overlap)) if number else np.float32(1)
        place = bed[first : first + len(again)]
        place += again[: len(place)]
    return bed


def _rise(length: int) -> NDArray[np.float32]:
    """From 0 to 1, (length, 1)."""
    return np.linspace(0, 1, length, dtype=np.float32)[:, None]


def _fade_s(music: Music, duration_s: float) -> float:
    """How long the end fades: two seconds, or from the last beat on that leaves one or more."""
    if not music.bpm:
        return min(LONGEST_FADE_S, duration_s / 4)
    beat_s = 60 / music.bpm
    last = math.floor((duration_s - 1.0) / beat_s) * beat_s
    return duration_s - max(last, 0.0)
