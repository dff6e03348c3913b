"""The tasks of a run, as every DAG here has them: they bear the names of the stages, one column per batch of variants.

Only ids and counts pass between tasks; pictures, sound and plans stay in the store.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from airflow.sdk import task, task_group
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from gate import SpendingGate
from renderer_calls import call


def stage(name: str, **options: Any) -> Callable[..., Any]:
    """Return the task that does one stage of one batch; its queue matters to Celery only."""

    @task(task_id=name, map_index_template="{{ task.op_kwargs['batch']['label'] }}", **options)
    def work(batch: dict[str, Any]) -> dict[str, Any]:
        return call("run_stage", name, batch)

    return work


@task
def expand(folder: str, params: dict[str, Any], run_id: str) -> dict[str, Any]:
    """Write down what is asked for; without a folder the form names the campaign."""
    return call("begin_run", folder or params["campaign"], re.sub(r"[^A-Za-z0-9._-]+", "-", run_id), dict(params))


@task
def withdraw(started: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Take off show what must not be shown any more, before time is spent on anything new."""
    if not params["dry_run"]:
        call("withdraw_run", started["run"], allow_shrink=params["allow_shrink"])
    return started


@task
def plan(started: dict[str, Any], params: dict[str, Any]) -> list[dict[str, Any]]:
    """Say what is missing, in batches."""
    planned = call("plan_run", started["run"])
    return [] if params["dry_run"] else planned["batches"]


@task_group
def render(batch: dict[str, Any]) -> None:
    """Make and check one batch."""
    generate = import_module("ray_stage").stage if os.environ.get("ADLOOM_RAY_JOBS_URL") else stage
    generated = generate("generate", pool="gpu", queue="gpu")(batch=batch)
    composed = stage("compose", pool="cpu")(batch=batch)
    stage("narrate", pool="cpu")(batch=batch) >> stage("caption")(batch=batch) >> composed
    generated >> composed >> stage("check", pool="cpu")(batch=batch)


@task(trigger_rule="all_done")  # a batch that failed must not hold back the others
def review(started: dict[str, Any], planned: list[Any] | None, params: dict[str, Any]) -> dict[str, Any]:
    """Decide as the campaign's rule says."""
    if planned is None:
        raise AirflowFailException("review: there is no plan. See the logs of expand, withdraw and plan.")
    if params["dry_run"]:
        raise AirflowSkipException("review: a dry run ends with the plan.")
    return call("review_run", started["run"])


@task
def publish(started: dict[str, Any]) -> dict[str, Any]:
    """Deliver, and close the account."""
    account = call("publish_run", started["run"])
    if account["failed"]:
        raise AirflowFailException(f"publish: {account['failed']} ads failed. The others are safe: see the report.")
    return account


def flow(folder: str = "") -> None:
    """Add the tasks of a run to the DAG that is being made; without a campaign's folder, the run's form names it."""
    started = expand(folder)
    batches = plan(withdraw(started))
    approve = SpendingGate(task_id="approve", run="{{ ti.xcom_pull(task_ids='expand')['run'] }}")
    batches >> approve >> render.expand(batch=batches) >> review(started, batches) >> publish(started)
