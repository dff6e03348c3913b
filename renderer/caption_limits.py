"""Measures cues against what viewers of a language can read, and names what could not be kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from catalog import CaptionRules
from renderer.artifacts import Cue
from renderer.cue_lines import count_chars

ROUNDING_MS = 2  # times are rounded to milliseconds when cues are shifted


class Breach(NamedTuple):
    """One limit that one cue does not keep."""

    start_ms: int
    limit: str  # lines, length, speed, shortest, longest, gap, overlap
    measured: str
    allowed: str


def breaches(cues: Sequence[Cue], rules: CaptionRules, frame_rate: int) -> Iterator[Breach]:
    """Yield every limit that is not kept, cue by cue."""
    for cue in cues:
        yield from _of_one(cue, rules)
    gap_ms = 1000 * rules.min_gap_frames / frame_rate
    for before, after in pairwise(cues):
        free_ms = after.start_ms - before.end_ms
        if free_ms < 0:
            yield Breach(after.start_ms, "overlap", f"{-free_ms} ms", "one at a time")
        elif free_ms < gap_ms - ROUNDING_MS:
            yield Breach(after.start_ms, "gap", f"{free_ms} ms", f"at least {math.ceil(gap_ms)} ms")


def chars_per_s(cue: Cue, rules: CaptionRules) -> float:
    """Return the reading speed that a cue asks for, in characters as its language counts them."""
    chars = sum(count_chars(line, rules) for line in cue.lines)
    shown_s = (cue.end_ms - cue.start_ms) / 1000
    return chars / shown_s if shown_s > 0 else math.inf


def _of_one(cue: Cue, rules: CaptionRules) -> Iterator[Breach]:
    shown_s, slack_s = (cue.end_ms - cue.start_ms) / 1000, ROUNDING_MS / 1000
    longest = max((count_chars(line, rules) for line in cue.lines), default=0.0)
    if len(cue.lines) > rules.max_lines:
        yield Breach(cue.start_ms, "lines", f"{len(cue.lines)} lines", f"at most {rules.max_lines}")
    if longest > rules.max_chars_per_line:
        yield Breach(cue.start_ms, "length", f"{longest:g} characters", f"at most {rules.max_chars_per_line} in a line")
    if shown_s < rules.min_duration_s - slack_s:
        yield Breach(cue.start_ms, "shortest", f"{shown_s:.2f} s", f"at least {rules.min_duration_s:g} s")
    if shown_s > rules.max_duration_s + slack_s:
        yield Breach(cue.start_ms, "longest", f"{shown_s:.2f} s", f"at most {rules.max_duration_s:g} s")
    needed_s = sum(count_chars(line, rules) for line in cue.lines) / rules.max_chars_per_s
    if needed_s > shown_s + slack_s:
        speed = f"{chars_per_s(cue, rules):.1f} characters per second"
        yield Breach(cue.start_ms, "speed", speed, f"at most {rules.max_chars_per_s:g}")
