"""What can be wrong with what people wrote: collected, then shown together.

* CatalogError          one or more problems, each with its place
* WrongValue            one value that does not fit; whoever reads the file adds the place
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LONGEST_QUOTE = 60  # characters of a wrong value that an error shows


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what, and what would be right.

    `subject` names what is lost by it (a product id, a locale tag, a variant id), or is empty
    when nothing can go on.
    """

    place: str
    fact: str
    cure: str
    subject: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.fact}. {self.cure}"


class CatalogError(Exception):
    """What was read cannot be used at all; carries every problem found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class WrongValue(ValueError):
    """One value does not fit; carries what is wrong and what would be right, but not yet where."""

    def __init__(self, fact: str, cure: str) -> None:
        self.fact = fact
        self.cure = cure
        super().__init__(fact, cure)

    def __str__(self) -> str:
        return f"{self.fact}. {self.cure}"


def quoted(value: object) -> str:
    """The value in single quotes, on one line and cut to what an error can show."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(value))
    text = "".join(shown)
    return f"'{text}'" if len(text) <= LONGEST_QUOTE else f"'{text[:LONGEST_QUOTE]}…'"
