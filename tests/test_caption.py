"""Captions: cues that a viewer can read, whatever was said and however fast."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import Format, Locale
from catalog.formats import read_formats
from catalog.locales import read_locales
from catalog.spoken import annotate, shown_text, words_of
from renderer.artifacts import CaptionJob, CueSheet, Line, Speech, Word
from renderer.caption import (
    CLOSED_GAP_MS,
    EARLY_MS,
    MAX_CUE_MS,
    MIN_CUE_MS,
    caption,
    caption_speech,
    chars_per_s,
    line_length,
    timed,
)
from renderer.cue_lines import Ruler
from renderer.engine import InlineEngine
from renderer.store import open_store

LOCALES, FORMATS = read_locales(), read_formats()
STORY, WIDE = FORMATS["story_9x16"], FORMATS["wide_16x9"]


def line_of(text: str, tag: str) -> Line:
    return Line(key="line-1", text=text, locale=tag, voice="espeak:auto", voice_revision="1")


def speech_of(line: Line, ms_per_char: int = 70, pause_ms: int = 300) -> Speech:
    """Return a recording as a steady speaker would make it."""
    words, now = [], 60
    for word in words_of(line.text, line.locale.split("-")[0]):
        end = now + ms_per_char * max(len(word.spoken), 1)
        words.append(Word(text=word.shown, start_ms=now, end_ms=end))
        now = end + (pause_ms if word.shown[-1] in ".!?。！" else 40)
    return Speech(key=line.key, object="x", sample_rate=24000, duration_ms=now, grade="draft", words=tuple(words))


def captioned(text: str, tag: str, format: Format = WIDE, **pace: int) -> CueSheet:
    line = line_of(text, tag)
    return caption_speech(line, speech_of(line, **pace), LOCALES[tag], format)


@pytest.mark.parametrize(
    ("tag", "format", "text", "expected"),
    [
        (
            "en-US", WIDE, "Fresh coffee in sixty seconds, at the touch of a button. Now only $49.",
            [("Fresh coffee in sixty seconds,", "at the touch of a button."), ("Now only $49.",)],
        ),
        (
            "de-DE", WIDE,
            f"Leichter, schneller und für jeden Kilometer gemacht. Nur {annotate('19,90 €', 'neunzehn Euro neunzig')}.",
            [("Leichter, schneller", "und für jeden Kilometer gemacht."), ("Nur 19,90 €.",)],
        ),
        (
            "ja-JP", STORY,
            f"たった一分で、いれたてのコーヒーを楽しもう。"
            f"今なら{annotate('1,290円', '千二百九十円')}で、もっと楽しく。",
            [("たった一分で、いれたての", "コーヒーを楽しもう。"), ("今なら1,290円で、", "もっと楽しく。")],
        ),
    ],
)  # fmt: skip
def test_cues_break_where_a_reader_pauses(tag: str, format: Format, text: str, expected: list[tuple[str, ...]]) -> None:
    """Sentences and clauses end lines and cues; prices, articles and phrases stay whole."""
    assert expected == [cue.lines for cue in captioned(text, tag, format).cues]


def test_words_that_nobody_says_are_not_lit_up() -> None:
    """A line that is only shown has cues, and no word of them is timed for a highlight."""
    line = line_of("Fresh coffee in sixty seconds.", "en-US")
    shown = caption_speech(line, speech_of(line).model_copy(update={"object": ""}), LOCALES["en-US"], WIDE)
    spoken = caption_speech(line, speech_of(line), LOCALES["en-US"], WIDE)

    assert [(cue.start_ms, cue.end_ms, cue.lines) for cue in shown.cues] == [
        (cue.start_ms, cue.end_ms, cue.lines) for cue in spoken.cues
    ]
    assert [cue.words for cue in shown.cues] == [()] * len(spoken.cues)


def test_a_narrow_frame_has_shorter_lines() -> None:
    """A portrait frame holds about 60 % of the rule for television."""
    assert line_length(LOCALES["en-US"], WIDE) == 42
    assert 20 <= line_length(LOCALES["en-US"], STORY) <= 26
    assert line_length(LOCALES["ja-JP"], STORY) <= LOCALES["ja-JP"].captions.max_chars_per_line


def test_no_short_word_stands_alone() -> None:
    """The last line of a sentence is not one short word."""
    cues = captioned("Our new backpack is light, dry and ready for the next long trip you go on.", "en-US", STORY).cues

    assert all(len(cue.lines[-1]) > 5 for cue in cues)


def test_times_are_early_long_enough_and_without_flicker() -> None:
    """Text comes 60 ms early; short gaps close; a short word stays for the shortest time that can be read."""
    shown = timed([(500, 900), (1600, 1700), (9000, 9100)])

    assert shown[0] == (500 - EARLY_MS, 1600 - EARLY_MS)
    assert shown[1] == (1540, 1540 + MIN_CUE_MS)
    assert shown[2][0] == 9000 - EARLY_MS


def test_reading_speed_counts_what_is_seen() -> None:
    """An accent typed as a character of its own is not read on its own; half-width letters count half in Japanese."""
    cue = captioned("cafe\u0301 noir", "fr-FR").cues[0]
    seconds = (cue.end_ms - cue.start_ms) / 1000

    assert chars_per_s(cue, LOCALES["fr-FR"]) == pytest.approx(9 / seconds)
    assert Ruler("ja", 0, 0).width("コーヒーAB") == 5


def test_silence_has_no_cues() -> None:
    """A line without words gives an empty sheet."""
    assert captioned("", "en-US").cues == ()


@pytest.mark.parametrize("tag", ["en-US", "ja-JP", "ar-EG", "zh-CN"])
def test_a_word_of_two_thousand_letters_still_fits(tag: str) -> None:
    """What is wider than a line is cut between graphemes, its time shared; nothing is lost."""
    text = "ا" * 2000 if tag == "ar-EG" else "新" * 2000 if tag == "zh-CN" else "a" * 2000
    cues = captioned(text, tag, STORY, ms_per_char=20).cues

    assert "".join(line for cue in cues for line in cue.lines) == text
    check_sheet(cues, LOCALES[tag], STORY)


def check_sheet(cues: tuple, locale: Locale, format: Format) -> None:
    """Assert what holds for every sheet."""
    ruler = Ruler(locale.language, line_length(locale, format), locale.captions.max_lines)
    for cue in cues:
        assert 1 <= len(cue.lines) <= locale.captions.max_lines
        assert all(line.strip() == line != "" for line in cue.lines)
        assert all(ruler.width(line) <= ruler.max_width for line in cue.lines)
        assert 0 <= cue.start_ms <= cue.end_ms <= cue.start_ms + MAX_CUE_MS
        assert all(cue.start_ms <= word.start_ms <= word.end_ms <= cue.end_ms for word in cue.words)
    for before, after in pairwise(cues):
        gap = after.start_ms - before.end_ms
        assert gap == 0 or gap >= CLOSED_GAP_MS or before.end_ms - before.start_ms == MAX_CUE_MS
        assert before.end_ms - before.start_ms >= MIN_CUE_MS or gap == 0


chars = st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from(" ,.!?🎉👩‍👩‍👧é\u0301אب日本。、a")
wild = st.lists(st.text(chars, min_size=1, max_size=30), max_size=25).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(wild, st.sampled_from(["en-US", "ja-JP", "ar-EG", "hi-IN"]), st.sampled_from([STORY, WIDE]), st.integers(5, 200))
def test_any_text_at_any_pace_gives_readable_cues(text: str, tag: str, format: Format, ms_per_char: int) -> None:
    """Lines fit, cues follow each other without overlap or flicker, and no character is lost."""
    cues = captioned(text, tag, format, ms_per_char=ms_per_char).cues

    check_sheet(cues, LOCALES[tag], format)
    assert "".join("".join(line for cue in cues for line in cue.lines).split()) == "".join(shown_text(text).split())


def test_the_batch_writes_once_and_names_what_is_missing(tmp_path: Path) -> None:
    """A line without a recording fails alone; what is in the store is taken as it is."""
    store = open_store(f"file://{tmp_path}")
    spoken, silent = line_of("Hello there.", "en-US"), line_of("Not yet.", "en-US").model_copy(update={"key": "line-2"})
    store.put_record(f"speech/{spoken.key}.json", speech_of(spoken))
    jobs = [
        CaptionJob(key=f"cues-{number}", line=line, locale=LOCALES["en-US"], format=WIDE)
        for number, line in enumerate((spoken, silent))
    ]
    first = {outcome.item.key: outcome for outcome in caption(jobs, store, InlineEngine())}
    again = {outcome.item.key: outcome for outcome in caption(jobs, store, InlineEngine())}

    assert first["cues-0"].value == again["cues-0"].value == store.get_record("cues/cues-0.json", CueSheet)
    assert first["cues-0"].value is not None
    assert first["cues-0"].value.key == "cues-0"
    assert "Run narrate first" in str(first["cues-1"].error)
