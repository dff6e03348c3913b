"""Turns speech into cues that a viewer can read: whole phrases, balanced lines, time enough.

The numbers are those of the Netflix Timed Text Style Guide (general requirements, 2026): 0.83 to 7 seconds, gaps below
half a second closed, lines broken after punctuation and never before the last short word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from catalog import Format, Locale
from catalog.spoken import shown_text
from renderer.artifacts import CaptionJob, Cue, CueSheet, Line, Speech, Word
from renderer.cue_lines import Piece, Ruler, best_lines, ends_clause, ends_sentence, pieces_of
from renderer.engine import Engine, Outcome
from renderer.errors import StoreError
from renderer.store import Store

MIN_CUE_MS, MAX_CUE_MS = 833, 7000
EARLY_MS = 60  # text that comes a little before its sound is felt as in time
LINGER_MS = 400  # a cue may stay this much longer than its last word, where the next one leaves room
CLOSED_GAP_MS = 500  # shorter gaps flicker
PAUSE_MS = 400  # a speaker's pause of that length ends a thought

CAPTION_EM = 0.048  # type size by the shorter side of the frame: 52 px of 1080
LETTER_EM, FULL_WIDTH_EM = 0.55, 1.0  # mean advance of a bold sans
FULL_WIDTH_LANGUAGES = frozenset({"ja", "zh", "ko"})
FEWEST_CHARS = 8

# What a cut between two cues costs; only the order of the numbers matters.
CUT = 20
CUT_INSIDE_CLAUSE, CUT_AT_CLAUSE = 60, 12
RUN_OVER_SENTENCE, RUN_OVER_PAUSE, BEGIN_SENTENCE = 25, 15, 45
LONELY_WORD = 45
TOO_SHORT = 40


def caption(jobs: Iterable[CaptionJob], store: Store, engine: Engine) -> Iterator[Outcome[CaptionJob, CueSheet]]:
    """Write the cues of every job that has none yet."""
    waiting: dict[str, CaptionJob] = {}
    for job in jobs:
        if job.key in waiting:
            continue
        if (sheet := store.get_record(record_key(job), CueSheet)) is not None:
            yield Outcome(job, sheet, None, False, 0.0)
        else:
            waiting[job.key] = job
    yield from engine.map(_caption_into, waiting.values(), partial(_same, store))


def caption_line(job: CaptionJob, store: Store) -> CueSheet:
    """Write the cues of one line that has been spoken.

    Raises:
        StoreError: the line has no recording yet.
    """
    speech = store.get_record(f"speech/{job.line.key}.json", Speech)
    if speech is None:
        raise StoreError(f"{store.url(f'speech/{job.line.key}.json')}: the line has no recording. Run narrate first.")
    sheet = caption_speech(job.line, speech, job.locale, job.format).model_copy(update={"key": job.key})
    store.put_record(record_key(job), sheet)
    return sheet


def record_key(job: CaptionJob) -> str:
    """Return where the cues of a job lie in the store."""
    return f"cues/{job.key}.json"


def caption_speech(line: Line, speech: Speech, locale: Locale, format: Format) -> CueSheet:
    """Return the cues of a recording; times in ms from its start, `key` that of the line.

    A cue has at most `locale.captions.max_lines` lines of at most `line_length` characters. Annotated stretches and
    words stay whole unless one alone is wider than a line.
    """
    ruler = Ruler(locale.language, line_length(locale, format), locale.captions.max_lines)
    pieces = pieces_of(shown_text(line.text), speech.words, ruler)
    spoken = [pieces[first:last] for first, last in _cuts(pieces, ruler)]
    times = timed([(cue[0].word.start_ms, cue[-1].word.end_ms) for cue in spoken])
    cues = [
        Cue(
            start_ms=start,
            end_ms=end,
            lines=best_lines(cue, ruler) or (),
            words=_inside(cue, start, end) if speech.object else (),
        )
        for cue, (start, end) in zip(spoken, times, strict=True)
    ]
    return CueSheet(key=line.key, cues=tuple(cues))


def line_length(locale: Locale, format: Format) -> float:
    """Return how many characters fit a line: the language's rule, or less where the frame is narrow.

    Lines are centred, so the larger safe margin counts at both sides.
    """
    em = CAPTION_EM * min(format.width, format.height)
    room = format.width - 2 * max(format.safe_area.left, format.safe_area.right)
    per_char = FULL_WIDTH_EM if locale.language in FULL_WIDTH_LANGUAGES else LETTER_EM
    return max(min(locale.captions.max_chars_per_line, int(room / (em * per_char))), FEWEST_CHARS)


def chars_per_s(cue: Cue, locale: Locale) -> float:
    """Return the reading speed that a cue asks for, in characters as the locale counts them."""
    ruler = Ruler(locale.language, 0, 0)
    seconds = (cue.end_ms - cue.start_ms) / 1000
    return sum(ruler.width(line) for line in cue.lines) / seconds if seconds > 0 else 0.0


def timed(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return when each cue is shown, given when it is spoken, in ms: early, long enough, without flicker or overlap."""
    shown: list[tuple[int, int]] = []
    starts = [max(start - EARLY_MS, 0) for start, _ in spans]
    for index, (start, (_, spoken_end)) in enumerate(zip(starts, spans, strict=True)):
        following = starts[index + 1] if index + 1 < len(spans) else None
        end = max(spoken_end + LINGER_MS, start + MIN_CUE_MS)
        if following is not None:
            end = following if following - end < CLOSED_GAP_MS else end
        shown.append((start, max(min(end, start + MAX_CUE_MS), start)))
    return shown


@dataclass(frozen=True)
class _Way:
    """The cheapest cues up to some piece: their cost, and where the last of them starts."""

    cost: float
    start: int


def _cuts(pieces: Sequence[Piece], ruler: Ruler) -> list[tuple[int, int]]:
    """Return (first, last) of each cue: the cheapest way to cut, found from the front (Knuth and Plass, 1981)."""
    ways = [_Way(0.0, 0)]
    for last in range(1, len(pieces) + 1):
        options = []
        for first in range(last - 1, -1, -1):
            cue = pieces[first:last]
            if len(cue) > 1 and (
                cue[-1].word.end_ms - cue[0].word.start_ms > MAX_CUE_MS or best_lines(cue, ruler) is None
            ):
                break
            following = pieces[last] if last < len(pieces) else None
            options.append(_Way(ways[first].cost + _cost(cue, following), first))
        ways.append(min(options, key=lambda way: way.cost))
    found, last = [], len(pieces)
    while last:
        found.append((ways[last].start, last))
        last = ways[last].start
    return found[::-1]


def _cost(cue: Sequence[Piece], following: Piece | None) -> float:
    text, cost = cue[-1].word.text, float(CUT)
    if following is not None:
        cost += 0 if ends_sentence(text) else CUT_AT_CLAUSE if ends_clause(text) else CUT_INSIDE_CLAUSE
        shown_ms = following.word.start_ms - cue[0].word.start_ms
    else:
        shown_ms = cue[-1].word.end_ms + LINGER_MS - cue[0].word.start_ms
    cost += LONELY_WORD if len(cue) == 1 and (cue[0].clause_goes_on or not ends_sentence(text)) else 0
    cost += TOO_SHORT if shown_ms < MIN_CUE_MS else 0
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


def _same(store: Store) -> Store:
    return store


def _caption_into(store: Store, job: CaptionJob) -> CueSheet:
    return caption_line(job, store)
