"""A run at a glance: what was asked for and became of it, how fast, at what cost, and what failed for which reason."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from renderer.artifacts import Record
from renderer.dashboard.ads import WAITING, Ad, verdict_of
from renderer.journal import Journal
from renderer.run_records import Cost, Failure, RunContext, StageAccount
from renderer.run_state import RunState
from renderer.spending import cost_of

NAMES = re.compile(
    r"\b[a-z]+-[0-9a-f]{32}\b|\b[0-9a-f]{12,64}\b|\d+(?:[.,]\d+)*"
)  # keys and numbers differ, the cause not
MAX_SHOWN_ITEMS = 50  # of one cause


class StageRow(Record):
    """What one stage did so far; `batches` are those that have ended it."""

    stage: str
    batches: int
    made: int
    reused: int
    failed: int
    seconds: float


class FailureGroup(Record):
    """Failures of one cause: the first error in full, how many there are, and whom they befell."""

    stage: str
    error: str
    count: int
    items: tuple[str, ...]


class Overview(Record):
    """A run at a glance. `eta_s` and `ads_per_hour` are None where there is nothing to tell them by.

    `rendered` also counts the checked ads of batches that are under way; they are shown when their batch has ended.
    """

    run: str
    campaign: str
    as_of: str
    model: str
    planned: bool
    closed: bool
    requested: int
    rendered: int
    missing: int
    waiting: int
    approved: int
    rejected: int
    retaken: int
    failed: int
    withdrawn: int
    delivered: int
    batches: int
    stages: tuple[StageRow, ...]
    ads_per_hour: float | None
    eta_s: float | None
    cost: Cost
    failures: tuple[FailureGroup, ...]
    problems: tuple[str, ...]
    again: dict[str, str | None]  # parameters of a DAG run that makes exactly these variants again
    revision: int  # of the campaign's journal


def overview(
    state: RunState, ads: Sequence[Ad], journal: Journal, shot_hours: Mapping[str, float], gpu_hour_usd: float
) -> Overview:
    """Return a run at a glance; `shot_hours` are what `hours_by_shot` gave, the price is that of a plan without one."""
    context, report = state.context(), state.report()
    planned = state.store.exists(f"{state.prefix}/plan.json")
    summary = state.summary() if planned else None
    accounts = list(state.accounts() if report else state.so_far())
    failures = _failures(accounts)
    verdicts = Counter(verdict_of(journal.decision_on(ad.sha256)) for ad in ads)
    refused = list(state.refused())
    requested = sum(account.wanted for account in accounts if account.stage == "expand")
    broken = {failure.item for failure in failures if failure.stage in ("compose", "check")}
    failed = len(refused) + len(broken)
    shown = (pair for ad in ads for pair in zip(ad.shots, ad.gpu_seconds, strict=True))
    closed = report is not None
    cost = cost_of(state, shown, shot_hours, gpu_hour_usd, closed=closed) if planned else Cost()
    rendered = len(ads) + sum(one.made for one in accounts if one.stage == "check" and not one.ended_at)
    missing = max(0, requested - rendered - failed)
    pace = _ads_per_hour(context.as_of, accounts)
    return Overview(
        run=state.run,
        campaign=context.campaign,
        as_of=context.as_of,
        model=context.model,
        planned=planned,
        closed=closed,
        requested=requested,
        rendered=rendered,
        missing=missing,
        waiting=verdicts[WAITING],
        approved=verdicts["approve"],
        rejected=verdicts["reject"],
        retaken=verdicts["retake"],
        failed=failed,
        withdrawn=len(getattr(report, "withdrawn", ())),
        delivered=report.delivered if report else 0,
        batches=len(summary.batch_labels) if summary else 0,
        stages=_stages(accounts),
        ads_per_hour=pace,
        eta_s=3600 * missing / pace if pace and not closed else None,
        cost=cost,
        failures=tuple(_groups([*(_refusal(one.variant_id, one.reason) for one in refused), *failures], state)),
        problems=state.problems(),
        again=_again(context),
        revision=journal.revision,
    )


def _again(context: RunContext) -> dict[str, str | None]:
    """Return how to ask for the run again, in the same tier and with the same model."""
    source = context.source
    own = next((tier.model for name, tier in source.tiers.items() if name == source.tier), None)
    model = None if context.model == own else context.model
    return {
        "campaign": context.campaign,
        "promote": f"{context.campaign}/{context.run_id}",
        "tier": source.tier,
        "model": model,
    }


def _ads_per_hour(began: str, accounts: Iterable[StageAccount]) -> float | None:
    """Return how many ads were checked per hour since the run began, by the time the last batch ended or is at."""
    checks = [account for account in accounts if account.stage == "check"]
    made = sum(account.made for account in checks)
    if not made:
        return None
    now = datetime.now(UTC)
    last = max(datetime.fromisoformat(account.ended_at) if account.ended_at else now for account in checks)
    spent_s = (last - datetime.fromisoformat(began)).total_seconds()
    return round(3600 * made / max(spent_s, 1.0), 1)


def _stages(accounts: Iterable[StageAccount]) -> tuple[StageRow, ...]:
    rows: dict[str, list[StageAccount]] = defaultdict(list)
    for account in accounts:
        rows[account.stage].append(account)
    order = ("expand", "plan", "generate", "narrate", "caption", "compose", "check", "review", "publish")
    return tuple(
        StageRow(
            stage=stage,
            batches=sum(bool(account.ended_at) for account in rows[stage]),
            made=sum(account.made for account in rows[stage]),
            reused=sum(account.cached for account in rows[stage]),
            failed=sum(len(account.failures) for account in rows[stage]),
            seconds=round(sum(account.seconds for account in rows[stage]), 1),
        )
        for stage in order
        if stage in rows
    )


def _refusal(variant_id: str, reason: str) -> Failure:
    return Failure(stage="expand", item=variant_id, error=reason, retryable=False)


def _failures(accounts: Iterable[StageAccount]) -> list[Failure]:
    return [failure for account in accounts for failure in account.failures]


def _groups(failures: Iterable[Failure], state: RunState) -> list[FailureGroup]:
    """Return failures by cause, the largest group first: equal but for keys and numbers is one cause."""
    groups: dict[tuple[str, str], list[Failure]] = defaultdict(list)
    for failure in failures:
        cause = NAMES.sub("#", failure.error.replace(failure.item, "#"))
        groups[failure.stage, cause].append(failure)
    shown = {failure.item for group in groups.values() for failure in group[:MAX_SHOWN_ITEMS]}
    ads = state.planned_as({item for item in shown if item.startswith("creative-")})
    names = {key: planned.variant.id for key, planned in ads.items()}
    return [
        FailureGroup(
            stage=stage,
            error=group[0].error,
            count=len(group),
            items=tuple(names.get(failure.item, failure.item) for failure in group[:MAX_SHOWN_ITEMS]),
        )
        for (stage, _), group in sorted(groups.items(), key=lambda entry: -len(entry[1]))
    ]
