"""Text normalization: what a voice would have to guess is annotated with how people say it.

Prices, dates, times, percentages, units, ordinals, telephone numbers, ranges, abbreviations and bare numbers are read by
the locale's own habits (catalog/data/normalize); what is shown keeps every character. A language without a file of
readings keeps its text, but for the words of the lexicon.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import as_file, files

from babel.dates import get_month_names
from babel.units import format_unit

from catalog.coins import COINS, DOLLARS, coin_of
from catalog.lexicon import NO_LEXICON, Lexicon
from catalog.locales import Locale, cldr
from catalog.money import Money
from catalog.numerals import MAX_DIGITS, Number, Numerals, genitive, roman
from catalog.readings import FOLDER, Readings, readings_for
from catalog.spoken import ANNOTATION, STRAY, annotate, bare, spoken_money
from catalog.yamlfile import read_yaml

# Letters that run on without spaces: a Latin word or a number may touch them.
CJK = "\u3000-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\u0e00-\u0e7f"
MARKS = "\u0300-\u036f\u064b-\u065f\u0900-\u0903\u093a-\u094f"
BEFORE = rf"(?<![^\W{CJK}])(?<![{MARKS}])"
AFTER = rf"(?![^\W{CJK}]|[{MARKS}])"
SPACE = "[ \u00a0\u2009\u202f]"
SIGN = rf"(?:(?<![^\s(\[/{CJK}])(?P<sign>[-−–+±]))?"
DASH = f"{SPACE}?[-–—−~〜～]{SPACE}?"
# One character for one, so that places in the text stay.
FOLDED = {ord(wide): chr(ord(wide) - 0xFEE0) for wide in map(chr, range(0xFF01, 0xFF5F))} | {
    ord("٪"): "%", ord("﹪"): "%", ord("￥"): "¥", ord("￡"): "£", ord("～"): "~", ord("〜"): "~", ord("："): ":",
}  # fmt: skip
KEPT_WIDE = {ord(wide) for wide in "，．、！？（）"}
CURRENCIES = ("USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "CAD", "MXN", "BRL", "AED", "SAR", "EGP", "AUD")
SYMBOLS = {
    "€": "EUR", "£": "GBP", "₹": "INR", "US$": "USD", "CA$": "CAD", "MX$": "MXN", "R$": "BRL", "A$": "AUD", "₺": "TRY",
    "₩": "KRW", "₪": "ILS", "₫": "VND", "฿": "THB", "zł": "PLN", "円": "JPY", "元": "CNY", "د.إ": "AED", "ج.م": "EGP",
    "ر.س": "SAR", "रु.": "INR", "रु": "INR",
}  # fmt: skip
GROUPS = {".": r"\.", ",": ",", "’": "['’]"}
VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8"}
LINKING = re.compile("^(?:de |di |d’)")  # deux millions d’euros
THOUSANDS = frozenset({"mil", "mila", "हज़ार", "ألف"})
CENTURY_OF_SHORT_YEARS = 70  # 70 is 1970, 69 is 2069
GERMAN_DATIVE = (
    r"(?:[Aa]m|[Vv]om|[Zz]um|[Bb]eim|[Ii]m|[Dd]em|[Dd]en|[Dd]es|[Bb]is|[Aa]b|[Ss]eit|[Nn]ach|[Zz]ur|[Dd]er) "
)
GERMAN_WEAK = r"(?:[Dd]er|[Dd]ie|[Dd]as|[Jj]ede|[Uu]nsere|[Ii]hre) "
GERMAN_COUNTED = (
    "Platz|Klasse|Mal|Jahr|Tag|Quartal|Halbjahr|Generation|Auflage|Etage|Stock|Geburtstag|Jubiläum|Advent|Saison|Runde|"
    "Hälfte|OG|UG|Teil|Kapitel|Ausgabe|Wahl|Woche|Monat|Preis|Rang|Artikel|Stelle"
)
GERMAN_NEUTER = frozenset({"Mal", "Jahr", "Quartal", "Halbjahr", "Kapitel", "Jubiläum", "OG", "UG"})

Reader = Callable[[re.Match[str]], str | None]


@dataclass(frozen=True)
class Rule:
    """What to look for, and how it is said; a reader returns None for what only looks like it."""

    pattern: re.Pattern[str]
    read: Reader


def normalize(text: str, locale: Locale, lexicon: Lexicon = NO_LEXICON) -> str:
    """Return the text with annotations (see catalog/spoken.py) wherever a voice would have to guess.

    What is annotated already stays; words of the lexicon come before everything else.
    """
    return _normalizer(locale, lexicon).annotated(text)


@lru_cache(maxsize=256)
def _normalizer(locale: Locale, lexicon: Lexicon) -> _Normalizer:
    return _Normalizer(locale, lexicon)


@dataclass(frozen=True)
class _Stretch:
    """A part of the text that is said in another way; `written` is how it stands in the text, annotation and all."""

    start: int
    end: int
    written: str


class _Normalizer:
    """The rules of one locale, with one lexicon."""

    def __init__(self, locale: Locale, lexicon: Lexicon) -> None:
        self.lexicon = lexicon.for_locale(locale.tag)
        readings = readings_for(locale)
        self.spaces = readings is not None and readings.spaces
        self.rules = () if readings is None else tuple(_Rules(locale, readings).all())
        self.start = re.compile("|".join(_without_names(rule.pattern.pattern) for rule in self.rules))

    def annotated(self, text: str) -> str:
        shown, kept = _annotations(text)
        kept = sorted([*kept, *self._named(shown, kept)], key=lambda stretch: stretch.start)
        if self.rules:
            kept += self._ruled(shown, kept)
        out, at = [], 0
        for stretch in sorted(kept, key=lambda stretch: stretch.start):
            out += [shown[at : stretch.start], stretch.written]
            at = stretch.end
        return "".join([*out, shown[at:]])

    def _named(self, shown: str, kept: list[_Stretch]) -> Iterator[_Stretch]:
        """Yield the words of the lexicon."""
        for start, end, said in self.lexicon.find(shown):
            if not _overlaps(start, end, kept):
                yield _Stretch(start, end, annotate(shown[start:end], said.say or shown[start:end], said.ipa))

    def _ruled(self, shown: str, kept: list[_Stretch]) -> Iterator[_Stretch]:
        """Yield what the rules can read, from left to right; earlier rules are asked first."""
        text = _folded(shown)
        at = 0
        while (found := self.start.search(text, at)) is not None:
            at = found.start()
            match, said = self._read(text, at, kept)
            if match is None:
                at += 1
                continue
            start, end = match.span("shown") if "shown" in match.re.groupindex else match.span()
            yield _Stretch(start, end, annotate(shown[start:end], self._apart(said, text, start, end)))
            at = end

    def _apart(self, said: str, text: str, start: int, end: int) -> str:
        """Return the words with a space towards letters that they would melt into: MP3, 4K, 19.90 €/kg."""
        if not self.spaces:
            return said
        before, after = text[start - 1 : start] if start else "", text[end : end + 1]
        return f"{' ' if _touches(before) else ''}{said}{' ' if _touches(after) else ''}"

    def _read(self, text: str, at: int, kept: list[_Stretch]) -> tuple[re.Match[str] | None, str]:
        for rule in self.rules:
            match = rule.pattern.match(text, at)
            if match is None or not match[0] or _overlaps(match.start(), match.end(), kept):
                continue
            said = rule.read(match)
            if said is not None:
                return match, " ".join(said.split())
        return None, ""


def _annotations(text: str) -> tuple[str, list[_Stretch]]:
    """Return what is shown, and the stretches of it that are annotated already."""
    shown, kept, at = "", [], 0
    for match in ANNOTATION.finditer(text):
        shown += STRAY.sub("", text[at : match.start()])
        if match[1]:
            kept.append(_Stretch(len(shown), len(shown) + len(match[1]), match[0]))
        shown += match[1]
        at = match.end()
    return shown + STRAY.sub("", text[at:]), kept


def _overlaps(start: int, end: int, kept: list[_Stretch]) -> bool:
    return any(start < stretch.end and stretch.start < end for stretch in kept)


def _folded(text: str) -> str:
    """Return the text with Western digits and narrow signs, character for character."""
    return "".join(
        str(unicodedata.decimal(char))
        if char.isdecimal()
        else char
        if ord(char) in KEPT_WIDE
        else FOLDED.get(ord(char), char)
        for char in text
    )


def _touches(char: str) -> bool:
    """Tell whether words that stand against this character would melt into it."""
    return char.isalnum() or (char != "" and unicodedata.category(char) == "Sc")


def _without_names(pattern: str) -> str:
    return re.sub(r"\(\?P=\w+\)", r".", re.sub(r"\(\?P<\w+>", "(?:", pattern))


@cache
def _cldr_units() -> dict[str, str]:
    with as_file(files("catalog").joinpath(*FOLDER, "units.yaml")) as path:
        return dict(read_yaml(path).content)


class _Rules:
    """Builds the rules of one locale from its readings and CLDR's marks."""

    def __init__(self, locale: Locale, readings: Readings) -> None:
        self.locale, self.readings = locale, readings
        self.numerals = Numerals(locale, readings)
        self.symbols = _currency_symbols(locale)
        symbols = cldr(locale.number_style).number_symbols["latn"]
        self.decimal = str(symbols["decimal"])
        mark = GROUPS.get(str(symbols["group"]), "٬")
        self.group = f"(?:{mark}|[٬\u00a0\u2009\u202f{' ' if readings.group_space else ''}])"
        self.whole = rf"(?:\d{{1,3}}(?:{self.group}\d{{2,3}})*{self.group}\d{{3}}|\d+)"
        self.plain = rf"{self.whole}(?:[{re.escape(self.decimal)}٫]\d+)?(?!\d|[.,٫٬]\d)"
        self.fraction = "|".join(sorted((*VULGAR, *readings.fractions), key=len, reverse=True))
        self.units = dict.fromkeys(readings.units, "") | {
            symbol: name for symbol, name in _cldr_units().items() if name and locale.language != "ar"
        }
        self.months = _months(locale)

    def all(self) -> Iterator[Rule]:
        """Yield the rules, best first."""
        yield from self._abbreviations()
        yield from self._dates()
        yield from self._phones()
        yield from self._times()
        yield from self._amounts()
        yield from self._decades()
        yield from self._quantities()
        yield from self._ordinals()
        yield from self._romans()
        yield from self._numbers()
        yield from self._signs()

    # Dates

    def _dates(self) -> Iterator[Rule]:
        year_first = rf"{BEFORE}(?P<y>\d{{4}})(?P<s>[-/.])(?P<m>\d{{1,2}})(?P=s)(?P<d>\d{{1,2}})(?![\d])"
        yield Rule(re.compile(year_first), self._read_date)
        short = re.sub("[^dMy]", "", cldr(self.locale.number_style).date_formats["short"].pattern)
        first, second = ("m", "d") if re.sub("(.)\\1*", "\\1", short).startswith(("M",)) else ("d", "m")
        numeric = (
            rf"{BEFORE}(?P<{first}>\d{{1,2}})(?P<s>[-/.])(?P<{second}>\d{{1,2}})(?P=s)(?P<y>\d{{4}}|\d{{2}})(?![\d])"
        )
        yield Rule(re.compile(numeric), self._read_date)
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
        months = "|".join(sorted(map(re.escape, self.months), key=len, reverse=True))
        year = rf"(?P<y>\d{{4}})(?![\d:]|[.,]\d|{SPACE}?%)"
        dot = r"\." if self.readings.ordinals_by_context else r"(?:st|nd|rd|th|er|º|\.º|°)?"
        between, before_year = (SPACE, SPACE) if "de" not in self.readings.date else (f"{SPACE}de ", "(?: de|,) ")
        since = rf"(?:(?P<since>\d{{1,2}})\.?{DASH})?" if "the " not in self.readings.date else ""
        day_first = (
            rf"{BEFORE}{since}(?P<d>\d{{1,2}}){dot}{between}(?P<month>{months}){AFTER}\.?(?:,?{before_year}{year})?"
        )
        yield Rule(re.compile(day_first), self._read_date)
        if self.readings.day == "ordinal" and not self.readings.ordinals_by_context:
            month_first = rf"{BEFORE}(?P<month>{months}){AFTER}\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?![\d:]|[.,/]\d|{SPACE}?[%€])(?:,? {year})?"
            yield Rule(re.compile(month_first), self._read_date)

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
        return text.removeprefix("the ") if re.search(r"\b[Tt]he $", match.string[: match.start()]) else text

    def _day(self, day: int, match: re.Match[str]) -> str:
        if self.readings.days and day <= len(self.readings.days):
            return self.readings.days[day - 1]
        if day == 1 and self.readings.first_day:
            return self.readings.first_day
        if self.readings.ordinals_by_context:
            before = match.string[: match.start()]
            return self.numerals.ordinal(day, _german_ending(before, "masculine"))
        return self.numerals.ordinal(day) if self.readings.day == "ordinal" else self.numerals.cardinal(day)

    def _month(self, month: int) -> str:
        if self.readings.months:
            return self.readings.months[month - 1]
        if not self.readings.spaces:
            return self.numerals.cardinal(month)
        return str(get_month_names("wide", locale=cldr(self.locale.tag))[month])

    # Telephone numbers

    def _phones(self) -> Iterator[Rule]:
        gap = rf"(?:{SPACE}|[-./])"
        shapes = (
            rf"\+\d{{1,3}}{gap}?(?:\(0\){SPACE}?)?(?:\(?\d{{1,5}}\)?{gap}?){{1,6}}\d",
            rf"\(\d{{2,5}}\){SPACE}?\d{{3,5}}(?:{gap}\d{{2,5}})*",
            rf"0\d{{1,4}}(?:{gap}\d{{2,}})+",
            r"1-\d{3}-\d{3}-\d{4}|\d{3}-\d{3}-\d{4}|\d{2} \d{4} \d{4}|\d{2} \d{4,5}-\d{4}|\d{3}-\d{4}-\d{4}",
        )
        pattern = rf"(?<![\w+(.,/:-])(?:{'|'.join(shapes)})(?![\d]|[.,:/]\d|{SPACE}?[%€$])"
        yield Rule(re.compile(pattern), self._read_phone)

    def _read_phone(self, match: re.Match[str]) -> str | None:
        written = match[0].replace("(0)", "")
        groups = re.findall(r"\d+", written)
        if sum(map(len, groups)) < 7:
            return None
        plus = f"{self.readings.plus}{self.numerals.space}" if written.startswith("+") else ""
        return plus + self.numerals.phone(groups)

    # Times of day

    def _times(self) -> Iterator[Rule]:
        time = self.readings.time
        clock = r"(?:[01]?\d|2[0-4]):[0-5]\d(?![\d:]|[.,]\d)"
        suffixes = "|".join(sorted(map(re.escape, time.suffixes), key=len, reverse=True)) or "(?!)"
        alone = "|".join(re.escape(sign) for sign in time.suffixes if sign not in self.units and sign != "م") or "(?!)"
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

    def _read_time(self, match: re.Match[str]) -> str | None:
        parts = match.groupdict()
        following = match.string[match.end() :].lstrip()
        said = self._time(parts["first"], spare=bool(parts.get("suffix")) and ":" not in parts["first"])
        if said is None:
            return None
        if parts.get("last"):
            last = self._time(parts["last"])
            if last is None:
                return None
            first = said.removesuffix(" Uhr") if last.endswith("Uhr") else said
            said = self.readings.range.format(first=first, last=last)
        said = said.removesuffix(" Uhr") if following.startswith("Uhr") and said.endswith(" Uhr") else said
        late = int(re.findall(r"\d+", parts["first"])[0]) > 12 and not parts.get("suffix")
        said = f"{said} {self.readings.time.evening}" if late else said
        spoken_suffix = self.readings.time.suffixes.get(parts.get("suffix") or "", "")
        return f"{said} {spoken_suffix}".replace(" o’clock a.m.", " a.m.").replace(" o’clock p.m.", " p.m.")

    def _time(self, written: str, *, spare: bool = False) -> str | None:
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
        if spare and not time.full.endswith(("Uhr", "बजे", "horas")):
            return said["hour"]
        plain = time.with_minute if minute else time.full
        if hour == 1 and "heures" in plain:
            plain = plain.replace("heures", "heure")
        elif hour == 1 and plain.endswith("horas"):
            plain = plain.replace("horas", "hora")
        pattern = time.minutes.get(minute, plain) if hour <= 12 else plain
        return pattern.format_map(said)

    def _hour(self, hour: int) -> str:
        time = self.readings.time
        if self.locale.language == "ar":
            return time.hours[(hour - 1) % 12 + 1]
        return time.hours.get(hour) or self.numerals.cardinal(hour, time.gender)

    # Prices

    def _amounts(self) -> Iterator[Rule]:
        money = rf"(?:{self.plain}|(?:\d{{1,3}}(?:[.,]\d{{3}})+|\d+)(?:[.,]\d{{1,2}})?(?!\d|[.,]\d))(?:[.,][-–—]+)?"
        symbols = "|".join(sorted(map(re.escape, self.symbols), key=len, reverse=True))
        scales = "|".join(sorted(map(re.escape, self.readings.scales), key=len, reverse=True)) or "(?!)"
        scale = rf"(?:{SPACE}?(?P<scale>{scales})(?!\w))?" if self.readings.spaces else f"(?P<scale>{scales})?"
        edge = rf"(?![^\W\d{CJK}])(?![{MARKS}])"
        number = rf"(?P<first>{money})(?:{DASH}(?P<last>{money}))?{scale}"
        code = rf"(?:{SPACE}?(?P<code>{'|'.join(CURRENCIES)})(?!\w))?"
        yield Rule(re.compile(rf"{SIGN}{BEFORE}(?P<symbol>{symbols}){SPACE}?{number}{code}"), self._read_money)
        yield Rule(re.compile(rf"{SIGN}{BEFORE}{number}{SPACE}?(?P<symbol>{symbols}){edge}"), self._read_money)
        unit = "|".join(sorted(map(re.escape, self.units), key=len, reverse=True))
        slash = rf"(?<=[\w€$£¥₹.]){SPACE}?/{SPACE}?(?:(?P<unit>{unit})(?!\w)|(?=\d+{SPACE}?(?:{unit})(?!\w)))"
        yield Rule(re.compile(slash), self._read_per)
        if self.readings.spaces:
            yield Rule(re.compile(rf"(?<=[€$£₹]){SPACE}?/(?=[^\W\d])"), lambda _: self.readings.per.format(unit=""))

    def _read_money(self, match: re.Match[str]) -> str | None:
        currency = match.groupdict().get("code") or self.symbols[match["symbol"]]
        numbers = [self._number(match[name]) for name in ("first", "last") if match[name]]
        if any(len(number.whole) > MAX_DIGITS or re.match(r"0\d", number.whole) for number in numbers):
            return None
        sign = self._sign(match)
        if match["scale"]:
            count = Decimal(1000 if match["scale"] in THOUSANDS else 1_000_000)
            coin = coin_of(currency, self.locale).name(count, self.locale)
            said = self.numerals.space.join([self._span(numbers), self.readings.scales[match["scale"]], coin])
            return sign + said
        said = spoken_money(Money(amount=numbers[-1].value, currency=currency), self.locale)
        if len(numbers) > 1:
            first = self.numerals.number(numbers[0])
            if numbers[0].fraction:
                first = spoken_money(Money(amount=numbers[0].value, currency=currency), self.locale)
            said = self._from_to(first, said)
        return sign + self.numerals.tidy(said)

    def _read_per(self, match: re.Match[str]) -> str | None:
        if not match["unit"]:
            return self.readings.per.format(unit="")
        unit = self._unit(match["unit"], "one", "").strip()
        return self.readings.per.format(unit=unit)

    def _decades(self) -> Iterator[Rule]:
        if decades := self.readings.decades:
            pattern = rf"(?<![\d.,/-])(?:1[1-9]|20)\d0{decades}{AFTER}|\d0[’']?{decades}{AFTER}"
            if decades == "s":
                pattern = pattern.replace("|", "|(?<=[Tt]he )").replace("[’']?", "") + rf"|\d0[’']s{AFTER}"
            yield Rule(re.compile(pattern), lambda match: self.numerals.decade(int(re.findall(r"\d+", match[0])[0])))

    # Percentages, measures, ranges, fractions

    def _quantities(self) -> Iterator[Rule]:
        plain, space = self.plain, SPACE
        number = rf"{SIGN}(?P<first>{plain})(?:{DASH}(?P<last>{plain}))?"
        start = r"(?<![\d])(?<!\d[.,])"
        yield Rule(re.compile(rf"{SIGN}(?P<permille>(?=[\d]))(?P<first>{plain}){space}?‰"), self._read_permille)
        percent = rf"{start}(?:{SIGN}(?P<a>{plain})(?:{space}?%)?{DASH})?(?P<first>{plain}){space}?%"
        yield Rule(re.compile(percent.replace("(?P<sign>", "(?P<far>", 1)), self._read_percent)
        yield Rule(re.compile(rf"{start}{SIGN}(?P<first>{plain}){space}?%"), self._read_percent)
        yield Rule(re.compile(rf"{SIGN}%{space}?(?P<first>{plain})"), self._read_percent)
        unit = "|".join(sorted(map(re.escape, self.units), key=len, reverse=True))
        unit = rf"{space}?(?P<unit>{unit}){AFTER}(?![²³])"
        by = rf"(?:{space}?[x×]{space}?(?P<by>{plain})(?:{space}?[x×]{space}?(?P<deep>{plain}))?)"
        yield Rule(re.compile(rf"{start}(?P<first>{plain}){by}(?:{unit})?{AFTER}"), self._read_measure)
        mixed = rf"(?:(?P<whole>\d+){space}?)?(?P<part>{self.fraction})(?![\d/])"
        yield Rule(re.compile(rf"(?<![\d/.,]){mixed}{unit}"), self._read_part_of_unit)
        yield Rule(re.compile(rf"{start}{number}{unit}"), self._read_measure)
        yield Rule(re.compile(rf"(?<![\d/.,]){mixed}"), self._read_part)
        rated = rf"{start}(?P<first>{plain})/(?P<last>5|10|100)(?![\d/])"
        yield Rule(re.compile(rated), lambda match: self._between(match, self.readings.out_of))
        yield Rule(
            re.compile(rf"{start}(?P<first>\d{{1,2}}):(?P<last>\d{{1,2}})(?![\d:])"),
            lambda match: self._between(match, self.readings.ratio),
        )
        dash = f"{SPACE}?[–—~]{SPACE}?|-"
        ranged = rf"{BEFORE}(?<![-.,])(?P<first>{plain})(?:{dash})(?P<last>{plain})(?![-–]\d){AFTER}"
        yield Rule(re.compile(ranged), self._read_range)
        yield Rule(re.compile(rf"{start}(?P<first>{plain}){space}?[x×]{AFTER}"), self._read_times)

    def _read_permille(self, match: re.Match[str]) -> str:
        number = self.numerals.number(self._number(match["first"]))
        return self._sign(match) + self.readings.permille.format(number=number)

    def _read_percent(self, match: re.Match[str]) -> str:
        numbers = [self._number(match[name]) for name in ("a", "first") if match.groupdict().get(name)]
        said = self._span(numbers, standing="" if self.locale.language != "de" else "neuter")
        return self._sign(match) + self.readings.percent.format(number=said)

    def _read_measure(self, match: re.Match[str]) -> str:
        parts = match.groupdict()
        names = [name for name in ("first", "by", "deep", "last") if parts.get(name)]
        numbers = [self._number(parts[name]) for name in names]
        unit = parts.get("unit")
        words = [self._before_unit(number, unit) for number in numbers]
        said = words[0]
        for word in words[1:]:
            said = self.readings.by.format(first=said, last=word) if "by" in names else self._from_to(said, word)
        sign = self._sign(match) if "sign" in parts else ""
        if not unit:
            return sign + said
        return sign + self._unit(unit, self.numerals.plural_form(numbers[-1]), said)

    def _before_unit(self, number: Number, unit: str | None) -> str:
        if unit is None:
            return self.numerals.number(number)
        form = self._unit(unit, self.numerals.plural_form(number), "")
        if self.locale.language == "ar":
            gender = "feminine" if unit in self.readings.feminine_units else "masculine"
            return self.numerals.number(number, gender=gender)
        noun = form.strip().split(" ")[0] if self.readings.spaces else form
        return self.numerals.number(number, noun, gender=self._unit_gender(noun))

    def _unit_gender(self, noun: str) -> str:
        return "" if self.readings.agreeing == "none" else self.numerals.gender_of_noun(noun)

    def _unit(self, symbol: str, category: str, number: str) -> str:
        """Return a number (in words, may be empty) with its unit."""
        own = self.readings.units.get(symbol)
        if own is None:
            pattern = _cldr_pattern(self.units[symbol], category, self.locale.tag)
        else:
            pattern = own if isinstance(own, str) else own.get(category, own["other"])
        if not self.readings.spaces:
            pattern = pattern.replace(" ", "")
        said = pattern.format(number)
        return said.replace("’ ", "’") if self.readings.elided else said

    def _read_part(self, match: re.Match[str]) -> str | None:
        part = VULGAR.get(match["part"], match["part"])
        if not match["whole"]:
            return self.readings.fractions.get(part)
        mixed, whole = self.readings.mixed, int(match["whole"])
        pattern = mixed.get(f"{whole} {part}") or mixed.get(part) or mixed["other"]
        said = self.numerals.cardinal(whole, "masculine" if self.locale.language == "de" else "")
        return pattern.format(whole=said, fraction=self.readings.fractions[part])

    def _read_part_of_unit(self, match: re.Match[str]) -> str | None:
        part, symbol = VULGAR.get(match["part"], match["part"]), match["unit"]
        one = self._unit(symbol, "one", "").strip()
        if self.locale.language == "ar":
            one = self._unit(symbol, "other", "").strip()
        noun = one.split(" ")[0]
        gender = self.numerals.gender_of_noun(noun)
        if gender == "masculine" and not re.fullmatch(self.readings.masculine, noun):
            gender = "other"
        if match["whole"]:
            whole = Number(match["whole"])
            if part == "1/2" and (pattern := self.readings.mixed_of.get(gender) or self.readings.mixed_of.get("other")):
                measure = self._unit(symbol, self.numerals.plural_form(whole), self._before_unit(whole, symbol))
                return pattern.format(unit=measure)
            return self._unit(symbol, "other", self._read_part(match) or "")
        if part == "1/2" and (pattern := self.readings.half_of.get(gender) or self.readings.half_of.get("other")):
            return pattern.format(unit=one)
        return self.readings.fraction_of.format(fraction=self.readings.fractions[part], unit=one)

    def _read_range(self, match: re.Match[str]) -> str | None:
        first, last = self._number(match["first"]), self._number(match["last"])
        if first.value >= last.value or (first.whole.startswith("0") and len(first.whole) > 1):
            return None
        return self._between(match, self.readings.range)

    def _between(self, match: re.Match[str], pattern: str) -> str:
        noun = _noun_after(match)
        first, last = (self.numerals.number(self._number(match[name]), noun) for name in ("first", "last"))
        return self._from_to(first, last) if pattern == self.readings.range else pattern.format(first=first, last=last)

    def _from_to(self, first: str, last: str) -> str:
        if self.locale.language == "ar":
            first, last = genitive(first), genitive(last)
        return self.readings.range.format(first=first, last=last)

    def _read_times(self, match: re.Match[str]) -> str:
        number = self._number(match["first"])
        if not number.fraction and int(number.whole) in self.readings.once:
            return self.readings.once[int(number.whole)]
        noun = self.readings.times.replace("{number}", "").strip().split(" ")[0]
        return self.readings.times.format(number=self.numerals.number(number, noun))

    # Short forms, ordinals, Roman numerals

    def _abbreviations(self) -> Iterator[Rule]:
        readings = self.readings
        if readings.before_number:
            pattern = f"{BEFORE}(?P<shown>{_short_forms(readings.before_number)})(?={SPACE}?\\d)"
            yield Rule(re.compile(pattern), lambda match: _known(readings.before_number, match["shown"]))
        if readings.abbreviations:
            pattern = f"{BEFORE}(?P<shown>{_short_forms(readings.abbreviations)}){AFTER}"
            yield Rule(re.compile(pattern), self._read_abbreviation)

    def _read_abbreviation(self, match: re.Match[str]) -> str | None:
        said = _known(self.readings.abbreviations, match["shown"])
        ends = match["shown"].endswith(".") and not match.string[match.end() :].strip()
        return f"{said}." if ends and said else said

    def _ordinals(self) -> Iterator[Rule]:
        if self.readings.ordinals_by_context:
            pattern = rf"(?<=(?:(?<=\s)|(?<!.)).)?{BEFORE}(?P<n>\d{{1,3}})\.(?= (?P<noun>[A-ZÄÖÜ][\wäöüß]*))"
            pattern = pattern.replace(r"(?<=(?:(?<=\s)|(?<!.)).)?", "")
            yield Rule(re.compile(pattern), self._read_german_ordinal)
            return
        if self.readings.ordinals:
            suffixes = "|".join(sorted(map(re.escape, self.readings.ordinals), key=len, reverse=True))
            pattern = rf"{BEFORE}(?P<n>\d{{1,4}})(?P<suffix>{suffixes}){AFTER}(?![{MARKS}])"
            yield Rule(re.compile(pattern), self._read_ordinal)

    def _read_ordinal(self, match: re.Match[str]) -> str:
        suffix = match["suffix"]
        if self.locale.language == "fr" and suffix in ("nd", "nde"):
            return "second" if suffix == "nd" else "seconde"
        return self.numerals.ordinal(int(match["n"]), self.readings.ordinals[suffix])

    def _read_german_ordinal(self, match: re.Match[str]) -> str | None:
        before, noun = match.string[: match.start()], match["noun"]
        led = re.search(rf"(?:{GERMAN_DATIVE}|{GERMAN_WEAK})$", before)
        if not led and not re.fullmatch(GERMAN_COUNTED, noun):
            return None
        gender = "neuter" if noun in GERMAN_NEUTER else self.numerals.gender_of_noun(noun)
        return self.numerals.ordinal(int(match["n"]), _german_ending(before, gender))

    def _romans(self) -> Iterator[Rule]:
        if after := self.readings.roman_after:
            yield Rule(re.compile(rf"{BEFORE}(?P<word>{after}) (?P<n>[IVXLC]+){AFTER}"), self._read_roman)
        if before := self.readings.roman_before:
            pattern = rf"{BEFORE}(?P<n>[IVXLC]+)(?= (?:{before}){AFTER})"
            yield Rule(re.compile(pattern), lambda match: self._roman_ordinal(match["n"], "-masculine"))
        if self.readings.roman_suffixed:
            pattern = rf"{BEFORE}(?P<n>[IVX]+)(?P<suffix>ème|er|re|e){AFTER}"
            rule_sets = self.readings.ordinals
            yield Rule(re.compile(pattern), lambda match: self._roman_ordinal(match["n"], rule_sets[match["suffix"]]))

    def _roman_ordinal(self, numeral: str, rule_set: str) -> str | None:
        return self.numerals.ordinal(roman(numeral), rule_set) if roman(numeral) else None

    def _read_roman(self, match: re.Match[str]) -> str | None:
        value = roman(match["n"])
        if not value:
            return None
        if value <= self.readings.roman_ordinal_to:
            feminine = match["word"].lower() == "parte"
            return f"{match['word']} {self.numerals.ordinal(value, '-feminine' if feminine else '-masculine')}"
        return f"{match['word']} {self.numerals.cardinal(value)}"

    # Bare numbers and signs

    def _numbers(self) -> Iterator[Rule]:
        yield Rule(re.compile(r"(?<![\d.])\d+(?:\.\d+){2,}(?!\d)"), self._read_version)
        yield Rule(re.compile(r"(?<![\d.,])\d\.\d(?![\d.,])"), self._read_version)
        number_sign = r"[#№]" + SPACE + r"?(?P<first>\d{1,6})(?!\d)"
        yield Rule(
            re.compile(number_sign),
            lambda match: self.readings.number_sign.format(number=self.numerals.number(Number(match["first"]))),
        )
        if self.readings.year in ("pairs", "hundreds"):
            yield Rule(re.compile(r"(?<![\d.,/-])(?:1[1-9]|20)\d\d(?![\d/]|[.,]\d)"), self._read_year)
        yield Rule(re.compile(rf"(?<!\d)(?<!\d[.,]){SIGN}(?P<first>{self.plain})"), self._read_number)
        yield Rule(re.compile(r"\d+"), self._read_digits)

    def _read_version(self, match: re.Match[str]) -> str | None:
        if (match[0].count(".") == 1 and self.decimal == ".") or re.fullmatch(self.plain, match[0]):
            return None
        parts = [self.numerals.number(Number(part)) for part in match[0].split(".")]
        return f"{self.numerals.space}{self.readings.version_dot}{self.numerals.space}".join(parts)

    def _read_year(self, match: re.Match[str]) -> str | None:
        year = int(match[0])
        return self.numerals.year(year) if year < 2000 or self.readings.year == "pairs" else None

    def _read_number(self, match: re.Match[str]) -> str:
        noun = "" if match.string[: match.start()].endswith("第") else _noun_after(match)
        return self._sign(match) + self.numerals.number(self._number(match["first"]), noun)

    def _read_digits(self, match: re.Match[str]) -> str:
        return self.numerals.number(Number(match[0]))

    def _signs(self) -> Iterator[Rule]:
        if self.readings.symbols:
            signs = "|".join(map(re.escape, self.readings.symbols))
            yield Rule(re.compile(signs), lambda match: self.readings.symbols[match[0]])
        if not self.readings.spaces:  # 10時〜18時
            between = self.readings.range.format(first="", last="")
            yield Rule(re.compile(r"(?<=[^\W\d])~(?=\d)"), lambda _: between)

    # Parts of all

    def _number(self, written: str) -> Number:
        """Return what was written; a last mark with one or two digits behind it, or the locale's own, is decimal."""
        written = re.sub(r"[.,][-–—]+$", "", written)
        own = re.fullmatch(rf"({self.whole})([{re.escape(self.decimal)}٫])(\d+)", written)
        other = None if own else re.fullmatch(r"(.*?)([.,])(\d{1,2})", written)
        if match := own or other:
            mark = self.decimal if match[2] == "٫" else match[2]
            return Number(re.sub(r"\D", "", match[1]), mark, match[3])
        return Number(re.sub(r"\D", "", written))

    def _span(self, numbers: list[Number], standing: str = "") -> str:
        words = [self.numerals.number(number, gender=standing) for number in numbers]
        if len(words) == 1:
            return words[0]
        return self._from_to(words[0], words[1])

    def _sign(self, match: re.Match[str]) -> str:
        sign = match.groupdict().get("sign") or match.groupdict().get("far")
        if not sign:
            return ""
        said = {"+": self.readings.plus, "±": self.readings.plus_minus}.get(sign, self.readings.minus)
        return f"{said}{self.numerals.space}"


def _noun_after(match: re.Match[str]) -> str:
    """Return the word behind a match, one space away at most."""
    found = re.compile(rf"{SPACE}?(\w+)").match(match.string, match.end())
    return found[1] if found else ""


def _full_year(written: str) -> int:
    year = int(written)
    if len(written) > 2:
        return year
    return year + (1900 if year >= CENTURY_OF_SHORT_YEARS else 2000)


def _german_ending(before: str, gender: str) -> str:
    """Return the ending of an ordinal by what stands before it: am dritten, der dritte, dritter."""
    if re.search(f"{GERMAN_WEAK}$", before):
        return ""
    if re.search(f"{GERMAN_DATIVE}$", before):
        return "-n"
    return {"feminine": "", "neuter": "-s"}.get(gender, "-r")


def _short_forms(table: dict[str, str]) -> str:
    """Return a pattern of abbreviations: a space in them may be narrow or missing, the first letter may be large."""
    patterns = []
    for short in sorted(table, key=len, reverse=True):
        first = f"[{short[0].lower()}{short[0].upper()}]" if short[0].isalpha() else re.escape(short[0])
        rest = re.escape(short[1:]).replace("\\ ", f"{SPACE}?")
        patterns.append(first + rest)
    return "|".join(patterns)


def _known(table: dict[str, str], written: str) -> str | None:
    squeezed = re.sub(SPACE, "", written)
    for short, said in table.items():
        if squeezed == short.replace(" ", ""):
            return said
    folded = squeezed.casefold()
    return next((said for short, said in table.items() if short.replace(" ", "").casefold() == folded), None)


def _months(locale: Locale) -> dict[str, int]:
    """Return months as they are written, long and short, with and without full stop."""
    months = {}
    for width in ("wide", "abbreviated"):
        for context in ("format", "stand-alone"):
            names = get_month_names(width, context=context, locale=cldr(locale.tag))
            months |= {name.removesuffix("."): number for number, name in names.items()}
    return months


def _currency_symbols(locale: Locale) -> dict[str, str]:
    """Return symbols, codes and names of currencies with their ISO 4217 codes, as this locale means them."""
    symbols = {code: code for code in {*CURRENCIES, locale.currency}} | SYMBOLS
    symbols["¥"] = "CNY" if locale.language == "zh" else "JPY"
    symbols["$"] = locale.currency if locale.currency in DOLLARS | {"MXN"} else "USD"
    if locale.currency == "CHF":
        symbols |= {"Fr.": "CHF", "SFr.": "CHF"}
    for code, coin in COINS.get(locale.language, {}).items():
        mine = locale.currency if code == "USD" and locale.currency in DOLLARS else code
        symbols |= {LINKING.sub("", bare(name)).split(" ")[0]: mine for name in coin.names.values()}
    return symbols


@lru_cache(maxsize=2000)
def _cldr_pattern(unit: str, category: str, tag: str) -> str:
    """Return CLDR's long form of a unit with {0} for the number, in a plural category."""
    locale = cldr(tag)
    count = next((n for n in (1, 2, 1_000_000, Decimal("0.5"), 7) if locale.plural_form(n) == category), 7)
    shown = format_unit(count, unit, "long", format="\ue000#", locale=locale)
    return " ".join(re.sub(r"\ue000[\d.,]*", "{0}", shown).replace("\u00a0", " ").split())
