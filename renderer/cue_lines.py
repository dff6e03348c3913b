"""Measures and breaks the lines of one caption: at phrases, balanced, with no short word left alone."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise

import icu

from renderer.artifacts import Word

SENTENCE_ENDS = frozenset(".!?…。！？؟۔।")
CLAUSE_ENDS = frozenset(",;:、，；：،؛—–")
CLOSERS = "\"'”’»)]」』）】》"
HALF_WIDTH_LANGUAGES = frozenset({"ja", "zh", "ko"})  # they count Latin letters and digits as half a character
SHORT_WORD = 3  # letters; such words (the, und, de) lean on what follows

# What a line break costs beside uneven lines; only the order of the numbers matters.
AFTER_SHORT_WORD, BEFORE_LONELY_WORD, AFTER_NUMBER = 30.0, 40.0, 30.0
AFTER_PUNCTUATION = -25.0


@dataclass(frozen=True)
class Piece:
    """A word that stays whole on its line; `glued` if no space stands before it."""

    word: Word
    glued: bool
    clause_goes_on: bool  # the word before it does not end a clause


@dataclass(frozen=True)
class Ruler:
    """How this language counts, how wide a line may be, and how many there are."""

    language: str
    max_width: float
    max_lines: int

    def width(self, text: str) -> float:
        """Return the number of characters a reader sees: grapheme clusters, half-width ones half in CJK."""
        return _width(text, self.language in HALF_WIDTH_LANGUAGES)


def ends_sentence(text: str) -> bool:
    """Tell whether a sentence ends with this word."""
    return text.rstrip(CLOSERS)[-1:] in SENTENCE_ENDS


def ends_clause(text: str) -> bool:
    """Tell whether a comma, a colon or a dash ends this word."""
    return text.rstrip(CLOSERS)[-1:] in CLAUSE_ENDS


def pieces_of(shown: str, words: Sequence[Word], ruler: Ruler) -> list[Piece]:
    """Return the words of a recording as pieces; one wider than a line is cut at spaces, then between graphemes."""
    found: list[Piece] = []
    cursor = 0
    for word in words:
        text = " ".join(word.text.split())
        if not text:
            continue
        place = shown.find(word.text, cursor)
        glued = bool(found) and place == cursor
        cursor = place + len(word.text) if place >= 0 else cursor
        goes_on = bool(found) and not (ends_sentence(found[-1].word.text) or ends_clause(found[-1].word.text))
        for number, part in enumerate(_parts(word.model_copy(update={"text": text}), ruler)):
            found.append(Piece(part, glued if number == 0 else not part.text[:1].isspace(), goes_on or number > 0))
    return [Piece(p.word.model_copy(update={"text": p.word.text.strip()}), p.glued, p.clause_goes_on) for p in found]


def text_of(pieces: Sequence[Piece]) -> str:
    """Return the pieces as one line."""
    return "".join(("" if piece.glued or not number else " ") + piece.word.text for number, piece in enumerate(pieces))


def best_lines(pieces: Sequence[Piece], ruler: Ruler) -> tuple[str, ...] | None:
    """Return the fewest lines that hold the pieces, broken where it hurts least; None if they do not fit."""
    widths = [ruler.width(piece.word.text) for piece in pieces]
    spaces = [0.0 if piece.glued else ruler.width(" ") for piece in pieces]
    sums = [0.0]
    for width, space in zip(widths, spaces, strict=True):
        sums.append(sums[-1] + width + space)

    def span(first: int, last: int) -> float:
        return sums[last] - sums[first] - spaces[first]

    if not pieces or span(0, len(pieces)) > ruler.max_lines * ruler.max_width + ruler.max_lines:
        return None
    for count in range(1, min(ruler.max_lines, len(pieces)) + 1):
        ways = [(0, *cuts, len(pieces)) for cuts in combinations(range(1, len(pieces)), count - 1)]
        fitting = [way for way in ways if all(span(a, b) <= ruler.max_width for a, b in pairwise(way))]
        if fitting:
            best = min(fitting, key=lambda way: _line_cost(way, [span(a, b) for a, b in pairwise(way)], pieces))
            return tuple(text_of(pieces[a:b]) for a, b in pairwise(best))
    return None


def _line_cost(way: Sequence[int], widths: Sequence[float], pieces: Sequence[Piece]) -> float:
    mean = sum(widths) / len(widths)
    cost = 100 * sum(((width - mean) / mean) ** 2 for width in widths) if mean else 0.0
    for first, last in pairwise(way):
        if last - first == 1 and not pieces[first].glued and len(pieces[first].word.text) <= SHORT_WORD + 2:
            cost += BEFORE_LONELY_WORD
    for cut in way[1:-1]:
        before = pieces[cut - 1].word.text
        if ends_sentence(before) or ends_clause(before):
            cost += AFTER_PUNCTUATION
        elif not any(char.isalpha() for char in before):
            cost += AFTER_NUMBER
        elif len(before) <= SHORT_WORD and not pieces[cut].glued:
            cost += AFTER_SHORT_WORD
    return cost


def _parts(word: Word, ruler: Ruler) -> Iterator[Word]:
    """Cut a word that is wider than a line; its time is shared by width. White space stays at the start of a part."""
    total = ruler.width(word.text)
    if total <= ruler.max_width:
        yield word
        return
    done = 0.0
    length = word.end_ms - word.start_ms
    for text in _chunks(word.text, ruler):
        start = word.start_ms + round(length * done / total)
        done += ruler.width(text)
        yield Word(text=text, start_ms=start, end_ms=word.start_ms + round(length * done / total))


def _chunks(text: str, ruler: Ruler) -> Iterator[str]:
    chunk = ""
    for part in _at_spaces(text, ruler):
        if chunk and ruler.width(chunk + part) > ruler.max_width:
            yield chunk
            chunk = ""
        chunk += part
    if chunk.strip():
        yield chunk


def _at_spaces(text: str, ruler: Ruler) -> Iterator[str]:
    for number, part in enumerate(text.split(" ")):
        spaced = f" {part}" if number else part
        if ruler.width(spaced) <= ruler.max_width:
            yield spaced
        else:
            yield from _graphemes(spaced)


def _graphemes(text: str) -> list[str]:
    """Return what readers take for single characters (UAX #29)."""
    breaks = icu.BreakIterator.createCharacterInstance(icu.Locale.getRoot())
    breaks.setText(text)
    units = text.encode("utf-16-le", "surrogatepass")
    return [units[2 * a : 2 * b].decode("utf-16-le", "surrogatepass") for a, b in pairwise((0, *breaks))]


@lru_cache(maxsize=4096)
def _width(text: str, half_width: bool) -> float:
    if text.isascii():
        return len(text) / 2 if half_width else float(len(text))
    found = _graphemes(text)
    if not half_width:
        return float(len(found))
    return sum(1.0 if unicodedata.east_asian_width(cluster[0]) in "WF" else 0.5 for cluster in found)
