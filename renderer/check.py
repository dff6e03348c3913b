"""Measures every finished creative against its format and its variant; the rules themselves stand in rules.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from renderer.artifacts import Checked, CheckJob, Creative, Finding
from renderer.digest import file_sha256
from renderer.engine import Engine, Outcome
from renderer.errors import MediaError
from renderer.measure import SILENCE_DBTP, SILENCE_LUFS, Measures, Probe, measure, probe, read_code, read_frame
from renderer.rules import FILE_RULES, SIGNAL_RULES, STORY_RULES, qr_code
from renderer.store import Store
from renderer.verdict import Verdict
from renderer.versions import checked_key

# People decide: a still can be wanted, a slow start still plays, another voice may do, one may be faster than readers,
# and telephones read more codes than we do.
WARN_ONLY = frozenset(
    {
        "frozen",
        "faststart",
        "qr_code",
        "voices",
        "pace",
        "caption_layout",
        "caption_timing",
        "caption_speed",
        "sounds_told",
    }
)
CHECKS = ("integrity", *FILE_RULES, *SIGNAL_RULES, "qr_code", *STORY_RULES)


def check(jobs: Iterable[CheckJob], store: Store, engine: Engine) -> Iterator[Outcome[CheckJob, Checked]]:
    """Check every creative whose very bytes have not been checked yet."""
    waiting = []
    for job in jobs:
        checked = store.get_record(_record_key(job.creative), Checked)
        if checked is not None and checked.sha256 == job.creative.sha256:
            yield Outcome(job, checked, None, False, 0.0)
        else:
            waiting.append(job)
    yield from engine.map(_check_into, waiting, partial(_same, store))


def check_creative(job: CheckJob, store: Store) -> Checked:
    """Measure one creative, store the findings and return them. A file that cannot be read is a finding, no error.

    Raises:
        StoreError: the file is not in the store.
    """
    creative = job.creative
    path = store.local(creative.object)
    facts, signals, fault = _look(path)
    findings = [_finding("integrity", _integrity(creative, path, fault))]
    if facts is not None:
        findings += [_finding(name, rule(job, facts)) for name, rule in FILE_RULES.items()]
    if signals is not None:
        findings += [_finding(name, rule(job, signals)) for name, rule in SIGNAL_RULES.items()]
        findings.append(_finding("qr_code", qr_code(job, _code_in(creative, path))))
    webvtt = (store.get_bytes(creative.webvtt) or b"").decode("utf-8", "replace")
    findings += [_finding(name, rule(job, webvtt)) for name, rule in STORY_RULES.items()]
    checked = Checked(
        key=creative.key,
        variant_id=job.variant.id,
        sha256=creative.sha256,
        findings=tuple(findings),
        video_codec=facts.video_codec if facts else "",
        audio_codec=facts.audio_codec if facts else "",
        duration_s=facts.duration_s if facts else 0.0,
        loudness_lufs=signals.loudness_lufs if signals else SILENCE_LUFS,
        peak_dbtp=signals.peak_dbtp if signals else SILENCE_DBTP,
    )
    store.put_record(_record_key(creative), checked)
    return checked


def _record_key(creative: Creative) -> str:
    return checked_key(creative.key)


def _same(store: Store) -> Store:
    return store


def _check_into(store: Store, job: CheckJob) -> Checked:
    return check_creative(job, store)


def _look(path: Path) -> tuple[Probe | None, Measures | None, str]:
    """Return what could be read of a file, and the reason where something could not."""
    facts = None
    try:
        facts = probe(path)
        return facts, measure(path), ""
    except MediaError as error:
        return facts, None, str(error)


def _code_in(creative: Creative, path: Path) -> str:
    """What the QR code says on the last frame, which nothing moves on."""
    if all(placed.role != "qr" for placed in creative.placed):
        return ""
    return read_code(read_frame(path, creative.duration_s))


def _integrity(creative: Creative, path: Path, fault: str) -> Verdict:
    sha256 = file_sha256(path)
    if fault:
        return Verdict(False, "not readable to its end", "readable to its end", fault)
    return Verdict(
        sha256 == creative.sha256,
        sha256[:12],
        creative.sha256[:12],
        "The bytes are not those that were composed; delete the object and compose it anew.",
    )


def _finding(name: str, verdict: Verdict) -> Finding:
    bad = "warning" if name in WARN_ONLY else "error"
    return Finding.model_validate(
        {
            "check": name,
            "severity": "ok" if verdict.passed else bad,
            "measured": verdict.measured,
            "limit": verdict.limit,
            "message": "" if verdict.passed else verdict.cure,
        }
    )
