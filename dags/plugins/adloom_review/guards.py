"""Who may ask: logged in, allowed by Airflow's permissions, and, to change something, from the page itself.

Airflow mounts the application but does not guard it. Every route gets these dependencies from `build_app`; nothing is
mounted that would go around them. Who may see a campaign's DAG sees its runs, who may change it decides about its ads;
for campaigns of which Airflow knows no DAG, the DAG that renders any campaign says so.
"""
# no postponed annotations: FastAPI reads those of dependencies

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, get_user
from airflow.configuration import conf
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from fastapi import Depends, HTTPException, Request
from sqlalchemy import select

DAG, OWN_DAG = "render_campaign", "campaign_"
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


def permitted(user: Any, campaigns: Iterable[str], method: str = "GET") -> set[str]:
    """Return those campaigns whose runs the user may see (GET), or about whose ads the user may decide (PUT)."""
    own = {campaign: OWN_DAG + campaign for campaign in campaigns}
    known = _known(own.values())
    dags = {campaign: dag if dag in known else DAG for campaign, dag in own.items()}
    allowed = _allowed(user, set(dags.values()), method)
    return {campaign for campaign, dag in dags.items() if dag in allowed}


def may_render(user: Any) -> bool:
    """Tell whether the user may start runs of the DAG that renders any campaign."""
    return bool(_allowed(user, {DAG}, "POST", DagAccessEntity.RUN))


def may_look(request: Request, user: GetUserDep) -> None:
    """Refuse who may not see the campaign of the address; where it names none, who may see no campaign at all."""
    campaign = request.path_params.get("campaign")
    if campaign is not None:
        allowed = bool(permitted(user, [campaign]))
    else:
        allowed = bool(_allowed(user, {DAG}, "GET") or _allowed(user, _known(), "GET"))
    if not allowed:
        raise HTTPException(FORBIDDEN, "You may not see this. Ask for the right to see the campaign's DAG.")


def may_decide(campaign: str, user: GetUserDep) -> None:
    """Refuse who may not change the campaign of the address."""
    if not permitted(user, [campaign], "PUT"):
        raise HTTPException(FORBIDDEN, "You may look, but not decide. Ask for the right to change the campaign's DAG.")


def _known(wanted: Iterable[str] | None = None) -> set[str]:
    """Return which of these DAGs Airflow knows; without any named, those of all campaigns."""
    named = DagModel.dag_id.startswith(OWN_DAG, autoescape=True) if wanted is None else DagModel.dag_id.in_(wanted)
    with create_session() as session:
        return set(session.scalars(select(DagModel.dag_id).where(named)))


def _allowed(user: Any, dags: set[str], method: str, entity: DagAccessEntity | None = None) -> set[str]:
    teams = DagModel.get_dag_id_to_team_name_mapping(list(dags))
    may = get_auth_manager().is_authorized_dag
    details = {dag: DagDetails(id=dag, team_name=teams.get(dag)) for dag in dags}
    return {dag for dag in dags if may(method=method, access_entity=entity, details=details[dag], user=user)}


LOOK = [Depends(get_user), Depends(may_look), Depends(same_origin)]
DECIDE = [Depends(may_decide)]
