"""Who may see and decide about which campaign: Airflow's teams, its real login, every route of the dashboard."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from conftest import ROOT
from finished_run import write_run
from renderer.settings import Settings
from renderer.store import open_store

# alpha and beta have DAGs of their own, each of its team; Airflow knows no DAG of gamma
DAGS = {"campaign_alpha": "alpha", "campaign_beta": "beta", "render_campaign": "central"}
USERS = {
    "anna": ("USER", ["alpha"]),
    "vera": ("VIEWER", ["alpha"]),
    "carl": ("USER", ["central"]),
    "otto": ("USER", ["elsewhere"]),
    "admin": ("ADMIN", []),
}
FORBIDDEN = 403


@pytest.fixture(scope="module")
def teams(airflow_db) -> Iterator[None]:
    """Three DAGs, each in a bundle of another team; those that other tests left behind are the third's."""
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.team import Team
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        before = {known.dag_id: known.bundle_name for known in session.scalars(select(DagModel))}  # of other tests
        for team in DAGS.values():
            bundle = DagBundleModel(name=f"bundle_{team}")
            bundle.teams.append(Team(name=team))
            session.add(bundle)
            session.flush()
        for dag in {**dict.fromkeys(before, "central"), **DAGS}:
            session.merge(DagModel(dag_id=dag, bundle_name=f"bundle_{DAGS.get(dag, 'central')}"))
    yield
    with create_session() as session:
        for known in session.scalars(select(DagModel)).all():
            if known.dag_id in before:
                known.bundle_name = before[known.dag_id]
            else:
                session.delete(known)
        session.flush()
        for team in DAGS.values():
            session.delete(session.get(DagBundleModel, f"bundle_{team}"))
            session.flush()
            session.delete(session.get(Team, team))


@pytest.fixture(scope="module")
def app(teams, tmp_path_factory):
    sys.path.insert(0, str(ROOT / "dags" / "plugins"))
    from airflow.api_fastapi.app import create_auth_manager

    create_auth_manager()
    from adloom_review.app import build_app

    build = tmp_path_factory.mktemp("teams")
    settings = Settings(store_url=f"file://{build}/store", build_dir=build)
    for campaign in ("alpha", "beta", "gamma"):
        write_run(open_store(settings.store_url), build / campaign, 4, run=f"{campaign}/r1")
    return build_app(settings)


@pytest.fixture
def ask(app) -> Callable[..., int]:
    """The status of what a user asks for."""
    return lambda user, method, path, **options: client(app, user).request(method, path, **options).status_code


def client(app, user: str):
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    role, teams = USERS[user]
    known = SimpleAuthManagerUser(username=user, role=role, teams=teams)
    return TestClient(app, headers={"Authorization": f"Bearer {get_auth_manager().generate_jwt(known)}"})


def routes_of(app, campaign: str) -> list[tuple[str, str]]:
    """Every route that names a campaign, with every method: run, ads, one ad, its files, decisions."""
    ad = client(app, "admin").get(f"/api/runs/{campaign}/r1/ads").json()["ads"][0]
    given = {"{campaign}": campaign, "{run_id}": "r1", "{key}": ad["key"], "{sha256}": ad["sha256"], "{kind}": "mp4"}
    found = []
    for route in app.routes:
        path = route.path
        for name, value in given.items():
            path = path.replace(name, value)
        found += [(method, path) for method in sorted(route.methods) if "{campaign}" in route.path]
    return found


def test_who_may_see_one_campaign_sees_nothing_of_another(app, ask):
    """Pages, lists, media, details, decisions: every route that names a campaign, with every method."""
    own, other, without = (routes_of(app, campaign) for campaign in ("alpha", "beta", "gamma"))

    assert len(own) >= 6
    assert {200, 422} == {ask("anna", method, path, json={}) for method, path in own}
    assert {FORBIDDEN} == {ask("anna", method, path, json={}) for method, path in other + without}


def test_a_campaign_without_a_dag_belongs_to_who_may_render_any(app, ask):
    """And nothing else does: a campaign's own DAG counts more than the right to render."""
    assert {200, 422} == {ask("carl", method, path, json={}) for method, path in routes_of(app, "gamma")}
    assert {FORBIDDEN} == {ask("carl", method, path, json={}) for method, path in routes_of(app, "alpha")}


@pytest.mark.parametrize(
    ("user", "runs", "dag"),
    [
        ("anna", ["alpha/r1"], ""),
        ("carl", ["gamma/r1"], "render_campaign"),
        ("admin", ["alpha/r1", "beta/r1", "gamma/r1"], "render_campaign"),
    ],
)
def test_the_list_has_the_runs_that_one_may_see(app, user, runs, dag):
    """The page offers no run that it could not open, and renders again by a DAG that one may run."""
    asking = client(app, user)

    assert runs == sorted(asking.get("/api/runs").json())
    assert {"name": user, "dag": dag} == asking.get("/api/me").json()
    assert 200 == asking.get("/").status_code


def test_who_may_see_no_campaign_sees_not_even_the_page(app, ask):
    """Somebody who is logged in, with a role, and of a team that has no campaign."""
    everything = [(method, route.path) for route in app.routes for method in route.methods]

    assert {FORBIDDEN} == {ask("otto", method, path, json={}) for method, path in everything}


def test_deciding_needs_the_right_to_change_that_campaign(app, ask):
    """Looking is not enough, and the right to change another campaign is none."""
    wish = {"verdict": "approve", "filter": {}, "seen": 0}
    status = {
        (user, campaign): ask(user, "POST", f"/api/runs/{campaign}/r1/decisions", json=wish)
        for user, campaign in (("vera", "alpha"), ("carl", "alpha"), ("anna", "beta"), ("anna", "alpha"))
    }

    assert [FORBIDDEN, FORBIDDEN, FORBIDDEN, 200] == list(status.values())
    assert {} == client(app, "admin").get("/api/runs/beta/r1/decisions").json()["decisions"]
