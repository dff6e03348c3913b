"""What the command line shows: tables, progress, problems, errors in words."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from renderer.run_records import PlanSummary
from renderer.settings import Settings

if TYPE_CHECKING:
    from renderer.backends import VideoModelFacts
    from renderer.script import ScriptResult
    from renderer.services import Services

MAX_SHOWN_PROBLEMS = 50

out = Console()
err = Console(stderr=True)


def progress_bar() -> Progress:
    """Return a bar with counts, the time spent and the time left."""
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *times)
    return Progress(*columns, console=err)


def say(text: str) -> None:
    """Show what is going on, quietly."""
    out.print(text, style="dim", highlight=False)


def complain(sentence: str, style: str = "red") -> None:
    """Show what is wrong as one line, however narrow the terminal: the command in it stays whole when copied."""
    err.print(sentence, style=style, markup=False, highlight=False, soft_wrap=True)


def show_expanded(started: dict[str, Any]) -> None:
    """Show what the campaign spans, how much of it this run asks for, and how many variants can be made."""
    ready = started["requested"] - started["refused"]
    spans = " × ".join(f"{started[what]:,} {what}" for what in ("products", "locales", "formats"))
    part = "all of them" if started["requested"] == started["whole"] else f"{started['requested']:,} of them"
    out.print(f"{spans}: {started['whole']:,} variants", highlight=False)
    out.print(f"run {started['run']}: {part} asked for, {ready:,} can be made", highlight=False)


def show_problems(run: str) -> int:
    """Show what was wrong with the input; return the exit status."""
    from renderer.batches import open_run

    problems = open_run(run, Settings.from_environment()).problems()
    for sentence in problems[:MAX_SHOWN_PROBLEMS]:
        complain(sentence, "yellow")
    if len(problems) > MAX_SHOWN_PROBLEMS:
        err.print(f"and {len(problems) - MAX_SHOWN_PROBLEMS:,} more", style="yellow")
    return 1 if problems else 0


def show_plan(run: str, summary: PlanSummary, settings: Settings) -> None:
    """Show what a run needs, what is missing of it, and what that costs."""
    table = Table(title=f"plan of {run}", title_justify="left")
    table.add_column("")
    table.add_column("needed", justify="right")
    table.add_column("missing", justify="right")
    table.add_row("variants", f"{summary.variants:,}", f"{summary.missing_creatives:,}")
    if summary.refused:
        table.add_row("refused, see below", f"{summary.refused:,}", "")
    table.add_row("distinct shots", f"{summary.shots:,}", f"{len(summary.missing_shots):,}")
    table.add_row("distinct lines", f"{summary.lines:,}", f"{summary.missing_lines:,}")
    table.add_row(f"model {summary.named}", "", "")
    table.add_row(f"revision {summary.model_revision}", "", "")
    table.add_row(f"licence {summary.licence}", "", "")
    out.print(table)
    out.print(
        f"about {summary.gpu_hours:.2f} GPU hours, {summary.cost_usd:.2f} USD at {settings.gpu_hour_usd:g} an hour, "
        f"and {summary.cpu_hours:.2f} core hours; nothing is spent yet",
        highlight=False,
    )


def show_models(models: Mapping[str, VideoModelFacts], here: Container[str]) -> None:
    """Show the table of video models; `here` are those whose weights are on this machine.

    What the others' weights are called is too long for a table: `plan` tells it in the command that fetches them.
    """
    table = Table(title="video models", title_justify="left", box=SIMPLE_HEAD, padding=(0, 0), show_edge=False)
    for heading in ("model", "can", "seconds", "steps", "licence", "weights"):
        side: Literal["left", "right"] = "right" if heading in ("seconds", "steps") else "left"
        width = len("approximations,") if heading == "can" else None  # its longest word
        breaks = heading in ("can", "licence")
        table.add_column(heading, justify=side, no_wrap=not breaks, overflow="fold", min_width=width)
    for name, facts in models.items():
        length = f"{facts.min_num_frames / facts.frame_rate:.1f} to {facts.max_num_frames / facts.frame_rate:.1f}"
        weights = "here" if name in here else "missing"
        table.add_row(name, _abilities(facts), length, str(facts.num_inference_steps), facts.licence, weights)
    out.print(table)
    say("missing weights: `adloom plan CAMPAIGN --model NAME` tells the command that fetches them")


def _abilities(facts: VideoModelFacts) -> str:
    """Return what a model can do, and by which dials it is faster."""
    abilities = ", ".join(sorted(facts.abilities))
    dials = ["approximations"] * bool(facts.approximations) + ["shared steps"] * facts.shares_steps
    return f"{abilities} (faster: {', '.join(dials)})" if dials else abilities


def show_script(results: Iterable[ScriptResult]) -> None:
    """Show what was drafted, what was not and why, and what a person has to do next."""
    results = list(results)
    if not results:
        say("no copy is missing")
    for result in results:
        for sentence in result.failed:
            complain(sentence, "yellow")
        said = f"{result.tag}: {len(result.texts)} drafted ({result.cached} known before), {len(result.failed)} failed."
        cure = f" Read {result.path}, then run it again with --accept {result.tag}" if result.texts else ""
        out.print(said + cure, highlight=False, markup=False, soft_wrap=True)


def show_account(run: str) -> None:
    """Show what became of every variant of a run."""
    from renderer.batches import open_run
    from renderer.report import table

    report = open_run(run, Settings.from_environment()).report()
    assert report is not None, "publish writes the report"
    for one in (*report.rejected, *report.failed):
        complain(one.reason, "yellow")
    out.print(table(report, None))


def show_places(running: Services) -> None:
    """Show where the services of this machine are, and how to log in."""
    table = Table.grid(padding=(0, 2))
    table.add_row("Airflow", running.airflow_url)
    table.add_row("Review", f"{running.airflow_url}/plugin/adloom_review")
    table.add_row("S3", running.s3_url or running.settings.store_url)
    for user, password in running.passwords.items():
        table.add_row("login", f"{user} / {password}")
    out.print(table)
