"""Looks at the product feeds and locale catalogs of all campaigns and tells Airflow's assets which have changed.

Campaigns that use them begin a run, inside their flight and if they are not paused; only what changed is rendered.
"""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import Asset, AssetAlias, dag, task
from notices import tell_failure
from renderer_calls import DEFAULTS, call

CHANGES = AssetAlias("adloom catalogs")
CRON = os.environ.get("ADLOOM_WATCH_CRON", "*/5 * * * *")


@dag(schedule=CRON, catchup=False, max_active_runs=1, default_args=DEFAULTS, doc_md=__doc__, tags=["adloom"])
def catalog_watch() -> None:
    """What was told is remembered only after Airflow has it: rather twice than never."""

    @task(outlets=[CHANGES], on_failure_callback=tell_failure)
    def look(outlet_events: Any) -> list[dict[str, Any]]:
        changes = call("look", module="watch")
        for change in changes:
            if change["reason"]:
                asset = Asset(name=change["name"], uri=change["uri"])
                outlet_events[CHANGES].add(asset, extra={"reason": change["reason"]})
        return changes

    @task(on_failure_callback=tell_failure)
    def remember(changes: list[dict[str, Any]]) -> int:
        return call("remember", changes, module="watch")

    remember(look())


catalog_watch()
