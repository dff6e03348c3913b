"""Reads locales: language tag, direction, currency, number style, voice, fonts, legal line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from string import Formatter
from typing import Any, Literal

from babel import Locale as BabelLocale
from babel import UnknownLocaleError
from babel.numbers import format_currency, parse_pattern
from pydantic import BaseModel, ConfigDict, model_validator

from catalog.caption_rules import CaptionRules, caption_rules
from catalog.errors import WrongValue, quoted
from catalog.hyphenation_rules import hyphenated_languages, hyphenation_rules
from catalog.money import Money, currencies_in_use
from catalog.rows import read_rows

TAG = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")  # BCP 47: language, script, region
VOICE = re.compile(r"[a-z0-9_]+:[A-Za-z0-9_][A-Za-z0-9_.+-]*")
SPOKEN_NAMES = frozenset({"whole", "minor", "amount", "currency", "minor_currency"})


class SpokenMoney(BaseModel):
    """How an amount is read aloud: `str.format_map` patterns.

    Spelled-out numbers: `whole`, `minor` and `amount` (all of it). Units as people call them at home, in the right
    plural: `currency`, `minor_currency`. The pattern `whole` is for amounts without minor units.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    whole: str
    with_minor: str


class Locale(BaseModel):
    """One language and region to speak to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tag: str  # BCP 47, such as de-CH
    name: str  # the language's own name for itself
    currency: str  # ISO 4217
    direction: Literal["ltr", "rtl"]
    voice: str  # a row of the voice table, "<engine>:<voice>"
    number_style: str  # CLDR locale that Babel formats with, such as de_CH
    fonts: tuple[str, ...]  # families, first that has the glyph wins
    legal_line: str
    captions: CaptionRules  # a row may say some of them; the rest are those of its language
    spoken_money: SpokenMoney
    hyphenation: bool  # long words may be parted where they do not fit; as its language has it unless a row says so

    @model_validator(mode="before")
    @classmethod
    def _rules_of_its_language(cls, fields: Any) -> Any:
        if not isinstance(fields, Mapping) or not isinstance(given := fields.get("captions", {}), Mapping):
            return fields
        language = str(fields.get("tag", "")).split("-")[0]
        norms, parting = caption_rules(language), hyphenation_rules(language)
        usual = {"hyphenation": parting is not None and parting.by_default}
        return {**usual, **fields, "captions": {**norms.model_dump(), **given}}

    @property
    def language(self) -> str:
        """The primary language subtag: `de` of `de-CH`."""
        return self.tag.split("-")[0]


def read_locales(path: Path | None = None) -> dict[str, Locale]:
    """Every locale of a YAML file by its tag; without a path, the locales that come with adloom.

    Raises:
        CatalogError: the file or some of its rows do not fit; every problem names file and line.
    """
    if path is not None:
        return read_rows(path, Locale, "tag", _wrong_values)
    with as_file(files("catalog") / "data" / "locales.yaml") as own:
        return read_rows(own, Locale, "tag", _wrong_values)


def fallback_chain(tag: str) -> tuple[str, ...]:
    """The tag, then without its last subtag, down to the language: `("de-CH", "de")`. RFC 4647, section 3.4."""
    subtags = tag.split("-")
    return tuple("-".join(subtags[:length]) for length in range(len(subtags), 0, -1))


def format_money(money: Money, locale: Locale) -> str:
    """The amount as people of this locale write it: `27,90 €`, `¥3,980`.

    Whole amounts go without decimals (`69 €`, `₹1,299`), as on price tags. Digits are Western everywhere.
    """
    style = cldr(locale.number_style)
    if money.amount != money.amount.to_integral_value():
        return format_currency(money.amount, money.currency, locale=style)
    pattern = parse_pattern(style.currency_formats["standard"].pattern)
    pattern.frac_prec = (0, 0)
    return str(pattern.apply(money.amount, style, currency=money.currency, currency_digits=False))


@cache
def cldr(name: str) -> BabelLocale:
    """Return what CLDR knows about `de_CH` or `de-CH`; looking it up costs more than formatting a price."""
    return BabelLocale.parse(name.replace("-", "_"))


def _wrong_values(locale: Locale) -> Iterator[tuple[str, WrongValue]]:
    """What the types do not say: names that Babel must know, and patterns that must fill."""
    if not TAG.fullmatch(locale.tag) or not _known(locale.tag, "-"):
        yield "", WrongValue(f"{quoted(locale.tag)} is no language tag", "Write BCP 47, such as de-CH or zh-Hant-TW.")
    if not _known(locale.number_style, "_"):
        wrong = WrongValue(f"{quoted(locale.number_style)} is unknown to CLDR", "Write a locale such as de_CH.")
        yield "number_style", wrong
    elif BabelLocale.parse(locale.number_style).text_direction != locale.direction:
        yield "direction", WrongValue(f"{quoted(locale.direction)} is not how it is written", "Write the other one.")
    if locale.currency not in currencies_in_use():
        wrong = WrongValue(f"{quoted(locale.currency)} is no currency of today", "Write ISO 4217, such as EUR.")
        yield "currency", wrong
    if not VOICE.fullmatch(locale.voice):
        yield "voice", WrongValue(f"{quoted(locale.voice)} is no voice", "Write '<engine>:<voice>'.")
    if not locale.fonts:
        yield "fonts", WrongValue("is empty", "Name at least one font family.")
    if locale.hyphenation and hyphenation_rules(locale.language) is None:
        wrong = WrongValue("there are no rules for this language", f"Known: {', '.join(hyphenated_languages())}.")
        yield "hyphenation", wrong
    yield from _wrong_patterns(locale.spoken_money)


def _wrong_patterns(spoken: SpokenMoney) -> Iterator[tuple[str, WrongValue]]:
    for pattern, needed in ((spoken.whole, {"whole", "amount"}), (spoken.with_minor, {"minor", "amount"})):
        try:
            names = {name for _, name, _, _ in Formatter().parse(pattern) if name is not None}
        except ValueError:
            names = {""}
        if not names <= SPOKEN_NAMES:
            cure = "Use only {" + "} {".join(sorted(SPOKEN_NAMES)) + "}."
            yield "spoken_money", WrongValue(f"{quoted(pattern)} has a name that is not filled", cure)
        elif not names & needed:
            cure = "Use {" + "} or {".join(sorted(needed)) + "}."
            yield "spoken_money", WrongValue(f"{quoted(pattern)} does not say the amount", cure)


def _known(name: str, separator: str) -> bool:
    try:
        BabelLocale.parse(name, sep=separator)
    except (UnknownLocaleError, ValueError):
        return False
    return True
