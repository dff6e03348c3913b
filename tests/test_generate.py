"""Takes are made once, stored whole, and never blank."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from catalog import Look
from renderer.artifacts import Footage, Layout, Shot, Stand, Take
from renderer.backends import Frames, Inputs, Sound
from renderer.backends.backdrop import REVISION
from renderer.backends.video_models import VIDEO_MODELS, Place
from renderer.engine import Engine, InlineEngine, Outcome
from renderer.errors import BackendError, OutOfMemory, StoreError
from renderer.generate import AT_ONCE, Studio, generate, generate_shot, refuse_unusable
from renderer.local_engine import LocalEngine
from renderer.media import read_stereo, read_take
from renderer.meter import Meter
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

    outcomes = list(generate([shot("shot-1"), shot("shot-2"), shot("shot-2")], store, InlineEngine(), Place("cpu")))

    assert [(outcome.item.key, outcome.error) for outcome in outcomes] == [("shot-1", None), ("shot-2", None)]
    assert outcomes[0].value == stored
    assert store.exists("takes/shot-2.mp4")


def test_one_bad_shot_leaves_the_others(store: Store) -> None:
    """A shot that the model refuses becomes an error in words; its neighbours are made."""
    look = Look(scene="desert", palette=("#000000", "#777777", "#FFFFFF"))

    outcomes = list(generate([shot("bad", look=look), shot("good")], store, InlineEngine(), Place("cpu")))
    errors = {outcome.item.key: outcome.error for outcome in outcomes}

    assert errors["good"] is None
    assert "no scene 'desert'" in str(errors["bad"])
    assert not store.exists("takes/bad.json")


def test_unknown_model_fails_its_shots_only(store: Store) -> None:
    """Shots of a model that does not exist fail with the names of those that do."""
    outcomes = list(generate([shot("a", model="sora"), shot("b")], store, InlineEngine(), Place("cpu")))
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


class Latent(Gradient):
    """A model in two halves. The first `dying` decodes of a whole clip run out of memory."""

    def __init__(self, dying: int = 0, crash: bool = False) -> None:
        super().__init__()
        self.dying, self.crash = dying, crash
        self.decoded: list[bool] = []

    def denoise(self, shot: Shot, inputs: Inputs) -> bytes:
        self.asked.append((shot.key, inputs))
        return shot.key.encode()

    def decode(self, shot: Shot, latents: bytes, *, in_tiles: bool) -> Frames:
        assert latents == shot.key.encode()
        self.decoded.append(in_tiles)
        if self.crash:
            raise RuntimeError("the worker fell over")
        if not in_tiles and len(self.decoded) <= self.dying:
            raise OutOfMemory(f"shot {shot.key}: 80 GB are too little.")
        return gradient(shot)


def test_a_decode_without_memory_is_tried_smaller(store: Store) -> None:
    """A decode that runs out of memory is repeated in tiles, from the same latents; the record says so."""
    model = Latent(dying=1)

    take = generate_shot(shot(), model, store)

    assert model.decoded == [False, True]
    assert len(model.asked) == 1
    assert take.decoded_in_tiles


def test_what_was_denoised_is_not_denoised_again(store: Store) -> None:
    """A worker that falls over while decoding costs no denoising: the next one begins with the latents in the store."""
    first, second = Latent(crash=True), Latent()
    with pytest.raises(RuntimeError):
        generate_shot(shot(), first, store)

    take = generate_shot(shot(), second, store)

    assert len(first.asked) == 1
    assert second.asked == []
    assert not take.decoded_in_tiles


class Sounding(Latent):
    """A model that hums in mono at 24 kHz, a little shorter than the take, times `gain`."""

    def __init__(self, gain: float = 0.1) -> None:
        super().__init__()
        self.gain = gain

    def sound(self, shot: Shot, latents: bytes) -> Sound:
        assert latents == shot.key.encode()
        seconds = np.arange(round((shot.duration_s - 0.02) * 24_000)) / 24_000
        hum = self.gain * np.sin(2 * np.pi * 440 * seconds)
        return Sound(hum[:, None].clip(-1, 1).astype(np.float32), 24_000)


def test_a_take_that_sounds_has_a_file_beside_it(store: Store) -> None:
    """Stereo at 48 kHz and as long as the picture, from latents that are denoised once; named in the record."""
    model = Sounding()

    take = generate_shot(shot(sounds=True), model, store)

    samples, rate = read_stereo(store.local("takes/shot-1.wav"))
    assert take.sound == "takes/shot-1.wav"
    assert (rate, samples.shape) == (48_000, (6 * 48_000, 2))
    assert np.abs(samples).max() == pytest.approx(0.1, abs=0.001)
    assert len(model.asked) == 1


def test_a_take_that_need_not_sound_has_none(store: Store) -> None:
    """The same model is not asked for sound."""
    assert generate_shot(shot(), Sounding(), store).sound is None
    assert not store.exists("takes/shot-1.wav")


@pytest.mark.parametrize(("gain", "reason"), [(0.0, "silent"), (np.nan, "numbers that are none"), (9.0, "clipped")])
def test_sound_of_no_use_costs_no_take(store: Store, caplog, gain: float, reason: str) -> None:
    """The picture is kept, and the log says what was wrong with the sound."""
    take = generate_shot(shot(sounds=True), Sounding(gain), store)

    assert take == store.get_record("takes/shot-1.json", Take)
    assert take.sound is None
    assert not store.exists("takes/shot-1.wav")
    assert "shot-1: its sound is left out, as " in caplog.text
    assert reason in caplog.text


def test_a_silent_model_is_not_asked_for_sound(store: Store) -> None:
    """Planning refuses it; where it comes this far, nothing is denoised in vain."""
    model = Latent()
    with pytest.raises(BackendError, match=r"shot-1: backdrop makes no sound\. Remove 'sound: true'\."):
        generate_shot(shot(sounds=True), model, store)

    assert model.asked == []


def put_product(store: Store, key: str = "abc") -> np.ndarray:
    """A card with letters on it, RGBA 200 x 160."""
    card = np.full((200, 160, 4), 255, np.uint8)
    rng = np.random.default_rng(3)
    for row in range(6):
        word = "".join(rng.choice(list("ABCDEFGHKMNPRSTXYZ"), 6))
        cv2.putText(card, word, (6, 28 + 30 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (20, 40, 90, 255), 2)
    store.put_bytes(f"images/{key}.png", cv2.imencode(".png", card[..., [2, 1, 0, 3]])[1].tobytes())
    return card


class Morphing(Gradient):
    """Shows the product in every frame; with even seeds it melts on the way."""

    def __init__(self, always: bool = False) -> None:
        super().__init__()
        self.seeds: list[int] = []
        self.always = always

    def generate(self, shot: Shot, inputs: Inputs) -> Frames:
        self.seeds.append(shot.seed)
        assert inputs.image is not None
        frames = np.full((shot.num_frames, shot.height, shot.width, 3), 190, np.uint8)
        for number, frame in enumerate(frames):
            card = inputs.image[0]
            if self.always or shot.seed % 2 == 0:
                card = cv2.GaussianBlur(card, (0, 0), 0.1 + 6 * number / shot.num_frames)
            frame[20:220, 20 + number // 4 : 180 + number // 4] = card
        return frames


def drawn_product(**changes: object) -> Shot:
    return shot(image_sha256="abc", width=256, height=256, num_frames=24, **changes)


def test_a_product_that_melts_is_taken_again(store: Store) -> None:
    """A take in which the product loses its features is made again with the next seed, and that one is kept."""
    put_product(store)
    model = Morphing()

    take = generate_shot(drawn_product(seed=4), model, store)

    assert model.seeds == [4, 5]
    assert take.seed == 5
    assert take.fidelity is not None
    assert take.fidelity > 0.7


def test_a_product_that_always_melts_is_reported(store: Store) -> None:
    """After three takes the most faithful one is kept, and its fidelity tells."""
    put_product(store)
    model = Morphing(always=True)

    take = generate_shot(drawn_product(seed=2**63 - 1), model, store)

    assert model.seeds == [2**63 - 1, 0, 1]
    assert take.fidelity is not None
    assert take.fidelity < 0.45


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
    """A shot whose picture is not in the store says which object it misses, before any model works."""
    model = Gradient()

    with pytest.raises(StoreError, match=r"images/abc\.png"):
        generate_shot(shot(image_sha256="abc"), model, store)

    assert model.asked == []


class Mirroring:
    """A model that goes on with the last picture of a clip, mirrored, and fails where the prompt says so."""

    def __init__(self, device: str) -> None:
        self.device = device

    def generate(self, shot: Shot, inputs: Inputs) -> Frames:
        if shot.prompt == "fail":
            raise BackendError(f"shot {shot.key}: is impossible. Ask for another.")
        if inputs.clip is None:
            return gradient(shot)
        return np.repeat(inputs.clip[-1:, :, ::-1], shot.num_frames, 0)


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> list[Shot]:
    """Three shots of which each goes on where the one before ends; the last come first and are warmest."""
    facts = replace(VIDEO_MODELS["backdrop"], loader=f"{__name__}:Mirroring")
    monkeypatch.setitem(VIDEO_MODELS, "mirroring", facts)
    shots = [shot("a", model="mirroring", num_frames=12)]
    for key, num_frames in (("b", 11), ("c", 10)):
        footage = Footage(object=f"takes/{shots[-1].key}.mp4", use="extend")
        shots.append(shot(key, model="mirroring", num_frames=num_frames, footage=footage))
    return shots


def test_a_take_that_goes_on_is_made_after_its_beginning(store: Store, chain: list[Shot]) -> None:
    """Whatever the order they are asked for in, and though all are missing, each begins with the one before."""
    outcomes = list(generate(reversed(chain), store, InlineEngine(), Place("cpu")))
    a, b, c = (read_take(store.local(f"takes/{key}.mp4"))[0].astype(int) for key in "abc")

    assert [(outcome.item.key, outcome.error) for outcome in outcomes] == [("a", None), ("b", None), ("c", None)]
    assert np.abs(b - a[:, ::-1]).max() <= 4
    assert np.abs(c - a).max() <= 6


def test_a_take_whose_beginning_is_there_needs_no_round_of_its_own(store: Store, chain: list[Shot]) -> None:
    """Only what is missing is made."""
    generate_shot(chain[0], Mirroring("cpu"), store)

    outcomes = list(generate([chain[1]], store, InlineEngine(), Place("cpu")))

    assert [(outcome.item.key, outcome.error) for outcome in outcomes] == [("b", None)]


def test_a_take_fails_with_its_beginning(store: Store, chain: list[Shot]) -> None:
    """The sentence names the take that is absent and why; shots that need none of it are made."""
    chain[0] = chain[0].model_copy(update={"prompt": "fail"})
    alone = shot("alone", model="mirroring")

    outcomes = list(generate([*chain, alone], store, InlineEngine(), Place("cpu")))
    errors = {outcome.item.key: outcome.error for outcome in outcomes}

    assert errors["alone"] is None
    assert errors["b"] == (
        "shot b: cannot go on where a ends, which was not made. shot a: is impossible. Ask for another."
    )
    assert str(errors["c"]).startswith("shot c: cannot go on where b ends, which was not made. shot b: cannot go on")
    assert not any(outcome.retryable for outcome in outcomes)


def test_shots_that_share_follow_each_other(store: Store, chain: list[Shot]) -> None:
    """Approximations need loading, so they come before shared steps, which are kept from one shot to the next."""
    quick = {"model": "mirroring", "approximations": ("fp8_linear",)}
    shared = {"model": "mirroring", "shared_prompt": "silk", "shared_steps": 1}
    asked = [
        shot("a1", **shared, seed=1), shot("q1", **quick), shot("b1", **shared, seed=2), shot("p1", model="mirroring"),
        shot("a2", **shared, seed=1), shot("q2", **quick), shot("b2", **shared, seed=2), shot("p2", model="mirroring"),
    ]  # fmt: skip

    outcomes = list(generate(asked, store, InlineEngine(), Place("cpu")))

    assert [outcome.item.key for outcome in outcomes] == ["p1", "p2", "a1", "a2", "b1", "b2", "q1", "q2"]


def test_a_clip_to_paint_anew_is_waited_for_by_nobody(store: Store, chain: list[Shot]) -> None:
    """It lies in the store before the run begins."""
    write = generate_shot(chain[0], Mirroring("cpu"), store)
    anew = shot("d", model="mirroring", footage=Footage(object=write.object, use="restyle"))

    assert [None] == [outcome.error for outcome in generate([anew], store, InlineEngine(), Place("cpu"))]


def test_a_cpu_costs_no_gpu(store: Store, chain: list[Shot]) -> None:
    """The take says how long it took; nobody pays for a GPU that was not there."""
    made = [outcome.value for outcome in generate(chain[:1], store, InlineEngine(), Place("cpu"))]

    assert [(True, 0.0)] == [(take.seconds_spent > 0, take.gpu_seconds) for take in made if take]


class WithModel:
    """An engine whose workers build another model than they are told, and are at as many shots as told here."""

    def __init__(self, engine: Engine, setup: Callable[[], object], at_once: int = 1) -> None:
        self.engine, self.setup, self.at_once = engine, setup, at_once

    def map(self, work: Callable, items: Iterable, setup: Callable, at_once: object) -> Iterator[Outcome]:
        """See `Engine.map`."""
        return self.engine.map(work, items, partial(in_studio, self.setup), self.at_once)


def in_studio(build: Callable) -> Studio:
    return Studio(build(), Meter())


class Patient(Latent):
    """Decodes one shot only when it denoises another."""

    def __init__(self) -> None:
        super().__init__()
        self.number = itertools.count()
        self.second = threading.Event()

    def denoise(self, shot: Shot, inputs: Inputs) -> bytes:
        if next(self.number) == 1:
            self.second.set()
        return super().denoise(shot, inputs)

    def decode(self, shot: Shot, latents: bytes, *, in_tiles: bool) -> Frames:
        assert self.second.wait(60), "nothing was denoised beside this decode"
        return super().decode(shot, latents, in_tiles=in_tiles)


def test_one_shot_is_denoised_while_another_is_decoded(store: Store) -> None:
    """A worker that may be at two shots does not let the GPU wait for the file of the first."""
    engine = WithModel(LocalEngine(1), Patient, at_once=2)

    outcomes = list(generate([shot("a"), shot("b")], store, engine, Place("cpu")))

    assert {"a": None, "b": None} == {outcome.item.key: outcome.error for outcome in outcomes}
    assert gradient(shot()).shape == read_take(store.local("takes/b.mp4")).shape


class Asked(InlineEngine):
    """Remembers at how many shots a worker here would be."""

    def map(self, work: Callable, items: Iterable, setup: Callable, at_once: Callable[[], int]) -> Iterator[Outcome]:
        """See `Engine.map`."""
        self.at_once = at_once()
        return super().map(work, items, setup)


def test_without_a_gpu_shots_are_made_one_after_the_other(store: Store, chain: list[Shot]) -> None:
    """On a CPU all work wants the same cores: a second shot beside the first would only cost memory."""
    torch = pytest.importorskip("torch")
    asked = {}
    for device in ("cpu", "auto"):
        engine = Asked()
        assert [None] == [outcome.error for outcome in generate(chain[:1], store, engine, Place(device))]
        asked[device] = engine.at_once
        store.objects.folder.joinpath("takes/a.json").unlink()

    assert asked["cpu"] == 1
    assert (asked["auto"] >= AT_ONCE) == torch.cuda.is_available()


class Noted(Mirroring):
    """Leaves a note where it is loaded."""

    def __init__(self, folder: Path) -> None:
        super().__init__("cpu")
        (folder / str(os.getpid())).touch()


@pytest.mark.parametrize(("kept", "loads"), [(True, 1), (False, 3)], ids=["kept", "not kept"])
def test_a_chain_of_takes_loads_its_model_once(
    store: Store, chain: list[Shot], tmp_path: Path, kept: bool, loads: int
) -> None:
    """Each link waits for the one before; within `with engine:` all are made by the same worker."""
    folder = tmp_path / "loads"
    folder.mkdir()
    engine = LocalEngine(1)

    with engine if kept else nullcontext():
        with_model = WithModel(engine, partial(Noted, folder))
        outcomes = list(generate(chain, store, with_model, Place("cpu")))

    assert [("a", None), ("b", None), ("c", None)] == [(outcome.item.key, outcome.error) for outcome in outcomes]
    assert loads == len(list(folder.iterdir()))
