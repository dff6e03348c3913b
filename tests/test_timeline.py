"""Whole frames, room for every line, captions that follow the voice."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_folder import planned, write_campaign
from catalog import Format, Music
from renderer.artifacts import Cue, CueSheet, Speech, Word
from renderer.errors import MediaError
from renderer.music import beats
from renderer.picture.timeline import Part, cues_of, parts_of, picture_starts, states_of
from renderer.run_records import VariantPlan


def speech(duration_ms: int) -> Speech:
    return Speech(key="k", object="o", sample_rate=24000, duration_ms=duration_ms, grade="natural", words=())


def cue(*times: tuple[int, int]) -> Cue:
    words = tuple(Word(text=f"w{number}", start_ms=start, end_ms=end) for number, (start, end) in enumerate(times))
    return Cue(start_ms=words[0].start_ms, end_ms=words[-1].end_ms, lines=("line",), words=words)


@pytest.fixture
def variant(tmp_path: Path) -> tuple[VariantPlan, Format]:
    """A variant of two scenes of 2 s and an end card of 1.5 s, at 30 fps."""
    plan = planned(write_campaign(tmp_path))
    return plan.variants[0], plan.context.formats[plan.variants[0].variant.format]


def test_scenes_last_as_written(variant: tuple[VariantPlan, Format]) -> None:
    """Without speech every part has exactly its own length, one after the other."""
    plan, format = variant

    parts = parts_of(plan, [None, None, None], format)

    assert [(part.first, part.last) for part in parts] == [(0, 60), (60, 120), (120, 165)]
    assert [part.name for part in parts] == ["scene hero", "scene offer", "end card"]


def test_speech_is_never_cut_off(variant: tuple[VariantPlan, Format]) -> None:
    """A scene grows until its line has a quarter of a second before it and a third after it."""
    plan, format = variant

    parts = parts_of(plan, [speech(4010), speech(500), None], format)

    assert parts[0].num_frames == 139  # 4.61 s, rounded up to whole frames
    assert parts[1].num_frames == 60
    assert parts[1].speech_s == pytest.approx(139 / 30 + 0.25)
    assert [part.grown_s for part in parts] == [pytest.approx(2.61), 0, 0]


@pytest.mark.parametrize(("bpm", "spoken_ms"), [(96, 0), (96, 2300), (70, 1400), (128, 4010), (171, 900)])
def test_cuts_fall_on_the_beat(variant: tuple[VariantPlan, Format], bpm: float, spoken_ms: int) -> None:
    """In styles that ask for it, within half a frame; nobody is cut off, and scenes stay within a beat of their length."""
    plan, format = _in_style(variant[0], "retail", bpm), variant[1]
    lines = [speech(spoken_ms) if spoken_ms else None, None, None]

    parts = parts_of(plan, lines, format)

    times = beats(plan.variant.music, 60.0)
    plain = parts_of(_in_style(plan, "classic", bpm), lines, format)
    for part, same in zip(parts[:-1], plain, strict=False):
        assert min(abs(part.last / format.frame_rate - time) for time in times) <= 0.5 / format.frame_rate + 1e-9
        assert part.num_frames >= (spoken_ms / 1000 + 0.25) * format.frame_rate if part.name == "scene hero" else True
        assert abs(part.num_frames - same.num_frames) <= 60 / bpm * format.frame_rate + 1
    assert [part.grown_s for part in parts] == [part.grown_s for part in plain]


def test_the_placement_comes_before_the_beat(variant: tuple[VariantPlan, Format]) -> None:
    """Where cuts on the beat would make an ad too short, and where no beat is known, it lasts as written."""
    plan, format = _in_style(variant[0], "retail", 96), variant[1]
    longer = format.model_copy(update={"min_duration_s": 5.3})
    silent = _in_style(plan, "retail", 96, "none")

    assert parts_of(plan, [None] * 3, format)[-1].last == 157
    assert parts_of(plan, [None] * 3, longer)[-1].last == 165
    assert parts_of(silent, [None] * 3, format)[-1].last == 165


def _in_style(plan: VariantPlan, style: str, bpm: float, mood: str = "bright") -> VariantPlan:
    music = Music.model_validate({"mood": mood, "bpm": bpm})
    return plan.model_copy(update={"variant": plan.variant.model_copy(update={"style": style, "music": music})})


def test_an_ad_that_is_too_long_is_an_error(variant: tuple[VariantPlan, Format]) -> None:
    """The error names the variant, both lengths and the part that needs most."""
    plan, format = variant

    with pytest.raises(
        MediaError, match=r"the ad lasts 73\.\d s, \S+ allows 60 s; longest is scene offer with 69\.6 s"
    ):
        parts_of(plan, [None, speech(69_000), None], format)


def test_what_a_placement_would_refuse_is_an_error_before_drawing(variant: tuple[VariantPlan, Format]) -> None:
    """An ad that is too short, and one whose file could become too large, with what was found and what to do."""
    plan, format = variant
    longer = format.model_copy(update={"min_duration_s": 6.0})
    small = format.model_copy(update={"max_size_mb": 11.0, "max_mbps": 16.0})

    with pytest.raises(MediaError, match=r"the ad lasts 5\.5 s, \S+ needs 6 s\. Give its scenes longer durations"):
        parts_of(plan, [None, None, None], longer)
    with pytest.raises(MediaError, match=r"5\.5 s at up to 16 Mbit/s may need 11 MB, \S+ allows 11 MB\. Lower"):
        parts_of(plan, [None, None, None], small)
    assert parts_of(plan, [None, None, None], small.model_copy(update={"max_mbps": 15.8}))


@given(
    starts=st.lists(st.integers(0, 4000), min_size=2, max_size=9, unique=True),
    rate=st.sampled_from([24, 25, 30, 60]),
)
def test_captions_follow_each_other(starts: list[int], rate: int) -> None:
    """States never overlap, stay inside their part, and name each spoken word at most once and in order."""
    edges = sorted(starts)
    words = [(edges[i], edges[i + 1]) for i in range(len(edges) - 1)]
    half = max(len(words) // 2, 1)
    cues = (cue(*words[:half]), *((cue(*words[half:]),) if words[half:] else ()))
    part = Part("scene", 2 * rate, 5 * rate, 2.25)

    states = states_of(CueSheet(key="k", cues=cues), part, rate)

    assert all(before.last <= after.first for before, after in pairwise(states))
    assert all(part.first <= state.first < state.last <= part.last for state in states)
    order = [(cues.index(state.cue), state.word) for state in states]
    assert order == sorted(set(order))


def test_words_light_up_just_before_they_are_heard() -> None:
    """The second word of a line that starts at 2.25 s shows 60 ms before its own time."""
    sheet = CueSheet(key="k", cues=(cue((0, 500), (500, 1000)),))

    states = states_of(sheet, Part("scene", 60, 200, 2.25), 30)

    assert [(state.word, state.first, state.last) for state in states] == [(0, 68, 81), (1, 81, 98)]


def test_sidecar_times_count_from_the_start_of_the_ad() -> None:
    """Cues of the second part are moved by where its line begins; silent parts have none, and no cue outlives its part."""
    sheets = [None, CueSheet(key="k", cues=(cue((100, 900)), cue((1000, 2500))))]

    cues = cues_of(sheets, [Part("a", 0, 60, 0.25), Part("b", 60, 120, 2.25)], 30)

    assert [(one.start_ms, one.end_ms, one.words[0].start_ms) for one in cues] == [
        (2350, 3150, 2350),
        (3250, 4000, 3250),
    ]


@pytest.mark.parametrize(
    ("length", "count", "beats", "starts"),
    [
        (90, 3, [], [30, 60, 90]),
        (90, 3, [0.9, 1.45, 1.9, 2.1, 2.9], [30, 57, 87]),
        (90, 2, [0.5, 3.9], [30, 75]),
        (40, 3, [], [30]),
        (60, 9, [], [30, 60]),
    ],
)
def test_pictures_begin_on_beats(length: int, count: int, beats: list[float], starts: list[int]) -> None:
    """On the nearest beat, or evenly where none is near; as many as 0.7 s each leave room for."""
    assert picture_starts(Part("scene a", 30, 30 + length, 1.2), count, beats, 30) == starts
