"""Closes the account of a run: requested = delivered + waiting + rejected + failed, each with its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from renderer.artifacts import Checked, Creative, Decision, Delivery
from renderer.journal import Journal
from renderer.progress import present
from renderer.run_records import Cost, DeliveredCreative, LiveRow, RunReport, Terms, Undelivered, VariantPlan
from renderer.run_state import RunState
from renderer.versions import checked_key

NOT_REACHED = "was not reached. Run the campaign again; what is finished is kept."


NOTHING: Mapping[str, str] = {}
FREE = Cost()
Finished = tuple[VariantPlan, Creative, Checked]


def close(
    state: RunState,
    done: Iterable[Finished],
    deliveries: Mapping[str, Delivery],
    late: Mapping[str, str] = NOTHING,
    off_show: Iterable[LiveRow] = (),
    cost: Cost = FREE,
) -> RunReport:
    """Return the account; `done` is what `finished` gave, `deliveries` are by variant id, `cost` is that of `cost_of`.

    `late` says by variant id why an ad may not be shown any more; `off_show` are the creatives that the run took away.
    """
    context = state.context()
    reasons = _reasons(state)
    fates: dict[str, list[object]] = defaultdict(list)
    fate: object
    made = {variant.creative_key: (creative, checked) for variant, creative, checked in done}
    planned = list(state.planned())
    journal = Journal(context.campaign, state.store).refresh()
    for variant in planned:
        if variant.creative_key in made:
            creative, checked = made[variant.creative_key]
            if (delivery := deliveries.get(variant.variant.id)) is not None:
                kind, fate = "delivered", _delivered(variant, creative, checked, delivery, context.terms)
            elif (reason := late.get(variant.variant.id)) is not None:
                kind, fate = "rejected", Undelivered(variant=variant.variant.id, reason=f"came too late: {reason}")
            else:
                kind, fate = _undelivered(variant, journal.decision_on(creative.sha256))
        else:
            name = variant.variant.id
            reason = reasons.get(variant.creative_key, f"{name}: {NOT_REACHED}")
            kind, fate = "failed", Undelivered(variant=name, reason=reason)
        fates[kind].append(fate)
    refused = [Undelivered(variant=one.variant_id, reason=one.reason) for one in state.refused()]
    seconds: dict[str, float] = defaultdict(float)
    for account in state.accounts():
        seconds[account.stage] += account.seconds
    summary = state.summary()
    return RunReport.model_validate(
        {
            "campaign": context.campaign,
            "run_id": context.run_id,
            **state.model_use().model_dump(),
            "requested": len(planned) + len(refused),
            "creatives": fates["delivered"],
            "waiting": fates["waiting"],
            "rejected": fates["rejected"],
            "failed": [*refused, *fates["failed"]],
            "withdrawn": [Undelivered(variant=row.variant, reason=f"{row.status}: {row.reason}") for row in off_show],
            "problems": state.problems(),
            "shots": summary.shots,
            "shots_rendered": len(present("takes", set(summary.missing_shots), state.store)),
            "seconds": {stage: round(spent, 2) for stage, spent in seconds.items()},
            "cost": cost,
        }
    )


def _reasons(state: RunState) -> dict[str, str]:
    """Return why creatives could not be composed or checked, by creative key."""
    reasons: dict[str, str] = {}
    for stage in ("compose", "check"):
        for account in state.accounts(f"{stage}/"):
            for failure in account.failures:
                reasons.setdefault(failure.item, failure.error)
    return reasons


def finished(planned: Iterable[VariantPlan], state: RunState) -> list[Finished]:
    """Return the variants whose creative is composed and checked."""
    variants = list(planned)
    creatives = state.store.get_records([f"creatives/{one.creative_key}.json" for one in variants], Creative)
    checks = state.store.get_records([checked_key(one.creative_key) for one in variants], Checked)
    found = zip(variants, creatives, checks, strict=True)
    return [(variant, creative, checked) for variant, creative, checked in found if creative and checked]


def _undelivered(planned: VariantPlan, decision: Decision | None) -> tuple[str, Undelivered]:
    name = planned.variant.id
    if decision is None:
        return "waiting", Undelivered(variant=name, reason="waits for a person to look at it")
    if decision.verdict == "approve":
        return "failed", Undelivered(variant=name, reason=f"{name}: approved, but it did not reach its destination.")
    return "rejected", Undelivered(variant=name, reason=f"{decision.reviewer}: {decision.reason}")


def _delivered(
    planned: VariantPlan, creative: Creative, checked: Checked, delivery: Delivery, terms: Terms
) -> DeliveredCreative:
    variant = planned.variant
    return DeliveredCreative(
        variant=variant.id,
        product=variant.product_id,
        locale=variant.locale,
        format=variant.format,
        object=creative.object,
        webvtt=creative.webvtt,
        srt=creative.srt,
        ttml=creative.ttml,
        poster=creative.poster,
        url=delivery.url,
        sha256=creative.sha256,
        width=creative.width,
        height=creative.height,
        duration_s=checked.duration_s,
        video_codec=checked.video_codec,
        audio_codec=checked.audio_codec,
        loudness_lufs=checked.loudness_lufs,
        peak_dbtp=checked.peak_dbtp,
        warnings=tuple(finding.message for finding in checked.findings if finding.severity == "warning"),
        music=variant.music.file or variant.music.mood,
        music_licence=variant.music.rights,
        terms=terms,
    )
