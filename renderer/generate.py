"""Makes the take of every distinct shot: the only stage that needs a GPU."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from renderer.artifacts import Shot, Take
from renderer.backends import Frames, Inputs, LatentVideoModel, SoundingVideoModel, VideoModel
from renderer.backends.video_models import Place, load_video_model, video_model_facts
from renderer.engine import Engine, Outcome
from renderer.errors import BackendError, OutOfMemory
from renderer.fidelity import LEAST_FIDELITY, fidelity
from renderer.media import SOUND_RATE, TAKE_THREADS, write_take, write_wav
from renderer.meter import Meter
from renderer.shot_inputs import inputs_of, rgba
from renderer.store import Store
from renderer.take_sound import finished, why_unusable

log = logging.getLogger(__name__)

MAX_TAKES = 3  # of one shot whose product morphs
# On a GPU, of one worker: one is denoised, one decoded, one judged and encoded to a file. A fourth would only wait,
# and each that waits behind the denoising holds a take, up to 1 GB of uint8 (1080 x 1920, 160 frames).
AT_ONCE = 3
# Models that make a take faster than a core encodes it: as many as keep the cores busy.
QUICK_S, MOST_AT_ONCE = 1.0, 8
MAX_SEED = 2**63

MIN_MEAN_LUMA, MAX_MEAN_LUMA = 4.0, 251.0  # of 255: outside of them a picture is black or white
MIN_CONTRAST = 1.0  # standard deviation in code values over the whole take; a quiet gradient has 10 or more
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # BT.709
EVERY = 4  # pixel in each direction is enough to tell
MAX_FLICKER = 24.0  # mean change of luma per frame; noise has 80, the liveliest backdrop 6


def generate(shots: Iterable[Shot], store: Store, engine: Engine, place: Place) -> Iterator[Outcome[Shot, Take]]:
    """Make every take that is not in the store yet.

    Shots of one model follow each other, within them those with the same adapters, and within these those of one size
    and length, so that no worker loads or compiles twice. A shot that goes on where the take of another ends waits for
    the next round, and fails where there is no such take. Within `with engine:` the rounds share their workers.
    """
    waiting: dict[str, Shot] = {}
    for shot in shots:
        if shot.key in waiting:
            continue
        if (take := store.get_record(record_key(shot), Take)) is not None:
            yield Outcome(shot, take, None, False, 0.0)
        else:
            waiting[shot.key] = shot
    failed: dict[str, Outcome[Shot, Take]] = {}
    while waiting:
        ready = [shot for shot in waiting.values() if continued_key(shot) not in waiting]
        assert ready, "the key of a shot holds the key of the one that it continues, so none can wait for itself"
        for shot in ready:
            del waiting[shot.key]
        for outcome in _round(ready, failed, store, engine, place):
            if outcome.error is not None:
                failed[outcome.item.key] = outcome
            yield outcome


def _round(
    shots: Iterable[Shot], failed: Mapping[str, Outcome[Shot, Take]], store: Store, engine: Engine, place: Place
) -> Iterator[Outcome[Shot, Take]]:
    """Make takes of which none needs another; those whose beginning has failed fail as it did."""
    possible = []
    for shot in shots:
        if (first := failed.get(continued_key(shot))) is None:
            possible.append(shot)
        else:
            error = f"shot {shot.key}: cannot go on where {first.item.key} ends, which was not made. {first.error}"
            yield Outcome(shot, None, error, first.retryable, 0.0)
    for model, group in groupby(sorted(possible, key=_warmth), key=lambda shot: shot.model):
        setup = partial(_set_up, model, place)
        yield from engine.map(partial(_generate_into, store), group, setup, partial(_at_once, model, place))


def continued_key(shot: Shot) -> str:
    """Return the key of the shot whose take this one goes on, or an empty text."""
    if shot.footage is None or shot.footage.use != "extend":
        return ""
    return PurePosixPath(shot.footage.object).stem


def _warmth(shot: Shot) -> tuple[object, ...]:
    """What a worker has to load, compile or denoise for a shot and may have for the next one, the dearest first."""
    return (
        shot.model,
        [adapter.model_dump_json() for adapter in shot.adapters],
        shot.approximations,
        shot.width,
        shot.height,
        shot.num_frames,
        shot.shared_prompt,
        shot.seed if shot.shared_steps else 0,
    )


def generate_shot(shot: Shot, model: VideoModel, store: Store, meter: Meter | None = None) -> Take:
    """Make one take and store it, the record last.

    A take whose product morphs is taken again with the next seed, a few times; the most faithful one is kept.
    Sound that is of no use is left out with a warning. `meter` is that of a worker that is at several shots at once.

    Raises:
        BackendError: the model cannot do the shot, or returned what nobody wants to see.
        StoreError: a picture or clip is absent, or the take cannot be written.
        MediaError: a picture or clip cannot be read.
    """
    meter = meter or Meter()
    with meter.running() as seconds_spent:
        take = _take_of(shot, model, store)
        seconds = round(seconds_spent(), 3)
    take = take.model_copy(update={"seconds_spent": seconds, "gpu_seconds": seconds if meter.on_gpu else 0.0})
    store.put_record(record_key(shot), take)
    return take


def _take_of(shot: Shot, model: VideoModel, store: Store) -> Take:
    """Make the files of a take and return what its record will say, but for the time it took."""
    if shot.sounds and not isinstance(model, SoundingVideoModel):
        raise BackendError(f"shot {shot.key}: {shot.model} makes no sound. Remove 'sound: true'.")
    inputs = inputs_of(shot, store)
    best = max(_tries(shot, inputs, model, store), key=lambda one: 1.0 if one.fidelity is None else one.fidelity)
    key = f"takes/{shot.key}.mp4"
    with tempfile.TemporaryDirectory(prefix="adloom-take-") as folder:
        path = Path(folder) / "take.mp4"
        write_take(path, best.frames, shot.frame_rate)
        store.put_file(key, path)
    sound = put_sound(shot.model_copy(update={"seed": best.seed}), inputs, model, store)
    return Take(
        key=shot.key,
        object=key,
        width=shot.width,
        height=shot.height,
        num_frames=len(best.frames),
        frame_rate=shot.frame_rate,
        stand=shot.layout.stand,
        loops=shot.look.loop,
        decoded_in_tiles=best.in_tiles,
        fidelity=best.fidelity,
        seed=best.seed,
        sound=sound,
        seconds_spent=0.0,
    )


@dataclass(frozen=True)
class Try:
    """Frames of a shot, and how they came about."""

    frames: Frames
    in_tiles: bool
    fidelity: float | None
    seed: int


def _tries(shot: Shot, inputs: Inputs, model: VideoModel, store: Store) -> Iterator[Try]:
    """Yield takes of a shot until its product is faithful."""
    for number in range(MAX_TAKES):
        same = shot if number == 0 else shot.model_copy(update={"seed": (shot.seed + number) % MAX_SEED})
        frames, in_tiles = frames_of(same, inputs, model, store)
        refuse_unusable(shot, frames)
        share = _fidelity(shot, frames, store)
        yield Try(frames, in_tiles, share, same.seed)
        if share is None or share >= LEAST_FIDELITY:
            return
        log.warning("%s: %.0f %% of the product is left. Taking it again.", shot.key, 100 * share)


def frames_of(shot: Shot, inputs: Inputs, model: VideoModel, store: Store) -> tuple[Frames, bool]:
    """Return the frames of a shot, and whether decoding them needed tiles.

    What a card has denoised is kept before it is decoded: a decode that runs out of memory, or a worker that dies in
    it, does not cost the denoising.

    Raises:
        BackendError: the model cannot do the shot.
    """
    if not isinstance(model, LatentVideoModel):
        return model.generate(shot, inputs), False
    latents = latents_of(shot, inputs, model, store)
    try:
        return model.decode(shot, latents, in_tiles=False), False
    except OutOfMemory as error:
        log.warning("%s: %s Decoding in tiles.", shot.key, error)
    return model.decode(shot, latents, in_tiles=True), True


def latents_of(shot: Shot, inputs: Inputs, model: LatentVideoModel, store: Store) -> bytes:
    """Return the finished latents of a shot, from the store if they are there.

    Raises:
        BackendError: the model cannot do the shot.
    """
    key = f"latents/{shot.key}-{shot.seed}.safetensors"
    latents = store.get_bytes(key)
    if latents is None:
        latents = model.denoise(shot, inputs)
        store.put_bytes(key, latents)
    return latents


def put_sound(shot: Shot, inputs: Inputs, model: VideoModel, store: Store) -> str | None:
    """Store the sound of a shot and return its key; None where the shot asks for none, or it cannot be used.

    Raises:
        BackendError: the model cannot do the shot.
    """
    if not (shot.sounds and isinstance(model, SoundingVideoModel)):
        return None
    made = model.sound(shot, latents_of(shot, inputs, model, store))
    samples = finished(made.samples, made.sample_rate, shot.duration_s)
    if reason := why_unusable(samples):
        log.warning("%s: its sound is left out, as %s.", shot.key, reason)
        return None
    key = f"takes/{shot.key}.wav"
    with tempfile.TemporaryDirectory(prefix="adloom-take-") as folder:
        path = Path(folder) / "take.wav"
        write_wav(path, samples, SOUND_RATE)
        store.put_file(key, path)
    return key


def _fidelity(shot: Shot, frames: Frames, store: Store) -> float | None:
    """Judge a product that the model drew; one whose pixels are kept, or that is not in the shot, needs no judging."""
    if shot.image_sha256 is None or shot.keeps_product:
        return None
    share = fidelity(frames, rgba(shot.image_sha256, store))
    return None if share is None else round(share, 3)


def record_key(shot: Shot) -> str:
    """Return where the record of a shot's take lies in the store."""
    return f"takes/{shot.key}.json"


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
        luma = picture[::EVERY, ::EVERY] @ LUMA
        sums += float(luma.mean())
        squares += float(np.square(luma).mean())
        changes += 0.0 if before is None else float(np.abs(luma - before).mean())
        before = luma
    mean = sums / len(frames)
    return mean, max(squares / len(frames) - mean**2, 0.0) ** 0.5, changes / max(len(frames) - 1, 1)


def _at_once(model: str, place: Place) -> int:
    """Return how many shots a worker is at. On a CPU they would want the same cores, and only cost memory.

    Workers are asked, not whoever hands out the shots: that machine may have no GPU, and need not load torch.
    """
    if not place.has_gpu():
        return 1
    if video_model_facts(model).gpu_seconds_per_shot > QUICK_S:
        return AT_ONCE
    return min(max(place.threads() // TAKE_THREADS, AT_ONCE), MOST_AT_ONCE)


class Studio(NamedTuple):
    """What a worker has: the model, and the meter that runs while it is used."""

    model: VideoModel
    meter: Meter


def _set_up(model: str, place: Place) -> Studio:
    return Studio(load_video_model(model, place), Meter(on_gpu=place.has_gpu()))


def _generate_into(store: Store, studio: Studio, shot: Shot) -> Take:
    return generate_shot(shot, studio.model, store, studio.meter)
