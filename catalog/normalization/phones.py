"""Telephone numbers: digit by digit, or in pairs where people say them so, with a pause after each group."""

from __future__ import annotations

import re
from collections.abc import Iterator

from catalog.normalization.rule import SPACE, Rule, Rules

FEWEST_DIGITS = 7


class Phones(Rules):
    """Numbers with a plus, with an area code, and in the groups of some countries."""

    def all(self) -> Iterator[Rule]:
        """Yield the rules, best first."""
        gap = rf"(?:{SPACE}|[-./])"
        shapes = (
            rf"\+\d{{1,3}}{gap}?(?:\(0\){SPACE}?)?(?:\(?\d{{1,5}}\)?{gap}?){{1,6}}\d",
            rf"\(\d{{2,5}}\){SPACE}?\d{{3,5}}(?:{gap}\d{{2,5}})*",
            rf"0\d{{1,4}}(?:{gap}\d{{2,}})+",
            r"1-\d{3}-\d{3}-\d{4}|\d{3}-\d{3}-\d{4}",  # United States
            r"\d{2} \d{4} \d{4}|\d{2} \d{4,5}-\d{4}|\d{3}-\d{4}-\d{4}|\d{5} \d{5}",  # Mexico, Brazil, China, India
        )
        pattern = rf"(?<![\w+(.,/:-])(?:{'|'.join(shapes)})(?![\d]|[.,:/]\d|{SPACE}?[%€$])"
        yield Rule(re.compile(pattern), self._read_phone)

    def _read_phone(self, match: re.Match[str]) -> str | None:
        written = match[0].replace("(0)", "")
        groups = re.findall(r"\d+", written)
        if sum(map(len, groups)) < FEWEST_DIGITS or re.fullmatch(self.whole, written.removeprefix("+")):
            return None
        plus = f"{self.readings.plus}{self.numerals.space}" if written.startswith("+") else ""
        return plus + self.numerals.phone(groups)
