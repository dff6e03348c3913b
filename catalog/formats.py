"""Reads ad formats: size, frame rate, length, loudness, safe area, as data with source and date."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict


class SafeArea(BaseModel):
    """Pixels to keep free of text at each edge, because the platform draws its own buttons there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    top: int
    right: int
    bottom: int
    left: int


class Format(BaseModel):
    """One placement: what the finished file must measure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    width: int
    height: int
    frame_rate: int
    min_duration_s: float
    max_duration_s: float
    loudness_lufs: float
    loudness_tolerance_lu: float
    peak_dbtp: float
    max_size_mb: float
    safe_area: SafeArea
    placements: tuple[str, ...]
    source: str
    as_of: date
