"""Measures and breaks the lines of one caption: at phrases, balanced, with nothing parted that belongs together."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, pairwise

import icu

from catalog import CaptionRules
from renderer.artifacts import Word

SENTENCE_ENDS = frozenset(".!?…。！？؟۔।")
CLAUSE_ENDS = frozenset(",;:、，；：،؛—–")
CLOSERS = "\"'”’»)]」』）】》"
NO_BREAKS = "\u00a0\u202f\u2060"  # spaces and a joiner that a typist uses where no line may end
SHORT_WORD = 3  # letters; such words (the, und, de) lean on what follows
BEFORE_NUMBERS = frozenset({"rs", "rs.", "r$", "us$", "kr", "no", "no.", "nr", "nr.", "n°", "nº", "№", "رقم", "क्र."})
CURRENCY_CODE = re.compile(r"[A-Z]{3}")
FOLDED = re.compile(r"[ \t\r\n]+")

# What a line break costs beside uneven lines; only the order of the numbers matters.
AFTER_SHORT_WORD, BEFORE_LONELY_WORD = 30.0, 40.0
AFTER_PUNCTUATION = -25.0


@dataclass(frozen=True)
class Piece:
    """A word that stays whole on its line; `space` is what stands before it, `bound` if no break should."""

    word: Word
    space: str
    clause_goes_on: bool  # the word before it does not end a clause
    bound: bool = False


def _no_width(text: str) -> float:
    return 0.0


@dataclass(frozen=True)
class Ruler:
    """How long a line may be: in characters as its language counts them, and in pixels of the captions' own type.

    `measure` gives the width of a text at the largest type; what must stay whole may take up to `tight_px` of it, and
    is then set smaller.
    """

    rules: CaptionRules
    room_px: float = 1.0
    tight_px: float = 1.0
    measure: Callable[[str], float] = _no_width

    def count(self, text: str) -> float:
        """Return the number of characters a reader sees: grapheme clusters, half-width ones half where that is so."""
        return count_chars(text, self.rules)

    def holds(self, text: str) -> bool:
        """Tell whether a line holds a text that must stay whole."""
        return self.count(text) <= self.rules.max_chars_per_line and self.measure(text) <= self.tight_px


def count_chars(text: str, rules: CaptionRules) -> float:
    """Return the length of a text as a language counts it."""
    return _count(text, rules.counts_half_width)


def ends_sentence(text: str) -> bool:
    """Tell whether a sentence ends with this word."""
    return text.rstrip(CLOSERS)[-1:] in SENTENCE_ENDS


def ends_clause(text: str) -> bool:
    """Tell whether a comma, a colon or a dash ends this word."""
    return text.rstrip(CLOSERS)[-1:] in CLAUSE_ENDS


def pieces_of(shown: str, words: Sequence[Word], ruler: Ruler, names: Sequence[str] = ()) -> list[Piece]:
    """Return the words of a recording as pieces; one that no line holds is cut at spaces, then between graphemes.

    `names` are texts of several words, such as the product's title, that a reader takes in as one.
    """
    found: list[Piece] = []
    within = {offset for name in names for offset in _inside(shown, name)}
    cursor = 0
    for word in words:
        text = FOLDED.sub(" ", word.text).strip(" ")
        if not text:
            continue
        place = shown.find(word.text, cursor)
        between = shown[cursor:place] if place >= 0 else " "
        cursor = place + len(word.text) if place >= 0 else cursor
        before = found[-1].word.text if found else ""
        goes_on = bool(found) and not (ends_sentence(before) or ends_clause(before))
        bound = bool(found) and (place in within or _belongs(before, between, text))
        for number, part in enumerate(_parts(word.model_copy(update={"text": text}), ruler)):
            space = _space(between) if number == 0 else " " if part.text[:1] == " " else ""
            whole = part.model_copy(update={"text": part.text.strip(" ")})
            found.append(Piece(whole, space if found else "", goes_on or number > 0, bound and number == 0))
    return list(_released(found, ruler))


def _released(pieces: Sequence[Piece], ruler: Ruler) -> Iterator[Piece]:
    """Yield the pieces; what no line can hold as one is no longer bound."""
    starts = [number for number, piece in enumerate(pieces) if not piece.bound]
    for first, last in pairwise((*starts, len(pieces))):
        held = last - first == 1 or ruler.holds(text_of(pieces[first:last]))
        yield from (piece if held else replace(piece, bound=False) for piece in pieces[first:last])


def text_of(pieces: Sequence[Piece]) -> str:
    """Return the pieces as one line."""
    return "".join((piece.space if number else "") + piece.word.text for number, piece in enumerate(pieces))


def best_lines(pieces: Sequence[Piece], ruler: Ruler) -> tuple[str, ...] | None:
    """Return the fewest lines that hold the pieces, broken where it hurts least; None if they do not fit."""
    measured = _Measured(pieces, ruler)
    if not pieces or not measured.may_fit():
        return None
    breaks = [number for number in range(1, len(pieces)) if not pieces[number].bound]
    for count in range(1, min(ruler.rules.max_lines, len(breaks) + 1) + 1):
        ways = [(0, *cuts, len(pieces)) for cuts in combinations(breaks, count - 1)]
        fitting = [way for way in ways if all(measured.fits(a, b) for a, b in pairwise(way))]
        if fitting:
            best = min(fitting, key=lambda way: _line_cost(way, measured))
            return tuple(text_of(pieces[a:b]) for a, b in pairwise(best))
    return None


class _Measured:
    """Lengths of all stretches of some pieces, in characters and pixels, by running sums."""

    def __init__(self, pieces: Sequence[Piece], ruler: Ruler) -> None:
        self.pieces, self.ruler = pieces, ruler
        self.char_sums, self.px_sums = [0.0], [0.0]
        self.char_spaces = [ruler.count(piece.space) for piece in pieces]
        self.px_spaces = [ruler.measure(piece.space) if piece.space else 0.0 for piece in pieces]
        for piece, chars, px in zip(pieces, self.char_spaces, self.px_spaces, strict=True):
            self.char_sums.append(self.char_sums[-1] + chars + ruler.count(piece.word.text))
            self.px_sums.append(self.px_sums[-1] + px + ruler.measure(piece.word.text))

    def chars(self, first: int, last: int) -> float:
        """Length of a line of the pieces [first, last), in characters."""
        return self.char_sums[last] - self.char_sums[first] - self.char_spaces[first]

    def fits(self, first: int, last: int) -> bool:
        """Tell whether a line holds them; what must stay whole may be set smaller."""
        if self.chars(first, last) > self.ruler.rules.max_chars_per_line:
            return False
        px = self.px_sums[last] - self.px_sums[first] - self.px_spaces[first]
        is_whole = all(piece.bound for piece in self.pieces[first + 1 : last])
        return px <= (self.ruler.tight_px if is_whole else self.ruler.room_px)

    def may_fit(self) -> bool:
        """Tell, before all ways to break are tried, whether there is any hope."""
        rules = self.ruler.rules
        return self.char_sums[-1] <= rules.max_lines * (rules.max_chars_per_line + 1)


def _line_cost(way: Sequence[int], measured: _Measured) -> float:
    pieces, widths = measured.pieces, [measured.chars(first, last) for first, last in pairwise(way)]
    mean = sum(widths) / len(widths)
    cost = 100 * sum(((width - mean) / mean) ** 2 for width in widths) if mean else 0.0
    for first, last in pairwise(way):
        if last - first == 1 and pieces[first].space and len(pieces[first].word.text) <= SHORT_WORD + 2:
            cost += BEFORE_LONELY_WORD
    for cut in way[1:-1]:
        before = pieces[cut - 1].word.text
        if ends_sentence(before) or ends_clause(before):
            cost += AFTER_PUNCTUATION
        elif len(before) <= SHORT_WORD and pieces[cut].space:
            cost += AFTER_SHORT_WORD
    return cost


def _belongs(before: str, between: str, after: str) -> bool:
    """Tell whether two neighbours are read as one: a number and its unit, a currency and its amount."""
    if any(mark in between for mark in NO_BREAKS) or before[-1:] in NO_BREAKS:
        return True
    if ends_sentence(before) or ends_clause(before):
        return before.lower() in BEFORE_NUMBERS and after[:1].isdecimal()
    if _is_number(before) or (before[-1:].isdecimal() and not between):
        return True
    is_unit = CURRENCY_CODE.fullmatch(before) or before.lower() in BEFORE_NUMBERS
    is_sign = all(unicodedata.category(char) == "Sc" for char in before)
    return after[:1].isdecimal() and bool(is_unit or is_sign)


def _is_number(text: str) -> bool:
    """Digits of any script without letters: 24, 2,5, ٢٤, +30."""
    return any(char.isdecimal() for char in text) and not any(char.isalpha() for char in text)


def _inside(shown: str, name: str) -> Iterator[int]:
    """Yield every offset of the text that lies within a name, beyond its first character."""
    start = shown.casefold().find(name.casefold()) if len(shown.casefold()) == len(shown) else shown.find(name)
    while name and start >= 0:
        yield from range(start + 1, start + len(name))
        start = shown.find(name, start + len(name))


def _space(between: str) -> str:
    """What is kept of the white space between two words: a no-break space stays one."""
    hard = next((mark for mark in between if mark in NO_BREAKS), "")
    return hard or (" " if between else "")


def _parts(word: Word, ruler: Ruler) -> Iterator[Word]:
    """Cut a word that is wider than a line; its time is shared by length. White space stays at the start of a part."""
    if ruler.holds(word.text):
        yield word
        return
    total, done = ruler.count(word.text) or 1.0, 0.0
    length = word.end_ms - word.start_ms
    for text in _chunks(word.text, ruler):
        start = word.start_ms + round(length * done / total)
        done = min(done + ruler.count(text), total)
        yield Word(text=text, start_ms=start, end_ms=word.start_ms + round(length * done / total))


def _chunks(text: str, ruler: Ruler) -> Iterator[str]:
    chunk = ""
    for part in _at_spaces(text, ruler):
        if chunk and not ruler.holds(chunk + part):
            yield chunk
            chunk = ""
        chunk += part
    if chunk.strip(" "):
        yield chunk


def _at_spaces(text: str, ruler: Ruler) -> Iterator[str]:
    for number, part in enumerate(text.split(" ")):
        spaced = f" {part}" if number else part
        if ruler.holds(spaced):
            yield spaced
        else:
            yield from graphemes(spaced)


def graphemes(text: str) -> list[str]:
    """Return what readers take for single characters (UAX #29)."""
    breaks = icu.BreakIterator.createCharacterInstance(icu.Locale.getRoot())
    breaks.setText(text)
    units = text.encode("utf-16-le", "surrogatepass")
    return [units[2 * a : 2 * b].decode("utf-16-le", "surrogatepass") for a, b in pairwise((0, *breaks))]


@lru_cache(maxsize=4096)
def _count(text: str, half_width: bool) -> float:
    if text.isascii():
        return len(text) / 2 if half_width else float(len(text))
    found = graphemes(text)
    if not half_width:
        return float(len(found))
    return sum(1.0 if unicodedata.east_asian_width(cluster[0]) in "WF" else 0.5 for cluster in found)
