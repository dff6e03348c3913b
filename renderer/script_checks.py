"""What a draft of copy must keep to, whoever wrote it: each finding is a sentence that its writer can mend it by."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

import icu
from babel import Locale as BabelLocale
from babel.numbers import get_currency_symbol

from catalog import Problem
from catalog.errors import WrongValue, quoted
from catalog.fields import check_text
from catalog.locales import Locale, cldr
from catalog.script import Rehearsal, ScriptRules, WantedText
from catalog.spoken import shown_text, spoken_text
from catalog.templating import expressions, literal
from renderer.cue_lines import count_chars, graphemes
from renderer.pace import chars_in

# The most characters a field shows where the rules name no limit: adloom's own, two or three short lines. Half of them
# where a character takes the room of two (counts_half_width).
FIELD_LIMITS = {"headline": 40, "subline": 50, "badge": 18, "badge_was": 18, "cta": 20, "legal": 120}
ADDRESS = re.compile(r"://|www\.|@|\.(?:com|net|org|io|shop)\b", re.IGNORECASE)
COUNTED_MONEY = re.compile(r"[〇零一二两三四五六七八九十百千万億亿]+(?:円|元|块|圓)")
BRACES = re.compile(r"\{[{%#]|[%#}]\}")


def findings(text: str, wanted: WantedText, rules: ScriptRules, rehearsal: Rehearsal) -> list[str]:
    """Return what is wrong with a draft, empty if nothing is."""
    if broken := [*_broken(text, wanted, rehearsal)]:
        return broken
    return [*_wording(text, wanted, rules), *_too_long(text, wanted, rules, rehearsal)]


def shown_limit(wanted: WantedText, rules: ScriptRules) -> int | None:
    """Return the most characters a text may show, as its language counts them; None where nothing limits it."""
    if (own := rules.limit(wanted.key, wanted.locale.tag)) is not None:
        return own
    limits = [FIELD_LIMITS[use.field] for use in wanted.uses if use.field in FIELD_LIMITS]
    share = 2 if wanted.locale.captions.counts_half_width else 1
    return min(limits) // share if limits else None


def spoken_limit(wanted: WantedText) -> int | None:
    """Return the most characters a text may be said with, numbers in words; None where it is not said."""
    rooms = [use.duration_s for use in wanted.uses if use.duration_s is not None]
    return chars_in(min(rooms), wanted.locale.language) if rooms else None


def _broken(text: str, wanted: WantedText, rehearsal: Rehearsal) -> Iterator[str]:
    """Yield what makes a text unusable: nothing in it, invisible characters, other placeholders than it may have."""
    try:
        check_text("", text)
    except WrongValue as wrong:
        yield f"the text {wrong.fact}. {wrong.cure}"
    if not any(char.isalnum() for char in text):
        yield "the text says nothing. Write it"
    found, known = sorted(expressions(text)), sorted(expressions(wanted.source))
    if wanted.source and found != known:
        yield f"placeholders are {_listed(found)} and must be exactly {_listed(known)}"
    elif not wanted.source and (new := sorted({*found} - {*rehearsal.placeholders})):
        yield f"there is no placeholder {new[0]}. Known: {_listed(rehearsal.placeholders)}"
    if BRACES.search(literal(text)):
        yield "braces stand outside of a placeholder. Remove them"
    if isinstance(problem := rehearsal.compiled(text), Problem):
        yield f"the text is not Jinja: {problem.fact}"


def _wording(text: str, wanted: WantedText, rules: ScriptRules) -> Iterator[str]:
    """Yield what the words may not be: new numbers, money, addresses, banned ones; and what they must be."""
    plain, source = literal(text), literal(wanted.source)
    if new := sorted(_numbers(plain) - _numbers(f"{source} {rules.brief}")):
        yield f"the number {new[0]} is not in the source. Remove it; prices come from placeholders"
    if money := _money(plain, wanted.locale):
        yield f"{quoted(money)} is money, which is never written out. Remove it; prices come from placeholders"
    if (address := ADDRESS.search(plain)) is not None and address[0] not in source:
        yield f"{quoted(address[0])} looks like an address. Remove it"
    for name in rules.names:
        if name in source and name not in plain:
            yield f"the name {quoted(name)} is missing. Keep it as it is"
    if said := next((word for word in rules.forbidden(wanted.locale.tag) if _says(plain, word)), None):
        yield f"{quoted(said)} is never said here. Use other words"
    required = rules.required(wanted.key, wanted.locale.tag)
    if required not in text:
        yield f"{quoted(required)} must be in the text, word for word"
    if not _in_own_letters(plain, wanted.locale, rules):
        yield f"no letter is one of {wanted.locale.name}. Write in this language"


def _too_long(text: str, wanted: WantedText, rules: ScriptRules, rehearsal: Rehearsal) -> Iterator[str]:
    compiled = rehearsal.compiled(text)
    assert not isinstance(compiled, Problem), "it was compiled before"
    readings = rehearsal.readings(compiled)
    longest = max((shown_text(reading) for reading in readings), key=len)
    shown, limit = (
        max(count_chars(shown_text(one), wanted.locale.captions) for one in readings),
        shown_limit(wanted, rules),
    )
    if limit is not None and shown > limit:
        yield f"{quoted(longest)} has {shown:g} characters and at most {limit} fit. Shorten it"
    spoken = max(len(graphemes(spoken_text(rehearsal.normalizer.normalize(reading)))) for reading in readings)
    room = spoken_limit(wanted)
    if room is not None and spoken > room:
        yield f"{quoted(longest)} is said with {spoken} characters and the scene has time for {room}. Shorten it"


def _numbers(text: str) -> set[str]:
    """Return the runs of digits, in Western ones."""
    western = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)
    return set(re.findall(r"\d+", western))


def _money(text: str, locale: Locale) -> str:
    """Return what of a text names money: a currency's sign, code or name, or numerals before one; else nothing."""
    if sign := next((char for char in text if unicodedata.category(char) == "Sc"), ""):
        return sign
    words = "|".join(re.escape(word) for word in _currency_words(locale.number_style, locale.currency))
    named = re.search(rf"(?<!\w)(?:{words})(?!\w)", text, re.IGNORECASE) or COUNTED_MONEY.search(text)
    return named[0] if named else ""


@cache
def _currency_words(style: str, currency: str) -> tuple[str, ...]:
    """Return what a locale calls its currency, longest first: code, symbol, names by plural."""
    locale: BabelLocale = cldr(style)
    plurals = locale._data["currency_names_plural"].get(currency, {}).values()
    words = {currency, get_currency_symbol(currency, style), str(locale.currencies.get(currency, currency)), *plurals}
    return tuple(sorted((word for word in words if word), key=lambda word: (-len(word), word)))


def _says(text: str, word: str) -> bool:
    """Tell whether a text has a word, however it is capitalized; in scripts without spaces it may stand anywhere."""
    found, stem = _folded(text), _folded(word.rstrip("*").strip())
    if re.search(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]", stem):
        return stem in found
    ending = "" if word.endswith("*") else r"(?!\w)"
    return re.search(rf"(?<!\w){re.escape(stem)}{ending}", found) is not None


def _folded(text: str) -> str:
    """Return a text that compares: compatible forms, no case, none of the invisible marks that could part a word."""
    visible = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    return " ".join(visible.casefold().split())


def _in_own_letters(text: str, locale: Locale, rules: ScriptRules) -> bool:
    """Tell whether any letter is one of the language's; a text of names and placeholders alone needs none."""
    for name in rules.names:
        text = text.replace(name, " ")
    letters = {char.lower() for char in text if char.isalpha()}
    own = icu.LocaleData(locale.tag.replace("-", "_")).getExemplarSet()
    return not letters or any(own.contains(char) for char in letters)


def _listed(parts: list[str] | tuple[str, ...]) -> str:
    return ", ".join(parts) or "none"
