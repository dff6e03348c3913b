"""Writes what a run came to: the ads themselves, `report.json`, a page that plays them, and a table."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from renderer.publish import PUBLISHED
from renderer.report.gallery import Card, page
from renderer.run_records import Cost, DeliveredCreative, ModelUse, RunReport, Undelivered, VariantPlan
from renderer.run_state import RunState
from renderer.settings import Settings
from renderer.store import Store, open_store

FLOW = ("expand", "plan", "generate", "narrate", "caption", "compose", "check", "review", "publish")
ADS = "ads"
MAX_PROBLEMS = 5  # in the terminal; all of them stand in report.json
FILES = {"object": ".mp4", "webvtt": ".vtt", "srt": ".srt", "ttml": ".ttml", "poster": ".jpg"}


def demo_folder(settings: Settings) -> Path:
    """Return where the files of the latest run are put."""
    return settings.build_dir / "demo"


def write(run: str, settings: Settings) -> RunReport | None:
    """Fill `build/demo` with `ads/`, `report.json` and `index.html` of a run, and nothing older.

    Returns None, and writes nothing, where the run was not closed.

    Raises:
        StoreError: a file of the run is gone.
    """
    store = open_store(settings.store_url, settings.cache_dir)
    state = RunState(run, store)
    report = state.report()
    if report is None:
        return None
    folder = demo_folder(settings)
    (folder / ADS).mkdir(parents=True, exist_ok=True)
    names = {ad.variant: file_name(ad) for ad in report.creatives}
    _fetch(report, names, store, folder)
    facts = json.dumps(as_json(report, names), indent=2, ensure_ascii=False)
    (folder / "report.json").write_text(facts + "\n", encoding="utf-8")
    (folder / "index.html").write_text(page(report, _cards(report, names, state, folder)), encoding="utf-8")
    return report


def file_name(ad: DeliveredCreative) -> str:
    """Return a name that every file system takes and that tells what is in the file, without ending."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "_", ad.variant.partition("/")[2]).strip("._") or "ad"
    return f"{readable[:100]}_{ad.sha256[:8]}"


def as_json(report: RunReport, names: dict[str, str]) -> dict[str, Any]:
    """Return the content of `report.json`; paths are relative to it."""
    undelivered = {kind: getattr(report, kind) for kind in ("waiting", "rejected", "failed")}
    return {
        "campaign": report.campaign,
        "run_id": report.run_id,
        **report.model_dump(include=set(ModelUse.model_fields)),
        "requested": report.requested,
        "delivered": report.delivered,
        **{kind: len(those) for kind, those in undelivered.items()},
        "withdrawn": [one.model_dump() for one in report.withdrawn],
        "shots": report.shots,
        "shots_rendered": report.shots_rendered,
        "shots_cached": report.shots_cached,
        "seconds": report.seconds,
        "cost": report.cost.model_dump(),
        "creatives": [_facts(ad, f"{ADS}/{names[ad.variant]}") for ad in report.creatives],
        "problems": [
            *report.problems,
            *(f"{one.variant}: {one.reason}" for kind in undelivered.values() for one in kind),
        ],
    }


def table(report: RunReport, folder: Path | None) -> Table:
    """Return the account for a terminal; `folder` is where `write` put the files, if it did."""
    rows = Table(title=f"{report.campaign}, run {report.run_id}", show_header=False, title_justify="left")
    rows.add_column(style="bold")
    rows.add_column(overflow="fold")
    rows.add_row("variants", str(report.requested))
    rows.add_row("shots", f"{report.shots}, {report.shots_rendered} of them rendered now")
    rows.add_row("cached", str(report.shots_cached))
    rows.add_row("GPU", _cost(report.cost))
    if report.cost.over_budget:
        rows.add_row("budget", escape(report.cost.over_budget))
    rows.add_row("delivered", str(report.delivered))
    for kind in ("waiting", "rejected", "failed", "withdrawn"):
        those: tuple[Undelivered, ...] = getattr(report, kind)
        rows.add_row(kind, f"{len(those)}: {escape(those[0].reason)}" if those else "0")
    rows.add_row("seconds", ", ".join(f"{stage} {report.seconds[stage]:.1f}" for stage in _in_order(report.seconds)))
    for problem in report.problems[:MAX_PROBLEMS]:
        rows.add_row("problem", escape(problem))
    if folder is not None:
        rows.add_row("look at", str(folder / "index.html"))
        rows.add_row("facts", str(folder / "report.json"))
    if report.creatives:
        rows.add_row("on S3", published_at(report))
    return rows


def _cost(cost: Cost) -> str:
    spent = f"{cost.gpu_hours_spent:.2f} h, {cost.usd_spent:.2f} USD, measured"
    planned = f"planned {cost.gpu_hours_planned:.2f} h, {cost.usd_planned:.2f} USD"
    saved = f"saved by reuse {cost.gpu_hours_saved:.2f} h, {cost.usd_saved:.2f} USD"
    return f"{spent}; {planned}; {saved}{'' if cost.saved_measured else ', partly estimated'}"


def published_at(report: RunReport) -> str:
    """Return the address below which all ads of a run lie."""
    before, folder, _ = report.creatives[0].url.rpartition(PUBLISHED)
    return before + folder


def _in_order(seconds: Mapping[str, float]) -> list[str]:
    """Sort stages as the flow has them."""
    return [stage for stage in FLOW if stage in seconds]


def _facts(ad: DeliveredCreative, path: str) -> dict[str, Any]:
    kept = ad.model_dump(exclude={*FILES, "warnings"})
    captions = [f"{path}.vtt", f"{path}.srt", f"{path}.ttml"]
    return {**kept, "path": f"{path}.mp4", "poster": f"{path}.jpg", "captions": captions, "warnings": list(ad.warnings)}


def _fetch(report: RunReport, names: dict[str, str], store: Store, folder: Path) -> None:
    """Copy every file that is not there yet (the name carries the hash), and remove what other runs left."""
    wanted = set()
    for ad in report.creatives:
        for field, suffix in FILES.items():
            target = folder / ADS / f"{names[ad.variant]}{suffix}"
            wanted.add(target)
            partial = target.with_name(f".{target.name}")
            shutil.copyfile(store.local(getattr(ad, field)), partial)
            partial.replace(target)
    for path in (folder / ADS).iterdir():
        if path not in wanted and path.is_file():
            path.unlink()


def _cards(report: RunReport, names: dict[str, str], state: RunState, folder: Path) -> list[Card]:
    locales = state.context().locales
    planned = {one.variant.id: one for one in state.planned()}
    cards = []
    for ad in report.creatives:
        path = f"{ADS}/{names[ad.variant]}"
        locale = locales[ad.locale]
        cards.append(
            Card(
                creative=ad,
                video=f"{path}.mp4",
                poster=f"{path}.jpg",
                webvtt=(folder / f"{path}.vtt").read_text(encoding="utf-8"),
                srt=f"{path}.srt",
                headline=_headline(planned[ad.variant]),
                language=locale.name,
                direction=locale.direction,
            )
        )
    return cards


def _headline(planned: VariantPlan) -> str:
    texts = [scene.headline for scene in planned.variant.scenes if scene.headline]
    return texts[0] if texts else planned.variant.id
