"""One variant becomes one film with everything beside it, and the same input the same bytes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from campaign_folder import CAMPAIGN, COPY, FACTS, planned, write_campaign, write_packshot
from catalog import Music
from catalog.campaign import Light
from catalog.caption_rules import caption_rules
from catalog.formats import read_formats
from catalog.products import MoreImage
from renderer.artifacts import CheckJob, Creative, Cue, CueSheet, Shot, Speech, Take, Word
from renderer.check import check_creative
from renderer.compose import compose, compose_variant
from renderer.compose import staged as staged_ad
from renderer.digest import file_sha256
from renderer.engine import InlineEngine
from renderer.errors import MediaError, StoreError
from renderer.media import Planes, read_take, write_take, write_wav
from renderer.picture.canvas import to_rgb, yuv_of
from renderer.picture.captions import caption_style
from renderer.picture.frame import Box, Frame
from renderer.picture.ground import Footage
from renderer.picture.layout import Size
from renderer.picture.lettering import Pen
from renderer.picture.packshot import Pose, packshot, read_product
from renderer.picture.seat import Seat
from renderer.picture.show import Appearance, Show, Turn
from renderer.picture.staging import Assets, stage
from renderer.picture.styles import STYLES
from renderer.picture.timeline import DISSOLVE_FRAMES, parts_of
from renderer.picture.transition import Transition
from renderer.picture.typography import Typesetter
from renderer.run_records import RunContext, VariantPlan
from renderer.shot_inputs import placed
from renderer.store import Store, open_store
from renderer.subtitles import read_webvtt

FRAME_RATE = 10
SHRINK = 3  # formats of a third of the size, so that a film is made in a second
RED = (200, 60, 40)


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    return Typesetter()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"file://{tmp_path / 'store'}")


def small(context: RunContext) -> RunContext:
    """The same run with small frames."""
    formats = {}
    for name, format in context.formats.items():
        area = format.safe_area
        margins = {side: getattr(area, side) // SHRINK for side in ("top", "right", "bottom", "left")}
        size = {"width": format.width // SHRINK, "height": format.height // SHRINK, "frame_rate": FRAME_RATE}
        size["min_duration_s"] = 1
        formats[name] = format.model_copy(update={**size, "safe_area": area.model_copy(update=margins)})
    brand = context.brand.model_copy(update={"logo": "brand/logo.svg"})
    return context.model_copy(update={"formats": formats, "brand": brand})


def filled(folder: Path, store: Store, campaign: str = CAMPAIGN) -> tuple[list[VariantPlan], RunContext]:
    """Put everything that the stages before make into the store; return the plans and their run."""
    write_campaign(folder, campaign=campaign)
    sha256 = file_sha256(folder / "cup.png")
    plan = planned(folder)
    variants = [
        one.model_copy(update={"variant": one.variant.model_copy(update={"image_sha256": sha256})})
        for one in plan.variants
    ]
    store.put_file(f"images/{sha256}.png", folder / "cup.png")
    store.put_file("brand/logo.svg", folder / "logo.svg")
    for number, key in enumerate(plan.shots):
        frames = (
            np.random.default_rng(number).integers(20, 120, (8, 4, 3, 3)).repeat(16, 1).repeat(12, 2).astype(np.uint8)
        )
        write_take(folder / "take.mp4", frames, 5.0)
        store.put_file(f"takes/{key}.mp4", folder / "take.mp4")
        take = Take(
            key=key, object=f"takes/{key}.mp4", width=36, height=64, num_frames=8, frame_rate=5.0, seconds_spent=1
        )
        store.put_record(f"takes/{key}.json", take)
    for key in plan.lines:
        write_wav(folder / "line.wav", np.full(24_000, 0.1, np.float32), 24_000)
        store.put_file(f"speech/{key}.wav", folder / "line.wav")
        spoken = Speech(
            key=key, object=f"speech/{key}.wav", sample_rate=24_000, duration_ms=1000, grade="natural", words=()
        )
        store.put_record(f"speech/{key}.json", spoken)
    words = (Word(text="Holds", start_ms=0, end_ms=400), Word(text="it", start_ms=400, end_ms=900))
    for key in plan.captions:
        sheet = CueSheet(key=key, cues=(Cue(start_ms=0, end_ms=900, lines=("Holds it",), words=words),))
        store.put_record(f"cues/{key}.json", sheet)
    return variants, small(plan.context)


def one_of(variants: list[VariantPlan], locale: str, format: str) -> VariantPlan:
    return next(one for one in variants if (one.variant.locale, one.variant.format) == (locale, format))


def loudness_of(film: Path) -> np.ndarray:
    """Root mean square of what is heard in every tenth of a second."""
    with av.open(str(film)) as container:
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    whole = heard[:, : heard.shape[1] // 4800 * 4800]
    return np.sqrt(np.mean(whole.reshape(2, -1, 4800) ** 2, axis=(0, 2)))


@pytest.mark.parametrize("sounding", [0, 1], ids=["first scene", "last scene"])
def test_a_take_is_heard_under_its_scene(tmp_path: Path, store: Store, typesetter: Typesetter, sounding: int) -> None:
    """From its first frame until it has dissolved into what follows; the scene without sound and the card are silent."""
    silent = re.sub(" +narration: .*\n", "", CAMPAIGN) + "music: {mood: none}\n"
    variants, context = filled(tmp_path, store, silent)
    plan = one_of(variants, "de-DE", "story_9x16")
    take = store.get_record(f"takes/{plan.shots[sounding]}.json", Take)
    noise = np.random.default_rng(0).standard_normal((76_800, 2)).astype(np.float32)
    write_wav(tmp_path / "take.wav", 0.1 * noise, 48_000)
    store.put_file("takes/heard.wav", tmp_path / "take.wav")
    store.put_record(f"takes/{take.key}.json", take.model_copy(update={"sound": "takes/heard.wav"}))

    levels = loudness_of(store.local(compose_variant(plan, context, store, typesetter).object))

    first, last = (0, 20) if sounding == 0 else (20, 40)  # tenths of a second, as long as frames
    until = last + DISSOLVE_FRAMES
    assert levels[: max(first - 1, 0)].max(initial=0) < 1e-3
    assert levels[first + 2 : last].min() > 0.02
    assert levels[until + 1 :].max() < 1e-3
    assert levels[last - 1] > levels[until - 2]


def test_an_ad_with_its_own_music_plays_it(tmp_path: Path, store: Store, typesetter: Typesetter) -> None:
    """From the store, at the format's loudness, to the end and no longer."""
    silent = re.sub(" +narration: .*\n", "", CAMPAIGN)
    variants, context = filled(tmp_path, store, silent)
    plan = one_of(variants, "de-DE", "story_9x16")
    hum = np.sin(np.arange(5 * 48_000) / 30)[:, None].repeat(2, 1).astype(np.float32)
    write_wav(tmp_path / "bed.wav", 0.3 * hum, 48_000)
    store.put_file("music/own.wav", tmp_path / "bed.wav")
    own = plan.variant.model_copy(update={"music": Music(file="music/own.wav", licence="ours")})

    creative = compose_variant(plan.model_copy(update={"variant": own}), context, store, typesetter)

    levels = loudness_of(store.local(creative.object))
    assert levels[: int(10 * creative.duration_s) - 20].min() > 0.05
    assert levels[int(10 * creative.duration_s) - 1] < 0.05


def test_a_line_that_is_only_shown_takes_its_time_and_makes_no_sound(
    tmp_path: Path, store: Store, typesetter: Typesetter
) -> None:
    """As long as reading it takes; the record says who speaks and why somebody does not."""
    variants, context = filled(tmp_path, store, CAMPAIGN + "music: {mood: none}\n")
    plan = one_of(variants, "de-DE", "story_9x16")
    spoken = compose_variant(plan, context, store, typesetter)
    for key in filter(None, plan.lines):
        speech = store.get_record(f"speech/{key}.json", Speech)
        shown = {"object": "", "voice": "", "duration_ms": 3000, "departure": "x:y is a draft voice."}
        store.put_record(f"speech/{key}.json", speech.model_copy(update=shown))
    silent = compose_variant(plan.model_copy(update={"creative_key": "other"}), context, store, typesetter)

    assert silent.duration_s > spoken.duration_s
    assert loudness_of(store.local(spoken.object)).max() > 0.01
    assert loudness_of(store.local(silent.object)).max() < 1e-3
    assert (silent.voices, silent.departures) == ((), ("x:y is a draft voice.",))


def test_the_record_tells_how_speech_was_made_to_fit(tmp_path: Path, store: Store, typesetter: Typesetter) -> None:
    """What was said faster or in shorter words, which scene grew and by how much, and the words themselves."""
    variants, context = filled(tmp_path, store)
    plan = one_of(variants, "de-DE", "story_9x16")
    hero, offer = (store.get_record(f"speech/{key}.json", Speech) for key in plan.lines[:2])
    store.put_record(f"speech/{hero.key}.json", hero.model_copy(update={"text": "Kurz.", "tempo": 1.125}))
    store.put_record(f"speech/{offer.key}.json", offer.model_copy(update={"duration_ms": 2400}))

    creative = compose_variant(plan, context, store, typesetter)

    assert creative.paces == ("scene hero in its shorter words and 1.12 times as fast",)
    assert creative.grown == ("scene offer by 1.0 s",)
    assert creative.narration == "Kurz. Jetzt 9,50\xa0€"


def test_a_variant_becomes_a_film(tmp_path: Path, store: Store, typesetter: Typesetter) -> None:
    """The record describes the file that is there: frames, size, hash, sidecars, poster, and what stands where."""
    variants, context = filled(tmp_path, store)
    plan = one_of(variants, "de-DE", "story_9x16")

    creative = compose_variant(plan, context, store, typesetter)

    film = store.local(creative.object)
    frames = read_take(film)
    assert frames.shape == (creative.num_frames, 640, 360, 3)
    assert creative.num_frames == 55
    assert (creative.sha256, creative.size_bytes) == (file_sha256(film), film.stat().st_size)
    assert b"00:00:00.250 --> " in (store.get_bytes(creative.webvtt) or b"")
    assert (store.get_bytes(creative.srt) or b"").startswith(b"1\n00:00:00,250")
    assert (store.get_bytes(creative.ttml) or b"").count(b'begin="00:00:00.250"') == 1
    assert cv2.imread(str(store.local(creative.poster))).shape == (640, 360, 3)
    assert {"headline", "badge", "caption", "product", "logo", "cta"} <= {placed.role for placed in creative.placed}
    assert store.get_record(f"creatives/{plan.creative_key}.json", Creative) == creative


def test_a_film_is_encoded_as_its_format_says(tmp_path: Path, typesetter: Typesetter) -> None:
    """A format that asks for less quality has smaller files."""
    sizes = []
    for crf in (18, 36):
        store = open_store(f"file://{tmp_path / str(crf)}")
        variants, context = filled(tmp_path, store)
        plan = one_of(variants, "de-DE", "square_1x1")
        formats = {name: format.model_copy(update={"crf": crf}) for name, format in context.formats.items()}
        made = compose_variant(plan, context.model_copy(update={"formats": formats}), store, typesetter)
        sizes.append(store.local(made.object).stat().st_size)

    assert sizes[1] < 0.6 * sizes[0]


def test_every_text_is_readable_and_safe(tmp_path: Path, store: Store, typesetter: Typesetter) -> None:
    """In every locale and format: contrast of at least 4.5, inside the safe area, no two texts at one place at once."""
    variants, context = filled(tmp_path, store)
    for locale, format in (("en-US", "square_1x1"), ("ja-JP", "story_9x16")):
        creative = compose_variant(one_of(variants, locale, format), context, store, typesetter)

        texts = [placed for placed in creative.placed if placed.role not in ("product", "logo")]
        boxes = [Box(text.x, text.y, text.width, text.height) for text in texts]
        assert all(text.contrast is not None and text.contrast >= 4.5 for text in texts)
        assert all(box.within(Frame(context.formats[format], False).safe) for box in boxes)
        for number, (one, box) in enumerate(zip(texts, boxes, strict=True)):
            for other, its in list(zip(texts, boxes, strict=True))[number + 1 :]:
                apart = one.last_frame <= other.first_frame or other.last_frame <= one.first_frame
                assert apart or not box.meets(its)


@pytest.mark.parametrize("style", STYLES)
def test_an_ad_of_every_style_passes_the_checks(
    tmp_path: Path, store: Store, typesetter: Typesetter, style: str
) -> None:
    """As a film: texts safe, apart and readable, the right price, nothing black or frozen, not even a warning."""
    variants, context = filled(tmp_path, store, CAMPAIGN + f"style: {style}\n")
    plan = one_of(variants, "de-DE", "story_9x16")
    creative = compose_variant(plan, context, store, typesetter)
    format = context.formats["story_9x16"]
    job = CheckJob(creative=creative, variant=plan.variant, format=format, captions=caption_rules("de"))

    assert {one.check: one.message for one in check_creative(job, store).findings if one.severity != "ok"} == {}


def test_the_same_plan_gives_the_same_bytes(tmp_path: Path, typesetter: Typesetter) -> None:
    """Two stores, one plan, one machine: the films, sidecars and posters are equal byte for byte."""
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        store = open_store(f"file://{tmp_path / name / 'store'}", tmp_path / name / "cache")
        variants, context = filled(tmp_path / name, store)
        creative = compose_variant(one_of(variants, "en-US", "square_1x1"), context, store, typesetter)
        made.append(
            [
                store.get_bytes(key)
                for key in (creative.object, creative.webvtt, creative.srt, creative.ttml, creative.poster)
            ]
        )

    assert made[0] == made[1]


def test_finished_work_is_not_done_again(tmp_path: Path, store: Store) -> None:
    """A record in the store is the answer, even if nothing that it was made of is left."""
    variants, context = filled(tmp_path, store)
    done = Creative(
        key=variants[0].creative_key, variant_id="v", object="o", webvtt="w", srt="s", ttml="t", poster="p", sha256="0",
        size_bytes=1, width=2, height=2, num_frames=3, frame_rate=10, placed=(),
    )  # fmt: skip
    store.put_record(f"creatives/{variants[0].creative_key}.json", done)

    assert compose_variant(variants[0], context, open_store(store_url(tmp_path))) == done


def store_url(tmp_path: Path) -> str:
    return f"file://{tmp_path / 'store'}"


def test_one_failure_does_not_stop_the_batch(tmp_path: Path, store: Store) -> None:
    """A text that no font can draw is reported with its variant; the other variant is finished."""
    variants, context = filled(tmp_path, store)
    good, other = one_of(variants, "en-US", "square_1x1"), one_of(variants, "de-DE", "square_1x1")
    scene = other.variant.scenes[0].model_copy(update={"headline": "𓂀"})
    bad = other.model_copy(
        update={"variant": other.variant.model_copy(update={"scenes": (scene, *other.variant.scenes[1:])})}
    )

    outcomes = {
        outcome.item.variant.locale: outcome for outcome in compose([bad, good], context, store, InlineEngine())
    }

    assert outcomes["en-US"].value is not None
    assert f"{bad.variant.id} headline: no font has '𓂀'" in (outcomes["de-DE"].error or "")
    assert store.get_record(f"creatives/{bad.creative_key}.json", Creative) is None


def test_takes_are_seated_under_the_product(tmp_path: Path, typesetter: Typesetter) -> None:
    """In a wide frame for Arabic the take is mirrored, and its floor lies where the product touches the ground."""
    campaign = CAMPAIGN.replace("[en-US, de-DE, ja-JP]", "[ar-EG]\nprices: feed").replace("square_1x1", "wide_16x9")
    folder = write_campaign(tmp_path, campaign=campaign, copy={"ar": COPY["en"]})
    plan = planned(folder)
    one = one_of(plan.variants, "ar-EG", "wide_16x9")
    context = small(plan.context)
    format, locale = context.formats["wide_16x9"], context.locales["ar-EG"]
    stand = plan.shots[one.shots[0]].layout.stand
    assert stand is not None
    frames = np.random.default_rng(1).integers(20, 90, (2, 36, 64, 3), np.uint8)
    product = read_product(folder / "cup.png", True, "test")
    assets = Assets(
        [Footage(frames, 5.0, seat=Seat(stand))] * 2, product, (folder / "logo.svg").read_bytes(), [None] * 3
    )
    pen = Pen(typesetter, context.brand, locale, Frame(format, is_rtl=True), one.variant.id)

    show = stage(one, parts_of(one, [None] * 3, format), assets, pen)

    box = next(placed for placed in show.placed if placed.role == "product")
    matrix = show.backdrops[0].take.seat.matrix((64, 36), (format.width, format.height))
    x, y = matrix @ [stand.x * 64 - 0.5, stand.y * 36 - 0.5, 1]
    assert matrix[0, 0] < 0
    assert x < format.width / 2
    assert (x, y) == pytest.approx((box.x + box.width / 2, box.y + box.height), abs=6)


def staged(folder: Path, typesetter: Typesetter, mode: str, locale: str, format: str) -> tuple[Show, Shot]:
    """A silent ad of the cup, shown in one way in both scenes, laid out; and its first shot."""
    campaign = CAMPAIGN.replace("[en-US, de-DE, ja-JP]", "[en-US, ar-EG]\nprices: feed")
    campaign = campaign.replace("square_1x1", "square_1x1, wide_16x9").replace("look:", f"product: {mode}\n    look:")
    write_campaign(folder, campaign=campaign, copy={"ar": COPY["en"], "en": COPY["en"]})
    plan = planned(folder, replace(FACTS, abilities=FACTS.abilities | {"background"}))
    one = one_of(plan.variants, locale, format)
    context = small(plan.context)
    shape, place = context.formats[format], context.locales[locale]
    shot = plan.shots[one.shots[0]]
    take = Footage(
        np.random.default_rng(1).integers(20, 90, (2, 36, 64, 3), np.uint8), 5.0, seat=Seat(shot.layout.stand)
    )
    product = read_product(folder / "cup.png", True, "test")
    assets = Assets([take, take], product, (folder / "logo.svg").read_bytes(), [None] * 3)
    pen = Pen(typesetter, context.brand, place, Frame(shape, is_rtl=place.direction == "rtl"), one.variant.id)
    return stage(one, parts_of(one, [None] * 3, shape), assets, pen), shot


@pytest.mark.parametrize("format", ["story_9x16", "wide_16x9"])
def test_a_product_in_place_is_not_drawn_again(tmp_path: Path, typesetter: Typesetter, format: str) -> None:
    """The take is seated and texts are set as for a composited product, which then appears on the end card alone."""
    laid_over, _ = staged(tmp_path / "composite", typesetter, "composite", "en-US", format)
    in_place, _ = staged(tmp_path / "in_place", typesetter, "in_place", "en-US", format)
    end = in_place.parts[-1].first
    texts = [
        [placed for placed in show.placed if placed.first_frame < end and placed.role != "product"]
        for show in (laid_over, in_place)
    ]

    assert any(one.role == "product" and one.first_frame == 0 for one in laid_over.placed)
    assert all(appearance.first >= end for appearance in in_place.appearances)
    assert all(placed.first_frame >= end for placed in in_place.placed if placed.role == "product")
    assert [ground.take.seat for ground in laid_over.backdrops] == [ground.take.seat for ground in in_place.backdrops]
    assert [(one.role, one.x, one.y) for one in texts[0]] == [(one.role, one.x, one.y) for one in texts[1]]


def test_a_product_in_place_is_not_mirrored(tmp_path: Path, typesetter: Typesetter) -> None:
    """For Arabic too the label reads as it is printed, and text keeps to the side where the product is not."""
    show, _ = staged(tmp_path, typesetter, "in_place", "ar-EG", "wide_16x9")

    assert not any(ground.take.seat.mirrored for ground in show.backdrops)


@pytest.mark.parametrize("locale", ["en-US", "ar-EG"])
@pytest.mark.parametrize("format", ["story_9x16", "square_1x1", "wide_16x9"])
def test_texts_keep_clear_of_a_product_in_place(
    tmp_path: Path, store: Store, typesetter: Typesetter, format: str, locale: str
) -> None:
    """No headline lies over the pixels that the shot keeps, wherever the seat of its take brings them."""
    show, shot = staged(tmp_path, typesetter, "in_place", locale, format)
    store.put_file(f"images/{shot.image_sha256}.png", tmp_path / "cup.png")
    kept = (placed(shot, store)[1][0] == 0).astype(np.uint8)
    matrix = show.backdrops[0].take.seat.matrix((shot.width, shot.height), (show.width, show.height))
    shown = cv2.warpAffine(kept, matrix, (show.width, show.height))
    texts = [one for one in show.placed if one.role == "headline" and one.first_frame < show.parts[-1].first]

    assert shown.mean() > 0.03
    assert texts
    assert not any(shown[one.y : one.y + one.height, one.x : one.x + one.width].any() for one in texts)


def test_a_drawn_product_is_not_mirrored(tmp_path: Path, typesetter: Typesetter) -> None:
    """What the model drew keeps its left and right."""
    show, _ = staged(tmp_path, typesetter, "in_shot", "ar-EG", "wide_16x9")

    assert not any(ground.take.seat.mirrored for ground in show.backdrops)


@pytest.mark.parametrize("product", ["none", "in_shot"])
def test_ads_without_a_packshot_are_whole(tmp_path: Path, store: Store, typesetter: Typesetter, product: str) -> None:
    """Scenes that show no product, or show it in the take, and an ad without end card, are laid out as well."""
    variants, context = filled(tmp_path, store)
    plan = one_of(variants, "en-US", "story_9x16")
    scenes = tuple(scene.model_copy(update={"product": product}) for scene in plan.variant.scenes)
    bare = plan.variant.model_copy(
        update={"scenes": scenes, "end_card": None if product == "none" else plan.variant.end_card}
    )
    silent = plan.model_copy(
        update={"variant": bare, "lines": (None,) * len(plan.lines), "cues": (None,) * len(plan.cues)}
    )
    if product == "none":
        silent = silent.model_copy(update={"lines": silent.lines[:2], "cues": silent.cues[:2]})

    creative = compose_variant(silent, context, store, typesetter)

    shown = [placed for placed in creative.placed if placed.role == "product"]
    assert creative.num_frames == (40 if product == "none" else 55)
    assert all(placed.first_frame >= 40 for placed in shown)
    assert (len(shown) == 1) == (product == "in_shot")


def test_a_missing_take_is_named(tmp_path: Path, store: Store) -> None:
    """What an earlier stage should have made is called by its key."""
    variants, context = filled(tmp_path, store)
    lost = variants[0].model_copy(update={"shots": ("shot-lost", *variants[0].shots[1:])})

    with pytest.raises(StoreError, match=r"takes/shot-lost.json: is not in the store"):
        compose_variant(lost, context, store)


def test_the_product_keeps_its_colour(tmp_path: Path) -> None:
    """After scaling, placing and converting, every inner pixel of a red product is that red, within rounding."""
    write_packshot(tmp_path / "cup.png", RED, (300, 400))
    product = read_product(tmp_path / "cup.png", True, "test")
    shot = packshot(product, Box(40, 20, 120, 160), True)
    frame = Planes(*(np.full(shape, 90, np.uint8) for shape in ((220, 200), (110, 100), (110, 100))))

    shot.paint(frame, Pose.at(0.0, 1.0, 1.0))

    inner = to_rgb(frame)[60:140, 70:130].reshape(-1, 3).astype(int)
    assert product.shape == (341, 241, 4)
    assert np.abs(inner - RED).max() <= 2
    assert np.abs(np.rint(yuv_of(RED)) - [frame.y[100, 100], frame.u[50, 50], frame.v[50, 50]]).max() <= 1


def test_the_product_stands_on_a_shadow(tmp_path: Path) -> None:
    """The floor is darkest where the product meets it and gets lighter away from it; a card has a shadow all around."""
    write_packshot(tmp_path / "cup.png", RED, (300, 400))
    for has_cutout, point in ((True, (184, 100)), (False, (100, 164))):
        product = read_product(tmp_path / "cup.png", has_cutout, "test")
        frame = Planes(*(np.full(shape, 128, np.uint8) for shape in ((260, 200), (130, 100), (130, 100))))

        shot, pose = packshot(product, Box(40, 20, 120, 160), has_cutout), Pose.at(0.0, 1.0, 1.0)
        shot.paint_shadow(frame, pose)
        shot.paint(frame, pose)

        assert frame.y[point] < 118
        assert frame.y[2, 2] == 128


@pytest.mark.parametrize("light", ["left", "top_left", "top", "top_right", "right"])
def test_the_shadow_falls_away_from_the_light(tmp_path: Path, light: Light) -> None:
    """Darker on the side that the light does not come from, the more the lower it stands; even under light from above."""
    write_packshot(tmp_path / "cup.png", RED, (300, 400))
    product = read_product(tmp_path / "cup.png", True, "test")
    frame = Planes(*(np.full(shape, 128, np.uint8) for shape in ((260, 400), (130, 200), (130, 200))))

    packshot(product, Box(140, 20, 120, 160), True, light).paint_shadow(frame, Pose.at(0.0, 1.0, 1.0))

    left, right = (128 - frame.y[:, side].astype(float).mean() for side in (slice(0, 130), slice(270, 400)))
    lean = {"left": 1, "top_left": 1, "top": 0, "top_right": -1, "right": -1}[light]
    assert np.sign(round(right - left, 1)) == lean
    assert left + right > 0.5


def test_the_light_changes_under_a_product_that_stays() -> None:
    """While one scene dissolves into the next, the shadow turns and the product's own pixels do not change."""
    product = np.zeros((160, 120, 4), np.float32)
    product[10:150, 20:100] = (*RED, 255)
    box = Box(140, 20, 120, 160)
    morning, evening = (packshot(product, box, True, light) for light in ("left", "right"))
    evening = replace(evening, sprite=morning.sprite)
    appearance = Appearance((Turn(morning, 0), Turn(evening, 30)), 0, 60)
    sides = []
    for number in (10, 29, 33, 45):
        frame = Planes(*(np.full(shape, 128, np.uint8) for shape in ((260, 400), (130, 200), (130, 200))))
        appearance.paint(frame, number, 30, Transition("dissolve", fill=RED))
        sides.append(frame.y[140:220, 262:].mean() - frame.y[140:220, :138].mean())

        assert np.abs(to_rgb(frame)[60:140, 180:220].reshape(-1, 3).astype(int) - RED).max() <= 2
    assert sides[0] < -0.5 < 0.5 < sides[3]
    assert sides[1] < sides[2] < sides[3]


def test_a_scene_shows_all_pictures_of_its_product_on_the_beat(tmp_path: Path, store: Store) -> None:
    """Each at least 0.7 s, from a beat on, inside the product's place; the next scene has the first one again."""
    folder = tmp_path / "campaign"
    text = CAMPAIGN.replace("id: hero\n    duration_s: 2", "id: hero\n    images: sequence\n    duration_s: 3")
    variants, context = filled(folder, store, text + "music: {bpm: 120}\n")
    plan = one_of(variants, "de-DE", "story_9x16")
    more = []
    for name, size in (("side", (900, 600)), ("box", (700, 700))):
        write_packshot(folder / f"{name}.png", RED, size)
        sha256 = file_sha256(folder / f"{name}.png")
        store.put_file(f"images/{sha256}.png", folder / f"{name}.png")
        more.append(MoreImage(sha256=sha256, has_cutout=True))
    plan = plan.model_copy(update={"variant": plan.variant.model_copy(update={"more_images": tuple(more)})})

    ad = staged_ad(plan, context, store, Typesetter())

    (appearance,) = [one for one in ad.show.appearances if one.first == 0]
    firsts = [turn.first for turn in appearance.turns[:4]]
    assert firsts == [0, FRAME_RATE, 2 * FRAME_RATE, 3 * FRAME_RATE]
    box = next((one.x, one.y, one.width, one.height) for one in ad.show.placed if one.role == "product")
    for turn in appearance.turns:
        place = turn.shot.box
        assert box[0] <= place.x <= place.x + place.width <= box[0] + box[2]
        assert box[1] <= place.y <= place.bottom == box[1] + box[3]
    first, side, square, again = (turn.shot.box.width / turn.shot.box.height for turn in appearance.turns[:4])
    assert first == again < square < side


@pytest.mark.parametrize("by", ["campaign", "format"])
def test_a_clean_picture_has_its_captions_beside_it(
    tmp_path: Path, store: Store, typesetter: Typesetter, by: str
) -> None:
    """Whoever wants no text of captions in the picture gets the files alone: the campaign, or one of its formats."""
    wish = "captions: {burn_in: false}\n" if by == "campaign" else ""
    if by == "format":
        own = read_formats()["story_9x16"].model_dump(mode="json", exclude={"id"}) | {"burn_in": False}
        (tmp_path / "formats.yaml").write_text(json.dumps({"story_9x16": own}))
    variants, context = filled(tmp_path, store, CAMPAIGN + wish)

    clean = compose_variant(one_of(variants, "de-DE", "story_9x16"), context, store, typesetter)
    other = compose_variant(one_of(variants, "de-DE", "square_1x1"), context, store, typesetter)

    assert "caption" not in {placed.role for placed in clean.placed}
    assert ("caption" in {placed.role for placed in other.placed}) == (by == "format")
    assert b"Holds it" in (store.get_bytes(clean.webvtt) or b"")


@pytest.mark.parametrize("burns", [False, True])
def test_captions_tell_of_music_and_sounds(tmp_path: Path, store: Store, typesetter: Typesetter, burns: bool) -> None:
    """In the words of the language, in the files always, in the picture only where that was asked for."""
    wish = f"captions: {{kind: captions, burn_in_sounds: {str(burns).lower()}}}\n"
    variants, context = filled(tmp_path, store, CAMPAIGN + wish)
    plan = one_of(variants, "de-DE", "story_9x16")
    take = store.get_record(f"takes/{plan.shots[1]}.json", Take)
    assert take is not None
    write_wav(tmp_path / "take.wav", np.zeros((76_800, 2), np.float32), 48_000)
    store.put_file("takes/heard.wav", tmp_path / "take.wav")
    store.put_record(f"takes/{take.key}.json", take.model_copy(update={"sound": "takes/heard.wav"}))

    creative = compose_variant(plan, context, store, typesetter)

    told = read_webvtt((store.get_bytes(creative.webvtt) or b"").decode())
    lines = [line for cue in told for line in cue.lines]
    assert (lines.count("[fröhliche Musik]"), lines.count("[Umgebungsgeräusche]")) == (1, 1)
    assert lines.count("Holds it") == 2
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(told))
    burnt = {placed.text for placed in creative.placed if placed.role == "caption"}
    assert any("fröhliche Musik" in text for text in burnt) == burns


@pytest.mark.parametrize("style", ["plate", "plain", "karaoke"])
def test_every_style_stays_inside_the_safe_area(
    tmp_path: Path, store: Store, typesetter: Typesetter, style: str
) -> None:
    """Whatever the letters stand on, they can be read, and the platform's buttons leave them free."""
    variants, context = filled(tmp_path, store, CAMPAIGN + f"captions: {{style: {style}}}\n")
    plan = one_of(variants, "de-DE", "story_9x16")

    creative = compose_variant(plan, context, store, typesetter)

    safe = Frame(context.formats["story_9x16"], False).safe
    captions = [placed for placed in creative.placed if placed.role == "caption"]
    assert captions
    assert all(Box(one.x, one.y, one.width, one.height).within(safe) for one in captions)
    assert all((one.contrast or 0) >= 4.5 for one in captions)


def test_captions_break_anew_only_where_they_must(tmp_path: Path, typesetter: Typesetter) -> None:
    """Type gets smaller so that lines stay as they were cut; one too wide for any type becomes two; prose is refused."""
    context = planned(write_campaign(tmp_path)).context
    frame = Frame(context.formats["story_9x16"], False)
    pen = Pen(typesetter, context.brand, context.locales["en-US"], frame, "variant-7")
    kept = Cue(start_ms=0, end_ms=1, lines=("Ice in the morning", "is ice at night."))
    whole = Cue(start_ms=0, end_ms=1, lines=("The Aurora steel bottle is on sale right now",))
    broken = Cue(
        start_ms=0, end_ms=1, lines=("The Aurora steel bottle is on sale right now in every one of our shops",)
    )

    smaller = caption_style(pen, [kept, whole])
    style = caption_style(pen, [kept, broken])

    largest: Size | None = style.largest([kept, broken])
    assert smaller.fitted(whole).lines == whole.lines
    assert frame.slot("caption").sizes[1] < smaller.size < frame.slot("caption").sizes[0]
    assert style.fitted(kept).lines == kept.lines
    assert len(style.fitted(broken).lines) == 2
    assert largest is not None
    assert largest[0] <= frame.slot("caption").width
    with pytest.raises(MediaError, match=r"variant-7 caption: .* does not fit .* Give the locale fewer characters"):
        caption_style(pen, [kept.model_copy(update={"lines": ("word " * 60,)})])
