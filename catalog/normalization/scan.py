"""Text normalization: what a voice would have to guess is annotated with how people say it.

Prices, dates, times, percentages, units, ordinals, telephone numbers, ranges, abbreviations and bare numbers are read
by the language's own habits (catalog/data/normalization); what is shown keeps every character. In a language without
such a file only the words of the lexicon are annotated.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from catalog.lexicon import NO_LEXICON, Lexicon
from catalog.locales import Locale
from catalog.normalization.bare_numbers import BareNumbers, Decades
from catalog.normalization.dates import Dates
from catalog.normalization.measures import Measures
from catalog.normalization.ordinals import Ordinals
from catalog.normalization.phones import Phones
from catalog.normalization.prices import Prices
from catalog.normalization.readings import Readings, readings_for
from catalog.normalization.rule import Rule
from catalog.normalization.short_forms import ShortForms, Signs
from catalog.normalization.times import Times
from catalog.spoken import ANNOTATION, STRAY, annotate

# One character for one, so that places in the text stay.
FOLDED = {ord(wide): chr(ord(wide) - 0xFEE0) for wide in map(chr, range(0xFF01, 0xFF5F))} | {
    ord("٪"): "%", ord("﹪"): "%", ord("￥"): "¥", ord("￡"): "£", ord("～"): "~", ord("〜"): "~", ord("："): ":",
}  # fmt: skip
KEPT_WIDE = {ord(wide) for wide in "，．、！？（）"}


# What an earlier one can read, the later ones are not asked for.
ALL_RULES = (ShortForms, Dates, Phones, Times, Prices, Decades, Measures, Ordinals, BareNumbers, Signs)


def normalize(text: str, locale: Locale, lexicon: Lexicon = NO_LEXICON) -> str:
    """Return the text with annotations (see catalog/spoken.py) wherever a voice would have to guess.

    What is annotated already stays; words of the lexicon come before everything else.
    """
    return _normalizer(locale, lexicon).normalize(text)


@lru_cache(maxsize=256)
def _normalizer(locale: Locale, lexicon: Lexicon) -> Normalizer:
    return Normalizer(locale, lexicon)


def _rules(locale: Locale, readings: Readings) -> Iterator[Rule]:
    for kind in ALL_RULES:
        yield from kind(locale, readings).all()


@dataclass(frozen=True)
class _Stretch:
    """A part of the text that is said in another way; `written` is how it stands in the text, annotation and all."""

    start: int
    end: int
    written: str


class Normalizer:
    """The rules of one locale, with one lexicon; quicker than `normalize` for many texts."""

    def __init__(self, locale: Locale, lexicon: Lexicon) -> None:
        self.lexicon = lexicon.for_locale(locale.tag)
        readings = readings_for(locale)
        self.spaces = readings is not None and readings.spaces
        self.rules = () if readings is None else tuple(_rules(locale, readings))
        self.start = re.compile("|".join(_without_names(rule.pattern.pattern) for rule in self.rules))

    def normalize(self, text: str) -> str:
        """See `normalize`."""
        shown, kept = _annotations(text)
        kept = sorted([*kept, *self._named(shown, kept)], key=lambda stretch: stretch.start)
        if self.rules:
            kept += list(self._ruled(shown, kept))
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
            if (inside := _end_of_stretch(at, kept)) is not None:
                at = inside
                continue
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


def _end_of_stretch(at: int, kept: list[_Stretch]) -> int | None:
    return next((stretch.end for stretch in kept if stretch.start <= at < stretch.end), None)


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
