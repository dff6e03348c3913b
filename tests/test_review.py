"""Review: a decision is about exactly these bytes."""

from __future__ import annotations

import pytest

from renderer.artifacts import Checked, Finding
from renderer.errors import RenderError
from renderer.review import RULE, decide, decision_on, review_creative
from renderer.store import Store, open_store


@pytest.fixture
def store(tmp_path) -> Store:
    return open_store(f"file://{tmp_path}")


def checked(sha256: str = "a" * 64, severity: str = "ok") -> Checked:
    finding = Finding(
        check="loudness", severity=severity, measured="-9", limit="-14", message="too loud. Mix it again."
    )
    return Checked(
        key="creative-1",
        variant_id="c/p/en-US/story_9x16",
        sha256=sha256,
        findings=(finding,),
        video_codec="h264",
        audio_codec="aac",
        duration_s=8.0,
        loudness_lufs=-14.0,
        peak_dbtp=-1.5,
    )


def test_the_automatic_rule_approves_what_passed_its_checks(store):
    """The rule's own name stands as reviewer, so nobody mistakes it for a person."""
    decision = review_creative(checked(), "automatic", store)

    assert ("approve", RULE) == (decision.verdict, decision.reviewer)
    assert decision == decision_on(checked(), store)


@pytest.mark.parametrize("rule", ["automatic", "people"])
def test_failed_checks_reject_with_their_message(store, rule):
    """No rule publishes what failed."""
    decision = review_creative(checked(severity="error"), rule, store)

    assert ("reject", "too loud. Mix it again.") == (decision.verdict, decision.reason)


def test_people_are_waited_for(store):
    """Without a decision there is none."""
    assert review_creative(checked(), "people", store) is None


def test_what_a_person_said_stands(store):
    """The automatic rule never overrules a person."""
    decide(checked(), "reject", "wrong colour", "vera", store)
    decision = review_creative(checked(), "automatic", store)

    assert ("reject", "vera") == (decision.verdict, decision.reviewer)


def test_other_bytes_need_another_decision(store):
    """An approval does not pass to a file that was rendered again differently."""
    decide(checked(), "approve", "", "vera", store)

    assert review_creative(checked(sha256="b" * 64), "people", store) is None


def test_failed_checks_cannot_be_approved(store):
    """A person cannot wave a broken file through."""
    with pytest.raises(RenderError, match="its checks failed"):
        decide(checked(severity="error"), "approve", "looks fine", "vera", store)


def test_a_check_that_was_mended_is_decided_anew(store):
    """The rule's own rejection does not outlive a new measurement."""
    review_creative(checked(severity="error"), "automatic", store)

    assert "approve" == review_creative(checked(), "automatic", store).verdict
