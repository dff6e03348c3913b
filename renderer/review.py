"""Records who said what about exactly which bytes; without a decision nothing is published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Literal

from renderer.artifacts import Checked, Creative, Decision, Record, Retake, Verdict
from renderer.errors import RenderError
from renderer.journal import Journal
from renderer.store import Store

RULE = "rule: automatic"  # the reviewer's name where the campaign lets passing checks decide

Rule = Literal["automatic", "people"]


@dataclass(frozen=True)
class Ruling:
    """What a person says about one or many creatives."""

    verdict: Verdict
    reason: str
    reviewer: str


@dataclass(frozen=True)
class Subject:
    """A creative that a person decides about, as the person saw it.

    `seen` is the journal's revision that was looked at: what somebody else said later is a conflict. None looks away.
    """

    variant_id: str
    sha256: str
    passed: bool
    seen: int | None = None
    retakes: tuple[Retake, ...] = ()


class Refused(Record):
    """A creative that was not decided about, and why."""

    variant_id: str
    sha256: str
    reason: str


class Ruled(Record):
    """What became of a ruling: `conflicts` are what others said meanwhile, which stands."""

    decided: tuple[Decision, ...] = ()
    unchanged: int = 0  # it stood already
    conflicts: tuple[Decision, ...] = ()
    refused: tuple[Refused, ...] = ()
    revision: int = 0  # of the journal afterwards


def review(checked: Iterable[Checked], rule: Rule, store: Store) -> Iterator[Decision | None]:
    """Yield the decision about each creative; None where a person has to look first.

    A failed check always rejects. What a person decided about the same bytes stands.
    """
    for campaign, group in groupby(checked, key=campaign_of):
        journal, ads = Journal(campaign, store), list(group)
        journal.write(partial(_by_rule, ads, rule))
        yield from (journal.decision_on(one.sha256) for one in ads)


def review_creative(checked: Checked, rule: Rule, store: Store) -> Decision | None:
    """Return what was decided about these bytes, deciding now what the rule can."""
    return next(review([checked], rule, store))


def decision_on(reviewed: Checked | Creative, store: Store) -> Decision | None:
    """Return what was decided about the bytes of one creative."""
    return Journal(campaign_of(reviewed), store).refresh().decision_on(reviewed.sha256)


def campaign_of(reviewed: Checked | Creative | Subject) -> str:
    """Return the campaign whose journal holds what is said about a creative."""
    return reviewed.variant_id.partition("/")[0]


def decide(checked: Checked, verdict: Verdict, reason: str, reviewer: str, store: Store) -> Decision:
    """Record a person's decision about a checked creative.

    Raises:
        RenderError: the creative failed its checks and was to be approved, or a rejection has no reason.
    """
    subject = Subject(checked.variant_id, checked.sha256, checked.passed)
    journal = Journal(campaign_of(checked), store)
    ruled = decide_all([subject], Ruling(verdict, reason, reviewer), journal)
    if ruled.refused:
        raise RenderError(ruled.refused[0].reason)
    decision = journal.decision_on(checked.sha256)
    assert decision is not None, "what is not refused is decided"
    return decision


def decide_all(subjects: Sequence[Subject], ruling: Ruling, journal: Journal) -> Ruled:
    """Record what a person says about creatives of one campaign: all that can be said in one entry of its journal.

    What stands already is not said again, so the same ruling may be sent twice.

    Raises:
        RenderError: a rejection or a retake without a reason.
    """
    if ruling.verdict in ("reject", "retake") and not ruling.reason.strip():
        raise RenderError(f"{ruling.verdict}: has no reason. Say in a few words what is wrong.")
    ruled = Ruled()

    def say(known: Journal) -> Iterable[Decision]:
        nonlocal ruled
        ruled = _judged(subjects, ruling, known)
        return ruled.decided

    written = journal.write(say)
    return ruled.model_copy(update={"decided": written, "revision": journal.revision})


def _judged(subjects: Iterable[Subject], ruling: Ruling, known: Journal) -> Ruled:
    """Return what is to be written, and what is not and why."""
    moment, judge = _now(), _undo if ruling.verdict == "undo" else _decide
    decisions, conflicts, refused, unchanged = [], [], [], 0
    for subject in subjects:
        last = known.last_word(subject.sha256)
        if _stands(subject, ruling, known):
            unchanged += 1
        elif last is not None and subject.seen is not None and last.revision > subject.seen:
            conflicts.append(last)
        elif reason := judge(subject, known, ruling.verdict):
            refused.append(Refused(variant_id=subject.variant_id, sha256=subject.sha256, reason=reason))
        else:
            decisions.append(_decision(subject, ruling, moment))
    return Ruled(decided=tuple(decisions), unchanged=unchanged, conflicts=tuple(conflicts), refused=tuple(refused))


def _stands(subject: Subject, ruling: Ruling, known: Journal) -> bool:
    """Tell whether the same was said before: an approval, or anything else for the same reason."""
    standing = known.decision_on(subject.sha256)
    if standing is None or standing.verdict != ruling.verdict:
        return False
    return ruling.verdict == "approve" or (standing.reason, standing.retakes) == (ruling.reason, subject.retakes)


def _decide(subject: Subject, known: Journal, verdict: Verdict) -> str:
    """Return why this cannot be said, or nothing."""
    if verdict == "approve" and not subject.passed:
        return f"{subject.variant_id}: its checks failed, so it cannot be approved. Mend the cause and render again."
    if verdict == "retake" and not subject.retakes:
        return f"{subject.variant_id}: no scene was named to take again. Name one."
    return ""


def _undo(subject: Subject, known: Journal, verdict: Verdict) -> str:
    standing = known.decision_on(subject.sha256)
    return f"{subject.variant_id}: there is no decision to undo." if standing is None else ""


def _by_rule(ads: Iterable[Checked], rule: Rule, known: Journal) -> Iterator[Decision]:
    """Yield what the campaign's rule decides that is not decided so already."""
    moment = _now()
    for checked in ads:
        standing = known.decision_on(checked.sha256)
        if (standing is not None and standing.reviewer != RULE) or (ruling := _ruling(checked, rule)) is None:
            continue
        if standing is None or (standing.verdict, standing.reason) != (ruling.verdict, ruling.reason):
            yield _decision(Subject(checked.variant_id, checked.sha256, checked.passed), ruling, moment)


def _ruling(checked: Checked, rule: Rule) -> Ruling | None:
    if not checked.passed:
        reason = "; ".join(finding.message for finding in checked.findings if finding.severity == "error")
        return Ruling("reject", reason, RULE)
    return Ruling("approve", "all checks passed", RULE) if rule == "automatic" else None


def _decision(subject: Subject, ruling: Ruling, moment: str) -> Decision:
    return Decision(
        variant_id=subject.variant_id,
        sha256=subject.sha256,
        verdict=ruling.verdict,
        reason=ruling.reason,
        reviewer=ruling.reviewer,
        decided_at=moment,
        retakes=subject.retakes if ruling.verdict == "retake" else (),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
