"""The steps of a run as Airflow and the command line call them: ids go in, counts come out, state lies in the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from catalog import Brand, Refusal, Sample, Variant
from catalog.combine import combine
from catalog.expand import expand
from catalog.inputs import Inputs, read_inputs
from renderer import stages
from renderer.account import close, finished
from renderer.backends.video_models import video_model_facts
from renderer.backends.voices import VOICES
from renderer.digest import file_sha256
from renderer.errors import PlanError
from renderer.images import fetch_images
from renderer.picture.fonts import Shelf
from renderer.plan import RenderPlan, Tools, plan
from renderer.progress import FOLDERS, present
from renderer.publish import manifest_row, publish, write_manifest
from renderer.review import review
from renderer.run_records import Batch, PlanSummary, RunContext, RunReport, StageAccount, VariantPlan
from renderer.run_state import WHOLE_RUN, RunState
from renderer.settings import Settings
from renderer.store import Store, open_store

VARIANTS_PER_BATCH = 8  # with fewer, a batch's start-up (model, voices) weighs more than its work
COMPOSE_CPU_S = 25.0  # one creative of nine seconds on one core, docs/performance.md; for estimates only
EVERYTHING = Sample()


def start_run(
    campaign: str, run_id: str, sample: int | None, model: str | None, settings: Settings, *, whole: bool = False
) -> dict[str, Any]:
    """Expand a campaign: read its catalogs and pictures and write down every variant that was asked for.

    `campaign` is a folder, or the name of one in the templates folder. `sample` bounds the count; the campaign's own
    sample is taken unless `whole` is set.

    Raises:
        CatalogError: the campaign cannot be used. Wrong rows and locales only refuse their own variants.
    """
    started = time.monotonic()
    inputs = read_inputs(campaign_folder(campaign, settings))
    store = open_store(settings.store_url, settings.cache_dir)
    state = RunState(f"{inputs.campaign.id}/{run_id}", store)
    combinations = combine(inputs, _part(inputs.campaign.sample, sample, whole=whole))
    wanted = {combination.product_id for combination in combinations}
    images, problems = fetch_images([product for product in inputs.products if product.id in wanted], store)
    moment = datetime.now(UTC)
    unusable = {problem.subject: problem for problem in problems}
    results = list(expand(inputs, combinations, images, unusable, moment))
    variants = [result for result in results if isinstance(result, Variant)]
    refused = [result for result in results if isinstance(result, Refusal)]
    state.write_expanded(variants, refused)
    reasons = dict.fromkeys([*map(str, inputs.problems), *map(str, problems), *(one.reason for one in refused)])
    state.start(_context(inputs, run_id, model, moment, store), reasons)
    _account("expand", started, len(results), len(variants), state)
    return {
        "run": state.run,
        "requested": len(results),
        "refused": len(refused),
        "problems": len(reasons),
        "products": len(inputs.products) + len(inputs.refused_products),
        "locales": len(inputs.campaign.locales),
        "formats": len(inputs.campaign.formats),
        "whole": len(combine(inputs)),
    }


def plan_run(run: str, settings: Settings) -> dict[str, Any]:
    """Plan an expanded run: find what is missing, split it into batches, and refuse what the budget does not allow.

    Raises:
        PlanError: the model or the voices cannot do what is asked, or the budget is too small.
    """
    started = time.monotonic()
    state = open_run(run, settings)
    context = state.context()
    facts = video_model_facts(context.model)
    fonts = Shelf(settings.font_folders).revision
    planned = plan(state.variants(), context, Tools.of(context.source, context.model, facts, VOICES, fonts))
    batches = split(planned, missing_variants(planned, state.store), settings.batches)
    summary = summarize(planned, batches, state, settings)
    budget = context.source.budget
    if budget is not None and summary.gpu_hours > budget.gpu_hours:
        raise PlanError(
            f"{context.campaign}: about {summary.gpu_hours:.2f} GPU hours, and the budget allows {budget.gpu_hours:g}. "
            "Render a sample, take a smaller model, or raise the budget."
        )
    state.write_plan(planned.variants, planned.shots.values(), batches)
    state.write_summary(summary)
    _account("plan", started, len(planned.variants), len(planned.variants), state)
    labels = [{"run": run, "batch": number, "label": batch.label} for number, batch in enumerate(batches)]
    return {"run": run, "batches": labels, "variants": summary.variants, "shots": summary.shots, "lines": summary.lines}


def run_stage(stage: str, batch: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Do one stage (generate, narrate, caption, compose, check) for one batch that `plan_run` named.

    Raises:
        StageFailed: every item failed and trying again may help; what was made is kept.
    """
    account = stages.run_stage(stage, int(batch["batch"]), open_run(batch["run"], settings), settings)
    return {"wanted": account.wanted, "made": account.made, "failed": len(account.failures)}


def review_run(run: str, settings: Settings) -> dict[str, Any]:
    """Decide about every finished creative as the campaign's rule says."""
    started = time.monotonic()
    state = open_run(run, settings)
    rule = state.context().source.review
    decisions = list(review((checked for _, _, checked in finished(state.planned(), state)), rule, state.store))
    verdicts = [decision.verdict for decision in decisions if decision is not None]
    _account("review", started, len(decisions), len(verdicts), state)
    return {
        "approved": verdicts.count("approve"),
        "rejected": verdicts.count("reject"),
        "waiting": decisions.count(None),
    }


def publish_run(run: str, settings: Settings) -> dict[str, Any]:
    """Deliver what is approved, write the manifest, close the account of the run."""
    started = time.monotonic()
    state = open_run(run, settings)
    destination = open_store(settings.publish_url or settings.store_url, settings.cache_dir)
    done = finished(state.planned(), state)
    decisions = review((checked for _, _, checked in done), state.context().source.review, state.store)
    approved = [
        (creative, decision)
        for (_, creative, _), decision in zip(done, decisions, strict=True)
        if decision is not None and decision.verdict == "approve"
    ]
    deliveries = {delivery.variant_id: delivery for delivery in publish(approved, state.store, destination)}
    variants = [planned.variant for planned, _, _ in done if planned.variant.id in deliveries]
    rows = [manifest_row(variant, deliveries[variant.id]) for variant in variants]
    write_manifest(rows, state.prefix, destination)
    _account("publish", started, len(deliveries), len(deliveries), state)
    report = close(state, done, deliveries)
    state.write_report(report)
    return counts(report)


def counts(report: RunReport) -> dict[str, Any]:
    """Return the account of a run in numbers."""
    return {
        "requested": report.requested,
        "delivered": report.delivered,
        "waiting": len(report.waiting),
        "rejected": len(report.rejected),
        "failed": len(report.failed),
        "complete": report.complete,
    }


def open_run(run: str, settings: Settings) -> RunState:
    """Open the state of `<campaign>/<run_id>` in the store of the settings."""
    return RunState(run, open_store(settings.store_url, settings.cache_dir))


def campaign_folder(campaign: str, settings: Settings) -> Path:
    """Return the folder of a campaign given as a path or as a name in the templates folder."""
    path = Path(campaign)
    return path if (path / "campaign.yaml").is_file() else settings.templates_dir / campaign


def missing_variants(planned: RenderPlan, store: Store) -> list[VariantPlan]:
    """Return the variants whose creative is not composed and checked yet."""
    keys = {variant.creative_key for variant in planned.variants}
    done = present("creatives", keys, store) & present(FOLDERS["check"], keys, store)
    return [variant for variant in planned.variants if variant.creative_key not in done]


def split(planned: RenderPlan, missing: list[VariantPlan], most: int) -> list[Batch]:
    """Split into at most `most` batches; variants that share all their shots stay together as far as that goes."""
    if not missing:
        return []
    ordered = sorted(missing, key=lambda variant: (variant.shots, variant.variant.id))
    groups = [list(group) for _, group in groupby(ordered, key=lambda variant: variant.shots)]
    size = max(VARIANTS_PER_BATCH, -(-len(missing) // most))
    batches: list[list[VariantPlan]] = [[]]
    for group in groups:
        for start in range(0, len(group), size):
            part = group[start : start + size]
            if batches[-1] and len(batches[-1]) + len(part) > size and len(batches) < most:
                batches.append([])
            batches[-1] += part
    return [_batch(batch, planned) for batch in batches]


def summarize(planned: RenderPlan, batches: Iterable[Batch], state: RunState, settings: Settings) -> PlanSummary:
    """Return the numbers of a plan: counts, hours and cost of what is missing."""
    facts = video_model_facts(planned.context.model)
    batches = list(batches)
    refused = sum(1 for _ in state.refused())
    shots = {shot.key for batch in batches for shot in batch.shots}
    missing = sorted(shots - present("takes", shots, state.store))
    lines = {line.key for batch in batches for line in batch.lines}
    creatives = sum(len(batch.variants) for batch in batches)
    gpu_hours = len(missing) * facts.gpu_seconds_per_shot / 3600
    return PlanSummary(
        requested=planned.requested + refused,
        refused=refused,
        variants=len(planned.variants),
        shots=len(planned.shots),
        lines=len(planned.lines),
        missing_shots=tuple(missing),
        missing_lines=len(lines - present("speech", lines, state.store)),
        missing_creatives=creatives,
        gpu_hours=gpu_hours,
        cpu_hours=(creatives * COMPOSE_CPU_S + len(missing) * facts.cpu_seconds_per_shot) / 3600,
        cost_usd=gpu_hours * settings.gpu_hour_usd,
        batch_labels=tuple(batch.label for batch in batches),
    )


def _batch(variants: list[VariantPlan], planned: RenderPlan) -> Batch:
    def used(keys: Callable[[VariantPlan], Iterable[str | None]], table: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(table[key] for key in dict.fromkeys(key for variant in variants for key in keys(variant)) if key)

    names = dict.fromkeys(f"{variant.variant.product_id} · {variant.variant.format}" for variant in variants)
    return Batch(
        label=", ".join(names) if len(names) < 3 else f"{next(iter(names))} and {len(names) - 1} more",
        shots=used(lambda variant: variant.shots, planned.shots),
        lines=used(lambda variant: variant.lines, planned.lines),
        captions=used(lambda variant: variant.cues, planned.captions),
        variants=tuple(variants),
    )


def _part(own: Sample, count: int | None, *, whole: bool) -> Sample:
    part = EVERYTHING if whole else own
    return part if count is None else part.model_copy(update={"count": count})


def _context(inputs: Inputs, run_id: str, model: str | None, moment: datetime, store: Store) -> RunContext:
    campaign = inputs.campaign
    return RunContext(
        campaign=campaign.id,
        run_id=run_id,
        source=campaign,
        as_of=moment.isoformat(timespec="seconds"),
        model=model or campaign.model,
        brand=_stored_brand(campaign.brand, inputs.folder, store),
        locales=dict(inputs.locales),
        formats=dict(inputs.formats),
    )


def _stored_brand(brand: Brand, folder: Path, store: Store) -> Brand:
    logo = folder / brand.logo
    sha256 = file_sha256(logo)
    key = f"brand/{sha256}{logo.suffix.lower()}"
    store.put_file(key, logo)
    return brand.model_copy(update={"logo": key, "logo_sha256": sha256})


def _account(stage: str, started: float, wanted: int, made: int, state: RunState) -> None:
    seconds = time.monotonic() - started
    account = StageAccount(stage=stage, seconds=seconds, wanted=wanted, made=made, failures=())
    state.write_account(WHOLE_RUN, account)
