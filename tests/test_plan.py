"""Planning: equal work is planned once, and nothing that changes the picture is missed."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from campaign_folder import (
    CAMPAIGN,
    COPY,
    FACTS,
    FEED,
    LOCAL_FEEDS,
    context_of,
    expanded,
    images_of,
    planned,
    voices_of,
    write_campaign,
)
from catalog import Scene
from catalog.inputs import read_inputs
from renderer import plan as plan_module
from renderer.artifacts import Adapter, Footage, Shot
from renderer.backends import Ability
from renderer.backends.video_models import VIDEO_MODELS, video_model_facts
from renderer.errors import PlanError
from renderer.plan import CANNOT, Tools, asked_of, is_able, native_size, num_frames_for, plan


def shots(folder, facts=FACTS, **images) -> set[str]:
    found = images_of(read_inputs(folder), **images) if images else None
    return set(planned(folder, facts, found).shots)


@pytest.fixture
def before(tmp_path) -> set[str]:
    return shots(write_campaign(tmp_path / "before"))


def test_variants_share_their_shots_across_languages(tmp_path):
    """Ten ads of three languages need two product shots per shape and one offer shot per shape."""
    plan = planned(write_campaign(tmp_path))

    assert 12 == len(plan.variants)
    assert 6 == len(plan.shots)


def test_a_further_language_costs_no_shot(tmp_path, before):
    """Translating a campaign never costs GPU time."""
    fewer = CAMPAIGN.replace("locales: [en-US, de-DE, ja-JP]", "locales: [en-US]")

    assert before == shots(write_campaign(tmp_path, campaign=fewer))


def test_another_translation_costs_no_shot(tmp_path, before):
    """Copy is laid over the picture."""
    assert before == shots(write_campaign(tmp_path, copy=COPY | {"de": COPY["de"].replace("Jetzt", "Nur heute")}))


def test_another_price_costs_no_shot(tmp_path, before):
    """Prices are laid over the picture, the primary feed's and the local ones."""
    folder = write_campaign(tmp_path, feed=FEED.replace("8.00 USD", "7.50 USD"))
    (folder / "products.de-DE.csv").write_text(
        LOCAL_FEEDS["products.de-DE.csv"].replace("9.50", "9.00"), encoding="utf-8"
    )

    assert before == shots(folder)


def test_another_badge_costs_no_shot(tmp_path, before):
    """Badges are laid over the picture."""
    assert before == shots(
        write_campaign(tmp_path, campaign=CAMPAIGN.replace('badge: "{{ price }}"', 'badge: "Sale {{ price }}"'))
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("on silk", "on wet stone"),
        ("#101010 #808080 #F0F0F0", "#202020 #808080 #F0F0F0"),
        ("scene: silk", "scene: mist"),
        ("camera: dolly_in", "camera: pan_left"),
        ("camera: dolly_in", "camera: dolly_in, light: right"),
        ("camera: dolly_in", "camera: dolly_in, energy: 0.9"),
        ("camera: dolly_in", "loop: true"),
        ("camera: dolly_in", "camera: dolly_in, second_scene: petals"),
        ('prompt: "', 'product: none\n    prompt: "'),
        ("id: test", "id: test\nseed: 5"),
        ("id: test", "id: test\nnum_inference_steps: 4"),
    ],
    ids=["prompt", "palette", "scene", "camera", "light", "energy", "loop", "blend", "layout", "seed", "steps"],
)
def test_what_changes_the_picture_changes_shots(tmp_path, before, old, new):
    """Prompt, look, layout, seed and steps are part of every key they matter to."""
    assert before != shots(write_campaign(tmp_path, campaign=CAMPAIGN.replace(old, new)))


def test_another_product_picture_changes_shots_that_show_it(tmp_path):
    """A picture that conditions the model is known by its content."""
    folder = write_campaign(tmp_path, campaign=CAMPAIGN.replace("headline:", "product: in_shot\n    headline:", 1))

    assert shots(folder, sha256="1" * 64) != shots(folder, sha256="2" * 64)


def test_another_product_picture_changes_shots_that_take_its_colours(tmp_path):
    """A palette taken from the picture follows the picture."""
    folder = write_campaign(tmp_path)

    assert shots(folder, palette=("#000000", "#777777", "#FFFFFF")) != shots(
        folder, palette=("#100000", "#777777", "#FFFFFF")
    )


def test_another_picture_under_a_composited_product_costs_no_shot(tmp_path):
    """The product's pixels are laid over the take, so a retouched packshot of the same colours needs no new one."""
    folder = write_campaign(tmp_path)

    assert shots(folder, sha256="1" * 64) == shots(folder, sha256="2" * 64)


def test_another_model_revision_changes_every_shot(tmp_path):
    """Better weights are never answered with old pictures."""
    folder = write_campaign(tmp_path)

    assert shots(folder).isdisjoint(shots(folder, replace(FACTS, revision="r2")))


def test_another_code_version_changes_every_shot(tmp_path, monkeypatch):
    """A stage whose output changed makes its work anew."""
    folder = write_campaign(tmp_path)
    first = shots(folder)
    monkeypatch.setitem(plan_module.CODE_VERSIONS, "generate", plan_module.CODE_VERSIONS["generate"] + 1)

    assert first.isdisjoint(shots(folder))


def test_every_word_price_and_picture_is_part_of_the_creatives_key(tmp_path):
    """What costs no shot still makes a new file."""
    folder = write_campaign(tmp_path)
    keys = {one.variant.id: one.creative_key for one in planned(folder).variants}
    write_campaign(tmp_path, copy=COPY | {"de": COPY["de"].replace("Jetzt", "Nur heute")})
    changed = {one.variant.id for one in planned(folder).variants if keys[one.variant.id] != one.creative_key}

    assert {name for name in keys if "/de-DE/" in name} == changed


def test_equal_lines_are_spoken_once(tmp_path):
    """Two formats of an ad share the recording."""
    plan = planned(write_campaign(tmp_path))
    needed = [key for variant in plan.variants for key in variant.lines if key]

    assert 18 == len(needed)
    assert 9 == len(plan.lines)


def test_seeds_follow_from_the_content(tmp_path):
    """A second plan asks for the same pictures, and two different shots never share their noise."""
    folder = write_campaign(tmp_path)
    first, second = planned(folder), planned(folder)

    assert first.shots == second.shots
    assert len({shot.seed for shot in first.shots.values()}) == len(first.shots)


def test_what_a_model_cannot_do_is_refused_before_anything_is_spent(tmp_path):
    """The scene, the model and what fits are named, all at once."""
    folder = write_campaign(tmp_path, campaign=CAMPAIGN.replace("headline:", "product: in_shot\n    headline:", 1))
    with pytest.raises(PlanError) as refused:
        planned(folder, replace(FACTS, scenes=("silk",), abilities=frozenset({"text"})))

    assert "scene 'offer': some-model knows no scene 'bokeh'. Known: silk." in str(refused.value)
    assert "scene 'hero': some-model cannot draw a product into the shot." in str(refused.value)


def test_looks_that_a_model_cannot_do_are_refused(tmp_path):
    """An unknown second scene, a loop and a guidance scale: each with what would fit."""
    campaign = CAMPAIGN.replace("camera: dolly_in", "second_scene: desert, loop: true").replace(
        "id: test", "id: test\nguidance_scale: 3"
    )
    with pytest.raises(PlanError) as refused:
        planned(
            write_campaign(tmp_path, campaign=campaign),
            replace(FACTS, scenes=("silk", "bokeh"), loop_num_frames=0, has_guidance=False),
        )

    assert [
        "test: some-model has no guidance. Remove 'guidance_scale'.",
        "test: scene 'hero': some-model knows no scene 'desert'. Known: silk, bokeh.",
        "test: scene 'hero': some-model cannot end a take where it began. Remove 'loop: true'.",
    ] == str(refused.value).splitlines()


def test_models_that_can_are_named_where_one_cannot(tmp_path):
    """Pictures of the product need `image`, loops a length: each sentence lists who has it, and only those."""
    campaign = CAMPAIGN.replace("camera: dolly_in", "loop: true").replace(
        "headline:", "product: in_shot\n    headline:", 1
    )
    inputs = read_inputs(write_campaign(tmp_path, campaign=campaign))
    facts = replace(FACTS, abilities=frozenset({"text"}), loop_num_frames=0)
    others = {"able": FACTS, "draws": replace(FACTS, loop_num_frames=0), "plain": facts}
    tools = Tools.of(inputs.campaign, "plain", facts, voices_of(inputs.locales.values()), "fonts")
    with pytest.raises(PlanError) as refused:
        plan(expanded(tmp_path), context_of(inputs), replace(tools, others=others))

    assert [
        "test: scene 'hero': plain cannot draw a product into the shot. Write 'product: composite'. "
        "Models that can: able, draws.",
        "test: scene 'hero': plain cannot end a take where it began. Remove 'loop: true'. Models that can: able.",
    ] == str(refused.value).splitlines()


def test_a_model_that_needs_a_picture_is_not_given_words_alone(tmp_path):
    """A composited product leaves nothing but the prompt to begin with."""
    with pytest.raises(PlanError, match=r"scene 'hero': some-model cannot make a clip from words alone\. Write"):
        planned(write_campaign(tmp_path), replace(FACTS, abilities=frozenset({"image"})))


@pytest.fixture
def shot(tmp_path) -> Shot:
    return next(iter(planned(write_campaign(tmp_path)).shots.values()))


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({}, {"text"}),
        ({"image_sha256": "0" * 64}, {"image"}),
        ({"image_sha256": "0" * 64, "keeps_product": True}, {"background"}),
        ({"image_sha256": "0" * 64, "last_image_sha256": "1" * 64}, {"image", "first_last"}),
        ({"footage": Footage(object="takes/a.mp4", use="extend")}, {"extend"}),
        ({"footage": Footage(object="takes/a.mp4", use="restyle")}, {"restyle"}),
        ({"adapters": (Adapter(name="ink", revision="1"),), "upscale": 2}, {"text", "adapter", "upscale"}),
    ],
)
def test_a_shot_asks_for_what_it_names(shot, changes, asked):
    """Every ability but the camera's is asked for by a field of the shot, and has a sentence for models without it."""
    assert asked == set(asked_of(shot.model_copy(update=changes)))
    assert asked <= CANNOT.keys()


def test_a_moving_camera_is_no_reason_to_refuse(shot):
    """A model without the ability is told in words."""
    assert {"text"} == set(
        asked_of(shot.model_copy(update={"look": shot.look.model_copy(update={"camera": "orbit_left"})}))
    )


def test_every_ability_but_the_camera_has_a_sentence():
    """A further ability cannot be forgotten here."""
    assert set(get_args(Ability)) - {"camera"} == CANNOT.keys()


@pytest.mark.parametrize("name", VIDEO_MODELS)
def test_models_that_loop_say_how_long(name):
    """The ability and the length go together in every row."""
    facts = VIDEO_MODELS[name]

    assert is_able(facts, "loop") == ("loop" in facts.abilities)


@pytest.fixture
def scene(tmp_path) -> Scene:
    return planned(write_campaign(tmp_path)).variants[0].variant.scenes[0]


@pytest.mark.parametrize(("duration_s", "frames"), [(0.1, 1), (0.5, 5), (2.0, 21), (3.3, 33), (60, 33)])
def test_shots_have_the_fewest_frames_that_fit_the_model(scene, duration_s, frames):
    """Counts are the model's least plus n times its step, and never more than it can do."""
    assert frames == num_frames_for(scene.model_copy(update={"duration_s": duration_s}), FACTS)


@pytest.mark.parametrize(("duration_s", "frames"), [(3, 96), (6, 96), (6.1, 160), (10.1, 224), (60, 480)])
def test_the_embedded_model_makes_six_seconds_and_steps_of_five(scene, duration_s, frames):
    """16 frames a second: 96 at first, 80 for every further pass of the network."""
    facts = video_model_facts("backdrop")

    assert frames == num_frames_for(scene.model_copy(update={"duration_s": duration_s}), facts)


def test_loops_have_the_length_that_the_model_can_close(scene):
    """A longer scene repeats them."""
    looped = scene.model_copy(update={"duration_s": 30.0, "look": scene.look.model_copy(update={"loop": True})})

    assert FACTS.loop_num_frames == num_frames_for(looped, FACTS)


def test_shots_have_a_floor_where_a_cut_out_product_will_stand(tmp_path):
    """A scene without product, and a picture that is not cut out, need none."""
    folder = write_campaign(tmp_path, campaign=CAMPAIGN.replace("headline:", "product: none\n    headline:", 1))
    cards = {name: image.model_copy(update={"has_cutout": False}) for name, image in cutouts(folder).items()}

    standing, hanging = planned(folder), planned(folder, images=cards)

    assert {("silk", False), ("bokeh", True)} == floors(standing)
    assert {("silk", False), ("bokeh", False)} == floors(hanging)


def cutouts(folder):
    return images_of(read_inputs(folder))


def floors(plan) -> set[tuple[str, bool]]:
    return {(shot.look.scene, shot.layout.stand is not None) for shot in plan.shots.values()}


def test_shots_take_the_nearest_native_shape(tmp_path):
    """A 4:5 ad is cut from the shape that wastes least."""
    formats = planned(write_campaign(tmp_path)).context.formats

    assert (72, 128) == native_size(formats["story_9x16"], FACTS)
    assert (96, 96) == native_size(formats["square_1x1"], FACTS)
