"""Planning: equal work is planned once, and nothing that changes the picture is missed."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from typing import get_args

import pytest
from ruamel.yaml import YAML

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
from catalog import CatalogError, Scene
from catalog.inputs import read_inputs
from catalog.spoken import shown_text
from renderer import plan as plan_module
from renderer.artifacts import Adapter, Footage, Shot
from renderer.backends import Ability, asked_of
from renderer.backends.video_models import VIDEO_MODELS, video_model_facts
from renderer.errors import PlanError
from renderer.plan import native_size, num_frames_for, plan
from renderer.tools import CANNOT, Tools, is_able


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


def test_another_tone_of_the_brand_renders_nothing(tmp_path):
    """It is for whoever writes the copy; another colour is another ad."""

    def keys(brand: str) -> list[str]:
        text = CAMPAIGN.replace("logo: logo.svg", f"logo: logo.svg, {brand}")
        return [one.creative_key for one in planned(write_campaign(tmp_path, campaign=text)).variants]

    assert keys("tone: ''") == keys("tone: warm and plain")
    assert set(keys("accent: '#FFB000'")).isdisjoint(keys("accent: '#FFB001'"))


def test_another_hyphenation_is_another_ad_and_no_other_take_or_line(tmp_path):
    """Where a locale parts words, or no longer does, its ads are made anew, from the same shots and recordings."""
    before, after = planned(write_campaign(tmp_path / "a")), write_campaign(tmp_path / "b")
    row = YAML(typ="safe").load(files("catalog") / "data" / "locales.yaml")["de-DE"]
    YAML().dump({"de-DE": row | {"hyphenation": False}}, after / "locales.yaml")
    after = planned(after)
    same = {one.creative_key for one in before.variants} & {one.creative_key for one in after.variants}

    assert (set(before.shots), set(before.lines)) == (set(after.shots), set(after.lines))
    assert {"en-US", "ja-JP"} == {one.variant.locale for one in after.variants if one.creative_key in same}


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


ABLE = replace(FACTS, abilities=frozenset(get_args(Ability)))


def by_scene(folder, facts=ABLE) -> dict[str, Shot]:
    """The square shots of the cup, by scene."""
    plan = planned(folder, facts)
    one = next(one for one in plan.variants if one.variant.id == "test/cup/en-US/square_1x1")
    return dict(zip((scene.id for scene in one.variant.scenes), (plan.shots[key] for key in one.shots), strict=True))


def wishing(folder, **wishes: str):
    """A campaign whose scenes have one more wish each."""
    campaign = CAMPAIGN
    for scene, wish in wishes.items():
        campaign = campaign.replace(f"id: {scene}\n", f"id: {scene}\n    {wish}\n")
    write_campaign(folder, campaign=campaign)
    for name in ("clip.mp4", "other.mp4", "wall.png"):
        (folder / name).write_bytes(b"content")
    return folder


def test_a_scene_goes_on_where_the_take_of_an_earlier_one_ends(tmp_path):
    """The footage is the take of the same variant's earlier scene, so another beginning makes another shot."""
    found = by_scene(wishing(tmp_path, offer="continues: hero"))
    first, second = found["hero"], found["offer"]
    (tmp_path / "campaign.yaml").write_text(
        (tmp_path / "campaign.yaml").read_text().replace("on silk", "on stone"), encoding="utf-8"
    )
    other = by_scene(tmp_path)

    assert Footage(object=f"takes/{first.key}.mp4", use="extend") == second.footage
    assert first.footage is None
    assert Footage(object=f"takes/{other['hero'].key}.mp4", use="extend") == other["offer"].footage
    assert second.key != other["offer"].key


def test_products_have_continuations_of_their_own(tmp_path):
    """Two products share a second scene's words, but not what it goes on from."""
    feed = FEED.replace("50.00 USD,,", "50.00 USD,40.00 USD,")
    folder = wishing(tmp_path, offer="continues: hero")
    plain = planned(write_campaign(tmp_path / "plain", feed=feed))
    (folder / "products.csv").write_text(feed, encoding="utf-8")
    continued = planned(folder, ABLE)

    assert 6 == len(plain.shots)
    assert 8 == len(continued.shots)


def test_a_clip_is_painted_anew_by_its_content_and_strength(tmp_path):
    """Another clip or strength is another shot."""
    shots = [
        by_scene(wishing(tmp_path, hero=f"restyle: {wish}"))["hero"]
        for wish in ("{clip: clip.mp4}", "{clip: clip.mp4, strength: 0.2}", "{clip: other.mp4}")
    ]

    assert Footage(object="clip.mp4", use="restyle", strength=0.6) == shots[0].footage
    assert 0.2 == shots[1].footage.strength
    assert 3 == len({shot.key for shot in shots})


def test_a_last_picture_and_twice_the_size_are_part_of_the_shot(tmp_path):
    """Width and height are those of the finished take."""
    plain = by_scene(wishing(tmp_path))["hero"]
    shot = by_scene(wishing(tmp_path, hero="ends_on: wall.png\n    upscale: 2"))["hero"]

    assert (None, 1, 96, 96) == (plain.last_image_sha256, plain.upscale, plain.width, plain.height)
    assert ("wall.png", 2, 192, 192) == (shot.last_image_sha256, shot.upscale, shot.width, shot.height)
    assert plain.key != shot.key


def test_a_product_in_place_has_a_floor_and_its_picture(tmp_path):
    """The model gets the product's pixels and the place where a composited one would stand."""
    laid_over, drawn, kept = (
        by_scene(wishing(tmp_path, hero=f"product: {mode}"))["hero"] for mode in ("composite", "in_shot", "in_place")
    )

    assert (None, False) == (laid_over.image_sha256, laid_over.keeps_product)
    assert ("0" * 64, False) == (drawn.image_sha256, drawn.keeps_product)
    assert ("0" * 64, True) == (kept.image_sha256, kept.keeps_product)
    assert laid_over.layout == kept.layout != drawn.layout
    assert 3 == len({shot.key for shot in (laid_over, drawn, kept)})


def test_adapters_of_the_campaign_are_part_of_every_shot(tmp_path):
    """Their names and weights make other shots; weights of files are not read when planning."""
    folder = wishing(tmp_path)
    plain = set(planned(folder, ABLE).shots)
    keys = []
    for weight in (0.8, 0.9):
        campaign = CAMPAIGN + f"adapters: [{{name: ink, weight: {weight}}}]\n"
        plan = planned(write_campaign(folder, campaign=campaign), ABLE)
        assert {(Adapter(name="ink", revision="", weight=weight),)} == {shot.adapters for shot in plan.shots.values()}
        keys.append(set(plan.shots))

    assert plain.isdisjoint(keys[0] | keys[1])
    assert keys[0].isdisjoint(keys[1])


SHARING = replace(ABLE, approximations=frozenset({"fp8_linear", "fp8_attention"}), shares_steps=True)
GENERAL = 'shared_prompt: "{{ product.brand }} on a stage"'


def with_dials(folder, dials, scene=GENERAL):
    """The wishing campaign with more lines at its top."""
    wishing(folder, hero=scene) if scene else write_campaign(folder)
    path = folder / "campaign.yaml"
    path.write_text(path.read_text(encoding="utf-8") + dials, encoding="utf-8")
    return folder


def test_approximations_of_the_campaign_are_part_of_every_shot(tmp_path):
    """In one order, each once, however they were written; without any, keys are those of before."""
    plain = planned(write_campaign(tmp_path / "plain"), SHARING)
    first = planned(with_dials(tmp_path / "a", "approximations: [fp8_linear, fp8_attention]\n", ""), SHARING)
    again = planned(
        with_dials(tmp_path / "b", "approximations: [fp8_attention, fp8_linear, fp8_linear]\n", ""), SHARING
    )

    assert set(planned(write_campaign(tmp_path / "plain"), ABLE).shots) == set(plain.shots)
    assert {("fp8_attention", "fp8_linear")} == {shot.approximations for shot in first.shots.values()}
    assert set(first.shots) == set(again.shots)
    assert set(first.shots).isdisjoint(plain.shots)


def test_shots_that_share_steps_begin_with_the_same_noise(tmp_path):
    """Products with other prompts and looks share the seed; a scene without a shared prompt keeps its own key."""
    folder = with_dials(tmp_path / "shared", "shared_steps: 3\n")
    shared, plain = planned(folder, SHARING).shots, planned(write_campaign(tmp_path / "plain"), SHARING).shots
    square = [shot for shot in shared.values() if shot.shared_steps and shot.width == shot.height]
    rest = {key for key, shot in shared.items() if not shot.shared_steps}

    assert {("Aurora on a stage", 3)} == {(shot.shared_prompt, shot.shared_steps) for shot in square}
    assert {"Aurora Cup on silk", "Aurora Lamp on silk"} == {shot.prompt for shot in square}
    assert 1 == len({shot.seed for shot in square})
    assert {key for key, shot in plain.items() if not shot.prompt} == rest
    assert {("", 0)} == {(shot.shared_prompt, shot.shared_steps) for key, shot in shared.items() if key in rest}


def test_what_is_shared_is_part_of_the_key(tmp_path):
    """Another shared prompt, or more shared steps, is another take; another campaign's seed is other noise."""
    dials = ("shared_steps: 3\n", "shared_steps: 4\n", "shared_steps: 3\nseed: 9\n")
    shots = [by_scene(with_dials(tmp_path / str(n), dial), SHARING)["hero"] for n, dial in enumerate(dials)]
    shots.append(by_scene(with_dials(tmp_path / "other", dials[0], "shared_prompt: lights"), SHARING)["hero"])

    assert 4 == len({shot.key for shot in shots})
    assert 4 == len({shot.seed for shot in shots})


def test_a_shared_prompt_without_shared_steps_costs_nothing(tmp_path):
    """It is for other tiers: shots and finished ads keep their keys."""
    unused, plain = planned(with_dials(tmp_path / "unused", "")), planned(write_campaign(tmp_path / "plain"))

    assert list(plain.shots) == list(unused.shots)
    assert [one.creative_key for one in plain.variants] == [one.creative_key for one in unused.variants]


@pytest.mark.parametrize(
    ("dials", "facts", "sentence"),
    [
        (
            "approximations: [fp4, fp8_linear]\n",
            SHARING,
            "some-model knows no approximation 'fp4'. Known: fp8_attention, fp8_linear.",
        ),
        (
            "approximations: [fp8_linear]\n",
            ABLE,
            "some-model knows no approximation 'fp8_linear'. Remove it: there are none.",
        ),
        ("shared_steps: 2\n", ABLE, "takes of some-model cannot share steps. Remove 'shared_steps'."),
        (
            "shared_steps: 8\n",
            SHARING,
            "of 8 steps 8 shared ones leave none to a take. Write 'shared_steps' below 8.",
        ),
    ],
)
def test_dials_that_a_model_does_not_have_are_refused(tmp_path, dials, facts, sentence):
    """Once for the campaign, with what fits."""
    with pytest.raises(PlanError) as refused:
        planned(with_dials(tmp_path, dials), facts)

    assert f"test: {sentence}" == str(refused.value)


@pytest.mark.parametrize(
    ("wish", "start"),
    [
        ("restyle: {clip: clip.mp4}", "'continues' or 'restyle'"),
        ("product: in_place", "'product: in_place'"),
    ],
)
def test_takes_that_do_not_begin_with_noise_share_no_steps(tmp_path, wish, start):
    """Footage and kept pixels are each take's own."""
    with pytest.raises(PlanError) as refused:
        planned(with_dials(tmp_path, "shared_steps: 2\n", f"{GENERAL}\n    {wish}"), SHARING)

    sentence = f"a take with {start} shares no steps with others. Remove its 'shared_prompt'."
    assert f"test: scene 'hero': {sentence}" == str(refused.value)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ("continues: hero", "cannot go on where another take ends. Remove 'continues'."),
        ("restyle: {clip: clip.mp4}", "cannot paint a clip anew. Remove 'restyle'."),
        ("ends_on: wall.png", "cannot end a take with a given picture. Remove 'ends_on'."),
        ("upscale: 2", "cannot make pictures larger than its own size. Remove 'upscale'."),
        ("product: in_place", "cannot make a picture around a product's own pixels. Write 'product: composite'."),
    ],
)
def test_a_wish_that_the_model_cannot_fulfil_is_refused_with_its_name(tmp_path, wish, sentence):
    """The cure names the field that the author wrote."""
    with pytest.raises(PlanError) as refused:
        planned(wishing(tmp_path, offer=wish))

    assert f"test: scene 'offer': some-model {sentence}" == str(refused.value)


def test_a_model_may_go_on_with_a_product_that_it_sees_in_the_footage_alone(tmp_path):
    """Without the ability to look at a picture beside footage, the picture is left out by name."""
    both = {"hero": "product: in_shot", "offer": "product: none\n    continues: hero"}
    extending = replace(FACTS, abilities=frozenset({"text", "image", "extend"}))

    found = by_scene(wishing(tmp_path, **both), extending)

    assert found["offer"].footage == Footage(object=f"takes/{found['hero'].key}.mp4", use="extend")
    assert found["offer"].image_sha256 is None
    with pytest.raises(PlanError, match=r"scene 'offer': some-model cannot look at a product's picture beside"):
        planned(wishing(tmp_path, **both | {"offer": both["offer"].replace("none", "in_shot")}), extending)


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


def test_a_scene_that_is_heard_is_another_take_of_the_same_picture(tmp_path):
    """Its shot and its ads have other keys and the same noise; other scenes keep theirs, and so do ads without."""
    plain, heard = planned(write_campaign(tmp_path / "plain"), ABLE), wishing(tmp_path / "heard", offer="sound: true")
    before, after = by_scene(tmp_path / "plain"), by_scene(heard)
    unheard = planned(wishing(tmp_path / "unheard", offer="sound: false"), ABLE)

    assert after["offer"].sounds
    assert before["hero"] == after["hero"]
    assert before["offer"].key != after["offer"].key
    assert before["offer"] == after["offer"].model_copy(update={"sounds": False, "key": before["offer"].key})
    assert list(plain.shots) == list(unheard.shots)
    assert [one.creative_key for one in plain.variants] == [one.creative_key for one in unheard.variants]
    other = {one.variant.product_id for one in planned(heard, ABLE).variants if one not in plain.variants}
    assert {"cup"} == other  # the lamp has no offer


def test_a_silent_model_is_refused_where_a_scene_is_to_be_heard(tmp_path):
    """Before anything is spent, with what to write and who can."""
    inputs = read_inputs(wishing(tmp_path, hero="sound: true"))
    backdrop = replace(VIDEO_MODELS["backdrop"], has_prompt=False)
    tools = Tools.of(inputs.campaign, "backdrop", backdrop, voices_of(inputs.locales.values()), "fonts")
    with pytest.raises(PlanError) as refused:
        plan(expanded(tmp_path), context_of(inputs), replace(tools, others=VIDEO_MODELS))

    assert str(refused.value) == (
        "test: scene 'hero': backdrop cannot make the sound to its pictures. Remove 'sound: true'. "
        "Models that can: ltx-2.5."
    )


@pytest.mark.parametrize("mode", ["composite", "in_shot"])
def test_a_model_of_words_is_not_left_without_any(tmp_path, mode):
    """From noise alone it shows anything, and from a picture anything may happen; a prompt of spaces is none."""
    folder = wishing(tmp_path, offer=f"product: {mode}\n    prompt: \"{{{{ ' ' }}}}\"")
    with pytest.raises(PlanError) as refused:
        planned(folder, replace(FACTS, has_prompt=True))

    assert "test: scene 'offer' has no prompt, and some-model learns from words what to show. Write 'prompt'." == str(
        refused.value
    )


def test_models_that_read_no_prompt_are_told_otherwise():
    """One by the look, the other by its picture."""
    assert {"backdrop", "svd"} == {name for name, facts in VIDEO_MODELS.items() if not facts.has_prompt}


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
        (
            {"footage": Footage(object="takes/a.mp4", use="extend"), "image_sha256": "0" * 64},
            {"extend", "reference"},
        ),
        (
            {"footage": Footage(object="a.mp4", use="restyle"), "image_sha256": "0" * 64},
            {"restyle", "reference"},
        ),
        ({"adapters": (Adapter(name="ink", revision="1"),), "upscale": 2}, {"text", "adapter", "upscale"}),
        ({"sounds": True}, {"text", "sound"}),
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


def heard(folder, **grades: str):
    """Plan a campaign whose voices have these grades by language."""
    inputs = read_inputs(folder)
    facts = voices_of(inputs.locales.values())
    facts |= {name: replace(one, grade=grades.get(one.languages[0], one.grade)) for name, one in facts.items()}
    facts["espeak:auto"] = replace(facts["pico:de-DE"], grade=grades.get("espeak", "basic"), revision="e1")
    tools = Tools.of(inputs.campaign, "some-model", FACTS, facts, "fonts")
    return plan(expanded(folder), context_of(inputs), tools)


def lines_in(tag: str, planned):
    return [line for line in planned.lines.values() if line.locale == tag]


def test_a_draft_voice_is_not_heard_unless_the_campaign_says_so(tmp_path):
    """Its lines are shown as long as reading takes, and the plan says it once; with the word they are spoken."""
    folder = write_campaign(tmp_path)
    quiet = heard(folder, de="draft")
    write_campaign(folder, campaign=CAMPAIGN + "voices: {allow_draft: true}\n")
    loud = heard(folder, de="draft")

    for line in lines_in("de-DE", quiet):
        assert line.read_ms == pytest.approx(1000 * len(shown_text(line.text)) / (0.75 * 17), abs=1)
    assert {line.read_ms for line in lines_in("en-US", quiet)} == {None}
    assert [warning for warning in quiet.warnings if "draft" in warning] == [
        "locale de-DE: pico:de-DE is a draft voice: its lines are shown and not spoken. "
        "Choose a better voice, or write 'voices: {allow_draft: true}' in the campaign."
    ]
    assert {line.read_ms for line in lines_in("de-DE", loud)} == {None}
    assert not loud.warnings
    assert {line.key for line in lines_in("de-DE", quiet)}.isdisjoint(line.key for line in lines_in("de-DE", loud))


def test_a_fallback_is_part_of_the_lines_it_is_for(tmp_path):
    """By language or tag; lines of other locales keep their keys, and without it lines are spoken anew."""
    folder = write_campaign(tmp_path)
    before = heard(folder)
    write_campaign(folder, campaign=CAMPAIGN + "voices: {fallback: {de: 'espeak:auto'}}\n")
    after = heard(folder)

    assert {(line.fallback, line.fallback_revision) for line in lines_in("de-DE", after)} == {("espeak:auto", "e1")}
    assert lines_in("en-US", before) == lines_in("en-US", after)
    assert {line.key for line in lines_in("de-DE", before)}.isdisjoint(line.key for line in lines_in("de-DE", after))


@pytest.mark.parametrize(
    ("fallback", "grade", "fact"),
    [
        ("{de: 'espeak:auto'}", "draft", "the fallback espeak:auto is a draft voice"),
        ("{de: 'kokoro:af_heart'}", "basic", "kokoro:af_heart speaks en. Choose a voice for de"),
        ("{de: 'kokoro:nobody'}", "basic", "there is no voice 'kokoro:nobody'"),
    ],
)
def test_a_fallback_that_cannot_help_is_refused(tmp_path, fallback, grade, fact):
    """When planning, not when the voice fails."""
    folder = write_campaign(tmp_path, campaign=CAMPAIGN + f"voices: {{fallback: {fallback}}}\n")

    with pytest.raises(PlanError, match=f"locale de-DE: {fact}"):
        heard(folder, espeak=grade)


@pytest.mark.parametrize(
    ("voices", "fact"),
    [
        ("{allow_drafts: true}", "allow_drafts"),
        ("{fallback: {nl: 'pico:de-DE'}}", "'nl' is none of the locales"),
        ("{fallback: {de: pico}}", "'pico' is no voice"),
    ],
)
def test_a_misspelt_choice_of_voices_is_refused(tmp_path, voices, fact):
    """Strictly, with the line of the file."""
    folder = write_campaign(tmp_path, campaign=CAMPAIGN + f"voices: {voices}\n")

    with pytest.raises(CatalogError, match=fact):
        read_inputs(folder)


def test_a_line_knows_its_room_and_its_shorter_words(tmp_path):
    """Room is the scene without the breath before and after; a scene of another length has a line of its own."""
    folder = write_campaign(tmp_path)
    before = heard(folder)
    write_campaign(folder, campaign=CAMPAIGN.replace("narration:", 'narration_short: "Brief."\n    narration:', 1))
    briefer = heard(folder)

    rooms = {line.room_ms for line in before.lines.values()}
    assert rooms == {round(1000 * scene.duration_s) - 600 for scene in briefer.variants[0].variant.scenes}
    assert {line.short_text for line in before.lines.values()} == {""}
    assert "Brief." in {line.short_text for line in briefer.lines.values()}
    assert briefer.lines.keys() != before.lines.keys()
