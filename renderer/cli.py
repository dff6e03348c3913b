"""The command line: a command per stage, `render` for all of them here, `run` and `demo` for all of them in Airflow."""

from __future__ import annotations

import contextlib
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.logging import RichHandler
from rich.table import Table

from catalog import CatalogError
from renderer.errors import PlanError, RenderError
from renderer.review_cli import commands as review_commands
from renderer.screen import (
    complain,
    err,
    out,
    progress_bar,
    say,
    show_account,
    show_expanded,
    show_models,
    show_places,
    show_plan,
    show_problems,
    show_script,
)
from renderer.settings import Settings

if TYPE_CHECKING:
    from renderer.runs import RunEnd
    from renderer.services import Services

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(review_commands, name="review")

CampaignName = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="a campaign folder, or its name in templates/")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="a run: <campaign>/<run id>, as expand and plan print it")]
SampleSize = Annotated[int | None, typer.Option("--sample", min=1, help="render at most so many variants")]
ModelName = Annotated[str | None, typer.Option("--model", help="another video model than the campaign's")]
TierName = Annotated[str | None, typer.Option("--tier", help="another tier than the campaign's own")]
PromotedRun = Annotated[
    str | None, typer.Option("--promote", metavar="RUN", help="make exactly the variants of this run, in another tier")
]
AllowShrink = Annotated[
    bool, typer.Option("--allow-shrink", help="withdraw products that the feed lacks, however many")
]
Whole = Annotated[bool, typer.Option("--all", help="everything the campaign asks for, not only its sample")]


@app.command()
def expand(
    campaign: CampaignName,
    sample: SampleSize = None,
    model: ModelName = None,
    tier: TierName = None,
    whole: Whole = False,
) -> None:
    """Read catalogs and pictures and count the variants."""
    from renderer.batches import start_run

    started = start_run(campaign, _new_run_id(), sample, model, Settings.from_environment(), whole=whole, tier=tier)
    show_expanded(started)
    raise typer.Exit(show_problems(started["run"]))


@app.command()
def plan(
    campaign: CampaignName,
    sample: SampleSize = None,
    model: ModelName = None,
    tier: TierName = None,
    promote: PromotedRun = None,
    whole: Whole = False,
) -> None:
    """Find the distinct shots and lines, and estimate hours and cost. Spends nothing."""
    from renderer.batches import begin_run

    settings = Settings.from_environment()
    wish = {"sample": sample, "model": model, "tier": tier, "promote": promote, "whole": whole}
    started = begin_run(campaign, _new_run_id(), wish, settings)
    _plan(started["run"], settings)
    raise typer.Exit(show_problems(started["run"]))


def _stage_command(stage: str, help_text: str) -> None:
    """Add the command of a stage that works batch by batch."""

    @app.command(stage, help=help_text)
    def command(run: RunName) -> None:
        settings = Settings.from_environment()
        failed = _run_stages(run, (stage,), settings)
        raise typer.Exit(1 if failed else 0)


_stage_command("generate", "Render the missing shots of a run with its video model.")
_stage_command("narrate", "Speak the missing lines of a run.")
_stage_command("caption", "Time and break the captions of a run.")
_stage_command("compose", "Compose the missing creatives of a run.")
_stage_command("check", "Measure every creative of a run against its format.")


@app.command()
def withdraw(run: RunName, allow_shrink: AllowShrink = False) -> None:
    """Take off show what the feed of a run no longer has, what sold out, and what shows a sale that is over."""
    from renderer.batches import withdraw_run

    withdrawn = withdraw_run(run, Settings.from_environment(), allow_shrink=allow_shrink)["withdrawn"]
    out.print(f"{withdrawn} withdrawn")


@app.command()
def publish(run: RunName) -> None:
    """Deliver what is approved, and close the account of the run."""
    from renderer.batches import publish_run

    account = publish_run(run, Settings.from_environment())
    show_account(run)
    raise typer.Exit(0 if account["complete"] else 1)


@app.command()
def render(
    campaign: CampaignName = "aurora_launch",
    sample: SampleSize = None,
    model: ModelName = None,
    tier: TierName = None,
    promote: PromotedRun = None,
    whole: Whole = False,
    allow_shrink: AllowShrink = False,
) -> None:
    """Do every stage in this process, without Airflow, into the store of ADLOOM_STORE_URL."""
    from renderer import batches
    from renderer.stages import STAGES

    settings = Settings.from_environment()
    wish = {"sample": sample, "model": model, "tier": tier, "promote": promote, "whole": whole}
    started = batches.begin_run(campaign, _new_run_id(), wish, settings)
    show_expanded(started)
    batches.withdraw_run(started["run"], settings, allow_shrink=allow_shrink)
    _plan(started["run"], settings)
    _run_stages(started["run"], tuple(STAGES), settings)
    batches.review_run(started["run"], settings)
    account = batches.publish_run(started["run"], settings)
    show_account(started["run"])
    raise typer.Exit(0 if account["complete"] else 1)


@app.command()
def models() -> None:
    """List the video models: what each can do, for how long, its licence, and whether its weights are here."""
    from renderer.backends.video_models import VIDEO_MODELS, Place, find_video_model

    place = Place.of(Settings.from_environment())
    here = {}
    for name in VIDEO_MODELS:
        with contextlib.suppress(RenderError):
            find_video_model(name, place)
            here[name] = True
    show_models(VIDEO_MODELS, here)


@app.command()
def script(
    campaign: CampaignName,
    locale: Annotated[list[str] | None, typer.Option("--locale", help="a tag to draft for; may be repeated")] = None,
    accept: Annotated[
        str | None, typer.Option("--accept", metavar="TAG", help="make this draft, once read, copy")
    ] = None,
) -> None:
    """Draft missing copy with the language model of ADLOOM_SCRIPT_URL, for people to read and accept."""
    from renderer.batches import campaign_folder
    from renderer.script import accept_draft, draft_script

    settings = Settings.from_environment()
    folder = campaign_folder(campaign, settings)
    if accept is not None:
        out.print(f"{accept_draft(folder, accept)} has the texts of the draft", highlight=False, soft_wrap=True)
        return
    results = draft_script(folder, locale or (), settings)
    show_script(results)
    raise typer.Exit(1 if any(result.failed for result in results) else 0)


@app.command()
def up() -> None:
    """Start the S3 server and Airflow on this machine, and say where they are."""
    from renderer import services

    show_places(services.up(Settings.from_environment(), say))


@app.command()
def down() -> None:
    """End exactly what `up` started."""
    from renderer import services

    ended = services.down(Settings.from_environment())
    out.print(f"ended {', '.join(ended)}" if ended else "nothing was running")


@app.command()
def status() -> None:
    """Show which services of this machine run."""
    from renderer import services

    table = Table("service", "process", "address")
    for state in services.status(Settings.from_environment()):
        table.add_row(state.name, str(state.pid) if state.pid else "[red]not running", state.url)
    out.print(table)


@app.command()
def run(
    campaign: CampaignName,
    sample: SampleSize = None,
    model: ModelName = None,
    tier: TierName = None,
    promote: PromotedRun = None,
    whole: Whole = False,
    allow_shrink: AllowShrink = False,
) -> None:
    """Render a campaign through Airflow, starting what is needed and leaving it running."""
    from renderer import runs, services

    settings = Settings.from_environment()
    wish = {"sample": sample, "model": model, "tier": tier, "promote": promote, "whole": whole}
    wish["allow_shrink"] = allow_shrink
    conf = _conf(campaign, wish, settings)
    running = services.up(settings, say)
    end = runs.run_campaign(running, conf, out)
    complete = _report(end, running)
    show_places(running)
    raise typer.Exit(0 if complete else 1)


@app.command()
def demo(
    campaign: CampaignName = "aurora_launch",
    sample: SampleSize = None,
    model: ModelName = None,
    tier: TierName = None,
    whole: Whole = False,
) -> None:
    """Render a campaign through Airflow into build/demo, and end again what had to be started for it."""
    from renderer import runs, services

    settings = Settings.from_environment()
    conf = _conf(campaign, {"sample": sample, "model": model, "tier": tier, "whole": whole}, settings)
    running = services.up(settings, say)
    try:
        end = runs.run_campaign(running, conf, out)
        complete = _report(end, running)
    finally:
        services.down(settings, running.started)
    raise typer.Exit(0 if complete else 1)


def main() -> None:
    """Run the command line. What is wrong is shown in words, with status 2; a traceback is for bugs only."""
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", handlers=[RichHandler(console=err, show_path=False)]
    )
    try:
        app()
    except (CatalogError, RenderError) as error:
        complain(str(error))
        sys.exit(2)


def _new_run_id() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S")


def _plan(run: str, settings: Settings) -> None:
    """Plan a run and show what it needs, what that costs and under which licence; what that asks stands in the log."""
    from renderer.batches import open_run, plan_run

    plan_run(run, settings)
    show_plan(run, open_run(run, settings).summary(), settings)


def _run_stages(run: str, stages: tuple[str, ...], settings: Settings) -> int:
    """Do the stages batch by batch under a progress bar; return how many items failed."""
    from renderer.batches import open_run, run_stage

    labels = open_run(run, settings).summary().batch_labels
    failed = 0
    with progress_bar() as progress:
        task = progress.add_task("", total=len(labels) * len(stages))
        for number, label in enumerate(labels):
            for stage in stages:
                progress.update(task, description=f"{stage:9} {label}")
                failed += run_stage(stage, {"run": run, "batch": number}, settings)["failed"]
                progress.advance(task)
    return failed


def _conf(campaign: str, wish: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the DAG's parameters; Airflow knows the campaigns of the templates folder by name."""
    name = Path(campaign).name
    if not (settings.templates_dir / name / "campaign.yaml").is_file():
        raise PlanError(
            f"{campaign}: Airflow renders campaigns of {settings.templates_dir}/ only. "
            "Put it there, set ADLOOM_TEMPLATES_DIR to its parent, or use: adloom render."
        )
    return {"campaign": name, **wish}


def _report(end: RunEnd, running: Services) -> bool:
    """Write the report and the gallery, show the table; tell whether everything arrived."""
    from renderer import report

    for problem in end.problems:
        complain(problem)
    written = report.write(end.run, running.settings)
    if written is None:
        return False
    out.print(report.table(written, report.demo_folder(running.settings)))
    return written.complete and end.state == "success"
