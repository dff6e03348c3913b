"""The gate before GPU time is spent: who is asked, what is shown, and that an answer counts for its question."""

from __future__ import annotations

import pytest

from campaign_folder import CAMPAIGN, write_campaign
from renderer import batches
from renderer.approval import look_at_gate, remember_answer, remember_question
from renderer.settings import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(store_url=f"file://{tmp_path}/store", build_dir=tmp_path, workers=1, gpu_hour_usd=1e6)


def plan(tmp_path, settings: Settings, approval: str = "") -> str:
    """A planned run; its GPU hours cost a million dollars each, so that tiny plans cost something."""
    folder = write_campaign(tmp_path / "campaign", campaign=CAMPAIGN + approval)
    run = batches.start_run(str(folder), "r1", None, None, settings)["run"]
    batches.plan_run(run, settings)
    return run


@pytest.mark.parametrize(
    ("approval", "needed"),
    [
        ("", False),
        ("approval: {gpu_hours: 0}\n", True),
        ("approval: {gpu_hours: 100}\n", False),
        ("approval: {cost_usd: 0.01}\n", True),
        ("approval: {gpu_hours: 100, cost_usd: 0.01}\n", True),
        ("approval: {}\n", False),
    ],
)
def test_plans_above_a_threshold_wait(tmp_path, settings, approval, needed):
    """Either limit is enough; without one nobody is asked."""
    assert needed == look_at_gate(plan(tmp_path, settings, approval), "now", settings)["needed"]


def test_who_decides_sees_counts_and_cost(tmp_path, settings):
    """The numbers of the plan, in words."""
    run = plan(tmp_path, settings)
    summary = batches.open_run(run, settings).summary()
    body = look_at_gate(run, "now", settings)["body"]

    assert f"| variants | {summary.variants}, of which {summary.variants} are to be made |" in body
    assert f"{summary.cost_usd:.2f} USD" in body


def test_an_answer_counts_for_its_question_only(tmp_path, settings):
    """A retry finds the answer; a task that was cleared by hand asks anew."""
    run = plan(tmp_path, settings, "approval: {gpu_hours: 0}\n")
    remember_question(run, "first", settings)
    asked = look_at_gate(run, "first", settings)
    remember_answer(run, "first", "Approve", "vera", settings)

    assert (True, "") == (asked["asked"], asked["answer"])
    assert "Approve" == look_at_gate(run, "first", settings)["answer"]
    assert (False, "") == tuple(look_at_gate(run, "second", settings)[name] for name in ("asked", "answer"))


def test_a_retry_of_the_gate_does_not_ask_again(tmp_path, settings, monkeypatch, airflow_db):
    """Asking anew would erase an answer that came while the task was parked; a cleared task does ask."""
    from types import SimpleNamespace

    from airflow.providers.standard.operators import hitl
    from airflow.sdk.exceptions import TaskAwaitingInput
    from gate import SpendingGate

    monkeypatch.setenv("ADLOOM_STORE_URL", settings.store_url)
    monkeypatch.setenv("ADLOOM_GPU_HOUR_USD", "1e6")
    questions: list[str] = []
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **facts: questions.append(facts["subject"]))
    run = plan(tmp_path, settings, "approval: {cost_usd: 1}\n")

    def wait(max_tries: int) -> None:
        gate = SpendingGate(task_id="approve", run=run)
        context = {"ti": SimpleNamespace(id="x", max_tries=max_tries, task_id="approve"), "params": {"dry_run": False}}
        context["dag_run"] = SimpleNamespace(start_date="2026-11-23", dag_id="d", run_id="r")
        context["task_instance"] = context["ti"]
        with pytest.raises(TaskAwaitingInput):
            gate.execute(context)

    counts = []
    for max_tries in (2, 2, 3):
        wait(max_tries)
        counts.append(len(questions))

    assert counts == [1, 1, 2]
    assert questions[0].startswith("test/r1: ")
