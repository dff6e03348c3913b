"""Mandarin to Kokoro's phonemes: readings by pypinyin, words by ICU, pinyin to IPA as Kokoro v1.0 was trained."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import icu

from catalog.spoken import SpokenWord
from renderer.artifacts import Line
from renderer.backends.phonemes import EspeakSpeller, end_of_word
from renderer.errors import BackendError

INITIALS = {
    "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l", "g": "k", "k": "kʰ", "h": "x",
    "j": "ʨ", "q": "ʨʰ", "x": "ɕ", "zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ", "r": "ɻ", "z": "ʦ", "c": "ʦʰ", "s": "s", "": "",
}  # fmt: skip
# 0 is where the tone goes.
FINALS = {
    "a": "a0", "ai": "ai0", "an": "a0n", "ang": "a0ŋ", "ao": "au0", "e": "ɤ0", "ei": "ei0", "en": "ə0n", "eng": "ə0ŋ",
    "er": "ɚ0", "i": "i0", "ia": "ja0", "ian": "jɛ0n", "iang": "ja0ŋ", "iao": "jau0", "ie": "je0", "in": "i0n",
    "iou": "jou0", "ing": "i0ŋ", "iong": "jʊ0ŋ", "ong": "ʊ0ŋ", "ou": "ou0", "u": "u0", "uei": "wei0", "ua": "wa0",
    "uai": "wai0", "uan": "wa0n", "uen": "wə0n", "uang": "wa0ŋ", "ueng": "wə0ŋ", "uo": "wo0", "o": "wo0", "ü": "y0",
    "üe": "ɥe0", "üan": "ɥɛ0n", "ün": "y0n", "ê": "ɛ0", "io": "jɔ0", "m": "m0", "n": "n0", "ng": "ŋ0",
}  # fmt: skip
TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}
BUZZING = frozenset({"zh", "ch", "sh", "r", "z", "c", "s"})  # their `i` is a held consonant
HAN = re.compile(r"[\u3400-\u9fff]+")
RUN = re.compile(r"(?P<han>[\u3400-\u9fff]+)|(?P<number>\d+(?:[,，]\d{3})*(?:\.\d+)?)|(?P<latin>[A-Za-z][A-Za-z'’-]*)")


class ChineseSpeller:
    """Reads a whole line at once, so that a character with several readings gets the one its neighbours ask for."""

    def __init__(self) -> None:
        try:
            import pypinyin
        except ImportError as error:
            raise BackendError(
                "Chinese voices: pypinyin is not installed. Install it: pip install 'adloom[speech]'."
            ) from error
        self.pypinyin = pypinyin
        self.numbers = icu.RuleBasedNumberFormat(icu.URBNFRuleSetTag.SPELLOUT, icu.Locale("zh-CN"))
        self.espeak: EspeakSpeller | None = None

    def spell(self, words: Sequence[SpokenWord], line: Line) -> list[str]:
        """See `Speller.spell`. Latin words are read as English."""
        written = [RUN.sub(self._digits_to_han, word.spoken) for word in words]
        syllables = iter(self._syllables("，".join(written)))
        spelled = []
        for text, word in zip(written, words, strict=True):
            parts = [
                self._english(run[0]) if run["latin"] else " ".join(self._phrases(run[0], syllables))
                for run in RUN.finditer(text)
            ]
            spelled.append(end_of_word("".join(f"{part} " for part in parts), word.spoken))
        return spelled

    def _digits_to_han(self, run: re.Match[str]) -> str:
        if not run["number"]:
            return run[0]
        number = float(run[0].replace(",", "").replace("，", ""))
        return str(self.numbers.format(int(number) if number.is_integer() else number))

    def _syllables(self, text: str) -> list[str]:
        """Return the IPA of every Chinese character, in order."""
        style, found = self.pypinyin.Style, []
        for run in HAN.findall(text):
            initials = self.pypinyin.lazy_pinyin(run, style=style.INITIALS, strict=True)
            finals = self.pypinyin.lazy_pinyin(
                run, style=style.FINALS_TONE3, strict=True, neutral_tone_with_five=True, v_to_u=True
            )
            found += [syllable(initial, final) for initial, final in zip(initials, finals, strict=True)]
        return found

    def _phrases(self, han: str, syllables: object) -> list[str]:
        assert hasattr(syllables, "__next__")
        breaks = icu.BreakIterator.createWordInstance(icu.Locale("zh"))
        breaks.setText(han)
        return ["".join(next(syllables) for _ in range(first, last)) for first, last in pairwise((0, *breaks))]

    def _english(self, text: str) -> str:
        self.espeak = self.espeak or EspeakSpeller()
        return self.espeak.spell_as([SpokenWord(text, text, glued=False)], "en-us")[0].strip()


def syllable(initial: str, final: str) -> str:
    """Return the IPA of a pinyin syllable: `zh` and `ong1` is `ꭧʊ→ŋ`."""
    body, tone = (final[:-1], final[-1]) if final[-1:] in TONES else (final, "5")
    if body == "i" and initial in BUZZING:
        ipa = "ɨ0"
    elif body == "o" and not initial:
        ipa = "ɔ0"
    else:
        ipa = FINALS.get(body, "")
    return INITIALS.get(initial, "") + ipa.replace("0", TONES[tone])
