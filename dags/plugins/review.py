"""Adds the review dashboard to Airflow: an entry in the menu and a tab on every run. What it serves: adloom_review/."""

import sys
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/adloom-review"
PAGE_IN_UI, TAB_OF_RUN = {"url_route": "adloom_review"}, {"url_route": "adloom_review_run"}


class ReviewPlugin(AirflowPlugin):
    """Adds the page to Airflow's menu and a tab to every run."""

    name = "adloom_review"
    external_views: ClassVar[list[Any]] = [
        {**PAGE_IN_UI, "name": "Ad review", "href": f"{PREFIX}/", "destination": "nav", "nav_top_level": True},
        {**TAB_OF_RUN, "name": "Ads", "href": f"{PREFIX}/?run={{RUN_ID}}", "destination": "dag_run"},
    ]
    fastapi_apps: ClassVar[list[Any]] = []

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Build the application where there is a web server; schedulers and workers load plugins too."""
        if "airflow.api_fastapi.app" in sys.modules:
            from adloom_review.app import build_app

            cls.fastapi_apps = [{"app": build_app(), "url_prefix": PREFIX, "name": "adloom review"}]
