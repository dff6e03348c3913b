"""Finds English words in a recording: PocketSphinx is told the words and says where each is.

An optional extra (`align`): its wheel holds the acoustic model and 134,000 pronunciations of American English (BSD).
Words that are not among them are spelled by eSpeak NG, where that is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.spoken import SpokenWord
from renderer.artifacts import Line
from renderer.backends import Recording
from renderer.backends.espeak import espeak_program
from renderer.backends.word_times import from_letters, from_spans
from renderer.errors import BackendError

SAMPLE_RATE = 16_000
FRAME_S = 0.01
EARLY_S = 0.035  # its starts come before the sound, its ends do not (146 words of three Kokoro voices)
WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")
NOT_A_WORD = re.compile(r"[^\W_]")  # letters of other scripts and digits: nobody knows how they were said
VARIANT = re.compile(r"\(\d+\)$")

# eSpeak's IPA (ties as ^, without stress and length) to ARPAbet, longest first.
ARPABET = {
    "t^ʃ": "CH", "d^ʒ": "JH", "a^ɪ": "AY", "a^ʊ": "AW", "e^ɪ": "EY", "o^ʊ": "OW", "ɔ^ɪ": "OY", "ə^l": "AH L", "ɚ": "ER",
    "ɜ": "ER", "ɑ": "AA", "æ": "AE", "ʌ": "AH", "ə": "AH", "ɐ": "AH", "ɔ": "AO", "ɛ": "EH", "e": "EH", "ɪ": "IH",
    "i": "IY", "ᵻ": "IH", "ʊ": "UH", "u": "UW", "o": "OW", "a": "AA", "b": "B", "d": "D", "ð": "DH", "f": "F", "ɡ": "G",
    "h": "HH", "k": "K", "l": "L", "m": "M", "n": "N", "ŋ": "NG", "p": "P", "ɹ": "R", "r": "R", "ɾ": "T", "s": "S",
    "ʃ": "SH", "t": "T", "ʔ": "T", "θ": "TH", "v": "V", "w": "W", "j": "Y", "z": "Z", "ʒ": "ZH", "x": "K", "ç": "HH",
}  # fmt: skip
SOUNDS = re.compile("|".join(sorted(map(re.escape, ARPABET), key=len, reverse=True)))


def timed_by_ear(line: Line, words: Sequence[SpokenWord], samples: NDArray[np.float32], sample_rate: int) -> Recording:
    """Return a recording whose engine told no times: English words are aligned if they can be, others estimated."""
    if line.locale.split("-")[0] == "en" and (spans := align_english(words, samples, sample_rate)) is not None:
        return Recording(samples, sample_rate, from_spans(words, spans), "aligned")
    return Recording(samples, sample_rate, from_letters(words, samples, sample_rate), "estimated")


def align_english(
    words: Sequence[SpokenWord], samples: NDArray[np.float32], sample_rate: int
) -> list[tuple[float, float] | None] | None:
    """Return the span in s of each word, None for one that makes no sound; None for all if they cannot be found."""
    if find_spec("pocketsphinx") is None:
        return None
    spoken = [_tokens(word.spoken) for word in words]
    if None in spoken or not any(spoken):
        return None
    tokens = [token for each in spoken for token in each or ()]
    if not all(_is_known(token) for token in set(tokens)):
        return None
    spans = _found(tokens, _at_rate(samples, sample_rate))
    if spans is None:
        return None
    return list(_joined(spoken, spans))


def _tokens(text: str) -> list[str] | None:
    """Return the words of a text as the dictionary writes them; None if it holds digits or letters of others."""
    plain = text.lower().replace("’", "'")
    if NOT_A_WORD.search(WORD.sub("", plain)):
        return None
    return WORD.findall(plain)


@lru_cache
def _decoder() -> Any:
    from pocketsphinx import Decoder

    return Decoder(samprate=SAMPLE_RATE, bestpath=False, loglevel="FATAL")


def _is_known(token: str) -> bool:
    """Tell whether there is a pronunciation; a word without one gets eSpeak's."""
    decoder = _decoder()
    if decoder.lookup_word(token) is not None:
        return True
    try:
        ipa = " ".join(espeak_program().ask(do="phonemes", voice="en-us", text=token)["phonemes"])
    except BackendError:
        return False
    sounds = " ".join(ARPABET[sound] for sound in SOUNDS.findall(ipa))
    if sounds:
        decoder.add_word(token, sounds, True)
    return bool(sounds)


def _found(tokens: Sequence[str], samples: NDArray[np.float32]) -> list[tuple[float, float]] | None:
    """Return the span in s of each token."""
    decoder = _decoder()
    try:
        decoder.set_align_text(" ".join(tokens))
        decoder.start_utt()
        decoder.process_raw((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
        decoder.end_utt()
        heard = [part for part in decoder.seg() or () if VARIANT.sub("", part.word) in tokens]
    except RuntimeError:  # the words do not fit the sound
        return None
    if [VARIANT.sub("", part.word) for part in heard] != list(tokens):
        return None
    return [_span(part.start_frame * FRAME_S, (part.end_frame + 1) * FRAME_S) for part in heard]


def _span(start_s: float, end_s: float) -> tuple[float, float]:
    return min(start_s + EARLY_S, end_s), end_s


def _joined(
    spoken: Sequence[list[str] | None], spans: Sequence[tuple[float, float]]
) -> Iterator[tuple[float, float] | None]:
    """Yield for each shown word the stretch of all that is said for it."""
    at = 0
    for tokens in spoken:
        count = len(tokens or ())
        yield (spans[at][0], spans[at + count - 1][1]) if count else None
        at += count


def _at_rate(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Return the sound at SAMPLE_RATE, without what that rate cannot hold."""
    if sample_rate == SAMPLE_RATE:
        return samples
    length = round(len(samples) * SAMPLE_RATE / sample_rate)
    spectrum = np.fft.rfft(samples)[: length // 2 + 1]
    return np.asarray(np.fft.irfft(spectrum, length) * (length / len(samples)), np.float32)
