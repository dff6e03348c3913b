"""Dates in digits and with names of months, ranges of days, and years."""

from __future__ import annotations

import re
from collections.abc import Iterator

from babel.dates import get_month_names

from catalog.locales import Locale, cldr
from catalog.normalization.ordinals import german_ending
from catalog.normalization.readings import Readings
from catalog.normalization.rule import AFTER, BEFORE, DASH, SPACE, Rule, Rules, any_of

CENTURY_OF_SHORT_YEARS = 70  # 70 is 1970, 69 is 2069
SUFFIX = r"(?:st|nd|rd|th|er|º|\.º|°)?"


class Dates(Rules):
    """Day, month and year, in the order of CLDR's short date."""

    def __init__(self, locale: Locale, readings: Readings) -> None:
        super().__init__(locale, readings)
        self.months = _months(locale)

    def all(self) -> Iterator[Rule]:
        """Yield the rules, best first."""
        year_first = rf"{BEFORE}(?P<y>\d{{4}})(?P<s>[-/.])(?P<m>\d{{1,2}})(?P=s)(?P<d>\d{{1,2}})(?![\d])"
        yield Rule(re.compile(year_first), self._read_date)
        month_first = cldr(self.locale.number_style).date_formats["short"].pattern.startswith("M")
        first, second = ("m", "d") if month_first else ("d", "m")
        numeric = (
            rf"{BEFORE}(?P<{first}>\d{{1,2}})(?P<s>[-/.])(?P<{second}>\d{{1,2}})(?P=s)(?P<y>\d{{4}}|\d{{2}})(?![\d])"
        )
        yield Rule(re.compile(numeric), self._read_date)
        if self.readings.date_before:
            pattern = rf"(?<![\d/])(?P<m>\d{{1,2}})/(?P<d>\d{{1,2}})(?={self.readings.date_before})"
            yield Rule(re.compile(pattern), self._read_date)
        if self.readings.date_after:
            behind = "|".join(f"(?<=\\b{word} )" for word in self.readings.date_after.split("|"))
            pattern = rf"(?:{behind})(?P<{first}>\d{{1,2}})/(?P<{second}>\d{{1,2}})(?![\d/%])"
            yield Rule(re.compile(pattern), self._read_date)
        if self.readings.ordinals_by_context:
            dotted = rf"{BEFORE}(?P<d>\d{{1,2}})\.{SPACE}?(?P<m>\d{{1,2}})\.(?!\d)"
            yield Rule(re.compile(dotted), self._read_date)
        yield from self._dates_in_words()

    def _dates_in_words(self) -> Iterator[Rule]:
        if not self.readings.spaces:
            if self.readings.year_sign:
                pattern = rf"(?<!\d)(?P<y>\d{{4}})(?={SPACE}?{self.readings.year_sign})"
                yield Rule(re.compile(pattern), lambda match: self.numerals.year(int(match["y"])))
            return
        months = any_of(self.months)
        year = rf"(?P<y>\d{{4}})(?![\d:]|[.,]\d|{SPACE}?%)"
        dot = r"\." if self.readings.ordinals_by_context else SUFFIX
        between, before_year = (SPACE, SPACE) if "de" not in self.readings.date else (f"{SPACE}de ", "(?: de|,) ")
        since = rf"(?:(?P<since>\d{{1,2}})\.?{DASH})?" if "the " not in self.readings.date else ""
        day_first = (
            rf"{BEFORE}{since}(?P<d>\d{{1,2}}){dot}{between}(?P<month>{months}){AFTER}\.?(?:,?{before_year}{year})?"
        )
        yield Rule(re.compile(day_first), self._read_date)
        if self.readings.day == "ordinal" and not self.readings.ordinals_by_context:
            day = rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?![\d:]|[.,/]\d|{SPACE}?[%€])"
            yield Rule(re.compile(rf"{BEFORE}(?P<month>{months}){AFTER}\.? {day}(?:,? {year})?"), self._read_date)

    def _read_date(self, match: re.Match[str]) -> str | None:
        parts = match.groupdict()
        day = int(parts["d"])
        month = self.months[parts["month"]] if parts.get("month") else int(parts["m"])
        if month > 12 >= day and not parts.get("month"):
            day, month = month, day
        if not (1 <= day <= 31 and 1 <= month <= 12):
            return None
        pattern = self.readings.date if parts.get("y") else self.readings.day_month
        said = {"day": self._day(day, match), "month": self._month(month), "year": ""}
        if parts.get("y"):
            said["year"] = self.numerals.year(_full_year(parts["y"]))
        text = pattern.format_map(said)
        if parts.get("since"):
            return self.readings.range.format(first=self._day(int(parts["since"]), match), last=text)
        if match[0].endswith(".") and not match.string[match.end() :].strip():
            text += "."  # it ends the sentence, too
        return text.removeprefix("the ") if re.search(r"\b[Tt]he $", match.string[: match.start()]) else text

    def _day(self, day: int, match: re.Match[str]) -> str:
        if self.readings.days and day <= len(self.readings.days):
            return self.readings.days[day - 1]
        if day == 1 and self.readings.first_day:
            return self.readings.first_day
        if self.readings.ordinals_by_context:
            before = match.string[: match.start()]
            return self.numerals.ordinal(day, german_ending(before, "masculine"))
        return self.numerals.ordinal(day) if self.readings.day == "ordinal" else self.numerals.cardinal(day)

    def _month(self, month: int) -> str:
        if self.readings.months:
            return self.readings.months[month - 1]
        if not self.readings.spaces:
            return self.numerals.cardinal(month)
        return str(get_month_names("wide", locale=cldr(self.locale.tag))[month])


def _full_year(written: str) -> int:
    year = int(written)
    if len(written) > 2:
        return year
    return year + (1900 if year >= CENTURY_OF_SHORT_YEARS else 2000)


def _months(locale: Locale) -> dict[str, int]:
    """Return months as they are written, long and short, with and without full stop."""
    months: dict[str, int] = {}
    for width in ("wide", "abbreviated"):
        for context in ("format", "stand-alone"):
            names = get_month_names(width, context=context, locale=cldr(locale.tag))
            months |= {name.removesuffix("."): number for number, name in names.items()}
    return months
