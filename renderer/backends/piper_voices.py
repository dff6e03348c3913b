"""Piper voices (VITS, ONNX) from your own folder: `piper:<name>` is <name>.onnx and <name>.onnx.json, or a folder.

Neither Piper nor its phonemizer is in this process: onnxruntime runs the model, and eSpeak NG, a separate program,
spells. Word times are the model's own where its graph has the lengths of phonemes, as Piper's exports do.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from catalog.spoken import SpokenWord, words_of
from renderer.artifacts import Grade, Line
from renderer.backends import Recording, VoiceFacts
from renderer.backends.alignment import timed_by_ear
from renderer.backends.kokoro import CLAUSE_ENDS, SENTENCE_ENDS, with_output
from renderer.backends.onnx_graph import outputs_of
from renderer.backends.phonemes import EspeakSpeller, end_of_word
from renderer.backends.voice_files import revision_of, voice_folder
from renderer.backends.voices import ALIGNER, ESPEAK_REVISION
from renderer.backends.word_times import from_spans, require_speakable
from renderer.errors import VoiceFailed
from renderer.settings import Settings

PAD, BEGIN, END = "_", "^", "$"
SEED = 7  # of the model's own noise
SENTENCE_PAUSE_S = 0.25
ENDS_OF_PIPER = str.maketrans({"—": ",", "…": "."})  # what Piper's alphabet lacks, by the nearest it has
SILENT = frozenset(SENTENCE_ENDS + CLAUSE_ENDS + ' “”()"')
GRADES: dict[str, Grade] = {"high": "natural", "medium": "natural"}

Span = tuple[float, float]


class _Audio(BaseModel):
    sample_rate: int
    quality: str = ""


class _Espeak(BaseModel):
    voice: str


class _Inference(BaseModel):
    noise_scale: float = 0.667
    length_scale: float = 1.0
    noise_w: float = 0.8


class PiperConfig(BaseModel):
    """What is used of a voice's .onnx.json."""

    audio: _Audio
    espeak: _Espeak
    inference: _Inference = _Inference()
    phoneme_type: Literal["espeak"] = "espeak"
    phoneme_id_map: dict[str, list[int]]

    @property
    def language(self) -> str:
        """The language subtag: `de`."""
        return self.espeak.voice.split("-")[0].replace("cmn", "zh")


def facts(variant: str, settings: Settings) -> VoiceFacts:
    """Return what the files of a voice say. Its grade is Piper's own word for the quality: nobody measured it here.

    Raises:
        VoiceFailed: the files are missing or not a Piper voice.
    """
    model, config_file = _files(variant, settings)
    config = _config(variant, config_file)
    return VoiceFacts(
        loader="renderer.backends.piper_voices:Piper",
        revision=f"piper-1-{revision_of(model, config_file)}-{ESPEAK_REVISION}{ALIGNER}",
        languages=(config.language,),
        grade=GRADES.get(config.audio.quality, "basic"),
        extra="speech,espeak",
        licence="the voice's own, see its MODEL_CARD",
    )


class Piper:
    """The Voice protocol over one Piper voice; of several speakers the first."""

    def __init__(self, variant: str, settings: Settings) -> None:
        if find_spec("onnxruntime") is None:
            raise VoiceFailed(
                f"voice piper:{variant}: onnxruntime is not installed. Install it: pip install 'adloom[speech]'."
            )
        model, config_file = _files(variant, settings)
        self.name = f"piper:{variant}"
        self.config = _config(variant, config_file)
        self.model = model.read_bytes()
        lengths = _lengths_output(self.model)
        self.tells_lengths = lengths is not None
        if lengths is not None:
            self.model = with_output(self.model, lengths)
        self.speller = EspeakSpeller()

    def speak(self, line: Line) -> Recording:
        """See `Voice.speak`. The model draws noise: built anew for each line, it gives the same bytes again."""
        words = words_of(line.text, self.config.language)
        require_speakable(line, words)
        session = self._session()
        rate = self.config.audio.sample_rate
        pause = np.zeros(round(SENTENCE_PAUSE_S * rate), np.float32)
        sounds: list[NDArray[np.float32]] = []
        spans: list[Span | None] = []
        for sentence in sentences(words):
            if sounds:
                sounds.append(pause)
            offset_s = sum(map(len, sounds)) / rate
            sound, spoken = self._say(session, self._phonemes(sentence))
            sounds.append(sound)
            spans += [span and (span[0] + offset_s, span[1] + offset_s) for span in spoken]
        samples = np.concatenate(sounds)
        if self.tells_lengths:
            return Recording(samples, rate, from_spans(words, spans))
        return timed_by_ear(line, words, samples, rate)

    def _phonemes(self, words: Sequence[SpokenWord]) -> list[str]:
        """Return the symbols of each word that the model knows."""
        known = self.config.phoneme_id_map.keys() - {PAD, BEGIN, END}
        found = []
        for ipa, word in zip(self.speller.ipa_of(words, self.config.espeak.voice), words, strict=True):
            written = end_of_word(ipa.replace("^", ""), word.spoken).translate(ENDS_OF_PIPER)
            found.append("".join(char for char in unicodedata.normalize("NFD", written) if char in known))
        return found

    def _say(self, session: Any, phonemes: Sequence[str]) -> tuple[NDArray[np.float32], list[Span | None]]:
        """Return the samples of one sentence and the span in s of each of its words."""
        ids, owners = self._ids(phonemes)
        tune = self.config.inference
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([tune.noise_scale, tune.length_scale, tune.noise_w], np.float32),
        }
        if any(put.name == "sid" for put in session.get_inputs()):
            inputs["sid"] = np.zeros(1, np.int64)
        try:
            sound, *lengths = session.run(None, inputs)
        except Exception as error:  # onnxruntime's errors share no base
            cure = "Choose a Piper voice with phonemes, lengths and scales."
            raise VoiceFailed(f"voice {self.name}: its model failed ({type(error).__name__}). {cure}") from error
        samples = np.ravel(sound).astype(np.float32)
        if not lengths or not (frames := float(np.sum(lengths[0]))):
            return samples, [None] * len(phonemes)
        edges = np.cumsum([0.0, *np.ravel(lengths[0])]) / frames * len(samples) / self.config.audio.sample_rate
        spans: list[Span | None] = []
        for word in range(len(phonemes)):
            places = [place for place, owner in enumerate(owners) if owner == word]
            spans.append((float(edges[places[0]]), float(edges[places[-1] + 1])) if places else None)
        return samples, spans

    def _ids(self, phonemes: Sequence[str]) -> tuple[list[int], list[int | None]]:
        """Return the model's input, and which word each of it sounds for: a pad follows every phoneme."""
        table = self.config.phoneme_id_map
        pad = table[PAD]
        ids = [*table[BEGIN], *pad]
        owners: list[int | None] = [None] * len(ids)
        for word, symbols in enumerate(phonemes):
            for symbol in symbols:
                ids += [*table[symbol], *pad]
                owner = None if symbol in SILENT else word
                owners += [*[owner] * len(table[symbol]), *[None] * len(pad)]
        return [*ids, *table[END]], [*owners, *[None] * len(table[END])]

    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        onnxruntime.set_seed(SEED)
        try:
            return onnxruntime.InferenceSession(self.model, sess_options=options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors share no base
            raise VoiceFailed(
                f"voice {self.name}: onnxruntime cannot read its model. Fetch its .onnx again."
            ) from error


def sentences(words: Sequence[SpokenWord]) -> Iterator[list[SpokenWord]]:
    """Yield the words of one sentence after the other: the model was trained on single ones."""
    sentence: list[SpokenWord] = []
    for word in words:
        sentence.append(word)
        if word.spoken.rstrip('"”’»)')[-1:] in tuple(SENTENCE_ENDS):
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _lengths_output(model: bytes) -> str | None:
    """Return the tensor with the length of each phoneme in frames: VITS rounds them up, and nothing else."""
    rounded = outputs_of(model, "Ceil")
    return rounded[0] if len(rounded) == 1 else None


def _files(variant: str, settings: Settings) -> tuple[Path, Path]:
    """Return the model and its config.

    Raises:
        VoiceFailed: one of them is missing.
    """
    folder = voice_folder(f"piper:{variant}", settings)
    inside = sorted((folder / variant).glob("*.onnx")) if (folder / variant).is_dir() else []
    model = inside[0] if len(inside) == 1 else folder / f"{variant}.onnx"
    config = model.with_name(f"{model.name}.json")
    for path in (model, config):
        if not path.is_file():
            raise VoiceFailed(
                f"voice piper:{variant}: {path} is missing. Put the voice's .onnx and .onnx.json there, or into "
                f"{folder / variant}."
            )
    return model, config


def _config(variant: str, path: Path) -> PiperConfig:
    try:
        config = PiperConfig.model_validate_json(path.read_bytes())
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        fact = f"its field {place} does not fit" if place else "it is no JSON"
        raise VoiceFailed(
            f"voice piper:{variant}: {path} is no config of a Piper voice with eSpeak's phonemes, {fact}. "
            "Fetch it again, or choose another voice."
        ) from error
    if missing := {PAD, BEGIN, END} - config.phoneme_id_map.keys():
        raise VoiceFailed(f"voice piper:{variant}: {path} has no phoneme {min(missing)!r}. Fetch it again.")
    return config
