"""Units of measurement: symbols, and their long forms from CLDR or from the language's own file."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import as_file, files

from babel.units import format_unit

from catalog.locales import Locale, cldr
from catalog.normalization.readings import FOLDER, Readings
from catalog.yamlfile import read_yaml


@cache
def cldr_units() -> dict[str, str]:
    """Return symbols with CLDR's names of their units; empty for units that CLDR does not have."""
    with as_file(files("catalog").joinpath(*FOLDER, "units.yaml")) as path:
        return dict(read_yaml(path).content)


def units_of(locale: Locale, readings: Readings) -> frozenset[str]:
    """Return the symbols that a locale reads. CLDR's Arabic has no vowels, so that Arabic has its own only."""
    shared = (symbol for symbol, name in cldr_units().items() if name and locale.language != "ar")
    return frozenset(readings.units) | frozenset(shared)


def unit_with(number: str, symbol: str, category: str, locale: Locale, readings: Readings) -> str:
    """Return a number in words (may be empty) with its unit in the form of a plural category."""
    own = readings.units.get(symbol)
    if own is None:
        pattern = _cldr_pattern(cldr_units()[symbol], category, locale.tag)
    else:
        pattern = own if isinstance(own, str) else own.get(category, own["other"])
    if not readings.spaces:
        pattern = pattern.replace(" ", "")
    said = pattern.format(number)
    return said.replace("’ ", "’") if readings.elided else said


@lru_cache(maxsize=2000)
def _cldr_pattern(unit: str, category: str, tag: str) -> str:
    """Return CLDR's long form of a unit with {0} for the number, in a plural category."""
    locale = cldr(tag)
    count = next((n for n in (1, 2, 1_000_000, Decimal("0.5"), 7) if locale.plural_form(n) == category), 7)
    shown = format_unit(count, unit, "long", format="\ue000#", locale=locale)
    return " ".join(re.sub(r"\ue000[\d.,]*", "{0}", shown).replace("\u00a0", " ").split())
