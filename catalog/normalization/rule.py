"""What a rule of normalization is, and what all of them share: signs, and numbers as a locale writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from catalog.locales import Locale, cldr
from catalog.normalization.numerals import Number, Numerals, genitive
from catalog.normalization.readings import Readings

# Letters that run on without spaces: a Latin word or a number may touch them.
CJK = "\u3000-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\u0e00-\u0e7f"
MARKS = "\u0300-\u036f\u064b-\u065f\u0900-\u0903\u093a-\u094f"  # a letter goes on with them
BEFORE = rf"(?<![^\W{CJK}])(?<![{MARKS}])"
AFTER = rf"(?![^\W{CJK}]|[{MARKS}])"
START = r"(?<!\d)(?<!\d[.,])"  # of a number
SPACE = "[ \u00a0\u2009\u202f]"
DASH = f"{SPACE}?[-–—−~]{SPACE}?"
SIGN = rf"(?:(?<![^\s(\[/{CJK}])(?P<sign>[-−–+±]))?"
NEVER = "(?!)"
GROUPS = {".": r"\.", ",": ",", "’": "['’]"}


@dataclass(frozen=True)
class Rule:
    """What to look for, and how it is said; `read` returns None for what only looks like it.

    A group called `shown` is what the words stand for, where that is not the whole match.
    """

    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], str | None]


def any_of(texts: Iterable[str]) -> str:
    """Return a pattern of texts, longest first."""
    return "|".join(sorted(map(re.escape, texts), key=len, reverse=True)) or NEVER


def ascending(numbers: Sequence[Number]) -> bool:
    """Tell whether numbers may be a range: a dash between 2026 and 20 % is something else."""
    return all(first.value < last.value for first, last in pairwise(numbers))


class Rules:
    """What the rules of one locale start from: its readings, and CLDR's marks in numbers."""

    def __init__(self, locale: Locale, readings: Readings) -> None:
        self.locale, self.readings = locale, readings
        self.numerals = Numerals(locale, readings)
        symbols = cldr(locale.number_style).number_symbols["latn"]
        self.decimal = str(symbols["decimal"])
        marks = {self.decimal, "٫", *readings.decimals} - {str(symbols["group"])}
        self.decimals = f"[{re.escape(''.join(sorted(marks)))}]"
        mark = GROUPS.get(str(symbols["group"]), "٬")
        plain_space = " " if readings.group_space else " (?=000(?!\\d))"
        group = f"(?:{mark}|[٬\u00a0\u2009\u202f]|{plain_space})"
        self.whole = rf"(?:\d{{1,3}}(?:{group}\d{{2,3}})*{group}\d{{3}}|\d+)"
        self.plain = rf"{self.whole}(?:{self.decimals}\d+)?(?!\d|[.,٫٬]\d)"

    def number(self, written: str) -> Number:
        """Return what was written; a last mark with one or two digits behind it, or the locale's own, is decimal."""
        written = re.sub(r"(?:[.,][-–—]+|/-)$", "", written)
        own = re.fullmatch(rf"({self.whole})({self.decimals})(\d+)", written)
        other = None if own else re.fullmatch(r"(.*?)([.,])(\d{1,2})", written)
        if match := own or other:
            mark = self.decimal if match[2] == "٫" else match[2]
            return Number(re.sub(r"\D", "", match[1]), mark, match[3])
        return Number(re.sub(r"\D", "", written))

    def span(self, numbers: list[Number], gender: str = "") -> str:
        """Return one number, or two as a range."""
        words = [self.numerals.number(number, gender=gender) for number in numbers]
        return words[0] if len(words) == 1 else self.from_to(words[0], words[1])

    def from_to(self, first: str, last: str) -> str:
        """Return a range in words."""
        if self.locale.language == "ar":
            first, last = genitive(first), genitive(last)
        return self.readings.range.format(first=first, last=last)

    def sign(self, match: re.Match[str]) -> str:
        """Return plus or minus where the match has it, with the space behind."""
        sign = match.groupdict().get("sign")
        if not sign:
            return ""
        said = {"+": self.readings.plus, "±": self.readings.plus_minus}.get(sign, self.readings.minus)
        return f"{said}{self.numerals.space}"


def noun_after(match: re.Match[str]) -> str:
    """Return the word behind a match, one space away at most."""
    found = re.compile(rf"{SPACE}?(\w+)").match(match.string, match.end())
    return found[1] if found else ""
