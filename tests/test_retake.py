"""Retakes: what people want to have taken again is, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from campaign_folder import CAMPAIGN, FACTS, context_of, expanded, voices_of, write_campaign
from catalog.inputs import read_inputs
from renderer import batches
from renderer.artifacts import Retake
from renderer.journal import Journal
from renderer.plan import RenderPlan, plan
from renderer.review import Ruling, Subject, decide_all
from renderer.settings import Settings
from renderer.tools import Tools


@pytest.fixture
def folder(tmp_path):
    return write_campaign(tmp_path / "campaign")


def planned(folder, *wishes: Retake) -> RenderPlan:
    """The whole campaign with these wishes."""
    inputs = read_inputs(folder)
    tools = Tools.of(inputs.campaign, "some-model", FACTS, voices_of(inputs.locales.values()), "fonts")
    return plan(expanded(folder), context_of(inputs), tools, {wish.shot: wish for wish in wishes})


def test_a_retake_changes_one_shot_and_the_ads_that_use_it(folder):
    """All other shots, lines, captions and ads keep their keys, so they are found and not made again."""
    before = planned(folder)
    unwanted = before.variants[0].shots[0]
    after = planned(folder, Retake(shot=unwanted, scene="hero"))
    changed = [(a, b) for a, b in zip(before.variants, after.variants, strict=True) if a.creative_key != b.creative_key]

    assert {unwanted} == before.shots.keys() - after.shots.keys()
    assert 1 == len(after.shots.keys() - before.shots.keys())
    assert {one.variant.id for one, _ in changed} == {v.variant.id for v in before.variants if unwanted in v.shots}
    assert (before.lines, before.captions) == (after.lines, after.captions)


def test_the_next_seed_keeps_the_words(folder):
    """Only the noise is another one."""
    before = planned(folder)
    unwanted = before.shots[before.variants[0].shots[0]]
    after = planned(folder, Retake(shot=unwanted.key, scene="hero"))
    new = after.shots[after.variants[0].shots[0]]

    assert new == unwanted.model_copy(update={"key": new.key, "seed": new.seed})
    assert new.seed != unwanted.seed


def test_an_edited_prompt_keeps_the_seed(folder):
    """What people liked of the picture has a chance to stay."""
    before = planned(folder)
    unwanted = before.shots[before.variants[0].shots[0]]
    after = planned(folder, Retake(shot=unwanted.key, scene="hero", prompt="a cup in the rain"))
    new = after.shots[after.variants[0].shots[0]]

    assert ("a cup in the rain", unwanted.seed) == (new.prompt, new.seed)


def test_a_retake_can_be_taken_again(folder):
    """The third take of a shot is neither the first nor the second, and planning again gives it again."""
    first = planned(folder).variants[0].shots[0]
    one = Retake(shot=first, scene="hero")
    second = planned(folder, one).variants[0].shots[0]
    two = Retake(shot=second, scene="hero")
    third = planned(folder, one, two).variants[0].shots[0]

    assert 3 == len({first, second, third})
    assert third == planned(folder, two, one).variants[0].shots[0]


def test_a_shot_that_goes_on_follows_the_new_take(tmp_path):
    """What continues a take continues the one that is shown."""
    scene = "  - {id: more, duration_s: 1, continues: hero, look: {scene: silk, palette: '#101010 #808080 #F0F0F0'}, prompt: on}\n"
    folder = write_campaign(tmp_path, campaign=CAMPAIGN.replace("  - id: offer", f"{scene}  - id: offer", 1))
    first = planned_able(folder)
    hero, more = first.variants[0].shots[:2]
    again = planned_able(folder, Retake(shot=hero, scene="hero"))

    assert again.variants[0].shots[1] != more
    assert again.shots[again.variants[0].shots[1]].footage.object == f"takes/{again.variants[0].shots[0]}.mp4"


def planned_able(folder, *wishes: Retake) -> RenderPlan:
    inputs = read_inputs(folder)
    able = replace(FACTS, abilities=FACTS.abilities | {"extend"})
    tools = Tools.of(inputs.campaign, "some-model", able, voices_of(inputs.locales.values()), "fonts")
    return plan(expanded(folder), context_of(inputs), tools, {wish.shot: wish for wish in wishes})


def test_the_next_run_of_the_campaign_honours_what_a_reviewer_wants(tmp_path, folder):
    """The wish lies in the store; undone, the first take is found again."""
    settings = Settings(store_url=f"file://{tmp_path}/store", build_dir=tmp_path, workers=1)
    state = batches.open_run(batches.start_run(str(folder), "r1", None, None, settings)["run"], settings)
    batches.plan_run(state.run, settings)
    variant = next(state.planned())
    wish = Retake(shot=variant.shots[0], scene="hero")
    subject = Subject(variant.variant.id, "a" * 64, True, retakes=(wish,))
    decide_all([subject], Ruling("retake", "melts", "vera"), Journal("test", state.store))
    second = batches.open_run(batches.begin_run(str(folder), "r2", {"promote": "r1"}, settings)["run"], settings)
    batches.plan_run(second.run, settings)
    decide_all([subject], Ruling("undo", "", "vera"), Journal("test", state.store))
    third = batches.open_run(batches.begin_run(str(folder), "r3", {"promote": "r1"}, settings)["run"], settings)
    batches.plan_run(third.run, settings)
    keys = [{shot.key for shot in run.shots()} for run in (state, second, third)]

    assert {wish.shot} == keys[0] - keys[1]
    assert keys[0] == keys[2]
