"""The lexicon of a campaign: how names and words are said where a voice would guess wrong.

`lexicon.yaml` in the campaign's folder is a list of entries; see templates/README.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator, model_validator

from catalog.errors import CatalogError, Problem
from catalog.locales import TAG, fallback_chain
from catalog.spoken import STRAY, is_mute
from catalog.yamlfile import YamlFile, read_yaml, validate

LEXICON_FILE = "lexicon.yaml"
ANY = "any"
# Sounds of the IPA that voices have, or have a near one for (renderer/backends/phonemes.py).
IPA_LETTERS = frozenset(
    "abcdefghijklmnopqrstuvwxyzæçðøħŋœɐɑɒɓɔɕɖɗɘəɚɛɜɞɟɠɡɢɣɤɥɦɨɪɫɬɭɯɰɱɲɳɴɵɶɸɹɻɽɾʀʁʂʃʈʉʊʋʌʍʎʏʐʑʒʔʕʝβθχ"
)
IPA_MARKS = frozenset("ˈˌːˑʰʲˤ. \u0303\u0329\u032f\u035c\u0361")
# Scripts that run on without spaces: nothing tells where a word ends.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f"
IN_WORD = f"[^\\W{UNSPACED}]|[\u0300-\u036f\u064b-\u065f\u0900-\u0903\u093a-\u094f]"


class Entry(BaseModel):
    """How one word is said. Without `locales` everywhere; `say` is a respelling, `ipa` its sounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    word: Annotated[str, Field(min_length=1)]
    locales: tuple[str, ...] = ()  # tags or languages
    say: str = ""
    ipa: str = ""
    any_case: bool = False

    @field_validator("word", "say")
    @classmethod
    def _has_a_sound(cls, text: str) -> str:
        if STRAY.search(text) or text != text.strip() or (text and is_mute(text)):
            raise ValueError("write letters or digits, without spaces around them")
        return text

    @field_validator("locales")
    @classmethod
    def _are_tags(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        for tag in tags:
            if not TAG.fullmatch(tag):
                raise ValueError(f"'{tag}' is no language tag; write one such as de or de-CH")
        return tags

    @field_validator("ipa")
    @classmethod
    def _is_ipa(cls, ipa: str) -> str:
        plain = unicodedata.normalize("NFD", ipa).replace("c\u0327", "ç")
        for char in plain:
            if char not in IPA_LETTERS and char not in IPA_MARKS:
                raise ValueError(f"'{char}' is no sound of the IPA that voices have; write a nearer one, or 'say'")
        return ipa

    @model_validator(mode="after")
    def _says_something(self) -> Entry:
        if not self.say and not self.ipa:
            raise ValueError("write 'say' (a respelling), 'ipa', or both")
        return self


class _Entries(RootModel[tuple[Entry, ...]]):
    """The file."""


@dataclass(frozen=True)
class Said:
    """What is said instead of a word; one of both may be empty."""

    say: str
    ipa: str


@dataclass(frozen=True)
class Words:
    """The words of a lexicon that one locale has; finds them in a text."""

    exact: dict[str, Said] = field(default_factory=dict)
    any_case: dict[str, Said] = field(default_factory=dict)
    pattern: re.Pattern[str] | None = None

    def find(self, text: str) -> Iterator[tuple[int, int, Said]]:
        """Yield (start, end, how it is said) of every whole word, the longest first where several fit."""
        for match in self.pattern.finditer(text) if self.pattern else ():
            written = unicodedata.normalize("NFC", match[0])
            yield match.start(), match.end(), self.exact.get(written) or self.any_case[written.casefold()]


@dataclass(frozen=True)
class Lexicon:
    """All entries of a campaign."""

    entries: tuple[Entry, ...] = ()

    def for_locale(self, tag: str) -> Words:
        """Return the words that count for a locale; an entry for `de-CH` comes before one for `de`, that before all."""
        exact: dict[str, Said] = {}
        any_case: dict[str, Said] = {}
        for level in (None, *reversed(fallback_chain(tag))):
            for entry in self.entries:
                if (level in entry.locales) if level else not entry.locales:
                    word = unicodedata.normalize("NFC", entry.word)
                    said = Said(entry.say, entry.ipa)
                    if entry.any_case:
                        any_case[word.casefold()] = said
                    else:
                        exact[word] = said
        return Words(exact, any_case, _pattern(exact, any_case))


NO_LEXICON = Lexicon()


def read_lexicon(folder: Path) -> Lexicon:
    """Read the lexicon of a campaign's folder; a folder without one has an empty lexicon.

    Raises:
        CatalogError: every entry that does not fit, with file and line.
    """
    path = folder / LEXICON_FILE
    if not path.is_file():
        return NO_LEXICON
    file = read_yaml(path, f"{folder.name}/{LEXICON_FILE}")
    if not isinstance(file.content, list):
        raise CatalogError([Problem(file.place(), "is not a list of entries", "Begin each with '- word: …'.")])
    entries = validate(file, _Entries).root
    problems = [*_twins(entries, file)]
    if problems:
        raise CatalogError(problems)
    return Lexicon(entries)


def _twins(entries: Iterable[Entry], file: YamlFile) -> Iterator[Problem]:
    """One word is said in one way in one place."""
    seen: dict[tuple[str, str, bool], int] = {}
    for number, entry in enumerate(entries):
        word = unicodedata.normalize("NFC", entry.word)
        for locale in entry.locales or (ANY,):
            key = (word.casefold() if entry.any_case else word, locale, entry.any_case)
            if key in seen:
                first = file.lines[(seen[key],)]
                fact = f"'{entry.word}' has an entry for {locale} in line {first} already"
                yield Problem(file.place(number, "word"), fact, "Keep one of them.")
            seen.setdefault(key, number)


def _pattern(exact: Iterable[str], any_case: Iterable[str]) -> re.Pattern[str] | None:
    """Return a pattern of all words; both Unicode spellings of é are the same word."""
    patterns = [(word, _whole(word)) for word in exact]
    patterns += [(word, f"(?i:{_whole(word)})") for word in any_case]
    if not patterns:
        return None
    return re.compile("|".join(pattern for _, pattern in sorted(patterns, key=lambda pair: (-len(pair[0]), pair[0]))))


def _whole(word: str) -> str:
    """Return the word with nothing of a longer word around it."""
    spellings = "|".join(re.escape(unicodedata.normalize(form, word)) for form in ("NFC", "NFD"))
    before = "" if re.match(f"[{UNSPACED}]", word[0]) else f"(?<!{IN_WORD.replace('|', ')(?<!')})"
    after = "" if re.match(f"[{UNSPACED}]", word[-1]) else f"(?!{IN_WORD})"
    return f"{before}(?:{spellings}){after}"
