"""Takes and creatives as moviepy's clips, for people who want to cut further."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from renderer.media.creatives import Encoding, write_creative
from renderer.media.planes import to_planes
from renderer.media.sounds import SOUND_RATE

if TYPE_CHECKING:
    from moviepy import VideoClip


def as_clip(path: Path) -> VideoClip:
    """Return a creative or a take as a moviepy clip, for people who want to cut further. Close it after use."""
    from moviepy import VideoFileClip

    return VideoFileClip(str(path))


def write_clip(clip: VideoClip, path: Path, encoding: Encoding) -> None:
    """Write a moviepy clip as a creative is written. moviepy's own writer guesses BT.601 and tags nothing.

    Raises:
        MediaError: the size of the clip is not the size that `encoding` says.
    """
    frames = (to_planes(picture) for picture in clip.iter_frames(fps=encoding.frame_rate, dtype="uint8"))
    sound = np.zeros((round(clip.duration * SOUND_RATE), 2), np.float32)
    if clip.audio is not None:
        sound = np.asarray(clip.audio.to_soundarray(fps=SOUND_RATE), np.float32)
    write_creative(path, frames, sound, encoding)
