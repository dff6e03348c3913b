"""Builds the application: every answer carries the same rules for browsers, every refusal its sentence."""
# no postponed annotations: FastAPI reads those of the routes

import threading
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import ValidationError
from starlette.middleware.gzip import GZipMiddleware

from adloom_review.guards import LOOK
from adloom_review.media import media
from adloom_review.pages import pages
from adloom_review.routes import api
from renderer.dashboard.desk import Desk
from renderer.errors import RenderError, StoreError
from renderer.settings import Settings

UNAUTHORIZED, NOT_FOUND, CONFLICT, UNPROCESSABLE = 401, 404, 409, 422
COMPRESSED_FROM = 1000  # bytes
LOGIN = '<!doctype html><title>Log in</title><p>Please <a href="/" target="_top">log in to Airflow</a>.'
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; font-src 'self'; "
    "img-src 'self'{media}; media-src 'self'{media}; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)


def build_app(settings: Settings | None = None) -> FastAPI:
    """Return the application for the store of the settings; by default those of the environment."""
    settings = settings or Settings.from_environment()
    app = FastAPI(
        title="adloom review",
        description="What reviewers see and say about the ads of a run. Log in to Airflow, or send its token.",
        version="1",
        dependencies=LOOK,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # FastAPI's own would be open to everybody; routes.py serves it behind the login
    )
    app.state.desk = Desk(settings)
    threading.Thread(
        target=app.state.desk.store.prepare, daemon=True
    ).start()  # so that the first reviewer need not wait
    for routes in (pages, api, media):
        app.include_router(routes)
    _say_what_is_refused(app)
    _tell_browsers(app, POLICY.format(media=_media_origin(app.state.desk)))
    app.add_middleware(GZipMiddleware, minimum_size=COMPRESSED_FROM, compresslevel=3)
    return app


def _media_origin(desk: Desk) -> str:
    """Return where signed addresses lead, as an addition to a policy."""
    url = desk.store.signed_url("x", 1) if desk.settings.review_media == "signed" else None
    return f" {urlsplit(url).scheme}://{urlsplit(url).netloc}" if url else ""


def _tell_browsers(app: FastAPI, policy: str) -> None:
    @app.middleware("http")
    async def headers(request: Request, answer: Any) -> Response:
        response: Response = await answer(request)
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _say_what_is_refused(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    def refuse(request: Request, error: HTTPException) -> Response:
        if error.status_code == UNAUTHORIZED and "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(LOGIN, error.status_code)
        return JSONResponse({"detail": error.detail}, error.status_code)

    @app.exception_handler(RequestValidationError)
    def correct(request: Request, error: RequestValidationError) -> Response:
        told = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors()[:5]]
        return JSONResponse({"detail": "; ".join(told)}, UNPROCESSABLE)

    @app.exception_handler(ValidationError)
    def grow_old(request: Request, error: ValidationError) -> Response:
        told = "This run was written by another version of adloom, and its records have other fields. Render it again."
        return JSONResponse({"detail": told}, CONFLICT)

    @app.exception_handler(StoreError)
    def miss(request: Request, error: StoreError) -> Response:
        return JSONResponse({"detail": str(error)}, NOT_FOUND)

    @app.exception_handler(RenderError)
    def explain(request: Request, error: RenderError) -> Response:
        return JSONResponse({"detail": str(error)}, CONFLICT)
