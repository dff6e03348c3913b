"""Sends the files of an ad. A browser names run and ad; where their files lie in the store, the run itself tells."""
# no postponed annotations: FastAPI reads those of the routes

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, RedirectResponse

from renderer.dashboard.desk import Desk, FileKind

media = APIRouter(prefix="/api", tags=["media"])

FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}  # the address holds the file's hash
SIGNED_FOR_S = 3600
TYPES = {
    "mp4": "video/mp4",
    "jpg": "image/jpeg",
    "vtt": "text/vtt",
    "srt": "application/x-subrip",
    "ttml": "application/ttml+xml",
}


@media.get("/runs/{campaign}/{run_id}/ads/{key}/{sha256}.{kind}", response_model=None)
def file(request: Request, campaign: str, run_id: str, key: str, sha256: str, kind: FileKind) -> Any:
    """Return a file of an ad, with ranges, or the signed address of a video or picture. `sha256` is only for caches."""
    desk: Desk = request.app.state.desk
    run = f"{campaign}/{run_id}"
    if desk.settings.review_media == "signed" and kind in ("mp4", "jpg"):
        url = desk.store.signed_url(desk.file(run, key, kind), SIGNED_FOR_S)
        if url is not None:
            return RedirectResponse(url, 307, {"Cache-Control": f"private, max-age={SIGNED_FOR_S // 2}"})
    return FileResponse(desk.local(run, key, kind), media_type=TYPES[kind], headers=FOREVER)
