"""What a run spends on its takes, as they were measured, beside what its plan expected, and what reuse saves."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from renderer.artifacts import Shot, Take
from renderer.backends.video_models import VIDEO_MODELS
from renderer.engine import Outcome
from renderer.run_records import Cost, PlanSummary, RunContext, Spending
from renderer.run_state import RunState
from renderer.split import share_of_longest

NOTE_EVERY_S = 2.0
TakesShown = Iterable[tuple[str, float | None]]  # the key of a take and its GPU seconds, once for each ad that shows it


def noted(outcomes: Iterable[Outcome[Shot, Take]], number: int, state: RunState) -> Iterator[Outcome[Any, Any]]:
    """Pass on what becomes of the shots of a batch, and write down what each rendered take cost.

    A take that was in the store already costs this run nothing. What earlier tries wrote stays.
    """
    spending, written_at = dict(state.spending(number).gpu_seconds), 0.0
    fresh = False
    try:
        for outcome in outcomes:
            if outcome.value is not None and outcome.seconds > 0:
                spending[outcome.value.key] = outcome.value.gpu_seconds or 0.0
                fresh = True
            if fresh and time.monotonic() - written_at >= NOTE_EVERY_S:
                state.write_spending(number, Spending(gpu_seconds=spending))
                fresh, written_at = False, time.monotonic()
            yield outcome
    finally:
        if fresh:
            state.write_spending(number, Spending(gpu_seconds=spending))


def hours_by_shot(state: RunState) -> dict[str, float]:
    """Return what each shot of a run costs in hours of a GPU, by the model's figure."""
    facts = VIDEO_MODELS.get(state.context().model)
    if facts is None:
        return {}
    return {shot.key: share_of_longest(shot, facts) * facts.gpu_seconds_per_shot / 3600 for shot in state.shots()}


def cost_of(
    state: RunState, shown: TakesShown, estimates: Mapping[str, float], gpu_hour_usd: float, *, closed: bool
) -> Cost:
    """Return what a planned run cost so far, will still cost, and saved.

    `estimates` are what `hours_by_shot` gave. `gpu_hour_usd` counts only where the plan did not note its own price.
    """
    summary, spent_s = state.summary(), state.spent()
    price = gpu_hour_usd if summary.gpu_hour_usd is None else summary.gpu_hour_usd
    failed = {failure.item for account in state.accounts("generate/") for failure in account.failures}
    left = () if closed else set(summary.missing_shots) - spent_s.keys() - failed
    shown = list(shown)
    worth = sum(estimates.get(key, 0.0) if seconds is None else seconds / 3600 for key, seconds in shown)
    paid = sum(spent_s.get(key, 0.0) for key in {key for key, _ in shown}) / 3600
    spent = sum(spent_s.values()) / 3600
    hours = {
        "planned": summary.gpu_hours,
        "spent": spent,
        "left": sum(estimates.get(key, 0.0) for key in left),
        "saved": max(0.0, worth - paid),
    }
    return Cost(
        gpu_hour_usd=price,
        **{f"gpu_hours_{name}": round(value, 6) for name, value in hours.items()},
        **{f"usd_{name}": round(value * price, 2) for name, value in hours.items()},
        saved_measured=all(seconds is not None for _, seconds in shown),
        over_budget=_over_budget(spent, summary, state.context()),
    )


def over_budget(state: RunState) -> str:
    """Return in a sentence that a run has spent more than its budget, empty where it has not."""
    return _over_budget(sum(state.spent().values()) / 3600, state.summary(), state.context())


def _over_budget(spent: float, summary: PlanSummary, context: RunContext) -> str:
    budget = context.source.budget
    if budget is None or spent <= budget.gpu_hours:
        return ""
    return (
        f"{context.campaign}: {_hours(spent)} GPU hours are spent, measured, and the budget allows "
        f"{budget.gpu_hours:g}; the plan expected {_hours(summary.gpu_hours)}. "
        "Stop the run, or raise the budget for the next one."
    )


def _hours(hours: float) -> str:
    return f"{hours:.2f}" if hours >= 0.1 else f"{hours:.2g}"
