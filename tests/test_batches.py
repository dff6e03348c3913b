"""The steps of a run: how work is split, what a budget stops, and what another run of the same work finds."""

from __future__ import annotations

import pytest

from campaign_folder import CAMPAIGN, planned, write_campaign
from renderer import batches
from renderer.batches import split
from renderer.errors import PlanError, StoreError
from renderer.settings import Settings


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
