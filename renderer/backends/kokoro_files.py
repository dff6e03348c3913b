"""Your own Kokoro model: `kokoro_files:<style>` is ADLOOM_VOICES_DIR/kokoro/<style>.bin beside one .onnx file.

A style is float32, little endian, (n, 1, 256) as .bin, or the same as .npy. As everywhere with Kokoro, the first letter
of its name says the language. Exports of the community take `tokens` or `input_ids`; they tell no word times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.spoken import words_of
from renderer.artifacts import Line
from renderer.backends import Recording, VoiceFacts
from renderer.backends.alignment import timed_by_ear
from renderer.backends.kokoro import VOCABULARY, Kokoro
from renderer.backends.voice_files import revision_of, voice_folder
from renderer.backends.voices import ALIGNER, SPELLING
from renderer.errors import VoiceFailed
from renderer.settings import Settings

FOLDER = "kokoro"
STYLE_SIZE = 256
LANGUAGES = {
    "a": "en",
    "b": "en",
    "d": "de",
    "e": "es",
    "f": "fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt",
    "z": "zh",
}


def facts(variant: str, settings: Settings) -> VoiceFacts:
    """Return what name and files say. The grade is that of Kokoro's own languages: nobody measured this voice here.

    Raises:
        VoiceFailed: the files are missing, or the name says no language.
    """
    model, style = _files(variant, settings)
    if variant[0] not in LANGUAGES:
        known = ", ".join(f"{letter} for {language}" for letter, language in LANGUAGES.items())
        raise VoiceFailed(f"voice kokoro_files:{variant}: its first letter names no language. Rename it: {known}.")
    language = LANGUAGES[variant[0]]
    return VoiceFacts(
        loader="renderer.backends.kokoro_files:KokoroFiles",
        revision=f"kokoro-files-1-{revision_of(model, style)}-{SPELLING}{ALIGNER if language == 'en' else ''}",
        languages=(language,),
        grade="natural",
        extra="speech,espeak",
        licence="that of your files",
    )


class KokoroFiles(Kokoro):
    """The Voice protocol over a user's own Kokoro model and style."""

    def __init__(self, variant: str, settings: Settings) -> None:
        model, style = _files(variant, settings)
        self.style = _style(style)
        self.session = _session(model)
        self.names = [put.name for put in self.session.get_inputs()]
        self.spellers = {}

    def speak(self, line: Line) -> Recording:
        """See `Voice.speak`."""
        recording = super().speak(line)
        words = words_of(line.text, line.locale.split("-")[0])
        timed = timed_by_ear(line, words, recording.samples, recording.sample_rate)
        return replace(recording, words=timed.words, word_times=timed.word_times)

    def _say(self, phonemes: Sequence[str]) -> tuple[NDArray[np.float32], list[tuple[float, float] | None]]:
        """Return the samples of one chunk; nothing is known of its words."""
        tokens = [VOCABULARY[char] for word in phonemes for char in word if char in VOCABULARY]
        style = self.style[min(len(tokens), len(self.style)) - 1]
        values = (np.array([[0, *tokens, 0]], np.int64), style, np.ones(1, np.float32))
        try:
            sound = self.session.run(None, dict(zip(self.names, values, strict=True)))[0]
        except Exception as error:  # onnxruntime's errors share no base
            cure = "Choose an export of Kokoro-82M v1.0 with tokens, style and speed."
            raise VoiceFailed(f"Kokoro files: the model failed ({type(error).__name__}). {cure}") from error
        return np.ravel(sound).astype(np.float32), [None] * len(phonemes)


def _files(variant: str, settings: Settings) -> tuple[Path, Path]:
    """Return the model and the style.

    Raises:
        VoiceFailed: one of them is missing, or there are several models.
    """
    name = f"kokoro_files:{variant}"
    folder = voice_folder(name, settings) / FOLDER
    models = sorted(folder.glob("*.onnx"))
    if len(models) != 1:
        raise VoiceFailed(f"voice {name}: {folder} has {len(models)} .onnx files. Put exactly one model there.")
    styles = [path for path in (folder / f"{variant}.bin", folder / f"{variant}.npy") if path.is_file()]
    if not styles:
        raise VoiceFailed(f"voice {name}: {folder / variant}.bin is missing. Put the style there, as .bin or .npy.")
    return models[0], styles[0]


def _style(path: Path) -> NDArray[np.float32]:
    """Return the styles, (n, 1, 256), one for each number of tokens.

    Raises:
        VoiceFailed: the file holds something else.
    """
    try:
        numbers = np.load(path) if path.suffix == ".npy" else np.fromfile(path, "<f4")
        return np.asarray(numbers, np.float32).reshape(-1, 1, STYLE_SIZE)
    except ValueError as error:
        raise VoiceFailed(
            f"{path}: is no Kokoro style of {STYLE_SIZE} numbers for each length. Fetch it again."
        ) from error


def _session(model: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise VoiceFailed("Kokoro files: onnxruntime is not installed. Run: pip install 'adloom[speech]'.") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(model), sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base
        raise VoiceFailed(f"{model}: onnxruntime cannot read it. Fetch it again.") from error
    if len(session.get_inputs()) != 3:
        raise VoiceFailed(
            f"{model}: is no Kokoro model of tokens, style and speed. Choose an export of Kokoro-82M v1.0."
        )
    return session
