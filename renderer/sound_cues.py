"""Tells in captions what is heard and is no speech: music, and the sound of a scene."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from catalog import CaptionRules, Variant
from renderer.artifacts import Cue, CueSheet
from renderer.cue_lines import count_chars
from renderer.picture.timeline import Part

AT_THE_START_MS = 2000  # music is told when it begins, and a little later is still then
SHOWN_MS = 2000  # enough for any of our descriptions, where there is that much time


class Heard(NamedTuple):
    """What is heard, in the words of the language, and in which parts of the ad."""

    text: str
    parts: range


def heard_in(variant: Variant, sounding: Sequence[bool], rules: CaptionRules) -> list[Heard]:
    """Return what captions of an ad tell beside speech; `sounding` says of each scene whether its take is heard."""
    heard = []
    words, music = rules.sounds, variant.music
    num_parts = len(variant.scenes) + (variant.end_card is not None)
    if music.mood != "none":
        heard.append(Heard(words.of_music(music.character), range(num_parts)))
    scenes = [number for number, is_heard in enumerate(sounding) if is_heard]
    return heard + [Heard(words.told(words.scene), range(number, number + 1)) for number in scenes]


def with_sounds(
    sheets: Sequence[CueSheet | None],
    parts: Sequence[Part],
    heard: Sequence[Heard],
    rules: CaptionRules,
    frame_rate: int,
) -> list[CueSheet | None]:
    """Return the sheets with a cue, or a line of one, for all that is heard and finds room; speech comes first.

    Times stay those of the sheets, in ms from the start of each line.
    """
    told = list(sheets)
    for wish in heard:
        places = _places(told, parts, wish, rules, frame_rate)
        best = min(places, key=lambda place: place.rank, default=None)
        if best is None:
            continue
        sheet = told[best.part]
        kept = [cue for cue in (sheet.cues if sheet is not None else ()) if cue is not best.instead_of]
        cues = tuple(sorted((*kept, best.cue), key=lambda cue: cue.start_ms))
        told[best.part] = CueSheet(key=sheet.key if sheet is not None else "", cues=cues)
    return told


class _Place(NamedTuple):
    part: int
    cue: Cue
    instead_of: Cue | None
    rank: int  # 0 is best


def _places(
    sheets: Sequence[CueSheet | None], parts: Sequence[Part], wish: Heard, rules: CaptionRules, frame_rate: int
) -> Iterator[_Place]:
    """Yield where it may be told: when it begins, as a line of a cue that leaves time to read it, at last anywhere."""
    shortest_ms = max(1000 * rules.min_duration_s, 1000 * count_chars(wish.text, rules) / rules.max_chars_per_s)
    begins_ms = 1000 * parts[wish.parts.start].first / frame_rate
    for number in wish.parts:
        part, sheet = parts[number], sheets[number]
        cues = sheet.cues if sheet is not None else ()
        for start, end in _free(cues, part, rules, frame_rate):
            if end - start >= shortest_ms:
                is_early = start + 1000 * part.speech_s <= begins_ms + AT_THE_START_MS
                longest = min(end, start + max(SHOWN_MS, math.ceil(shortest_ms)))
                yield _Place(
                    number, Cue(start_ms=start, end_ms=longest, lines=(wish.text,)), None, 0 if is_early else 2
                )
        for cue in cues:
            if len(cue.lines) < rules.max_lines:
                joined = cue.model_copy(update={"lines": (wish.text, *cue.lines)})
                read_ms = sum(1000 * count_chars(line, rules) / rules.max_chars_per_s for line in joined.lines)
                yield _Place(number, joined, cue, 1 if read_ms <= cue.end_ms - cue.start_ms else 3)


def _free(cues: Sequence[Cue], part: Part, rules: CaptionRules, frame_rate: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches of a part without cues, in ms from the start of its line."""
    gap = math.ceil(1000 * rules.min_gap_frames / frame_rate)
    begin = math.ceil(1000 * (part.first / frame_rate - part.speech_s))
    for cue in cues:
        if cue.start_ms - gap > begin:
            yield begin, cue.start_ms - gap
        begin = max(begin, cue.end_ms + gap)
    end = math.floor(1000 * (part.last / frame_rate - part.speech_s))
    if end > begin:
        yield begin, end
