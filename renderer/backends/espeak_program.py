"""A program of its own that speaks and spells phonemes with eSpeak NG: JSON lines in, JSON lines out.

eSpeak NG is under GPL-3.0. It is loaded in this process only, which shares nothing with ours but a pipe; nothing of
adloom may import this file. Start: `python espeak_program.py`. It ends when its input ends.

Requests and replies, one a line:
    {"do": "phonemes", "voice": "de", "text": "..."}      -> {"phonemes": ["..."], "events": [[offset, "..."], ...]}
    {"do": "speak", "voice": "ar", "text": "...", "words_per_minute": 150}
                                -> {"sample_rate": 22050, "pcm16": "<base64>", "events": [[offset, milliseconds], ...]}
    anything that fails                                                                       -> {"error": "..."}
Phonemes are IPA, one string a clause, with U+005E inside affricates and diphthongs. Offsets count characters of the
text, from 0. The interface of the library: speak_lib.h of eSpeak NG 1.52.
"""

from __future__ import annotations

import base64
import ctypes
import json
import sys
from collections.abc import Callable
from typing import Any

import espeakng_loader

SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: hand samples to the callback, return when all are made
PHONEME_EVENTS_AS_IPA = 1 | 2
UTF8 = 1
WORDS_PER_MINUTE = 1  # espeak_PARAMETER
IPA_WITH_TIES = 2 | 1 << 7 | ord("^") << 8
END_OF_LIST, WORD, PHONEME = 0, 1, 7  # espeak_EVENT_TYPE


class EventId(ctypes.Union):
    """What an event names: a number, a pointer, or up to eight bytes of phoneme."""

    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class Event(ctypes.Structure):
    """espeak_EVENT."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", EventId),
    )


Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))


class Espeak:
    """The library, started once."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        folder = espeakng_loader.get_data_path().encode()
        self.sample_rate = self.library.espeak_Initialize(SYNCHRONOUS, 0, folder, PHONEME_EVENTS_AS_IPA)
        self.library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self.pcm16 = bytearray()
        self.words: list[tuple[int, int]] = []
        self.spelled: list[tuple[int, str]] = []
        self.callback = Callback(self._receive)
        self.library.espeak_SetSynthCallback(self.callback)

    def phonemes(self, voice: str, text: str) -> dict[str, Any]:
        """Return the IPA of each clause, and which word of the text each phoneme came from."""
        self._synthesize(voice, text)
        rest = ctypes.c_char_p(text.encode())
        clauses = []
        while rest.value:
            clauses.append(self.library.espeak_TextToPhonemes(ctypes.byref(rest), UTF8, IPA_WITH_TIES).decode())
        return {"phonemes": clauses, "events": self.spelled}

    def speak(self, voice: str, text: str, words_per_minute: int) -> dict[str, Any]:
        """Return 16-bit samples and the time at which each word starts."""
        self.library.espeak_SetParameter(WORDS_PER_MINUTE, words_per_minute, 0)
        self._synthesize(voice, text)
        pcm16 = base64.b64encode(self.pcm16).decode()
        return {"sample_rate": self.sample_rate, "pcm16": pcm16, "events": self.words}

    def _synthesize(self, voice: str, text: str) -> None:
        if self.library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"there is no voice {voice!r}")
        self.pcm16.clear()
        self.words.clear()
        self.spelled.clear()
        body = text.encode() + b"\0"
        size = ctypes.c_size_t(len(body))
        self.library.espeak_Synth(body, size, 0, 0, 0, ctypes.c_uint(UTF8), None, None)
        self.library.espeak_Synchronize()

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        index = 0
        while events[index].type != END_OF_LIST:
            event = events[index]
            if event.type == WORD:
                self.words.append((event.text_position - 1, event.audio_position))
            elif event.type == PHONEME and self.words:
                self.spelled.append((self.words[-1][0], event.id.string.decode(errors="ignore")))
            index += 1
        if samples and count > 0:
            self.pcm16 += ctypes.string_at(samples, 2 * count)
        return 0


def main() -> None:
    """Answer requests until the input ends."""
    espeak = Espeak()
    for request in sys.stdin:
        try:
            asked = json.loads(request)
            verbs: dict[str, Callable[..., dict[str, Any]]] = {"phonemes": espeak.phonemes, "speak": espeak.speak}
            reply = verbs[asked.pop("do")](**asked)
        except (ValueError, KeyError, TypeError) as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
