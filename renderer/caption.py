"""Turns speech into cues that a viewer can read: whole phrases, balanced lines, time enough.

What is enough says the language (catalog/data/captions.yaml); how much a line holds says the captions' own type.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from catalog import CaptionRules
from catalog.spoken import shown_text
from renderer.artifacts import CaptionJob, Cue, CueSheet, Line, Speech, Word
from renderer.cue_lines import Piece, Ruler, best_lines, ends_clause, ends_sentence, pieces_of, text_of
from renderer.engine import Engine, Outcome
from renderer.errors import StoreError
from renderer.picture.captions import caption_ruler
from renderer.picture.typography import Typesetter
from renderer.store import Store

EARLY_MS = 60  # text that comes a little before its sound is felt as in time
LATE_MS = 100  # and as much later is not felt either: three frames (Netflix, 7: timing to audio)
PAUSE_MS = 400  # a speaker's pause of that length ends a thought

# What a cut between two cues costs; only the order of the numbers matters.
CUT = 20
CUT_INSIDE_CLAUSE, CUT_AT_CLAUSE = 60, 12
RUN_OVER_SENTENCE, RUN_OVER_PAUSE, BEGIN_SENTENCE = 25, 15, 45
LONELY_WORD = 45
TOO_SHORT = 40
TOO_FAST = 60  # for a cue that is read at twice the speed of its language
PARTED = 10_000  # a number and its unit, or a name, in two cues


@dataclass(frozen=True)
class Desk:
    """What one worker captions with."""

    store: Store
    typesetter: Typesetter


def caption(
    jobs: Iterable[CaptionJob], store: Store, engine: Engine, font_folders: Sequence[Path] = ()
) -> Iterator[Outcome[CaptionJob, CueSheet]]:
    """Write the cues of every job that has none yet."""
    waiting: dict[str, CaptionJob] = {}
    for job in jobs:
        if job.key in waiting:
            continue
        if (sheet := store.get_record(record_key(job), CueSheet)) is not None:
            yield Outcome(job, sheet, None, False, 0.0)
        else:
            waiting[job.key] = job
    if waiting:
        yield from engine.map(_caption_into, waiting.values(), partial(_set_up, store, tuple(font_folders)))


def caption_line(job: CaptionJob, store: Store, typesetter: Typesetter) -> CueSheet:
    """Write the cues of one line that has been spoken.

    Raises:
        StoreError: the line has no recording yet.
    """
    speech = store.get_record(f"speech/{job.line.key}.json", Speech)
    if speech is None:
        raise StoreError(f"{store.url(f'speech/{job.line.key}.json')}: the line has no recording. Run narrate first.")
    ruler = caption_ruler(typesetter, job.locale, job.format)
    cues = caption_speech(job.line, speech, ruler, job.format.frame_rate, job.names)
    sheet = CueSheet(key=job.key, cues=cues)
    store.put_record(record_key(job), sheet)
    return sheet


def record_key(job: CaptionJob) -> str:
    """Return where the cues of a job lie in the store."""
    return f"cues/{job.key}.json"


def caption_speech(
    line: Line, speech: Speech, ruler: Ruler, frame_rate: int, names: Sequence[str] = ()
) -> tuple[Cue, ...]:
    """Return the cues of a recording; times in ms from its start.

    A cue has at most `max_lines` lines of at most `max_chars_per_line` characters, no wider than the ruler allows.
    Annotated stretches and words stay whole unless a line cannot hold one alone; numbers stay with their units and
    the words of a name together, unless that leaves no way to break.
    """
    pieces = pieces_of(shown_text(speech.text or line.text), speech.words, ruler, names)
    spoken = [pieces[first:last] for first, last in _cuts(pieces, ruler)]
    spans = [(cue[0].word.start_ms, cue[-1].word.end_ms) for cue in spoken]
    times = timed(spans, [reading_ms(text_of(cue), ruler) for cue in spoken], ruler.rules, frame_rate)
    return tuple(
        Cue(
            start_ms=start,
            end_ms=end,
            lines=best_lines(cue, ruler) or (),
            words=_inside(cue, start, end) if speech.object else (),
        )
        for cue, (start, end) in zip(spoken, times, strict=True)
    )


def reading_ms(text: str, ruler: Ruler) -> float:
    """Return how long a viewer of this language needs to read a text."""
    return 1000 * ruler.count(text) / ruler.rules.max_chars_per_s


def timed(
    spans: Sequence[tuple[int, int]], needed_ms: Sequence[float], rules: CaptionRules, frame_rate: int
) -> list[tuple[int, int]]:
    """Return when each cue is shown, given when it is spoken and how long it takes to read, all in ms.

    Early, long enough where there is room, with the least gap or one that does not flicker, and never two at once.
    """
    gap = math.ceil(1000 * rules.min_gap_frames / frame_rate)
    starts = _starts([start for start, _ in spans], math.ceil(1000 / frame_rate))
    wanted = [max(1000 * rules.min_duration_s, needed) for needed in needed_ms]
    shown: list[tuple[int, int]] = []
    for index, (_, spoken_end) in enumerate(spans):
        start = starts[index]
        end = max(spoken_end + 1000 * rules.linger_s, start + 1000 * rules.min_duration_s)
        end = max(end, min(start + wanted[index], spoken_end + 1000 * rules.hang_s))
        end = min(math.ceil(end), start + round(1000 * rules.max_duration_s))
        if index + 1 < len(spans):
            spare = _latest_start(index + 1, spans, starts, wanted, rules) - starts[index + 1]
            missing = math.ceil(start + wanted[index]) + gap - starts[index + 1]
            starts[index + 1] += max(min(missing, spare), 0)
            latest = starts[index + 1] - gap
            latest = latest if latest > start else starts[index + 1]  # no time for a gap
            closes = latest - end < 1000 * rules.close_gap_s and latest - start <= 1000 * rules.max_duration_s
            end = latest if closes else min(end, latest)
        shown.append((start, end))
    return shown


def _latest_start(
    index: int, spans: Sequence[tuple[int, int]], starts: Sequence[int], wanted: Sequence[float], rules: CaptionRules
) -> int:
    """How late a cue may begin for the sake of the one before it: a little, and with time enough for itself."""
    last = index + 1 == len(spans)
    until = spans[index][1] + 1000 * rules.linger_s if last else starts[index + 1]
    return min(spans[index][0] + LATE_MS, math.floor(until - wanted[index]))


def _starts(spoken: Sequence[int], frame_ms: int) -> list[int]:
    """When cues begin: a little early, and each at least a frame after the one before it."""
    starts: list[int] = []
    for start in spoken:
        starts.append(max(start - EARLY_MS, starts[-1] + frame_ms if starts else 0))
    return starts


@dataclass(frozen=True)
class _Way:
    """The cheapest cues up to some piece: their cost, and where the last of them starts."""

    cost: float
    start: int


def _cuts(pieces: Sequence[Piece], ruler: Ruler) -> list[tuple[int, int]]:
    """Return (first, last) of each cue: the cheapest way to cut, found from the front (Knuth and Plass, 1981)."""
    ways = [_Way(0.0, 0)]
    longest_ms = 1000 * ruler.rules.max_duration_s
    for last in range(1, len(pieces) + 1):
        options = []
        for first in range(last - 1, -1, -1):
            cue = pieces[first:last]
            spoken_ms = cue[-1].word.end_ms - cue[0].word.start_ms
            if len(cue) > 1 and (spoken_ms > longest_ms or best_lines(cue, ruler) is None):
                break
            following = pieces[last] if last < len(pieces) else None
            options.append(_Way(ways[first].cost + _cost(cue, following, ruler), first))
        ways.append(min(options, key=lambda way: way.cost))
    found, last = [], len(pieces)
    while last:
        found.append((ways[last].start, last))
        last = ways[last].start
    return found[::-1]


def _cost(cue: Sequence[Piece], following: Piece | None, ruler: Ruler) -> float:
    text, cost, rules = cue[-1].word.text, float(CUT), ruler.rules
    if following is not None:
        cost += 0 if ends_sentence(text) else CUT_AT_CLAUSE if ends_clause(text) else CUT_INSIDE_CLAUSE
        cost += PARTED if following.bound else 0
        shown_ms = following.word.start_ms - cue[0].word.start_ms
    else:
        shown_ms = cue[-1].word.end_ms + round(1000 * rules.hang_s) - cue[0].word.start_ms
    cost += LONELY_WORD if len(cue) == 1 and (cue[0].clause_goes_on or not ends_sentence(text)) else 0
    cost += TOO_SHORT if shown_ms < 1000 * rules.min_duration_s else 0
    cost += TOO_FAST * min(max(reading_ms(text_of(cue), ruler) / max(shown_ms, 1) - 1, 0), 1)
    if following is not None and not ends_sentence(text) and any(ends_sentence(piece.word.text) for piece in cue):
        cost += BEGIN_SENTENCE
    for piece, after in pairwise(cue):
        cost += RUN_OVER_SENTENCE if ends_sentence(piece.word.text) else 0
        cost += RUN_OVER_PAUSE if after.word.start_ms - piece.word.end_ms > PAUSE_MS else 0
    return cost


def _inside(cue: Sequence[Piece], start: int, end: int) -> tuple[Word, ...]:
    """Return the words with times inside the cue, so that a highlight never outlives its text."""
    return tuple(
        piece.word.model_copy(
            update={
                "start_ms": min(max(piece.word.start_ms, start), end),
                "end_ms": min(max(piece.word.end_ms, start), end),
            }
        )
        for piece in cue
    )


def _set_up(store: Store, font_folders: tuple[Path, ...]) -> Desk:
    return Desk(store, Typesetter(font_folders))


def _caption_into(desk: Desk, job: CaptionJob) -> CueSheet:
    return caption_line(job, desk.store, desk.typesetter)
