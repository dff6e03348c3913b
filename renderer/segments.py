"""Reuses finished parts of films: a part that another ad draws just so is copied packet by packet, not drawn again.

Parts are encoded one by one, each into closed groups of pictures, so a copied part is exactly the part that would have
been encoded. Its key is a digest of everything that is drawn in it, pixels and times, so nothing can be forgotten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from renderer.artifacts import Record
from renderer.errors import StoreError
from renderer.media import Encoding, Stretch, drawn, write_picture
from renderer.picture.canvas import Layer
from renderer.picture.ground import Footage
from renderer.picture.show import Show
from renderer.picture.timeline import DISSOLVE_FRAMES, Part
from renderer.store import Store
from renderer.versions import CODE_VERSIONS

IN_PARTS = {"parts", "backdrops", "end_veil", "behind", "appearances", "layers", "placed"}  # the rest is in every key


class Segment(Record):
    """Where a finished part lies: frames [first, last) of a film in the store."""

    object: str
    first: int
    last: int


def stretches(show: Show, keys: Sequence[str], encoding: Encoding, store: Store, folder: Path) -> list[Stretch]:
    """Return the film of each part in order, found in the store or made now below `folder`.

    Raises:
        MediaError: the encoder refused.
    """
    found = [_find(key, store) for key in keys]
    missing = [part for part, stretch in zip(show.parts, found, strict=True) if stretch is None]
    trays = show.trays()
    draws = (partial(show.draw, number, trays) for part in missing for number in range(part.first, part.last))
    with drawn(draws, encoding) as pictures:
        for number, part in enumerate(show.parts):
            if found[number] is None:
                stretch = Stretch(folder / f"part{number}.mp4", 0, part.num_frames)
                write_picture(stretch.path, islice(pictures, part.num_frames), encoding)
                found[number] = stretch
    return [stretch for stretch in found if stretch is not None]


def remember(show: Show, keys: Sequence[str], film: str, store: Store) -> None:
    """Tell later ads that the parts of this one lie in `film`, an object of the store."""
    for key, part in zip(keys, show.parts, strict=True):
        store.put_record(f"segments/{key}.json", Segment(object=film, first=part.first, last=part.last))


def segment_keys(show: Show, encoding: Encoding) -> list[str]:
    """Return a key for each part: equal where the same frames at the same times are encoded in the same way."""
    common = replace(encoding, title=""), CODE_VERSIONS["compose"]
    return [_digest((common, _drawn(show, number))) for number in range(len(show.parts))]


def _drawn(show: Show, number: int) -> Iterator[object]:
    """Everything that the frames of a part depend on, in the order in which it is drawn."""
    part = show.parts[number]
    yield part.first, part.last
    yield from (getattr(show, field.name) for field in fields(show) if field.name not in IN_PARTS)
    for index in range(max(number - 1, 0), number + 1):  # the part before dissolves into this one
        backdrop = min(index, len(show.backdrops) - 1)
        yield show.parts[backdrop].first, show.backdrops[backdrop]
        if index != backdrop:
            yield show.end_veil
    yield from _seen(show.behind, part)
    for appearance in show.appearances:
        if appearance.first < part.last and part.first < appearance.last + DISSOLVE_FRAMES:
            yield appearance
    yield from _seen(show.layers, part)


def _seen(layers: Sequence[Layer], part: Part) -> Iterator[Layer]:
    yield from (layer for layer in layers if layer.first < part.last and part.first < layer.last)


def _find(key: str, store: Store) -> Stretch | None:
    segment = store.get_record(f"segments/{key}.json", Segment)
    if segment is None:
        return None
    try:
        return Stretch(store.local(segment.object), segment.first, segment.last)
    except StoreError:
        return None  # the film was removed: it is drawn again


def _digest(facts: object) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for piece in _pieces(facts):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(fact: object) -> Iterator[bytes | memoryview]:
    """The bytes of a fact: arrays with their shape, records field by field, takes by their name in the store."""
    if isinstance(fact, np.ndarray):
        yield f"{fact.dtype}{fact.shape}".encode()
        yield np.ascontiguousarray(fact).data
    elif isinstance(fact, Footage) and fact.name:
        yield f"{fact.name} {len(fact.frames)} {fact.frame_rate} {fact.loops} {fact.seat}".encode()
    elif is_dataclass(fact):
        yield type(fact).__name__.encode()
        for field in fields(fact):
            yield from _pieces(getattr(fact, field.name))
    elif isinstance(fact, (tuple, list, Iterator)):
        for piece in fact:
            yield from _pieces(piece)
        yield b";"
    elif fact is None or isinstance(fact, (str, int, float, np.generic)):
        yield f"{fact!r};".encode()
    else:
        raise TypeError(f"{type(fact).__name__} has no place in a key: nothing says whether two of them are equal.")
