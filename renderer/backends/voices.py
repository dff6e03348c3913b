"""The voice table: every voice, what it speaks and how well, readable without any of the engines."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from renderer.backends import Grade, Voice, VoiceFacts
from renderer.backends.kokoro_voices import VOICE_SHA256
from renderer.errors import BackendError

KOKORO_MODEL = "kokoro-v1.0-int8-6e742170"
SPELLING = "spelling-1"  # raise when phonemes change
PICO_REVISION = "pico-py-nanotts-0.1"
ESPEAK_REVISION = "espeak-ng-1.52"
APACHE, GPL = "Apache-2.0", "GPL-3.0-or-later"


def _kokoro(style: str, *languages: str, grade: Grade = "neural", extra: str = "speech,espeak") -> VoiceFacts:
    revision = f"{KOKORO_MODEL}-{VOICE_SHA256[style][:8]}-{SPELLING}"
    return VoiceFacts("renderer.backends.kokoro:Kokoro", revision, languages, grade, extra, APACHE)


def _pico(language: str) -> VoiceFacts:
    return VoiceFacts("renderer.backends.pico:Pico", PICO_REVISION, (language,), "basic", "speech", APACHE)


# Grades by round trip through a speech recognizer (word errors): neural up to 10 %, basic and accented up to 25 %,
# draft above that. docs/adr has the numbers. `-de`, `-ar`: a language the style was not trained on.
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
    "kokoro:im_nicola-de": _kokoro("im_nicola", "de", grade="accented"),
    "kokoro:em_alex-ar": _kokoro("em_alex", "ar", grade="accented"),
    "pico:de-DE": _pico("de"),
    "pico:en-GB": _pico("en"),
    "pico:en-US": _pico("en"),
    "pico:es-ES": _pico("es"),
    "pico:fr-FR": _pico("fr"),
    "pico:it-IT": _pico("it"),
    # Any language eSpeak NG knows; the line's locale decides. An empty tuple means: all.
    "espeak:auto": VoiceFacts("renderer.backends.espeak:Espeak", ESPEAK_REVISION, (), "draft", "espeak", GPL),
}


def voice_facts(name: str) -> VoiceFacts:
    """Return the row of a voice.

    Raises:
        BackendError: there is no such voice; names those there are.
    """
    if name not in VOICES:
        raise BackendError(f"voice {name!r}: there is none of that name. Choose one of: {', '.join(VOICES)}.")
    return VOICES[name]


def load_voice(name: str) -> Voice:
    """Build a voice; takes about a second for a neural one, which is why a worker keeps it.

    Raises:
        BackendError: there is no such voice, or what it needs is not installed.
    """
    module, _, kind = voice_facts(name).loader.partition(":")
    return cast(Voice, getattr(import_module(module), kind)(name.partition(":")[2]))
