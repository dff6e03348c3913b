"""Abbreviations, and signs that stand for words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from catalog.normalization.rule import AFTER, BEFORE, SPACE, Rule, Rules


class ShortForms(Rules):
    """z. B., No. 5, 24/7."""

    def all(self) -> Iterator[Rule]:
        """Yield the rules, best first."""
        readings = self.readings
        if readings.abbreviations:
            pattern = f"{BEFORE}(?P<shown>{_short_forms(readings.abbreviations)}){AFTER}"
            yield Rule(re.compile(pattern), self._read_abbreviation)
        if readings.before_number:
            pattern = f"{BEFORE}(?P<shown>{_short_forms(readings.before_number)})(?={SPACE}?\\d)"
            yield Rule(re.compile(pattern), lambda match: _known(readings.before_number, match["shown"]))

    def _read_abbreviation(self, match: re.Match[str]) -> str | None:
        said = _known(self.readings.abbreviations, match["shown"])
        ends = match["shown"].endswith(".") and not match.string[match.end() :].strip()
        return f"{said}." if ends and said else said


class Signs(Rules):
    """&, +, = and the wave dash of Japanese and Chinese."""

    def all(self) -> Iterator[Rule]:
        """Yield the rules, best first."""
        if self.readings.symbols:
            signs = "|".join(map(re.escape, self.readings.symbols))
            yield Rule(re.compile(signs), lambda match: self.readings.symbols[match[0]])
        if not self.readings.spaces:  # 10時〜18時
            between = self.readings.range.format(first="", last="")
            yield Rule(re.compile(r"(?<=[^\W\d])~(?=\d)"), lambda _: between)


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
