"""Finds a user's own voices in ADLOOM_VOICES_DIR, and says which bytes they are."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from renderer.digest import file_sha256
from renderer.errors import VoiceFailed
from renderer.settings import Settings


def voice_folder(voice: str, settings: Settings) -> Path:
    """Return the folder with the user's voices.

    Raises:
        VoiceFailed: none is set, or it is missing.
    """
    folder = settings.voices_dir
    if folder is None or not folder.is_dir():
        fact = "ADLOOM_VOICES_DIR is not set" if folder is None else f"ADLOOM_VOICES_DIR={folder} is no folder"
        raise VoiceFailed(f"voice {voice}: {fact}. Set it to the folder that holds your voices.")
    return folder


def revision_of(*paths: Path) -> str:
    """Return a name for the content of files: 16 hex digits."""
    digests = [_sha256(path, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()[:16]


@lru_cache
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    """Hash a file once for as long as it is not written again."""
    return file_sha256(path)
