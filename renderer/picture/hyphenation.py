"""Finds where long words may be parted, by dictionary; lines break there only where they must.

The dictionaries are LibreOffice's, read by pyphen. German's is large and knows where compounds meet; nothing is read
before the first word that does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import IO

import pyphen

from catalog import Locale
from catalog.hyphenation_rules import HyphenationRules, hyphenation_rules
from renderer.picture.linebreak import MAX_PIECES, SOFT_HYPHEN

MIN_LETTERS = 3  # before and after a hyphen; in display type two look lost, and no dictionary used here asks for more
MAX_PARTS = 14  # of one word: lines of ads are few, and every place more slows the search
NEAR_MIDDLE = 0.28  # of a word's letters: a hyphen this near to its middle leaves two parts of a good size
MAY_BREAK = "\u200b"  # zero width space: a line may end here, and shows nothing
LETTERS = re.compile(r"[^\W\d_]+")
EDGES = re.compile(r"^[\W_]+|[\W_]+$")  # brackets, quotes and stops around a word
PLAIN = re.compile(r"(?:[^\W\d_]|['’])+")  # letters and apostrophes, whole
HYPHENS = "-\u2010"
ENDING = 3  # letters that a name may gain by inflection
DIAERESIS_FALLS = ("nl",)  # languages that write "geërfd" and part it "ge-erfd"
NEXT_LEVEL = "\nNEXTLEVEL\n"


@dataclass(frozen=True)
class Places:
    """Where a word may be parted: numbers of letters before the hyphen, ascending; `best` are some of `all`."""

    best: tuple[int, ...]
    all: tuple[int, ...]


def softened(text: str, locale: Locale, names: Collection[str]) -> Iterator[str]:
    """Yield the text with ever more places to part words at, from those that hurt least; nothing if there are none.

    First at hyphens that are written, at the seams of compounds or else near a word's middle, in all words but the
    last; then anywhere in those; then the same for the last word too. Soft hyphens are U+00AD; behind a written hyphen
    stands U+200B. Words that have soft hyphens of their writer, digits, signs or inner capitals stay as they are, and
    so do those of `names`. Lines that run from right to left are left alone: a hyphen would jump to their other end.
    """
    if locale.direction == "rtl":
        return
    kept = {word.casefold() for name in names for word in (*name.split(), *LETTERS.findall(name))}
    seen = {text}
    for with_last in (False, True):
        for only_best in (True, False):
            softer = _softened(text, locale, kept, with_last=with_last, only_best=only_best)
            if softer not in seen:
                seen.add(softer)
                yield softer


def places(word: str, language: str) -> Places:
    """Return where a word of letters may be parted in a language, by its rules; nowhere if it is short or has none."""
    if len(word) < 2 * MIN_LETTERS or word[1:] != word[1:].lower():  # acronyms and names such as MacBook stay whole
        return Places((), ())
    return _places(word.lower(), language)


def _softened(text: str, locale: Locale, kept: Collection[str], *, with_last: bool, only_best: bool) -> str:
    tokens = re.split(r"(\s+)", text)
    words = [number for number, token in enumerate(tokens) if LETTERS.search(token)]
    room = MAX_PIECES - len(words) - text.count(SOFT_HYPHEN)
    for number in sorted(words, key=lambda number: -len(tokens[number])):  # the longest words need it most
        may_part = with_last or number != words[-1]
        softer = _soft_token(tokens[number], locale, kept, may_part=may_part, only_best=only_best)
        added = len(softer) - len(tokens[number])
        if added <= room:
            tokens[number], room = softer, room - added
    return "".join(tokens)


def _soft_token(token: str, locale: Locale, kept: Collection[str], *, may_part: bool, only_best: bool) -> str:
    core = EDGES.sub("", token)
    if SOFT_HYPHEN in token or MAY_BREAK in token or _is_name(core, kept):
        return token
    if any(hyphen in core for hyphen in HYPHENS):
        return _split_at_hyphens(token, core)
    if not may_part or not locale.hyphenation or not PLAIN.fullmatch(core):
        return token
    return LETTERS.sub(lambda found: _soft_word(found[0], locale.language, kept, only_best), token)


def _split_at_hyphens(token: str, core: str) -> str:
    """A word that has hyphens is parted there and nowhere else, between parts of letters that are long enough."""
    parts = re.split(f"(?<=[{HYPHENS}])", core)
    if any(len(part) < MIN_LETTERS or not LETTERS.fullmatch(part.rstrip(HYPHENS)) for part in parts):
        return token
    return token.replace(core, MAY_BREAK.join(parts))


def _soft_word(word: str, language: str, kept: Collection[str], only_best: bool) -> str:
    if _is_name(word, kept):
        return word
    found = places(word, language)
    ends = (0, *(found.best if only_best else _thinned(found.all)), len(word))
    return SOFT_HYPHEN.join(word[first:last] for first, last in pairwise(ends))


def _is_name(word: str, kept: Collection[str]) -> bool:
    """Tell whether a word is one that is kept, or an inflected form of it."""
    folded = word.casefold()
    return folded in kept or any(folded[:-cut] in kept for cut in range(1, ENDING + 1))


def _thinned(found: Sequence[int]) -> Sequence[int]:
    most = MAX_PARTS - 1
    if len(found) <= most:
        return found
    return [found[round(number * (len(found) - 1) / (most - 1))] for number in range(most)]


@lru_cache(maxsize=4096)
def _places(word: str, language: str) -> Places:
    rules = hyphenation_rules(language)
    if rules is None:
        return Places((), ())
    found, seams = _by_pattern(word, rules.pattern) if rules.pattern else _by_dictionary(word, rules)
    found = [one for one in found if MIN_LETTERS <= one <= len(word) - MIN_LETTERS]
    middle, all = len(word) / 2, tuple(one for one in found if not _changes(word, one, language))
    near = [one for one in all if abs(one - middle) <= NEAR_MIDDLE * len(word)]
    best = [one for one in near if one in seams] or near
    return Places(tuple(best), all)


def _changes(word: str, place: int, language: str) -> bool:
    """Tell whether another letter would have to be written behind the hyphen."""
    return language in DIAERESIS_FALLS and word[place] in "ëïöü"


def _by_pattern(word: str, pattern: str) -> tuple[list[int], Collection[int]]:
    return [found.start() for found in re.finditer(pattern, word)], ()


def _by_dictionary(word: str, rules: HyphenationRules) -> tuple[list[int], Collection[int]]:
    """Return the places where nothing but a hyphen is added, and those where parts of a compound meet."""
    seams, patterns = _compounds(rules.dictionary) if rules.has_seams else (None, _patterns(rules.dictionary))
    plain = [int(place) for place in patterns.positions(word) if not place.data]
    return plain, {int(place) for place in seams.positions(word)} if seams is not None else ()


@cache
def _patterns(dictionary: str) -> pyphen.HyphDict:
    return pyphen.HyphDict(pyphen.LANGUAGES[dictionary])


@cache
def _compounds(dictionary: str) -> tuple[pyphen.HyphDict, pyphen.HyphDict]:
    """Return the patterns of seams, and all patterns; pyphen alone would read both as one.

    The first level lists parts of compounds. A seam is where one ends; hyphens inside of them are as good as any.
    """
    path = pyphen.LANGUAGES[dictionary]
    seams, both = pyphen.HyphDict(_Level(path, True)), pyphen.HyphDict(_Level(path, False))
    both.patterns = {**seams.patterns, **both.patterns}
    both.maxlen = max(seams.maxlen, both.maxlen)
    ends = ((part, first, values) for part, (first, values) in seams.patterns.items())
    seams.patterns = {part: (len(part), values[-1:]) for part, first, values in ends if first + len(values) > len(part)}
    return seams, both


@dataclass(frozen=True)
class _Level:
    """A part of a dictionary's file in the way that pyphen asks for it: before or behind the line NEXTLEVEL."""

    path: Path
    is_first: bool

    def open(self, mode: str) -> IO[bytes]:
        return self.path.open("rb")

    def read_text(self, encoding: str) -> str:
        first, _, second = self.path.read_text(encoding).partition(NEXT_LEVEL)
        return first if self.is_first else f"{encoding}\n{second}"
