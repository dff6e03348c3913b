"""Reads ad formats: size, frame rate, length, loudness, safe area, as data with source and date."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

from catalog.errors import WrongValue, quoted
from catalog.rows import read_rows

NAME = re.compile(r"[a-z][a-z0-9_]*")  # part of variant ids and file names


class SafeArea(BaseModel):
    """Pixels to keep free of text at each edge, because the platform draws its own buttons there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    top: NonNegativeInt
    right: NonNegativeInt
    bottom: NonNegativeInt
    left: NonNegativeInt


class Format(BaseModel):
    """One placement: what the finished file must measure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    width: PositiveInt
    height: PositiveInt
    frame_rate: PositiveInt
    min_duration_s: PositiveFloat
    max_duration_s: PositiveFloat
    loudness_lufs: float
    loudness_tolerance_lu: PositiveFloat
    peak_dbtp: float
    max_size_mb: PositiveFloat
    crf: int = Field(default=20, ge=0, le=40)  # x264's constant quality; 18 is what eyes cannot tell from the original
    max_mbps: PositiveFloat = 16.0  # of the picture, over any two seconds; quality gives way where it would need more
    safe_area: SafeArea
    burn_in: bool = True  # captions in the picture; false for placements that show the file beside the ad
    placements: tuple[str, ...]
    source: str
    as_of: date


def read_formats(path: Path | None = None) -> dict[str, Format]:
    """Every format of a YAML file by its id; without a path, the formats that come with adloom.

    Raises:
        CatalogError: the file or some of its rows do not fit; every problem names file and line.
    """
    if path is not None:
        return read_rows(path, Format, "id", _wrong_values)
    with as_file(files("catalog") / "data" / "formats.yaml") as own:
        return read_rows(own, Format, "id", _wrong_values)


def _wrong_values(wanted: Format) -> Iterator[tuple[str, WrongValue]]:
    """What the types do not say: relations between numbers, and what video with 4:2:0 colour needs."""
    if not NAME.fullmatch(wanted.id):
        yield "", WrongValue(f"{quoted(wanted.id)} is no name", "Use small letters, digits and _.")
    for field in ("width", "height"):
        if (size := getattr(wanted, field)) % 2:
            yield field, WrongValue(f"{size} is odd, but H.264 halves colour", f"Write {size - 1} or {size + 1}.")
    area = wanted.safe_area
    if area.left + area.right >= wanted.width or area.top + area.bottom >= wanted.height:
        cure = f"Opposite margins stay below {wanted.width} x {wanted.height} in sum."
        yield "safe_area", WrongValue("leaves nothing to write on", cure)
    if wanted.min_duration_s > wanted.max_duration_s:
        yield "min_duration_s", WrongValue(f"{wanted.min_duration_s:g} is above the maximum", "Swap the two.")
    for field in ("loudness_lufs", "peak_dbtp"):
        if getattr(wanted, field) > 0:
            yield field, WrongValue(f"{getattr(wanted, field):g} is above full scale", "Write a negative number.")
    if not wanted.placements:
        yield "placements", WrongValue("is empty", "Name at least one placement.")
    if not wanted.source.strip():
        yield "source", WrongValue("is empty", "Say where the numbers come from.")
