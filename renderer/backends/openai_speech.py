"""Voices of any service with OpenAI's speech interface: POST {ADLOOM_SPEECH_URL}/audio/speech, answered by a WAV file.

The key comes from the environment variable that ADLOOM_SPEECH_KEY_VARIABLE names, goes into the request's header, and
nowhere else. The service tells no word times.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from urllib.error import HTTPError
from urllib.request import Request

import numpy as np
from numpy.typing import NDArray

from catalog.spoken import words_of
from renderer.artifacts import Line
from renderer.backends import Recording, VoiceFacts
from renderer.backends.alignment import timed_by_ear
from renderer.backends.voices import ALIGNER
from renderer.backends.web_service import Caller, TooLarge, answer_to
from renderer.backends.word_times import require_speakable
from renderer.errors import BackendError, VoiceFailed
from renderer.settings import Settings

MAX_BYTES = 64 << 20  # eleven minutes of 48 kHz
TEXT_REFUSED = frozenset({413, 422})
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
SAMPLE_TYPES = {(PCM, 16): ("<i2", 2**-15), (EXTENSIBLE, 16): ("<i2", 2**-15), (FLOAT, 32): ("<f4", 1.0)}


def facts(variant: str, settings: Settings) -> VoiceFacts:
    """Return what is known of a voice of the service: what its settings say.

    Raises:
        VoiceFailed: there is no address.
    """
    if not settings.speech_url:
        raise VoiceFailed(
            f"voice openai:{variant}: no speech service is set. "
            "Set ADLOOM_SPEECH_URL, such as https://api.openai.com/v1."
        )
    told = f"{settings.speech_url} {settings.speech_model} {variant}"
    return VoiceFacts(
        loader="renderer.backends.openai_speech:OpenAISpeech",
        revision=f"openai-1-{hashlib.sha256(told.encode()).hexdigest()[:12]}{ALIGNER}",
        languages=settings.service_languages,
        grade=settings.speech_grade,
        extra="speech",
        licence="terms of the service",
    )


class OpenAISpeech:
    """The Voice protocol over one voice of the service."""

    def __init__(self, variant: str, settings: Settings) -> None:
        facts(variant, settings)
        self.voice = variant
        self.settings = settings
        self.caller = Caller(f"speech service {settings.speech_url}", settings.speech_requests_per_s)

    def speak(self, line: Line) -> Recording:
        """See `Voice.speak`."""
        words = words_of(line.text, line.locale.split("-")[0])
        require_speakable(line, words)
        request = self._request(" ".join(word.spoken for word in words))
        wav = read_wav(self.caller.call(lambda: self._answer(request, line)), self.caller.service)
        return timed_by_ear(line, words, wav.samples, wav.sample_rate)

    def _request(self, text: str) -> Request:
        body = {"model": self.settings.speech_model, "voice": self.voice, "input": text, "response_format": "wav"}
        headers = {"Content-Type": "application/json", "Accept": "audio/wav"}
        if key := os.environ.get(self.settings.speech_key_variable):
            headers["Authorization"] = f"Bearer {key}"
        url = f"{self.settings.speech_url}/audio/speech"
        return Request(url, json.dumps(body).encode(), headers, method="POST")  # noqa: S310 # settings allow http(s) only

    def _answer(self, request: Request, line: Line) -> bytes:
        """Return the body of one answer.

        Raises:
            TryAgain: the service is busy, broken or slow.
            VoiceFailed: it refuses us: key, model, voice or address.
            BackendError: it refuses the text.
        """
        try:
            kind, body = answer_to(request, self.settings.speech_timeout_s, MAX_BYTES)
        except HTTPError as error:
            error.close()
            raise self._refusal(error, line) from None
        except TooLarge as error:
            raise VoiceFailed(f"{self.caller.service}: {error}. Use a shorter line.") from None
        if not body.startswith(b"RIFF"):
            cure = "Its model must answer response_format wav: check ADLOOM_SPEECH_MODEL."
            raise VoiceFailed(f"{self.caller.service}: answered {kind} and no WAV file. {cure}")
        return body

    def _refusal(self, error: HTTPError, line: Line) -> Exception:
        said = f"HTTP {error.code} {error.reason}"
        if error.code in TEXT_REFUSED:
            return BackendError(f"line of {line.locale}: {self.caller.service} refuses it ({said}). Rewrite the line.")
        if error.code in (401, 403):
            cure = f"Put a valid key into the environment variable {self.settings.speech_key_variable}."
            return VoiceFailed(f"{self.caller.service}: does not let us in ({said}). {cure}")
        cure = f"Check ADLOOM_SPEECH_URL, ADLOOM_SPEECH_MODEL and that there is a voice '{self.voice}'."
        return VoiceFailed(f"{self.caller.service}: refused the request ({said}). {cure}")


@dataclass(frozen=True)
class Wav:
    """Mono float32 samples in [-1, 1] and their rate in Hz."""

    samples: NDArray[np.float32]
    sample_rate: int


def read_wav(body: bytes, source: str) -> Wav:
    """Read 16-bit PCM or 32-bit floats; channels are averaged.

    Servers that stream write lengths that they do not know yet: those are clamped.

    Raises:
        VoiceFailed: it is no such file.
    """
    channels = rate = bits = code = 0
    at = 12
    while at + 8 <= len(body):
        name, size = body[at : at + 4], int.from_bytes(body[at + 4 : at + 8], "little")
        chunk = body[at + 8 : at + 8 + size]
        if name == b"fmt " and len(chunk) >= 16:
            code, channels = int.from_bytes(chunk[:2], "little"), int.from_bytes(chunk[2:4], "little")
            rate, bits = int.from_bytes(chunk[4:8], "little"), int.from_bytes(chunk[14:16], "little")
        elif name == b"data" and (code, bits) in SAMPLE_TYPES and channels and rate:
            kind, scale = SAMPLE_TYPES[code, bits]
            whole = len(chunk) // (bits // 8 * channels) * (bits // 8 * channels)
            samples = np.frombuffer(chunk[:whole], kind).reshape(-1, channels).mean(axis=1) * scale
            return Wav(samples.astype(np.float32), rate)
        at += 8 + size + size % 2
    raise VoiceFailed(
        f"{source}: the WAV file is broken or of an unknown kind. Choose a model that answers 16-bit WAV."
    )
