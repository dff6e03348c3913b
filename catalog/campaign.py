"""Reads one campaign folder: YAML first, Jinja only inside strings; checks it without rendering."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Look(BaseModel):
    """What the picture shows and how the camera moves: the words that video models are conditioned by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scene: str
    palette: tuple[str, str, str]  # "#RRGGBB": dark, middle, light
    camera: Literal["static", "pan_left", "pan_right", "tilt_up", "tilt_down", "dolly_in", "dolly_out"] = "static"
    camera_speed: float = 1.0


class Brand(BaseModel):
    """The sender of the ads. `logo` is a path while reading and an object of the store in a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    logo: str
    logo_sha256: str = ""
    ink: str = "#15181E"  # text on light ground
    paper: str = "#FFFFFF"  # text on dark ground
    accent: str = "#FFB000"  # badge and call to action
    headline_font: str = "Outfit"


class Music(BaseModel):
    """The bed under the voice, synthesized: royalty-free, with known beats."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mood: Literal["bright", "calm", "none"] = "bright"
    bpm: int = 100
    seed: int = 7
