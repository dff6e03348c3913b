"""Takes are made once, stored whole, and never blank."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from catalog import Look
from renderer.artifacts import Layout, Shot, Stand, Take
from renderer.backends import Frames, Inputs
from renderer.backends.backdrop import REVISION
from renderer.engine import InlineEngine
from renderer.errors import BackendError, StoreError
from renderer.generate import generate, generate_shot, product_picture, refuse_unusable
from renderer.media import read_take
from renderer.store import Store, open_store


def shot(key: str = "shot-1", **changes: object) -> Shot:
    look = Look(scene="mist", palette=("#26262B", "#8A8A92", "#F0F0F2"))
    facts: dict[str, object] = {
        "key": key,
        "model": "backdrop",
        "revision": REVISION,
        "look": look,
        "prompt": "",
        "negative_prompt": "",
        "image_sha256": None,
        "width": 32,
        "height": 64,
        "num_frames": 96,
        "frame_rate": 16.0,
        "num_inference_steps": 2,
        "guidance_scale": 1.0,
        "seed": 1,
    }
    return Shot.model_validate(facts | changes)


def gradient(shot: Shot) -> Frames:
    row = np.linspace(40, 200, shot.width).astype(np.uint8)
    return np.broadcast_to(row[None, None, :, None], (shot.num_frames, shot.height, shot.width, 3)).copy()


class Gradient:
    """A video model that needs no weights: a grey ramp. It remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Inputs]] = []

    def generate(self, shot: Shot, inputs: Inputs) -> Frames:
        self.asked.append((shot.key, inputs))
        return gradient(shot)


@pytest.fixture
def store(tmp_path) -> Store:
    return open_store(f"file://{tmp_path}")


def test_take_is_stored_with_its_record(store: Store) -> None:
    """The video has the frames of the model, and the record says so."""
    take = generate_shot(shot(), Gradient(), store)

    frames = read_take(store.local(take.object))

    assert take == store.get_record("takes/shot-1.json", Take)
    assert (take.width, take.height, take.num_frames, take.frame_rate) == (32, 64, 96, 16.0)
    assert frames.shape == (96, 64, 32, 3)
    assert np.abs(frames.astype(int) - gradient(shot())).max() <= 3


def test_a_take_knows_its_floor_and_whether_it_loops(store: Store) -> None:
    """What composing must know of the shot stands in the record of the take."""
    stand = Stand(x=0.5, y=0.8, width=0.3)
    look = shot().look.model_copy(update={"loop": True})

    take = generate_shot(shot(look=look, layout=Layout(stand=stand)), Gradient(), store)

    assert take.stand == stand
    assert take.loops
    assert generate_shot(shot("plain"), Gradient(), store).stand is None


def test_batch_makes_only_what_is_missing(store: Store) -> None:
    """A take in the store is returned without a model; a shot that is named twice is made once."""
    stored = generate_shot(shot("shot-1"), Gradient(), store)

    outcomes = list(generate([shot("shot-1"), shot("shot-2"), shot("shot-2")], store, InlineEngine(), "cpu"))

    assert [(outcome.item.key, outcome.error) for outcome in outcomes] == [("shot-1", None), ("shot-2", None)]
    assert outcomes[0].value == stored
    assert store.exists("takes/shot-2.mp4")


def test_one_bad_shot_leaves_the_others(store: Store) -> None:
    """A shot that the model refuses becomes an error in words; its neighbours are made."""
    look = Look(scene="desert", palette=("#000000", "#777777", "#FFFFFF"))

    outcomes = list(generate([shot("bad", look=look), shot("good")], store, InlineEngine(), "cpu"))
    errors = {outcome.item.key: outcome.error for outcome in outcomes}

    assert errors["good"] is None
    assert "no scene 'desert'" in str(errors["bad"])
    assert not store.exists("takes/bad.json")


def test_unknown_model_fails_its_shots_only(store: Store) -> None:
    """Shots of a model that does not exist fail with the names of those that do."""
    outcomes = list(generate([shot("a", model="sora"), shot("b")], store, InlineEngine(), "cpu"))
    errors = {outcome.item.key: outcome.error for outcome in outcomes}

    assert errors["b"] is None
    assert "Choose one of: backdrop" in str(errors["a"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda frames: frames * 0,
        lambda frames: frames * 0 + 255,
        lambda frames: frames * 0 + 128,
        lambda frames: np.random.default_rng(0).integers(0, 256, frames.shape, np.uint8),
    ],
    ids=["black", "white", "flat", "noise"],
)
def test_failures_of_a_model_are_refused(spoil) -> None:
    """Black, white, one flat colour and noise are no takes."""
    with pytest.raises(BackendError, match="blank or noise"):
        refuse_unusable(shot(), spoil(gradient(shot())))


def test_wrong_shape_is_refused() -> None:
    """A model that returns fewer frames than asked for is told what it must return."""
    with pytest.raises(BackendError, match=r"It must return uint8 \(96, 64, 32, 3\)"):
        refuse_unusable(shot(), gradient(shot())[:8])


def test_product_picture_reaches_the_model(store: Store) -> None:
    """A shot that shows the product gets its picture, on white, red first."""
    picture = np.zeros((4, 6, 4), np.uint8)
    picture[:, :3] = (0, 0, 255, 255)  # opaque red, as OpenCV orders it
    store.put_bytes("images/abc.png", cv2.imencode(".png", picture)[1].tobytes())
    model = Gradient()

    generate_shot(shot(image_sha256="abc"), model, store)
    image = model.asked[0][1].image

    assert image is not None
    assert image.shape == (1, 4, 6, 3)
    assert image[0, 0, 0].tolist() == [255, 0, 0]
    assert image[0, 0, 5].tolist() == [255, 255, 255]


def test_missing_product_picture_is_named(store: Store) -> None:
    """A shot whose picture is not in the store says which object it misses."""
    with pytest.raises(StoreError, match=r"images/abc\.png"):
        product_picture(shot(image_sha256="abc"), store)
