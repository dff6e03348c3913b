"""Captions tell what is heard where there is room for it, and speech always comes first."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from catalog.caption_rules import caption_rules
from renderer.artifacts import Cue, CueSheet
from renderer.caption_limits import breaches
from renderer.picture.timeline import Part, cues_of
from renderer.sound_cues import Heard, with_sounds

RULES = caption_rules("en")
PARTS = [Part("a", 0, 90, 0.25), Part("b", 90, 180, 3.25)]  # at 30 frames per second
MUSIC = Heard("[upbeat music]", range(2))


def sheet(*cues: tuple[int, int, tuple[str, ...]]) -> CueSheet:
    return CueSheet(key="k", cues=tuple(Cue(start_ms=start, end_ms=end, lines=lines) for start, end, lines in cues))


def told(*sheets: CueSheet | None, heard: Heard = MUSIC) -> list[Cue]:
    return cues_of(with_sounds(sheets, PARTS, [heard], RULES, 30), PARTS, 30)


def test_music_is_told_when_it_begins() -> None:
    """In the silence before the first word, for as long as it takes to read, two frames before what follows."""
    cues = told(sheet((1500, 2500, ("Hello.",))), None)

    assert [cue.lines for cue in cues] == [("[upbeat music]",), ("Hello.",)]
    assert (cues[0].start_ms, cues[0].end_ms) == (0, 1683)


def test_music_shares_a_cue_that_leaves_time_to_read_both() -> None:
    """On a line of its own above the words; not in the first cue if that one is in a hurry."""
    cues = told(sheet((0, 900, ("Steel Bottle.",)), (967, 2700, ("Cold for a day.",))), sheet((0, 2700, ("Now.",))))

    assert [cue.lines for cue in cues] == [
        ("Steel Bottle.",), ("[upbeat music]", "Cold for a day."), ("Now.",)
    ]  # fmt: skip


def test_a_sound_is_told_in_its_own_scene() -> None:
    """Later silence belongs to other scenes."""
    cues = told(sheet((0, 2700, ("One two three.",))), None, heard=Heard("[ambient sounds]", range(1)))

    assert [cue.lines for cue in cues] == [("[ambient sounds]", "One two three.")]


def test_speech_that_leaves_no_room_stays_as_it_is() -> None:
    """Full cues from end to end are not touched; check says that the music is not told."""
    full = sheet((-200, 2700, ("one line", "and another")))

    assert [cue.lines for cue in told(full, full)] == [("one line", "and another")] * 2


@given(st.lists(st.integers(0, 2700), max_size=8, unique=True).map(sorted), st.lists(st.integers(1, 2), min_size=8))
def test_no_cue_ever_meets_another(edges: list[int], num_lines: list[int]) -> None:
    """Whatever is free, nothing overlaps and nothing is lost."""
    spans = [(start, end) for start, end in pairwise(edges) if end - start > 70]
    spoken = [(start, end - 67, ("word",) * lines) for (start, end), lines in zip(spans, num_lines, strict=False)]

    cues = told(sheet(*spoken), None)

    assert not [breach for breach in breaches(cues, RULES, 30) if breach.limit in ("overlap", "lines")]
    assert sum(line == "word" for cue in cues for line in cue.lines) == sum(len(lines) for _, _, lines in spoken)
    assert sum("[upbeat music]" in cue.lines for cue in cues) == 1
