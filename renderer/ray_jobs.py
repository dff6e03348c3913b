"""Has a Ray cluster do a stage of a batch, through Ray's Jobs API, and says what became of it.

The API is a few requests over HTTP, so Airflow's machines need no Ray. Nothing is remembered here: the names of jobs
follow from store, run and batch, and Ray knows which of them there are (docs/adr/0015).
"""

from __future__ import annotations

import json
import os
import re
import shlex
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from renderer.digest import content_key
from renderer.errors import ClusterError, JobFailed, RenderError, ServiceError
from renderer.settings import Settings
from renderer.versions import CODE_VERSIONS

PROGRAM = "python -m renderer.stage_job"  # the Python of the cluster's image
LEAST_RAY = (2, 60)  # as in pyproject.toml
ANSWER_WITHIN_S = 30.0
STOPS_WITHIN_S = 60.0
LAST_LINES = 5
HOPELESS = 2  # the exit status of a job that another try cannot help
RAYS_OWN = re.compile(r"Running entrypoint for job |\S+ \S+\s+\w+ job_manager\.py:")  # may come after our last words
NOT_FOUND = 404
UNAUTHORIZED = (401, 403)
ACTIVE = ("PENDING", "RUNNING")
SUCCEEDED = "SUCCEEDED"


@dataclass(frozen=True)
class Job:
    """A job as Ray knows it. `asked` tells for which wish it was begun; `exit_code` is None until its process ended."""

    name: str
    status: str
    asked: str
    exit_code: int | None

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.status in ACTIVE

    @property
    def succeeded(self) -> bool:
        """Whether it did its work."""
        return self.status == SUCCEEDED


class RayJobs:
    """The jobs of one cluster, by the address of its dashboard. The token is that of RAY_AUTH_TOKEN or its file.

    Every method raises:
        ClusterError: the dashboard does not answer; another try may help.
        ServiceError: it refuses the token, or is not the dashboard of a Ray that fits.
    """

    def __init__(self, url: str, program: str = PROGRAM) -> None:
        self.url = url.rstrip("/")
        self.program = program

    def begin(self, stage: str, batch: Mapping[str, Any], asked: str, settings: Settings) -> Job:
        """Return the job that does a stage of a batch: the one that was begun for this wish, or a new one.

        A job for the same wish that runs or has succeeded is taken up, whoever began it. One that failed or was stopped
        is followed by a new one; what it made stays. One that still runs for an earlier wish is stopped first.
        """
        stem = _stem(stage, batch, settings)
        number, last = self._last(stem)
        if last and last.active and last.asked != asked:
            last = self._stopped(last)
        if last and last.asked == asked and (last.active or last.succeeded):
            return last
        entrypoint = f"{self.program} {_arguments(stage, batch)}"
        return self._submit(f"{stem}-{number + 1}", entrypoint, asked, settings)

    def job(self, name: str) -> Job:
        """Return a job as it is now.

        Raises:
            ClusterError: Ray does not know it.
        """
        job = self.find(name)
        if job is None:
            raise ClusterError(
                f"ray jobs {self.url}: there is no job {name} any more; the cluster was begun anew. Try again."
            )
        return job

    def find(self, name: str) -> Job | None:
        """Return a job as it is now, or None where Ray does not know it."""
        facts = self._request("GET", f"/api/jobs/{name}")
        if facts is None:
            return None
        return Job(name, facts["status"], (facts["metadata"] or {}).get("asked", ""), facts["driver_exit_code"])

    def log(self, name: str) -> str:
        """Return all that a job has written so far."""
        answer = self._request("GET", f"/api/jobs/{name}/logs")
        return str(answer["logs"]) if answer else ""

    def stop(self, name: str) -> None:
        """Tell a job to end: its process gets SIGTERM, and SIGKILL 3 s later. What has ended stays as it is."""
        self._request("POST", f"/api/jobs/{name}/stop", {})

    def end(self, stage: str, batch: Mapping[str, Any], settings: Settings) -> None:
        """Stop the job of a batch, if there is one that waits or runs."""
        _, last = self._last(_stem(stage, batch, settings))
        if last and last.active:
            self.stop(last.name)

    def failure(self, job: Job) -> RenderError:
        """Return the error that a job ended with, in the last words of its log; retryable if another try may help."""
        lines = (line.strip() for line in self.log(job.name).splitlines())
        said = [line for line in lines if line and not RAYS_OWN.match(line)] or ["nothing"]
        if job.exit_code == HOPELESS:
            return JobFailed(said[-1])
        words = "\n".join(said[-LAST_LINES:])
        return ClusterError(f"ray job {job.name}: {job.status}. Its log at {self.url} ends with:\n{words}")

    def _last(self, stem: str) -> tuple[int, Job | None]:
        """Return the number of the last job of this name, and the job."""
        number, last = 0, None
        while (job := self.find(f"{stem}-{number + 1}")) is not None:
            number, last = number + 1, job
        return number, last

    def _stopped(self, job: Job) -> Job:
        self.stop(job.name)
        deadline = time.monotonic() + STOPS_WITHIN_S
        while (job := self.job(job.name)).active:
            if time.monotonic() > deadline:
                raise ClusterError(f"ray job {job.name}: does not end. Stop it by hand at {self.url}.")
            time.sleep(0.5)
        return job

    def _submit(self, name: str, entrypoint: str, asked: str, settings: Settings) -> Job:
        self._check_version()
        # whoever may look at the dashboard may read this: no secrets, those are the cluster's own
        variables = {"ADLOOM_ENGINE": "ray", "ADLOOM_STORE_URL": _absolute(settings.store_url)}
        wish = {
            "submission_id": name,
            "entrypoint": entrypoint,
            "metadata": {"asked": asked},
            "runtime_env": {"env_vars": variables},
        }
        try:
            self._request("POST", "/api/jobs/", wish)
        except ClusterError:
            job = self.find(name)  # the answer may have been lost, or somebody else was faster
            if job is None:
                raise
            return job
        return self.job(name)

    def _check_version(self) -> None:
        facts = self._request("GET", "/api/version")
        if facts is None or "ray_version" not in facts:
            raise self._stranger()
        version = str(facts["ray_version"])
        if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < LEAST_RAY:
            least = ".".join(map(str, LEAST_RAY))
            raise ServiceError(f"ray jobs {self.url}: runs Ray {version}, and adloom needs {least}. Renew its image.")

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """Return the JSON answer, or None where there is no such thing."""
        headers = {"Content-Type": "application/json", **_authorization()}
        data = None if body is None else json.dumps(body).encode()
        try:
            message = urllib.request.Request(self.url + path, method=method, data=data, headers=headers)  # noqa: S310 # http
            with urllib.request.urlopen(message, timeout=ANSWER_WITHIN_S) as answer:  # noqa: S310 # see Settings
                facts = json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == NOT_FOUND:
                return None
            raise self._refusal(error) from error
        except (OSError, HTTPException) as error:
            raise ClusterError(
                f"ray jobs {self.url}: cannot be reached ({error}). Start the cluster, or correct ADLOOM_RAY_JOBS_URL."
            ) from error
        except ValueError as error:
            raise self._stranger() from error
        if not isinstance(facts, dict):
            raise self._stranger()
        return facts

    def _refusal(self, error: urllib.error.HTTPError) -> ServiceError:
        if error.code in UNAUTHORIZED:
            return ServiceError(
                f"ray jobs {self.url}: refuses the token ({error.code}). Set RAY_AUTH_TOKEN to the cluster's own."
            )
        said = error.read().decode(errors="replace").strip().splitlines()
        return ClusterError(f"ray jobs {self.url}: {error.code} {next(reversed(said), '')}. See the dashboard's log.")

    def _stranger(self) -> ServiceError:
        return ServiceError(
            f"ray jobs {self.url}: does not answer as Ray's dashboard. "
            "Set ADLOOM_RAY_JOBS_URL to its address, such as http://head:8265."
        )


def _stem(stage: str, batch: Mapping[str, Any], settings: Settings) -> str:
    """Return the name of the jobs of one batch, without their number: readable, and no other store's."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{stage}-{batch['run']}-{int(batch['batch']):03}")
    digest = content_key("job", [settings.store_url, batch["run"]]).rpartition("-")[2]
    return f"adloom-{readable}-{digest[:8]}"


def _arguments(stage: str, batch: Mapping[str, Any]) -> str:
    return shlex.join((stage, batch["run"], str(int(batch["batch"])), str(CODE_VERSIONS[stage])))


def _absolute(store_url: str) -> str:
    """Return the address of a folder as seen from any working directory; others stay as they are."""
    scheme, _, rest = store_url.partition("://")
    return f"file://{Path(rest).resolve()}" if scheme == "file" else store_url


def _authorization() -> dict[str, str]:
    token, path = os.environ.get("RAY_AUTH_TOKEN", ""), os.environ.get("RAY_AUTH_TOKEN_PATH", "")
    if path and not token:
        try:
            token = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ServiceError(f"RAY_AUTH_TOKEN_PATH: {path} cannot be read ({error}). Correct it.") from error
    return {"Authorization": f"Bearer {token}"} if token else {}
