"""Writes a run with finished ads into a store without rendering: real records, a few real bytes as files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from campaign_folder import context_of, planned, write_campaign
from catalog import Refusal
from catalog.inputs import read_inputs
from renderer.artifacts import Checked, Creative, Finding, Placed, Take
from renderer.plan import RenderPlan
from renderer.run_records import Failure, PlanSummary, StageAccount, VariantPlan
from renderer.run_state import RunState
from renderer.split import split
from renderer.store import Store
from renderer.versions import checked_key

RUN = "test/r1"
LOUD = Finding(check="loudness", severity="warning", measured="-16", limit="-14", message="quiet. Mix it again.")
BROKEN = Finding(check="black", severity="error", measured="2 s", limit="0.5 s", message="black. Render it again.")


def take(key: str, **facts: object) -> Take:
    """The record of a small take."""
    small = {"object": f"takes/{key}.mp4", "width": 72, "height": 128, "num_frames": 9, "frame_rate": 10}
    return Take.model_validate({"key": key, **small, **facts})


def write_run(
    store: Store, folder: Path, count: int = 12, run: str = RUN, titles: Sequence[str] = (), failures: int = 0
) -> list[VariantPlan]:
    """Write a planned run of `count` variants, all finished but the last `failures`, which could not be composed.

    Every third ad has a warning, every seventh an error. `titles` replace those of the first products.
    """
    plan, state = planned(write_campaign(folder)), RunState(run, store)
    context = context_of(read_inputs(folder)).model_copy(update={"model": "backdrop", "run_id": run.split("/")[1]})
    variants = [_variant(plan, number, titles) for number in range(count)]
    plan.variants = variants
    state.start(context, ())
    refused = Refusal.model_construct(
        variant_id="test/x/en-US/story_9x16",
        product_id="x",
        locale="en-US",
        format="story_9x16",
        reason="products.csv:4: price: is empty. Write one.",
    )
    state.write_expanded((), [refused])
    state.write_account("run", StageAccount(stage="expand", seconds=1, wanted=count + 1, made=count, failures=()))
    batches = split(plan, variants, 4)
    state.write_plan(variants, plan.shots.values(), batches)
    state.write_summary(_summary(plan, [batch.label for batch in batches]))
    lost = {one.creative_key for one in variants[count - failures :]}
    with ThreadPoolExecutor(8) as writers:
        list(
            writers.map(lambda one: _finish(*one, store), enumerate(v for v in variants if v.creative_key not in lost))
        )
    for key in plan.shots:
        store.put_record(f"takes/{key}.json", take(key, seed=7, seconds_spent=3.5))
    for number, batch in enumerate(batches):
        failed = tuple(_failure(one.creative_key) for one in batch.variants if one.creative_key in lost)
        made = len(batch.variants) - len(failed)
        for stage in ("generate", "compose", "check"):
            of_stage = failed if stage == "compose" else ()
            state.write_account(
                f"{number:03}",
                StageAccount(stage=stage, seconds=2, wanted=made + len(of_stage), made=made, failures=of_stage),
            )
    return variants


def _variant(plan: RenderPlan, number: int, titles: Sequence[str]) -> VariantPlan:
    base = plan.variants[number % len(plan.variants)]
    product = f"{base.variant.product_id}-{number // len(plan.variants):04}"
    title = titles[number] if number < len(titles) else base.variant.title
    name = f"test/{product}/{base.variant.locale}/{base.variant.format}"
    variant = base.variant.model_copy(update={"id": name, "product_id": product, "title": title})
    return base.model_copy(update={"variant": variant, "creative_key": f"creative-{_hash(name)[:32]}"})


def _finish(number: int, planned: VariantPlan, store: Store) -> None:
    key, sha256, name = planned.creative_key, _hash(f"bytes of {planned.creative_key}"), planned.variant.id
    stem = f"creatives/{key}-{sha256[:12]}"
    if number < 24:
        for suffix in ("mp4", "jpg", "vtt", "srt", "ttml"):
            store.put_bytes(f"{stem}.{suffix}", f"{suffix} of {name}".encode())
    caption = Placed(
        role="caption", text="hello", first_frame=0, last_frame=24, x=100, y=1200, width=800, height=120, contrast=7.1
    )
    files = {
        "object": f"{stem}.mp4",
        "webvtt": f"{stem}.vtt",
        "srt": f"{stem}.srt",
        "ttml": f"{stem}.ttml",
        "poster": f"{stem}.jpg",
    }
    creative = Creative(
        key=key,
        variant_id=name,
        **files,
        sha256=sha256,
        size_bytes=1000,
        width=1080,
        height=1920,
        num_frames=96,
        frame_rate=24,
        placed=(caption,),
        voices=("kokoro:a",),
    )
    findings = ((BROKEN,) if number % 7 == 6 else ()) + ((LOUD,) if number % 3 == 2 else ())
    checked = Checked(
        key=key,
        variant_id=name,
        sha256=sha256,
        findings=findings,
        video_codec="h264",
        audio_codec="aac",
        duration_s=4.0,
        loudness_lufs=-14,
        peak_dbtp=-1.5,
    )
    store.put_record(f"creatives/{key}.json", creative)
    store.put_record(checked_key(key), checked)


def _failure(key: str) -> Failure:
    return Failure(
        stage="compose",
        item=key,
        error=f"{key}: take shot-{_hash(key)[:32]} has 3 frames. Render it again.",
        retryable=False,
    )


def _summary(plan: RenderPlan, labels: Sequence[str]) -> PlanSummary:
    return PlanSummary(
        model="backdrop",
        requested=len(plan.variants) + 1,
        refused=1,
        variants=len(plan.variants),
        shots=len(plan.shots),
        lines=len(plan.lines),
        missing_shots=tuple(plan.shots),
        missing_lines=0,
        missing_creatives=len(plan.variants),
        gpu_hours=0.5,
        cpu_hours=0,
        cost_usd=1.5,
        batch_labels=tuple(labels),
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
