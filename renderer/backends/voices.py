"""The voice table: every voice, what it speaks and how well, readable without any of the engines.

`VOICES` are the rows that come with adloom. `ENGINES` are those whose voices are yours: what stands before the colon
says which engine, and its `facts` look at the file, the folder or the settings behind a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from renderer.artifacts import Grade
from renderer.backends import Voice, VoiceFacts
from renderer.backends.kokoro_voices import VOICE_SHA256
from renderer.errors import BackendError, VoiceFailed
from renderer.settings import Settings

KOKORO_MODEL = "kokoro-v1.0-int8-6e742170"
SPELLING = "spelling-1"  # raise when phonemes change
PICO_REVISION = "pico-py-nanotts-0.1"
ESPEAK_REVISION = "espeak-ng-1.52"
# English words of engines that tell no times are aligned where the aligner is installed, else estimated.
ALIGNER = "-aligned-1" if find_spec("pocketsphinx") else ""
APACHE, GPL = "Apache-2.0", "GPL-3.0-or-later"


def _kokoro(style: str, *languages: str, grade: Grade = "natural", extra: str = "speech,espeak") -> VoiceFacts:
    revision = f"{KOKORO_MODEL}-{VOICE_SHA256[style][:8]}-{SPELLING}"
    return VoiceFacts("renderer.backends.kokoro:Kokoro", revision, languages, grade, extra, APACHE)


def _pico(language: str) -> VoiceFacts:
    revision = PICO_REVISION + (ALIGNER if language == "en" else "")
    return VoiceFacts("renderer.backends.pico:Pico", revision, (language,), "basic", "speech", APACHE)


# Grades by what a speech recognizer hears: docs/voices.md has the rule and the numbers. `-de`, `-ar`: a language that
# the style was not trained on.
VOICES: dict[str, VoiceFacts] = {
    "kokoro:af_heart": _kokoro("af_heart", "en"),
    "kokoro:am_michael": _kokoro("am_michael", "en"),
    "kokoro:bf_emma": _kokoro("bf_emma", "en"),
    "kokoro:ff_siwis": _kokoro("ff_siwis", "fr"),
    "kokoro:ef_dora": _kokoro("ef_dora", "es"),
    "kokoro:em_alex": _kokoro("em_alex", "es"),
    "kokoro:if_sara": _kokoro("if_sara", "it"),
    "kokoro:im_nicola": _kokoro("im_nicola", "it"),
    "kokoro:pf_dora": _kokoro("pf_dora", "pt"),
    "kokoro:hf_alpha": _kokoro("hf_alpha", "hi"),
    "kokoro:jf_alpha": _kokoro("jf_alpha", "ja", extra="speech"),
    "kokoro:zf_xiaoxiao": _kokoro("zf_xiaoxiao", "zh", extra="speech"),
    "kokoro:im_nicola-de": _kokoro("im_nicola", "de", grade="draft"),
    "kokoro:em_alex-ar": _kokoro("em_alex", "ar", grade="draft"),
    "pico:de-DE": _pico("de"),
    "pico:en-GB": _pico("en"),
    "pico:en-US": _pico("en"),
    "pico:es-ES": _pico("es"),
    "pico:fr-FR": _pico("fr"),
    "pico:it-IT": _pico("it"),
    # Any language eSpeak NG knows; the line's locale decides. An empty tuple means: all.
    "espeak:auto": VoiceFacts("renderer.backends.espeak:Espeak", ESPEAK_REVISION, (), "draft", "espeak", GPL),
}

# Engines that speak with voices of yours: what stands before the colon, what a name is, and the module with its facts.
ENGINES = {
    "piper": ("a Piper voice in ADLOOM_VOICES_DIR", "renderer.backends.piper_voices"),
    "kokoro_files": ("a style of the Kokoro model in ADLOOM_VOICES_DIR/kokoro", "renderer.backends.kokoro_files"),
    "openai": ("a voice of the speech service at ADLOOM_SPEECH_URL", "renderer.backends.openai_speech"),
    "polly": ("a voice of Amazon Polly", "renderer.backends.polly"),
}


def voice_facts(name: str, settings: Settings | None = None) -> VoiceFacts:
    """Return the facts of a voice: its row in the table, or what its engine finds behind the name.

    Raises:
        BackendError: there is no such voice; names those there are.
        VoiceFailed: its files or settings are missing.
    """
    if name in VOICES:
        return VOICES[name]
    engine, _, variant = name.partition(":")
    if engine not in ENGINES or not variant:
        yours = ", ".join(f"{engine}:<{what}>" for engine, (what, _) in ENGINES.items())
        raise BackendError(f"voice {name!r}: there is none of that name. Choose one of: {', '.join(VOICES)}; {yours}.")
    facts = import_module(ENGINES[engine][1]).facts
    return cast(VoiceFacts, facts(variant, settings or Settings()))


def find_voices(names: Iterable[str], settings: Settings) -> tuple[dict[str, VoiceFacts], dict[str, str]]:
    """Return the facts of all rows and of those voices, and why some of them cannot be used."""
    found, unusable = dict(VOICES), {}
    for name in dict.fromkeys(names):
        try:
            found[name] = voice_facts(name, settings)
        except BackendError as error:
            unusable[name] = str(error)
    return found, unusable


def load_voice(name: str, settings: Settings | None = None) -> Voice:
    """Build a voice; takes about a second for a neural one, which is why a worker keeps it.

    Raises:
        BackendError: there is no such voice.
        VoiceFailed: what it needs is missing or broken.
    """
    settings = settings or Settings()
    module, _, kind = voice_facts(name, settings).loader.partition(":")
    engine, _, variant = name.partition(":")
    build = getattr(import_module(module), kind)
    try:
        return cast(Voice, build(variant, settings) if engine in ENGINES else build(variant))
    except VoiceFailed:
        raise
    except BackendError as error:
        raise VoiceFailed(str(error)) from error
