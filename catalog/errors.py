"""What can be wrong with what people wrote: collected, then shown together.

* CatalogError          one or more problems, each with its place
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


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
