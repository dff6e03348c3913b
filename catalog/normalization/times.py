"""Times of day."""

from __future__ import annotations

import re
from collections.abc import Iterator

from catalog.normalization.rule import AFTER, BEFORE, DASH, SPACE, Rule, Rules, any_of
from catalog.normalization.units import units_of

LAST_HOUR_WITH_QUARTERS = 12


class Times(Rules):
    """10:30, 10h30, 10.30 Uhr, 7 p.m., and ranges of them."""

    def all(self) -> Iterator[Rule]:
        """Yield the rules, best first."""
        time = self.readings.time
        clock = r"(?:[01]?\d|2[0-4]):[0-5]\d(?![\d:]|[.,]\d)"
        suffixes = any_of(time.suffixes)
        alone = any_of(set(time.suffixes) - units_of(self.locale, self.readings))
        suffix = rf"(?:{SPACE}?(?P<suffix>{suffixes})(?!\w))?"
        yield Rule(re.compile(rf"(?<![\d:])(?P<first>{clock})(?:{DASH}(?P<last>{clock}))?{suffix}"), self._read_time)
        if time.hour_sign:
            signed = rf"(?:[01]?\d|2[0-4]){SPACE}?{time.hour_sign}{SPACE}?[0-5]\d"
            pattern = rf"{BEFORE}(?P<first>{signed})(?:{DASH}(?P<last>{signed}))?{AFTER}"
            yield Rule(re.compile(pattern), self._read_time)
        if time.dot_after:
            dotted = r"(?:[01]?\d|2[0-4])\.[0-5]\d"
            behind = rf"{BEFORE}(?P<first>{dotted})(?:{DASH}(?P<last>{dotted}))?{SPACE}?(?P<suffix>{suffixes})(?!\w)"
            before = "|".join(rf"(?<={word} )" for word in time.dot_after.split("|"))
            yield Rule(re.compile(behind), self._read_time)
            yield Rule(re.compile(rf"(?:{before})(?P<first>{dotted})(?!\d)"), self._read_time)
        if time.hour_after:
            led = rf"(?<={time.hour_after} )(?P<first>1?\d|2[0-4])(?![\d:.,])"
            yield Rule(re.compile(led), self._read_time)
        hour = rf"{BEFORE}(?P<first>[01]?\d|2[0-4]){SPACE}?(?P<suffix>{alone})(?!\w)"
        yield Rule(re.compile(hour), self._read_time)

    def _read_time(self, match: re.Match[str]) -> str:
        parts = match.groupdict()
        suffix = self.readings.time.suffixes.get(parts.get("suffix") or "", "")
        said = self._time(parts["first"], alone=bool(suffix))
        if parts.get("last"):
            last = self._time(parts["last"], alone=bool(suffix))
            first = said.removesuffix(" Uhr") if last.endswith(" Uhr") else said
            said = self.readings.range.format(first=first, last=last)
        late = int(re.findall(r"\d+", parts["first"])[0]) > 12 and not suffix
        return " ".join([said, suffix, self.readings.time.evening if late else ""])

    def _time(self, written: str, *, alone: bool) -> str:
        """Return a time in words; `alone` if something behind it says that it is one."""
        time = self.readings.time
        parts = re.findall(r"\d+", written)
        hour, minute = int(parts[0]), int(parts[1]) if len(parts) > 1 else 0
        if named := time.times.get(f"{hour}:{minute:02}"):
            return named
        said = {"hour": self._hour(hour), "next": self._hour(hour % 12 + 1), "minute": self.numerals.cardinal(minute)}
        if self.locale.language == "ar":
            said["minute"] = self.numerals.cardinal(minute, "feminine")
        if 0 < minute < 10 and time.below_ten:
            said["minute"] = self.numerals.space.join([time.below_ten, said["minute"]])
        full = time.alone if alone and time.alone else time.full
        pattern = time.with_minute if minute else full
        for many, one in time.one_hour.items() if hour == 1 else ():
            pattern = pattern.replace(many, one)
        if hour <= LAST_HOUR_WITH_QUARTERS:
            pattern = time.minutes.get(minute, pattern)
        return pattern.format_map(said)

    def _hour(self, hour: int) -> str:
        time = self.readings.time
        if self.locale.language == "ar":
            return time.hours[(hour - 1) % 12 + 1]
        return time.hours.get(hour) or self.numerals.cardinal(hour, time.gender)
