"""Shots find the pictures and clips that they start from."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from catalog import Look
from renderer.artifacts import Footage, Layout, Shot, Stand
from renderer.errors import BackendError, StoreError
from renderer.media import write_take
from renderer.shot_inputs import inputs_of
from renderer.store import Store, open_store


@pytest.fixture
def store(tmp_path) -> Store:
    return open_store(f"file://{tmp_path}")


def shot(**changes: object) -> Shot:
    facts: dict[str, object] = {
        "key": "shot-1", "model": "m", "revision": "r", "prompt": "", "negative_prompt": "", "image_sha256": None,
        "look": Look(scene="mist", palette=("#26262B", "#8A8A92", "#F0F0F2")), "width": 320, "height": 480,
        "num_frames": 9, "frame_rate": 8.0, "num_inference_steps": 2, "guidance_scale": 1.0, "seed": 1,
    }  # fmt: skip
    return Shot.model_validate(facts | changes)


def put_bottle(store: Store) -> None:
    """A green bottle of 100 x 300 pixels with room around it."""
    picture = np.zeros((400, 300, 4), np.uint8)
    picture[50:350, 100:200] = (40, 160, 60, 255)
    store.put_bytes("images/bottle.png", cv2.imencode(".png", picture)[1].tobytes())


def test_a_shot_without_pictures_starts_from_nothing(store: Store) -> None:
    """A shot that names no picture gets none."""
    inputs = inputs_of(shot(), store)

    assert (inputs.image, inputs.last_image, inputs.clip, inputs.mask) == (None, None, None, None)


def test_a_kept_product_stands_on_its_floor(store: Store) -> None:
    """The product's foot comes to the layout's stand at the stand's width; only its own pixels are kept."""
    put_bottle(store)
    layout = Layout(stand=Stand(x=0.6, y=0.8, width=0.2))

    inputs = inputs_of(shot(image_sha256="bottle", keeps_product=True, layout=layout), store)

    assert inputs.image is not None
    assert inputs.mask is not None
    assert inputs.image.shape == (1, 480, 320, 3)
    rows, columns = np.nonzero(inputs.mask[0] == 0)
    assert rows.max() + 1 == pytest.approx(0.8 * 480, abs=1)
    assert (columns.min() + columns.max() + 1) / 2 == pytest.approx(0.6 * 320, abs=1)
    assert columns.max() - columns.min() == pytest.approx(0.2 * 320, abs=2)
    kept = inputs.image[0][inputs.mask[0] == 0]
    assert np.abs(kept.astype(int) - (60, 160, 40)).max() <= 2


def test_a_product_is_kept_only_where_it_can_stand(store: Store) -> None:
    """Without a place in the layout there is nothing to keep, and the sentence says what is missing."""
    put_bottle(store)

    with pytest.raises(BackendError, match="in_place"):
        inputs_of(shot(image_sha256="bottle", keeps_product=True), store)


def test_clips_and_last_pictures_are_read(store: Store, tmp_path) -> None:
    """A clip to go on from and a picture to end with come along, whatever their size."""
    put_bottle(store)
    clip = np.full((5, 64, 48, 3), 120, np.uint8)
    write_take(tmp_path / "clip.mp4", clip, 8.0)
    store.put_file("clips/one.mp4", tmp_path / "clip.mp4")

    inputs = inputs_of(shot(footage=Footage(object="clips/one.mp4", use="extend"), last_image_sha256="bottle"), store)

    assert inputs.clip is not None
    assert inputs.clip.shape == clip.shape
    assert inputs.last_image is not None
    assert inputs.last_image.shape == (1, 400, 300, 3)


def test_a_missing_clip_is_named(store: Store) -> None:
    """A clip that is not in the store is named."""
    with pytest.raises(StoreError, match=r"clips/gone\.mp4"):
        inputs_of(shot(footage=Footage(object="clips/gone.mp4", use="restyle")), store)


def test_a_broken_picture_is_named(store: Store) -> None:
    """A file that is no picture is named by its place in the store."""
    store.put_bytes("images/bad.png", b"no picture")

    with pytest.raises(BackendError, match=r"images/bad\.png: not an RGBA picture"):
        inputs_of(shot(image_sha256="bad"), store)
