"""Voices: every row loads or says what is missing, and speaks with word times that follow the shown text."""

from __future__ import annotations

import os
import signal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.locales import read_locales
from catalog.spoken import annotate, words_of
from renderer.artifacts import Line
from renderer.backends import kokoro_voices
from renderer.backends.alignment import timed_by_ear
from renderer.backends.espeak import EspeakProgram, espeak_voice
from renderer.backends.kokoro import MAX_TOKENS, VOCABULARY, chunks
from renderer.backends.phonemes import EspeakSpeller
from renderer.backends.phonemes_ja import JapaneseSpeller
from renderer.backends.phonemes_zh import ChineseSpeller, syllable
from renderer.backends.voices import VOICES, load_voice, voice_facts
from renderer.backends.word_times import from_letters, from_spans
from renderer.errors import BackendError

PRICE = annotate("1.290 €", "zwölfhundertneunzig Euro")


def line_of(text: str, tag: str, voice: str) -> Line:
    return Line(key="line-1", text=text, locale=tag, voice=voice, voice_revision="1")


def test_every_locale_has_a_voice_that_speaks_it() -> None:
    """The locale catalog names no voice that the table lacks, and none of another language."""
    for tag, locale in read_locales().items():
        languages = voice_facts(locale.voice).languages

        assert not languages or locale.language in languages, tag


def test_an_unknown_voice_is_named_with_those_there_are() -> None:
    """The message tells what to write instead."""
    with pytest.raises(BackendError, match=r"kokoro:nobody.*kokoro:af_heart"):
        load_voice("kokoro:nobody")


def test_every_kokoro_row_has_a_pinned_style() -> None:
    """A row without a checksum could not be set up."""
    rows = [name.partition(":")[2].partition("-")[0] for name in VOICES if name.startswith("kokoro:")]

    assert set(rows) <= set(kokoro_voices.VOICE_SHA256)


@pytest.mark.parametrize(
    ("voice", "tag", "text"),
    [
        ("kokoro:af_heart", "en-US", "At the touch of a button."),
        ("kokoro:jf_alpha", "ja-JP", f"今なら{annotate('1,290円', '千二百九十円')}で。"),
        ("pico:de-DE", "de-DE", f"Leichter. Für {PRICE}!"),
        ("espeak:auto", "ar-EG", "اِكْتَشِفِ الجَدِيد"),
    ],
)
def test_a_voice_speaks_with_word_times(voice: str, tag: str, text: str) -> None:
    """Samples are in range and audible; words are those shown, in order, inside the recording, each with a time."""
    line = line_of(text, tag, voice)
    recording = load_voice(voice).speak(line)
    length_ms = 1000 * len(recording.samples) / recording.sample_rate

    assert recording.samples.dtype == np.float32
    assert 0.05 < np.abs(recording.samples).max() <= 1
    assert [word.text for word in recording.words] == [word.shown for word in words_of(text, tag[:2])]
    assert all(0 <= word.start_ms < word.end_ms <= length_ms + 60 for word in recording.words)
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(recording.words))


@pytest.mark.parametrize(
    ("voice", "tag", "text", "fact"),
    [
        ("pico:de-DE", "de-DE", "🎉 …", "nothing to say"),
        ("pico:de-DE", "de-DE", "Neu: コーヒー", "cannot read 'コーヒー'"),
        ("espeak:auto", "xx-XX", "Hello", "no voice 'xx'"),
    ],
)
def test_what_a_voice_cannot_say_is_refused(voice: str, tag: str, text: str, fact: str) -> None:
    """Wrong letters, no letters or an unknown language: an error with the fact, never silence."""
    with pytest.raises(BackendError, match=fact):
        load_voice(voice).speak(line_of(text, tag, voice))


def test_espeak_comes_back_after_its_death() -> None:
    """A program that was killed is started again for the next line."""
    program = EspeakProgram()
    first = program.ask(do="phonemes", voice="de", text="Guten Tag")
    assert program.process is not None
    os.kill(program.process.pid, signal.SIGKILL)
    program.process.wait()
    again = program.ask(do="phonemes", voice="de", text="Guten Tag")
    program.close()

    assert first == again
    assert first["phonemes"] == ["ɡˈuːtən tˈɑːk"]


def test_espeak_is_never_in_our_process() -> None:
    """GPL code stays in a program of its own."""
    EspeakSpeller().spell_as(words_of("Guten Tag", "de"), "de")
    maps = Path("/proc/self/maps")

    assert not maps.exists() or "espeak" not in maps.read_text()


@pytest.mark.parametrize(
    ("tag", "text", "expected"),
    [
        ("en-US", "The touch of a button.", ["ðə ", "tˈʌʧ ", "əvə ", "", "bˈʌtᵊn. "]),
        ("de-DE", "Neue Träume!", ["nˈYə ", "tɾˈYmə! "]),
        ("fr-FR", "Les enfants, oui", ["lez", "ɑ̃fˈɑ̃, ", "wˈi"]),
    ],
)
def test_phonemes_know_their_word(tag: str, text: str, expected: list[str]) -> None:
    """Joined they read as one sentence; a word that melted into its neighbour is empty."""
    spelled = EspeakSpeller().spell_as(words_of(text, tag[:2]), espeak_voice(tag))

    assert [part.strip() for part in expected] == [part.strip() for part in spelled]


def test_japanese_reads_counters_particles_and_latin_names() -> None:
    """一分 is ippun, は after a Latin name is wa, and the name itself is English."""
    words = words_of("一分で、Auroraは便利。", "ja")
    spelled = "".join(JapaneseSpeller().spell(words, line_of("", "ja-JP", "kokoro:jf_alpha")))

    assert spelled == "iʔpɯɴ de, ɔɹˈɔɹə βa benɾʲi. "


def test_chinese_reads_numbers_and_characters_with_two_readings() -> None:
    """重新 is chóngxīn and not zhòngxīn; digits are read as a number."""
    words = words_of("重新开始，3天。", "zh")
    spelled = "".join(ChineseSpeller().spell(words, line_of("", "zh-CN", "kokoro:zf_xiaoxiao")))

    assert spelled.startswith("ꭧʰʊ↗ŋɕi→n")
    assert "sa→n" in spelled
    assert syllable("zh", "ong1") == "ꭧʊ→ŋ"
    assert set(spelled) <= set(VOCABULARY)


def test_a_long_line_is_cut_after_a_sentence() -> None:
    """No piece is longer than the model takes, none is empty, and nothing is lost."""
    words = ["a" * 9 + " "] * 70
    words[40] = "b" * 9 + ". "
    found = chunks(words, line_of("x", "en-US", "kokoro:af_heart"))

    assert [word for chunk in found for word in chunk] == words
    assert found[0][-1].startswith("b")
    assert all(sum(map(len, chunk)) <= MAX_TOKENS for chunk in found)


def test_a_word_that_no_model_takes_is_refused() -> None:
    """Two thousand letters without a space are a mistake in the copy."""
    with pytest.raises(BackendError, match="one word has 2000 sounds"):
        chunks(["a" * 2000], line_of("x", "en-US", "kokoro:af_heart"))


@given(st.lists(st.none() | st.tuples(st.floats(0, 9), st.floats(0, 9)), min_size=1, max_size=8))
def test_word_times_only_move_forward(spans: list[tuple[float, float] | None]) -> None:
    """Whatever an engine claims, words follow each other."""
    words = words_of(" ".join("abcdefgh"[: len(spans)]), "en")
    timed = from_spans(words, spans)

    assert all(word.start_ms <= word.end_ms for word in timed)
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(timed))


@pytest.mark.parametrize(
    "text", ["Soft light for long evenings at home.", "Zyqora's TrailRunner, built for every road."]
)
def test_english_words_are_found_in_a_recording(text: str) -> None:
    """On average within 40 ms of when Kokoro says that it spoke them, also words that no dictionary has."""
    line = line_of(text, "en-US", "kokoro:af_heart")
    true = load_voice("kokoro:af_heart").speak(line)
    found = timed_by_ear(line, words_of(text, "en"), true.samples, true.sample_rate)
    errors = [abs(ours.start_ms - theirs.start_ms) for ours, theirs in zip(found.words, true.words, strict=True)]

    assert (found.word_times, true.word_times) == ("aligned", "engine")
    assert [word.text for word in found.words] == [word.text for word in true.words]
    assert np.mean(errors) < 40


@pytest.mark.parametrize(
    ("text", "tag"), [("Only 49 left", "en-US"), ("Neu: コーヒー", "en-US"), ("Guten Tag", "de-DE")]
)
def test_what_cannot_be_aligned_is_estimated(text: str, tag: str) -> None:
    """Digits that nobody spelled, other scripts, other languages: times are shared out, and the recording says so."""
    samples = np.sin(np.arange(16_000) / 5).astype(np.float32)

    assert timed_by_ear(line_of(text, tag, "x:y"), words_of(text, tag[:2]), samples, 16_000).word_times == "estimated"


def test_words_that_were_not_said_are_not_found() -> None:
    """An aligner that finds nothing leaves the words to be estimated; it does not fail."""
    line = line_of("Fresh coffee in sixty seconds, at the touch of a button.", "en-US", "x:y")

    assert len(timed_by_ear(line, words_of(line.text, "en"), np.zeros(1600, np.float32), 16_000).words) == 11


def test_letters_are_timed_between_pauses() -> None:
    """Each clause lies in its own stretch of sound."""
    rate = 16000
    tone = np.sin(np.arange(rate // 2) / 5).astype(np.float32)
    samples = np.concatenate([tone, np.zeros(rate // 2, np.float32), tone])
    one, two = from_letters(words_of("Eins. Zwei.", "de"), samples, rate)

    assert (one.start_ms, two.end_ms) == (pytest.approx(0, abs=20), pytest.approx(1500, abs=20))
    assert one.end_ms == pytest.approx(500, abs=20)
    assert two.start_ms == pytest.approx(1000, abs=20)


def test_a_changed_voice_file_is_not_used() -> None:
    """Bytes that are not the pinned ones are refused by name."""
    with pytest.raises(BackendError, match=r"af_heart.bin .* SHA-256"):
        kokoro_voices._checked("af_heart", b"something else")


def test_setting_up_twice_fetches_nothing() -> None:
    """Where all voices are, no program is started."""
    assert kokoro_voices.set_up(kokoro_voices.voices_folder()) == []
