"""The journal of decisions: written in order, never overwritten, quick to read, safe against kills and races."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from renderer.artifacts import Decision, Retake
from renderer.errors import RenderError
from renderer.journal import ENTRIES_PER_PAGE, Journal
from renderer.review import Ruling, Subject, decide_all
from renderer.store import Store, open_store

APPROVE = Ruling("approve", "", "vera")
WRITER = """
import sys
from renderer.journal import Journal
from renderer.review import Ruling, decide_all
from renderer.store import open_store
sys.path.insert(0, "tests")
from test_journal import subject
journal = Journal("c", open_store(sys.argv[1]))
for number in range(10**6):
    decide_all([subject(number)], Ruling("approve", "", "vera"), journal)
    print(number, flush=True)
"""


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path) -> Store:
    if request.param == "folder":
        return open_store(f"file://{tmp_path / 'store'}", tmp_path / "cache")
    return open_store(f"{request.getfixturevalue('s3_server')}/{tmp_path.name}", tmp_path / "cache")


def subject(number: int, seen: int | None = None, **facts) -> Subject:
    """A creative that passed its checks, as somebody saw it."""
    return Subject(f"c/p{number}/en-US/story", f"{number:064x}", facts.pop("passed", True), seen, **facts)


def test_everything_that_was_said_is_kept_in_order(store):
    """A later word stands, an earlier one stays in the history, an undo brings it back."""
    journal = Journal("c", store)
    decide_all([subject(1)], APPROVE, journal)
    decide_all([subject(1)], Ruling("reject", "too dark", "otto"), journal)
    rejected = Journal("c", store).refresh().decision_on(subject(1).sha256)
    decide_all([subject(1)], Ruling("undo", "", "otto"), journal)
    known = Journal("c", store).refresh()

    assert ("reject", "too dark", "otto", 2) == (
        rejected.verdict,
        rejected.reason,
        rejected.reviewer,
        rejected.revision,
    )
    assert known.decision_on(subject(1).sha256).reviewer == "vera"
    assert ["approve", "reject", "undo"] == [one.verdict for one in known.history("c/p1/en-US/story")]


def test_two_reviewers_never_overwrite_each_other_silently(store):
    """Who looked at an older state is told what the other said, and it stands."""
    seen = Journal("c", store).refresh().revision
    decide_all([subject(1, seen)], Ruling("reject", "wrong logo", "otto"), Journal("c", store))
    ruled = decide_all([subject(1, seen), subject(2, seen)], APPROVE, Journal("c", store))

    assert [("otto", "wrong logo")] == [(one.reviewer, one.reason) for one in ruled.conflicts]
    assert [subject(2).sha256] == [one.sha256 for one in ruled.decided]
    assert "reject" == Journal("c", store).refresh().decision_on(subject(1).sha256).verdict


def test_of_reviewers_at_the_same_moment_all_are_kept(store):
    """Eight people decide about eight ads at once: eight decisions, no number twice."""
    barrier = threading.Barrier(8)

    def decide(number: int) -> None:
        journal = Journal("c", store).refresh()
        barrier.wait()
        decide_all([subject(number)], APPROVE, journal)

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known = Journal("c", store).refresh()

    assert 8 == known.revision
    assert all(known.decision_on(subject(number).sha256) for number in range(8))


def test_the_same_ruling_twice_changes_nothing(store):
    """A request that is sent again because an answer was lost does no harm."""
    journal = Journal("c", store)
    first = decide_all([subject(1), subject(2)], APPROVE, journal)
    again = decide_all([subject(1), subject(2)], APPROVE, journal)

    assert (2, 0) == (len(first.decided), first.unchanged)
    assert (0, 2, 1) == (len(again.decided), again.unchanged, again.revision)


def test_what_cannot_be_decided_is_named_and_the_rest_is_done(store):
    """Of three ads one failed its checks: two are approved, and one has its sentence."""
    ads = [subject(1), subject(2, passed=False), subject(3)]
    ruled = decide_all(ads, APPROVE, Journal("c", store))

    assert 2 == len(ruled.decided)
    assert [("c/p2/en-US/story", "its checks failed")] == [
        (one.variant_id, one.reason.split(": ")[1].split(",")[0]) for one in ruled.refused
    ]


@pytest.mark.parametrize("verdict", ["reject", "retake"])
def test_a_refusal_says_why(tmp_path, verdict):
    """Whoever makes the ad again needs to know what was wrong."""
    with pytest.raises(RenderError, match="has no reason"):
        decide_all([subject(1)], Ruling(verdict, " ", "vera"), Journal("c", open_store(f"file://{tmp_path}")))


def test_a_retake_stands_until_it_is_undone(store):
    """Planning honours what stands: the last wish for a shot, and none that was taken back."""
    journal = Journal("c", store)
    for prompt in ("brighter", "darker"):
        wish = Retake(shot="shot-1", scene="hero", prompt=prompt)
        decide_all([subject(1, retakes=(wish,))], Ruling("retake", "light", "vera"), journal)
    wished = Journal("c", store).refresh().retakes()
    for _ in range(2):
        decide_all([subject(1)], Ruling("undo", "", "vera"), journal)

    assert "darker" == wished["shot-1"].prompt
    assert {} == Journal("c", store).refresh().retakes()


def test_a_journal_of_many_pages_reads_the_same_from_the_start(tmp_path):
    """Who reads along and who reads later know the same, also where a page was never put together."""
    store = open_store(f"file://{tmp_path}")
    journal = Journal("c", store)
    for number in range(2 * ENTRIES_PER_PAGE + 7):
        decide_all([subject(number)], APPROVE, journal)
    whole = Journal("c", store).refresh()
    (tmp_path / "decisions/c/pages/000000.jsonl").unlink()
    without = Journal("c", store).refresh()

    assert journal.revision == whole.revision == without.revision == 2 * ENTRIES_PER_PAGE + 7
    assert [journal.decision_on(subject(n).sha256) for n in range(207)] == [
        without.decision_on(subject(n).sha256) for n in range(207)
    ]


def test_ten_thousand_decisions_at_once_are_one_object(store):
    """So the page opens at once; `benchmarks/review.py` says how fast."""
    decide_all([subject(number) for number in range(10_000)], APPROVE, Journal("c", store))
    began = time.process_time()
    journal = Journal("c", store).refresh()
    spent_s = time.process_time() - began

    assert len(list(store.keys("decisions/c/"))) == 1
    assert journal.decision_on(subject(9999).sha256) is not None
    assert spent_s < 2.0


def test_a_killed_process_loses_no_decision_that_it_acknowledged(store, tmp_path):
    """`kill -9` in the middle of a thousand decisions: what was said to be kept is there, whole."""
    url = store.url("").rstrip("/")
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(130)]
    writer.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in writer.stdout.read().splitlines() if line]
    writer.wait()
    known = Journal("c", store).refresh()
    decide_all([subject(10**7)], APPROVE, known)

    assert all(isinstance(known.decision_on(subject(number).sha256), Decision) for number in acknowledged)
    assert known.decision_on(subject(10**7).sha256) is not None
