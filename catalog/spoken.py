"""Keeps what is shown and what is said side by side: annotations, words, and numbers and prices in words.

A text may carry interlinear annotations, U+FFF9 shown U+FFFA spoken U+FFFB (Unicode 23.8), so that "19,90 €" is on
screen while "neunzehn Euro neunzig" is heard. A second U+FFFA may add how it sounds in IPA.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import budoux
import icu

from catalog.arabic_numerals import arabic_number
from catalog.coins import coin_of
from catalog.locales import Locale
from catalog.money import Money

SHOWN, SPOKEN, END = "\ufff9", "\ufffa", "\ufffb"
STRAY = re.compile(f"[{SHOWN}{SPOKEN}{END}]")
PART = f"([^{SHOWN}{SPOKEN}{END}]*)"
ANNOTATION = re.compile(f"{SHOWN}{PART}{SPOKEN}{PART}(?:{SPOKEN}{PART})?{END}")

# Languages that write phrases without spaces, and the BudouX model that finds them.
PHRASE_PARSERS = {
    "ja": budoux.load_default_japanese_parser,
    "zh": budoux.load_default_simplified_chinese_parser,
    "th": budoux.load_default_thai_parser,
}
STOPS = "。！？、，；：…"
CLOSING = "」』）》】〉〕”’"
LEANING = frozenset("的了着过吗呢吧啊们得地")  # Chinese particles that a line never starts with
UNSPEAKABLE = {"Cc", "Cf", "Cn", "Co", "Cs", "So", "Sk"}  # general categories: controls, emoji, modifiers
SYMBOLS_WITH_A_NAME = frozenset("%&+=@#°§‰")
# RBNF rule sets, best first; the last ones exist in every language.
RULE_SETS = {
    "en-GB": ("%spellout-cardinal-verbose",),  # one hundred and one
    "zh": ("%spellout-cardinal-alternate2",),  # two things are 两, not 二
}
# Marks of ICU's own that are not said, and characters that readers of Chinese and Japanese take for others.
CORRECTIONS = str.maketrans({"\u00ad": "", "\u200b": "", "・": "点", "〇": "零"})


@dataclass(frozen=True)
class SpokenWord:
    """A word (in ja, zh and th: a phrase) as it is shown and as it is said; `glued` if no space precedes it.

    `ipa` is how it sounds, where that is known of the whole word; else empty.
    """

    shown: str
    spoken: str
    glued: bool
    ipa: str = ""


def annotate(shown: str, spoken: str, ipa: str = "") -> str:
    """Return text that shows one thing and says another.

    Raises:
        ValueError: one of them holds annotation marks already.
    """
    if STRAY.search(shown + spoken + ipa):
        raise ValueError(f"annotation of {shown!r}: annotations do not nest. Annotate the inner text only.")
    return f"{SHOWN}{shown}{SPOKEN}{spoken}{SPOKEN + ipa if ipa else ''}{END}"


def shown_text(text: str) -> str:
    """Return what is on screen."""
    return STRAY.sub("", ANNOTATION.sub(r"\1", text))


def spoken_text(text: str) -> str:
    """Return what is said, still as it was written: numbers and symbols that nobody annotated are left to the voice."""
    return STRAY.sub("", ANNOTATION.sub(r"\2", text))


def speakable(text: str) -> str:
    """Return composed text without emoji, controls and invisible marks, with single spaces."""
    kept = "".join(
        char if unicodedata.category(char) not in UNSPEAKABLE else " " if char.isspace() else ""
        for char in unicodedata.normalize("NFC", text)
    )
    return unicodedata.normalize("NFC", " ".join(kept.split()))  # what a mark had held apart may compose now


def is_mute(text: str) -> bool:
    """Tell whether nothing in the text makes a sound: punctuation, emoji, or nothing at all."""
    return not any(
        char.isalnum() or char in SYMBOLS_WITH_A_NAME or unicodedata.category(char) == "Sc" for char in speakable(text)
    )


def words_of(text: str, language: str) -> tuple[SpokenWord, ...]:
    """Split an annotated text where a viewer may see it split: at spaces, in ja, zh and th at phrases (BudouX).

    An annotated stretch is never split, unless its spoken half only adds vowel marks to each of its words. What
    makes no sound joins the word before it. The words in order are the shown text, but for the spaces between them.
    """
    words: list[SpokenWord] = []
    glued = True
    for shown, spoken, ipa in _slices(list(_pieces(text)), language):
        body = shown.strip()
        starts_glued = glued and not shown[:1].isspace()
        glued = bool(shown) and not shown[-1].isspace()
        if not body:
            glued = False
        elif words and (is_mute(spoken) or is_mute(words[-1].spoken)):
            before = words.pop()
            joined = before.shown + ("" if starts_glued else " ") + body
            words.append(SpokenWord(joined, speakable(f"{before.spoken} {spoken}"), before.glued, before.ipa or ipa))
        else:
            words.append(SpokenWord(body, speakable(spoken), starts_glued and bool(words), ipa))
    return tuple(words)


def spoken_number(number: Decimal | int, locale: Locale) -> str:
    """Return a number in words, such as "neunundvierzig" or "three point five"; no unit is meant."""
    if locale.language == "ar":
        return arabic_number(Decimal(number))
    return spelled(number, locale, ("%spellout-numbering-verbose",) if locale.tag == "en-GB" else ())


def spoken_money(money: Money, locale: Locale) -> str:
    """Return an amount as people of this locale say it: "neunzehn Euro neunzig", "forty-nine dollars".

    The locale's patterns are filled by `str.format_map` with `whole`, `minor`, `amount`, `currency` and
    `minor_currency`. A currency whose everyday name is not in catalog/coins.py is said by its CLDR name, with
    decimals: "ten point five Swiss francs".

    Raises:
        ValueError: the amount is negative or has fractions of a minor unit that cannot be said.
    """
    coin = coin_of(money.currency, locale)
    if money.amount < 0:
        raise ValueError(f"{money}: a price below zero cannot be said. Show the discount instead.")
    whole, fraction = divmod(money.amount, 1)
    minor = fraction * coin.minor_per_unit
    said = {"amount": _counted(money.amount.normalize(), locale, coin.gender)}
    said["currency"] = coin.name(money.amount if fraction else whole, locale)
    if fraction and (not coin.has_minor or minor % 1):
        return " ".join(f"{said['amount']} {said['currency']}".split())
    said |= {"whole": _counted(whole, locale, coin.gender), "minor": _counted(minor, locale, coin.minor_gender)}
    said |= {"currency": coin.name(whole, locale), "minor_currency": coin.minor_name(minor, locale)}
    if fraction and not whole and "{amount}" not in locale.spoken_money.with_minor:
        pattern = locale.spoken_money.whole.replace("{whole}", "{minor}").replace("{currency}", "{minor_currency}")
    else:
        pattern = locale.spoken_money.with_minor if fraction else locale.spoken_money.whole
    return " ".join(pattern.format_map(said).split())


def _counted(number: Decimal, locale: Locale, gender: str) -> str:
    """Return a number as it stands before a noun of this gender."""
    if locale.language == "ar":
        return arabic_number(number, counting=True)
    chosen = RULE_SETS.get(locale.tag) or RULE_SETS.get(locale.language) or ()
    return spelled(number, locale, (*chosen, f"%spellout-cardinal-{gender}", "%spellout-cardinal"))


def spelled(number: Decimal | int, locale: Locale, rule_sets: tuple[str, ...]) -> str:
    """Return a number in words by the first of ICU's rule sets that the language has, else as a bare number."""
    speller = _speller(locale.tag)
    names = {speller.getRuleSetName(index) for index in range(speller.getNumberOfRuleSetNames())}
    chosen = next((name for name in rule_sets if name in names), "%spellout-numbering")
    whole = number == int(number)
    words = speller.format(int(number) if whole else float(number), chosen)
    return str(words).translate(CORRECTIONS).replace("ानबे", "ानवे")


@lru_cache
def _speller(tag: str) -> icu.RuleBasedNumberFormat:
    """ICU's rule-based spell-out. num2words reads Arabic, Hindi and Chinese prices wrong, so it is not used."""
    return icu.RuleBasedNumberFormat(icu.URBNFRuleSetTag.SPELLOUT, icu.Locale(tag))


class _Piece(NamedTuple):
    """A stretch of text, annotated or not."""

    shown: str
    spoken: str
    annotated: bool = False
    ipa: str = ""


def _pieces(text: str) -> Iterator[_Piece]:
    """Yield stretches in reading order."""
    end = 0
    for match in ANNOTATION.finditer(text):
        yield from _plain(text[end : match.start()])
        if match[3]:
            yield _Piece(match[1], match[2], annotated=True, ipa=match[3])
        else:
            yield from _annotated(match[1], match[2])
        end = match.end()
    yield from _plain(text[end:])


def _plain(text: str) -> Iterator[_Piece]:
    if clean := STRAY.sub("", text):
        yield _Piece(clean, clean)


def _annotated(shown: str, spoken: str) -> Iterator[_Piece]:
    pairs = list(zip(shown.split(), spoken.split(), strict=False))
    adds_vowels = len(shown.split()) == len(spoken.split()) and all(bare(a) == bare(b) for a, b in pairs)
    if not adds_vowels or len(pairs) < 2:
        yield _Piece(shown, spoken, annotated=True)
        return
    for index, (one, other) in enumerate(pairs):
        yield _Piece(f" {one}" if index else one, other, annotated=True)


def bare(text: str) -> str:
    """Return the text without vowel marks and other combining signs."""
    return "".join(char for char in unicodedata.normalize("NFD", text) if unicodedata.category(char) != "Mn")


def _slices(pieces: list[_Piece], language: str) -> Iterator[tuple[str, str, str]]:
    """Yield (shown, spoken, IPA of all of it or nothing) between allowed breaks, spaces first."""
    shown = "".join(piece.shown for piece in pieces)
    starts = [0]
    for piece in pieces:
        starts.append(starts[-1] + len(piece.shown))
    inside = {
        offset
        for (start, end), piece in zip(pairwise(starts), pieces, strict=True)
        if piece.annotated
        for offset in range(start + 1, end)
    }
    cuts = sorted({0, len(shown), *(_breaks(shown, language) - inside)})
    for first, last in pairwise(cuts):
        spoken, heard = "", []
        for (start, end), piece in zip(pairwise(starts), pieces, strict=True):
            if piece.annotated and first <= start < last:
                said = (" " if piece.shown[:1].isspace() else "") + piece.spoken
            elif not piece.annotated and start < last and end > first:
                said = piece.shown[max(first - start, 0) : last - start]
            else:
                continue
            spoken += said
            heard += [] if is_mute(said) else [piece.ipa]
        yield shown[first:last], spoken, heard[0] if len(heard) == 1 else ""


def _breaks(text: str, language: str) -> set[int]:
    """Return the offsets at which a new word starts, white space going before it."""
    spaces = {match.start() for match in re.finditer(r"\s+(?=\S)", text)}
    if language not in PHRASE_PARSERS or not text:
        return spaces
    phrases, offset = set(), 0
    for phrase in _parser(language).parse(text):
        phrases.add(offset)
        offset += len(phrase)
    leaning = {offset for offset in phrases if text[offset] in LEANING}
    stops = {match.end() for match in re.finditer(f"[{STOPS}]+(?=[^{STOPS}{CLOSING}])", text)}
    return spaces | stops | (phrases & _word_starts(text, language)) - leaning


def _word_starts(text: str, language: str) -> set[int]:
    """Return where ICU's dictionary sees words start, in code points: it keeps Latin names and emoji whole."""
    words = icu.BreakIterator.createWordInstance(icu.Locale(language))
    words.setText(text)
    units = [0]
    for char in text:
        units.append(units[-1] + (2 if ord(char) > 0xFFFF else 1))
    at_unit = {unit: offset for offset, unit in enumerate(units)}
    return {0, *(at_unit[unit] for unit in words if unit in at_unit)}


@lru_cache
def _parser(language: str) -> budoux.Parser:
    return PHRASE_PARSERS[language]()
