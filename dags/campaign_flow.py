"""The tasks of a run, as every DAG here has them: they bear the names of the stages, one column per batch of variants.

Only ids and counts pass between tasks; pictures, sound and plans stay in the store.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow.sdk import task, task_group
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

DEFAULTS = {"owner": "adloom", "retries": 2, "retry_delay": timedelta(seconds=5), "weight_rule": "upstream"}


def templates() -> Path:
    """Return the folder with the campaigns."""
    return Path(os.environ.get("ADLOOM_TEMPLATES_DIR", Path(__file__).parents[1] / "templates"))


def call(name: str, *facts: Any, **options: Any) -> Any:
    """Call a function of `renderer.batches`, imported late: parsing must stay cheap. Tell if a retry can help."""
    from catalog.errors import CatalogError
    from renderer import batches
    from renderer.errors import RenderError
    from renderer.settings import Settings

    try:
        return getattr(batches, name)(*facts, Settings.from_environment(), **options)
    except (CatalogError, RenderError) as error:
        if getattr(error, "retryable", False):
            raise
        raise AirflowFailException(str(error)) from None


def stage(name: str, **options: Any) -> Callable[..., Any]:
    """Return the task that does one stage of one batch; its queue matters to Celery only."""

    @task(task_id=name, map_index_template="{{ task.op_kwargs['batch']['label'] }}", **options)
    def work(batch: dict[str, Any]) -> dict[str, Any]:
        return call("run_stage", name, batch)

    return work


def flow(campaign: str | None = None) -> None:
    """Add the tasks of a run to the DAG that is being made; without a campaign, the run's form names it."""

    @task
    def expand(params: dict[str, Any], run_id: str) -> dict[str, Any]:
        wish = dict(params)
        return call("begin_run", campaign or wish["campaign"], re.sub(r"[^A-Za-z0-9._-]+", "-", run_id), wish)

    @task
    def plan(started: dict[str, Any], params: dict[str, Any]) -> list[dict[str, Any]]:
        planned = call("plan_run", started["run"])
        return [] if params["dry_run"] else planned["batches"]

    @task_group
    def render(batch: dict[str, Any]) -> None:
        generate = import_module("ray_stage").stage if os.environ.get("ADLOOM_RAY_JOBS_URL") else stage
        generated = generate("generate", pool="gpu", queue="gpu")(batch=batch)
        composed = stage("compose", pool="cpu")(batch=batch)
        stage("narrate", pool="cpu")(batch=batch) >> stage("caption")(batch=batch) >> composed
        generated >> composed >> stage("check", pool="cpu")(batch=batch)

    @task(trigger_rule="all_done")  # a batch that failed must not hold back the others
    def review(started: dict[str, Any], planned: list[Any] | None, params: dict[str, Any]) -> dict[str, Any]:
        if planned is None:
            raise AirflowFailException("review: there is no plan. See the logs of expand and plan.")
        if params["dry_run"]:
            raise AirflowSkipException("review: a dry run ends with the plan.")
        return call("review_run", started["run"])

    @task
    def publish(started: dict[str, Any]) -> dict[str, Any]:
        account = call("publish_run", started["run"])
        if account["failed"]:
            raise AirflowFailException(f"publish: {account['failed']} ads failed. The others are safe: see the report.")
        return account

    started = expand()
    batches = plan(started)
    render.expand(batch=batches) >> review(started, batches) >> publish(started)
