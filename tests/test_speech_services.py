"""Voices behind a network: asked with patience and in turn, understood whatever they answer, and their keys never told."""

from __future__ import annotations

import json
import logging
import struct
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from renderer.artifacts import Line
from renderer.backends import web_service
from renderer.backends.openai_speech import read_wav
from renderer.backends.voices import find_voices, load_voice, voice_facts
from renderer.backends.web_service import Turns, retry_after_s
from renderer.engine import InlineEngine
from renderer.errors import BackendError, SettingsError, VoiceDown, VoiceFailed
from renderer.local_engine import LocalEngine
from renderer.narrate import narrate
from renderer.settings import Settings
from renderer.store import open_store
from speech_servers import RATE, Answer, server, sound, wav

KEY = "sk-very-secret-123"
WAV = wav(sound())
FINE = Answer(WAV, headers={"Content-Type": "audio/wav"})


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A key in the environment, short pauses, and turns of the test's own."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(web_service, "FIRST_WAIT_S", 0.02)


def line_of(text: str = "Guten Tag zusammen.", tag: str = "de-DE", voice: str = "openai:alloy", **more: str) -> Line:
    return Line(key="line-1", text=text, locale=tag, voice=voice, voice_revision="1", **more)


def settings_of(url: str, **more: object) -> Settings:
    return Settings(speech_url=f"{url}/v1", speech_requests_per_s=1000, **more)


def test_the_request_is_openais() -> None:
    """Path, model, voice, text and format as its reference has them; the key in the header."""
    with server(FINE) as log:
        recording = load_voice("openai:alloy", settings_of(log.url, speech_model="tts-1-hd")).speak(line_of())

    assert log.paths == ["/v1/audio/speech"]
    assert log.requests == [
        {"model": "tts-1-hd", "voice": "alloy", "input": "Guten Tag zusammen.", "response_format": "wav"}
    ]
    assert log.headers[0]["authorization"] == f"Bearer {KEY}"
    assert recording.sample_rate == RATE
    assert len(recording.samples) == RATE
    assert [word.text for word in recording.words] == ["Guten", "Tag", "zusammen."]
    assert recording.word_times == "estimated"


def test_a_service_without_a_key_is_asked_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers on one's own machine want none; and the name of the variable can be set."""
    with server(FINE) as log:
        monkeypatch.setenv("OWN_KEY", "other")
        load_voice("openai:alloy", settings_of(log.url, speech_key_variable="OWN_KEY")).speak(line_of())
        monkeypatch.delenv("OWN_KEY")
        load_voice("openai:alloy", settings_of(log.url, speech_key_variable="OWN_KEY")).speak(line_of())

    assert [headers.get("authorization") for headers in log.headers] == ["Bearer other", None]


def test_a_busy_service_is_asked_again_when_it_says() -> None:
    """429 with Retry-After waits that long; 503 waits a little; then the answer counts."""
    busy = Answer(b"{}", 429, {"Retry-After": "1"})
    with server(busy, Answer(b"", 503), FINE) as log:
        recording = load_voice("openai:alloy", settings_of(log.url)).speak(line_of())
    waits = [after - before for before, after in pairwise(log.moments)]

    assert len(recording.samples) == RATE
    assert 1.0 <= waits[0] < 1.5
    assert waits[1] < 0.5


@pytest.mark.parametrize(
    ("answer", "tries"),
    [(Answer(b"", 500), 4), (Answer(b"", 429, {"Retry-After": "3600"}), 1), (Answer(WAV, drip_s=0.15), 4)],
    ids=["broken", "for an hour", "drips"],
)
def test_patience_ends(answer: Answer, tries: int) -> None:
    """After four tries, or where it asks for too long; then it rests, and the lines that follow fail at once."""
    with server(answer) as log:
        voice = load_voice("openai:alloy", settings_of(log.url, speech_timeout_s=0.3))
        with pytest.raises(VoiceDown, match=r"speech service http://127.* no speech") as first:
            voice.speak(line_of())
        with pytest.raises(VoiceDown):
            voice.speak(line_of())

    assert len(log.requests) == tries
    assert first.value.retryable


def test_nobody_there_is_said_so() -> None:
    """A refused connection is a service that is down, not a crash."""
    with server(FINE) as log:
        url = log.url

    with pytest.raises(VoiceDown, match="Connection refused"):
        load_voice("openai:alloy", settings_of(url)).speak(line_of())


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        (Answer(b"{}", 401), "valid key into the environment variable OPENAI_API_KEY"),
        (Answer(b"{}", 404), "ADLOOM_SPEECH_MODEL"),
        (Answer(b"{}", 302, {"Location": "http://127.0.0.1:1/"}), "refused the request"),
        (Answer(b"ID3...", 200, {"Content-Type": "audio/mpeg"}), "audio/mpeg and no WAV"),
        (Answer(WAV[:30], 200), "broken or of an unknown kind"),
        (Answer(WAV.replace(b"\x01\x00\x01\x00", b"\x07\x00\x01\x00", 1), 200), "broken or of an unknown kind"),
    ],
    ids=["key", "model", "redirect", "mp3", "cut", "mu-law"],
)
def test_what_cannot_be_used_is_said_once(answer: Answer, fact: str) -> None:
    """Asking again would not help: one request, one sentence with the cure."""
    with server(answer) as log, pytest.raises(VoiceFailed, match=fact) as failed:
        load_voice("openai:alloy", settings_of(log.url)).speak(line_of())

    assert len(log.requests) == 1
    assert not failed.value.retryable
    assert KEY not in str(failed.value)


def test_a_refused_text_is_the_texts_fault() -> None:
    """No other voice is asked to say it."""
    with server(Answer(b"{}", 422)) as log, pytest.raises(BackendError, match="Rewrite the line") as failed:
        load_voice("openai:alloy", settings_of(log.url)).speak(line_of())

    assert not isinstance(failed.value, VoiceFailed)


def test_a_flood_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer without end does not fill the memory."""
    monkeypatch.setattr("renderer.backends.openai_speech.MAX_BYTES", 200_000)

    with server(Answer(b"RIFF" + bytes(900_000))) as log, pytest.raises(VoiceFailed, match="larger than"):
        load_voice("openai:alloy", settings_of(log.url)).speak(line_of())


@pytest.mark.parametrize("claimed", [0xFFFFFFFF, 0x7FFFFFFF, 10_000_000], ids=["unknown", "signed", "too long"])
def test_a_length_that_a_streaming_server_made_up_is_clamped(claimed: int) -> None:
    """What came is what is heard, but for half a sample."""
    body = WAV[:40] + struct.pack("<I", claimed) + WAV[44:] + b"\x01"

    assert len(read_wav(body, "test").samples) == RATE


def test_other_kinds_of_wav_are_understood() -> None:
    """Stereo is averaged, floats are taken, chunks before the data are passed over."""
    stereo = wav(np.stack([sound(), sound()], 1), channels=2)
    floats = np.full(100, 0.25, "<f4").tobytes()
    head = (
        b"fmt " + struct.pack("<IHHIIHH", 16, 3, 1, 22_050, 88_200, 4, 32) + b"LIST" + struct.pack("<I", 3) + b"abc\0"
    )
    other = read_wav(b"RIFF\0\0\0\0WAVE" + head + b"data" + struct.pack("<I", 400) + floats, "test")

    assert np.allclose(read_wav(stereo, "test").samples, read_wav(WAV, "test").samples)
    assert other.sample_rate == 22_050
    assert np.allclose(other.samples, 0.25)


def test_retry_after_is_seconds_or_a_date() -> None:
    """RFC 9110 has both; what is neither asks for nothing."""
    assert retry_after_s("1.5") == 1.5
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after_s("soon") is None
    assert retry_after_s(None) is None


def _turn(turns: Turns, number: int) -> float:
    turns.wait()
    return time.time()


def test_workers_of_a_machine_share_one_rate() -> None:
    """Two processes, eight requests, twenty a second: never two within less than half a turn."""
    moments = sorted(outcome.value for outcome in LocalEngine(2).map(_turn, list(range(8)), partial(Turns, "test", 20)))

    assert moments[-1] - moments[0] >= 7 / 20 - 0.03


def test_a_service_is_known_by_its_settings() -> None:
    """Address, model and voice are in the revision, so that none is answered with another's recording; the key is not."""
    one, other = (settings_of("http://one.test", speech_model=model) for model in ("a", "b"))
    told = [voice_facts("openai:alloy", settings) for settings in (one, other)]
    german = voice_facts(
        "openai:alloy", settings_of("http://one.test", speech_languages="de, ar", speech_grade="natural")
    )

    assert told[0].revision != told[1].revision != voice_facts("openai:echo", other).revision
    assert (told[0].grade, told[0].languages) == ("basic", ())
    assert (german.grade, german.languages) == ("natural", ("de", "ar"))


def test_a_missing_address_is_found_when_planning() -> None:
    """Before anything is spent, with the setting to set."""
    _, unusable = find_voices(["openai:alloy", "pico:de-DE"], Settings())

    assert list(unusable) == ["openai:alloy"]
    assert "Set ADLOOM_SPEECH_URL" in unusable["openai:alloy"]


@pytest.mark.parametrize("url", ["ftp://x/v1", "https://user:pw-secret@x/v1", "https://x/v1?key=pw-secret"])
def test_an_address_with_a_password_is_refused_and_not_repeated(url: str) -> None:
    """Addresses stand in records; the sentence that refuses one does not show it."""
    with pytest.raises(SettingsError, match="ADLOOM_SPEECH_URL") as refused:
        Settings.from_environment({"ADLOOM_SPEECH_URL": url})

    assert "pw-secret" not in str(refused.value)


def test_the_key_is_nowhere_but_in_the_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not in records, keys, revisions, logs or errors; neither OpenAI's nor AWS's."""
    caplog.set_level(logging.DEBUG)
    store = open_store(f"file://{tmp_path}/store")
    with server(FINE) as log, server(Answer(b"{}", 403)) as refusing:
        settings = settings_of(log.url, polly_url=refusing.url)
        lines = [line_of(), line_of(voice="polly:Vicki").model_copy(update={"key": "line-2"})]
        outcomes = list(narrate(lines, store, InlineEngine(), settings))
    told = [repr(outcomes), repr(settings), voice_facts("openai:alloy", settings).revision]
    told += [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    told += [record.getMessage() for record in caplog.records if record.name.startswith(("renderer", "catalog"))]

    assert [outcome.error is None for outcome in outcomes] == [True, False]
    assert not any(KEY in text for text in told)


MARKS = b"\n".join(
    json.dumps({"time": time_ms, "type": "word", "start": start, "end": end, "value": "x"}).encode()
    for time_ms, start, end in ((100, 0, 6), (400, 7, 11), (700, 12, 16))
)
PCM = Answer(sound(rate=16_000).tobytes(), headers={"Content-Type": "audio/pcm"})


def test_polly_speaks_and_tells_when() -> None:
    """Sound and marks are two signed requests; marks count bytes of UTF-8, so words after an umlaut keep their time."""
    with server(PCM, Answer(MARKS, headers={"Content-Type": "application/x-json-stream"})) as log:
        settings = Settings(polly_url=log.url, speech_requests_per_s=1000)
        recording = load_voice("polly:Vicki", settings).speak(line_of("Schön für dich", voice="polly:Vicki"))

    assert [request["OutputFormat"] for request in log.requests] == ["pcm", "json"]
    assert all(request["VoiceId"] == "Vicki" and request["Engine"] == "neural" for request in log.requests)
    assert log.paths == ["/v1/speech"] * 2
    assert all(h["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIATEST") for h in log.headers)
    assert recording.sample_rate == 16_000
    assert recording.word_times == "engine"
    assert [(word.text, word.start_ms) for word in recording.words] == [("Schön", 100), ("für", 400), ("dich", 700)]


def test_pollys_best_engine_tells_no_times() -> None:
    """Then they are estimated, and the recording says so."""
    with server(PCM) as log:
        settings = Settings(polly_url=log.url, polly_engine="generative", speech_requests_per_s=1000)
        recording = load_voice("polly:Vicki", settings).speak(line_of(voice="polly:Vicki"))

    assert len(log.requests) == 1
    assert recording.word_times == "estimated"


@pytest.mark.parametrize(
    ("status", "code", "kind", "tries"),
    [
        (400, "ThrottlingException", VoiceDown, 4),
        (503, "ServiceUnavailable", VoiceDown, 4),
        (403, "UnrecognizedClientException", VoiceFailed, 1),
        (400, "EngineNotSupportedException", VoiceFailed, 1),
        (400, "TextLengthExceededException", BackendError, 1),
    ],
)
def test_what_polly_refuses(status: int, code: str, kind: type[Exception], tries: int) -> None:
    """Busy is asked again; our fault and the text's fault are not."""
    with server(Answer(b"{}", status, {"x-amzn-ErrorType": code})) as log:
        voice = load_voice("polly:Vicki", Settings(polly_url=log.url, speech_requests_per_s=1000))
        with pytest.raises(kind, match=code) as failed:
            voice.speak(line_of(voice="polly:Vicki"))

    assert type(failed.value) is kind
    assert len(log.requests) == tries


def test_polly_is_not_looked_for_in_the_s3_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_ENDPOINT_URL may name a server of this machine that knows S3 only."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    assert "polly.eu-central-1.amazonaws.com" in load_voice("polly:Vicki", Settings()).client.meta.endpoint_url
