"""Puts the clips, pictures and music that lie beside a campaign into the store, by content."""

from __future__ import annotations

import hashlib
import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from catalog import CatalogError, Music, Problem
from catalog.campaign import files_of
from catalog.errors import WrongValue
from catalog.inputs import Inputs
from catalog.yamlfile import Steps
from renderer.digest import file_sha256
from renderer.errors import MediaError
from renderer.images import MAX_SIDE, decode, read_source
from renderer.images.download import DEFAULT_LIMITS, PictureError
from renderer.media import open_video, read_sound, write_wav
from renderer.music import RATE, why_unusable
from renderer.store import Store

MAX_CLIP_BYTES = 4 * 10**9  # unpacked: a worker holds a clip whole; 20 s of 1080p at 30 frames a second have 3.7

MAX_TRACK_S = 600  # 115 MB as the store keeps it


def store_files(inputs: Inputs, store: Store) -> dict[Steps, str]:
    """Return what the store calls the files of a campaign: clips and music by object, pictures by SHA-256.

    Raises:
        CatalogError: every file that cannot be used, with its place.
        StoreError: the store refused.
    """
    stored: dict[Steps, str] = {}
    problems = []
    for steps, name in files_of(inputs.campaign).items():
        path = inputs.folder / name
        try:
            if steps[-1] == "clip":
                stored[steps] = _put_clip(path, store)
            elif steps[-1] == "ends_on":
                stored[steps] = _put_picture(path, store)
            else:
                stored[steps] = _put_track(path, inputs.campaign.music, store)
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


def _put_track(path: Path, music: Music, store: Store) -> str:
    """Store a track as 16-bit stereo at 48 kHz, and return its object, named by what is heard.

    Raises:
        WrongValue: it cannot be read to its end, is silent, too short to repeat, or too long.
    """
    try:
        track = read_sound(path, MAX_TRACK_S)
    except MediaError as error:
        raise WrongValue("cannot be read as sound", "Supply one that plays to its end, such as WAV or MP3.") from error
    if len(track) > MAX_TRACK_S * RATE:
        raise WrongValue(f"lasts longer than {MAX_TRACK_S} s", "Cut it.")
    if wrong := why_unusable(track, music):
        raise WrongValue(wrong, "Supply another one.")
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder) / "track.wav"
        write_wav(stored, track / max(float(np.abs(track).max()), 1.0), RATE)
        key = f"music/{file_sha256(stored)}.wav"
        if not store.exists(key):
            store.put_file(key, stored)
    return key
