"""Records who said what about exactly which bytes; without a decision nothing is published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Literal

from renderer.artifacts import Checked, Decision
from renderer.errors import RenderError
from renderer.store import Store

RULE = "rule: automatic"  # the reviewer's name where the campaign lets passing checks decide

Rule = Literal["automatic", "people"]


def review(checked: Iterable[Checked], rule: Rule, store: Store) -> Iterator[Decision | None]:
    """Yield the decision about each creative; None where a person has to look first."""
    for one in checked:
        yield review_creative(one, rule, store)


def review_creative(checked: Checked, rule: Rule, store: Store) -> Decision | None:
    """Return what was decided about these bytes, deciding now what the rule can.

    A failed check always rejects. What a person decided about the same bytes stands.
    """
    known = decision_on(checked.sha256, store)
    if known is not None and known.reviewer != RULE:
        return known
    if not checked.passed:
        reason = "; ".join(finding.message for finding in checked.findings if finding.severity == "error")
        return record_decision(_decision(checked, "reject", reason, RULE), store)
    if rule == "people":
        return None
    return record_decision(_decision(checked, "approve", "all checks passed", RULE), store)


def decision_on(sha256: str, store: Store) -> Decision | None:
    """Return what was decided about the file with this hash."""
    return store.get_record(f"decisions/{sha256}.json", Decision)


def record_decision(decision: Decision, store: Store) -> Decision:
    """Write a decision down; a person's word replaces an older one."""
    store.put_record(f"decisions/{decision.sha256}.json", decision)
    return decision


def decide(
    checked: Checked, verdict: Literal["approve", "reject"], reason: str, reviewer: str, store: Store
) -> Decision:
    """Record a person's decision about a checked creative.

    Raises:
        RenderError: the creative failed its checks and was to be approved.
    """
    if verdict == "approve" and not checked.passed:
        raise RenderError(
            f"{checked.variant_id}: its checks failed, so it cannot be approved. Mend the cause and render again."
        )
    return record_decision(_decision(checked, verdict, reason, reviewer), store)


def _decision(checked: Checked, verdict: Literal["approve", "reject"], reason: str, reviewer: str) -> Decision:
    return Decision(
        variant_id=checked.variant_id,
        sha256=checked.sha256,
        verdict=verdict,
        reason=reason,
        reviewer=reviewer,
        decided_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
