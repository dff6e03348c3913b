"""Expanding: every combination becomes a variant or a refusal with its reason."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign_folder import CAMPAIGN, COPY, FEED, MOMENT, expanded, images_of, write_campaign
from catalog import CatalogError, Problem, Refusal, Sample, Variant
from catalog.combine import combine
from catalog.expand import expand
from catalog.inputs import copy_chain, read_inputs
from catalog.spoken import shown_text, spoken_text
from catalog.story import tidy


def variants(folder) -> dict[str, Variant]:
    return {one.id: one for one in expanded(folder) if isinstance(one, Variant)}


def refusals(folder) -> list[Refusal]:
    return [one for one in expanded(folder) if isinstance(one, Refusal)]


def test_products_locales_and_formats_are_crossed(tmp_path):
    """Two products, three locales and two formats make twelve variants with readable ids."""
    found = variants(write_campaign(tmp_path))

    assert 12 == len(found)
    assert "test/cup/de-DE/story_9x16" in found


def test_each_locale_sees_its_own_words_and_prices(tmp_path):
    """Copy, product text and price come from the locale's files; digits are shown, words are spoken."""
    found = variants(write_campaign(tmp_path))
    german, english = found["test/cup/de-DE/story_9x16"], found["test/cup/en-US/story_9x16"]

    assert ("Fasst Kaffee", "Holds coffee") == (german.scenes[0].headline, english.scenes[0].headline)
    assert ("9,50\xa0€", "$8") == (german.scenes[1].badge, english.scenes[1].badge)
    assert "Jetzt \ufff99,50\xa0€\ufffaneun Euro fünfzig\ufffb" == german.scenes[1].narration


def test_a_narration_says_what_the_copy_writes(tmp_path):
    """Typed numbers are said in the language of each locale; what is shown stays as it was typed."""
    campaign = CAMPAIGN.replace('narration: "{{ copy.hook }}"', 'narration: "-20 %, 500 ml"')
    campaign = campaign.replace('headline: "{{ copy.hook }}"', 'headline: "-20 %, 500 ml"')
    found = variants(write_campaign(tmp_path, campaign=campaign))
    german, english = (found[f"test/cup/{tag}/story_9x16"].scenes[0] for tag in ("de-DE", "en-US"))

    assert "minus zwanzig Prozent, fünfhundert Milliliter" == spoken_text(german.narration)
    assert "minus twenty percent, five hundred milliliters" == spoken_text(english.narration)
    assert ["-20 %, 500 ml"] * 4 == [
        text for scene in (german, english) for text in (scene.headline, shown_text(scene.narration))
    ]


def test_the_campaigns_lexicon_says_its_names(tmp_path):
    """lexicon.yaml beside the campaign is heard in narrations, and seen nowhere."""
    campaign = CAMPAIGN.replace('narration: "{{ copy.hook }}"', 'narration: "{{ product.title }}"')
    folder = write_campaign(tmp_path, campaign=campaign)
    (folder / "lexicon.yaml").write_text("- word: Aurora\n  say: オーロラ\n  locales: [ja]\n", encoding="utf-8")
    found = variants(folder)
    japanese, german = (found[f"test/cup/{tag}/story_9x16"].scenes[0].narration for tag in ("ja-JP", "de-DE"))

    assert ("Aurora カップ", "オーロラ カップ") == (shown_text(japanese), spoken_text(japanese))
    assert "Aurora Tasse" == german


def test_a_wrong_lexicon_is_refused_before_anything_is_made(tmp_path):
    """A campaign whose lexicon cannot be read is not expanded without it."""
    folder = write_campaign(tmp_path)
    (folder / "lexicon.yaml").write_text("- word: Aurora\n", encoding="utf-8")

    with pytest.raises(CatalogError, match=r"lexicon.yaml:1: .* Write 'say'"):
        expanded(folder)


def test_a_scene_with_a_false_when_is_left_out(tmp_path):
    """The lamp is not on sale, so its ad has no offer."""
    found = variants(write_campaign(tmp_path))

    assert ["hero", "offer"] == [scene.id for scene in found["test/cup/en-US/square_1x1"].scenes]
    assert ["hero"] == [scene.id for scene in found["test/lamp/en-US/square_1x1"].scenes]


def test_the_picture_is_described_in_the_primary_feeds_words(tmp_path):
    """A local title never reaches the prompt, so translations share their shots."""
    found = variants(write_campaign(tmp_path))

    assert {"Aurora Cup on silk"} == {one.scenes[0].prompt for one in found.values() if one.product_id == "cup"}


def test_copy_in_a_prompt_is_refused_with_the_names_that_are_known(tmp_path):
    """Only what the picture shows may enter a prompt."""
    campaign = CAMPAIGN.replace("{{ product.title }} on silk", "{{ copy.hook }}")
    reason = refusals(write_campaign(tmp_path, campaign=campaign))[0].reason

    assert reason.endswith("'copy' is undefined. Known names: campaign, format, locale, price, product.")
    assert "campaign.yaml:12: scenes[0].prompt" in reason


def test_a_locale_without_a_copy_key_is_refused_by_name_and_the_rest_goes_on(tmp_path):
    """Missing copy is no English ad in Germany: the key, the locale and the files to mend are named."""
    copy = COPY | {"de": COPY["de"].replace("cta: Jetzt kaufen\n", "")}
    folder = write_campaign(tmp_path, copy=copy)
    refused = refusals(folder)

    assert {"de-DE"} == {one.locale for one in refused}
    assert 4 == len(refused)
    assert f"{tmp_path.name}/copy: de-DE has no 'cta'. Add it to copy/de-DE.yaml or copy/de.yaml." == refused[0].reason
    assert 8 == len(variants(folder))


def test_copy_falls_back_along_the_language_and_elsewhere_only_where_the_campaign_says_so():
    """Switzerland reads German; the Netherlands read English only if that is written down."""
    assert ("de-CH", "de") == copy_chain("de-CH", {})
    assert ("nl-NL", "nl", "en-GB", "en") == copy_chain("nl-NL", {"nl": "en-GB"})


def test_a_product_without_a_price_is_refused_by_name_and_the_rest_goes_on(tmp_path):
    """The row is named with file, line and field."""
    folder = write_campaign(tmp_path, feed=FEED.replace("50.00 USD", ""))
    refused = refusals(folder)

    assert {"lamp"} == {one.product_id for one in refused}
    assert refused[0].reason.startswith("products.csv:3: price")
    assert 6 == len(variants(folder))


def test_a_product_without_a_local_price_is_refused_where_it_lacks_one(tmp_path):
    """An ad never shows dollars to people who pay in yen unless the campaign wants that."""
    folder = write_campaign(tmp_path)
    (folder / "products.ja-JP.csv").unlink()

    assert {"ja-JP"} == {one.locale for one in refusals(folder)}
    assert "cup has a price in USD, but ja-JP sells in JPY" in refusals(folder)[0].reason
    assert [] == refusals(write_campaign(tmp_path, campaign=CAMPAIGN + "prices: feed\n"))


def test_a_product_whose_picture_is_broken_is_refused_with_the_pictures_problem(tmp_path):
    """What the picture intake found becomes the reason of each variant of that product."""
    inputs = read_inputs(write_campaign(tmp_path))
    problem = Problem("products.csv:2: image_link", "cup.png is not a picture", "Replace the file.", "cup")
    results = list(expand(inputs, combine(inputs), images_of(inputs), {"cup": problem}, MOMENT))

    assert 6 == sum(isinstance(one, Refusal) and one.reason == str(problem) for one in results)
    assert 6 == sum(isinstance(one, Variant) for one in results)


def test_the_sale_window_decides_by_the_moment_of_the_run(tmp_path):
    """Outside its window a sale price is neither shown nor a reason for the offer scene."""
    header = FEED.splitlines()[0] + ",sale_price_effective_date"
    row = "cup,Aurora Cup,cup.png,10.00 USD,8.00 USD,Aurora,Holds coffee,2026-01-01T00:00+0000/2026-02-01T00:00+0000"
    found = variants(write_campaign(tmp_path, feed=f"{header}\n{row}\n"))

    assert ["hero"] == [scene.id for scene in found["test/cup/en-US/square_1x1"].scenes]
    assert ("$10", "") == (found["test/cup/en-US/square_1x1"].price, found["test/cup/en-US/square_1x1"].sale_price)


def test_axes_are_crossed_zipped_and_joined(tmp_path):
    """Each way of combining values is written down, never guessed."""
    axes = """axes:
  mood: [calm, bold]
  pair: {zip: {first: [a, b], second: [x, y]}}
  city: {join: cities.csv, on: locale}
"""
    folder = write_campaign(tmp_path, campaign=CAMPAIGN + axes)
    (folder / "cities.csv").write_text("locale,city\nde-DE,Berlin\nde-DE,Köln\nen-US,Boston\n", encoding="utf-8")
    found = variants(folder)
    german = [
        one.axes for one in found.values() if (one.product_id, one.locale, one.format) == ("cup", "de-DE", "square_1x1")
    ]

    assert 2 * 2 * 2 == len(german)
    assert {("a", "x"), ("b", "y")} == {(axes["first"], axes["second"]) for axes in german}
    assert "test/cup/de-DE/square_1x1/calm/a/x/K%C3%B6ln" in found
    assert not any(one.locale == "ja-JP" for one in found.values())


def test_overrides_change_only_the_variants_they_are_for(tmp_path):
    """A language override reaches all of its regions; other variants keep the template's words."""
    overrides = """overrides:
  - {where: {locale: de}, scene: hero, set: {headline: "Nur hier", duration_s: 3}}
  - {where: {format: square_1x1}, scene: end_card, set: {headline: ""}}
"""
    found = variants(write_campaign(tmp_path, campaign=CAMPAIGN + overrides))

    assert ("Nur hier", 3) == (
        found["test/cup/de-DE/story_9x16"].scenes[0].headline,
        found["test/cup/de-DE/story_9x16"].scenes[0].duration_s,
    )
    assert "Holds coffee" == found["test/cup/en-US/story_9x16"].scenes[0].headline
    assert ["Aurora", ""] == [
        found[f"test/cup/en-US/{name}"].end_card.headline for name in ("story_9x16", "square_1x1")
    ]


def test_a_sample_is_spread_over_locales_and_formats_and_stays_the_same(tmp_path):
    """Six of twelve variants show each locale in each format once."""
    inputs = read_inputs(write_campaign(tmp_path))
    chosen = combine(inputs, Sample(count=6))

    assert 6 == len({(one.locale, one.format) for one in chosen})
    assert chosen == combine(inputs, Sample(count=6))


def test_when_drops_variants_without_counting_them(tmp_path):
    """What a campaign does not ask for is neither made nor missing."""
    found = expanded(write_campaign(tmp_path, campaign=CAMPAIGN + "when: \"{{ locale.tag != 'ja-JP' }}\"\n"))

    assert 8 == len(found)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ('prompt: "{{ product.title }} on silk"', 'prompt: "{{ product.title "'),
        ("look: {scene: silk", "loook: {scene: silk"),
        ("duration_s: 2\n    look", "duration_s: -1\n    look"),
        ("formats: [story_9x16", "formats: [story_9x17"),
        ("feed: products.csv", "feed: nothing.csv"),
        ("id: offer", "id: hero"),
    ],
)
def test_a_campaign_that_cannot_be_used_says_where_and_why(tmp_path, wrong, message):
    """Errors of the template name file, line and field and stop before anything is made."""
    folder = write_campaign(tmp_path, campaign=CAMPAIGN.replace(wrong, message))
    with pytest.raises(CatalogError, match=r"campaign\.yaml:\d+: "):
        expanded(folder)


def test_a_look_may_be_told_in_jinja(tmp_path):
    """Scenes, light and energy follow the product, as the palette does."""
    words = """scene: "{{ 'silk' if product.sale_price else 'mist' }}",
      second_scene: "{{ 'petals' if product.sale_price else '' }}", second_share: 0.3,
      light: "{{ 'top' if product.sale_price else 'left' }}", energy: "{{ 0.9 if product.sale_price else 0.2 }}\""""
    found = variants(write_campaign(tmp_path, campaign=CAMPAIGN.replace("scene: silk", words)))

    cup, lamp = (found[f"test/{name}/en-US/square_1x1"].scenes[0].look for name in ("cup", "lamp"))

    assert ("silk", "petals", 0.3, "top", 0.9) == look_words(cup)
    assert ("mist", "", 0.5, "left", 0.2) == look_words(lamp)


def look_words(look):
    return look.scene, look.second_scene, look.second_share, look.light, look.energy


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "camera: dolly_in, loop: true",
            "campaign.yaml:11: scenes[0].look.camera: 'dolly_in' does not fit. "
            "A look with loop: true ends where it began; write camera: static, or loop: false.",
        ),
        (
            "camera: dolly_in, second_share: 0.3",
            "campaign.yaml:11: scenes[0].look.second_share: 0.3 does not fit. "
            "There is no second scene to show; write second_scene, or remove second_share.",
        ),
        (
            "camera: dolly_in, camera_speed: 9",
            "campaign.yaml:11: scenes[0].look.camera_speed: 9 does not fit. Input should be less than or equal to 3.",
        ),
    ],
    ids=["loop", "share", "speed"],
)
def test_a_look_that_contradicts_itself_is_refused_at_the_door(tmp_path, words, message):
    """File, line, field, value and cure, before anything is expanded."""
    folder = write_campaign(tmp_path, campaign=CAMPAIGN.replace("camera: dolly_in", words))

    with pytest.raises(CatalogError, match=re.escape(message)):
        expanded(folder)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("approximations: fp8_linear", "approximations: 'fp8_linear' does not fit. Write a list: [first, second]."),
        ("approximations: [8]", "approximations[0]: 8 does not fit. Write a text; a number goes between quotes."),
        ("seed: many", "seed: 'many' does not fit. Write a whole number."),
    ],
    ids=["list", "text", "number"],
)
def test_a_field_of_another_kind_is_refused_in_words_of_yaml(tmp_path, field, message):
    """The cure names what to write, not what Python would call it."""
    folder = write_campaign(tmp_path, campaign=CAMPAIGN.replace("id: test\n", f"id: test\n{field}\n"))

    with pytest.raises(CatalogError, match=re.escape(message)):
        expanded(folder)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("camera: \"{{ 'dolly_in' }}\", loop: true", "look.camera: 'dolly_in' does not fit. A look with loop: true"),
        ("light: below", "look.light: 'below' does not fit. Input should be 'left', 'top_left'"),
        ("energy: 2", "look.energy: '2.0' does not fit. Input should be less than or equal to 1."),
        ("energy: lively", "look.energy: 'lively' does not fit. Input should be a valid number"),
    ],
    ids=["loop", "light", "energy", "word"],
)
def test_a_look_that_does_not_fit_when_rendered_refuses_its_variants(tmp_path, words, message):
    """The reason of each refusal names file, line, field, value and cure."""
    reason = refusals(write_campaign(tmp_path, campaign=CAMPAIGN.replace("camera: dolly_in", words)))[0].reason

    assert f"campaign.yaml:11: scenes[0].{message}" in reason


def test_an_override_may_not_let_a_loop_move(tmp_path):
    """What an override leaves is checked like the template."""
    campaign = CAMPAIGN.replace("camera: dolly_in", "loop: true")
    campaign += "overrides:\n  - {where: {locale: de}, scene: hero, set: {look: {camera: pan_left}}}\n"

    with pytest.raises(CatalogError, match=r"overrides\[0\]\.set\.look\.camera: 'pan_left' does not fit"):
        expanded(write_campaign(tmp_path, campaign=campaign))


@pytest.mark.parametrize(
    "attack", ["{{ ''.__class__.__mro__ }}", "{{ product.__init__.__globals__ }}", "{{ cycler.__init__ }}"]
)
def test_templates_cannot_reach_python(tmp_path, attack):
    """The sandbox turns an escape into a refusal."""
    folder = write_campaign(tmp_path, campaign=CAMPAIGN.replace("{{ product.title }} on silk", attack))

    assert 12 == len(refusals(folder))


@settings(max_examples=40, deadline=None)
@given(title=st.text(min_size=1, max_size=80).filter(lambda text: text.strip() and text.isprintable()))
def test_a_title_cannot_break_the_template(tmp_path_factory, title):
    """Quotes, braces, colons and scripts of all kinds are text: YAML was parsed before, Jinja is not run twice."""
    quoted = title.replace('"', '""')
    folder = write_campaign(tmp_path_factory.mktemp("c"), feed=FEED.replace("Aurora Cup", f'"{quoted}"'))
    results = expanded(folder)

    assert 12 == len(results)
    for one in results:
        if isinstance(one, Variant) and one.product_id == "cup":
            assert f"{tidy(title)} on silk" == one.scenes[0].prompt


def test_markets_that_differ_in_one_column_only_do_not_mix(tmp_path):
    """Austria and Germany may share title and price, and still say different things."""
    folder = write_campaign(tmp_path, campaign=CAMPAIGN.replace("[en-US, de-DE, ja-JP]", "[de-DE, de-AT]"))
    german = (folder / "products.de-DE.csv").read_text(encoding="utf-8")
    (folder / "products.de-AT.csv").write_text(german.replace("Fasst Kaffee", "Fasst Melange"), encoding="utf-8")
    found = variants(folder)

    assert "Fasst Kaffee" == found["test/cup/de-DE/story_9x16"].scenes[0].headline
    assert "Fasst Melange" == found["test/cup/de-AT/story_9x16"].scenes[0].headline


def asking(wish: str, campaign: str = CAMPAIGN, scene: str = "offer") -> str:
    """The campaign, with one more wish of a scene."""
    return campaign.replace(f"id: {scene}\n", f"id: {scene}\n    {wish}\n")


@pytest.fixture
def folder(tmp_path):
    """A campaign's folder with a clip and a picture, beside files that are none of its business."""
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    own = tmp_path / "c"
    (own / "clips").mkdir(parents=True)
    (own / "clips" / "store.mp4").write_bytes(b"clip")
    (own / "clips" / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (own / "wall.png").write_bytes(b"picture")
    return own


def test_what_a_model_may_start_from_reaches_the_scene(folder):
    """Each wish of a scene arrives as it was written; a scene without any asks for none."""
    campaign = asking("restyle: {clip: clips/store.mp4}", asking("ends_on: wall.png\n    upscale: 2", scene="hero"))
    hero, offer = variants(write_campaign(folder, campaign=campaign))["test/cup/en-US/square_1x1"].scenes

    assert ("wall.png", 2, None, "") == (hero.ends_on, hero.upscale, hero.restyle, hero.continues)
    assert ("clips/store.mp4", 0.6) == (offer.restyle.clip, offer.restyle.strength)
    assert ("", 1) == (offer.ends_on, offer.upscale)


def test_an_override_may_name_other_footage(folder):
    """One language has its own clip, and keeps the strength that it does not mention."""
    (folder / "clips" / "laden.mp4").write_bytes(b"clip")
    campaign = asking("restyle: {clip: clips/store.mp4, strength: 0.3}")
    campaign += "overrides:\n  - {where: {locale: de}, scene: offer, set: {restyle: {clip: clips/laden.mp4}}}\n"
    found = variants(write_campaign(folder, campaign=campaign))
    german, english = (found[f"test/cup/{tag}/square_1x1"].scenes[1].restyle for tag in ("de-DE", "en-US"))

    assert ("clips/laden.mp4", 0.3) == (german.clip, german.strength)
    assert ("clips/store.mp4", 0.3) == (english.clip, english.strength)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (
            "restyle: {clip: clips/no.mp4}",
            "scenes[1].restyle.clip: there is no file 'clips/no.mp4' in c/. Check the name.",
        ),
        ("restyle: {clip: ../secret.mp4}", "'../secret.mp4' is outside of c/. Copy it beside the campaign"),
        ("restyle: {clip: clips/../../secret.mp4}", "'clips/../../secret.mp4' is outside of c/."),
        ("restyle: {clip: clips/link.mp4}", "'clips/link.mp4' is a link out of c/. Put a copy in its place."),
        ("ends_on: /etc/hostname", "scenes[1].ends_on: '/etc/hostname' is outside of c/."),
        ("ends_on: clips", "scenes[1].ends_on: there is no file 'clips' in c/."),
    ],
)
def test_files_lie_beside_the_campaign(folder, wish, message):
    """Absent files, ways out of the folder and links out of it are named with file, line and cure."""
    with pytest.raises(CatalogError, match=rf"^c/campaign\.yaml:16: .*{re.escape(message)}"):
        expanded(write_campaign(folder, campaign=asking(wish)))


def test_files_of_overrides_lie_beside_the_campaign_too(folder):
    """A way out is found wherever it is written."""
    campaign = CAMPAIGN + "overrides:\n  - {where: {locale: de}, scene: hero, set: {ends_on: ../secret.mp4}}\n"

    with pytest.raises(CatalogError, match=r"overrides\[0\]\.set\.ends_on: '\.\./secret\.mp4' is outside of c/"):
        expanded(write_campaign(folder, campaign=campaign))


@pytest.mark.parametrize(
    ("campaign", "message"),
    [
        (asking("continues: offer"), "scenes[1].continues: 'offer' is no scene before 'offer'. Earlier ones: hero."),
        (asking("continues: offer", scene="hero"), "'offer' is no scene before 'hero'. Remove it"),
        (
            CAMPAIGN + "overrides:\n  - {where: {locale: de}, scene: offer, set: {continues: nobody}}\n",
            "overrides[0].set.continues: 'nobody' is no scene before 'offer'.",
        ),
        (
            asking("continues: hero\n    restyle: {clip: clips/store.mp4}"),
            "restyle: {'clip': 'clips/store.mp4'} does not fit. A scene starts from one clip; write continues or restyle",
        ),
        (
            asking("restyle: {clip: clips/store.mp4}\n    ends_on: wall.png"),
            "ends_on: 'wall.png' does not fit. A clip that is painted anew has its own last frame",
        ),
        (
            asking("continues: hero").replace('palette: "#101010 #808080 #F0F0F0"', "palette: red, loop: true"),
            "continues: 'hero' does not fit. A look with loop: true ends where it began",
        ),
        (
            asking("ends_on: wall.png").replace('palette: "#101010 #808080 #F0F0F0"', "palette: red, loop: true"),
            "ends_on: 'wall.png' does not fit. A look with loop: true ends where it began",
        ),
        (asking("upscale: 3"), "upscale: 3 does not fit. Input should be 1 or 2."),
        (CAMPAIGN + "adapters: [{name: a}, {name: a}]\n", "An adapter counts once"),
        (CAMPAIGN + "adapters: [{name: a, weight: 9}]\n", "adapters[0].weight: 9 does not fit."),
    ],
)
def test_wishes_that_contradict_each_other_are_refused_at_the_door(folder, campaign, message):
    """Place, fact and cure, before anything is expanded."""
    with pytest.raises(CatalogError, match=re.escape(message)):
        expanded(write_campaign(folder, campaign=campaign))


def test_a_scene_cannot_go_on_from_one_that_is_left_out(tmp_path):
    """Where `when` leaves the earlier scene out, the variant is refused; where it shows, the variant is made."""
    campaign = CAMPAIGN.replace(
        "end_card:",
        """  - id: last
    duration_s: 1
    continues: offer
    look: {scene: silk, palette: "#101010 #808080 #F0F0F0"}
end_card:""",
    )
    folder = write_campaign(tmp_path, campaign=campaign)

    assert {"lamp"} == {one.product_id for one in refusals(folder)}
    assert refusals(folder)[0].reason.endswith(
        "campaign.yaml:23: scenes[2].continues: scene 'offer' is left out by its 'when', so 'last' has nothing to go on "
        "from. Give both the same 'when', or remove 'continues'."
    )
    assert {"cup"} == {one.product_id for one in variants(folder).values()}


@pytest.mark.parametrize(
    ("campaign", "reason"),
    [
        (
            asking("continues: hero").replace("camera: dolly_in", "loop: true"),
            "scene 'hero' is a loop and has no end to go on from. Remove its 'loop: true', or 'continues'.",
        ),
        (
            asking("continues: hero", asking("product: in_shot", scene="hero")),
            "the take of scene 'hero' holds the product, which would be there twice. Write 'product: in_shot'.",
        ),
        (
            asking("continues: hero\n    product: in_place"),
            "a product in_place stays where it is for the whole take, and 'continues' gives the take other frames.",
        ),
        (
            asking("product: in_place", scene="hero").replace("camera: dolly_in", "loop: true"),
            "and 'loop: true' gives the take other frames. Remove 'loop: true', or write 'product: composite'.",
        ),
        (asking("product: beside"), "'beside' is no way to show a product. Use composite, in_place, in_shot or none."),
    ],
)
def test_scenes_that_do_not_fit_each_other_refuse_their_variants(tmp_path, campaign, reason):
    """What only shows when the scenes are rendered is a refusal with its reason."""
    found = refusals(write_campaign(tmp_path, campaign=campaign))

    assert {"cup"} <= {one.product_id for one in found}
    assert reason in found[0].reason


def test_a_product_in_place_needs_an_outline(tmp_path):
    """A picture that is not cut out would keep its background; the variant is refused and says what to supply."""
    inputs = read_inputs(write_campaign(tmp_path, campaign=asking("product: in_place", scene="hero")))
    images = images_of(inputs)
    images["lamp"] = images["lamp"].model_copy(update={"has_cutout": False})
    results = list(expand(inputs, combine(inputs), images, {}, MOMENT))
    refused = [one for one in results if isinstance(one, Refusal)]

    assert [6, {"lamp"}] == [len(refused), {one.product_id for one in refused}]
    assert (
        "scenes[0].product: in_place needs the product's outline, and its picture has none. Supply" in refused[0].reason
    )


def test_words_that_all_locales_share_are_read_by_each_in_its_own_way(tmp_path):
    """A narration without any variable is still spoken in the language of its ad, and so is its shorter form."""
    campaign = CAMPAIGN.replace('narration: "{{ copy.hook }}"', 'narration: "20 %"\n    narration_short: "3 kg"', 1)
    assert campaign != CAMPAIGN

    spoken = {
        variant.locale: (spoken_text(variant.scenes[0].narration), spoken_text(variant.scenes[0].narration_short))
        for variant in expanded(write_campaign(tmp_path, campaign=campaign))
    }

    assert spoken["en-US"] == ("twenty percent", "three kilograms")
    assert spoken["de-DE"] == ("zwanzig Prozent", "drei Kilogramm")
