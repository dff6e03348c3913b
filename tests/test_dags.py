"""The DAG and the review plugin, without a running Airflow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from campaign_folder import planned, write_campaign
from renderer.settings import Settings
from renderer.split import split

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "pandas", "skia", "av", "cv2", "moviepy", "boto3", "onnxruntime", "ray")
CLUSTER = {"ADLOOM_RAY_JOBS_URL": "http://head:8265"}


@pytest.fixture(scope="module")
def dag(airflow_db: None) -> Any:
    """The DAG as Airflow reads it."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(ROOT / "dags"))
    assert bag.import_errors == {}
    assert set(bag.dags) == {"render_campaign", "campaign_aurora_launch", "catalog_watch"}, (
        "plugins must not be read as DAGs"
    )
    return bag.dags["render_campaign"]


def run(dag: Any, **conf: Any) -> dict[str, str]:
    """Run the DAG in this process; return the state of the run and of each task."""
    unset = {
        "sample": None,
        "model": None,
        "dry_run": False,
        "allow_shrink": False,
        "tier": None,
        "promote": None,
        "products": None,
        "locales": None,
        "formats": None,
    }  # the DAG keeps what a test run was given
    ended = dag.test(run_conf=unset | conf)
    return {"run": str(ended.state), **{ti.task_id: str(ti.state) for ti in ended.get_task_instances()}}


def test_parsing_for_a_cluster_imports_nothing_heavy():
    """With jobs on Ray, too, reading the file must not load a library that renders."""
    code = (
        "import sys; sys.path.insert(0, 'dags'); import render_campaign; "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )

    environment = os.environ | CLUSTER

    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)

    assert ended.stdout.splitlines()[-1:] == ["[]"], ended.stderr


def test_tasks_bear_the_names_of_the_stages(dag):
    """A log, a task and a chapter of the documentation use the same word."""
    stages = {"generate", "narrate", "caption", "compose", "check"}

    assert {f"render.{stage}" for stage in stages} | {
        "expand",
        "withdraw",
        "plan",
        "approve",
        "review",
        "publish",
    } == set(dag.task_ids)


def test_a_batch_flows_in_the_order_of_the_story(dag):
    """Picture and voice are made side by side; composing needs both."""
    upstream = {name: dag.get_task(name).upstream_task_ids - {"plan", "approve"} for name in dag.task_ids}

    assert upstream["render.compose"] == {"render.generate", "render.caption"}
    assert upstream["render.caption"] == {"render.narrate"}
    assert upstream["render.check"] == {"render.compose"}
    assert "render.check" in upstream["review"]


def test_the_form_offers_exactly_the_campaigns_there_are(dag):
    """Nobody has to type the name of a folder."""
    campaigns = sorted(path.parent.name for path in ROOT.glob("templates/*/campaign.yaml"))

    assert dag.params.get_param("campaign").schema["enum"] == campaigns


def test_only_one_task_at_a_time_uses_the_gpu(dag):
    """Two models on one GPU run out of memory."""
    pools = {name: dag.get_task(name).pool for name in dag.task_ids}

    assert [name for name, pool in pools.items() if pool == "gpu"] == ["render.generate"]
    assert {name for name, pool in pools.items() if pool == "cpu"} == {
        "render.narrate",
        "render.compose",
        "render.check",
    }


def test_ten_thousand_variants_are_fewer_than_three_hundred_tasks(dag, tmp_path):
    """Airflow schedules batches: what a campaign of 10,000 ads becomes in its tables."""
    plan = planned(write_campaign(tmp_path))
    variants = (plan.variants * (10_000 // len(plan.variants) + 1))[:10_000]
    batches = len(split(plan, variants, Settings().batches))
    mapped = [name for name in dag.task_ids if name.startswith("render.")]

    assert len(mapped) * batches + len(dag.task_ids) - len(mapped) < 300


def test_a_cluster_changes_who_generates_and_nothing_else(dag, monkeypatch):
    """With jobs on Ray, `generate` waits in the triggerer, at the same place and in the same pool."""
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("ADLOOM_RAY_JOBS_URL", "http://head:8265")
    other = DagBag(str(ROOT / "dags")).dags["render_campaign"]
    same = {name for name in dag.task_ids if dag.get_task(name).task_type == other.get_task(name).task_type}

    assert set(dag.task_ids) - same == {"render.generate"}
    assert other.get_task("render.generate").task_type == "RayStage"
    assert [dag.get_task(name).upstream_task_ids for name in dag.task_ids] == [
        other.get_task(name).upstream_task_ids for name in dag.task_ids
    ]
    assert [dag.get_task(name).pool for name in dag.task_ids] == [other.get_task(name).pool for name in dag.task_ids]


@pytest.mark.slow
def test_what_cannot_succeed_is_not_tried_again(dag, tmp_path, monkeypatch):
    """An unknown model stops the run at once, and the run ends as failed though later tasks only were not reached."""
    monkeypatch.setenv("ADLOOM_STORE_URL", f"file://{tmp_path}")

    states = run(dag, sample=1, model="no-such-model")

    assert states["run"] == "failed"
    assert "up_for_retry" not in states.values()
    assert states["publish"] == "upstream_failed"


@pytest.mark.slow
def test_a_dry_run_ends_with_the_plan(dag, tmp_path, monkeypatch):
    """Nothing is rendered, reviewed or published, and that is a success."""
    monkeypatch.setenv("ADLOOM_STORE_URL", f"file://{tmp_path}")

    states = run(dag, sample=2, dry_run=True)

    assert states["run"] == "success"
    assert states["plan"] == "success"
    assert states["review"] == states["publish"] == "skipped"


def test_the_plugin_stays_out_of_the_scheduler():
    """Only the API server pays for the web application; schedulers and workers load plugins too."""
    code = (
        "import sys; sys.path.insert(0, 'dags/plugins'); from review import ReviewPlugin; ReviewPlugin.on_load(); "
        "print(len(ReviewPlugin.fastapi_apps), *(view['destination'] for view in ReviewPlugin.external_views))"
    )

    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ, capture_output=True, text=True)

    assert ended.stdout.splitlines()[-1:] == ["0 nav dag_run"], ended.stderr
