"""Japanese to Kokoro's phonemes: readings by Open JTalk (pyopenjtalk-plus), kana to IPA as Kokoro v1.0 was trained."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from catalog.spoken import SpokenWord
from renderer.artifacts import Line
from renderer.backends.phonemes import EspeakSpeller, end_of_word
from renderer.errors import BackendError

# consonant before a, i, u, e, o; the syllables that differ in more than the consonant are in IRREGULAR
ROWS = {
    "アイウエオ": ("", "", "", "", ""), "カキクケコ": ("k", "kʲ", "k", "k", "k"),
    "ガギグゲゴ": ("ɡ", "ɡʲ", "ɡ", "ɡ", "ɡ"),
    "サシスセソ": ("s", "ɕ", "s", "s", "s"), "ザジズゼゾ": ("ʣ", "ʥ", "z", "ʣ", "ʣ"),
    "タチツテト": ("t", "ʨ", "ʦ", "t", "t"),
    "ダヂヅデド": ("d", "ʥ", "z", "d", "d"), "ナニヌネノ": ("n", "ɲ", "n", "n", "n"),
    "ハヒフヘホ": ("h", "ç", "ɸ", "h", "h"),
    "バビブベボ": ("b", "bʲ", "b", "b", "b"), "パピプペポ": ("p", "pʲ", "p", "p", "p"),
    "マミムメモ": ("m", "mʲ", "m", "m", "m"),
    "ラリルレロ": ("ɾ", "ɾʲ", "ɾ", "ɾ", "ɾ"),
}  # fmt: skip
IRREGULAR = {
    "ヤ": "ja", "ユ": "jɯ", "ヨ": "jo", "ワ": "βa", "ヰ": "i", "ヱ": "e", "ヲ": "o", "ヴ": "vɯ",
    "ス": "sɨ", "ズ": "zɨ", "ツ": "ʦɨ", "ヅ": "zɨ", "ヮ": "βa", "ヵ": "ka", "ヶ": "ke", "フョ": "ɸʲo", "ヴョ": "bʲo",
}  # fmt: skip
SMALL_Y = {"ャ": "a", "ュ": "ɨ", "ョ": "o", "ェ": "e"}
SMALL_VOWELS = {"ァ": "a", "ィ": "i", "ゥ": "ɯ", "ェ": "e", "ォ": "o"}
LATIN_WORD = re.compile(r"(?![A-Z]{2,4}(?![A-Za-z]))[A-Za-z][A-Za-z'’-]+")
STAND_IN = "東京"  # a plain noun in the place of a Latin word keeps the particle after it a particle


def kana_table() -> dict[str, str]:
    """Return katakana, alone and with a small kana after it, to IPA."""
    table = {
        kana: consonant + vowel
        for row, consonants in ROWS.items()
        for kana, consonant, vowel in zip(row, consonants, ("a", "i", "ɯ", "e", "o"), strict=True)
    } | IRREGULAR
    with_y = {
        row[1] + small: consonants[1] + vowel
        for row, consonants in ROWS.items()
        if consonants[1]
        for small, vowel in SMALL_Y.items()
    }
    foreign = {
        "イェ": "je", "ウィ": "βi", "ウェ": "βe", "ウォ": "βo",
        "ティ": "tʲi", "テュ": "tʲɨ", "ディ": "dʲi", "デュ": "dʲɨ",
        "トゥ": "tɯ", "ドゥ": "dɯ", "ヴァ": "va", "ヴィ": "vʲi",
        "ヴェ": "ve", "ヴォ": "vo", "ヴュ": "bʲɨ", "フュ": "ɸʲɨ",
        "ファ": "ɸa", "フィ": "ɸʲi", "フェ": "ɸe", "フォ": "ɸo",
        "ツァ": "ʦa", "ツィ": "ʦʲi", "ツェ": "ʦe", "ツォ": "ʦo",
        "クァ": "kᵝa", "クィ": "kᵝi", "クェ": "kᵝe", "クォ": "kᵝo",
        "グァ": "ɡᵝa", "グィ": "ɡᵝi", "グェ": "ɡᵝe", "グォ": "ɡᵝo",
    }  # fmt: skip
    return table | with_y | foreign | SMALL_VOWELS | {"ャ": "ja", "ュ": "jɯ", "ョ": "jo"}


class JapaneseSpeller:
    """Reads a whole line at once, so that particles and counters get their right reading."""

    def __init__(self) -> None:
        try:
            import pyopenjtalk
        except ImportError as error:
            raise BackendError(
                "Japanese voices: pyopenjtalk-plus is not installed. Install it: pip install 'adloom[speech]'."
            ) from error
        self.read = pyopenjtalk.run_frontend
        self.kana = kana_table()
        self.espeak: EspeakSpeller | None = None

    def spell(self, words: Sequence[SpokenWord], line: Line) -> list[str]:
        """See `Speller.spell`. Latin words are read as English, unless they are initials such as LED."""
        spelled = ["" for _ in words]
        written = [unicodedata.normalize("NFKC", word.spoken) for word in words]
        latin = [LATIN_WORD.findall(text) for text in written]
        masked = [LATIN_WORD.sub(STAND_IN, text) for text in written]
        ends = list(accumulate(map(len, masked)))
        at = 0
        for node in self.read("".join(masked)):
            index = min(bisect_right(ends, at), len(words) - 1)
            if node["string"] == STAND_IN and latin[index]:
                spelled[index] += self._english(latin[index].pop(0))
            elif node["pos"] != "記号":
                spelled[index] += self.to_ipa(node["pron"].replace("’", "")) + " "
            at += len(node["string"])
        return [end_of_word(ipa, word.spoken) for ipa, word in zip(spelled, words, strict=True)]

    def _english(self, text: str) -> str:
        self.espeak = self.espeak or EspeakSpeller()
        return self.espeak.spell_as([SpokenWord(text, text, glued=False)], "en-us")[0].strip() + " "

    def to_ipa(self, kana: str) -> str:
        """Return the IPA of katakana; words are separated by spaces."""
        ipa, place = "", 0
        while place < len(kana):
            pair, one = kana[place : place + 2], kana[place]
            following = self.kana.get(kana[place + 1 : place + 3]) or self.kana.get(kana[place + 1 : place + 2], "")
            if len(pair) == 2 and pair in self.kana:
                ipa += self.kana[pair]
                place += 1
            elif one == "ン":
                ipa += nasal(following)
            else:
                ipa += {"ー": "ː", "ッ": "ʔ", " ": " "}.get(one) or self.kana.get(one, "")
            place += 1
        return ipa


def nasal(following: str) -> str:
    """Return ン as it sounds before the next syllable."""
    if following.startswith(("m", "p", "b")):
        return "m"
    if following.startswith(("k", "ɡ")):
        return "ŋ"
    if following.startswith(("ɲ", "ʨ", "ʥ")):
        return "ɲ"
    return "n" if following.startswith(("n", "t", "d", "ɾ", "z")) else "ɴ"
