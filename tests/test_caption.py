"""Captions: cues that a viewer can read, whatever was said and however fast."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pysubs2
import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import Brand, Format
from catalog.formats import read_formats
from catalog.locales import read_locales
from catalog.spoken import annotate, shown_text, words_of
from renderer.artifacts import CaptionJob, Cue, CueSheet, Line, Speech, Word
from renderer.caption import EARLY_MS, caption, caption_speech, timed
from renderer.caption_limits import breaches, chars_per_s
from renderer.cue_lines import Ruler, count_chars
from renderer.engine import InlineEngine
from renderer.errors import MediaError
from renderer.picture.captions import caption_ruler, caption_style
from renderer.picture.frame import Frame
from renderer.picture.lettering import Pen
from renderer.picture.typography import Typesetter
from renderer.store import open_store
from renderer.subtitles import read_webvtt, write_srt, write_ttml, write_webvtt

LOCALES, FORMATS = read_locales(), read_formats()
ENGLISH = LOCALES["en-US"].captions
TT = "{http://www.w3.org/ns/ttml}"
BRAND = Brand(name="Aurora", logo="logo.svg")
GAP_MS = 67  # two frames of thirtieths
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


@cache
def ruler_of(tag: str, format_id: str) -> Ruler:
    return caption_ruler(typesetter(), LOCALES[tag], FORMATS[format_id])


@cache
def typesetter() -> Typesetter:
    return Typesetter()


def captioned(text: str, tag: str, format: Format = WIDE, names: tuple[str, ...] = (), **pace: int) -> tuple[Cue, ...]:
    line = line_of(text, tag)
    return caption_speech(line, speech_of(line, **pace), ruler_of(tag, format.id), format.frame_rate, names)


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
    assert expected == [cue.lines for cue in captioned(text, tag, format)]


def test_words_that_nobody_says_are_not_lit_up() -> None:
    """A line that is only shown has cues, and no word of them is timed for a highlight."""
    line = line_of("Fresh coffee in sixty seconds.", "en-US")
    ruler = ruler_of("en-US", WIDE.id)
    shown = caption_speech(line, speech_of(line).model_copy(update={"object": ""}), ruler, WIDE.frame_rate)
    spoken = caption_speech(line, speech_of(line), ruler, WIDE.frame_rate)

    assert [(cue.start_ms, cue.end_ms, cue.lines) for cue in shown] == [
        (cue.start_ms, cue.end_ms, cue.lines) for cue in spoken
    ]
    assert [cue.words for cue in shown] == [()] * len(spoken)


def test_lines_are_as_wide_as_their_type(tmp_path: Path) -> None:
    """A portrait frame holds what fits its pixels, more of narrow letters than of wide ones; 42 letters fit a wide one."""
    narrow, wide = (
        max(len(line) for cue in captioned(word * 30, "en-US", STORY) for line in cue.lines)
        for word in ("ill ", "mom ")
    )

    assert narrow > 1.5 * wide
    assert max(len(line) for cue in captioned("sea and sun " * 20, "en-US", WIDE) for line in cue.lines) in range(
        38, 43
    )


@pytest.mark.parametrize(
    ("tag", "before", "whole", "after"),
    [
        ("en-US", "keep it hot ", "24 hours", " wherever you go"),
        ("en-US", "everything you need for ", "$ 49.90", " this week"),
        ("de-CH", "leicht und schnell und gut ", "CHF 1'290", " ab heute"),
        ("fr-FR", "garde le froid ", "19,90\u00a0€", " seulement ici"),
        ("de-DE", "endlich ist sie da ", "Aurora Thermo Flasche", " für deinen Tag"),
        ("ar-EG", "تحافظ على برودة ", "٢٤ ساعة", " أينما كنت"),
        ("ko-KR", "언제나 시원하게 ", "24 시간", " 동안 즐겨요"),
        ("ja-JP", "どこでも、", "24時間", "つめたい"),
    ],
)
def test_what_is_read_as_one_is_never_parted(tag: str, before: str, whole: str, after: str) -> None:
    """A number stays with its unit or currency, and the words of a name together, wherever a line would end."""
    for repeats in range(1, 13):
        for filler in ("", "a ", "abc "):
            text = f"{filler}{before * repeats}{whole}{after * 3}"
            cues = captioned(text, tag, STORY, ("Aurora Thermo Flasche",))

            assert any(whole in line for cue in cues for line in cue.lines), [cue.lines for cue in cues]


def test_a_name_that_no_line_holds_breaks_where_it_may() -> None:
    """The rest of the text is laid out as ever."""
    name = "The Very Long Name Of A Product That Nobody Would Ever Want To Say In One Breath"
    cues = captioned(f"Here it is: {name}.", "en-US", STORY, (name,))

    assert not list(breaches(cues, ENGLISH, 30)), cues


def test_no_short_word_stands_alone() -> None:
    """The last line of a sentence is not one short word."""
    cues = captioned("Our new backpack is light, dry and ready for the next long trip you go on.", "en-US", STORY)

    assert all(len(cue.lines[-1]) > 5 for cue in cues)


def test_times_are_early_long_enough_and_apart() -> None:
    """Text comes 60 ms early; short gaps close to two frames; a short word stays for the shortest time that can be read."""
    shown = timed([(500, 900), (1600, 1700), (9000, 9100)], [0, 0, 0], ENGLISH, 30)

    assert shown[0] == (500 - EARLY_MS, 1600 - EARLY_MS - GAP_MS)
    assert shown[1] == (1540, 1540 + 833)
    assert shown[2][0] == 9000 - EARLY_MS


def test_slow_readers_get_the_time_that_is_free() -> None:
    """A cue that takes longer to read than to say stays, up to 1.5 seconds; the next one waits for it up to 100 ms."""
    alone = timed([(60, 1000)], [2000], ENGLISH, 30)
    followed = timed([(60, 1000), (1700, 2000)], [2000, 100], ENGLISH, 30)
    in_a_hurry = timed([(60, 1000), (1700, 2000), (2500, 3000)], [2000, 900, 0], ENGLISH, 30)
    far_too_long = timed([(60, 1000)], [6000], ENGLISH, 30)

    assert alone == [(0, 2000)]
    assert followed == [(0, 1667 - GAP_MS), (1667, 2500)]  # late enough to end half a second after its speech
    assert in_a_hurry[0] == (0, 1700 - EARLY_MS - GAP_MS)
    assert far_too_long == [(0, 2500)]


def test_reading_speed_counts_what_is_seen() -> None:
    """An accent typed as a character of its own is not read on its own; half-width letters count half in Japanese."""
    cue = captioned("cafe\u0301 noir", "fr-FR")[0]
    seconds = (cue.end_ms - cue.start_ms) / 1000

    assert chars_per_s(cue, LOCALES["fr-FR"].captions) == pytest.approx(9 / seconds)
    assert count_chars("コーヒーAB", LOCALES["ja-JP"].captions) == 5
    assert count_chars("커피 AB", LOCALES["ko-KR"].captions) == 3.5


def test_silence_has_no_cues() -> None:
    """A line without words gives an empty sheet."""
    assert captioned("", "en-US") == ()


@pytest.mark.parametrize("tag", ["en-US", "ja-JP", "ar-EG", "zh-CN"])
def test_a_word_of_two_thousand_letters_still_fits(tag: str) -> None:
    """What is wider than a line is cut between graphemes, its time shared; nothing is lost."""
    text = "ا" * 2000 if tag == "ar-EG" else "新" * 2000 if tag == "zh-CN" else "a" * 2000
    cues = captioned(text, tag, STORY, ms_per_char=20)

    assert "".join(line for cue in cues for line in cue.lines) == text
    check_cues(cues, tag, STORY)


def can_be_drawn(text: str, tag: str) -> bool:
    try:
        typesetter().shelf.families_for(text, LOCALES[tag].fonts, tag)
    except MediaError:
        return False
    return True


def check_cues(cues: tuple[Cue, ...], tag: str, format: Format) -> None:
    """Assert what holds for every sheet, however fast it is spoken."""
    rules, ruler = LOCALES[tag].captions, ruler_of(tag, format.id)
    found = {breach.limit for breach in breaches(cues, rules, format.frame_rate)}
    assert found <= {"speed", "shortest", "gap"}, found  # a fast voice leaves no time; check says so
    for cue in cues:
        assert all(line.strip(" ") == line != "" for line in cue.lines)
        assert all(ruler.measure(line) <= ruler.tight_px for line in cue.lines if can_be_drawn(line, tag))
        assert 0 <= cue.start_ms < cue.end_ms
        assert all(cue.start_ms <= word.start_ms <= word.end_ms <= cue.end_ms for word in cue.words)
    for before, after in pairwise(cues):
        gap = after.start_ms - before.end_ms
        assert gap in (0, GAP_MS) or gap >= 1000 * rules.close_gap_s or before.end_ms - before.start_ms >= 6900
        room = after.start_ms - before.start_ms
        assert gap or room <= GAP_MS  # two cues without a gap are those that start within it
        assert before.end_ms - before.start_ms >= min(1000 * rules.min_duration_s, room - GAP_MS)


SCRIPTS = {
    "en-US": "abcdefghijk ,.!?$0123456789",
    "de-DE": "äöüßabc –„“ 0123456789€",
    "ar-EG": "ابتثجح خ،؟ ٠١٢٣ Aurora ج.م",
    "he-IL": "אבגדהו ז,.?₪ 0123",
    "hi-IN": "अआइकखगािीुू्ं ।₹ ०१२",
    "th-TH": "กขคงจฉชซาิีึืุู่้๊๋็์ เแโใไ ฿ 0123",
    "ja-JP": "あいうえおアイウエオー日本語、。「」円0123",
    "zh-CN": "今天天气很好的了着、。，！￥元0123",
    "ko-KR": "가나다라마바사 아자차. 원 0123",
}
EMOJI = "🎉👩‍👩‍👧👍🏽❤️🇩🇪☕"


def texts_of(tag: str) -> st.SearchStrategy[str]:
    """Texts of one script with some emoji, Latin names and anything else between."""
    own = st.text(st.sampled_from(SCRIPTS[tag]), min_size=1, max_size=24)
    others = st.sampled_from(["Aurora One", "e\u0301", *EMOJI.split("\u200b"), "<b>&", "{a}"]) | st.text(
        st.characters(exclude_categories=("Cs", "Cc")), max_size=6
    )
    return st.lists(own | own | others, min_size=1, max_size=14).map(" ".join)


@st.composite
def timed_speech(draw: st.DrawFn) -> tuple[str, Line, Speech]:
    """A text of any market, and words at any pace, with pauses, some of them no time at all."""
    tag = draw(st.sampled_from(sorted(SCRIPTS)))
    line = line_of(draw(texts_of(tag)), tag)
    words, now = [], draw(st.integers(0, 400))
    for word in words_of(line.text, tag.split("-")[0]):
        end = now + draw(st.integers(0, 1500))
        words.append(Word(text=word.shown, start_ms=now, end_ms=end))
        now = end + draw(st.sampled_from([0, 0, 20, 300, 2500]))
    speech = Speech(key="line-1", object="x", sample_rate=24000, duration_ms=now, grade="draft", words=tuple(words))
    return tag, line, speech


@settings(max_examples=120, deadline=None)
@given(timed_speech(), st.sampled_from([STORY, WIDE]))
def test_any_text_at_any_pace_gives_readable_cues(spoken: tuple[str, Line, Speech], format: Format) -> None:
    """In every script: lines fit, cues follow each other apart and without flicker, and no character is lost."""
    tag, line, speech = spoken
    cues = caption_speech(line, speech, ruler_of(tag, format.id), format.frame_rate)

    check_cues(cues, tag, format)
    assert "".join("".join(line for cue in cues for line in cue.lines).split()) == "".join(
        shown_text(line.text).split()
    )


@settings(max_examples=40, deadline=None)
@given(timed_speech(), st.sampled_from([STORY, WIDE]))
def test_the_picture_keeps_the_lines_as_they_were_cut(spoken: tuple[str, Line, Speech], format: Format) -> None:
    """Type is made smaller for what must stay whole; nothing that has a font is ever broken anew or too wide."""
    tag, line, speech = spoken
    cues = caption_speech(line, speech, ruler_of(tag, format.id), format.frame_rate)
    drawn = [cue for cue in cues if all(can_be_drawn(text, tag) for text in cue.lines)]
    frame = Frame(format, is_rtl=LOCALES[tag].direction == "rtl")

    style = caption_style(Pen(typesetter(), BRAND, LOCALES[tag], frame, "test"), drawn)

    assert all(style.lines[cue.lines] == cue.lines for cue in drawn)
    assert all(style.draw(cue, -1).width <= frame.slot("caption").width + 2 for cue in drawn)


@settings(max_examples=60, deadline=None)
@given(timed_speech())
def test_files_beside_the_ad_give_everything_back(spoken: tuple[str, Line, Speech]) -> None:
    """Other programs read the same times and lines from WebVTT, SRT and TTML."""
    tag, line, speech = spoken
    cues = caption_speech(line, speech, ruler_of(tag, WIDE.id), WIDE.frame_rate)
    wanted = [(cue.start_ms, cue.end_ms, cue.lines) for cue in cues]
    with TemporaryDirectory() as folder:
        vtt, srt, ttml = (Path(folder) / f"a.{suffix}" for suffix in ("vtt", "srt", "ttml"))
        write_webvtt(vtt, cues)
        write_srt(srt, cues)
        write_ttml(ttml, cues, LOCALES[tag], WIDE)

        read = read_webvtt(vtt.read_text(encoding="utf-8"))
        document = fromstring(ttml.read_bytes())
        subrip = pysubs2.load(str(srt), encoding="utf-8", format_="srt", keep_html_tags=True, keep_ssa_tags=True)

    bare = str.maketrans("", "", "\u2067\u2069")
    assert [(cue.start_ms, cue.end_ms, cue.lines) for cue in read] == wanted
    assert [(event.start, event.end) for event in subrip] == [(start, end) for start, end, _ in wanted]
    assert [event.text.translate(bare).replace("\\N", "") for event in subrip] == [
        "".join(lines).translate(bare) for _, _, lines in wanted
    ]
    assert [paragraph_of(element) for element in document.iter(f"{TT}p")] == wanted


def paragraph_of(element: Any) -> tuple[int, int, tuple[str, ...]]:
    """Return when a paragraph of TTML is shown, in ms, and its lines."""
    times = []
    for name in ("begin", "end"):
        hours, minutes, seconds = element.get(name).split(":")
        times.append(round(1000 * (3600 * int(hours) + 60 * int(minutes) + float(seconds))))
    return times[0], times[1], tuple(span.text or "" for span in element.iter(f"{TT}span"))


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
