"""The tasks of a run, as every DAG here has them: they bear the names of the stages, one column per batch of variants.

Only ids and counts pass between tasks; pictures, sound and plans stay in the store.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from airflow.sdk import task, task_group
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from gate import SpendingGate
from notices import ALREADY_TOLD, tell, tell_failure, tell_spending
from renderer_calls import Final, call

# An answer that is there as a gate parks lets Airflow resume it before its worker has ended; most such tries fail.
ANSWER_TRIES = 20
# of a run that fails, one of these tasks fails, and the others only do not begin: people are told once
once = functools.partial(task, on_failure_callback=tell_failure)


def stage(name: str, **options: Any) -> Callable[..., Any]:
    """Return the task that does one stage of one batch; its queue matters to Celery only."""

    @task(task_id=name, map_index_template="{{ task.op_kwargs['batch']['label'] }}", **options)
    def work(batch: dict[str, Any], **context: Any) -> dict[str, Any]:
        if name == "compose":  # wherever the takes were rendered
            tell_spending(batch["run"], context)
        return call("run_stage", name, batch)

    return work


@once
def expand(params: dict[str, Any], run_id: str) -> dict[str, Any]:
    """Write down what is asked for."""
    return call("begin_run", params["campaign"], re.sub(r"[^A-Za-z0-9._-]+", "-", run_id), dict(params))


@once
def withdraw(started: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Take off show what must not be shown any more, before time is spent on anything new."""
    if not params["dry_run"]:
        call("withdraw_run", started["run"], allow_shrink=params["allow_shrink"])
    return started


@once
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


@once(trigger_rule="all_done")  # a batch that failed must not hold back the others
def review(started: dict[str, Any], planned: list[Any] | None, **context: Any) -> dict[str, Any]:
    """Decide as the campaign's rule says."""
    if planned is None:
        raise Final("review: there is no plan. See the logs of expand, withdraw and plan.", ALREADY_TOLD)
    if context["params"]["dry_run"]:
        raise AirflowSkipException("review: a dry run ends with the plan.")
    tell_spending(started["run"], context)
    counts = call("review_run", started["run"])
    if counts["waiting"]:
        tell("waiting", f"{counts['waiting']} ads of {started['run']} wait for review", context)
    return counts


@once
def publish(started: dict[str, Any]) -> dict[str, Any]:
    """Deliver, and close the account."""
    account = call("publish_run", started["run"])
    if account["failed"]:
        raise AirflowFailException(f"publish: {account['failed']} ads failed. The others are safe: see the report.")
    return account


def flow() -> None:
    """Add the tasks of a run to the DAG that is being made; the run's form names the campaign."""
    started = expand()
    batches = plan(withdraw(started))
    run = "{{ ti.xcom_pull(task_ids='expand')['run'] }}"
    approve = SpendingGate(task_id="approve", run=run, retries=ANSWER_TRIES)
    batches >> approve >> render.expand(batch=batches) >> review(started, batches) >> publish(started)
