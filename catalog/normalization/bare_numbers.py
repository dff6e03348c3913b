"""Numbers without anything else: decades, years, versions, counts before a noun, and all digits that are left."""

from __future__ import annotations

import re
from collections.abc import Iterator

from catalog.normalization.numerals import Number
from catalog.normalization.rule import AFTER, SIGN, SPACE, START, Rule, Rules, noun_after


class Decades(Rules):
    """The 1990s, die 80er."""

    def all(self) -> Iterator[Rule]:
        """Yield the rules, best first."""
        if self.readings.decades:
            decade = re.compile(rf"(?<![\d.,/-])(?:{self.readings.decades}){AFTER}")
            yield Rule(decade, lambda match: self.numerals.decade(int(re.findall(r"\d+", match[0])[0])))


class BareNumbers(Rules):
    """What no other rule has read."""

    def all(self) -> Iterator[Rule]:
        """Yield the rules, best first."""
        yield Rule(re.compile(r"(?<![\d.])\d+(?:\.\d+){2,}(?!\d)"), self._read_version)
        yield Rule(re.compile(r"(?<![\d.,])\d\.\d(?![\d.,])"), self._read_version)
        yield Rule(re.compile(rf"[#№]{SPACE}?(?P<first>\d{{1,6}})(?!\d)"), self._read_number_sign)
        if self.readings.year in ("pairs", "hundreds"):
            yield Rule(re.compile(r"(?<![\d.,/-])(?:1[1-9]|20)\d\d(?![\d/]|[.,]\d)"), self._read_year)
        yield Rule(re.compile(rf"{START}{SIGN}(?P<first>{self.plain})"), self._read_number)
        yield Rule(re.compile(r"\d+"), self._read_digits)

    def _read_number_sign(self, match: re.Match[str]) -> str:
        return self.readings.number_sign.format(number=self.numerals.number(Number(match["first"])))

    def _read_version(self, match: re.Match[str]) -> str | None:
        if (match[0].count(".") == 1 and self.decimal == ".") or re.fullmatch(self.plain, match[0]):
            return None
        parts = [self.numerals.number(Number(part)) for part in match[0].split(".")]
        return f"{self.numerals.space}{self.readings.version_dot}{self.numerals.space}".join(parts)

    def _read_year(self, match: re.Match[str]) -> str | None:
        year = int(match[0])
        return self.numerals.year(year) if year < 2000 or self.readings.year == "pairs" else None

    def _read_number(self, match: re.Match[str]) -> str:
        before = match.string[: match.start()][-1:]
        noun = "" if before == "第" or (before.isalpha() and self.readings.spaces) else noun_after(match)
        return self.sign(match) + self.numerals.number(self.number(match["first"]), noun)

    def _read_digits(self, match: re.Match[str]) -> str:
        return self.numerals.number(Number(match[0]))
