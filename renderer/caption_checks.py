"""What the captions of a finished ad must keep, as its viewers read; each says what was measured, and the cure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from renderer.artifacts import CheckJob
from renderer.caption_limits import Breach, breaches
from renderer.subtitles import read_webvtt
from renderer.verdict import Verdict

CAPTION_SLACK_S = 0.05  # times in WebVTT are rounded to milliseconds, frames are not
MAX_TOLD = 3  # findings of one check that its sentence names


def captions(job: CheckJob, webvtt: str) -> Verdict:
    """An ad that speaks has captions, one at a time, and none of them lasts longer than it."""
    cues = read_webvtt(webvtt)
    if not cues:
        missing = "The ad speaks and has no captions; make them anew."
        return Verdict(not job.variant.speaks, "no cues", "cues where the ad speaks", missing)
    ends_s, limit_s = max(cue.end_ms for cue in cues) / 1000, job.creative.duration_s
    together = [breach for breach in _breaches(job, webvtt) if breach.limit == "overlap"]
    if together:
        cure = "Captions lie over each other; make them anew."
        return Verdict(False, _told(together), "one at a time", f"{_told(together)}: {cure}")
    cure = "Captions run past the end; shorten the narration or lengthen its scene."
    return Verdict(ends_s <= limit_s + CAPTION_SLACK_S, f"last ends at {ends_s:.2f} s", f"{limit_s:.2f} s", cure)


def caption_layout(job: CheckJob, webvtt: str) -> Verdict:
    """As few lines, as short, as viewers of the language are used to."""
    found = [breach for breach in _breaches(job, webvtt) if breach.limit in ("lines", "length")]
    rules = job.captions
    limit = f"{rules.max_lines} lines of {rules.max_chars_per_line}"
    cure = f"{_told(found)}: too long for a glance; write a shorter name, or a space into it."
    return Verdict(not found, _told(found) or "within", limit, cure)


def caption_timing(job: CheckJob, webvtt: str) -> Verdict:
    """Long enough to be seen, short enough not to be read twice, with a gap that tells one from the next."""
    found = [breach for breach in _breaches(job, webvtt) if breach.limit in ("shortest", "longest", "gap")]
    rules = job.captions
    limit = f"{rules.min_duration_s:g} to {rules.max_duration_s:g} s, {rules.min_gap_frames} frames apart"
    cure = f"{_told(found)}: give the scene more time, or let its narration have fewer, longer phrases."
    return Verdict(not found, _told(found) or "within", limit, cure)


def caption_speed(job: CheckJob, webvtt: str) -> Verdict:
    """No faster than viewers of the language read."""
    found = [breach for breach in _breaches(job, webvtt) if breach.limit == "speed"]
    limit = f"{job.captions.max_chars_per_s:g} characters per second"
    cure = f"{_told(found)}: too fast to read; shorten the narration, or lengthen its scene and slow the voice."
    return Verdict(not found, _told(found) or "within", limit, cure)


def sounds_told(job: CheckJob, webvtt: str) -> Verdict:
    """Captions that were asked to tell of music do."""
    music = job.variant.music
    if job.variant.captions.kind != "captions" or music.mood == "none":
        return Verdict(True, "not asked for", "where captions are asked for", "")
    wanted = job.captions.sounds.of_music(music.character)
    told = any(wanted in cue.lines for cue in read_webvtt(webvtt))
    cure = f"No cue leaves room for {wanted}; leave a second without speech, or make a line of narration shorter."
    return Verdict(told, wanted if told else "not told", wanted, cure)


CAPTION_RULES: dict[str, Callable[[CheckJob, str], Verdict]] = {
    "captions": captions,
    "caption_layout": caption_layout,
    "caption_timing": caption_timing,
    "caption_speed": caption_speed,
    "sounds_told": sounds_told,
}


def _breaches(job: CheckJob, webvtt: str) -> list[Breach]:
    return list(breaches(read_webvtt(webvtt), job.captions, job.format.frame_rate))


def _told(found: Sequence[Breach]) -> str:
    """The first few, with their place in the ad."""
    told = "; ".join(f"{breach.measured} at {breach.start_ms / 1000:.2f} s" for breach in found[:MAX_TOLD])
    return told + (f" and {len(found) - MAX_TOLD} more" if len(found) > MAX_TOLD else "")
