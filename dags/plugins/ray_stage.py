"""A task that lets a Ray cluster do a stage of a batch: it submits a job, and waits for it without a worker.

This is a plugin and not a part of the DAG because the triggerer, which does the waiting, imports from this folder only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

LOOK_EVERY_S = 5.0
PATIENCE_S = 600.0  # a head that restarts is back by then


def stage(name: str, *, pool: str, queue: str) -> Callable[..., RayStage]:
    """Return the task that has one stage of one batch done; of no queue, since no worker does the work."""
    del queue

    def task(batch: Any) -> RayStage:
        label = "{{ task.batch['label'] }}"
        return RayStage(task_id=name, stage=name, batch=batch, pool=pool, map_index_template=label)

    return task


class RayStage(BaseOperator):
    """Submits a job, or takes up the one that a lost try has left, and returns the account of the stage."""

    template_fields = ("batch",)

    def __init__(self, *, stage: str, batch: Any, **options: Any) -> None:
        super().__init__(**options)
        self.stage = stage
        self.batch = batch

    def execute(self, context: Any) -> dict[str, Any]:
        """Begin the job and let the triggerer wait for it."""
        settings = _settings()
        # Airflow raises max_tries when a task is cleared, and only then: that is a new wish, a retry is the old one
        asked = f"{context['dag_run'].start_date} {context['ti'].max_tries}"
        with _words():
            job = _jobs(settings.ray_jobs_url).begin(self.stage, self.batch, asked, settings).name
        self.log.info("%s does this. Its log is at %s, and here as it comes.", job, settings.ray_jobs_url)
        return self.conclude(context, job)

    def conclude(self, context: Any, event: str) -> Any:
        """Return the account of a job that has ended; wait (again) if it has not."""
        from renderer.batches import stage_account

        settings = _settings()
        jobs = _jobs(settings.ray_jobs_url)
        with _words():
            job = jobs.job(event)
            if job.active:
                self.defer(trigger=RayJobEnded(settings.ray_jobs_url, job.name), method_name="conclude")
            if not job.succeeded:
                raise jobs.failure(job)
            return stage_account(self.stage, self.batch, settings)

    def on_kill(self) -> None:
        """Stop the job if the task is ended while it submits; once it waits, the trigger does this."""
        settings = _settings()
        _jobs(settings.ray_jobs_url).end(self.stage, self.batch, settings)


class RayJobEnded(BaseTrigger):
    """Shows the log of a job as it comes, and fires when it has ended, or when Ray was silent for too long."""

    def __init__(self, url: str, job: str) -> None:
        super().__init__()
        self.url = url
        self.job = job

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what another triggerer needs to go on; the token stays in each one's environment."""
        return "ray_stage.RayJobEnded", {"url": self.url, "job": self.job}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire the name of the job."""
        from renderer.errors import ClusterError

        jobs = _jobs(self.url)
        answered, shown = time.monotonic(), 0
        active = True
        while active and time.monotonic() - answered < PATIENCE_S:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                found = await asyncio.to_thread(jobs.find, self.job)
                active = found is not None and found.active
                text = await asyncio.to_thread(jobs.log, self.job)
            except ClusterError as error:
                self.log.warning("%s", error)
                continue
            answered = time.monotonic()
            whole = text[shown : text.rfind("\n") + 1 if active else len(text)]
            shown += len(whole)
            for line in whole.splitlines():
                self.log.info("%s", line)
        yield TriggerEvent(self.job)

    async def on_kill(self) -> None:
        """Stop the job: somebody cleared the task, or marked it as failed or done."""
        self.log.info("stopping %s", self.job)
        await asyncio.to_thread(_jobs(self.url).stop, self.job)


@contextmanager
def _words() -> Iterator[None]:
    """Tell Airflow if a retry cannot help."""
    from catalog.errors import CatalogError
    from renderer.errors import RenderError

    try:
        yield
    except (CatalogError, RenderError) as error:
        if getattr(error, "retryable", False):
            raise
        raise AirflowFailException(str(error)) from None


def _settings() -> Any:
    from renderer.settings import Settings

    return Settings.from_environment()


def _jobs(url: str) -> Any:
    from renderer.ray_jobs import RayJobs

    return RayJobs(url)
