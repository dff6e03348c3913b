"""The steps of a run: how work is split, what a budget stops, and what another run of the same work finds."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from campaign_folder import CAMPAIGN, FACTS, FEED, planned, write_campaign
from catalog import CatalogError
from renderer import batches, campaign_files
from renderer.artifacts import Speech
from renderer.backends.video_models import VIDEO_MODELS
from renderer.batches import split
from renderer.digest import file_sha256
from renderer.errors import BudgetExceeded, PlanError, StageFailed, StoreError
from renderer.media import read_stereo, write_take, write_wav
from renderer.offers import latest
from renderer.settings import Settings
from renderer.split import share_of_longest
from speech_servers import Answer, server
from tiny_piper import write_piper


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(store_url=f"file://{tmp_path}/store", build_dir=tmp_path, workers=1)


def test_every_missing_variant_is_in_exactly_one_batch(tmp_path):
    """Nothing is lost between batches and nothing done twice."""
    plan = planned(write_campaign(tmp_path))
    ids = [one.variant.id for batch in split(plan, plan.variants, 64) for one in batch.variants]

    assert sorted(one.variant.id for one in plan.variants) == sorted(ids)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_there_are_never_more_batches_than_allowed(tmp_path, most):
    """Airflow's grid stays readable however large the campaign."""
    plan = planned(write_campaign(tmp_path))

    assert 1 <= len(split(plan, plan.variants * 20, most)) <= most


def test_variants_that_share_shots_stay_together(tmp_path):
    """The shots of a batch are needed by that batch alone as far as that goes."""
    plan = planned(write_campaign(tmp_path))
    found = split(plan, plan.variants, 2)
    shared = {shot.key for shot in found[0].shots} & {shot.key for shot in found[1].shots}

    assert 2 == len(found)
    assert 2 >= len(shared)


def test_a_batch_lists_all_that_its_variants_need(tmp_path):
    """A worker finds shots, lines and captions of a batch without asking for more."""
    plan = planned(write_campaign(tmp_path))
    for batch in split(plan, plan.variants, 64):
        keys = {one.key for one in (*batch.shots, *batch.lines, *batch.captions)}

        assert {key for one in batch.variants for key in (*one.shots, *one.lines, *one.cues) if key} == keys


def test_nothing_missing_means_no_batches(tmp_path):
    """A run whose ads all exist has nothing to map over."""
    assert [] == split(planned(write_campaign(tmp_path)), [], 16)


def test_planning_refuses_what_the_budget_does_not_allow(tmp_path, settings):
    """The hours and the budget are named before anything is rendered."""
    campaign = CAMPAIGN + "budget: {gpu_hours: 0.00001}\n"
    started = batches.start_run(str(write_campaign(tmp_path / "c", campaign=campaign)), "r1", None, None, settings)
    with pytest.raises(PlanError, match="GPU hours, and the budget allows 1e-05"):
        batches.plan_run(started["run"], settings)


def test_an_unknown_model_is_refused_when_planning(tmp_path, settings):
    """The known models are named."""
    started = batches.start_run(str(write_campaign(tmp_path / "c")), "r1", None, "sora", settings)
    with pytest.raises(Exception, match="backdrop"):
        batches.plan_run(started["run"], settings)


def test_models_that_can_are_taken_from_the_table(tmp_path, settings, monkeypatch):
    """Whoever asks too much of a model learns which other would do."""
    able = replace(VIDEO_MODELS["backdrop"], abilities=frozenset({"image"}))
    monkeypatch.setitem(VIDEO_MODELS, "painter", able)
    campaign = CAMPAIGN.replace("headline:", "product: in_shot\n    headline:", 1)
    run = start(tmp_path / "c", settings, campaign=campaign)

    with pytest.raises(PlanError, match=r"backdrop cannot draw a product into the shot\..* Models that can: .*painter"):
        batches.plan_run(run, settings)


def test_a_run_that_does_not_exist_is_said_so(settings):
    """Typing a wrong run id gives the way on."""
    with pytest.raises(StoreError, match=r"run test/nothing: context\.json is not in the store"):
        batches.plan_run("test/nothing", settings)


def test_planning_again_keeps_what_was_missing_at_first(tmp_path, settings):
    """A task that Airflow tries again does not count its own work as found."""
    started = batches.start_run(str(write_campaign(tmp_path / "c")), "r1", None, None, settings)
    batches.plan_run(started["run"], settings)
    state = batches.open_run(started["run"], settings)
    before = state.summary()
    shot = next(iter(before.missing_shots))
    state.store.put_bytes(f"takes/{shot}.json", b"{}")
    batches.plan_run(started["run"], settings)

    assert before == state.summary()


TIERS = CAMPAIGN.replace(
    "id: test\n",
    """id: test
tiers:
  draft: {model: backdrop, num_inference_steps: 1}
  standard: {model: backdrop}
  hero: {model: backdrop, num_inference_steps: 6}
tier: standard
""",
)


def start(folder, settings, run_id="r1", campaign=TIERS, **wish) -> str:
    wish = {"sample": None, "model": None} | wish
    return batches.start_run(str(write_campaign(folder, campaign=campaign)), run_id, settings=settings, **wish)["run"]


def steps(run, settings) -> set[int]:
    batches.plan_run(run, settings)
    return {shot.num_inference_steps for shot in batches.open_run(run, settings).shots()}


@pytest.mark.parametrize(("tier", "expected"), [(None, 3), ("draft", 1), ("standard", 3), ("hero", 6)])
def test_a_run_has_the_dials_of_its_tier(tmp_path, settings, tier, expected):
    """The campaign's own tier is used unless the run asks for another."""
    run = start(tmp_path / "c", settings, tier=tier)

    assert {expected} == steps(run, settings)
    assert (tier or "standard") == batches.open_run(run, settings).context().source.tier


def test_another_model_comes_with_its_own_dials(tmp_path, settings):
    """Steps of a tier are of the tier's model; `--model` leaves both behind."""
    assert {3} == steps(start(tmp_path / "c", settings, tier="hero", model="backdrop"), settings)


DIALS = TIERS.replace(
    "backdrop, num_inference_steps: 6}", "sharing, approximations: [fp8_linear], shared_steps: 2}"
).replace("id: hero\n", "id: hero\n    shared_prompt: silk\n")


def test_tiers_say_what_may_be_approximate_and_what_is_shared(tmp_path, settings, monkeypatch):
    """From the tier to shots, plan and a promoted run; another model leaves both behind."""
    row = VIDEO_MODELS["backdrop"]
    sharing = replace(row, num_inference_steps=4, approximations=frozenset({"fp8_linear"}), shares_steps=True)
    monkeypatch.setitem(VIDEO_MODELS, "sharing", sharing)
    draft = start(tmp_path / "c", settings, campaign=DIALS, tier="draft")
    hero = batches.promote_run(str(tmp_path / "c"), "r2", draft, "hero", None, settings)["run"]
    other = start(tmp_path / "c", settings, run_id="r3", campaign=DIALS, tier="hero", model="sharing")
    asked = []
    for run in (draft, hero, other):
        batches.plan_run(run, settings)
        state = batches.open_run(run, settings)
        asked.append({(shot.approximations, shot.shared_prompt, shot.shared_steps) for shot in state.shots()})

    assert [{((), "", 0)}, {(("fp8_linear",), "silk", 2), (("fp8_linear",), "", 0)}, {((), "", 0)}] == asked
    assert "sharing with fp8_linear" == batches.open_run(hero, settings).summary().named


def test_another_model_keeps_the_dials_of_a_campaign_without_tiers(tmp_path, settings):
    """What a campaign asks for at its top is meant for every model."""
    campaign = CAMPAIGN.replace("id: test\n", "id: test\nnum_inference_steps: 5\n")

    assert {5} == steps(start(tmp_path / "c", settings, campaign=campaign, model="backdrop"), settings)


@pytest.mark.parametrize(
    ("campaign", "message"),
    [
        (
            TIERS.replace("  hero:", "  # hero:"),
            r"c/campaign\.yaml:2: tiers: there is no tier 'hero'\. Known: draft, standard\.",
        ),
        (CAMPAIGN, r"c/campaign\.yaml:1: tiers: there is no tier 'hero'\. Add 'tiers', or go without\."),
    ],
)
def test_an_unknown_tier_is_refused_with_those_there_are(tmp_path, settings, campaign, message):
    """File and line are named."""
    with pytest.raises(CatalogError, match=message):
        start(tmp_path / "c", settings, campaign=campaign, tier="hero")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "id: test\n",
            "id: test\nmodel: backdrop\n",
            r"campaign\.yaml:2: model: stands beside 'tiers'\. Move it into them\.",
        ),
        ("tier: standard\n", "", r"campaign\.yaml:1: tier: names none .* usual one: draft, standard, hero\."),
        ("  standard:", "  # standard:", r"campaign\.yaml:6: tier: names none .* usual one: draft, hero\."),
        ("  draft:", "  final:", r"campaign\.yaml:3: tiers\.final"),
        ("num_inference_steps: 6", "num_inference_steps: 0", r"campaign\.yaml:5: tiers\.hero\.num_inference_steps"),
    ],
)
def test_tiers_that_contradict_themselves_are_refused(tmp_path, settings, old, new, message):
    """One place says which model; one of the tiers is the usual one; there are three names."""
    with pytest.raises(CatalogError, match=message):
        start(tmp_path / "c", settings, campaign=TIERS.replace(old, new))


def test_a_tier_of_a_campaign_without_tiers_is_refused(tmp_path, settings):
    """A forgotten `tiers` is not read as the default."""
    with pytest.raises(CatalogError, match=r"campaign\.yaml:2: tier: names none of the tiers"):
        start(tmp_path / "c", settings, campaign=CAMPAIGN.replace("id: test\n", "id: test\ntier: hero\n"))


def recorded(run, settings) -> int:
    """Pretend that the drafts were narrated; return how many lines they have."""
    state = batches.open_run(run, settings)
    lines = {line.key for number in range(len(state.summary().batch_labels)) for line in state.batch(number).lines}
    for key in lines:
        speech = Speech(
            key=key, object=f"speech/{key}.wav", sample_rate=24000, duration_ms=900, grade="natural", words=()
        )
        state.store.put_record(f"speech/{key}.json", speech)
    return len(lines)


def test_a_promoted_run_reuses_every_voice_and_makes_every_picture_anew(tmp_path, settings):
    """From draft to hero: same ads, same lines and captions, other shots; narrate has nothing to do."""
    draft = start(tmp_path / "c", settings, tier="draft")
    batches.plan_run(draft, settings)
    assert 9 == recorded(draft, settings)
    promoted = batches.promote_run(str(tmp_path / "c"), "r2", draft, "hero", None, settings)
    made = batches.plan_run(promoted["run"], settings)["batches"]
    first, second = (list(batches.open_run(run, settings).planned()) for run in (draft, promoted["run"]))
    summary = batches.open_run(promoted["run"], settings).summary()
    narrated = [batches.run_stage("narrate", batch, settings) for batch in made]

    assert [one.variant for one in first] == [one.variant for one in second]
    assert [(one.lines, one.cues) for one in first] == [(one.lines, one.cues) for one in second]
    assert {key for one in first for key in one.shots}.isdisjoint(key for one in second for key in one.shots)
    assert {one.creative_key for one in first}.isdisjoint(one.creative_key for one in second)
    assert (0, summary.shots) == (summary.missing_lines, len(summary.missing_shots))
    assert all(account["wanted"] for account in narrated)
    assert [(0, 0)] * len(made) == [(account["made"], account["failed"]) for account in narrated]


def test_a_promoted_run_makes_what_the_draft_was_whatever_changed_since(tmp_path, settings):
    """Prices of the feed and the sample are those that were looked at; the tiers are those of today."""
    draft = start(tmp_path / "c", settings, tier="draft", sample=3)
    batches.plan_run(draft, settings)
    later = TIERS.replace("num_inference_steps: 6", "num_inference_steps: 7").replace("on silk", "on stone")
    write_campaign(tmp_path / "c", campaign=later, feed=FEED.replace("8.00 USD", "7.00 USD"))
    started = batches.promote_run(str(tmp_path / "c"), "r2", "r1", "hero", None, settings)
    before, after = (batches.open_run(run, settings) for run in (draft, started["run"]))

    assert {7} == steps(started["run"], settings)
    assert 3 == started["requested"] == started["whole"]
    assert list(before.variants()) == list(after.variants())
    assert before.context().as_of == after.context().as_of


def test_a_promoted_run_refuses_what_the_draft_refused(tmp_path, settings):
    """The account of both runs closes over the same ads."""
    folder = write_campaign(tmp_path / "c", campaign=TIERS, feed=FEED.replace("50.00 USD", "dear"))
    draft = batches.start_run(str(folder), "r1", None, None, settings, tier="draft")
    promoted = batches.promote_run(str(folder), "r2", draft["run"], "hero", None, settings)
    spans = ("requested", "refused", "products", "locales", "formats")

    assert draft["refused"] > 0
    assert {name: draft[name] for name in spans} == {name: promoted[name] for name in spans}
    assert promoted["problems"] == len(batches.open_run(promoted["run"], settings).problems())


def test_runs_are_promoted_with_their_own_campaign(tmp_path, settings):
    """A run of another campaign, and one that does not exist, are said so."""
    start(tmp_path / "c", settings)
    other = write_campaign(tmp_path / "other", campaign=TIERS.replace("id: test", "id: other"))

    with pytest.raises(PlanError, match=r"run test/r1: is of test\. Promote it with that campaign, not other"):
        batches.promote_run(str(other), "r2", "test/r1", "hero", None, settings)
    with pytest.raises(StoreError, match=r"run other/r1: context\.json is not in the store"):
        batches.promote_run(str(other), "r2", "r1", "hero", None, settings)


WISHES = CAMPAIGN.replace("id: hero\n", "id: hero\n    restyle: {clip: clip.mov}\n").replace(
    "id: offer\n", "id: offer\n    ends_on: wall.png\n"
)


def with_files(folder, clip: int = 1):
    """Put a clip and a picture beside a campaign."""
    folder.mkdir(parents=True)
    frames = np.random.default_rng(clip).integers(0, 255, (4, 32, 48, 3), np.uint8)
    write_take(folder / "take.mp4", frames, 8.0)
    (folder / "take.mp4").rename(folder / "clip.mov")
    picture = Image.new("RGB", (300, 200), "white")
    picture.paste((200, 30, 30), (100, 50, 200, 150))
    picture.save(folder / "wall.png")
    return folder


def test_a_run_keeps_what_its_scenes_start_from(tmp_path, settings):
    """Clips and pictures lie in the store by content, whole, and shots name them there."""
    folder = with_files(tmp_path / "c")
    run = start(folder, settings, campaign=WISHES)
    state = batches.open_run(run, settings)
    hero, offer = next(one for one in state.variants() if one.product_id == "cup").scenes
    picture = Image.open(state.store.local(f"images/{offer.ends_on}.png"))

    assert f"clips/{file_sha256(folder / 'clip.mov')}.mp4" == hero.restyle.clip
    assert (folder / "clip.mov").read_bytes() == state.store.get_bytes(hero.restyle.clip)
    assert ("RGBA", (300, 200)) == (picture.mode, picture.size)


def test_a_run_with_another_clip_makes_other_shots(tmp_path, settings, monkeypatch):
    """A file of the same name with other content is another clip; the same content under another name is not."""
    able = replace(VIDEO_MODELS["backdrop"], abilities=frozenset({"text", "restyle", "first_last"}))
    monkeypatch.setitem(VIDEO_MODELS, "painter", able)
    keys = []
    for number, clip in enumerate((1, 2, 1)):
        folder = with_files(tmp_path / f"c{number}", clip)
        campaign = WISHES if number < 2 else WISHES.replace("clip.mov", "same.mov")
        if number == 2:
            (folder / "clip.mov").rename(folder / "same.mov")
        run = start(folder, settings, run_id=f"r{number}", campaign=campaign, model="painter")
        batches.plan_run(run, settings)
        shots = batches.open_run(run, settings).shots()
        keys.append({shot.key for shot in shots if shot.footage is not None})

    assert keys[0]
    assert keys[0] == keys[2]
    assert keys[0].isdisjoint(keys[1])


def test_a_run_keeps_the_music_that_lies_beside_its_campaign(tmp_path, settings):
    """As it will be heard, named by its content; other music makes other ads; the licence goes with it."""
    folder = tmp_path / "c"
    folder.mkdir()
    own = CAMPAIGN + 'music: {file: bed.wav, licence: "bought from Ana, 2026-11", bpm: 120}\n'
    keys, objects = [], []
    for number, hertz in enumerate((440, 330)):
        tone = np.sin(2 * np.pi * hertz * np.arange(150_000) / 24_000).astype(np.float32)
        write_wav(folder / "bed.wav", 0.5 * tone, 24_000)
        run = start(folder, settings, run_id=f"r{number}", campaign=own)
        batches.plan_run(run, settings)
        state = batches.open_run(run, settings)
        (music,) = {one.music for one in state.variants()}
        heard, rate = read_stereo(state.store.local(music.file))
        keys.append({one.creative_key for one in state.planned()})
        objects.append(music.file)

        assert (300_000, 48_000) == (pytest.approx(len(heard), abs=50), rate)
        assert "bought from Ana, 2026-11" == music.rights
    assert objects[0] != objects[1]
    assert keys[0].isdisjoint(keys[1])


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"no music", "'bed.wav' cannot be read as sound. Supply one"), (None, "'bed.wav' is silent. Supply another")],
)
def test_music_that_cannot_be_played_stops_the_run(tmp_path, settings, content, said):
    """With file, line and cure."""
    (tmp_path / "c").mkdir()
    write_wav(tmp_path / "c" / "bed.wav", np.zeros(48_000, np.float32), 48_000)
    if content is not None:
        (tmp_path / "c" / "bed.wav").write_bytes(content)

    with pytest.raises(CatalogError) as refused:
        start(tmp_path / "c", settings, campaign=CAMPAIGN + "music: {file: bed.wav, licence: ours}\n")
    assert re.match(r"c/campaign.yaml:\d+: music.file: " + re.escape(said), str(refused.value))


def test_files_that_are_no_clip_and_no_picture_stop_the_run(tmp_path, settings):
    """All of them are named with file, line and cure, and nothing is started."""
    folder = with_files(tmp_path / "c")
    cut = (folder / "clip.mov").read_bytes()
    (folder / "clip.mov").write_bytes(cut[: len(cut) // 2])
    (folder / "wall.png").write_bytes(b"no picture")
    with pytest.raises(CatalogError) as refused:
        start(folder, settings, campaign=WISHES)
    first, second = str(refused.value).splitlines()

    assert (
        "c/campaign.yaml:10: scenes[0].restyle.clip: 'clip.mov' cannot be read as a video. "
        "Supply one that plays to its end, such as an MP4."
    ) == first
    assert second.startswith("c/campaign.yaml:17: scenes[1].ends_on: 'wall.png' cannot be used: ")
    assert second.endswith("Supply a whole PNG, JPEG or WebP file.")


def test_a_clip_too_large_for_a_worker_is_refused(tmp_path, settings, monkeypatch):
    """The number of frames that fit is said."""
    monkeypatch.setattr(campaign_files, "MAX_CLIP_BYTES", 3 * 32 * 48 * 3)

    with pytest.raises(CatalogError, match=r"'clip\.mov' is too long: 3 frames of its size fit\. Cut it"):
        start(with_files(tmp_path / "c"), settings, campaign=WISHES)


@pytest.mark.parametrize(
    ("changes", "share"),
    [
        ({}, 1.0),
        ({"num_inference_steps": 2}, 0.25),
        ({"num_frames": 11}, 1 / 3),
        ({"width": 72, "height": 128}, 1.0),
        ({"width": 48, "height": 96}, 0.5),
        ({"width": 192, "height": 192, "upscale": 2}, 4.0),
    ],
)
def test_a_shot_costs_in_proportion_to_steps_frames_and_pixels(tmp_path, changes, share):
    """One means the model's longest take of its largest own size, which the row's seconds are for."""
    shot = next(iter(planned(write_campaign(tmp_path)).shots.values()))
    longest = {"width": 96, "height": 96, "num_frames": 33, "num_inference_steps": 8}

    assert share_of_longest(shot.model_copy(update=longest | changes), FACTS) == pytest.approx(share)


def test_a_plan_adds_up_what_its_shots_cost(tmp_path, settings):
    """Two seconds of the embedded model are six, a fifth of its longest take; a step of three is a third of it."""
    hours = []
    for run_id, tier in (("r1", "standard"), ("r2", "draft")):
        run = start(tmp_path / "c", settings, run_id=run_id, tier=tier)
        batches.plan_run(run, settings)
        summary = batches.open_run(run, settings).summary()
        takes = len(summary.missing_shots)
        hours.append(summary.gpu_hours)
        compose_s = summary.missing_creatives * 25.0
        assert summary.cpu_hours == pytest.approx((summary.gpu_hours * 3600 / 0.2 * 35 + compose_s) / 3600)

    assert hours[0] == pytest.approx(3 * hours[1])
    assert 0.8 * takes * 0.04 / 3600 < hours[0] <= takes * 0.04 / 3600


def with_voice(folder, settings, voice: str, campaign: str = CAMPAIGN) -> str:
    """Begin a run of English ads whose locale has this voice."""
    campaign = campaign.replace("[en-US, de-DE, ja-JP]", "[en-US]")
    rows = yaml.safe_load((Path(batches.__file__).parents[1] / "catalog/data/locales.yaml").read_text("utf-8"))
    write_campaign(folder, campaign=campaign)
    (folder / "locales.yaml").write_text(yaml.safe_dump({"en-US": rows["en-US"] | {"voice": voice}}), "utf-8")
    return batches.start_run(str(folder), "r1", None, None, settings)["run"]


def test_a_voice_of_ones_own_is_found_by_plan_and_by_workers(tmp_path, settings):
    """Its folder is a setting; records name it."""
    write_piper(tmp_path / "voices", "en_US-tiny", espeak={"voice": "en-us"})
    settings = settings.model_copy(update={"voices_dir": tmp_path / "voices"})
    run = with_voice(tmp_path / "c", settings, "piper:en_US-tiny")
    made = [batches.run_stage("narrate", batch, settings) for batch in batches.plan_run(run, settings)["batches"]]
    store = batches.open_run(run, settings).store
    records = [store.get_record(key, Speech) for key in store.keys("speech/") if key.endswith(".json")]

    assert len({record.object for record in records}) == sum(account["made"] for account in made) > 0
    assert {(one.voice, one.word_times) for one in records} == {("piper:en_US-tiny", "engine")}


def test_a_voice_that_is_not_set_up_is_refused_when_planning(tmp_path, settings):
    """With the setting that it needs, not line by line later."""
    run = with_voice(tmp_path / "c", settings, "openai:alloy")

    with pytest.raises(PlanError, match=r"locale en-US: voice openai:alloy: .* Set ADLOOM_SPEECH_URL"):
        batches.plan_run(run, settings)


def test_a_plan_says_who_will_not_be_heard(tmp_path, settings):
    """Before anything is spent; what is shown instead needs no voice."""
    run = with_voice(tmp_path / "c", settings, "espeak:auto")
    made = [batches.run_stage("narrate", batch, settings) for batch in batches.plan_run(run, settings)["batches"]]
    state = batches.open_run(run, settings)

    assert [warning for warning in state.summary().warnings if "locale en-US: espeak:auto is a draft voice" in warning]
    assert sum(account["made"] for account in made) > 0
    assert not [key for key in state.store.keys("speech/") if key.endswith(".wav")]


def test_a_service_that_is_down_costs_its_lines_and_no_more(tmp_path, settings, monkeypatch):
    """The error stands in the account, retryable; with a fallback the lines are spoken by it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with server(Answer(b"{}", 429, {"Retry-After": "3600"})) as log:
        settings = settings.model_copy(update={"speech_url": log.url, "speech_requests_per_s": 1000.0})
        run = with_voice(tmp_path / "c", settings, "openai:alloy")
        batch = batches.plan_run(run, settings)["batches"][0]
        with pytest.raises(StageFailed, match=r"all \d items failed, the first with: speech service .*HTTP 429"):
            batches.run_stage("narrate", batch, settings)
        settings = settings.model_copy(update={"store_url": f"file://{tmp_path}/other"})
        fallback = CAMPAIGN + "voices: {fallback: {en: 'pico:en-US'}}\n"
        run = with_voice(tmp_path / "c", settings, "openai:alloy", fallback)
        account = batches.run_stage("narrate", batches.plan_run(run, settings)["batches"][0], settings)

    assert account["failed"] == 0
    assert account["made"] == account["wanted"]


def wanted(settings: Settings, run: str) -> set[tuple[str, str, str]]:
    """What a run asks for."""
    return {(one.product_id, one.locale, one.format) for one in batches.open_run(run, settings).variants()}


def test_a_form_chooses_products_locales_and_formats(tmp_path, settings):
    """From everything the campaign spans, whatever its own sample is."""
    folder = write_campaign(tmp_path / "campaign", campaign=CAMPAIGN + "sample: {products: [cup], count: 1}\n")
    wish = {"products": ["lamp"], "locales": ["de-DE", "en-US"], "formats": ["square_1x1"]}
    run = batches.begin_run(str(folder), "r1", wish, settings)["run"]

    assert wanted(settings, run) == {("lamp", "de-DE", "square_1x1"), ("lamp", "en-US", "square_1x1")}


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"products": ["cap"]}, "products: test has no cap. It has: cup, lamp."),
        ({"locales": ["fr-FR"]}, "locales: test has no fr-FR. It has: en-US, de-DE, ja-JP."),
        ({"formats": ["story"]}, "formats: test has no story."),
        ({"promote": "r0", "products": ["cup"]}, "promote: makes exactly the variants of that run."),
    ],
)
def test_a_choice_that_is_not_there_is_refused(tmp_path, settings, wish, message):
    """A typing error must not render nothing and call it a success."""
    folder = write_campaign(tmp_path / "campaign")

    with pytest.raises(PlanError, match=message):
        batches.begin_run(str(folder), "r1", wish, settings)


def test_a_run_may_have_another_budget(tmp_path, settings):
    """The form's budget replaces the campaign's, in both directions."""
    folder = write_campaign(tmp_path / "campaign", campaign=CAMPAIGN + "budget: {gpu_hours: 0.0000001}\n")
    more = batches.begin_run(str(folder), "more", {"gpu_hours": 100}, settings)["run"]
    less = batches.begin_run(str(folder), "less", {"gpu_hours": 0.0000002}, settings)["run"]

    assert batches.plan_run(more, settings)["variants"] == 12
    with pytest.raises(BudgetExceeded, match="the budget allows 2e-07"):
        batches.plan_run(less, settings)


def test_what_is_sold_out_is_not_asked_for(tmp_path, settings):
    """Everywhere by the feed, in one market by its local feed."""
    feed = FEED.replace("custom_label_0", "custom_label_0,availability").replace("light", "light,out of stock")
    folder = write_campaign(tmp_path / "campaign", feed=feed.replace("coffee", "coffee,in stock"))
    (folder / "products.de-DE.csv").write_text("id,availability,price\ncup,out_of_stock,11.00 EUR\n")
    started = batches.begin_run(str(folder), "r1", {}, settings)

    assert (started["sold_out"], {(one[0], one[1]) for one in wanted(settings, started["run"])}) == (
        1,
        {("cup", "en-US"), ("cup", "ja-JP")},
    )


def test_an_older_run_brings_no_old_news(tmp_path, settings):
    """Its task, cleared and run again, does not put back on offer what sold out since."""
    folder = write_campaign(tmp_path / "campaign")
    old = batches.begin_run(str(folder), "old", {}, settings)["run"]
    state = batches.open_run(old, settings)
    offers = state.offers()
    state.write_offers(offers.model_copy(update={"as_of": "2020-01-01T00:00:00+00:00"}))
    write_campaign(folder, feed=FEED.replace("lamp,Aurora Lamp", "lamp,Aurora Lantern"))
    new = batches.begin_run(str(folder), "new", {}, settings)["run"]
    batches.withdraw_run(new, settings)
    batches.withdraw_run(old, settings)

    assert latest("test", state.store) == batches.open_run(new, settings).offers()
