"""Who is told what: real messages to real servers on this machine; and what happens when a server is down."""

from __future__ import annotations

import email
import email.policy
import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from campaign_folder import CAMPAIGN, write_campaign
from catalog.campaign_file import load_campaign
from catalog.errors import CatalogError
from renderer.errors import SettingsError
from renderer.settings import Settings


@contextmanager
def webhook(status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """An HTTP server that keeps the path and the JSON of each POST."""
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def mail_server() -> Iterator[tuple[int, list[Any]]]:
    """A server that speaks enough SMTP to take messages."""
    got: list[Any] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"220 here\r\n")
            for line in self.rfile:
                verb = line.split()[0].upper() if line.split() else b""
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    body = b"".join(iter(self.rfile.readline, b".\r\n"))
                    got.append(email.message_from_bytes(body, policy=email.policy.default))
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    return

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], got
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def context(tmp_path, monkeypatch, airflow_db) -> dict[str, Any]:
    """What Airflow hands to a task of a run of a campaign that tells by everything."""
    folder = write_campaign(tmp_path / "xmas", campaign=CAMPAIGN + "notify: [webhook, slack, 'mail:ads@example.com']\n")
    monkeypatch.setenv("ADLOOM_TEMPLATES_DIR", str(tmp_path))
    run = SimpleNamespace(dag_id="campaign_test", run_id="manual__1")
    return {"dag_run": run, "params": {"campaign": folder.name}, "ti": SimpleNamespace(task_id="publish")}


def connect(monkeypatch, name: str, **facts: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(facts))


def test_everybody_who_is_named_is_told(context, monkeypatch):
    """By webhook with facts, by Slack as text, by mail as a page; markup and Jinja in a message stay text."""
    from notices import tell

    text = "2 ads of <b>{{ 1 / 0 }}</b> {% raw %} wait"
    with webhook() as (url, posts), mail_server() as (port, mails):
        connect(monkeypatch, "adloom_webhook", conn_type="http", host=f"{url}/hook")
        connect(monkeypatch, "adloom_slack", conn_type="http", host=f"{url}/services", password="T0/B0/secret")
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "adloom@example.com"}
        connect(monkeypatch, "smtp_default", conn_type="smtp", host="127.0.0.1", port=port, extra=extra)
        tell("waiting", text, context)

    by_path = dict(posts)
    assert by_path["/hook"] == {
        "event": "waiting",
        "dag": "campaign_test",
        "run": "manual__1",
        "text": text,
        "link": by_path["/hook"]["link"],
    }
    assert by_path["/hook"]["link"].endswith("/dags/campaign_test/runs/manual__1")
    assert by_path["/services/T0/B0/secret"]["text"].startswith(f"campaign_test: {text}")
    (mail,) = mails
    (page,) = (part.get_content() for part in mail.walk() if part.get_content_type() == "text/html")
    assert (mail["To"], mail["Subject"]) == ("ads@example.com", "adloom: campaign_test waiting")
    assert "&lt;b&gt;{{ 1 / 0 }}&lt;/b&gt; { % raw %} wait" in page


def test_a_message_that_cannot_be_sent_stops_nothing(context, monkeypatch, caplog):
    """One server says 500, another connection does not exist, mail has no server: the log tells, nobody falls."""
    from notices import tell

    connect(monkeypatch, "smtp_default", conn_type="smtp", host="127.0.0.1", port=1, extra={"disable_ssl": True})
    with webhook(status=500) as (url, posts), caplog.at_level(logging.ERROR, logger="notices"):
        connect(monkeypatch, "adloom_webhook", conn_type="http", host=url, password="hush")
        tell("failed", "publish failed", context)

    assert len(posts) == 1
    assert [record.getMessage() for record in caplog.records if record.name == "notices"] == [
        f"{channel} was not told: publish failed" for channel in ("webhook", "slack", "mail")
    ]


@pytest.mark.parametrize(
    ("cause", "events"), [("PlanError", ["failed"]), ("BudgetExceeded", ["budget"]), ("already told", [])]
)
def test_a_failure_says_what_it_is_and_is_told_once(context, monkeypatch, cause, events):
    """A budget is told as such; what follows from a failure is not told again."""
    from notices import tell_failure
    from renderer_calls import Final

    with webhook() as (url, posts):
        connect(monkeypatch, "adloom_webhook", conn_type="http", host=url)
        tell_failure(context | {"exception": Final("too dear", cause)})

    assert [(body["event"], body["text"]) for _, body in posts] == [
        (event, "publish failed: too dear") for event in events
    ]


def test_campaigns_that_name_nobody_tell_whom_the_installation_names(context, monkeypatch):
    """A broken campaign, too, is told of."""
    from notices import tell

    monkeypatch.setenv("ADLOOM_NOTIFY", "webhook")
    with webhook() as (url, posts):
        connect(monkeypatch, "adloom_webhook", conn_type="http", host=url)
        tell("failed", "x", context | {"params": {}})
        tell("failed", "y", context | {"params": {"campaign": "no-such-campaign"}})

    assert [body["text"] for _, body in posts] == ["x", "y"]


@pytest.mark.parametrize("wrong", ["pigeon", "mail:nobody", "mail:a@b, c@d"])
def test_unknown_ways_to_tell_are_refused(tmp_path, wrong):
    """In the campaign with its line, in the environment by the name of the setting."""
    folder = write_campaign(tmp_path / "xmas", campaign=f"{CAMPAIGN}notify: ['{wrong}']\n")

    with pytest.raises(CatalogError, match=r"xmas/campaign.yaml:\d+: notify\[0\]"):
        load_campaign(folder)
    with pytest.raises(SettingsError, match="ADLOOM_NOTIFY"):
        Settings.from_environment({"ADLOOM_NOTIFY": wrong})


@pytest.mark.slow
def test_airflow_tells_of_a_run_that_fails_once(tmp_path, monkeypatch, airflow_db):
    """A run over budget: one message that says so, though two tasks fail."""
    from airflow.dag_processing.dagbag import DagBag

    text = CAMPAIGN.replace("id: test", "id: dear") + "budget: {gpu_hours: 0.0000001}\nnotify: [webhook]\n"
    write_campaign(tmp_path / "dear", campaign=text)
    monkeypatch.setenv("ADLOOM_TEMPLATES_DIR", str(tmp_path))
    monkeypatch.setenv("ADLOOM_STORE_URL", f"file://{tmp_path}/store")
    dag = DagBag(str(Path(__file__).parents[1] / "dags" / "campaigns.py")).dags["campaign_dear"]
    with webhook() as (url, posts):
        connect(monkeypatch, "adloom_webhook", conn_type="http", host=url)
        ended = dag.test()

    assert str(ended.state) == "failed"
    assert [body["event"] for _, body in posts] == ["budget"]
    assert "dear: about 0.00 GPU hours, and the budget allows 1e-07" in posts[0][1]["text"]
