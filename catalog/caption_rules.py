"""How captions are read in each language: data with sources, from catalog/data/captions.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib.resources import as_file, files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from catalog.errors import WrongValue
from catalog.rows import read_rows

OTHERS = "und"  # BCP 47 for a language that nobody named


class SoundWords(BaseModel):
    """How captions tell what is heard and is no speech: the brackets, and words for music and for a scene's sound.

    `music` is for beds that are neither bright nor calm, and for files that nobody here has heard.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    opening: str
    closing: str
    bright: str
    calm: str
    music: str
    scene: str

    def of_music(self, character: Literal["bright", "calm", "other"]) -> str:
        """Return the text of a cue about music."""
        return self.told({"bright": self.bright, "calm": self.calm, "other": self.music}[character])

    def told(self, sound: str) -> str:
        """Return the text of a cue: "[upbeat music]"."""
        return f"{self.opening}{sound}{self.closing}"


class CaptionRules(BaseModel):
    """How much text a viewer of this language reads, and for how long it is shown.

    `counts_half_width`: Latin letters, digits and spaces count as half a character. `close_gap_s`: shorter gaps flicker
    and are closed to `min_gap_frames`. `linger_s`: how long any cue may stay after its last word; `hang_s`: one that
    needs the time to be read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_chars_per_line: PositiveInt
    max_lines: Annotated[int, Field(ge=1, le=3)]
    max_chars_per_s: PositiveFloat
    counts_half_width: bool
    min_duration_s: PositiveFloat
    max_duration_s: PositiveFloat
    min_gap_frames: NonNegativeInt
    close_gap_s: NonNegativeFloat
    linger_s: NonNegativeFloat
    hang_s: NonNegativeFloat
    sounds: SoundWords
    source: str
    as_of: date


class _Row(CaptionRules):
    language: str


def caption_rules(language: str) -> CaptionRules:
    """Return the rules of a language, or what holds for all of them where it has none of its own."""
    rows = _rows()
    return rows.get(language, rows[OTHERS])


@cache
def _rows() -> dict[str, CaptionRules]:
    with as_file(files("catalog") / "data" / "captions.yaml") as own:
        rows = read_rows(own, _Row, "language", _wrong_values)
    return {name: CaptionRules.model_validate(row.model_dump(exclude={"language"})) for name, row in rows.items()}


def _wrong_values(row: _Row) -> Iterator[tuple[str, WrongValue]]:
    if row.min_duration_s > row.max_duration_s:
        yield "min_duration_s", WrongValue(f"{row.min_duration_s:g} is above the maximum", "Swap the two.")
