"""Percentages, measures with units, dimensions, fractions, ratings and ranges."""

from __future__ import annotations

import re
from collections.abc import Iterator

from catalog.locales import Locale
from catalog.normalization.numerals import Number
from catalog.normalization.readings import Readings
from catalog.normalization.rule import (
    AFTER,
    BEFORE,
    DASH,
    SIGN,
    SPACE,
    START,
    Rule,
    Rules,
    any_of,
    ascending,
    noun_after,
)
from catalog.normalization.units import unit_with, units_of

VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8"}


class Measures(Rules):
    """Numbers with what they count."""

    def __init__(self, locale: Locale, readings: Readings) -> None:
        super().__init__(locale, readings)
        self.fraction = any_of((*VULGAR, *readings.fractions))

    def all(self) -> Iterator[Rule]:
        """Yield the rules, best first."""
        yield from self._percentages()
        yield from self._measures()
        first = rf"{START}(?P<first>{self.plain})"
        rated = re.compile(rf"{START}(?P<first>{self.plain}|\d\.\d)/(?P<last>5|10|100)(?![\d/])")
        yield Rule(rated, lambda match: self._between(match, self.readings.out_of))
        ratio = re.compile(rf"{START}(?P<first>\d{{1,2}}):(?P<last>\d{{1,2}})(?![\d:])")
        yield Rule(ratio, lambda match: self._between(match, self.readings.ratio))
        dash = f"{SPACE}?[–—~]{SPACE}?|-"
        ranged = rf"{BEFORE}(?<![-.,])(?P<first>{self.plain})(?:{dash})(?P<last>{self.plain})(?![-–]\d){AFTER}"
        yield Rule(re.compile(ranged), self._read_range)
        yield Rule(re.compile(rf"{first}{SPACE}?[x×]{AFTER}"), self._read_times)

    def _percentages(self) -> Iterator[Rule]:
        last = rf"(?P<last>{self.plain}){SPACE}?"
        span = rf"(?:(?P<first>{self.plain})(?:{SPACE}?%)?{DASH})"
        yield Rule(re.compile(rf"{START}{SIGN}{last}‰"), self._read_permille)
        yield Rule(re.compile(rf"{START}{SIGN}{span}?{last}%"), self._read_percent)
        yield Rule(re.compile(rf"{SIGN}%{SPACE}?{last}"), self._read_percent)

    def _measures(self) -> Iterator[Rule]:
        plain = self.plain
        symbols = any_of(units_of(self.locale, self.readings))
        unit = rf"{SPACE}?(?P<unit>{symbols}){AFTER}(?![²³])"
        by = rf"{SPACE}?[x×]{SPACE}?"
        cubic = rf"(?P<first>{plain}){by}(?P<by>{plain})(?:{by}(?P<deep>{plain}))?"
        yield Rule(re.compile(rf"{START}{cubic}(?:{unit})?{AFTER}"), self._read_measure)
        mixed = rf"(?<![\d/.,])(?:(?P<whole>\d+)(?:{SPACE}|(?!\d)))?(?P<part>{self.fraction})(?![\d/])"
        yield Rule(re.compile(f"{mixed}{unit}"), self._read_part_of_unit)
        number = rf"{SIGN}(?P<first>{plain})(?:(?:{SPACE}?(?:{symbols}))?{DASH}(?P<last>{plain}))?"
        yield Rule(re.compile(f"{START}{number}{unit}"), self._read_measure)
        yield Rule(re.compile(mixed), self._read_part)

    def _read_permille(self, match: re.Match[str]) -> str:
        number = self.numerals.number(self.number(match["last"]))
        return self.sign(match) + self.readings.permille.format(number=number)

    def _read_percent(self, match: re.Match[str]) -> str | None:
        numbers = [self.number(match[name]) for name in ("first", "last") if match.groupdict().get(name)]
        if not ascending(numbers):
            return None
        said = self.span(numbers, self.readings.percent_gender)
        return self.sign(match) + self.readings.percent.format(number=said)

    def _read_measure(self, match: re.Match[str]) -> str | None:
        parts = match.groupdict()
        names = [name for name in ("first", "by", "deep", "last") if parts.get(name)]
        numbers = [self.number(parts[name]) for name in names]
        unit = parts.get("unit")
        if "last" in names and not ascending(numbers):
            return None
        words = [self._before_unit(number, unit) for number in numbers]
        said = words[0]
        for word in words[1:]:
            said = self.readings.by.format(first=said, last=word) if "by" in names else self.from_to(said, word)
        if not unit:
            return said
        return self.sign(match) + self._unit(unit, self.numerals.plural_form(numbers[-1]), said)

    def _unit(self, symbol: str, category: str, number: str) -> str:
        return unit_with(number, symbol, category, self.locale, self.readings)

    def _before_unit(self, number: Number, unit: str | None) -> str:
        if unit is None:
            return self.numerals.number(number)
        form = self._unit(unit, self.numerals.plural_form(number), "")
        if self.locale.language == "ar":
            gender = "feminine" if unit in self.readings.feminine_units else "masculine"
            return self.numerals.number(number, gender=gender)
        noun = form.strip().split(" ")[0] if self.readings.spaces else form
        gender = "" if self.readings.agreeing == "none" else self.numerals.gender_of_noun(noun)
        return self.numerals.number(number, noun, gender)

    def _read_part(self, match: re.Match[str]) -> str | None:
        part = VULGAR.get(match["part"], match["part"])
        if not match["whole"]:
            return self._half(match) if part == "1/2" else self.readings.fractions.get(part)
        mixed, whole = self.readings.mixed, int(match["whole"])
        pattern = mixed.get(f"{whole} {part}") or mixed.get(part) or mixed["other"]
        said = self.numerals.cardinal(whole, "masculine" if self.locale.language == "de" else "")
        return pattern.format(whole=said, fraction=self.readings.fractions[part])

    def _half(self, match: re.Match[str]) -> str:
        """Return one half, or half of the noun behind it where the two agree."""
        noun = noun_after(match)
        if self.readings.agreeing == "none" or not self.numerals.gender(noun):
            return self.readings.fractions["1/2"]
        return self._half_of(noun).format(unit="").strip(" -")

    def _half_of(self, noun: str) -> str:
        """Return the pattern for half of a noun."""
        known, gender = self.readings.half_of, self.numerals.gender_of_noun(noun)
        if gender == "masculine" and not re.fullmatch(self.readings.masculine, noun):
            gender = "other"
        return known.get(gender) or known["other"]

    def _read_part_of_unit(self, match: re.Match[str]) -> str | None:
        part, symbol = VULGAR.get(match["part"], match["part"]), match["unit"]
        one = self._unit(symbol, "one", "").strip()
        if self.locale.language == "ar":
            one = self._unit(symbol, "other", "").strip()
        if match["whole"]:
            return self._mixed_unit(match, symbol, part)
        if part == "1/2" and self.readings.half_of:
            return self._half_of(one.split(" ")[0]).format(unit=one)
        return self.readings.fraction_of.format(fraction=self.readings.fractions[part], unit=one)

    def _mixed_unit(self, match: re.Match[str], symbol: str, part: str) -> str:
        whole = Number(match["whole"])
        measure = self._unit(symbol, self.numerals.plural_form(whole), self._before_unit(whole, symbol))
        known = self.readings.mixed_of
        if part == "1/2" and known:
            noun = self._unit(symbol, "one", "").strip().split(" ")[0]
            return (known.get(self.numerals.gender_of_noun(noun)) or known["other"]).format(unit=measure)
        return self._unit(symbol, "other", self._read_part(match) or "")

    def _read_range(self, match: re.Match[str]) -> str | None:
        first, last = self.number(match["first"]), self.number(match["last"])
        if not ascending([first, last]) or (first.whole.startswith("0") and len(first.whole) > 1):
            return None
        return self._between(match, self.readings.range)

    def _between(self, match: re.Match[str], pattern: str) -> str:
        noun = noun_after(match)
        first, last = (self.numerals.number(self.number(match[name]), noun) for name in ("first", "last"))
        return self.from_to(first, last) if pattern == self.readings.range else pattern.format(first=first, last=last)

    def _read_times(self, match: re.Match[str]) -> str:
        number = self.number(match["first"])
        if not number.fraction and int(number.whole) in self.readings.once:
            return self.readings.once[int(number.whole)]
        noun = self.readings.times.replace("{number}", "").strip().split(" ")[0]
        return self.readings.times.format(number=self.numerals.number(number, noun))
