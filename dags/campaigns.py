"""One DAG per campaign folder, with the schedule, flight, owner and tags of its `campaign.yaml`.

A campaign that cannot be read has no DAG here and an import error in broken_campaigns.py: an error of this file would
take the DAGs of all the others away.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Asset, AssetAny, AssetOrTimeSchedule, Param, get_parsing_context
from airflow.sdk.definitions.param import ParamsDict
from campaign_flow import flow
from campaign_form import PARAMS
from flight import FlightTimetable
from renderer_calls import DEFAULTS, templates

from catalog.campaign import Campaign
from catalog.campaign_file import read_campaigns
from catalog.sources import sources


def schedule_of(folder: str, campaign: Campaign) -> Any:
    """Return what starts runs without a hand: the clock, and changed catalogs while the flight lasts."""
    first, last = (day.isoformat() if day else "" for day in (campaign.flight.start, campaign.flight.end))
    when = campaign.schedule and FlightTimetable(campaign.schedule.cron, campaign.schedule.timezone, first, last)
    if not campaign.in_flight(datetime.now(UTC)):
        return when  # this file is read again and again: on the first day of the flight the catalogs are back
    catalogs = AssetAny(*(Asset(name=one.name, uri=one.uri) for one in sources(templates() / folder, campaign)))
    return AssetOrTimeSchedule(timetable=when, assets=catalogs) if when else catalogs


def page_of(campaign: Campaign) -> str:
    """Return what people read about a campaign in Airflow."""
    clock = f"`{campaign.schedule.cron}` in {campaign.timezone}, " if campaign.schedule else ""
    rows = {
        "brand": campaign.brand.name,
        "products": f"`{campaign.feed}`",
        "locales": ", ".join(campaign.locales),
        "formats": ", ".join(campaign.formats),
        "scenes": ", ".join(scene.id for scene in campaign.scenes),
        "model": campaign.tier or campaign.model,
        "runs": f"{clock}when its catalogs change, by hand",
        "flight": f"{campaign.flight.start or 'open'} to {campaign.flight.end or 'open'}",
        "review": campaign.review,
    }
    if campaign.brand.tone:
        rows["tone"] = campaign.brand.tone.replace("|", "\\|")
    return "\n".join([campaign.description, "", "| | |", "|---|---|", *(f"| {k} | {v} |" for k, v in rows.items())])


def dag_of(folder: str, dag_id: str, **options: Any) -> None:
    """Make the DAG of one campaign; one run at a time, since two would make the same missing shots twice."""
    owner = {"owner": options.pop("owner", DEFAULTS["owner"])}
    with DAG(dag_id, catchup=False, max_active_runs=1, default_args=DEFAULTS | owner, **options) as dag:
        flow()
    own = {"campaign": Param(folder, const=folder, title="Campaign")}
    dag.params = ParamsDict(own | PARAMS)  # not before: Airflow would check a copy of every parameter for every task


def folder_of(dag_id: str | None) -> str:
    """Return the folder of the campaign whose task is about to run, if it bears the campaign's name."""
    name = (dag_id or "").removeprefix("campaign_")
    path = templates() / name / "campaign.yaml"
    named = name and path.is_file() and re.search(rf"^id: *[\"']?{name}\b", path.read_text("utf-8"), re.MULTILINE)
    return name if named else ""


if running := folder_of(get_parsing_context().dag_id):
    # every task reads this file: it needs no other campaign, nor its own, which somebody may be editing
    dag_of(running, f"campaign_{running}", schedule=None)
else:
    for name, campaign in read_campaigns(templates())[0].items():
        about = {"description": campaign.description or f"Ads of {campaign.brand.name}", "doc_md": page_of(campaign)}
        about |= {"owner": campaign.owner, "tags": ["adloom", *campaign.tags]}
        dag_of(name, f"campaign_{campaign.id}", schedule=schedule_of(name, campaign), **about)
