"""Makes the take of every distinct shot: the only stage that needs a GPU."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np

from renderer.artifacts import Shot, Take
from renderer.backends import Frames, Inputs, VideoModel
from renderer.backends.video_models import load_video_model
from renderer.engine import Engine, Outcome
from renderer.errors import BackendError
from renderer.media import write_take
from renderer.store import Store

MIN_MEAN_LUMA, MAX_MEAN_LUMA = 4.0, 251.0  # of 255: outside of them a picture is black or white
MIN_CONTRAST = 1.0  # standard deviation in code values over the whole take; a quiet gradient has 10 or more
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # BT.709
MAX_FLICKER = 24.0  # mean change of luma per frame; noise has 80, the liveliest backdrop 6


def generate(shots: Iterable[Shot], store: Store, engine: Engine, device: str) -> Iterator[Outcome[Shot, Take]]:
    """Make every take that is not in the store yet.

    Shots of one model follow each other, and within them those of one size, so that no worker loads or compiles twice.
    """
    waiting: dict[str, Shot] = {}
    for shot in shots:
        if shot.key in waiting:
            continue
        if (take := store.get_record(record_key(shot), Take)) is not None:
            yield Outcome(shot, take, None, False, 0.0)
        else:
            waiting[shot.key] = shot
    ordered = sorted(waiting.values(), key=lambda shot: (shot.model, shot.width, shot.height))
    for model, group in groupby(ordered, key=lambda shot: shot.model):
        yield from engine.map(partial(_generate_into, store), group, partial(load_video_model, model, device))


def generate_shot(shot: Shot, model: VideoModel, store: Store) -> Take:
    """Make one take and store it, the record last.

    Raises:
        BackendError: the model cannot do the shot, or returned what nobody wants to see.
        StoreError: the product's picture is absent, or the take cannot be written.
    """
    started = time.perf_counter()
    frames = model.generate(shot, Inputs(image=product_picture(shot, store)))
    refuse_unusable(shot, frames)
    key = f"takes/{shot.key}.mp4"
    with tempfile.TemporaryDirectory(prefix="adloom-take-") as folder:
        path = Path(folder) / "take.mp4"
        write_take(path, frames, shot.frame_rate)
        store.put_file(key, path)
    take = Take(
        key=shot.key,
        object=key,
        width=shot.width,
        height=shot.height,
        num_frames=len(frames),
        frame_rate=shot.frame_rate,
        stand=shot.layout.stand,
        loops=shot.look.loop,
        seconds_spent=round(time.perf_counter() - started, 3),
    )
    store.put_record(record_key(shot), take)
    return take


def record_key(shot: Shot) -> str:
    """Return where the record of a shot's take lies in the store."""
    return f"takes/{shot.key}.json"


def product_picture(shot: Shot, store: Store) -> Frames | None:
    """Return the picture that conditions the shot, uint8 RGB (1, height, width, 3) on white, or None.

    Raises:
        StoreError: it is not in the store.
        BackendError: it cannot be read.
    """
    if shot.image_sha256 is None:
        return None
    key = f"images/{shot.image_sha256}.png"
    picture = cv2.imread(str(store.local(key)), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] != 4:
        raise BackendError(f"{store.url(key)}: not an RGBA picture. Fetch the product's picture again.")
    alpha = picture[..., 3:] / 255
    on_white = picture[..., :3] * alpha + 255 * (1 - alpha)
    return np.ascontiguousarray(on_white.round().astype(np.uint8)[None, ..., ::-1])


def refuse_unusable(shot: Shot, frames: Frames) -> None:
    """Tell a picture from a failure: black, white, one flat colour, or noise, as overflow in a model leaves them.

    Raises:
        BackendError: the frames are unusable or not those that were asked for.
    """
    expected = (shot.num_frames, shot.height, shot.width, 3)
    if frames.shape != expected or frames.dtype != np.uint8:
        raise BackendError(
            f"shot {shot.key}: {shot.model} returned {frames.dtype} {frames.shape}. It must return uint8 {expected}."
        )
    brightness, contrast, flicker = _measured(frames)
    if MIN_MEAN_LUMA <= brightness <= MAX_MEAN_LUMA and contrast >= MIN_CONTRAST and flicker <= MAX_FLICKER:
        return
    raise BackendError(
        f"shot {shot.key}: blank or noise (of 255: brightness {brightness:.0f}, contrast {contrast:.1f}, "
        f"flicker {flicker:.0f}). Choose another seed or palette for {shot.look.scene!r}; "
        f"if all takes fail, check {shot.model} and the device."
    )


def _measured(frames: Frames) -> tuple[float, float, float]:
    """Return mean luma, its standard deviation over all frames, and its mean change per frame, 0..255.

    Frame by frame: a long take in float would need gigabytes.
    """
    sums, squares, changes = 0.0, 0.0, 0.0
    before = None
    for picture in frames:
        luma = picture @ LUMA
        sums += float(luma.mean())
        squares += float(np.square(luma).mean())
        changes += 0.0 if before is None else float(np.abs(luma - before).mean())
        before = luma
    mean = sums / len(frames)
    return mean, max(squares / len(frames) - mean**2, 0.0) ** 0.5, changes / max(len(frames) - 1, 1)


def _generate_into(store: Store, model: VideoModel, shot: Shot) -> Take:
    return generate_shot(shot, model, store)
