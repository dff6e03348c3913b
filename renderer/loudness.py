"""Measures how loud sound is to people, and brings it to a loudness: ITU-R BS.1770-4, in LUFS."""

from __future__ import annotations

import numpy as np
import pyloudnorm
from numpy.typing import NDArray

from renderer.music import RATE

Samples = NDArray[np.float32]
GATE_LUFS = -70.0  # absolute gate of BS.1770: what is quieter counts as silence
BLOCK_S = 0.4  # BS.1770 measures blocks of this length


def integrated_loudness(sound: Samples) -> float:
    """Return the integrated loudness of sound at 48 kHz, (num_samples,) or (num_samples, channels); silence is -inf.

    Sound shorter than one block is measured with silence around it.
    """
    missing = max(0, round(BLOCK_S * RATE) + 1 - len(sound))
    padded = np.pad(sound, ((0, missing), *((0, 0),) * (sound.ndim - 1)))
    if not padded.any():
        return -np.inf
    return float(pyloudnorm.Meter(RATE).integrated_loudness(padded))


def at_loudness(sound: Samples, lufs: float, most_gain_db: float = np.inf) -> Samples:
    """Return the sound at a loudness, or `most_gain_db` louder if that is less; silence stays as it is."""
    measured = integrated_loudness(sound)
    if measured < GATE_LUFS:
        return sound
    return np.asarray(sound * 10 ** (min(lufs - measured, most_gain_db) / 20), np.float32)
