"""When each word of a recording is heard, for engines that tell much, little or nothing about it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from catalog.spoken import SpokenWord, is_mute, shown_text
from renderer.artifacts import Line, Word
from renderer.errors import BackendError

FRAME_S = 0.01
SILENCE_DB = -40.0  # below the loudest frame
PAUSE_S = 0.12  # shorter gaps are stops inside words: p, t, k
CLAUSE_ENDS = frozenset(".,;:!?…。、，！？；：،؛؟।")


def require_speakable(line: Line, words: Sequence[SpokenWord]) -> None:
    """Refuse a line that holds nothing a voice could say.

    Raises:
        BackendError: there is no letter, digit or named symbol in it.
    """
    if all(is_mute(word.spoken) for word in words):
        raise BackendError(
            f"line {shown_text(line.text)[:60]!r} ({line.locale}): there is nothing to say. "
            "Leave the narration empty or write words."
        )


def require_script(line: Line, words: Sequence[SpokenWord], scripts: Sequence[str]) -> None:
    """Refuse a line whose letters are of a script this voice does not know; `scripts` as in Unicode names: `LATIN`.

    Raises:
        BackendError: names the first such word.
    """
    for word in words:
        for char in word.spoken:
            if char.isalpha() and not unicodedata.name(char, "").startswith(tuple(scripts)):
                raise BackendError(
                    f"line {shown_text(line.text)[:60]!r}: {line.voice} cannot read {word.spoken!r}. "
                    f"It knows {' and '.join(script.capitalize() for script in scripts)} letters: annotate how to say "
                    f"it, or choose a voice for {line.locale}."
                )


def from_spans(words: Sequence[SpokenWord], spans: Sequence[tuple[float, float] | None]) -> tuple[Word, ...]:
    """Return words at their spans in s; a word without one (the `a` that melted into `of`) shares its neighbour's."""
    filled = list(spans)
    for index, span in enumerate(filled):
        if span is None and index and (before := filled[index - 1]) is not None:
            middle = (before[0] + before[1]) / 2
            filled[index - 1], filled[index] = (before[0], middle), (middle, before[1])
    for index in range(len(filled) - 2, -1, -1):
        after = filled[index + 1]
        if filled[index] is None and after is not None:
            middle = (after[0] + after[1]) / 2
            filled[index], filled[index + 1] = (after[0], middle), (middle, after[1])
    timed, now = [], 0
    for word, span in zip(words, filled, strict=True):
        start, end = span or (now / 1000, now / 1000)
        start_ms = max(round(1000 * start), now)
        now = max(round(1000 * end), start_ms)
        timed.append(Word(text=word.shown, start_ms=start_ms, end_ms=now))
    return tuple(timed)


def from_starts(
    words: Sequence[SpokenWord], starts: Sequence[float | None], samples: NDArray[np.float32], sample_rate: int
) -> tuple[Word, ...]:
    """Return words from their start times in s: each ends where the next starts, or where sound stops before that."""
    active = speech_runs(samples, sample_rate)
    end_of_all = active[-1][1] if active else len(samples) / sample_rate
    spans: list[tuple[float, float] | None] = []
    for index, start in enumerate(starts):
        if start is None:
            spans.append(None)
            continue
        following = next((later for later in starts[index + 1 :] if later is not None), end_of_all)
        heard = [min(end, following) for begin, end in active if begin < following and end > start]
        spans.append((start, max(heard, default=following)))
    return from_spans(words, spans)


def from_letters(words: Sequence[SpokenWord], samples: NDArray[np.float32], sample_rate: int) -> tuple[Word, ...]:
    """Return words timed by their letters inside the stretches of sound.

    Where there are as many pauses as clause ends, each clause gets its own stretch (49 ms mean error on English);
    else the letters share the whole recording (88 ms).
    """
    runs = speech_runs(samples, sample_rate) or [(0.0, len(samples) / sample_rate)]
    clauses = _clauses(words)
    if len(clauses) != len(runs):
        clauses, runs = [list(range(len(words)))], [(runs[0][0], runs[-1][1])]
    spans: list[tuple[float, float] | None] = [None] * len(words)
    for clause, (start, end) in zip(clauses, runs, strict=True):
        weights = [sum(char.isalnum() for char in words[index].spoken) + 1 for index in clause]
        edges = start + (end - start) * np.cumsum([0, *weights]) / sum(weights)
        for place, index in enumerate(clause):
            spans[index] = float(edges[place]), float(edges[place + 1])
    return from_spans(words, spans)


def speech_runs(samples: NDArray[np.float32], sample_rate: int) -> list[tuple[float, float]]:
    """Return (start, end) in s of each stretch of sound; pauses of less than PAUSE_S do not end one."""
    hop = int(FRAME_S * sample_rate)
    if len(samples) < hop:
        return []
    frames = samples[: len(samples) // hop * hop].reshape(-1, hop)
    level = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))
    if level.max() == 0:
        return []
    loud = np.flatnonzero(level > level.max() * 10 ** (SILENCE_DB / 20))
    splits = np.flatnonzero(np.diff(loud) > PAUSE_S / FRAME_S) + 1
    return [(float(run[0] * FRAME_S), float((run[-1] + 1) * FRAME_S)) for run in np.split(loud, splits)]


def _clauses(words: Sequence[SpokenWord]) -> list[list[int]]:
    clauses: list[list[int]] = [[]]
    for index, word in enumerate(words):
        clauses[-1].append(index)
        if word.spoken[-1:] in CLAUSE_ENDS:
            clauses.append([])
    return [clause for clause in clauses if clause]
