"""Opens and makes files that ffmpeg's library reads and writes; a file appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import av

from renderer.errors import MediaError

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

# x264's AVX-512 code for macroblock trees reads memory that nothing wrote: other bytes on every run (docs/adr/0006).
SAME_BYTES = {"x264-params": "asm=SSE4.2"} if platform.machine() in ("x86_64", "AMD64") else {}


@contextlib.contextmanager
def open_video(path: Path) -> Iterator[InputContainer]:
    """Give the open container of a file that holds a video.

    Raises:
        MediaError: the file is missing, broken (also when that shows later, inside the block), or holds no video.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise MediaError(f"{path}: holds no video. Make the file anew.")
            container.streams.video[0].thread_type = "AUTO"
            yield container
    except av.FFmpegError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}). Make the file anew.") from error


@contextlib.contextmanager
def create(path: Path, **more_options: str) -> Iterator[OutputContainer]:
    """Give an MP4 to write into, index first, so that it plays while it loads.

    Raises:
        MediaError: it cannot be written.
    """
    options = {"movflags": "+faststart", "fflags": "+bitexact", **more_options}
    try:
        with whole(path) as part, av.open(str(part), "w", format="mp4", options=options) as container:
            yield container
    except av.FFmpegError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror}). Check size and disk.") from error


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; it becomes `path` at the end, or is removed after an error."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
