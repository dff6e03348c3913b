"""Decides what is when, in whole frames: scenes, speech, cues."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from catalog import Format
from renderer.artifacts import Cue, CueSheet, Speech
from renderer.errors import MediaError
from renderer.media import SOUND_BIT_RATE
from renderer.pace import SPEECH_LEAD_S, SPEECH_TAIL_S
from renderer.picture.styles import STYLES
from renderer.run_records import VariantPlan

WORD_LEAD_MS = 60  # a word lights up a little before it is heard; whole cues come early already
LEAST_PICTURE_S = 0.7  # for which one of several pictures of the product is seen
LEAST_SCENE_S = 1.0  # a cut never comes earlier for the sake of a beat
DISSOLVE_FRAMES = 9  # of the later scene, in which the earlier one fades


@dataclass(frozen=True)
class Part:
    """One scene or the end card: frames [first, last), and when its line starts."""

    name: str
    first: int
    last: int
    speech_s: float  # start of the line, from the start of the ad
    grown_s: float = 0.0  # how much longer it lasts than planned

    @property
    def num_frames(self) -> int:
        """How many frames it lasts."""
        return self.last - self.first


@dataclass(frozen=True)
class Shown:
    """One state of a caption: frames [first, last), and which word is being spoken (-1: none)."""

    cue: Cue
    word: int
    first: int
    last: int


def parts_of(planned: VariantPlan, speeches: Sequence[Speech | None], format: Format) -> list[Part]:
    """Return the scenes and the end card in order, each long enough for what is said in it.

    Raises:
        MediaError: the ad would be longer or shorter than its format allows, or its file could become too large.
    """
    variant = planned.variant
    lengths = [(f"scene {scene.id}", scene.duration_s) for scene in variant.scenes]
    if variant.end_card is not None:
        lengths.append(("end card", variant.end_card.duration_s))
    music = variant.music
    if STYLES[variant.style].cuts_on_beat and music.mood != "none" and music.bpm:
        parts = _laid_out(lengths, speeches, format.frame_rate, 60 / music.bpm)
        if format.min_duration_s <= parts[-1].last / format.frame_rate <= format.max_duration_s:
            return _checked(variant.id, parts, format)
    return _checked(variant.id, _laid_out(lengths, speeches, format.frame_rate), format)


def _laid_out(
    lengths: Sequence[tuple[str, float]], speeches: Sequence[Speech | None], rate: int, beat_s: float = 0.0
) -> list[Part]:
    """One part after the other; where there is a beat, each cut falls on the nearest that leaves time to speak."""
    parts: list[Part] = []
    first = 0
    for (name, duration_s), speech in zip(lengths, speeches, strict=True):
        spoken_s = SPEECH_LEAD_S + speech.duration_ms / 1000 + SPEECH_TAIL_S if speech is not None else 0.0
        last = first + math.ceil(max(duration_s, spoken_s) * rate - 1e-6)
        if beat_s and len(parts) < len(lengths) - 1:
            least = first + math.ceil(max(spoken_s, LEAST_SCENE_S) * rate - 1e-6)
            last = _on_beat(last, least, beat_s * rate)
        parts.append(Part(name, first, last, first / rate + SPEECH_LEAD_S, max(spoken_s - duration_s, 0.0)))
        first = last
    return parts


def _on_beat(frame: int, least: int, beat_frames: float) -> int:
    """The frame of the beat nearest to `frame` that is `least` or later."""
    nearest = round(round(frame / beat_frames) * beat_frames)
    return nearest if nearest >= least else round(math.ceil(least / beat_frames) * beat_frames)


def _checked(place: str, parts: list[Part], format: Format) -> list[Part]:
    """Refuse what the placement would refuse, before anything is drawn."""
    rate, duration_s = format.frame_rate, parts[-1].last / format.frame_rate
    if duration_s > format.max_duration_s:
        longest = max(parts, key=lambda part: part.num_frames)
        raise MediaError(
            f"{place}: the ad lasts {duration_s:.1f} s, {format.id} allows {format.max_duration_s:g} s; "
            f"longest is {longest.name} with {longest.num_frames / rate:.1f} s. Shorten its narration or drop a scene."
        )
    if duration_s < format.min_duration_s:
        raise MediaError(
            f"{place}: the ad lasts {duration_s:.1f} s, {format.id} needs {format.min_duration_s:g} s. "
            "Give its scenes longer durations, or add one."
        )
    size_mb = (format.max_mbps + SOUND_BIT_RATE / 1e6) / 8 * duration_s
    if size_mb > format.max_size_mb:
        raise MediaError(
            f"{place}: {duration_s:.1f} s at up to {format.max_mbps:g} Mbit/s may need {size_mb:.0f} MB, "
            f"{format.id} allows {format.max_size_mb:g} MB. Lower the format's max_mbps, or shorten the ad."
        )
    return parts


def seen_frames(parts: Sequence[Part], number: int, num_takes: int) -> int:
    """Return for how many frames take `number` is seen: while its part dissolves too; the last behind the end card."""
    last = parts[-1].last if number == num_takes - 1 else parts[number].last + DISSOLVE_FRAMES
    return last - parts[number].first


def picture_starts(part: Part, count: int, beats: Sequence[float], frame_rate: int) -> list[int]:
    """Return the frames at which `count` pictures of a part begin: on beats, about equally long; fewer in a short part.

    `beats` are in s from the start of the ad.
    """
    count = max(1, min(count, int(part.num_frames / frame_rate / LEAST_PICTURE_S)))
    length = part.num_frames / count
    cuts = [round(beat * frame_rate) for beat in beats]
    starts = [part.first]
    for number in range(1, count):
        wanted = part.first + number * length
        nearest = min(cuts, key=lambda cut: abs(cut - wanted), default=round(wanted))
        starts.append(nearest if abs(nearest - wanted) < length / 3 else round(wanted))
    return starts


def states_of(sheet: CueSheet, part: Part, frame_rate: int) -> list[Shown]:
    """Return the states of all captions of a part, in order and without overlap, inside the part."""
    states: list[Shown] = []
    for cue in sheet.cues:
        first, last = _frame(cue.start_ms, part, frame_rate), _frame(cue.end_ms, part, frame_rate)
        first, last = max(first, states[-1].last if states else part.first), min(last, part.last)
        changes = [max(_frame(word.start_ms - WORD_LEAD_MS, part, frame_rate), first) for word in cue.words]
        edges = [first, *changes, last]
        for number, (start, end) in enumerate(pairwise(edges)):
            if min(end, last) > start:
                states.append(Shown(cue, number - 1, start, min(end, last)))
    return states


def cues_of(sheets: Sequence[CueSheet | None], parts: Sequence[Part], frame_rate: int) -> list[Cue]:
    """Return all cues with times from the start of the ad, for the files beside it; none outlives its part."""
    shifted = []
    for sheet, part in zip(sheets, parts, strict=True):
        offset_ms, last_ms = round(part.speech_s * 1000), part.last * 1000 // frame_rate
        for cue in sheet.cues if sheet is not None else ():
            words = tuple(
                word.model_copy(update={"start_ms": word.start_ms + offset_ms, "end_ms": word.end_ms + offset_ms})
                for word in cue.words
            )
            times = {"start_ms": cue.start_ms + offset_ms, "end_ms": min(cue.end_ms + offset_ms, last_ms)}
            shifted.append(cue.model_copy(update={**times, "words": words}))
    return shifted


def _frame(time_ms: int, part: Part, frame_rate: int) -> int:
    """The frame at which something said at `time_ms` of the line appears."""
    return max(round((part.speech_s + time_ms / 1000) * frame_rate), part.first)
