"""How speech fits its scene: as it is, a little faster, in the campaign's shorter words, or the scene grows."""

from __future__ import annotations

SPEECH_LEAD_S = 0.25  # from the start of a scene to the first sound of its line
SPEECH_TAIL_S = 0.35  # from the last sound to the next scene
MOST_TEMPO = 1.15  # times as fast; more is heard


def room_ms(duration_s: float) -> int:
    """Return how long the line of a scene may be, at least 1 ms."""
    return max(round(1000 * (duration_s - SPEECH_LEAD_S - SPEECH_TAIL_S)), 1)


# Characters a second (grapheme clusters of what is said, numbers in words, with spaces) of each language's embedded
# voice, over six advertising sentences of benchmarks/speech.py, measured 2026-11-23.
SPOKEN_CHARS_PER_S = {
    "en": 17.6,
    "de": 16.6,
    "fr": 20.2,
    "es": 17.4,
    "pt": 16.7,
    "it": 15.6,
    "ja": 5.1,
    "zh": 4.9,
    "hi": 8.2,
    "ar": 9.8,
}
OTHER_CHARS_PER_S = 15.0


def chars_in(duration_s: float, language: str) -> int:
    """Return how many characters of a language can be said in a scene, at most a little faster than usual."""
    rate = SPOKEN_CHARS_PER_S.get(language, OTHER_CHARS_PER_S)
    return int(room_ms(duration_s) / 1000 * rate * MOST_TEMPO)
