"""Voices of one's own: Piper and Kokoro files from a folder, read without their own programs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from catalog.spoken import annotate, words_of
from renderer.artifacts import Line
from renderer.backends.onnx_graph import outputs_of
from renderer.backends.voices import load_voice, voice_facts
from renderer.errors import VoiceFailed
from renderer.settings import Settings
from tiny_piper import HOP, RATE, SYMBOLS, kokoro_model, piper_model, write_kokoro, write_piper

PIPER = "piper:de_DE-tiny-medium"
OWN = "kokoro_files:df_own"


def line_of(text: str, voice: str = PIPER, tag: str = "de-DE") -> Line:
    return Line(key="line-1", text=text, locale=tag, voice=voice, voice_revision="1")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_piper(tmp_path)
    write_kokoro(tmp_path)
    return Settings(voices_dir=tmp_path)


def test_a_piper_voice_speaks_with_its_own_word_times(settings: Settings) -> None:
    """Each sentence apart; each word as long as its phonemes, in order, with what is shown."""
    text = f"Guten Tag. Nur {annotate('19 €', 'neunzehn Euro')}!"
    recording = load_voice(PIPER, settings).speak(line_of(text))
    length_ms = 1000 * len(recording.samples) / RATE

    assert recording.word_times == "engine"
    assert recording.sample_rate == RATE
    assert [word.text for word in recording.words] == ["Guten", "Tag.", "Nur", "19 €!"]
    assert all(0 < word.start_ms < word.end_ms < length_ms for word in recording.words)
    assert all(before.end_ms < after.start_ms for before, after in pairwise(recording.words))
    assert recording.words[2].start_ms - recording.words[1].end_ms > 250


def test_piper_reads_what_its_model_was_trained_on(settings: Settings) -> None:
    """Begin, pad, phoneme, pad, ..., end; stress marks are phonemes; times follow from the lengths of all of them."""
    voice = load_voice(PIPER, settings)
    phonemes = voice._phonemes(words_of("Ja.", "de"))
    ids, _ = voice._ids(phonemes)
    recording = voice.speak(line_of("Ja."))
    frames = [-(-number // 16) + 1 for number in ids]

    assert phonemes == ["jˈɑː. "]
    assert "".join(SYMBOLS[number] for number in ids) == "^_j_ˈ_ɑ_ː_._ _$"
    assert len(recording.samples) == HOP * sum(frames)
    assert recording.words[0].start_ms == pytest.approx(1000 * HOP * sum(frames[:2]) / RATE, abs=1)


def test_the_same_line_gives_the_same_bytes_whatever_came_before(settings: Settings) -> None:
    """The model's noise begins anew with each line, also in another worker."""
    voice = load_voice(PIPER, settings)
    first = voice.speak(line_of("Guten Tag"))
    voice.speak(line_of("Etwas ganz anderes"))
    again, elsewhere = voice.speak(line_of("Guten Tag")), load_voice(PIPER, settings).speak(line_of("Guten Tag"))

    assert first.samples.tobytes() == again.samples.tobytes() == elsewhere.samples.tobytes()
    assert np.abs(np.diff(first.samples)).std() > 0  # the noise is there


def test_a_model_that_tells_no_lengths_gets_estimated_words(tmp_path: Path) -> None:
    """And the recording says so."""
    write_piper(tmp_path, rounds=False)
    recording = load_voice(PIPER, Settings(voices_dir=tmp_path)).speak(line_of("Guten Tag zusammen"))

    assert recording.word_times == "estimated"
    assert len(recording.words) == 3


def test_the_lengths_are_found_in_the_graph() -> None:
    """The output of the one node that rounds up."""
    assert outputs_of(piper_model(), "Ceil") == ["w_ceil"]
    assert outputs_of(piper_model(rounds=False), "Ceil") == []


def test_a_folder_of_its_own_will_do(tmp_path: Path) -> None:
    """Whatever the model in it is called."""
    write_piper(tmp_path / "thorsten", "de_DE-thorsten-high")

    assert voice_facts("piper:thorsten", Settings(voices_dir=tmp_path)).languages == ("de",)


def test_facts_come_from_the_files(tmp_path: Path) -> None:
    """Language and quality as the config says; other bytes are another revision, the same ones the same."""
    settings = Settings(voices_dir=tmp_path)
    model = write_piper(tmp_path)
    first = voice_facts(PIPER, settings)
    write_piper(tmp_path, audio={"sample_rate": RATE, "quality": "low"}, espeak={"voice": "en-us"})
    second = voice_facts(PIPER, settings)
    write_piper(tmp_path)
    model.write_bytes(piper_model(rounds=False))
    third = voice_facts(PIPER, settings)

    assert (first.languages, first.grade) == (("de",), "natural")
    assert (second.languages, second.grade) == (("en",), "basic")
    assert len({first.revision, second.revision, third.revision}) == 3


def test_of_several_speakers_the_first_speaks(tmp_path: Path) -> None:
    """A model that asks for a speaker gets number 0; here that is how much noise it makes."""
    write_piper(tmp_path, "one")
    write_piper(tmp_path, "many", speakers=True, num_speakers=3)
    settings = Settings(voices_dir=tmp_path)
    one, many = (load_voice(f"piper:{name}", settings).speak(line_of("Guten Tag")) for name in ("one", "many"))

    assert len(one.samples) == len(many.samples)


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("piper:nobody", r"nobody\.onnx is missing"),
        ("piper:text", "no config of a Piper voice"),
        ("piper:broken", "it is no JSON"),
        ("piper:silent", "has no phoneme"),
        ("kokoro_files:df_nobody", r"df_nobody\.bin is missing"),
        ("kokoro_files:xf_own", "names no language"),
    ],
)
def test_what_is_missing_or_broken_is_named(settings: Settings, tmp_path: Path, name: str, fact: str) -> None:
    """With the file, before anything is spent."""
    write_piper(tmp_path, "text", phoneme_type="text")
    write_piper(tmp_path, "broken").with_name("broken.onnx.json").write_text("{")
    write_piper(tmp_path, "silent", phoneme_id_map={"a": [1]})
    write_kokoro(tmp_path, "xf_own")

    with pytest.raises(VoiceFailed, match=fact):
        voice_facts(name, settings)


def test_without_a_folder_the_setting_is_named() -> None:
    """So that it can be set."""
    with pytest.raises(VoiceFailed, match="ADLOOM_VOICES_DIR is not set"):
        voice_facts(PIPER, Settings())


@pytest.mark.parametrize("name", [PIPER, OWN])
def test_a_model_that_cannot_be_read_is_named(settings: Settings, tmp_path: Path, name: str) -> None:
    """Half a download is no voice."""
    for path in tmp_path.rglob("*.onnx"):
        path.write_bytes(path.read_bytes()[:200])

    with pytest.raises(VoiceFailed, match="onnxruntime cannot read"):
        load_voice(name, settings).speak(line_of("Guten Tag", name))


@pytest.mark.parametrize(("name", "model"), [(PIPER, kokoro_model()), (OWN, piper_model())])
def test_a_model_of_another_kind_has_failed(settings: Settings, tmp_path: Path, name: str, model: bytes) -> None:
    """So that a fallback may speak."""
    for path in tmp_path.rglob("*.onnx"):
        path.write_bytes(model)

    with pytest.raises(VoiceFailed, match="model failed"):
        load_voice(name, settings).speak(line_of("Guten Tag", name))


def test_own_kokoro_files_speak(settings: Settings, tmp_path: Path) -> None:
    """The language is the name's first letter, the style is used, and words are estimated."""
    quiet = load_voice(OWN, settings).speak(line_of("Guten Tag zusammen", OWN))
    write_kokoro(tmp_path, volume=0.4)
    loud = load_voice(OWN, settings).speak(line_of("Guten Tag zusammen", OWN))

    assert voice_facts(OWN, settings).languages == ("de",)
    assert quiet.word_times == "estimated"
    assert [word.text for word in quiet.words] == ["Guten", "Tag", "zusammen"]
    assert np.allclose(2 * quiet.samples, loud.samples, atol=1e-6)


def test_a_style_of_another_size_is_refused(settings: Settings, tmp_path: Path) -> None:
    """A file of something else is not read as noise."""
    (tmp_path / "kokoro" / "df_own.bin").write_bytes(bytes(1000))

    with pytest.raises(VoiceFailed, match="is no Kokoro style"):
        load_voice(OWN, settings)
