"""One ad in detail: what it says, how each of its takes came about and what that cost, what was found and said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from catalog.formats import SafeArea
from catalog.spoken import shown_text
from renderer.artifacts import Checked, Creative, Decision, Finding, Placed, Record, Shot, Take
from renderer.backends.video_models import VIDEO_MODELS
from renderer.dashboard.ads import Ad
from renderer.errors import StoreError
from renderer.journal import Journal
from renderer.run_records import VariantPlan
from renderer.run_state import RunState
from renderer.versions import checked_key


class SceneDetail(Record):
    """One scene: its copy, and the take that it shows. `shared_by` counts the run's ads that show it."""

    id: str
    duration_s: float
    headline: str
    subline: str
    badge: str
    narration: str
    shot: str
    prompt: str
    seed: str  # 63 bits: more than a number of JavaScript holds
    steps: int
    seconds_spent: float | None
    gpu_hours: float
    measured: bool  # the hours; otherwise they are the plan's estimate
    fidelity: float | None
    shared_by: int


class Details(Record):
    """One ad in detail. `share_gpu_hours` is its part of takes that many ads share, measured where that was noted."""

    key: str
    variant_id: str
    sha256: str
    size_bytes: int
    width: int
    height: int
    frame_rate: int
    price: str
    sale_price: str
    cta: str
    legal: str
    language: str
    direction: str
    model: str
    model_revision: str
    takes_prompts: bool
    scenes: tuple[SceneDetail, ...]
    findings: tuple[Finding, ...]
    measured: dict[str, str]
    voices: tuple[str, ...]
    notes: tuple[str, ...]
    placed: tuple[Placed, ...]
    safe_area: SafeArea
    share_gpu_hours: float
    decision: Decision | None
    history: tuple[Decision, ...]


def details(ad: Ad, state: RunState, ads: Iterable[Ad], journal: Journal, shot_hours: Mapping[str, float]) -> Details:
    """Return one finished ad of a run in detail.

    Raises:
        StoreError: its records are not in the store.
    """
    planned = state.planned_as([ad.key]).get(ad.key)
    creative = state.store.get_record(f"creatives/{ad.key}.json", Creative)
    checked = state.store.get_record(checked_key(ad.key), Checked)
    if planned is None or creative is None or checked is None:
        raise StoreError(f"{ad.variant_id}: its records are not in the store. Render the run again.")
    shots = {shot.key: shot for shot in state.shots() if shot.key in planned.shots}
    users = dict.fromkeys(planned.shots, 0)
    for other in ads:
        for key in users.keys() & set(other.shots):
            users[key] += 1
    context, variant = state.context(), planned.variant
    locale, facts = context.locales[variant.locale], VIDEO_MODELS.get(context.model)
    scenes = tuple(_scenes(planned, shots, users, shot_hours, state))
    return Details(
        key=ad.key,
        variant_id=variant.id,
        sha256=creative.sha256,
        size_bytes=creative.size_bytes,
        width=creative.width,
        height=creative.height,
        frame_rate=creative.frame_rate,
        price=variant.price,
        sale_price=variant.sale_price,
        cta=variant.end_card.cta if variant.end_card else "",
        legal=variant.end_card.legal if variant.end_card else "",
        language=locale.name,
        direction=locale.direction,
        model=context.model,
        model_revision=next((shot.revision for shot in shots.values()), ""),
        takes_prompts=facts is None or facts.has_prompt,
        scenes=scenes,
        findings=checked.findings,
        measured={
            "size": f"{creative.width} x {creative.height}, {creative.frame_rate} fps",
            "length": f"{checked.duration_s:.2f} s",
            "codecs": f"{checked.video_codec}, {checked.audio_codec}",
            "loudness": f"{checked.loudness_lufs:.1f} LUFS, peak {checked.peak_dbtp:.1f} dBTP",
            "file": f"{creative.size_bytes / 1e6:.1f} MB",
        },
        voices=creative.voices,
        notes=(*creative.departures, *creative.paces, *creative.grown),
        placed=creative.placed,
        safe_area=context.formats[variant.format].safe_area,
        share_gpu_hours=sum({one.shot: one.gpu_hours / max(one.shared_by, 1) for one in scenes}.values()),
        decision=journal.decision_on(creative.sha256),
        history=journal.history(variant.id),
    )


def _scenes(
    planned: VariantPlan,
    shots: Mapping[str, Shot],
    users: Mapping[str, int],
    hours: Mapping[str, float],
    state: RunState,
) -> Iterable[SceneDetail]:
    for scene, key in zip(planned.variant.scenes, planned.shots, strict=True):
        shot, take = shots[key], state.store.get_record(f"takes/{key}.json", Take)
        measured = None if take is None else take.gpu_seconds
        yield SceneDetail(
            id=scene.id,
            duration_s=scene.duration_s,
            headline=shown_text(scene.headline),
            subline=shown_text(scene.subline),
            badge=shown_text(scene.badge),
            narration=shown_text(scene.narration),
            shot=key,
            prompt=shot.prompt,
            seed=str(shot.seed if take is None or take.seed is None else take.seed),
            steps=shot.num_inference_steps,
            seconds_spent=take.seconds_spent if take else None,
            gpu_hours=hours.get(key, 0.0) if measured is None else measured / 3600,
            measured=measured is not None,
            fidelity=take.fidelity if take else None,
            shared_by=users[key],
        )
