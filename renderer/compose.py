"""Makes the finished ad of one variant: take, product, words, captions, speech and music become one file.

* compose_variant       one variant: an MP4, WebVTT, SRT, TTML and a poster in the store, and the record that names them
* compose               a batch through the engine
"""

from __future__ import annotations

import ctypes
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from catalog import EndCard, Format, Scene, Variant
from catalog.spoken import shown_text
from renderer.artifacts import Creative, CueSheet, Record, Speech, Take
from renderer.digest import file_sha256
from renderer.engine import Engine, Outcome
from renderer.errors import MediaError, StoreError
from renderer.media import Encoding, Frames, Packets, encode_sound, join, read_stereo, read_take, read_wav
from renderer.picture.canvas import to_rgb
from renderer.picture.frame import Frame
from renderer.picture.ground import Footage, straight_speed
from renderer.picture.lettering import Pen
from renderer.picture.packshot import read_product
from renderer.picture.seat import Seat
from renderer.picture.show import Show
from renderer.picture.staging import Assets, stage
from renderer.picture.styles import STYLES
from renderer.picture.timeline import DISSOLVE_FRAMES, Part, cues_of, parts_of, seen_frames
from renderer.picture.typography import Typesetter
from renderer.run_records import RunContext, VariantPlan
from renderer.segments import remember, segment_keys, stretches
from renderer.sound import Placement, TakeSound, beats, mix
from renderer.sound_cues import heard_in, with_sounds
from renderer.store import Store
from renderer.subtitles import write_srt, write_ttml, write_webvtt

R = TypeVar("R", bound=Record)
Sheets = Sequence[CueSheet | None]

POSTER_AT = 0.62  # of the first scene: everything has arrived, nothing leaves yet
POSTER_QUALITY = 90
LEAST_GROWN_S = 0.05  # less is only a line that ends between two frames
TAKES_KEPT, TAKE_BYTES_KEPT = 3, 48_000_000  # decoded, by each worker; 96 frames of 288x512 are 42 MB
M_MMAP_THRESHOLD, FRAME_BYTES = -3, 2_000_000  # malloc.h: from how many bytes on an allocation is a mapping
EDGE_S = 0.02  # in which the sound of a take begins and ends where no other scene is


def compose(
    planned: Iterable[VariantPlan], context: RunContext, store: Store, engine: Engine, font_folders: Sequence[Path] = ()
) -> Iterator[Outcome[VariantPlan, Creative]]:
    """Make the ads of a batch, whichever are not in the store yet."""
    return engine.map(partial(_compose, context, store), planned, partial(_setup, tuple(font_folders)))


def compose_variant(
    planned: VariantPlan, context: RunContext, store: Store, typesetter: Typesetter | None = None
) -> Creative:
    """Return the finished ad of one variant, made now unless the store has it.

    The same plan, fonts and machine give the same bytes.

    Raises:
        MediaError: a text does not fit or cannot be drawn, the ad is too long, or a picture is broken.
        StoreError: the store failed, or lacks a take, recording, cue sheet or picture.
    """
    record_key = f"creatives/{planned.creative_key}.json"
    done = store.get_record(record_key, Creative)
    if done is not None:
        return done
    format, locale = context.formats[planned.variant.format], context.locales[planned.variant.locale]
    material = _gathered(planned, context, store)
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(1, thread_name_prefix="beside") as beside,  # the picture, which takes longest
    ):
        path = Path(folder) / "creative.mp4"
        sound = beside.submit(_sound, planned, material, store, format)
        ad = _laid_out(planned, material, context, store, typesetter or Typesetter())
        poster = beside.submit(_write_poster, ad.show, path, planned)
        encoding = encoding_of(format, f"{planned.variant.id} ({locale.tag})")
        keys = segment_keys(ad.show, encoding)
        pictures = stretches(ad.show, keys, encoding, store, Path(folder))
        join(path, pictures, sound.result(), encoding)
        poster.result()
        cues = cues_of(ad.told, material.parts, format.frame_rate)
        write_webvtt(path.with_suffix(".vtt"), cues)
        write_srt(path.with_suffix(".srt"), cues)
        write_ttml(path.with_suffix(".ttml"), cues, locale, format)
        creative = _creative(planned, ad.show, material.parts, material.speeches, path)
        for name in (creative.object, creative.webvtt, creative.srt, creative.ttml, creative.poster):
            store.put_file(name, path.with_suffix(Path(name).suffix))
    store.put_record(record_key, creative)
    remember(ad.show, keys, creative.object, store)
    return creative


@dataclass(frozen=True)
class Material:
    """What an ad is made of: the records of its takes, recordings and captions, and what comes when."""

    takes: Sequence[Take]
    speeches: Sequence[Speech | None]
    sheets: Sheets
    parts: Sequence[Part]


@dataclass(frozen=True)
class Staged:
    """One ad laid out; `told` are the captions of the files beside it."""

    show: Show
    told: Sheets


def staged(planned: VariantPlan, context: RunContext, store: Store, typesetter: Typesetter) -> Staged:
    """Lay out one ad without drawing it.

    Raises:
        MediaError: as `compose_variant`.
        StoreError: as `compose_variant`.
    """
    return _laid_out(planned, _gathered(planned, context, store), context, store, typesetter)


def _gathered(planned: VariantPlan, context: RunContext, store: Store) -> Material:
    takes = [_record(store, f"takes/{shot}.json", Take) for shot in planned.shots]
    speeches = [_record(store, f"speech/{line}.json", Speech) if line else None for line in planned.lines]
    sheets = [_record(store, f"cues/{key}.json", CueSheet) if key else None for key in planned.cues]
    return Material(takes, speeches, sheets, parts_of(planned, speeches, context.formats[planned.variant.format]))


def _laid_out(
    planned: VariantPlan, material: Material, context: RunContext, store: Store, typesetter: Typesetter
) -> Staged:
    format, locale = context.formats[planned.variant.format], context.locales[planned.variant.locale]
    parts, style = material.parts, STYLES[planned.variant.style]
    told, burnt = _captions(planned, material, context)
    beat_times = beats(planned.variant.music, parts[-1].last / format.frame_rate)
    assets = _assets(planned, material.takes, burnt, beat_times, context, store)
    frame = Frame(format, is_rtl=locale.direction == "rtl", starts_at_margin=style.align == "start")
    pen = Pen(typesetter, context.brand, locale, frame, planned.variant.id, style, planned.variant.title)
    return Staged(stage(planned, parts, assets, pen), told)


def encoding_of(format: Format, title: str = "") -> Encoding:
    """Return how creatives of a format are encoded."""
    size = format.width, format.height, format.frame_rate
    return Encoding(*size, crf=format.crf, max_mbps=format.max_mbps, title=title)


def tune_process() -> None:
    """Prepare a process that does nothing but compose."""
    cv2.setNumThreads(1)  # the engine runs one process per core; OpenCV's own threads would only wait for each other
    # Frames of 2 MB and more go back to the system when they are freed. Left alone, glibc soon keeps them in pools
    # of each thread, where an ad holds 70 MB that nobody uses. Other C libraries have no such call, nor such pools.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, FRAME_BYTES)


def _setup(font_folders: tuple[Path, ...]) -> Typesetter:
    tune_process()
    return Typesetter(font_folders)


def _compose(context: RunContext, store: Store, typesetter: Typesetter, planned: VariantPlan) -> Creative:
    return compose_variant(planned, context, store, typesetter)


def _frames(take: Take, store: Store) -> Frames:
    """Neighbouring variants of a batch show the same takes: small ones stay decoded."""
    path = store.local(take.object)
    is_small = 3 * take.width * take.height * take.num_frames <= TAKE_BYTES_KEPT
    return _kept_frames(path) if is_small else read_take(path)


@lru_cache(maxsize=TAKES_KEPT)
def _kept_frames(path: Path) -> Frames:
    return read_take(path)


def _assets(
    planned: VariantPlan,
    takes: Sequence[Take],
    sheets: Sheets,
    beat_times: Sequence[float],
    context: RunContext,
    store: Store,
) -> Assets:
    variant = planned.variant
    distinct = {take.key: take for take in takes}  # scenes may share one: it is decoded once
    with ThreadPoolExecutor(len(distinct), thread_name_prefix="takes") as threads:
        frames = dict(zip(distinct, threads.map(partial(_frames, store=store), distinct.values()), strict=True))
    footage = [Footage(frames[take.key], take.frame_rate, take.loops, Seat(take.stand), take.object) for take in takes]
    product: NDArray[np.float32] | None = None
    if any(scene.product != "none" for scene in variant.scenes):
        product = read_product(store.local(f"images/{variant.image_sha256}.png"), variant.has_cutout, variant.id)
    logo = store.get_bytes(context.brand.logo)
    if logo is None:
        raise StoreError(f"{variant.id}: {context.brand.logo} is not in the store. Run expand again.")
    more = [
        (read_product(store.local(f"images/{one.sha256}.png"), one.has_cutout, variant.id), one.has_cutout)
        for one in variant.more_images
    ]
    return Assets(footage, product, logo, sheets, more, beat_times)


def _captions(planned: VariantPlan, material: Material, context: RunContext) -> tuple[Sheets, Sheets]:
    """Return the cues that are told in the files beside the ad, and those that are burned in."""
    variant, sheets = planned.variant, material.sheets
    wish, rules = variant.captions, context.locales[variant.locale].captions
    told = sheets
    if wish.kind == "captions":
        heard = heard_in(variant, [take.sound is not None for take in material.takes], rules)
        told = with_sounds(sheets, material.parts, heard, rules, context.formats[variant.format].frame_rate)
    if not wish.burn_in:
        return told, [None] * len(sheets)
    return told, told if wish.burn_in_sounds else sheets


def _take_sounds(material: Material, store: Store, frame_rate: int) -> list[TakeSound]:
    """What is heard of takes, each for as long as its picture is seen; the end card has none."""
    sounds = []
    dissolve_s, num_takes = DISSOLVE_FRAMES / frame_rate, len(material.takes)
    for number, (take, part) in enumerate(zip(material.takes, material.parts, strict=False)):
        if take.sound is None:
            continue
        is_last = number == len(material.parts) - 1
        seen_s = seen_frames(material.parts, number, num_takes) / frame_rate
        samples, _ = read_stereo(store.local(take.sound))
        sounds.append(
            TakeSound(
                start_s=part.first / frame_rate,
                end_s=part.last / frame_rate + (0.0 if is_last else dissolve_s),
                samples=samples,
                speed=straight_speed(take.num_frames, take.frame_rate, take.loops, seen_s),
                fade_in_s=dissolve_s if number else EDGE_S,
                fade_out_s=EDGE_S if is_last else dissolve_s,
            )
        )
    return sounds


def _sound(planned: VariantPlan, material: Material, store: Store, format: Format) -> Packets:
    """The whole mix at the format's loudness, encoded."""
    voices = []
    for part, speech in zip(material.parts, material.speeches, strict=True):
        if speech is not None and speech.object:
            samples, rate = read_wav(store.local(speech.object))
            voices.append(Placement(part.speech_s, samples, rate))
    takes = _take_sounds(material, store, format.frame_rate)
    music, duration_s = planned.variant.music, material.parts[-1].last / format.frame_rate
    track = read_stereo(store.local(music.file))[0] if music.file else None
    return encode_sound(mix(voices, music, duration_s, format.loudness_lufs, format.peak_dbtp, takes, track))


def _write_poster(show: Show, path: Path, planned: VariantPlan) -> None:
    """Write a frame as a JPEG beside the film."""
    rgb = to_rgb(show.frame(int(POSTER_AT * show.parts[0].num_frames)))
    if not cv2.imwrite(str(path.with_suffix(".jpg")), rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, POSTER_QUALITY]):
        raise MediaError(f"{planned.variant.id}: the poster cannot be written. Look for a full disk.")


def _creative(
    planned: VariantPlan, show: Show, parts: Sequence[Part], speeches: Sequence[Speech | None], path: Path
) -> Creative:
    """Name the files by their content too: what another machine began, and encoded differently, is never mixed in."""
    sha256 = file_sha256(path)
    key = f"creatives/{planned.creative_key}-{sha256[:12]}"
    return Creative(
        key=planned.creative_key,
        variant_id=planned.variant.id,
        object=f"{key}.mp4",
        webvtt=f"{key}.vtt",
        srt=f"{key}.srt",
        ttml=f"{key}.ttml",
        poster=f"{key}.jpg",
        sha256=sha256,
        size_bytes=path.stat().st_size,
        width=show.width,
        height=show.height,
        num_frames=show.num_frames,
        frame_rate=show.frame_rate,
        placed=show.placed,
        voices=tuple(dict.fromkeys(speech.voice for speech in speeches if speech and speech.object)),
        narration=" ".join(_said(planned.variant, speeches)),
        paces=tuple(
            f"{part.name} {_pace(speech)}"
            for part, speech in zip(parts, speeches, strict=True)
            if speech and (speech.tempo > 1 or speech.text)
        ),
        grown=tuple(f"{part.name} by {part.grown_s:.1f} s" for part in parts if part.grown_s >= LEAST_GROWN_S),
        departures=tuple(dict.fromkeys(speech.departure for speech in speeches if speech and speech.departure)),
    )


def _said(variant: Variant, speeches: Sequence[Speech | None]) -> Iterator[str]:
    """Yield what each part says, or shows where nobody speaks, as it is written."""
    parts: list[Scene | EndCard] = [*variant.scenes, *filter(None, (variant.end_card,))]
    for part, speech in zip(parts, speeches, strict=True):
        if speech is not None:
            yield shown_text(speech.text or part.narration)


def _pace(speech: Speech) -> str:
    """Say how a line was made to fit."""
    faster = f"{speech.tempo:.2f} times as fast" if speech.tempo > 1 else ""
    return " and ".join(filter(None, (speech.text and "in its shorter words", faster)))


def _record(store: Store, key: str, kind: type[R]) -> R:
    record = store.get_record(key, kind)
    if record is None:
        raise StoreError(f"{key}: is not in the store. Run the stage that makes it again.")
    return record
