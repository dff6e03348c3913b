"""The small voice of six European languages: SVOX Pico through py-nanotts (Apache-2.0), 16 kHz, 200 times real time."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np

from catalog.spoken import words_of
from renderer.artifacts import Line
from renderer.backends import Recording
from renderer.backends.alignment import timed_by_ear
from renderer.backends.word_times import require_script, require_speakable
from renderer.errors import BackendError

SAMPLE_RATE = 16_000
VOLUME = 0.5  # at its own volume 1.2 % of the samples clip
LETTERS = ("LATIN",)


class Pico:
    """The Voice protocol over Pico; the variant is its language, such as `de-DE`."""

    def __init__(self, variant: str) -> None:
        try:
            from py_nanotts import NanoTTS
        except ImportError as error:
            raise BackendError(
                f"voice pico:{variant}: py-nanotts is not installed. Install it: pip install 'adloom[speech]'."
            ) from error
        self.variant = variant
        self.engine: Any = NanoTTS()

    def speak(self, line: Line) -> Recording:
        """See `Voice.speak`. Pico tells no times."""
        words = words_of(line.text, line.locale.split("-")[0])
        require_speakable(line, words)
        require_script(line, words, LETTERS)
        text = unicodedata.normalize("NFC", " ".join(word.spoken for word in words))
        pcm16 = self.engine.speak(text, voice=self.variant, volume=VOLUME)
        samples = np.frombuffer(pcm16, np.int16).astype(np.float32) * np.float32(2**-15)
        return timed_by_ear(line, words, samples, SAMPLE_RATE)
