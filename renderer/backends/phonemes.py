"""Turns words into the phonemes that Kokoro was trained on, word by word so that times can be told.

A speller returns one string a word, with the punctuation and the space that follow it; joined they are what the model
reads. A word that melted into its neighbour has an empty string. Mappings from eSpeak's IPA follow misaki (Apache-2.0).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Protocol

import numpy as np

from catalog.spoken import SpokenWord
from renderer.artifacts import Line
from renderer.backends.espeak import espeak_program, espeak_voice

# What Kokoro's vocabulary has, and what each other mark of punctuation is read as.
PUNCTUATION = str.maketrans({
    "。": ".", "｡": ".", "．": ".", "।": ".", "۔": ".", "、": ",", "，": ",", "،": ",", "؛": ";", "；": ";", "：": ":",
    "！": "!", "？": "?", "؟": "?", "–": "—", "―": "—", "～": "—", "〜": "—", "«": "“", "»": "”", "„": "“", "「": "“",
    "」": "”", "『": "“", "』": "”", "《": "“", "》": "”", "（": "(", "）": ")", "¡": "", "¿": "",
})  # fmt: skip
KEPT_PUNCTUATION = ";:,.!?—…“”()"
TRAILING = re.compile(f'[{re.escape(KEPT_PUNCTUATION)}"\\s]+$')

SILENT_MARKS = re.compile("[ˈˌːˑ^\\-\u0303\u0329\u032a\u0361\u0306]")
LANGUAGE_SWITCH = re.compile(r"\([a-z-]+\)")

# eSpeak's IPA (ties as ^) to Kokoro's: longest first.
SHARED = {
    "a^ɪ": "I", "a^ʊ": "W", "d^z": "ʣ", "d^ʒ": "ʤ", "e^ɪ": "A", "o^ʊ": "O", "ə^ʊ": "Q", "s^s": "S", "t^s": "ʦ",
    "t^ʃ": "ʧ", "ɔ^ɪ": "Y", "g": "ɡ",
}  # fmt: skip
ENGLISH = {
    "ʔˌn\u0329": "tᵊn", "ʔn\u0329": "tᵊn", "n\u0329": "ᵊn", "l\u0329": "ᵊl", "m\u0329": "ᵊm", "ə^l": "ᵊl", "ʲo": "jo",
    "ʲə": "jə", "ʲ": "", "ɚ": "əɹ", "r": "ɹ", "x": "k", "ç": "k", "ɐ": "ə", "ɬ": "l", "\u0303": "", "e^ɪ": "A",
}  # fmt: skip
AMERICAN = {"o^ʊ": "O", "ɜːɹ": "ɜɹ", "ɜː": "ɜɹ", "ɪə": "iə", "ɾ": "T", "ʔ": "t", "ː": ""}
BRITISH = {"e^ə": "ɛː", "iə": "ɪə", "ə^ʊ": "Q", "ɾ": "T", "ʔ": "t"}
GERMAN = {"ɔ^ø": "Y", "ɔ^ʏ": "Y", "ʏ": "y", "ɜ": "ɐ"}
# Kokoro has no pharyngeals and no emphatic consonants: the nearest it has.
ARABIC = {"ħ": "h", "ʕ": "ʔ", "ˤ": "", "tˤ": "t", "dˤ": "d", "sˤ": "s", "ðˤ": "ð"}
# Sounds of the IPA that Kokoro was not taught: the nearest it has.
NEAREST = {
    "ħ": "h", "ʕ": "ʔ", "ɓ": "b", "ɗ": "d", "ɘ": "ə", "ɞ": "ɜ", "ɠ": "ɡ", "ɢ": "ɡ", "ɦ": "h", "ɫ": "l", "ɬ": "l",
    "ɭ": "l", "ɱ": "m", "ɵ": "ø", "ʀ": "ʁ", "ʉ": "u", "ʍ": "w", "ʏ": "y", "ʐ": "ʒ", "ʑ": "ʒ", "ɶ": "œ",
    "ˤ": "", "ˑ": "", ".": "", "\u0329": "", "\u032f": "",
}  # fmt: skip
TIES = str.maketrans({"\u0361": "^", "\u035c": "^"})
BY_VOICE = {
    "en-us": ENGLISH | AMERICAN,
    "en": ENGLISH | BRITISH,
    "de": GERMAN,
    "ar": ARABIC,
}


class Speller(Protocol):
    """Words to phonemes."""

    def spell(self, words: Sequence[SpokenWord], line: Line) -> list[str]:
        """Return one string of phonemes per word.

        Raises:
            BackendError: a word cannot be read.
        """


class EspeakSpeller:
    """Phonemes of eSpeak NG for every language it knows; context between words (liaison, weak forms) is kept."""

    def __init__(self) -> None:
        self.program = espeak_program()

    def spell(self, words: Sequence[SpokenWord], line: Line) -> list[str]:
        """See `Speller.spell`."""
        return self.spell_as(words, espeak_voice(line.locale))

    def spell_as(self, words: Sequence[SpokenWord], voice: str) -> list[str]:
        """Return the phonemes of words read by one eSpeak voice."""
        table = SHARED | BY_VOICE.get(voice, {})
        ipa = self.ipa_of(words, voice)
        return [end_of_word(to_kokoro(sounds, table), word.spoken) for sounds, word in zip(ipa, words, strict=True)]

    def ipa_of(self, words: Sequence[SpokenWord], voice: str) -> list[str]:
        """Return eSpeak's own IPA of each word, with U+005E inside affricates and diphthongs."""
        text = " ".join(word.spoken for word in words)
        reply = self.program.ask(do="phonemes", voice=voice, text=text)
        ipa = LANGUAGE_SWITCH.sub("", " ".join(reply["phonemes"]))
        owners = np.searchsorted(np.cumsum([len(word.spoken) + 1 for word in words]), _offsets(reply), side="right")
        spelled = _by_word(ipa, [(int(owner), text) for owner, (_, text) in zip(owners, reply["events"], strict=True)])
        return [spelled.get(index, "") for index in range(len(words))]


def to_kokoro(ipa: str, table: dict[str, str]) -> str:
    """Replace what the table has, longest first, and drop eSpeak's ties and hyphens."""
    for old in sorted(table, key=len, reverse=True):
        ipa = ipa.replace(old, table[old])
    return ipa.replace("^", "").replace("-", "")


def with_ipa(phonemes: Sequence[str], words: Sequence[SpokenWord], line: Line) -> list[str]:
    """Return the phonemes, with those of the lexicon's own IPA where a word has it."""
    voice = espeak_voice(line.locale)
    return [
        end_of_word(f"{from_ipa(word.ipa, voice)} ", word.spoken) if word.ipa else spelled
        for spelled, word in zip(phonemes, words, strict=True)
    ]


def from_ipa(ipa: str, voice: str) -> str:
    """Return IPA as people write it in the symbols that Kokoro reads for the language of this eSpeak voice."""
    plain = unicodedata.normalize("NFD", ipa).replace("c\u0327", "ç").translate(TIES)
    table = SHARED | BY_VOICE.get(voice, {})
    untied = {sounds.replace("^", ""): symbol for sounds, symbol in table.items()}
    return to_kokoro(to_kokoro(plain, untied | table), NEAREST)


def end_of_word(phonemes: str, spoken: str) -> str:
    """Return the phonemes followed by the punctuation that the word was written with."""
    written = TRAILING.search(spoken.translate(PUNCTUATION))
    marks = "".join(char for char in written[0] if char in KEPT_PUNCTUATION) if written else ""
    if not marks:
        return phonemes
    return f"{phonemes.rstrip()}{marks} "


def _offsets(reply: dict[str, list[tuple[int, str]]]) -> list[int]:
    return [offset for offset, _ in reply["events"]]


def _by_word(ipa: str, events: Sequence[tuple[int, str]]) -> dict[int, str]:
    """Cut the IPA of a text into words.

    eSpeak's phoneme events know their word but lose length and ties; its IPA has them but melts short words together.
    The two are aligned letter by letter.
    """
    owners = [owner for owner, text in events for _ in SILENT_MARKS.sub("", text)]
    sounds = "".join(SILENT_MARKS.sub("", text) for _, text in events)
    places = [place for place, char in enumerate(ipa) if char != " " and not SILENT_MARKS.match(char)]
    heard = "".join(ipa[place] for place in places)
    owner_at: dict[int, int] = {}
    for block in SequenceMatcher(None, heard, sounds, autojunk=False).get_matching_blocks():
        for step in range(block.size):
            owner_at[places[block.a + step]] = owners[block.b + step]
    return _gather(ipa, owner_at)


def _gather(ipa: str, owner_at: dict[int, int]) -> dict[int, str]:
    """Give every character to a word: stress marks to the sound after them, all else to the one before."""
    spelled: dict[int, str] = {}
    owner = min(owner_at.values(), default=0)
    for place, char in enumerate(ipa):
        if char in "ˈˌ":
            ahead = next(
                (owner_at[later] for later in range(place + 1, min(place + 4, len(ipa))) if later in owner_at), owner
            )
            owner = max(owner, ahead)
        owner = max(owner, owner_at.get(place, owner))
        spelled[owner] = spelled.get(owner, "") + char
    return spelled
