"""The reviewer's desk: runs, their ads, and what is said about them. What was read once is remembered."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from renderer.artifacts import Creative, Decision, Record, Retake, Verdict
from renderer.backends.video_models import VIDEO_MODELS
from renderer.dashboard.ads import Ad, Filter, ads_of, matching, parts_of
from renderer.dashboard.details import Details, details
from renderer.dashboard.overview import Overview, overview
from renderer.errors import RenderError, StoreError
from renderer.journal import Journal
from renderer.review import Ruled, Ruling, Subject, decide_all
from renderer.run_state import RunState
from renderer.settings import Settings
from renderer.spending import hours_by_shot
from renderer.store import Store, open_store

RUN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}/[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
MOST_RUNS_KEPT = 8  # in memory, with their ads
FRESH_S, CLOSED_FRESH_S = 2.0, 10.0  # many pages ask every few seconds; so old may an answer be, if nothing was said
FILES = {"mp4": "object", "jpg": "poster", "vtt": "webvtt", "srt": "srt", "ttml": "ttml"}

FileKind = Literal["mp4", "jpg", "vtt", "srt", "ttml"]


class SeenAd(Record):
    """An ad as a reviewer saw it: exactly these bytes, at this revision of the journal."""

    key: str = Field(pattern=r"^creative-[0-9a-f]{32}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    seen: int = Field(ge=0)


class Wish(Record):
    """What a reviewer says: about the ads named, or about all that a filter means at revision `seen`."""

    verdict: Verdict
    reason: str = Field(default="", max_length=1000)
    ads: tuple[SeenAd, ...] = Field(default=(), max_length=20_000)
    filter: Filter | None = None
    seen: int | None = Field(default=None, ge=0)
    scenes: tuple[str, ...] = Field(default=(), max_length=50)  # to take again; empty: all
    prompt: str = Field(default="", max_length=4000)  # of the new takes; empty: the next seed


class News(Record):
    """What was said since a revision, by SHA-256; None after an undo. Another `version` means more to see."""

    revision: int
    version: str
    decisions: dict[str, Decision | None]


@dataclass
class _Known:
    """What was read of one run."""

    parts: dict[str, tuple[Ad, ...]]
    names: tuple[str, ...] = ()
    ads: tuple[Ad, ...] = ()
    shot_hours: dict[str, float] | None = None
    read_at: float = -CLOSED_FRESH_S
    glance: Overview | None = None
    glanced_at: float = 0.0


class Desk:
    """What reviewers ask and say. Threads may share it."""

    def __init__(self, settings: Settings, store: Store | None = None) -> None:
        self.settings = settings
        self.store = store or open_store(settings.store_url, settings.cache_dir)
        self._journals: dict[str, Journal] = {}
        self._runs: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def runs(self) -> list[str]:
        """Return the runs in the store as `<campaign>/<run_id>`, the newest first."""
        found = (f"{campaign}/{run}" for campaign in self.store.folders("runs/") for run in self._runs_of(campaign))
        return sorted(
            (run for run in found if RUN.fullmatch(run)), key=lambda run: run.rpartition("/")[2], reverse=True
        )

    def ads(self, run: str) -> tuple[Ad, ...]:
        """Return the finished ads of a run by variant id.

        Raises:
            StoreError: there is no such run.
        """
        return self._read(run).ads

    def version(self, run: str) -> str:
        """Return a name for what a run shows now: another name means that there is more to see, or more was said."""
        return f"{_digest(self._read(run))}-{self.journal(run).revision}"

    def journal(self, run: str) -> Journal:
        """Return the journal of the run's campaign as it is now."""
        return self._journal(run).refresh()

    def overview(self, run: str) -> Overview:
        """Return a run at a glance.

        Raises:
            StoreError: there is no such run.
        """
        known, journal, now = self._read(run), self.journal(run), time.monotonic()
        last = known.glance
        if last is None or last.revision != journal.revision or now - known.glanced_at > _fresh_s(last):
            hours = self._hours(run, known)
            last = overview(self._state(run), known.ads, journal, hours, self.settings.gpu_hour_usd)
            known.glance, known.glanced_at = last, now
        return last

    def details(self, run: str, key: str) -> Details:
        """Return one ad in detail.

        Raises:
            StoreError: the run has no such finished ad.
        """
        known = self._read(run)
        ad = self._ad(known, run, key)
        return details(ad, self._state(run), known.ads, self.journal(run), self._hours(run, known))

    def file(self, run: str, key: str, kind: FileKind) -> str:
        """Return the store's key of a file of an ad: only what belongs to the run can be named.

        Raises:
            StoreError: the run has no such finished ad.
        """
        ad = self._ad(self._read(run), run, key)
        if kind in ("mp4", "jpg"):
            return f"creatives/{ad.stem}.{kind}"
        creative = self.store.get_record(f"creatives/{ad.key}.json", Creative)
        if creative is None:
            raise StoreError(f"{ad.variant_id}: its record is not in the store. Render the run again.")
        return str(getattr(creative, FILES[kind]))

    def local(self, run: str, key: str, kind: FileKind) -> Path:
        """Return where a file of an ad can be read on this machine."""
        return self.store.local(self.file(run, key, kind))

    def news(self, run: str, revision: int) -> News:
        """Return what stands about all bytes that were spoken of after a revision."""
        journal = self.journal(run)
        now = journal.revision  # before the decisions: what is said meanwhile is told the next time
        said = {sha256: journal.decision_on(sha256) for sha256 in journal.said_since(revision)}
        return News(revision=now, version=f"{_digest(self._read(run))}-{now}", decisions=said)

    def say(self, run: str, wish: Wish, reviewer: str) -> Ruled:
        """Record what a reviewer wishes about ads of a run.

        Raises:
            StoreError: there is no such run.
            RenderError: the wish says too little or contradicts itself, or asks for what the model cannot do.
        """
        known, journal = self._read(run), self._journal(run)
        if (wish.filter is None) == (not wish.ads):
            raise RenderError("Name the ads, or give a filter that means them: one of the two.")
        if wish.filter is not None and wish.seen is None:
            raise RenderError("A filter needs 'seen': the revision of the journal that you looked at.")
        if wish.verdict == "retake":
            self._refuse_prompt(run, wish)
        meant = self._meant(known, wish, journal)
        subjects = [Subject(ad.variant_id, ad.sha256, ad.passed, seen, _retakes(ad, wish)) for ad, seen in meant]
        return decide_all(subjects, Ruling(wish.verdict, wish.reason.strip(), reviewer), journal)

    def find(self, run: str, name: str) -> Ad:
        """Return an ad by its key or the end of its variant id.

        Raises:
            RenderError: none or several are called so.
        """
        found = [ad for ad in self.ads(run) if ad.key == name or f"/{ad.variant_id}".endswith(f"/{name}")]
        if len(found) != 1:
            what = "no finished ad" if not found else f"{len(found)} finished ads"
            raise RenderError(f"{name}: {what} of {run} end so. See: adloom review list {run}.")
        return found[0]

    def _meant(self, known: _Known, wish: Wish, journal: Journal) -> Iterable[tuple[Ad, int]]:
        if wish.filter is not None and wish.seen is not None:
            return [(ad, wish.seen) for ad in matching(known.ads, wish.filter, journal.refresh())]
        by_key = {ad.key: ad for ad in known.ads}
        if gone := [one.key for one in wish.ads if one.key not in by_key or by_key[one.key].sha256 != one.sha256]:
            raise RenderError(f"{len(gone)} of the files are not those you saw. Reload the page.")
        return [(by_key[one.key], one.seen) for one in wish.ads]

    def _refuse_prompt(self, run: str, wish: Wish) -> None:
        model = self._state(run).context().model
        if wish.prompt.strip() and model in VIDEO_MODELS and not VIDEO_MODELS[model].has_prompt:
            raise RenderError(f"{model}: does not read prompts. Take the next seed, or another model.")

    def _ad(self, known: _Known, run: str, key: str) -> Ad:
        for ad in known.ads:
            if ad.key == key:
                return ad
        raise StoreError(f"{key}: run {run} has no such finished ad. Reload the page.")

    def _hours(self, run: str, known: _Known) -> dict[str, float]:
        if known.shot_hours is None:
            state = self._state(run)
            known.shot_hours = hours_by_shot(state) if state.store.exists(f"{state.prefix}/shots.jsonl.gz") else {}
        return known.shot_hours

    def _read(self, run: str) -> _Known:
        """Read what is new of a run."""
        state = self._state(run)
        with self._lock:
            known = self._runs.pop(run, None) or _Known({})
            self._runs[run] = known  # the last used stands last
            while len(self._runs) > MOST_RUNS_KEPT:
                del self._runs[next(iter(self._runs))]
        if time.monotonic() - known.read_at < FRESH_S:
            return known
        names = parts_of(state) if state.store.exists(f"{state.prefix}/plan.json") else ()
        if names != known.names:
            known.ads = tuple(ads_of(state, known.parts))
            known.names = names
        known.read_at = time.monotonic()
        return known

    def _journal(self, run: str) -> Journal:
        """Return the journal as it was read last; to write, it reads on by itself."""
        campaign = run.partition("/")[0]
        with self._lock:
            return self._journals.setdefault(campaign, Journal(campaign, self.store))

    def _state(self, run: str) -> RunState:
        if not RUN.fullmatch(run):
            raise StoreError(f"{run!r}: is no run. Write <campaign>/<run id>.")
        return RunState(run, self.store)

    def _runs_of(self, campaign: str) -> Sequence[str]:
        return list(self.store.folders(f"runs/{campaign}/"))


def _digest(known: _Known) -> str:
    return hashlib.sha256("\n".join(known.names).encode()).hexdigest()[:12]


def _fresh_s(seen: Overview) -> float:
    return CLOSED_FRESH_S if seen.closed else FRESH_S


def _retakes(ad: Ad, wish: Wish) -> tuple[Retake, ...]:
    if wish.verdict != "retake":
        return ()
    takes = zip(ad.scenes, ad.shots, strict=True)
    return tuple(
        Retake(shot=shot, scene=scene, prompt=wish.prompt.strip())
        for scene, shot in takes
        if not wish.scenes or scene in wish.scenes
    )
