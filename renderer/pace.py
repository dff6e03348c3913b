"""How speech fits its scene: as it is, a little faster, in the campaign's shorter words, or the scene grows."""

from __future__ import annotations

SPEECH_LEAD_S = 0.25  # from the start of a scene to the first sound of its line
SPEECH_TAIL_S = 0.35  # from the last sound to the next scene
MOST_TEMPO = 1.15  # times as fast; more is heard


def room_ms(duration_s: float) -> int:
    """Return how long the line of a scene may be, at least 1 ms."""
    return max(round(1000 * (duration_s - SPEECH_LEAD_S - SPEECH_TAIL_S)), 1)
