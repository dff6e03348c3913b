"""The review page inside Airflow: look at an ad and its findings, approve or reject exactly these bytes.

Airflow mounts the page but does not guard it, so every route asks for a login here, and deciding asks for the right
to change the DAG.
"""
# no postponed annotations: FastAPI reads those of the routes, whose types are imported inside the factory

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from airflow.plugins_manager import AirflowPlugin

DAG = "render_campaign"
PREFIX = "/adloom-review"
UNAUTHORIZED, NOT_FOUND, CONFLICT = 401, 404, 409
PAGE_IN_UI, TAB_OF_RUN = {"url_route": "adloom_review"}, {"url_route": "adloom_review_run"}
PAGE = Path(__file__).with_name("review.html")
MEDIA = re.compile(r"creative-[0-9a-f]{32}-[0-9a-f]{12}\.(mp4|jpg)")
LOGIN = '<!doctype html><title>Log in</title><p>Please <a href="/" target="_top">log in to Airflow</a>.'


@cache
def store() -> Any:
    """Return the store of this installation."""
    from renderer.settings import Settings
    from renderer.store import open_store

    settings = Settings.from_environment()
    return open_store(settings.store_url, settings.cache_dir)


def runs() -> list[str]:
    """Return the runs in the store as `<campaign>/<run_id>`, newest first."""
    keys = (key for key in store().keys("runs/") if key.endswith("/planned.jsonl.gz"))
    return sorted(
        (key.split("/", 1)[1].rpartition("/")[0] for key in keys), key=lambda run: run.rpartition("/")[2], reverse=True
    )


def creatives(run: str) -> list[dict[str, Any]]:
    """Return the finished creatives of a run with findings and decisions."""
    from renderer.account import finished
    from renderer.journal import Journal
    from renderer.run_state import RunState

    state = RunState(run, store())
    locales = state.context().locales
    journal = Journal(state.context().campaign, store()).refresh()
    rows = []
    for planned, creative, checked in finished(state.planned(), state):
        decision = journal.decision_on(creative.sha256)
        rows.append(
            {
                "key": creative.key,
                "video": f"media/{creative.object.rpartition('/')[2]}",
                "poster": f"media/{creative.poster.rpartition('/')[2]}",
                "variant": planned.variant.id,
                "locale": planned.variant.locale,
                "language": locales[planned.variant.locale].name,
                "sha256": creative.sha256,
                "width": creative.width,
                "height": creative.height,
                "passed": checked.passed,
                "findings": [one.model_dump() for one in checked.findings if one.severity != "ok"],
                "decision": decision.model_dump() if decision else None,
            }
        )
    return rows


def build_app() -> Any:
    """Return the web application; heavy imports happen here, in the API server only."""
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends, FastAPI

    app = FastAPI(dependencies=[Depends(get_user)], docs_url=None, redoc_url=None, openapi_url=None)
    _add_answers(app)
    _add_page(app)
    _add_decisions(app)
    return app


def _add_answers(app: Any) -> None:
    """Say in words what is refused."""
    from fastapi import HTTPException, Request
    from fastapi.responses import HTMLResponse, JSONResponse, Response

    from renderer.errors import RenderError

    @app.exception_handler(HTTPException)
    def refuse(request: Request, error: HTTPException) -> Response:
        if error.status_code == UNAUTHORIZED and "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(LOGIN, error.status_code)
        return JSONResponse({"detail": error.detail}, error.status_code)

    @app.exception_handler(RenderError)
    def explain(request: Request, error: RenderError) -> Response:
        return JSONResponse({"detail": str(error)}, CONFLICT)


def _add_page(app: Any) -> None:
    """Serve the page and what it shows."""
    from fastapi import HTTPException
    from fastapi.responses import FileResponse, HTMLResponse

    from renderer.report.gallery import policy

    @app.get("/")
    def index() -> HTMLResponse:
        html = PAGE.read_text(encoding="utf-8")
        rules = policy(html, "connect-src 'self'", "frame-ancestors 'self'")
        return HTMLResponse(html, headers={"Content-Security-Policy": rules, "Cache-Control": "no-store"})

    @app.get("/runs")
    def list_runs() -> list[str]:
        return runs()

    @app.get("/creatives")
    def list_creatives(run: str) -> list[dict[str, Any]]:
        return creatives(run)

    @app.get("/media/{name}")
    def media(name: str) -> FileResponse:
        if not MEDIA.fullmatch(name):
            raise HTTPException(NOT_FOUND, "no such file")
        return FileResponse(store().local(f"creatives/{name}"))  # answers Range requests


def _add_decisions(app: Any) -> None:
    """Take decisions from those who may change the DAG."""
    from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
    from fastapi import Depends, HTTPException
    from pydantic import BaseModel, ConfigDict, Field

    from renderer.artifacts import Checked
    from renderer.review import decide
    from renderer.versions import checked_key

    class Wish(BaseModel):
        """What a reviewer wants for one creative."""

        model_config = ConfigDict(extra="forbid")

        key: str = Field(pattern=r"^[a-z]+-[0-9a-f]{32}$")
        sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
        verdict: Literal["approve", "reject"]
        reason: str = Field(default="", max_length=1000)

    @app.post("/decisions", dependencies=[Depends(requires_access_dag("PUT", param_dag_id=DAG))])
    def record(wish: Wish, user: GetUserDep) -> dict[str, Any]:
        checked = store().get_record(checked_key(wish.key), Checked)
        if checked is None or checked.sha256 != wish.sha256:
            raise HTTPException(CONFLICT, "The file is not the one you saw. Reload the page.")
        decided: dict[str, Any] = decide(checked, wish.verdict, wish.reason, user.get_name(), store()).model_dump()
        return decided


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
            cls.fastapi_apps = [{"app": build_app(), "url_prefix": PREFIX, "name": "adloom review"}]
