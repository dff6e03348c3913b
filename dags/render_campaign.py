"""Renders a part of any campaign, or all of it, as a form asks: which products, locales, formats, tier and budget.

Every campaign also has a DAG of its own, with its schedule: `campaign_<id>`.
"""

from __future__ import annotations

from airflow.sdk import Param, dag
from campaign_flow import flow
from campaign_form import PARAMS
from renderer_calls import DEFAULTS, templates

CAMPAIGNS = sorted(path.parent.name for path in templates().glob("*/campaign.yaml"))
CAMPAIGN = {"campaign": Param(next(iter(CAMPAIGNS), None), enum=CAMPAIGNS, title="Campaign")}


@dag(schedule=None, max_active_runs=1, default_args=DEFAULTS, params=CAMPAIGN | PARAMS, doc_md=__doc__, tags=["adloom"])
def render_campaign() -> None:
    """One run at a time (two would make the same missing shots twice); a batch ends before the next begins."""
    flow()


render_campaign()
