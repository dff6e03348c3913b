"""Breaks short texts where a reader would pause, into lines of nearly equal width.

Scripts that write without spaces break at the phrases that BudouX finds (Google's adaptive line breaker, Apache-2.0).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations, groupby, pairwise

import budoux

# Never first in a line: closing brackets, stops, prolonged sound mark, small kana (JIS X 4051, the common part).
NOT_FIRST = frozenset(
    "、。，．・：；！？!?,.:;)]}）］｝」』】〉》〕’”…‥–—ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ々〻"
)
NOT_LAST = frozenset("([{（［｛「『【〈《〔‘“")
SOFT_HYPHEN = "\u00ad"
MAX_PIECES = 40  # beyond that it is prose, not ad copy, and the search would be slow
NO_LIMIT = 99


def pieces(text: str, locale: str) -> list[str]:
    """Split `text` into stretches that must stay together; joined, they give the text again.

    A number stays with the word after it, a dash with the word before it, and no-break spaces are respected. Words may
    be parted at soft hyphens (U+00AD), see `line_of`.
    """
    parser = _parser(locale)
    stretches = [
        part
        for word in re.findall(r"[^ \n\u200b\u00ad]+[ \n\u200b\u00ad]*", text.rstrip(SOFT_HYPHEN))
        for part in _phrases(word, parser)
    ]
    kept: list[str] = []
    for stretch in stretches:
        if kept and (stretch[0] in NOT_FIRST or kept[-1].rstrip()[-1:] in NOT_LAST or _is_number(kept[-1])):
            kept[-1] += stretch
        else:
            kept.append(stretch)
    return kept


def balanced(
    parts: Sequence[str],
    width_of: Callable[[str], float],
    max_width: float,
    max_lines: int,
    max_hyphens: int = NO_LIMIT,
) -> tuple[str, ...] | None:
    """Return the fewest lines that fit, the widest of them as narrow as possible; None if `max_lines` do not do.

    At most `max_hyphens` lines in a row end in a hyphen.
    """
    if not parts or len(parts) > MAX_PIECES:
        return None
    measure = cache(lambda first, last: width_of(line_of(parts[first:last])))
    for count in range(1, min(max_lines, len(parts)) + 1):
        ways = ((0, *cuts, len(parts)) for cuts in combinations(range(1, len(parts)), count - 1))
        if max_hyphens < count:
            ways = (way for way in ways if _hyphens_in_a_row(parts, way) <= max_hyphens)
        fitting = ((max(measure(*line) for line in pairwise(way)), way) for way in ways)
        best = min(
            ((_num_parted(parts, way), widest, way) for widest, way in fitting if widest <= max_width), default=None
        )
        if best is not None:
            return tuple(line_of(parts[first:last]) for first, last in pairwise(best[2]))
    return None


def line_of(parts: Sequence[str]) -> str:
    """Return one line of pieces: a soft hyphen at its end is a hyphen, any other is nothing."""
    line = "".join(parts).strip()
    return line.replace(SOFT_HYPHEN, "") + "-" * line.endswith(SOFT_HYPHEN)


def _hyphens_in_a_row(parts: Sequence[str], way: Sequence[int]) -> int:
    ends = (line_of(parts[first:last]).rstrip("\u200b").endswith("-") for first, last in pairwise(way[:-1]))
    return max((len([*group]) for is_hyphen, group in groupby(ends) if is_hyphen), default=0)


def _num_parted(parts: Sequence[str], way: Sequence[int]) -> int:
    """How many words a way of breaking parts: whole words are better than even lines."""
    return sum(parts[cut - 1].endswith(SOFT_HYPHEN) for cut in way[1:-1])


def _phrases(word: str, parser: budoux.Parser | None) -> list[str]:
    return [part for part in parser.parse(word) if part] if parser is not None else [word]


def _is_number(stretch: str) -> bool:
    """A bare number with a space after it, in any script's digits."""
    digits = stretch.rstrip()
    numeric = all(character.isdecimal() or character in ",.'٫٬" for character in digits)
    return stretch != digits and numeric and any(character.isdecimal() for character in digits)


@cache
def _parser(locale: str) -> budoux.Parser | None:
    language = locale.split("-")[0]
    if language == "ja":
        return budoux.load_default_japanese_parser()
    if language == "zh":
        traditional = any(part in locale for part in ("Hant", "TW", "HK"))
        return (
            budoux.load_default_traditional_chinese_parser()
            if traditional
            else budoux.load_default_simplified_chinese_parser()
        )
    return budoux.load_default_thai_parser() if language == "th" else None
