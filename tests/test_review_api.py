"""The review dashboard's interface, in this process: Airflow's real login and permissions, a real store."""

from __future__ import annotations

import gzip
import json
import sys
import time
import urllib.request

import pytest

from conftest import ROOT
from finished_run import RUN, write_run
from renderer.settings import Settings
from renderer.store import open_store

USERS = {"admin": "ADMIN", "reviewer": "USER", "viewer": "VIEWER", "nobody": None}
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    build = tmp_path_factory.mktemp("review")
    settings = Settings(store_url=f"file://{build}/store", build_dir=build)
    write_run(open_store(settings.store_url), build / "campaign", 24, titles=[SCRIPT], failures=2)
    return settings


@pytest.fixture(scope="module")
def app(airflow_db, settings):
    sys.path.insert(0, str(ROOT / "dags" / "plugins"))
    from airflow.api_fastapi.app import create_auth_manager

    create_auth_manager()
    from adloom_review.app import build_app

    return build_app(settings)


@pytest.fixture
def client(app):
    """Return who asks as one of the users: by token, as programs do."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    def ask_as(user: str | None, **options) -> TestClient:
        asking = TestClient(app, **options)
        if user:
            token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=user, role=USERS[user]))
            asking.headers["Authorization"] = f"Bearer {token}"
        return asking

    return ask_as


def routes(app) -> list[tuple[str, str]]:
    """Every route with every method, its path filled in."""
    known = {
        "{campaign}": "test",
        "{run_id}": "r1",
        "{key}": f"creative-{'0' * 32}",
        "{sha256}": "0" * 12,
        "{kind}": "mp4",
        "{name}": "app.js",
    }
    found = []
    for route in app.routes:
        path = route.path
        for name, value in known.items():
            path = path.replace(name, value)
        found += [(method, path) for method in sorted(route.methods)]
    return found


def test_every_route_refuses_strangers_and_the_unauthorized(app, client):
    """Nothing is mounted beside the guarded routes; who has no role in Airflow sees nothing."""
    stranger, nobody = client(None), client("nobody")
    asked = routes(app)

    assert len(asked) >= 11
    assert {401} == {stranger.request(method, path, json={}).status_code for method, path in asked}
    assert {403} == {nobody.request(method, path, json={}).status_code for method, path in asked}


def test_there_is_nothing_but_routes(app):
    """A mounted folder would go around the guards."""
    from fastapi.routing import APIRoute

    assert {APIRoute} == {type(route) for route in app.routes}


def test_viewers_look_and_reviewers_decide(app, client):
    """Every change needs the right to change the DAG."""
    changes = [(method, path) for method, path in routes(app) if method not in ("GET", "HEAD")]

    assert changes
    assert {403} == {client("viewer").request(method, path, json={}).status_code for method, path in changes}
    assert 200 == client("viewer").get("/api/runs").status_code
    assert {422} == {client("reviewer").request(method, path, json={}).status_code for method, path in changes}


@pytest.fixture
def ads(client) -> dict:
    return client("viewer").get(f"/api/runs/{RUN}/ads").json()


def wish(ads: dict, number: int, verdict: str, **more) -> dict:
    ad = ads["ads"][number]
    return {"verdict": verdict, "ads": [{"key": ad["key"], "sha256": ad["sha256"], "seen": ads["revision"]}], **more}


DECISIONS = f"/api/runs/{RUN}/decisions"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://testserver"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
def test_another_site_cannot_decide_with_the_reviewers_cookie(client, ads, headers, status):
    """A cookie alone is not enough: the browser has to say that the page itself asks."""
    token = client("reviewer").headers["Authorization"].removeprefix("Bearer ")
    browser = client(None, cookies={"_token": token})

    assert status == browser.post(DECISIONS, json=wish(ads, 0, "approve"), headers=headers).status_code


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", ""])
def test_a_form_is_refused(client, ads, kind):
    """Other sites can send forms and text without asking the browser's leave, but no JSON."""
    body = json.dumps(wish(ads, 0, "approve"))
    headers = {"Content-Type": kind, "Sec-Fetch-Site": "same-origin"}

    assert 415 == client("reviewer").post(DECISIONS, content=body, headers=headers).status_code


def test_airflows_cookie_is_not_sent_from_other_sites(airflow_db, app, monkeypatch, tmp_path):
    """The login's cookie is SameSite=Lax: a POST from elsewhere comes without it."""
    from airflow.api_fastapi.app import get_auth_manager
    from fastapi.testclient import TestClient

    login = TestClient(get_auth_manager().get_fastapi_app())
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
    answer = login.get("/token/login", follow_redirects=False)

    assert "samesite=lax" in answer.headers["set-cookie"].lower()


def test_a_decision_names_who_when_and_what(client, ads):
    """The next look shows it, and the history keeps it."""
    key = ads["ads"][1]["key"]
    ruled = client("reviewer").post(DECISIONS, json=wish(ads, 1, "reject", reason="wrong colour")).json()
    row = next(one for one in client("viewer").get(f"/api/runs/{RUN}/ads").json()["ads"] if one["key"] == key)
    history = client("viewer").get(f"/api/runs/{RUN}/ads/{key}").json()["history"]

    assert ("reject", "wrong colour", "reviewer") == tuple(
        row["decision"][name] for name in ("verdict", "reason", "reviewer")
    )
    assert ruled["decided"][0]["sha256"] == row["sha256"] == history[-1]["sha256"]


def test_who_was_slower_is_told_what_the_other_said(client, ads):
    """The first word stands until the second reviewer has seen it."""
    client("admin").post(DECISIONS, json=wish(ads, 2, "reject", reason="too dark"))
    ruled = client("reviewer").post(DECISIONS, json=wish(ads, 2, "approve")).json()

    assert [("admin", "too dark")] == [(one["reviewer"], one["reason"]) for one in ruled["conflicts"]]
    assert [] == ruled["decided"]


def test_everything_that_matches_is_decided_at_once_and_what_failed_is_named(client, ads):
    """Ads with failed checks are left out, each with its sentence; asking again changes nothing."""
    body = {"verdict": "approve", "filter": {"product": "cup-0001"}, "seen": ads["revision"]}
    first = client("reviewer").post(DECISIONS, json=body).json()
    again = client("reviewer").post(DECISIONS, json=body).json()
    meant = [ad for ad in ads["ads"] if ad["product"] == "cup-0001"]

    assert len(meant) == len(first["decided"]) + len(first["refused"])
    assert len(first["refused"]) == sum(not ad["passed"] for ad in meant)
    assert (0, len(first["decided"])) == (len(again["decided"]), again["unchanged"])


def test_undo_brings_back_what_stood(client, ads):
    """Also for the page of somebody who only looks."""
    ad = ads["ads"][3]
    made = client("reviewer").post(DECISIONS, json=wish(ads, 3, "approve")).json()
    back = wish({"ads": ads["ads"], "revision": made["revision"]}, 3, "undo")
    client("reviewer").post(DECISIONS, json=back)
    since = client("viewer").get(DECISIONS, params={"after": ads["revision"]}).json()

    assert since["decisions"][ad["sha256"]] is None


def test_a_retake_names_the_scene_and_says_why(client, ads):
    """The history holds the shot that nobody wants."""
    ad = ads["ads"][4]
    ruled = client("reviewer").post(DECISIONS, json=wish(ads, 4, "retake", reason="melts", scenes=["hero"])).json()

    assert [{"shot": ad["shots"][0], "scene": "hero", "prompt": ""}] == ruled["decided"][0]["retakes"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"verdict": "reject"}, "has no reason"),
        ({"verdict": "retake", "reason": "x", "prompt": "a red cup"}, "does not read prompts"),
        ({"verdict": "approve", "filter": {}}, "one of the two"),
    ],
)
def test_a_wish_that_cannot_be_granted_says_why(client, ads, more, said):
    """In a sentence that the page shows."""
    answer = client("reviewer").post(DECISIONS, json=wish(ads, 5, "approve") | more)

    assert (409, True) == (answer.status_code, said in answer.json()["detail"])


def test_a_file_that_changed_needs_another_look(client, ads):
    """A wish about other bytes than those of the run is refused."""
    body = wish(ads, 6, "approve")
    body["ads"][0]["sha256"] = "f" * 64

    assert "not those you saw" in client("reviewer").post(DECISIONS, json=body).json()["detail"]


def test_videos_are_sent_in_ranges(client, ads):
    """A browser seeks without loading the whole file."""
    ad = ads["ads"][0]
    path = f"/api/runs/{RUN}/ads/{ad['key']}/{ad['sha256'][:12]}"
    whole = client("viewer").get(f"{path}.mp4")
    part = client("viewer").get(f"{path}.mp4", headers={"Range": "bytes=2-5"})

    assert (200, "video/mp4") == (whole.status_code, whole.headers["content-type"])
    assert (206, whole.content[2:6]) == (part.status_code, part.content)
    assert client("viewer").get(f"{path}.vtt").headers["content-type"].startswith("text/vtt")


def test_videos_may_come_from_the_bucket_itself(client, s3_server, tmp_path, app):
    """By an address that is valid for a while; the page's policy allows that server and no other."""
    from adloom_review.app import build_app

    url = f"{s3_server}/{tmp_path.name}"
    write_run(open_store(url), tmp_path / "campaign", 2)
    asking = client("viewer")
    signed = build_app(Settings(store_url=url, build_dir=tmp_path, review_media="signed"))
    asking.app = asking._transport.app = signed
    ad = asking.get(f"/api/runs/{RUN}/ads").json()["ads"][0]
    path = f"/api/runs/{RUN}/ads/{ad['key']}/{ad['sha256'][:12]}"
    sent = asking.get(f"{path}.mp4", follow_redirects=False)
    address = sent.headers["location"]
    origin = "/".join(address.split("/")[:3])

    assert 307 == sent.status_code
    assert f"mp4 of {ad['variant_id']}".encode() == urllib.request.urlopen(address).read()
    assert f"media-src 'self' {origin}" in asking.get("/").headers["content-security-policy"]
    assert 200 == asking.get(f"{path}.vtt", follow_redirects=False).status_code


@pytest.mark.parametrize(
    "path",
    [
        f"/api/runs/{RUN}/ads/..%2F..%2Fr1%2Fcontext/x.mp4",
        f"/api/runs/{RUN}/ads/creative-{'0' * 32}/x.mp4",
        "/api/runs/test/../ads",
        "/api/runs/..%2F..%2Fdecisions/r1/ads",
        f"/api/runs/{RUN}/ads/creative-{'0' * 32}/x.json",
        "/page/..%2Fapp.py",
        "/page/%2Fetc%2Fpasswd",
    ],
)
def test_no_path_leads_out_of_the_run(client, path):
    """A browser can name runs, ads of that run, and kinds of files; nothing else."""
    assert client("admin").get(path).status_code in (404, 422)


def test_markup_in_a_product_stays_text(client, ads):
    """It travels as JSON, and the page's policy runs no script but its own."""
    answer = client("viewer").get("/")
    policy = answer.headers["content-security-policy"]

    assert SCRIPT in {ad["title"] for ad in ads["ads"]}
    assert SCRIPT not in answer.text
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "frame-ancestors 'self'" in policy


def test_a_run_at_a_glance_counts_everything_once(client):
    """Requested is rendered and failed and missing; a cause is told once, in full."""
    seen = client("viewer").get(f"/api/runs/{RUN}").json()

    assert (25, 22, 3, 0) == tuple(seen[name] for name in ("requested", "rendered", "failed", "missing"))
    assert seen["rendered"] == seen["waiting"] + seen["approved"] + seen["rejected"] + seen["retaken"]
    assert [2, 1] == [group["count"] for group in seen["failures"]]
    assert "has 3 frames" in seen["failures"][0]["error"]
    assert all(item.startswith("test/") for item in seen["failures"][0]["items"])


def test_a_run_of_another_version_is_said_so(client, settings):
    """One sentence with the cure, and the other runs still open."""
    store = open_store(settings.store_url)
    store.put_bytes("runs/test/old/plan.json", b'{"requested": 1}')
    store.put_bytes("runs/test/old/context.json", b'{"campaign": "test"}')
    answer = client("viewer").get("/api/runs/test/old")

    assert (409, True) == (answer.status_code, "another version of adloom" in answer.json()["detail"])


@pytest.mark.parametrize("path", [f"/api/runs/{RUN}", f"/api/runs/{RUN}/ads"])
def test_asking_again_costs_nothing_where_nothing_changed(client, path):
    """The page asks every few seconds."""
    tag = client("viewer").get(path).headers["etag"]

    assert 304 == client("viewer").get(path, headers={"If-None-Match": tag}).status_code


def test_the_interface_is_documented_behind_the_login(client):
    """Each operation with its summary, each record with its fields."""
    told = client("viewer").get("/api/openapi.json").json()
    operations = [one for path in told["paths"].values() for one in path.values()]

    assert all(one["summary"] and one["description"] for one in operations)
    assert {"Wish", "Ruled", "Details", "Overview"} <= told["components"]["schemas"].keys()
    assert 404 == client("admin").get("/docs").status_code
    assert 404 == client("admin").get("/openapi.json").status_code


@pytest.mark.slow
def test_ten_thousand_ads_are_listed_within_two_seconds(client, settings, tmp_path, airflow_db):
    """Also right after the server has started; compressed, they are a short download."""
    from adloom_review.app import build_app

    write_run(open_store(f"file://{tmp_path}/store"), tmp_path / "campaign", 10_000)
    asking = client("viewer")
    asking.get(f"/api/runs/{RUN}/ads")  # the other store: whatever is imported late is
    warm = build_app(settings.model_copy(update={"store_url": f"file://{tmp_path}/store", "build_dir": tmp_path}))
    warm.state.desk.ads(RUN)  # as the review stage does
    asking.app = asking._transport.app = build_app(
        settings.model_copy(update={"store_url": f"file://{tmp_path}/store", "build_dir": tmp_path})
    )
    began = time.perf_counter()
    answer = asking.get(f"/api/runs/{RUN}/ads", headers={"Accept-Encoding": "gzip"})
    spent_s = time.perf_counter() - began

    assert 10_000 == len(answer.json()["ads"])
    assert "gzip" == answer.headers["content-encoding"]
    assert len(gzip.compress(answer.content, 3)) < 3e6
    assert spent_s < 2.0
