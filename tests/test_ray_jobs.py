"""Jobs on a Ray cluster: begun once, taken up, stopped, and told of in words. The slow tests put Airflow before it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest

from campaign_folder import CAMPAIGN, write_campaign
from conftest import free_ports
from renderer import ray_jobs, services
from renderer.errors import ClusterError, JobFailed, ServiceError
from renderer.ray_jobs import HOPELESS, PROGRAM, RayJobs
from renderer.services import Services
from renderer.services.airflow_api import run_path
from renderer.services.local_airflow import DAG
from renderer.settings import Settings
from test_end_to_end import SMALL_FORMAT

pytest.importorskip("ray")

BATCH = {"run": "test/first", "batch": 0}
TOKEN = "0123456789abcdef" * 2
CAMPAIGNS = {"cleared": "silk", "rolled-out": "mist", "given-up": "water"}  # scenes, so that no two share a shot
SLEEP, SUCCEED = "sleep 100 #", "echo done #"  # what follows is a comment to the shell


@pytest.fixture(scope="module")
def head(tmp_path_factory) -> Iterator[str]:
    """The dashboard of a Ray of two CPUs that runs for this module behind a token; processes here have the token."""
    before = dict(os.environ)
    os.environ.pop("RAY_ADDRESS", None)
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    port, dashboard, agent = free_ports(3)
    programs = Path(sys.executable).parent
    command = [
        *(programs / "ray", "start", "--head", "--block", f"--port={port}", f"--dashboard-port={dashboard}"),
        *("--num-cpus=2", "--object-store-memory=100000000", "--disable-usage-stats"),
        f"--dashboard-agent-listen-port={agent}",
    ]
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    with (tmp_path_factory.mktemp("ray") / "log").open("wb") as log:
        ray = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{dashboard}"
    deadline = time.monotonic() + 60
    while not answers(url) and time.monotonic() < deadline:
        time.sleep(0.2)
    yield url
    processes = [psutil.Process(ray.pid), *psutil.Process(ray.pid).children(recursive=True)]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()  # SIGTERM takes it half a minute
    ray.wait(30)
    os.environ.clear()
    os.environ |= before


def answers(url: str) -> bool:
    try:
        return bool(RayJobs(url)._request("GET", "/api/version"))
    except ServiceError:
        return False


@pytest.fixture
def settings(tmp_path) -> Settings:
    """A store of its own, and so jobs of its own."""
    return Settings(store_url=f"file://{tmp_path}/store", build_dir=tmp_path)


def ended(jobs: RayJobs, name: str, within_s: float = 60) -> ray_jobs.Job:
    deadline = time.monotonic() + within_s
    while (job := jobs.job(name)).active and time.monotonic() < deadline:
        time.sleep(0.2)
    return job


def test_two_jobs_never_make_the_same_shots_at_once(head, settings):
    """Who was killed and comes back takes up the job that runs; for a new wish, it is stopped before the next begins."""
    jobs = RayJobs(head, SLEEP)
    first = jobs.begin("generate", BATCH, "wish", settings)
    again = jobs.begin("generate", BATCH, "wish", settings)
    wished_again = jobs.begin("generate", BATCH, "another wish", settings)
    before = jobs.job(first.name)
    jobs.stop(wished_again.name)

    assert first.active
    assert first.name == again.name != wished_again.name
    assert "STOPPED" == before.status
    assert "STOPPED" == ended(jobs, wished_again.name).status
    assert jobs.failure(before).retryable


def test_a_job_that_ended_meanwhile_is_not_done_again_unless_it_is_wished_again(head, settings):
    """Success counts for the wish it was for; who clears the task wants it done once more."""
    jobs = RayJobs(head, SUCCEED)
    first = jobs.begin("generate", BATCH, "wish", settings)

    assert ended(jobs, first.name).succeeded
    assert first.name == jobs.begin("generate", BATCH, "wish", settings).name
    assert first.name != jobs.begin("generate", BATCH, "another wish", settings).name


def test_what_failed_is_begun_anew_with_its_last_words_kept(head, settings):
    """A retry submits again under another name; the error holds the end of the job's log."""
    jobs = RayJobs(head, "for i in 1 2 3 4 5 6 7; do echo line $i; done; exit 1 #")
    first = ended(jobs, jobs.begin("generate", BATCH, "wish", settings).name)
    error = jobs.failure(first)

    assert error.retryable
    assert f"{first.name}: FAILED" in str(error)
    assert str(error).endswith("line 3\nline 4\nline 5\nline 6\nline 7")
    assert first.name != jobs.begin("generate", BATCH, "wish", settings).name


def test_another_version_of_the_code_is_refused_in_one_sentence(head, settings):
    """Takes made by other code must not lie under the names of this one; no retry helps, and Airflow says why."""
    jobs = RayJobs(head, f"{PROGRAM} generate test/first 0 999 #")
    job = ended(jobs, jobs.begin("generate", BATCH, "wish", settings).name)
    error = jobs.failure(job)

    assert HOPELESS == job.exit_code
    assert isinstance(error, JobFailed)
    assert re.fullmatch(r"generate has code version \d+ on the cluster, .* Put the same adloom on both.", str(error))


def test_secrets_stay_at_home(head, settings, monkeypatch):
    """The dashboard shows what a job was given: where the store is, and nothing to open it with."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-show")
    jobs = RayJobs(head, SUCCEED)
    job = jobs.begin("generate", BATCH, "wish", settings)
    shown = jobs._request("GET", f"/api/jobs/{job.name}")

    assert {"ADLOOM_ENGINE": "ray", "ADLOOM_STORE_URL": settings.store_url} == shown["runtime_env"]["env_vars"]
    assert "do-not-show" not in json.dumps(shown)
    assert TOKEN not in json.dumps(shown)


def test_a_wrong_token_is_named(head, settings, monkeypatch):
    """A retry would not help; the sentence names the variable."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "fedcba9876543210" * 2)
    with pytest.raises(ServiceError, match=r"refuses the token \(40[13]\). Set RAY_AUTH_TOKEN") as refused:
        RayJobs(head).begin("generate", BATCH, "wish", settings)

    assert not refused.value.retryable


def test_a_job_that_nobody_knows_is_worth_another_try(head):
    """A head that was begun anew has forgotten its jobs."""
    with pytest.raises(ClusterError, match="there is no job adloom-x-1 any more"):
        RayJobs(head).job("adloom-x-1")


def test_a_dashboard_that_does_not_answer_is_named_with_the_cure(settings):
    """Clusters come and go: Airflow tries again, and people read where it looked."""
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(
        ClusterError, match=rf"ray jobs {url}: cannot be reached .* correct ADLOOM_RAY_JOBS_URL"
    ) as lost:
        RayJobs(url).begin("generate", BATCH, "wish", settings)

    assert lost.value.retryable


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ('{"ray_version": "2.9.3"}', "runs Ray 2.9.3, and adloom needs 2.60"),
        ("<html>Grafana</html>", "does not answer as Ray's dashboard"),
        ('{"version": 1}', "does not answer as Ray's dashboard"),
        ("[]", "does not answer as Ray's dashboard"),
    ],
)
def test_whatever_else_answers_is_told_apart(settings, answer, words):
    """An old Ray and another program at this address are refused before anything is submitted."""
    with stranger(answer) as url, pytest.raises(ServiceError, match=words) as refused:
        RayJobs(url)._submit("name", "true", "wish", settings)

    assert not refused.value.retryable


class stranger:  # noqa: N801 # used as a function
    """A web server that always answers the same."""

    def __init__(self, answer: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the name of http.server
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *facts) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def running(head, tmp_path_factory) -> Iterator[Services]:
    """Airflow with a triggerer, a folder as store, a small campaign, and the Ray of this module."""
    before = dict(os.environ)
    folder = tmp_path_factory.mktemp("airflow")
    for name, scene in CAMPAIGNS.items():
        campaign = write_campaign(folder / "templates" / name, campaign=small_campaign(name, scene))
        (campaign / "formats.yaml").write_text(SMALL_FORMAT, encoding="utf-8")
    settings = Settings(
        store_url=f"file://{folder}/store",
        build_dir=folder / "build",
        templates_dir=folder / "templates",
        airflow_port=free_ports(1)[0],
        ray_jobs_url=head,
        workers=2,
    )
    try:
        yield services.up(settings)
    finally:
        services.down(settings)
        os.environ.clear()
        os.environ |= before


def small_campaign(name: str, scene: str) -> str:
    campaign = CAMPAIGN.replace("id: test", f"id: {name}").replace("scene: silk", f"scene: {scene}")
    return campaign.replace("formats: [story_9x16, square_1x1]", "formats: [tiny_9x16]").replace("bokeh", scene)


class FollowedRun:
    """One ad of a campaign in Airflow, followed until its generate task waits for a job that runs."""

    def __init__(self, running: Services, campaign: str) -> None:
        self.api = running.api()
        self.path = run_path(DAG, campaign)
        self.task = f"{self.path}/taskInstances/render.generate/0"
        self.jobs = RayJobs(running.settings.ray_jobs_url)
        self.stem = ray_jobs._stem("generate", {"run": f"{campaign}/{campaign}", "batch": 0}, running.settings)
        conf = {"campaign": campaign, "sample": 1, "whole": False, "model": None, "tier": None, "promote": None}
        body = {"dag_run_id": campaign, "logical_date": None, "conf": conf | {"dry_run": False}}
        self.api.post(f"/dags/{DAG}/dagRuns", body)
        self.wait_for("deferred")
        self.wait_for_job(1)

    def state(self) -> str | None:
        return (self.api.get(self.task) or {"state": None})["state"]

    def wait_for(self, state: str) -> None:
        wait_until(lambda: self.state() == state)

    def wait_for_job(self, number: int) -> None:
        wait_until(lambda: (job := self.jobs.find(f"{self.stem}-{number}")) and job.status == "RUNNING")

    def statuses(self) -> list[str]:
        """How the jobs of this run fare, the first one first."""
        names = (f"{self.stem}-{number}" for number in range(1, 9))
        return [job.status for job in itertools.takewhile(bool, map(self.jobs.find, names))]

    def log(self, tries: int) -> list[str]:
        pages = self.api.get(f"{self.path}/taskInstances/render.generate/logs/{tries}", map_index=0)
        return [line["event"] for line in pages["content"]]

    def end(self) -> None:
        """Make room: there is one run at a time."""
        self.api.patch(self.path, {"state": "failed"})

    def account(self) -> dict:
        return self.api.get(f"{self.path}/taskInstances/render.generate/xcomEntries/return_value", map_index=0)["value"]


def wait_until(met: Callable[[], object], within_s: float = 120) -> None:
    deadline = time.monotonic() + within_s
    while not met():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.2)


@pytest.mark.slow
def test_a_cleared_task_stops_its_job_and_begins_another(running):
    """What was wished before is taken back; the new job's progress stands in the task's log, its account in the task."""
    run = FollowedRun(running, "cleared")
    pool = run.api.get("/pools/gpu")
    clearing = {"dag_run_id": "cleared", "task_ids": [["render.generate", 0]], "only_failed": False, "dry_run": False}
    run.api.post(f"/dags/{DAG}/clearTaskInstances", clearing)
    wait_until(lambda: run.statuses()[1:])
    run.wait_for("success")
    run.end()

    assert (1, 1) == (pool["deferred_slots"], pool["occupied_slots"]), "a task that waits keeps its place at the GPUs"
    assert ["STOPPED", "SUCCEEDED"] == run.statuses()
    assert "generate: 1 wanted, 0 there already, 1 made, 0 failed" in run.log(2)
    assert {"wanted": 1, "made": 1, "failed": 0} == run.account()


@pytest.mark.slow
def test_a_triggerer_may_end_and_come_back(running):
    """A new version of Airflow is rolled out while a cluster works for hours: the job goes on and is taken up."""
    run = FollowedRun(running, "rolled-out")
    services.down(running.settings, ("triggerer",))
    meanwhile = run.statuses(), run.state()
    services.up(running.settings)
    run.wait_for("success")
    run.end()

    assert (["RUNNING"], "deferred") == meanwhile
    assert ["SUCCEEDED"] == run.statuses()
    assert {"wanted": 1, "made": 1, "failed": 0} == run.account()


@pytest.mark.slow
def test_a_job_that_dies_is_followed_by_another_until_somebody_gives_up(running):
    """A driver that is killed costs a retry; a task that is marked as failed stops its job."""
    run = FollowedRun(running, "given-up")
    (driver,) = [p for p in psutil.process_iter(["cmdline"]) if "given-up/given-up" in (p.info["cmdline"] or [])]
    driver.kill()
    run.wait_for_job(2)
    run.wait_for("deferred")
    run.api.patch(run.task, {"new_state": "failed"})
    ended(run.jobs, f"{run.stem}-2")
    run.end()

    assert "failed" == run.state()
    assert ["FAILED", "STOPPED"] == run.statuses()
