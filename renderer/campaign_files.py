"""Puts the clips and pictures that lie beside a campaign into the store, by content."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from PIL import Image

from catalog import CatalogError, Problem
from catalog.campaign import files_of
from catalog.errors import WrongValue
from catalog.inputs import Inputs
from catalog.yamlfile import Steps
from renderer.digest import file_sha256
from renderer.errors import MediaError
from renderer.images import MAX_SIDE, decode, read_source
from renderer.images.download import DEFAULT_LIMITS, PictureError
from renderer.media import open_video
from renderer.store import Store

MAX_CLIP_BYTES = 4 * 10**9  # unpacked: a worker holds a clip whole; 20 s of 1080p at 30 frames a second have 3.7


def store_files(inputs: Inputs, store: Store) -> dict[Steps, str]:
    """Return what the store calls the files of a campaign: clips by object, pictures by SHA-256 (see `files_of`).

    Raises:
        CatalogError: every file that is no video or no picture, with its place.
        StoreError: the store refused.
    """
    stored: dict[Steps, str] = {}
    problems = []
    for steps, name in files_of(inputs.campaign).items():
        put = _put_clip if steps[-1] == "clip" else _put_picture
        try:
            stored[steps] = put(inputs.folder / name, store)
        except WrongValue as wrong:
            problems.append(Problem(inputs.file.place(*steps), f"'{name}' {wrong.fact}", wrong.cure))
    if problems:
        raise CatalogError(problems)
    return stored


def _put_clip(path: Path, store: Store) -> str:
    """Store a video as it is, and return its object; a player looks at the content, not at the name.

    Raises:
        WrongValue: it cannot be read to its end, or is too large.
    """
    sha256 = file_sha256(path)
    key = f"clips/{sha256}.mp4"
    if store.exists(key):
        return key
    try:
        with open_video(path) as container:
            stream = container.streams.video[0]
            room = MAX_CLIP_BYTES // max(stream.width * stream.height * 3, 1)
            count = 0
            for count, _ in enumerate(container.decode(video=0), 1):
                if count > room:
                    raise WrongValue(f"is too long: {room} frames of its size fit", "Cut it, or make it smaller.")
            whole = 0 < count and stream.frames <= count
    except MediaError:
        whole = False
    if not whole:
        raise WrongValue("cannot be read as a video", "Supply one that plays to its end, such as an MP4.")
    store.put_file(key, path)
    return key


def _put_picture(path: Path, store: Store) -> str:
    """Store a whole picture, upright, in sRGB and RGBA, and return its SHA-256. Nothing is cut out of it.

    Raises:
        WrongValue: it cannot be read, or is too large.
    """
    try:
        picture = decode(read_source(str(path), DEFAULT_LIMITS))
    except PictureError as error:
        raise WrongValue(f"cannot be used: {error.fact}", error.cure) from error
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    store.put_bytes(f"images/{sha256}.png", buffer.getvalue())
    return sha256
