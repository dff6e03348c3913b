"""A gate before GPU time is spent: whether a plan needs a person's word, and what the person said.

The answer lies in the store, so that a task that is tried again does not ask again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from catalog.campaign import Approval
from renderer.artifacts import Record
from renderer.batches import open_run
from renderer.run_records import PlanSummary
from renderer.run_state import RunState
from renderer.settings import Settings


class GateRecord(Record):
    """What was asked, for which wish of the run (`asked`), and the answer: empty until there is one."""

    asked: str
    answer: str = ""  # Approve or Reject
    answered_by: str = ""
    answered_at: str = ""


def look_at_gate(run: str, asked: str, settings: Settings) -> dict[str, Any]:
    """Tell whether the plan of a run is above its campaign's threshold, and what was asked and answered so far.

    `asked` names the wish: a task that somebody cleared is another one, a retry is the same.
    """
    state = open_run(run, settings)
    summary, approval = state.summary(), state.context().source.approval
    known = _known(state)
    same = known is not None and known.asked == asked
    return {
        "needed": approval is not None and _above(summary, approval),
        "asked": same,
        "answer": known.answer if known is not None and same else "",
        "subject": f"{run}: {len(summary.missing_shots):,} shots, {summary.cost_usd:.2f} USD",
        "body": told(summary),
    }


def remember_question(run: str, asked: str, settings: Settings) -> None:
    """Keep that a person was asked."""
    _write(open_run(run, settings), GateRecord(asked=asked))


def remember_answer(run: str, asked: str, answer: str, answered_by: str, settings: Settings) -> None:
    """Keep what the person said."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record = GateRecord(asked=asked, answer=answer, answered_by=answered_by, answered_at=now)
    _write(open_run(run, settings), record)


def told(summary: PlanSummary) -> str:
    """Return what a plan needs and costs, in Markdown, for the person who decides."""
    hours = f"{summary.gpu_hours:.2f} GPU hours and {summary.cpu_hours:.1f} core hours"
    rows = {
        "variants": f"{summary.variants:,}, of which {summary.missing_creatives:,} are to be made",
        "shots": f"{summary.shots:,}, of which {len(summary.missing_shots):,} are to be rendered",
        "lines": f"{summary.lines:,}, of which {summary.missing_lines:,} are to be spoken",
        "model": summary.named,
        "estimate": f"{summary.cost_usd:.2f} USD: {hours}",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows.items())])


def _above(summary: PlanSummary, approval: Approval) -> bool:
    limits = ((approval.gpu_hours, summary.gpu_hours), (approval.cost_usd, summary.cost_usd))
    return any(limit is not None and estimate > limit for limit, estimate in limits)


def _known(state: RunState) -> GateRecord | None:
    return state.store.get_record(f"{state.prefix}/gate.json", GateRecord)


def _write(state: RunState, record: GateRecord) -> None:
    state.store.put_record(f"{state.prefix}/gate.json", record)
