"""The finished ads of a run as rows for a grid, kept beside the run so that ten thousand of them open at once."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from catalog import Variant
from catalog.spoken import shown_text
from renderer.artifacts import Checked, Creative, Decision, Record, Take
from renderer.journal import Journal
from renderer.run_records import VariantPlan
from renderer.run_state import RunState
from renderer.store import Store
from renderer.versions import checked_key

EARLIER_RUNS = 3  # are looked through for ads that a run has found finished
FORM = 2  # of the rows that are kept; raise it when Ad changes
WAITING = "waiting"  # for a decision


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


Rows = Callable[[], Iterable[Ad]]


def ads_of(state: RunState, known: dict[str, tuple[Ad, ...]]) -> list[Ad]:
    """Return the finished ads of a run, by variant id.

    A batch is looked at once its check has ended; what was found before the run is there from the start. Every part
    is read from the store once, kept there as one object, and remembered in `known`.
    """
    parts = _parts(state)
    for key, rows in parts.items():
        if key not in known:
            known[key] = _part(key, rows, state)
    return sorted((ad for key in parts for ad in known[key]), key=lambda ad: ad.variant_id)


def keep_batch(state: RunState, number: int) -> None:
    """Keep the ads of a batch whose check has just ended, so that nobody who opens the run waits for them."""
    body = state.store.get_bytes(f"{state.prefix}/accounts/check/{number:03}.json")
    _part(_name(state, number, body), _rows_of_batch(state, number), state)


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


def _parts(state: RunState) -> dict[str, Rows]:
    """Return where each part is kept, and how to find its rows where it is not yet."""
    parts: dict[str, Rows] = {f"{_folder(state.run)}/reused.jsonl.gz": lambda: _reused(state)}
    keys = list(state.store.keys(f"{state.prefix}/accounts/check/"))
    for key, body in zip(keys, state.store.get_all(keys), strict=True):
        number = int(key.rpartition("/")[2].removesuffix(".json"))
        parts[_name(state, number, body)] = _rows_of_batch(state, number)
    return parts


def _folder(run: str) -> str:
    return f"runs/{run}/ads/{FORM}"


def _name(state: RunState, number: int, account: bytes | None) -> str:
    """Return where the part of a batch is kept; a later try of the batch has another account and another part."""
    return f"{_folder(state.run)}/{number:03}-{hashlib.sha256(account or b'').hexdigest()[:12]}.jsonl.gz"


def _rows_of_batch(state: RunState, number: int) -> Rows:
    return lambda: _ads(state.batch(number).variants, state.store)


def _reused(state: RunState) -> Iterator[Ad]:
    """Yield the ads that are in no batch, because nothing of them was missing; rows of earlier runs say the same."""
    count = len(state.summary().batch_labels)
    todo = {planned.creative_key for number in range(count) for planned in state.batch(number).variants}
    wanted = {planned.creative_key: planned for planned in state.planned() if planned.creative_key not in todo}
    for rows in _earlier(state) if wanted else ():
        for ad in rows:
            if wanted.pop(ad.key, None):
                yield ad
        if not wanted:
            return
    yield from _ads(list(wanted.values()), state.store)


def _earlier(state: RunState) -> Iterator[list[Ad]]:
    """Yield the rows that the campaign's last runs have kept, run by run: a key means the same ad in all of them."""
    campaign, _, own = state.run.partition("/")
    runs = sorted((run for run in state.store.folders(f"runs/{campaign}/") if run != own), reverse=True)
    for run in runs[:EARLIER_RUNS]:
        kept = state.store.get_all(list(state.store.keys(f"{_folder(f'{campaign}/{run}')}/")))
        yield [ad for body in kept if body for ad in _read(body)]


def _part(key: str, rows: Rows, state: RunState) -> tuple[Ad, ...]:
    body = state.store.get_bytes(key)
    if body is not None:
        return _read(body)
    ads = tuple(rows())
    lines = b"\n".join(ad.model_dump_json().encode() for ad in ads)
    state.store.put_bytes(key, gzip.compress(lines, 3, mtime=0))
    return ads


def _read(body: bytes) -> tuple[Ad, ...]:
    return tuple(Ad.model_validate_json(line) for line in gzip.decompress(body).splitlines())


def _ads(planned: Sequence[VariantPlan], store: Store) -> Iterator[Ad]:
    """Yield the finished ones of some variants."""
    creatives = store.get_records([f"creatives/{one.creative_key}.json" for one in planned], Creative)
    checks = store.get_records([checked_key(one.creative_key) for one in planned], Checked)
    shots = list(dict.fromkeys(key for one in planned for key in one.shots))
    takes = dict(zip(shots, store.get_records([f"takes/{key}.json" for key in shots], Take), strict=True))
    for one, creative, checked in zip(planned, creatives, checks, strict=True):
        if creative is not None and checked is not None:
            yield _ad(one, creative, checked, takes)


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
