"""Which languages part long words, and by which dictionary: data from catalog/data/hyphenation.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import as_file, files

from pydantic import BaseModel, ConfigDict

from catalog.errors import WrongValue, quoted
from catalog.rows import read_rows


class HyphenationRules(BaseModel):
    """How words of a language are parted: by a dictionary of the package pyphen, or at the starts of a pattern.

    `by_default` says whether locales of the language hyphenate unless their row says otherwise; `licence` is the
    dictionary's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: str
    dictionary: str = ""
    pattern: str = ""  # of lower-case letters; a part begins where it does
    has_seams: bool = False  # the dictionary says where parts of compounds meet, at a level of its own
    by_default: bool
    licence: str


def hyphenation_rules(language: str) -> HyphenationRules | None:
    """Return the rules of a language, None where its words are never parted."""
    return hyphenated_languages().get(language)


@cache
def hyphenated_languages() -> dict[str, HyphenationRules]:
    """Return the rules of all languages that have some."""
    with as_file(files("catalog") / "data" / "hyphenation.yaml") as own:
        return read_rows(own, HyphenationRules, "language", _wrong_values)


def _wrong_values(row: HyphenationRules) -> Iterator[tuple[str, WrongValue]]:
    if bool(row.dictionary) == bool(row.pattern):
        yield "dictionary", WrongValue("stands beside a pattern, or neither does", "Write one of the two.")
    try:
        re.compile(row.pattern)
    except re.error as error:
        yield "pattern", WrongValue(f"{quoted(row.pattern)} is no regular expression: {error}", "Mend it.")
