"""The interface under /api: runs, ads, decisions. What can be looked at has an ETag, so that asking often is cheap."""
# no postponed annotations: FastAPI reads those of the routes

import hashlib
import json
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from adloom_review.guards import DAG, DECIDE, may_render, permitted
from adloom_review.pages import FOLDER
from renderer.artifacts import Decision
from renderer.dashboard.desk import Desk, News, Wish
from renderer.dashboard.details import Details
from renderer.dashboard.overview import Overview
from renderer.review import Ruled

NOT_MODIFIED = 304
MOST_RUNS = 500

api = APIRouter(prefix="/api")


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


DeskDep = Annotated[Desk, Depends(_desk)]


@api.get("/me", tags=["reviewer"])
def me(user: GetUserDep) -> dict[str, str]:
    """Return who is logged in, and the DAG that renders any campaign; empty for who may only run campaigns' own."""
    return {"name": user.get_name(), "dag": DAG if may_render(user) else ""}


@api.get("/runs", tags=["runs"])
def list_runs(desk: DeskDep, user: GetUserDep) -> list[str]:
    """Return the runs that you may see as `<campaign>/<run id>`, the newest first."""
    runs = desk.runs()
    campaigns = permitted(user, {run.partition("/")[0] for run in runs})
    return [run for run in runs if run.partition("/")[0] in campaigns][:MOST_RUNS]


@api.get("/runs/{campaign}/{run_id}", tags=["runs"], response_model=Overview)
def run_at_a_glance(request: Request, desk: DeskDep, campaign: str, run_id: str) -> Response:
    """Return counts, throughput, cost and failures of a run; 304 where nothing has changed since `If-None-Match`."""
    seen = desk.overview(f"{campaign}/{run_id}")
    return _tagged(request, seen.model_dump_json().encode())


@api.get("/runs/{campaign}/{run_id}/ads", tags=["ads"])
def list_ads(request: Request, desk: DeskDep, campaign: str, run_id: str) -> Response:
    """Return all finished ads of a run with what stands about each; 304 where nothing has changed.

    `revision` is that of the campaign's journal: name it as `seen` when you decide.
    """
    run = f"{campaign}/{run_id}"
    tag = f'"{desk.version(run)}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=NOT_MODIFIED, headers={"ETag": tag})
    journal = desk.journal(run)
    revision = journal.revision  # before the rows: what is said meanwhile counts as not seen
    rows = [
        ad.model_dump(exclude={"gpu_seconds"}) | {"decision": _brief(journal.decision_on(ad.sha256))}
        for ad in desk.ads(run)
    ]
    body = json.dumps({"run": run, "revision": revision, "ads": rows}, ensure_ascii=False, separators=(",", ":"))
    return Response(
        body.encode(), media_type="application/json", headers={"ETag": tag, "Cache-Control": "private, no-cache"}
    )


@api.get("/runs/{campaign}/{run_id}/ads/{key}", tags=["ads"])
def ad_in_detail(desk: DeskDep, campaign: str, run_id: str, key: str) -> Details:
    """Return one ad: copy, takes with prompt and seed, findings, cost, history."""
    return desk.details(f"{campaign}/{run_id}", key)


@api.get("/runs/{campaign}/{run_id}/decisions", tags=["decisions"])
def decisions_since(desk: DeskDep, campaign: str, run_id: str, after: Annotated[int, Query(ge=0)] = 0) -> News:
    """Return what stands about every file that was spoken of after a revision, by SHA-256; null after an undo."""
    return desk.news(f"{campaign}/{run_id}", after)


@api.post("/runs/{campaign}/{run_id}/decisions", tags=["decisions"], dependencies=DECIDE)
def decide(desk: DeskDep, user: GetUserDep, campaign: str, run_id: str, wish: Wish) -> Ruled:
    """Approve, reject, retake or undo: for the ads named, or for all that a filter means.

    Decided is what can be; `conflicts` are what others said since you looked, `refused` what cannot be said and why.
    Sending the same wish again changes nothing.
    """
    return desk.say(f"{campaign}/{run_id}", wish, user.get_name())


@api.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> JSONResponse:
    """Return this interface as OpenAPI."""
    return JSONResponse(request.app.openapi())


@api.get("/docs", include_in_schema=False)
def docs() -> FileResponse:
    """Return a page that shows this interface."""
    return FileResponse(FOLDER / "docs.html")


def _tagged(request: Request, body: bytes) -> Response:
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=NOT_MODIFIED, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _brief(decision: Decision | None) -> dict[str, Any] | None:
    return decision and decision.model_dump(include={"verdict", "reason", "reviewer", "decided_at", "revision"})
