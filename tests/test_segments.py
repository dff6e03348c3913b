"""What another ad draws just so is copied, and nobody can tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from renderer.compose import compose_variant, encoding_of, staged
from renderer.errors import MediaError
from renderer.media import Encoding, Planes, Stretch, copies, drawn, encode_sound, join, read_take, write_picture
from renderer.picture.ground import Trays
from renderer.picture.show import Show
from renderer.picture.typography import Typesetter
from renderer.run_records import RunContext, VariantPlan
from renderer.segments import Segment, segment_keys
from renderer.store import Store, open_store
from test_compose import filled, one_of

ENCODING = Encoding(64, 48, 10)
SILENCE = np.zeros((48_000, 2), np.float32)


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    return Typesetter()


def ready(folder: Path) -> tuple[VariantPlan, RunContext, Store]:
    """One variant with everything it needs in a store of its own."""
    folder.mkdir(exist_ok=True)
    store = open_store(f"file://{folder / 'store'}", folder / "cache")
    variants, context = filled(folder, store)
    return one_of(variants, "de-DE", "story_9x16"), context, store


def cheaper(plan: VariantPlan) -> VariantPlan:
    """The same ad with another price of the same size in its second scene."""
    opening, offer = plan.variant.scenes
    scenes = (opening, offer.model_copy(update={"badge": offer.badge.replace("5", "3")}))
    return plan.model_copy(
        update={"variant": plan.variant.model_copy(update={"scenes": scenes}), "creative_key": "another"}
    )


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note which frames are drawn."""
    numbers: list[int] = []
    draw = Show.draw

    def noting(show: Show, number: int, trays: Trays, frame: Planes) -> None:
        numbers.append(number)
        draw(show, number, trays, frame)

    monkeypatch.setattr(Show, "draw", noting)
    return numbers


def noise(num_frames: int, seed: int) -> list[Planes]:
    """Frames that are hard to encode."""
    random = np.random.default_rng(seed)
    return [
        Planes(*(random.integers(16, 235, size, np.uint8) for size in ((48, 64), (24, 32), (24, 32))))
        for _ in range(num_frames)
    ]


def test_an_ad_of_copied_parts_is_the_ad_that_would_have_been_drawn(
    tmp_path: Path, typesetter: Typesetter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the scene that differs is drawn; file and poster are those of a store without the first ad, byte for byte."""
    plan, context, store = ready(tmp_path / "one")
    first = compose_variant(plan, context, store, typesetter)
    other = cheaper(plan)
    numbers = counted(monkeypatch)
    copied = compose_variant(other, context, store, typesetter)
    only_drawn = sorted(set(numbers))
    _, _, fresh_store = ready(tmp_path / "two")
    fresh = compose_variant(other, context, fresh_store, typesetter)

    scene = staged(other, context, store, typesetter).show.parts[1]
    assert len(only_drawn) == scene.num_frames + 1, "the poster and the scene with the price"
    assert only_drawn[1:] == list(range(scene.first, scene.last))
    assert store.get_bytes(copied.object) == fresh_store.get_bytes(fresh.object)
    assert store.get_bytes(copied.poster) == fresh_store.get_bytes(fresh.poster)
    before, after = read_take(store.local(first.object)), read_take(store.local(copied.object))
    outside = [number for number in range(len(before)) if not scene.first <= number < scene.last]
    assert (before[outside] == after[outside]).all()
    assert (before[scene.first : scene.last] != after[scene.first : scene.last]).any()


def test_other_music_needs_no_drawing(tmp_path: Path, typesetter: Typesetter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame is the same, only the poster is drawn, and the sound is another."""
    plan, context, store = ready(tmp_path)
    first = compose_variant(plan, context, store, typesetter)
    music = plan.variant.music.model_copy(update={"seed": 99})
    variant = plan.variant.model_copy(update={"music": music})
    numbers = counted(monkeypatch)

    other = compose_variant(
        plan.model_copy(update={"variant": variant, "creative_key": "another"}), context, store, typesetter
    )

    assert len(numbers) == 1
    assert other.sha256 != first.sha256
    assert (read_take(store.local(other.object)) == read_take(store.local(first.object))).all()


def test_a_film_that_was_removed_is_drawn_again(tmp_path: Path, typesetter: Typesetter) -> None:
    """A record that leads nowhere costs time, not the ad."""
    plan, context, store = ready(tmp_path)
    first = compose_variant(plan, context, store, typesetter)
    encoding = encoding_of(context.formats[plan.variant.format])
    keys = segment_keys(staged(plan, context, store, typesetter).show, encoding)
    segments = [store.get_record(f"segments/{key}.json", Segment) for key in keys]
    assert [segment.object for segment in segments if segment] == [first.object] * 3
    for key, segment in zip(keys, segments, strict=True):
        assert segment is not None
        store.put_record(f"segments/{key}.json", segment.model_copy(update={"object": "creatives/gone.mp4"}))

    again = compose_variant(plan.model_copy(update={"creative_key": "another"}), context, store, typesetter)

    assert again.sha256 == first.sha256


def test_whatever_is_drawn_is_in_the_key(tmp_path: Path, typesetter: Typesetter) -> None:
    """A layer that moves by a pixel, a longer take, another veil or another encoder setting: another key where it shows."""
    plan, context, store = ready(tmp_path)
    show = staged(plan, context, store, typesetter).show
    encoding = Encoding(show.width, show.height, show.frame_rate)
    keys = segment_keys(show, encoding)
    late = next(number for number, layer in enumerate(show.layers) if show.parts[-1].first <= layer.first)
    layers = list(show.layers)
    layers[late] = replace(layers[late], x=layers[late].x + 1)
    moved = replace(show, layers=layers)
    assert show.end_veil is not None
    veiled = replace(show, end_veil=replace(show.end_veil, strength=0.5))
    slower = replace(show.backdrops[0], duration_s=show.backdrops[0].duration_s + 1)

    assert segment_keys(staged(plan, context, store, typesetter).show, encoding) == keys
    assert segment_keys(show, replace(encoding, title="another")) == keys
    assert changed(keys, segment_keys(moved, encoding)) == [False, False, True]
    assert changed(keys, segment_keys(veiled, encoding)) == [False, False, True]
    assert changed(keys, segment_keys(replace(show, backdrops=[slower, *show.backdrops[1:]]), encoding)) == [
        True, True, False,
    ]  # fmt: skip
    assert changed(keys, segment_keys(show, replace(encoding, crf=21))) == [True] * 3
    wiped = replace(show, transition=replace(show.transition, kind="wipe"))
    assert changed(keys, segment_keys(wiped, encoding)) == [True] * 3


def test_what_cannot_be_compared_is_refused(tmp_path: Path, typesetter: Typesetter) -> None:
    """A layer that holds a function would have another key each time, or the same key for another picture."""
    plan, context, store = ready(tmp_path)
    show = staged(plan, context, store, typesetter).show
    odd = replace(show.layers[0], entrance=lambda: None)

    with pytest.raises(TypeError, match="function has no place in a key"):
        segment_keys(replace(show, layers=[odd]), Encoding(show.width, show.height, show.frame_rate))


def changed(before: list[str], after: list[str]) -> list[bool]:
    """Which keys differ."""
    return [one != other for one, other in zip(before, after, strict=True)]


def write(path: Path, frames: list[Planes], encoding: Encoding) -> None:
    """A film without sound."""
    with drawn(copies(frames), encoding) as pictures:
        write_picture(path, pictures, encoding)


def test_copied_frames_are_those_of_their_films(tmp_path: Path) -> None:
    """Joined in another order and out of the middle of a film, every frame arrives as it was."""
    for number, length in enumerate((7, 12, 5)):
        write(tmp_path / f"{number}.mp4", noise(length, number), ENCODING)
    whole = [Stretch(tmp_path / f"{number}.mp4", 0, length) for number, length in enumerate((7, 12, 5))]
    join(tmp_path / "film.mp4", whole, encode_sound(SILENCE), ENCODING)
    join(tmp_path / "again.mp4", [whole[2], Stretch(tmp_path / "film.mp4", 7, 19)], encode_sound(SILENCE), ENCODING)
    frames = [read_take(stretch.path) for stretch in whole]

    assert (read_take(tmp_path / "film.mp4") == np.concatenate(frames)).all()
    assert (read_take(tmp_path / "again.mp4") == np.concatenate([frames[2], frames[1]])).all()


def test_stretches_that_cannot_be_copied_are_refused(tmp_path: Path) -> None:
    """A stretch that begins between key frames, and one of another size."""
    write(tmp_path / "film.mp4", noise(8, 0), ENCODING)
    write(tmp_path / "large.mp4", [Planes(*(np.tile(p, (2, 2)) for p in noise(1, 0)[0]))], Encoding(128, 96, 10))
    film, large = Stretch(tmp_path / "film.mp4", 0, 8), Stretch(tmp_path / "large.mp4", 0, 1)

    for stretches in ([replace(film, first=3)], [film, large], [replace(film, last=9)]):
        with pytest.raises(MediaError, match="cannot be copied from frame"):
            join(tmp_path / "joined.mp4", stretches, encode_sound(SILENCE), ENCODING)
    assert not (tmp_path / "joined.mp4").exists()
