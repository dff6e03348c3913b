"""Runs one stage over one batch: skips what cannot be done, tries once more what may pass, accounts for everything."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from renderer.artifacts import CheckJob, Creative
from renderer.engine import Engine, InlineEngine, Outcome
from renderer.errors import StageFailed
from renderer.local_engine import LocalEngine
from renderer.progress import FOLDERS, present
from renderer.run_records import Batch, Failure, RunContext, StageAccount, VariantPlan
from renderer.run_state import RunState
from renderer.settings import Settings
from renderer.spending import NOTE_EVERY_S, noted
from renderer.store import Store

LOG_EVERY_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchWork:
    """A batch with everything that its stages need."""

    batch: Batch
    number: int
    state: RunState
    context: RunContext
    settings: Settings
    blocked: Mapping[str, str] = field(default_factory=dict)  # why earlier stages could not make a key

    @property
    def store(self) -> Store:
        """Where the batch's run lies, and all that it makes."""
        return self.state.store


Outcomes = Iterator[Outcome[Any, Any]]
Tell = Callable[[int, Mapping[str, Failure]], None]


def _generate(work: BatchWork, items: Iterable[Any], engine: Engine) -> Outcomes:
    from renderer.backends.video_models import Place
    from renderer.generate import generate

    outcomes = generate(items, work.store, engine, Place.of(work.settings))
    return noted(outcomes, work.number, work.state)


def _narrate(work: BatchWork, items: Iterable[Any], engine: Engine) -> Outcomes:
    from renderer.narrate import narrate

    return narrate(items, work.store, engine, work.settings)


def _caption(work: BatchWork, items: Iterable[Any], engine: Engine) -> Outcomes:
    from renderer.caption import caption

    return caption(items, work.store, engine, work.settings.font_folders)


def _compose(work: BatchWork, items: Iterable[Any], engine: Engine) -> Outcomes:
    from renderer.compose import compose

    return compose(items, work.context, work.store, engine, work.settings.font_folders)


def _check(work: BatchWork, items: Iterable[Any], engine: Engine) -> Outcomes:
    from renderer.check import check

    jobs = [_check_job(item, work) for item in items]
    return check(jobs, work.store, engine)


def _check_job(planned: VariantPlan, work: BatchWork) -> CheckJob:
    creative = work.store.get_record(f"creatives/{planned.creative_key}.json", Creative)
    assert creative is not None, "variants without a creative are blocked"
    variant = planned.variant
    format, locale = work.context.formats[variant.format], work.context.locales[variant.locale]
    return CheckJob(creative=creative, variant=variant, format=format, captions=locale.captions)


def _video_engine(settings: Settings) -> Engine:
    if settings.engine == "local":
        return LocalEngine(1)
    from renderer.ray_engine import RayEngine

    gpus = 0 if settings.device == "cpu" else None  # None: as many as there are, one for each worker
    return RayEngine(settings.ray_address, gpus_per_worker=gpus)


def _all_cores(settings: Settings) -> Engine:
    return LocalEngine(settings.workers)


def _no_workers(settings: Settings) -> Engine:
    return InlineEngine()


@dataclass(frozen=True)
class Stage:
    """How a batch goes through one stage: what does it, its items, what each needs, the key of what it makes."""

    engine: Callable[[Settings], Engine]
    run: Callable[[BatchWork, Iterable[Any], Engine], Outcomes]
    items: Callable[[Batch], tuple[Any, ...]]
    needs: Callable[[Any], Iterable[str | None]]
    makes: Callable[[Any], str]


def _pieces(planned: VariantPlan) -> tuple[str | None, ...]:
    return (*planned.shots, *planned.lines, *planned.cues)


STAGES: dict[str, Stage] = {
    "generate": Stage(_video_engine, _generate, lambda batch: batch.shots, lambda shot: (), lambda shot: shot.key),
    "narrate": Stage(_all_cores, _narrate, lambda batch: batch.lines, lambda line: (), lambda line: line.key),
    "caption": Stage(
        _no_workers, _caption, lambda batch: batch.captions, lambda job: (job.line.key,), lambda job: job.key
    ),
    "compose": Stage(_all_cores, _compose, lambda batch: batch.variants, _pieces, lambda planned: planned.creative_key),
    "check": Stage(
        _all_cores,
        _check,
        lambda batch: batch.variants,
        lambda planned: (planned.creative_key,),
        lambda planned: planned.creative_key,
    ),
}


def run_stage(name: str, number: int, state: RunState, settings: Settings) -> StageAccount:
    """Do what is missing of one batch, and write the account.

    Raises:
        StageFailed: every item failed, and trying again may help.
    """
    started = time.monotonic()
    stage = STAGES[name]
    batch = state.batch(number)
    work = BatchWork(batch, number, state, state.context(), settings, _blocked(name, number, state))
    items = {stage.makes(item): item for item in stage.items(batch)}
    there = present(FOLDERS[name], set(items), state.store)
    missing = {key: item for key, item in items.items() if key not in there}
    made, failures = _do(name, stage, work, missing)
    account = StageAccount(
        stage=name, seconds=time.monotonic() - started, wanted=len(items), made=made, failures=tuple(failures)
    )
    state.write_account(f"{number:03}", account)
    log.info("%s: %d wanted, %d there already, %d made, %d failed", name, len(items), len(there), made, len(failures))
    if missing and len(failures) == len(missing) and any(failure.retryable for failure in failures):
        raise StageFailed(
            f"{name} batch {number}: all {len(failures)} items failed, the first with: {failures[0].error}"
        )
    return account


def _do(name: str, stage: Stage, work: BatchWork, missing: Mapping[str, Any]) -> tuple[int, list[Failure]]:
    """Do the missing items but those that are blocked."""
    failures = []
    todo = {}
    for key, item in missing.items():
        reason = next((work.blocked[need] for need in stage.needs(item) if need and need in work.blocked), None)
        if reason is None:
            todo[key] = item
        else:
            failures.append(Failure(stage=name, item=key, error=reason, retryable=False))
    made, failed = _twice(name, stage, work, todo) if todo else (0, [])
    return made, failures + failed


def _twice(name: str, stage: Stage, work: BatchWork, items: Mapping[str, Any]) -> tuple[int, list[Failure]]:
    """Do items, those that may pass on a second try twice; its workers are those of the first."""
    with stage.engine(work.settings) as engine:
        made, first = _pass(name, stage, work, items, engine, _under_way(name, work, len(items)))
        again = {key: items[key] for key, failure in first.items() if failure.retryable}
        more, second = _pass(name, stage, work, again, engine, lambda made, failures: None)
    final = {**first, **second}
    return made + more, [failure for key, failure in final.items() if key not in again or key in second]


def _pass(
    name: str, stage: Stage, work: BatchWork, items: Mapping[str, Any], engine: Engine, tell: Tell
) -> tuple[int, dict[str, Failure]]:
    """Do items once; `tell` hears after each how many are made, and what failed."""
    if not items:
        return 0, {}
    started = noted = time.monotonic()
    made = 0
    failures: dict[str, Failure] = {}
    for outcome in stage.run(work, items.values(), engine):
        if outcome.error is None:
            made += 1
        else:
            log.warning("%s", outcome.error)
            key = _key(name, outcome.item)
            failures[key] = Failure(stage=name, item=key, error=outcome.error, retryable=outcome.retryable)
        tell(made, failures)
        if (now := time.monotonic()) - noted >= LOG_EVERY_S:
            noted = now
            _note(name, made, len(failures), len(items), now - started)
    return made, failures


def _under_way(name: str, work: BatchWork, wanted: int) -> Tell:
    """Return what writes down from time to time how far a batch is, for whoever looks at the run meanwhile.

    What will be tried again has not failed yet.
    """
    started, noted = time.monotonic(), 0.0

    def tell(made: int, failures: Mapping[str, Failure]) -> None:
        nonlocal noted
        if (now := time.monotonic()) - noted < NOTE_EVERY_S:
            return
        noted = now
        final = tuple(failure for failure in failures.values() if not failure.retryable)
        account = StageAccount(stage=name, seconds=now - started, wanted=wanted, made=made, failures=final)
        work.state.write_under_way(work.number, account)

    return tell


def _note(name: str, made: int, failed: int, wanted: int, spent_s: float) -> None:
    left_s = spent_s / (made + failed) * (wanted - made - failed)
    log.info("%s: %d of %d, %d failed, about %.0f s left", name, made, wanted, failed, left_s)


def _key(name: str, item: Any) -> str:
    return item.creative.key if isinstance(item, CheckJob) else STAGES[name].makes(item)


def _blocked(name: str, number: int, state: RunState) -> dict[str, str]:
    """Return why keys are absent that earlier stages of this batch should have made."""
    reasons: dict[str, str] = {}
    for stage in STAGES:
        if stage == name:
            break
        account = state.account(stage, f"{number:03}")
        for failure in account.failures if account else ():
            reasons[failure.item] = failure.error
    return reasons
