"""Who may ask: logged in, allowed by Airflow's permissions, and, to change something, from the page itself.

Airflow mounts the application but does not guard it. Every route gets these dependencies from `build_app`; nothing is
mounted that would go around them.
"""
# no postponed annotations: FastAPI reads those of dependencies

from urllib.parse import urlsplit

from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
from airflow.configuration import conf
from fastapi import Depends, HTTPException, Request

DAG = "render_campaign"
FORBIDDEN, UNSUPPORTED = 403, 415
SAFE = ("GET", "HEAD")


def same_origin(request: Request) -> None:
    """Refuse changes that another site's page may have sent with the reviewer's cookie.

    Browsers say where a request comes from; a form of another site can't send JSON. A caller without a browser has no
    cookie either, but a token in its header, which no other site knows.
    """
    if request.method in SAFE:
        return
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(UNSUPPORTED, "Send JSON: Content-Type application/json.")
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site not in (None, "same-origin") or (origin is not None and not _is_ours(origin, request)):
        raise HTTPException(FORBIDDEN, "This came from another site. Decide on the review page.")
    if site is None and origin is None and "authorization" not in request.headers:
        raise HTTPException(FORBIDDEN, "Nothing tells where this came from. Send a token: Authorization: Bearer ….")


def _is_ours(origin: str, request: Request) -> bool:
    """Tell whether an origin is this server, by its own name or as Airflow's `api.base_url` has it behind a proxy."""
    public = urlsplit(conf.get("api", "base_url", fallback=""))
    ours = {(public.scheme, public.netloc), (request.url.scheme, request.headers.get("host", ""))}
    parts = urlsplit(origin)
    return parts.netloc != "" and (parts.scheme, parts.netloc) in ours  # a hidden origin, 'null', has no name


LOOK = [Depends(get_user), Depends(requires_access_dag("GET", param_dag_id=DAG)), Depends(same_origin)]
DECIDE = [Depends(requires_access_dag("PUT", param_dag_id=DAG))]
