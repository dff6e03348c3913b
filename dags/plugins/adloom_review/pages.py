"""Serves the page: a few static files, each named here, so that no path can lead elsewhere."""

from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

FOLDER = Path(__file__).with_name("page")
FILES = {path.name for path in FOLDER.iterdir()}
NOT_FOUND = 404
KEPT_FOR_A_MOMENT = {"Cache-Control": "private, no-cache"}  # asked for again, answered with 304

pages = APIRouter(include_in_schema=False)


@pages.get("/")
def index() -> FileResponse:
    """Return the dashboard."""
    return FileResponse(FOLDER / "index.html", headers=KEPT_FOR_A_MOMENT)


@pages.get("/page/{name}")
def file(name: str) -> FileResponse:
    """Return a part of it."""
    if name not in FILES:
        raise HTTPException(NOT_FOUND, "There is no such file.")
    return FileResponse(FOLDER / name, headers=KEPT_FOR_A_MOMENT)
