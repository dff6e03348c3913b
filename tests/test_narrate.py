"""Narration: recordings of equal loudness, trimmed, with the same bytes for the same line."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from catalog.spoken import annotate
from renderer.artifacts import Line, Speech, Word
from renderer.backends import Recording
from renderer.engine import InlineEngine
from renderer.errors import BackendError, VoiceFailed
from renderer.narrate import CEILING, LEAD_S, VoiceRack, levelled, narrate, narrate_line, trimmed, wav_bytes
from renderer.settings import Settings
from renderer.store import Store, open_store
from speech_servers import Answer, server, sound, wav

RATE = 16_000


def line_of(text: str, tag: str = "de-DE", voice: str = "pico:de-DE", key: str = "line-1") -> Line:
    return Line(key=key, text=text, locale=tag, voice=voice, voice_revision="1")


def tone(seconds: float, volume: float) -> np.ndarray:
    return (volume * np.sin(np.arange(int(seconds * RATE)) / 7)).astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE), np.float32)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # where requests to services wait their turn
    return open_store(f"file://{tmp_path}")


def test_a_line_becomes_a_wav_with_word_times(store: Store) -> None:
    """Mono, 16 bit, below -3 dBFS; words are shown ones, inside the recording; the record names the file."""
    line = line_of(f"Nur heute: {annotate('19,90 €', 'neunzehn Euro neunzig')}!")
    speech = narrate_line(line, VoiceRack(), store)
    with wave.open(str(store.local(speech.object))) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        shape = file.getnchannels(), file.getsampwidth(), file.getframerate()

    assert shape == (1, 2, speech.sample_rate)
    assert speech.duration_ms == len(samples) * 1000 // speech.sample_rate
    assert np.abs(samples).max() <= CEILING * 32767
    assert [word.text for word in speech.words] == ["Nur", "heute:", "19,90 €!"]
    assert 0 <= speech.words[0].start_ms < speech.words[-1].end_ms <= speech.duration_ms
    assert (speech.grade, speech.voice, speech.word_times, speech.departure) == ("basic", "pico:de-DE", "estimated", "")
    assert store.get_record("speech/line-1.json", Speech) == speech


def test_the_same_line_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two runs, two stores, one sound: keys may stand for content."""
    line = line_of("Hello there.", "en-US", "kokoro:af_heart")
    stores = [open_store(f"file://{tmp_path}/{name}") for name in "ab"]
    rack = VoiceRack()
    one, other = (narrate_line(line, rack, each) for each in stores)

    assert one == other
    assert stores[0].get_bytes(one.object) == stores[1].get_bytes(other.object)


def test_engines_are_equally_loud(store: Store) -> None:
    """A campaign of many voices needs no volume knob: their spoken parts differ by less than 1.5 dB."""
    levels = []
    for voice, tag, text in (
        ("pico:de-DE", "de-DE", "Guten Tag zusammen"), ("espeak:auto", "de-DE", "Guten Tag zusammen"),
        ("kokoro:af_heart", "en-US", "Good day to all"),
    ):  # fmt: skip
        speech = narrate_line(line_of(text, tag, voice, key=voice.replace(":", "-")), VoiceRack(), store)
        with wave.open(str(store.local(speech.object))) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
        levels.append(20 * np.log10(np.sqrt(np.mean(samples[np.abs(samples) > 0.005] ** 2))))

    assert max(levels) - min(levels) < 1.5


def test_silence_is_trimmed_and_words_move_along() -> None:
    """60 ms stay at both ends, faded, and a word keeps its sound."""
    samples = np.concatenate([silence(1), tone(0.5, 0.3), silence(2)])
    kept = trimmed(Recording(samples, RATE, (Word(text="a", start_ms=1000, end_ms=1500),)))

    assert len(kept.samples) / RATE == pytest.approx(0.5 + 2 * LEAD_S, abs=0.02)
    assert (kept.words[0].start_ms, kept.words[0].end_ms) == (pytest.approx(60, abs=10), pytest.approx(560, abs=10))
    assert kept.samples[0] == kept.samples[-1] == 0


def test_a_recording_without_silence_gets_some() -> None:
    """Sound that starts at once is not cut: silence is added."""
    kept = trimmed(Recording(tone(0.5, 0.3), RATE, ()))

    assert len(kept.samples) / RATE == pytest.approx(0.5 + 2 * LEAD_S, abs=0.02)


def test_peaks_are_rounded_not_cut() -> None:
    """A loud syllable stays below the ceiling and above all others."""
    samples = np.concatenate([tone(2, 0.05), tone(0.05, 0.9), tone(0.05, 0.95)])
    loud = levelled(Recording(samples, RATE, ())).samples

    assert np.abs(loud).max() <= CEILING
    assert np.abs(loud[-700:]).max() > np.abs(loud[-1500:-900]).max()


def test_wav_samples_are_little_endian() -> None:
    """The file is the same on every machine."""
    body = wav_bytes(np.array([0, 0.5, -1], np.float32), RATE)

    assert body[-6:] == b"\x00\x00\x00\x40\x01\x80"


LONG, SHORT = "Der Kaffee bleibt den ganzen Tag lang heiß.", "Bleibt heiß."


def fitted(store: Store, room_ms: int, short_text: str = "", key: str = "line-1") -> Speech:
    line = line_of(LONG, key=key).model_copy(update={"room_ms": room_ms, "short_text": short_text})
    return narrate_line(line, VoiceRack(), store)


def test_a_line_that_is_a_little_long_is_spoken_faster(store: Store) -> None:
    """It fills its room, at the same pitch; words move with it; the recording at its own pace is made once."""
    own = fitted(store, 60_000)
    room_ms = round(own.duration_ms / 1.1)
    faster, same = fitted(store, room_ms, key="line-2"), fitted(store, own.duration_ms, key="line-3")

    assert (own.tempo, own.text, same.tempo, same.object) == (1.0, "", 1.0, own.object)
    assert faster.tempo == pytest.approx(1.11, abs=0.01)
    assert room_ms - 60 <= faster.duration_ms <= room_ms
    for before, after in zip(own.words, faster.words, strict=True):
        assert after.start_ms == pytest.approx(before.start_ms / faster.tempo, abs=2)
    assert faster.words[-1].end_ms <= faster.duration_ms
    assert len([key for key in store.keys("speech/") if key.endswith(".wav")]) == 2


def test_a_line_that_is_far_too_long_gives_way_to_its_shorter_words(store: Store) -> None:
    """At their own pace if they fit, faster if they nearly do; words that are not shorter are not taken."""
    own = fitted(store, 60_000)
    short = fitted(store, round(own.duration_ms / 1.3), SHORT, key="line-2")
    tight = fitted(store, round(short.duration_ms / 1.1), SHORT, key="line-3")

    assert (short.text, short.tempo) == (SHORT, 1.0)
    assert [word.text for word in short.words] == SHORT.split()
    assert (tight.text, tight.tempo) == (SHORT, pytest.approx(1.13, abs=0.02))
    assert fitted(store, 500, f"{LONG} {LONG}", key="line-4").text == ""


def test_a_line_that_fits_no_way_is_spoken_at_its_own_pace(store: Store) -> None:
    """The scene has to grow then, so nobody has to hurry; the shorter words need less of it."""
    own = fitted(store, 60_000)

    assert fitted(store, 400, key="line-2").model_copy(update={"key": own.key}) == own
    assert (fitted(store, 100, SHORT, key="line-3").text, fitted(store, 100, SHORT, key="line-3").tempo) == (SHORT, 1.0)


def test_a_voice_of_another_language_is_refused(store: Store) -> None:
    """A French line read by a German voice would only sound like French by accident."""
    line = line_of("Bonjour", "fr-FR", "pico:de-DE")

    with pytest.raises(BackendError, match="speaks de"):
        narrate_line(line, VoiceRack(), store)


def test_the_batch_speaks_each_line_once(store: Store) -> None:
    """Equal keys are one recording; what is there is taken; a line that fails takes none with it."""
    lines = [
        line_of("Eins"),
        line_of("Eins"),
        line_of("🎉", key="line-2"),
        line_of("Zwei", voice="espeak:auto", key="line-3"),
    ]
    first = list(narrate(lines, store, InlineEngine()))
    recording = next(outcome.value.object for outcome in first if outcome.item.key == "line-1")
    written = store.local(recording).stat().st_mtime_ns
    again = {outcome.item.key: outcome for outcome in narrate(lines, store, InlineEngine())}

    assert sorted(outcome.item.key for outcome in first) == ["line-1", "line-2", "line-3"]
    assert [outcome.item.key for outcome in first if outcome.error] == ["line-2"]
    assert again["line-1"].value is not None
    assert again["line-1"].seconds == 0
    assert store.local(recording).stat().st_mtime_ns == written


def test_an_unknown_voice_fails_its_line_only(store: Store) -> None:
    """The rest of the batch goes on."""
    outcomes = list(narrate([line_of("Eins"), line_of("Zwei", voice="kokoro:x", key="line-2")], store, InlineEngine()))

    assert {outcome.item.key: bool(outcome.error) for outcome in outcomes} == {"line-1": False, "line-2": True}


def service_line(fallback: str = "", text: str = "Guten Tag") -> Line:
    return line_of(text, voice="openai:alloy").model_copy(update={"fallback": fallback})


def test_a_voice_that_fails_is_an_error_unless_the_line_has_a_fallback(store: Store) -> None:
    """Nobody else speaks unasked."""
    with server(Answer(b"{}", 401)) as log, pytest.raises(VoiceFailed, match="does not let us in"):
        narrate_line(service_line(), VoiceRack(Settings(speech_url=log.url)), store)

    assert list(store.keys("speech/")) == []


def test_a_fallback_speaks_and_the_record_says_why(store: Store) -> None:
    """Who speaks, how well, why not the other, and what to do; a line whose text is at fault has no second try."""
    with server(Answer(b"{}", 401)) as log:
        rack = VoiceRack(Settings(speech_url=log.url))
        speech = narrate_line(service_line("pico:de-DE"), rack, store)
        with pytest.raises(BackendError, match="nothing to say"):
            narrate_line(service_line("pico:de-DE", "🎉"), rack, store)

    assert (speech.voice, speech.grade, speech.key) == ("pico:de-DE", "basic", "line-1")
    assert speech.departure.startswith("openai:alloy failed and pico:de-DE speaks: speech service http")
    assert "valid key" in speech.departure
    assert store.get_record("speech/line-1.json", Speech) == speech


def test_a_voice_without_sound_has_failed(store: Store) -> None:
    """A service that answers silence is as good as none: the fallback speaks."""
    with server(Answer(wav(0 * sound()))) as log:
        speech = narrate_line(service_line("pico:de-DE"), VoiceRack(Settings(speech_url=log.url)), store)

    assert speech.voice == "pico:de-DE"
    assert "returned 1.0 s of sound" in speech.departure


def test_a_fallback_that_is_not_needed_is_silent(store: Store) -> None:
    """The voice that was asked for speaks, and there is nothing to say about it."""
    with server(Answer(wav(sound()))) as log:
        speech = narrate_line(service_line("pico:de-DE"), VoiceRack(Settings(speech_url=log.url)), store)

    assert (speech.voice, speech.departure) == ("openai:alloy", "")


def test_a_line_that_is_only_shown_is_timed_as_it_is_read(store: Store) -> None:
    """No sound, no voice is built; each word lasts as long as reading it takes, and the record says why."""
    price = annotate("19 €", "neunzehn Euro")
    line = line_of(f"Nur {price} heute.", voice="openai:alloy").model_copy(update={"read_ms": 1600})
    speech = narrate_line(line, VoiceRack(Settings(speech_url="http://127.0.0.1:9")), store)

    assert (speech.object, speech.voice, speech.word_times) == ("", "", "estimated")
    assert [(word.text, word.start_ms, word.end_ms) for word in speech.words] == [
        ("Nur", 0, 400), ("19 €", 400, 900), ("heute.", 900, 1600)
    ]  # fmt: skip
    assert speech.duration_ms == 1600
    assert "is a draft voice" in speech.departure
    assert list(store.keys("speech/")) == ["speech/line-1.json"]


def test_records_of_earlier_versions_are_read() -> None:
    """Their grades are called otherwise today; how their word times came about is not known for sure."""
    old = {"key": "k", "object": "o", "sample_rate": 1, "duration_ms": 1, "words": ()}

    assert Speech.model_validate(old | {"grade": "neural"}).grade == "natural"
    assert Speech.model_validate(old | {"grade": "accented"}).grade == "basic"
    assert Speech.model_validate(old | {"grade": "draft"}).word_times == "estimated"
