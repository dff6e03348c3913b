"""The command line: what it prints, and with which status it ends."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from campaign_folder import CAMPAIGN, COPY, write_campaign


def adloom(*arguments: str, build: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the real command, wide enough that lines are not folded."""
    variables = {"ADLOOM_STORE_URL": f"file://{build}/store", "ADLOOM_BUILD_DIR": str(build), "COLUMNS": "300"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ADLOOM_")}
    return subprocess.run(
        [sys.executable, "-c", "from renderer.cli import main; main()", *arguments],
        capture_output=True, text=True, timeout=120, check=False, env=inherited | variables | environment,
    )  # fmt: skip


@pytest.fixture
def build(tmp_path) -> Path:
    return tmp_path / "build"


def test_expand_counts_and_ends_well(tmp_path, build):
    """A clean campaign ends with status 0."""
    done = adloom("expand", str(write_campaign(tmp_path / "c")), build=build)

    assert "2 products × 3 locales × 2 formats: 12 variants" in done.stdout
    assert "all of them asked for, 12 can be made" in done.stdout
    assert (0, "") == (done.returncode, done.stderr)


def test_plan_prints_shots_hours_and_cost_and_spends_nothing(tmp_path, build):
    """Counts stand beside what is missing; no take, speech or ad exists afterwards."""
    model = CAMPAIGN.replace("id: test\n", "id: test\nmodel: backdrop\n")
    done = adloom("plan", str(write_campaign(tmp_path / "c", campaign=model)), build=build)

    assert "distinct shots" in done.stdout
    assert "GPU hours" in done.stdout
    assert "model backdrop" in done.stdout
    assert "licence Apache-2.0" in done.stdout
    assert 0 == done.returncode
    assert set() == {"takes", "speech", "creatives"} & {path.name for path in (build / "store").iterdir()}


def test_an_error_is_one_line_on_a_narrow_terminal(build):
    """Whoever copies the command in it gets the whole of it."""
    done = adloom("plan", "aurora_launch", "--model", "wan2.2-ti2v-5b", build=build, COLUMNS="80")

    assert 2 == done.returncode
    assert 1 == done.stderr.count("\n")
    assert "hf download Wan-AI/Wan2.2-TI2V-5B-Diffusers --revision main --local-dir " in done.stderr


def test_the_table_of_models_keeps_names_whole_on_a_narrow_terminal(build):
    """A name can be copied into a campaign."""
    from renderer.backends.video_models import VIDEO_MODELS

    done = adloom("models", build=build, COLUMNS="80")
    first_words = {line.split()[0] for line in done.stdout.splitlines() if line[:1].strip()}

    assert set(VIDEO_MODELS) <= first_words


def test_problems_are_shown_together_and_tell_by_the_status(tmp_path, build):
    """What is wrong goes to stderr, one line each, and the status is 1."""
    copy = COPY | {"de": "hook: x\n", "ja": "hook: x\n"}
    done = adloom("expand", str(write_campaign(tmp_path / "c", copy=copy)), build=build)

    assert 1 == done.returncode
    assert "all of them asked for, 4 can be made" in done.stdout
    assert ["de-DE", "ja-JP"] == [line.split(": ")[1].split()[0] for line in done.stderr.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (("plan", "nothing"), {}, "nothing/campaign.yaml: no such file or directory"),
        (("generate", "test/none"), {}, "run test/none: plan.json is not in the store"),
        (("plan", "x"), {"ADLOOM_WORKER": "2"}, "ADLOOM_WORKER: there is no such setting"),
        (("demo", "/tmp/elsewhere"), {}, "Airflow renders campaigns of"),
        (("plan", "x"), {"ADLOOM_ACCEPTED_LICENCES": "GPL"}, "ADLOOM_ACCEPTED_LICENCES: there is no licence GPL"),
        (("render", "x", "--promote", "r1", "--sample", "2"), {}, "promote: makes exactly the variants of that run."),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(build, arguments, environment, message):
    """No traceback, status 2."""
    done = adloom(*arguments, build=build, **environment)

    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert 2 == done.returncode


TIERS = """id: test
tiers:
  draft: {model: backdrop, num_inference_steps: 1}
  hero: {model: backdrop, num_inference_steps: 6}
tier: draft
"""


def test_a_draft_is_planned_and_promoted(tmp_path, build):
    """The run id that `plan` prints is the one that `--promote` takes."""
    folder = str(write_campaign(tmp_path / "c", campaign=CAMPAIGN.replace("id: test\n", TIERS)))
    draft = adloom("plan", folder, "--sample", "4", build=build)
    run = re.search(r"plan of (test/\w+)", draft.stdout).group(1)
    hero = adloom("plan", folder, "--promote", run, "--tier", "hero", build=build)

    assert (0, 0) == (draft.returncode, hero.returncode), hero.stderr
    assert [("4", "4")] * 2 == [re.search(r"variants\D+(\d+)\D+(\d+)", one.stdout).groups() for one in (draft, hero)]


def test_an_unknown_tier_names_those_there_are(tmp_path, build):
    """File, line and the known ones, status 2."""
    folder = str(write_campaign(tmp_path / "c", campaign=CAMPAIGN.replace("id: test\n", TIERS)))
    done = adloom("plan", folder, "--tier", "standard", build=build)

    assert "c/campaign.yaml:2: tiers: there is no tier 'standard'. Known: draft, hero." in done.stderr
    assert 2 == done.returncode
