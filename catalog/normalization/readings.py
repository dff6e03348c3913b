"""How each language says what is written in digits, signs and short forms: the files of catalog/data/normalization.

A language without a file is left to its voice.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from catalog.locales import Locale
from catalog.yamlfile import read_yaml, validate

FOLDER = ("data", "normalization")


class TimeOfDay(BaseModel):
    """Patterns over `{hour}`, `{next}` (the hour after) and `{minute}` in words.

    `minutes` are patterns for special minutes (`15: "सवा {hour} बजे"`), and `times` names for whole times (`1:30`).
    `suffixes` are what may stand behind the digits; where one stands for words, `{suffix}` in `after` has them.
    `hours` replaces the words for some hours. `gender` is the one of hours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    full: str
    alone: str = ""  # before a.m. and the like, where that differs from `full`
    with_minute: str
    one_hour: dict[str, str] = {}  # words to replace at one o'clock
    below_ten: str = ""  # a word before minutes 1 to 9: ten oh five
    minutes: dict[int, str] = {}
    times: dict[str, str] = {}
    suffixes: dict[str, str] = {}
    hours: dict[int, str] = {}
    gender: Literal["", "masculine", "feminine"] = ""
    hour_sign: str = ""  # 18h30
    dot_after: str = ""  # words after which 10.30 is a time
    hour_after: str = ""  # words after which a number is an hour
    evening: str = ""  # from 13 o'clock on, where hours are counted to twelve


class Readings(BaseModel):
    """The words of one language; patterns are filled by `str.format`. `regions` replaces fields for some countries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    spaces: bool = True  # between words
    decimals: dict[str, str]  # the mark between whole and fraction, and how it is said
    decimals_apart: bool = False  # digits after it one by one; else as a number
    group_space: bool = False  # a plain space may stand between thousands
    minus: str
    plus: str
    plus_minus: str
    percent: str
    percent_gender: str = ""
    permille: str
    range: str
    out_of: str
    ratio: str
    by: str
    times: str
    once: dict[int, str] = {}  # 2x where `times` does not fit
    per: str
    version_dot: str
    number_sign: str
    symbols: dict[str, str] = {}
    abbreviations: dict[str, str] = {}
    before_number: dict[str, str] = {}  # abbreviations only where a number follows: No. 5
    units: dict[str, str | dict[str, str]] = {}  # by symbol, where CLDR's form is not what people say
    feminine_units: tuple[str, ...] = ()
    feminine: str = ""  # nouns that a number before them agrees with
    masculine: str = ""  # exceptions
    not_nouns: str = ""  # what a number does not agree with
    agreeing: Literal["none", "one", "all"] = "none"  # which numbers agree: one, or all
    elided: dict[str, str] = {}  # una ora: un'ora
    measure_words: str = ""  # after which two is 两
    digit_words: tuple[str, ...] = ()  # for telephone numbers, where they differ from the numbers
    phone_pairs: bool = False
    months: tuple[str, ...] = ()  # spoken, January first; else CLDR's
    date: str
    day_month: str
    day: Literal["cardinal", "ordinal"] = "cardinal"
    first_day: str = ""
    date_before: str = ""  # what follows a month and a day: 4/1(水)
    date_after: str = ""  # words after which 31/12 is a day
    days: tuple[str, ...] = ()
    year: Literal["cardinal", "pairs", "hundreds", "digits"] = "cardinal"
    year_sign: str = ""  # after which four digits are a year
    time: TimeOfDay
    ordinals: dict[str, str] = {}  # suffix, and ICU's rule set behind "%spellout-ordinal"
    decades: str = ""  # a pattern: 1990s, 80er
    ordinals_by_context: bool = False  # German: a full stop, and what stands around it
    fractions: dict[str, str]
    mixed: dict[str, str]  # by fraction, and `other`
    half_of: dict[str, str] = {}  # of a unit, by its gender, or `other`
    fraction_of: str = "{fraction} {unit}"
    mixed_of: dict[str, str] = {}  # one and a half of a unit, by its gender, or `other`
    scales: dict[str, str] = {}  # words between number and currency: 5 million dollars
    roman_suffixed: bool = False  # XXIe
    roman_ordinal_to: int = 0  # up to which `roman_after` says ordinals
    roman_after: str = ""  # words before a Roman numeral that is said as a number
    roman_before: str = ""  # words after one that is said as an ordinal


@cache
def readings_for(locale: Locale) -> Readings | None:
    """Return how this locale's language says things, or None for a language that is left to its voice.

    Raises:
        CatalogError: the file of the language is wrong.
    """
    path = files("catalog").joinpath(*FOLDER, f"{locale.language}.yaml")
    if not path.is_file():
        return None
    with as_file(path) as own:
        file = read_yaml(own)
    content: dict[str, Any] = dict(file.content)
    regions = content.pop("regions", {})
    region = locale.tag.rpartition("-")[2]
    merged = content | regions.get(region, {})
    return validate(type(file)(file.name, merged, file.lines), Readings)
