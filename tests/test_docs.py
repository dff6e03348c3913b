"""The documents, the command line, the DAG and the code use the same words in the same order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.main import get_command

import catalog
from catalog.campaign import Campaign, EndCardTemplate, LookTemplate, SceneTemplate
from renderer import artifacts
from renderer.backends.video_models import VIDEO_MODELS
from renderer.backends.voices import ENGINES, VOICES
from renderer.cli import app
from renderer.report import FLOW
from renderer.settings import PREFIX, Settings
from renderer.stages import STAGES
from renderer.versions import CODE_VERSIONS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
TEMPLATE_GUIDE = (ROOT / "templates" / "README.md").read_text(encoding="utf-8")
OURS_ALONE = {
    "Record",
    "CaptionJob",
    "CheckJob",
    "Failure",
    "StageAccount",
    "PlanSummary",
    "ManifestRow",
    "VariantPlan",
}
OURS_ALONE |= {"RunContext", "RunReport", "DeliveredCreative", "Undelivered", "Brand", "Look", "Music", "EndCard"}
OURS_ALONE |= {"SafeArea", "CaptionRules", "SpokenMoney", "Money", "Sample"}


def test_the_readme_tells_the_flow_in_order():
    """The nine words stand in the README's line and in its table."""
    assert " → ".join(FLOW) in README
    assert list(FLOW) == re.findall(r"^\| (\w+) \|", README.split("## The flow")[1].split("##")[0], re.MULTILINE)[-9:]


def test_every_stage_is_a_command():
    """A stage's word is typed as it is read."""
    assert set(FLOW) <= set(get_command(app).commands)


def test_every_command_in_the_readme_exists():
    """Nobody is told to type what is not there."""
    used = set(re.findall(r"adloom ([a-z]+)", README)) - {"weaves"}

    assert used <= set(get_command(app).commands)


def test_batches_go_through_the_stages_in_order():
    """The stages of a batch are a stretch of the flow."""
    assert list(STAGES) == [stage for stage in FLOW if stage in STAGES]
    assert set(CODE_VERSIONS) == set(STAGES)


@pytest.mark.parametrize("module", ["expand", *(name for name in FLOW if name != "expand")])
def test_every_stage_is_a_module_with_its_verb(module):
    """`<verb>` does the batch, in the file of that name; its test file bears it too."""
    package = "catalog" if module == "expand" else "renderer"
    source = (ROOT / package / f"{module}.py").read_text(encoding="utf-8")

    assert f"\ndef {module}(" in source
    assert (ROOT / "tests" / f"test_{module}.py").is_file()


def test_every_word_of_the_catalog_and_of_the_flow_is_in_the_glossary():
    """A record that stages hand on is explained in one line."""
    records = {name for name in catalog.__all__ if name not in {"CatalogError", "Problem"}}
    records |= {
        name for name, kind in vars(artifacts).items() if isinstance(kind, type) and issubclass(kind, BaseModel)
    }

    missing = {name for name in records - OURS_ALONE - {"BaseModel"} if f"| {name} |" not in GLOSSARY}
    assert missing == set()


@pytest.mark.parametrize("kind", [Campaign, SceneTemplate, LookTemplate, EndCardTemplate])
def test_every_field_of_a_campaign_is_explained(kind):
    """The template guide names each field in code."""
    missing = {name for name in kind.model_fields if f"`{name}" not in TEMPLATE_GUIDE}

    assert missing == set()


def test_every_setting_is_named_where_people_look():
    """An unknown setting answers with the known ones; the README says where they are described."""
    assert all(field.description for field in Settings.model_fields.values())
    assert f"`{PREFIX}*`" in README


def test_adrs_are_numbered_once_and_without_gaps():
    """Two decisions never share a number."""
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs" / "adr").glob("*.md"))]

    assert numbers == list(range(1, len(numbers) + 1))


def test_dag_files_stay_short():
    """A DAG file is wiring; what it wires is tested elsewhere."""
    for path in (ROOT / "dags").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) < 100


def test_the_page_of_models_is_the_table_of_models():
    """Every video model stands on its page with what it can do, its steps and its licence."""
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    for name, facts in VIDEO_MODELS.items():
        (row,) = re.findall(rf"^\| `{re.escape(name)}` \|(.*)\|$", page, re.MULTILINE)
        cells = [cell.strip() for cell in row.split("|")]

        assert cells[0] == ", ".join(sorted(facts.abilities))
        assert cells[2:] == [str(facts.num_inference_steps), facts.licence]


def test_the_page_of_models_says_which_are_faster_when_asked():
    """Exactly the models with approximations and shared steps stand under that heading, with all approximations."""
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([^`]+)`", page.split("## Faster takes")[1].split("##")[0]))
    able = {name for name, facts in VIDEO_MODELS.items() if facts.approximations and facts.shares_steps}
    known = {name for facts in VIDEO_MODELS.values() for name in facts.approximations}

    assert named == able | known | {"approximations", "shared_steps"}


def test_the_page_of_voices_names_every_voice_with_its_grade():
    """Rows that come with adloom, engines of one's own, and their settings."""
    page = (ROOT / "docs" / "voices.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z]+:[^`]+)` \|.*?\| `(\w+)` \|", page, re.MULTILINE)
    settings = {name for name in Settings.model_fields if name.startswith(("voices_", "speech_", "polly_"))}

    assert {name: facts.grade for name, facts in VOICES.items()} == {
        name: grade for name, grade in rows if name in VOICES
    }
    assert all(f"`{engine}:<" in page for engine in ENGINES)
    assert all(f"`{PREFIX}{name.upper()}`" in page for name in settings)
