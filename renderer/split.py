"""Splits the missing work of a plan into batches, and adds up what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from renderer.artifacts import Shot
from renderer.backends import VideoModelFacts
from renderer.backends.video_models import video_model_facts
from renderer.plan import RenderPlan
from renderer.progress import FOLDERS, present
from renderer.run_records import Batch, PlanSummary, VariantPlan
from renderer.run_state import RunState
from renderer.settings import Settings
from renderer.store import Store

VARIANTS_PER_BATCH = 8  # with fewer, a batch's start-up (model, voices) weighs more than its work
COMPOSE_CPU_S = 25.0  # one creative of nine seconds on one core, docs/performance.md; for estimates only


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
    longest_takes = sum(share_of_longest(planned.shots[key], facts) for key in missing)
    gpu_hours = longest_takes * facts.gpu_seconds_per_shot / 3600
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
        cpu_hours=(creatives * COMPOSE_CPU_S + longest_takes * facts.cpu_seconds_per_shot) / 3600,
        cost_usd=gpu_hours * settings.gpu_hour_usd,
        gpu_hour_usd=settings.gpu_hour_usd,
        batch_labels=tuple(batch.label for batch in batches),
        model=planned.context.model,
        model_revision=planned.revision,
        approximations=planned.approximations,
        licence=facts.licence,
        warnings=tuple(planned.warnings),
    )


def share_of_longest(shot: Shot, facts: VideoModelFacts) -> float:
    """Return what a shot costs as a share of the model's longest take of its largest own size in its own steps.

    In proportion to steps, frames and pixels: attention grows faster than that, so small shots cost less than estimated
    here if the model's figure was measured on a large one. Shared steps and approximations are not taken off.
    """
    pixels = max(width * height for width, height in facts.sizes.values())
    steps, frames = shot.num_inference_steps / facts.num_inference_steps, shot.num_frames / facts.max_num_frames
    return steps * frames * shot.width * shot.height / pixels


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
