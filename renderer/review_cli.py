"""`adloom review`: look at the ads of a run and decide about them, as on the page inside Airflow."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from renderer.artifacts import Decision, Verdict
from renderer.dashboard.ads import Ad, Filter, matching, verdict_of
from renderer.dashboard.desk import Desk, SeenAd, Wish
from renderer.errors import RenderError
from renderer.review import Ruled
from renderer.screen import complain, out, say
from renderer.settings import Settings

COLOURS = {"waiting": "dim", "approve": "green", "reject": "red", "retake": "yellow", "undo": "dim"}
DONE = {"approve": "approved", "reject": "rejected", "retake": "to be taken again", "undo": "undone"}


class _RuleByDefault(TyperGroup):
    """Lets `adloom review RUN` mean the stage: what is no command's name is a run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return the command that is meant."""
        named = bool(args) and (args[0] in self.commands or args[0].startswith("-"))
        return super().resolve_command(ctx, args if named else ["rule", *args])


commands = typer.Typer(cls=_RuleByDefault, no_args_is_help=True, help="Decide about the finished ads of a run.")

RunName = Annotated[str, typer.Argument(metavar="RUN", help="a run: <campaign>/<run id>")]
AdNames = Annotated[
    list[str] | None, typer.Argument(metavar="[AD]...", help="ads, by the end of their name or by their key")
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where", metavar="FIELD=VALUE", help=f"all ads that match; fields: {', '.join(Filter.model_fields)}"
    ),
]
Reason = Annotated[str, typer.Option("--reason", "-m", help="why, in a few words")]
Reviewer = Annotated[str, typer.Option("--as", metavar="NAME", help="who decides; by default you")]


@commands.command()
def rule(run: RunName) -> None:
    """Decide about finished ads as the campaign's rule says; `adloom review RUN` is the same."""
    from renderer.batches import review_run

    verdicts = review_run(run, Settings.from_environment())
    out.print(", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()))


@commands.command("list")
def list_ads(
    run: RunName, where: Where = None, limit: Annotated[int, typer.Option("--limit", min=1, help="most rows")] = 50
) -> None:
    """Show the finished ads of a run and what stands about each."""
    desk = Desk(Settings.from_environment())
    journal = desk.journal(run)
    found = matching(desk.ads(run), _filter(where), journal)
    table = Table(title=run, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading in ("ad", "findings", "decision", "reviewer", "reason"):
        table.add_column(heading, overflow="fold")
    for ad in found[:limit]:
        decision = journal.decision_on(ad.sha256)
        who, why = (decision.reviewer, decision.reason) if decision else ("", "")
        table.add_row(escape(_short(ad)), _findings(ad), _coloured(verdict_of(decision)), escape(who), escape(why))
    out.print(table)
    if len(found) > limit:
        say(f"and {len(found) - limit:,} more")


@commands.command()
def approve(run: RunName, ads: AdNames = None, where: Where = None, reason: Reason = "", by: Reviewer = "") -> None:
    """Approve ads; those whose checks failed are named and left."""
    _say("approve", run, ads, where, reason, by)


@commands.command()
def reject(run: RunName, ads: AdNames = None, where: Where = None, reason: Reason = "", by: Reviewer = "") -> None:
    """Reject ads, with a reason."""
    _say("reject", run, ads, where, reason, by)


@commands.command()
def undo(run: RunName, ads: AdNames = None, where: Where = None, by: Reviewer = "") -> None:
    """Take back what stands about ads; what stood before stands again."""
    _say("undo", run, ads, where, "", by)


@commands.command()
def retake(
    run: RunName,
    ads: AdNames = None,
    where: Where = None,
    scene: Annotated[list[str] | None, typer.Option("--scene", help="a scene to take again; by default all")] = None,
    prompt: Annotated[str, typer.Option("--prompt", help="another prompt; by default the next seed")] = "",
    reason: Reason = "",
    by: Reviewer = "",
) -> None:
    """Have scenes of ads taken again: in the next run, and only they and the ads that show them."""
    if _say("retake", run, ads, where, reason, by, tuple(scene or ()), prompt):
        again = f"render again: adloom render {run.partition('/')[0]} --promote {run}"
        out.print(again, style="dim", highlight=False, soft_wrap=True)


@commands.command()
def history(run: RunName, ad: Annotated[str, typer.Argument(metavar="AD")]) -> None:
    """Show everything that was said about an ad, also about earlier files of it."""
    desk = Desk(Settings.from_environment())
    found = desk.find(run, ad)
    table = Table(title=_short(found), title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading in ("", "when", "decision", "reviewer", "reason", "file"):
        table.add_column(heading, overflow="fold")
    for one in desk.journal(run).history(found.variant_id):
        file = "this" if one.sha256 == found.sha256 else one.sha256[:12]
        why = "; ".join([one.reason, *_takes(one)]).strip("; ")
        table.add_row(
            str(one.revision), one.decided_at, _coloured(one.verdict), escape(one.reviewer), escape(why), file
        )
    out.print(table)


def _say(
    verdict: Verdict,
    run: str,
    names: Iterable[str] | None,
    where: list[str] | None,
    reason: str,
    by: str,
    scenes: tuple[str, ...] = (),
    prompt: str = "",
) -> int:
    """Record a ruling about the ads meant; return how many were decided, and end with 1 where some could not be."""
    desk = Desk(Settings.from_environment())
    seen = desk.journal(run).revision
    ads = [desk.find(run, name) for name in names or ()]
    wish = Wish(
        verdict=verdict,
        reason=reason,
        ads=tuple(SeenAd(key=ad.key, sha256=ad.sha256, seen=seen) for ad in ads),
        filter=_filter(where) if where else None,
        seen=seen,
        scenes=scenes,
        prompt=prompt,
    )
    ruled = desk.say(run, wish, by or getpass.getuser())
    _report(verdict, ruled)
    if ruled.refused or ruled.conflicts:
        raise typer.Exit(1)
    return len(ruled.decided)


def _report(verdict: str, ruled: Ruled) -> None:
    already = f", {ruled.unchanged:,} were already" if ruled.unchanged else ""
    out.print(f"{len(ruled.decided):,} {DONE[verdict]}{already}", highlight=False)
    for one in ruled.refused:
        complain(one.reason, "yellow")
    for conflict in ruled.conflicts:
        said = f"{conflict.reviewer} said {conflict.verdict} meanwhile: {conflict.reason or 'no reason'}"
        complain(f"{conflict.variant_id}: {said}. Look again.", "yellow")


def _filter(where: list[str] | None) -> Filter:
    facts = dict(part.partition("=")[::2] for part in where or ())
    if unknown := [name for name in facts if name not in Filter.model_fields]:
        raise RenderError(f"--where {unknown[0]}: there is no such field. Known: {', '.join(Filter.model_fields)}.")
    return Filter(**facts)


def _short(ad: Ad) -> str:
    return ad.variant_id.partition("/")[2]


def _findings(ad: Ad) -> str:
    return ", ".join(f"[{'red' if severity == 'error' else 'yellow'}]{check}[/]" for severity, check in ad.findings)


def _coloured(verdict: str) -> str:
    return f"[{COLOURS[verdict]}]{verdict}[/]"


def _takes(decision: Decision) -> list[str]:
    return [f"{one.scene}: {one.prompt or 'next seed'}" for one in decision.retakes]
