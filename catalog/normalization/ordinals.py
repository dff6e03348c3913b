"""Ordinals: by their suffix, in German by what stands around a full stop, and Roman numerals."""

from __future__ import annotations

import re
from collections.abc import Iterator

from catalog.normalization.numerals import roman
from catalog.normalization.rule import AFTER, BEFORE, Rule, Rules, any_of

GERMAN_DATIVE = (
    r"(?:[Aa]m|[Vv]om|[Zz]um|[Bb]eim|[Ii]m|[Dd]em|[Dd]en|[Dd]es|[Bb]is|[Aa]b|[Ss]eit|[Nn]ach|[Zz]ur|[Dd]er) "
)
GERMAN_WEAK = r"(?:[Dd]er|[Dd]ie|[Dd]as|[Jj]ede|[Uu]nsere|[Ii]hre) "
GERMAN_COUNTED = (
    "Platz|Klasse|Mal|Jahr|Tag|Quartal|Halbjahr|Generation|Auflage|Etage|Stock|Geburtstag|Jubiläum|Advent|Saison|Runde|"
    "Hälfte|OG|UG|Teil|Kapitel|Ausgabe|Wahl|Woche|Monat|Preis|Rang|Artikel|Stelle"
)
GERMAN_NEUTER = frozenset({"Mal", "Jahr", "Quartal", "Halbjahr", "Kapitel", "Jubiläum", "OG", "UG"})


class Ordinals(Rules):
    """First, second, third."""

    def all(self) -> Iterator[Rule]:
        """Yield the rules, best first."""
        yield from self._romans()
        if self.readings.ordinals_by_context:
            pattern = rf"{BEFORE}(?P<n>\d{{1,3}})\.(?= (?P<noun>[A-ZÄÖÜ]\w*))"
            yield Rule(re.compile(pattern), self._read_german_ordinal)
        if self.readings.ordinals:
            pattern = rf"{BEFORE}(?P<n>\d{{1,4}})(?P<suffix>{any_of(self.readings.ordinals)}){AFTER}"
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
        return self.numerals.ordinal(int(match["n"]), german_ending(before, gender))

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


def german_ending(before: str, gender: str) -> str:
    """Return the ending of an ordinal by what stands before it: am dritten, der dritte, dritter."""
    if re.search(f"{GERMAN_WEAK}$", before):
        return ""
    if re.search(f"{GERMAN_DATIVE}$", before):
        return "-n"
    return {"feminine": "", "neuter": "-s"}.get(gender, "-r")
