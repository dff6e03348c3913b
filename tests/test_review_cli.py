"""`adloom review`: the same decisions as on the page, on the command line."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from finished_run import RUN, write_run
from renderer.cli import app
from renderer.errors import RenderError
from renderer.journal import Journal
from renderer.store import open_store


@pytest.fixture
def adloom(tmp_path, monkeypatch):
    """Run a command on a store with twelve finished ads; return its output and exit status."""
    monkeypatch.setenv("ADLOOM_STORE_URL", f"file://{tmp_path}/store")
    monkeypatch.setenv("ADLOOM_BUILD_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    write_run(open_store(f"file://{tmp_path}/store"), tmp_path / "campaign", 12)

    def run(*words: str) -> tuple[str, int]:
        ended = CliRunner().invoke(app, ["review", *words])
        if isinstance(ended.exception, RenderError):
            raise ended.exception
        return ended.output, ended.exit_code

    return run


def journal(tmp_path) -> Journal:
    return Journal("test", open_store(f"file://{tmp_path}/store")).refresh()


def test_ads_are_listed_with_what_stands(adloom):
    """Filters narrow the list; findings are named."""
    adloom("reject", RUN, "cup-0000/en-US/story_9x16", "-m", "too dark", "--as", "vera")
    listed, _ = adloom("list", RUN, "--where", "decision=reject")
    warned, _ = adloom("list", RUN, "--where", "finding=loudness")

    assert all(word in listed for word in ("cup-0000/en-US/story_9x16", "reject", "vera", "too dark"))
    assert "loudness" in warned
    assert "lamp" not in listed


def test_all_that_match_are_approved_and_failures_named(adloom, tmp_path):
    """The exit status says that some were left."""
    said, status = adloom("approve", RUN, "--where", "product=lamp-0000", "--as", "vera")
    known = journal(tmp_path)

    assert (1, True) == (status, "its checks failed" in said)
    assert "5 approved" in said
    assert 5 == sum(known.decision_on(sha) is not None for sha in known.said_since(0))


def test_undo_and_history(adloom):
    """What was taken back stays in the history."""
    name = "cup-0000/de-DE/story_9x16"
    adloom("approve", RUN, name, "--as", "vera")
    adloom("undo", RUN, name, "--as", "otto")
    told, _ = adloom("history", RUN, name)
    listed, _ = adloom("list", RUN, "--where", "decision=approve")

    assert all(word in told for word in ("approve", "undo", "vera", "otto", "this"))
    assert name not in listed


def test_a_retake_says_how_to_render_again(adloom, tmp_path):
    """The wish lies in the journal; the next run honours it."""
    said, status = adloom("retake", RUN, "lamp-0000/en-US/story_9x16", "--scene", "hero", "-m", "blurred")

    assert (0, True) == (status, f"adloom render test --promote {RUN}" in said)
    assert ["hero"] == [one.scene for one in journal(tmp_path).retakes().values()]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("reject", RUN, "cup-0000/en-US/story_9x16"), "has no reason"),
        (("approve", RUN), "one of the two"),
        (("approve", RUN, "story_9x16"), "6 finished ads"),
        (("approve", RUN, "nothing"), "no finished ad"),
        (("list", RUN, "--where", "colour=red"), "there is no such field"),
    ],
)
def test_what_cannot_be_done_is_said(adloom, words, said):
    """With the cure."""
    with pytest.raises(RenderError, match=said):
        adloom(*words)


def test_a_run_after_review_means_the_stage(adloom):
    """`adloom review RUN` decides as the campaign's rule says, as it always did."""
    said, status = adloom(RUN)

    assert (0, "11 approved, 1 rejected, 0 waiting") == (status, said.strip())
