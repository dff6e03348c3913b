"""The finished ads of a run as rows for a grid, kept beside the run so that ten thousand of them open at once."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from catalog import Variant
from catalog.spoken import shown_text
from renderer.artifacts import Checked, Creative, Decision, Record, Take
from renderer.journal import Journal
from renderer.run_records import VariantPlan
from renderer.run_state import RunState
from renderer.store import Store
from renderer.versions import checked_key

FORM = 2  # of the rows that are kept; raise it when Ad changes
WAITING = "waiting"  # for a decision

R = TypeVar("R", bound=Record)


class Ad(Record):
    """One finished ad. `stem` names its files: `creatives/<stem>.mp4`; `words` are what it shows and says."""

    key: str
    variant_id: str
    product: str
    title: str
    locale: str
    format: str
    axes: dict[str, str]
    stem: str
    sha256: str
    width: int
    height: int
    duration_s: float
    passed: bool
    findings: tuple[tuple[str, str], ...]  # severity and name of each check that was not fine
    words: str
    burned_in: bool  # captions are in the picture
    scenes: tuple[str, ...]
    shots: tuple[str, ...]  # the take of each scene
    gpu_seconds: tuple[float | None, ...]  # of each take, measured when it was rendered; None: not noted


class Filter(Record):
    """Which ads are meant; an empty field means all. `text` is words that must all stand in the ad or in its name."""

    product: str = ""
    locale: str = ""
    format: str = ""
    finding: str = ""  # a severity, or the name of a check
    decision: str = ""  # waiting, approve, reject, retake
    text: str = ""


def ads_of(state: RunState, known: dict[str, tuple[Ad, ...]]) -> list[Ad]:
    """Return the finished ads of a run, by variant id.

    A batch is looked at once its check has ended; what was found before the run is there from the start. Every part
    is read from the store once, kept there as one object, and remembered in `known`.
    """
    parts = _parts(state)
    for key, variants in parts.items():
        if key not in known:
            known[key] = _part(key, variants, state)
    return sorted((ad for key in parts for ad in known[key]), key=lambda ad: ad.variant_id)


def parts_of(state: RunState) -> tuple[str, ...]:
    """Return names that change when there is more to see."""
    return tuple(_parts(state))


def matching(ads: Iterable[Ad], wanted: Filter, journal: Journal) -> list[Ad]:
    """Return the ads that a filter means; the page counts by the same rules (grid.js)."""
    words = wanted.text.lower().split()
    return [
        ad
        for ad in ads
        if wanted.product in ("", ad.product)
        and wanted.locale in ("", ad.locale)
        and wanted.format in ("", ad.format)
        and (not wanted.finding or any(wanted.finding in finding for finding in ad.findings))
        and wanted.decision in ("", verdict_of(journal.decision_on(ad.sha256)))
        and _says(ad, words)
    ]


def verdict_of(decision: Decision | None) -> str:
    """Return what stands about an ad in one word."""
    return WAITING if decision is None else decision.verdict


def _says(ad: Ad, words: list[str]) -> bool:
    text = f"{ad.variant_id} {ad.title} {ad.words}".lower()
    return all(word in text for word in words)


def _parts(state: RunState) -> dict[str, Callable[[], Iterable[VariantPlan]]]:
    """Return where each part is kept, and how to find its variants where it is not yet."""
    folder = f"{state.prefix}/ads/{FORM}"
    parts: dict[str, Callable[[], Iterable[VariantPlan]]] = {f"{folder}/reused.jsonl.gz": lambda: _reused(state)}
    keys = list(state.store.keys(f"{state.prefix}/accounts/check/"))
    for key, body in zip(keys, state.store.get_all(keys), strict=True):
        number = key.rpartition("/")[2].removesuffix(".json")
        digest = hashlib.sha256(body or b"").hexdigest()[:12]  # a later try of the batch has another account
        parts[f"{folder}/{number}-{digest}.jsonl.gz"] = _members(state, int(number))
    return parts


def _members(state: RunState, number: int) -> Callable[[], Iterable[VariantPlan]]:
    return lambda: state.batch(number).variants


def _reused(state: RunState) -> list[VariantPlan]:
    """Return the variants that are in no batch, because nothing of them was missing."""
    count = len(state.summary().batch_labels)
    todo = {planned.creative_key for number in range(count) for planned in state.batch(number).variants}
    return [planned for planned in state.planned() if planned.creative_key not in todo]


def _part(key: str, variants: Callable[[], Iterable[VariantPlan]], state: RunState) -> tuple[Ad, ...]:
    body = state.store.get_bytes(key)
    if body is not None:
        return tuple(Ad.model_validate_json(line) for line in gzip.decompress(body).splitlines())
    ads = tuple(_ads(list(variants()), state.store))
    lines = b"\n".join(ad.model_dump_json().encode() for ad in ads)
    state.store.put_bytes(key, gzip.compress(lines, 3, mtime=0))
    return ads


def _ads(planned: Sequence[VariantPlan], store: Store) -> Iterator[Ad]:
    """Yield the finished ones of some variants."""
    creatives = _records([f"creatives/{one.creative_key}.json" for one in planned], Creative, store)
    checks = _records([checked_key(one.creative_key) for one in planned], Checked, store)
    shots = list(dict.fromkeys(key for one in planned for key in one.shots))
    takes = dict(zip(shots, _records([f"takes/{key}.json" for key in shots], Take, store), strict=True))
    for one, creative, checked in zip(planned, creatives, checks, strict=True):
        if creative is not None and checked is not None:
            yield _ad(one, creative, checked, takes)


def _records(keys: Sequence[str], kind: type[R], store: Store) -> list[R | None]:
    return [None if body is None else kind.model_validate_json(body) for body in store.get_all(keys)]


def _ad(planned: VariantPlan, creative: Creative, checked: Checked, takes: Mapping[str, Take | None]) -> Ad:
    variant = planned.variant
    return Ad(
        key=creative.key,
        variant_id=variant.id,
        product=variant.product_id,
        title=variant.title,
        locale=variant.locale,
        format=variant.format,
        axes=variant.axes,
        stem=creative.object.rpartition("/")[2].removesuffix(".mp4"),
        sha256=creative.sha256,
        width=creative.width,
        height=creative.height,
        duration_s=round(creative.duration_s, 2),
        passed=checked.passed,
        findings=tuple((one.severity, one.check) for one in checked.findings if one.severity != "ok"),
        words=_words(variant),
        burned_in=any(one.role == "caption" for one in creative.placed),
        scenes=tuple(scene.id for scene in variant.scenes),
        shots=planned.shots,
        gpu_seconds=tuple(take.gpu_seconds if (take := takes[key]) else None for key in planned.shots),
    )


def _words(variant: Variant) -> str:
    ending = variant.end_card
    texts = [text for scene in variant.scenes for text in (scene.headline, scene.subline, scene.badge, scene.narration)]
    texts += [ending.headline, ending.cta, ending.legal, ending.narration] if ending else []
    return " ".join(dict.fromkeys(shown_text(text) for text in texts if text))
