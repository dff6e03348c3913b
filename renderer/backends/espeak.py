"""The draft voice of 100 languages, and the phonemes of most neural voices: eSpeak NG, kept at arm's length.

eSpeak NG is under GPL-3.0, so it runs as a separate program (espeak_program.py) and never in this process.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import subprocess
import sys
import time
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from catalog.spoken import words_of
from renderer.artifacts import Line
from renderer.backends import Recording
from renderer.backends.word_times import from_starts, require_speakable
from renderer.errors import BackendError

PROGRAM = Path(__file__).with_name("espeak_program.py")
TIMEOUT_S = 30.0  # a sentence takes some milliseconds; a cold start under load takes some seconds
MAX_TRIES = 2
WORDS_PER_MINUTE = 150  # eSpeak's own 175 is hurried for an ad

# BCP 47 tag or language to eSpeak's own name, where they differ.
VOICE_NAMES = {
    "en": "en-us", "en-US": "en-us", "en-GB": "en", "es-ES": "es", "es": "es-419", "pt": "pt-br", "pt-PT": "pt",
    "zh": "cmn", "zh-HK": "yue", "fr-BE": "fr-be", "fr-CH": "fr-ch", "no": "nb",
}  # fmt: skip


def espeak_voice(tag: str) -> str:
    """Return eSpeak's voice for a BCP 47 tag: `es-MX` is `es-419`."""
    language = tag.split("-")[0]
    return VOICE_NAMES.get(tag) or VOICE_NAMES.get(language) or language


class EspeakProgram:
    """One running eSpeak program; started when first asked, and again when it died. It ends when we do."""

    def __init__(self) -> None:
        if find_spec("espeakng_loader") is None:
            raise BackendError(
                "voice: eSpeak NG is not installed. Install it (GPL-3.0, a separate program): "
                "pip install 'adloom[espeak]'"
            )
        self.process: subprocess.Popen[bytes] | None = None
        self.unread = b""

    def ask(self, **request: Any) -> dict[str, Any]:
        """Return the reply to one request; see espeak_program.py for both.

        Raises:
            BackendError: eSpeak refused, or died or kept silent twice.
        """
        for _ in range(MAX_TRIES):
            process = self._running()
            try:
                assert process.stdin is not None
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
                reply: dict[str, Any] = json.loads(self._read_line(process))
            except (OSError, EOFError, TimeoutError, json.JSONDecodeError) as error:
                fact = f"{type(error).__name__} {error}".strip()
                self.close()
                continue
            if "error" in reply:
                raise BackendError(
                    f"eSpeak NG: {reply['error']}. Choose another voice for {request.get('text', '')[:60]!r}."
                )
            return reply
        raise BackendError(
            f"eSpeak NG: the program failed {MAX_TRIES} times ({fact}). Try: python {PROGRAM.name} < /dev/null"
        )

    def close(self) -> None:
        """End the program."""
        if self.process is None:
            return
        process, self.process, self.unread = self.process, None, b""
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.process.poll() is not None:
            self.close()
            self.process = subprocess.Popen(
                [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        return self.process

    def _read_line(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None
        deadline = time.monotonic() + TIMEOUT_S
        while b"\n" not in self.unread:
            ready, _, _ = select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                raise TimeoutError(f"no reply in {TIMEOUT_S:.0f} s")
            chunk = os.read(process.stdout.fileno(), 1 << 20)
            if not chunk:
                raise EOFError(f"ended with status {process.wait()}")
            self.unread += chunk
        line, _, self.unread = self.unread.partition(b"\n")
        return line


@lru_cache
def espeak_program() -> EspeakProgram:
    """Return the one program that all voices of this process ask, one after the other."""
    return EspeakProgram()


class Espeak:
    """The Voice protocol over eSpeak NG; the variant names the eSpeak voice, or is `auto` for the line's language."""

    def __init__(self, variant: str) -> None:
        self.variant = variant
        self.program = espeak_program()

    def speak(self, line: Line) -> Recording:
        """See `Voice.speak`. Word starts are eSpeak's own."""
        words = words_of(line.text, line.locale.split("-")[0])
        require_speakable(line, words)
        text = " ".join(word.spoken for word in words)
        voice = espeak_voice(line.locale) if self.variant == "auto" else self.variant
        reply = self.program.ask(do="speak", voice=voice, text=text, words_per_minute=WORDS_PER_MINUTE)
        samples = np.frombuffer(base64.b64decode(reply["pcm16"]), np.int16).astype(np.float32) * np.float32(2**-15)
        offsets = np.cumsum([0, *(len(word.spoken) + 1 for word in words)])
        starts: list[float | None] = [None] * len(words)
        for offset, start_ms in reply["events"]:
            index = int(np.searchsorted(offsets, offset, side="right")) - 1
            if index < len(words) and starts[index] is None:
                starts[index] = start_ms / 1000
        rate = int(reply["sample_rate"])
        return Recording(samples, rate, from_starts(words, starts, samples, rate))
