"""Voices of Amazon Polly through boto3: `polly:<VoiceId>`, such as polly:Vicki. Sound is PCM, word times are its marks.

Credentials and region come from the usual AWS variables and files, and stand nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from catalog.spoken import SpokenWord, words_of
from renderer.artifacts import Line
from renderer.backends import Recording, VoiceFacts
from renderer.backends.alignment import timed_by_ear
from renderer.backends.voices import ALIGNER
from renderer.backends.web_service import Caller, TryAgain
from renderer.backends.word_times import from_starts, require_speakable
from renderer.errors import BackendError, VoiceFailed
from renderer.settings import Settings

SAMPLE_RATE = 16_000  # the most that Polly gives as PCM
WITHOUT_MARKS = "generative"  # the engine that tells no word times
PASSING = frozenset(
    {"ThrottlingException", "TooManyRequestsException", "RequestTimeout", "ServiceFailureException", "InternalFailure"}
)
TEXT_REFUSED = frozenset({"TextLengthExceededException", "InvalidSsmlException"})


def facts(variant: str, settings: Settings) -> VoiceFacts:
    """Return what the settings say; which languages a voice speaks is known to AWS, which answers for it."""
    return VoiceFacts(
        loader="renderer.backends.polly:Polly",
        revision=f"polly-1-{settings.polly_engine}{ALIGNER if settings.polly_engine == WITHOUT_MARKS else ''}",
        languages=(),
        grade="basic" if settings.polly_engine == "standard" else "natural",
        extra="speech",
        licence="AWS Service Terms",
    )


class Polly:
    """The Voice protocol over one voice of Amazon Polly."""

    def __init__(self, variant: str, settings: Settings) -> None:
        self.voice = variant
        self.engine = settings.polly_engine
        self.client = _client(settings)
        self.caller = Caller("Amazon Polly", settings.speech_requests_per_s)

    def speak(self, line: Line) -> Recording:
        """See `Voice.speak`."""
        words = words_of(line.text, line.locale.split("-")[0])
        require_speakable(line, words)
        text = " ".join(word.spoken for word in words)
        pcm16 = self._ask(line, text, OutputFormat="pcm", SampleRate=str(SAMPLE_RATE))
        samples = np.frombuffer(pcm16[: len(pcm16) // 2 * 2], "<i2").astype(np.float32) * np.float32(2**-15)
        if self.engine == WITHOUT_MARKS:
            return timed_by_ear(line, words, samples, SAMPLE_RATE)
        marks = self._ask(line, text, OutputFormat="json", SpeechMarkTypes=["word"])
        return Recording(samples, SAMPLE_RATE, from_starts(words, _starts(words, marks), samples, SAMPLE_RATE))

    def _ask(self, line: Line, text: str, **wish: Any) -> bytes:
        return self.caller.call(partial(self._answer, line, text, wish))

    def _answer(self, line: Line, text: str, wish: dict[str, Any]) -> bytes:
        """Return one answer of Polly.

        Raises:
            TryAgain: it is busy or cannot be reached.
            VoiceFailed: it refuses us: credentials, voice, engine or region.
            BackendError: it refuses the text.
        """
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        try:
            reply = self.client.synthesize_speech(Text=text, VoiceId=self.voice, Engine=self.engine, **wish)
            body: bytes = reply["AudioStream"].read()
        except ClientError as error:
            raise self._refusal(error, line) from None
        except HTTPClientError as error:  # time-outs and lost connections
            raise TryAgain(type(error).__name__) from None
        except BotoCoreError as error:
            cure = "Check AWS_DEFAULT_REGION and the AWS credentials of this machine."
            raise VoiceFailed(f"Amazon Polly: cannot be asked ({type(error).__name__}). {cure}") from None
        return body

    def _refusal(self, error: Any, line: Line) -> Exception:
        code = str(error.response["Error"]["Code"])
        status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        if code in PASSING or status in (429, 500, 502, 503, 504):
            after = error.response["ResponseMetadata"].get("HTTPHeaders", {}).get("retry-after", "")
            return TryAgain(f"{code}, HTTP {status}", float(after) if after.isdecimal() else None)
        if code in TEXT_REFUSED:
            return BackendError(f"line of {line.locale}: Amazon Polly refuses it ({code}). Rewrite the line.")
        cure = f"Check credentials and AWS_DEFAULT_REGION, and that '{self.voice}' has the engine {self.engine} there."
        return VoiceFailed(f"Amazon Polly: refused the request ({code}, HTTP {status}). {cure}")


def _starts(words: Sequence[SpokenWord], marks: bytes) -> list[float | None]:
    """Return when each word starts, in s: a mark says which bytes of the text it is for."""
    lengths = [len(word.spoken.encode()) + 1 for word in words]
    ends = np.cumsum(lengths)
    starts: list[float | None] = [None] * len(words)
    for row in marks.splitlines():
        mark = json.loads(row)
        index = int(np.searchsorted(ends, mark["start"], side="right"))
        if index < len(words) and starts[index] is None:
            starts[index] = mark["time"] / 1000
    return starts


def _client(settings: Settings) -> Any:
    """Return a client that leaves trying again to us, and does not mistake the S3 server of this machine for AWS."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        connect_timeout=settings.speech_timeout_s,
        read_timeout=settings.speech_timeout_s,
        retries={"total_max_attempts": 1},
        ignore_configured_endpoint_urls=True,
    )
    try:
        return boto3.client("polly", endpoint_url=settings.polly_url or None, config=config)
    except BotoCoreError as error:
        cure = "Set AWS_DEFAULT_REGION, such as AWS_DEFAULT_REGION=eu-central-1."
        raise VoiceFailed(f"Amazon Polly: no connection can be set up ({type(error).__name__}). {cure}") from None
