"""Numbers in the words of a locale: counted with a noun, with decimals, as years, digit by digit, Roman numerals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from catalog.arabic_numerals import arabic_number
from catalog.locales import Locale, cldr
from catalog.normalization.readings import Readings
from catalog.spoken import RULE_SETS, spelled

MAX_DIGITS = 12  # longer ones are said digit by digit
ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
CASE_ENDINGS = {"\u064f(\u0651?)ونَ": "\u0650\\1ينَ", "َانِ": "َيْنِ", "ٌ": "ٍ"}  # Arabic, nominative to genitive


@dataclass(frozen=True)
class Number:
    """A number as it was written: digits without groups, the mark of its decimals, and these."""

    whole: str
    mark: str = ""
    fraction: str = ""

    @property
    def value(self) -> Decimal:
        """The amount."""
        return Decimal(f"{self.whole}.{self.fraction or 0}")

    @property
    def plural(self) -> Decimal:
        """What plural rules look at: decimals that are written count, even where they are zeros."""
        return Decimal(f"{self.whole}.{self.fraction}" if self.fraction else self.whole)


@dataclass(frozen=True)
class Numerals:
    """How one locale says numbers."""

    locale: Locale
    readings: Readings

    @cached_property
    def space(self) -> str:
        """What stands between words."""
        return " " if self.readings.spaces else ""

    def number(self, number: Number, noun: str = "", gender: str = "") -> str:
        """Return a number in words as it stands before `noun` (may be empty), or before nouns of a gender."""
        if len(number.whole) > MAX_DIGITS or (len(number.whole) > 1 and number.whole.startswith("0")):
            said = self.digits(number.whole)
        elif number.fraction:
            said = self.cardinal(int(number.whole))
        else:
            said = self.cardinal(int(number.whole), gender or self.gender(noun), noun)
        if not number.fraction:
            return said
        mark = self.readings.decimals.get(number.mark, self.readings.version_dot)
        return self.space.join([said, mark, self._fraction(number.fraction)])

    def cardinal(self, number: int, gender: str = "", noun: str = "") -> str:
        """Return a whole number in words."""
        if self.locale.language == "ar":
            return arabic_number(Decimal(number), counting=bool(gender), feminine=gender == "feminine")
        if self.readings.agreeing == "none" or (self.readings.agreeing == "one" and number != 1):
            gender = ""
        if self.readings.measure_words and re.match(self.readings.measure_words, noun):
            rule_sets: tuple[str, ...] = ("%spellout-cardinal-alternate2",)
        elif gender:
            rule_sets = (f"%spellout-cardinal-{gender}",)
        elif self.locale.language == "zh":
            rule_sets = ("%spellout-cardinal",)
        else:
            rule_sets = tuple(name.replace("cardinal", "numbering") for name in RULE_SETS.get(self.locale.tag, ()))
        said = spelled(number, self.locale, rule_sets)
        return self._elided(said, noun)

    def ordinal(self, number: int, rule_set: str = "") -> str:
        """Return first, second …; `rule_set` is what follows %spellout-ordinal in the name of ICU's rule set."""
        said = spelled(number, self.locale, (f"%spellout-ordinal{rule_set}",))
        return said + "ं" if said.endswith("वी") else said  # ICU's Hindi feminine lacks its nasal

    def year(self, number: int) -> str:
        """Return a year as it is said after a month."""
        style = self.readings.year
        if style == "digits":
            return self.digits(str(number))
        if style == "pairs":
            return spelled(number, self.locale, ("%spellout-numbering-year",))
        if style == "hundreds" and 1100 <= number < 2000:
            hundred = "hundert" if self.locale.language == "de" else " सौ "
            rest = self.cardinal(number % 100) if number % 100 else ""
            return f"{self.cardinal(number // 100)}{hundred}{rest}".strip()
        said = self.cardinal(number)
        return genitive(said) if self.locale.language == "ar" else said

    def decade(self, number: int) -> str:
        """Return a decade: nineteen nineties, achtziger."""
        if self.locale.language == "de":
            return f"{self.year(number)}er"
        said = self.year(number) if number > 99 else self.cardinal(number)
        return f"{said[:-1]}ies" if said.endswith("y") else f"{said}s"

    def digits(self, digits: str) -> str:
        """Return digits one by one."""
        return self.space.join(self.cardinal(int(digit)) for digit in digits)

    def phone(self, groups: list[str]) -> str:
        """Return the groups of a telephone number, with a pause after each."""
        pause = (
            "، "
            if self.locale.language == "ar"
            else ", "
            if self.readings.spaces
            else "、"
            if self.locale.language == "ja"
            else "，"
        )
        return pause.join(self._phone_group(group) for group in groups)

    def gender(self, noun: str) -> str:
        """Return the gender that a number before this noun takes, empty where there is no noun."""
        if self.locale.language == "ar" or len(noun) < 3 or re.fullmatch(self.readings.not_nouns, noun):
            return ""
        if self.locale.language == "de" and not noun[0].isupper():
            return ""
        return self.gender_of_noun(noun)

    def gender_of_noun(self, noun: str) -> str:
        """Return masculine or feminine, by the endings that the language's file knows."""
        if re.fullmatch(self.readings.masculine, noun):
            return "masculine"
        return "feminine" if re.fullmatch(self.readings.feminine, noun) else "masculine"

    def plural_form(self, number: Number) -> str:
        """Return CLDR's plural category."""
        return cldr(self.locale.tag).plural_form(number.plural)

    def _fraction(self, digits: str) -> str:
        zeros = len(digits) - len(digits.lstrip("0"))
        if self.readings.decimals_apart or len(digits) > 3 or zeros == len(digits):
            return self.digits(digits)
        return self.space.join(filter(None, [self.digits("0" * zeros), self.cardinal(int(digits))]))

    def _phone_group(self, group: str) -> str:
        if self.readings.phone_pairs:
            zeros = len(group) - len(group.lstrip("0"))
            rest = group[zeros:]
            return " ".join(filter(None, [self.digits(group[:zeros]), rest and self.number(Number(rest))]))
        if self.readings.digit_words:
            return self.space.join(self.readings.digit_words[int(digit)] for digit in group)
        return self.digits(group)

    def _elided(self, said: str, noun: str) -> str:
        for pattern, elided in self.readings.elided.items():
            said = re.sub(pattern, elided, f"{said} {noun}").removesuffix(noun).rstrip(" ")
        return said


def roman(text: str) -> int:
    """Return the value of a Roman numeral, or 0 if it is none."""
    values = [ROMAN[char] for char in text]
    value = sum(-one if one < after else one for one, after in zip(values, [*values[1:], 0], strict=True))
    return value if _as_roman(value) == text else 0


def _as_roman(value: int) -> str:
    numeral = ""
    for sign, worth in (
        ("C", 100),
        ("XC", 90),
        ("L", 50),
        ("XL", 40),
        ("X", 10),
        ("IX", 9),
        ("V", 5),
        ("IV", 4),
        ("I", 1),
    ):
        count, value = divmod(value, worth)
        numeral += sign * count
    return numeral


def genitive(words: str) -> str:
    """Return an Arabic number as it stands after a preposition."""
    for nominative, ending in CASE_ENDINGS.items():
        words = re.sub(nominative, ending, words)
    return words
