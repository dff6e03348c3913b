"""What a video model lets us hear of a take: judged when the take is made, laid under its scene in the ad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly

from renderer.loudness import GATE_LUFS, Samples, at_loudness, integrated_loudness
from renderer.music import RATE

TAKE_LUFS = -27.0  # 6 LU under the bed, which lies at -21
MOST_GAIN_DB = 12.0  # a quiet place stays quiet: more would only lift the model's noise
FULL_SCALE = 0.999
MAX_CLIPPED = 0.01  # share of samples at full scale
REPEAT_FADE_S = 0.25  # in which a repeated sound begins while it still ends


@dataclass(frozen=True)
class TakeSound:
    """What is heard of a take from `start_s` to `end_s` of an ad: float32 (num_samples, 2) at 48 kHz.

    `speed` is that of the picture, 1 as it was made; None where the picture does not play straight: then the sound
    keeps its own speed and repeats. The fades lie inside, are of equal power, and cross with those of the neighbours.
    """

    start_s: float
    end_s: float
    samples: Samples
    speed: float | None
    fade_in_s: float
    fade_out_s: float


def finished(samples: Samples, sample_rate: int, duration_s: float) -> Samples:
    """Return sound of any rate, (num_samples, 1 or 2), as (num_samples, 2) at 48 kHz that lasts `duration_s`."""
    num_samples = round(duration_s * RATE)
    heard = _resampled(samples, Fraction(RATE, sample_rate))[:num_samples]
    stereo = np.broadcast_to(heard, (len(heard), 2))
    return np.pad(stereo, ((0, num_samples - len(stereo)), (0, 0)))


def why_unusable(sound: Samples) -> str:
    """Say why nobody wants to hear a sound at 48 kHz; an empty text where it can be used."""
    if not np.isfinite(sound).all():
        return "it holds numbers that are none"
    clipped = float(np.mean(np.abs(sound) >= FULL_SCALE))
    if clipped > MAX_CLIPPED:
        return f"{100 * clipped:.0f} % of it is clipped"
    if (loudness := integrated_loudness(sound)) < GATE_LUFS:
        return f"it is silent ({loudness:.0f} LUFS)"
    return ""


def laid(takes: Sequence[TakeSound], num_samples: int) -> Samples:
    """Return the sounds in their places, (num_samples, 2) at 48 kHz, at one loudness and faded at both ends."""
    track = np.zeros((num_samples, 2), np.float32)
    for take in takes:
        first = round(take.start_s * RATE)
        length = max(min(round(take.end_s * RATE), num_samples) - first, 0)
        loud = at_loudness(take.samples, TAKE_LUFS, MOST_GAIN_DB)
        played = _repeated(loud, length) if take.speed is None else _slowed(loud, take.speed)
        heard = _faded(played[:length], take.fade_in_s, take.fade_out_s)
        track[first : first + len(heard)] += heard
    return track


def _slowed(samples: Samples, speed: float) -> Samples:
    """Play like a tape: what is seen and what is heard stay together, and the pitch falls as in slow motion."""
    return _resampled(samples, 1 / Fraction(speed).limit_denominator(1000))


def _repeated(samples: Samples, num_samples: int) -> Samples:
    """Play again and again, each time fading into the next."""
    track = np.zeros((num_samples, 2), np.float32)
    overlap = min(round(REPEAT_FADE_S * RATE), len(samples) // 2)
    for first in range(0, num_samples, len(samples) - overlap):
        again = _faded(samples, overlap / RATE if first else 0.0, overlap / RATE)[: num_samples - first]
        track[first : first + len(again)] += again
    return track


def _faded(samples: Samples, fade_in_s: float, fade_out_s: float) -> Samples:
    """Fade in and out with quarters of a sine: two sounds that cross keep their power."""
    places = np.arange(len(samples)) + 0.5
    rise = np.minimum(places / max(fade_in_s * RATE, 1), 1)
    fall = np.minimum(places[::-1] / max(fade_out_s * RATE, 1), 1)
    return np.asarray(samples * (np.sin(np.pi / 2 * rise) * np.sin(np.pi / 2 * fall))[:, None], np.float32)


def _resampled(samples: Samples, ratio: Fraction) -> Samples:
    return np.asarray(resample_poly(samples, ratio.numerator, ratio.denominator, axis=0), np.float32)
