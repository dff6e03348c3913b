"""Speaks to Airflow's REST API: logs in, retries while the server hiccups, says what went wrong."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from renderer.errors import ServiceError

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine is never behind a proxy
UNAUTHORIZED, NOT_FOUND, CONFLICT = 401, 404, 409
ABSENT_OR_THERE = (("GET", NOT_FOUND), ("POST", CONFLICT))
BUSY = (429, 500, 502, 503, 504)


class AirflowApi:
    """One Airflow. `patience_s` is how long a server that does not answer is asked again."""

    def __init__(self, url: str, user: str, password: str, patience_s: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self.login = {"username": user, "password": password}
        self.patience_s = patience_s
        self._token = ""

    def get(self, path: str, **query: Any) -> Any:
        """Return what `/api/v2` + path answers, or None where there is no such thing.

        Raises:
            ServiceError: the server refused, or did not answer in time.
        """
        return self._patiently("GET", f"/api/v2{path}?{urlencode(query, doseq=True)}", None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Create something; None where it exists already, perhaps by an answer that got lost. See `get`."""
        return self._patiently("POST", f"/api/v2{path}", body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Change something; see `get`."""
        return self._patiently("PATCH", f"/api/v2{path}", body)

    def _patiently(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                self._token = self._token or str(request("POST", f"{self.url}/auth/token", self.login)["access_token"])
                return request(method, self.url + path, body, self._token)
            except urllib.error.HTTPError as error:
                if (method, error.code) in ABSENT_OR_THERE:
                    return None
                if error.code == UNAUTHORIZED and self._token:
                    self._token = ""
                elif error.code not in BUSY or time.monotonic() > deadline:
                    place = f"Airflow, {method} {path}"
                    raise ServiceError(f"{place}: {error.code} {_detail(error)}. See its log.") from error
            except OSError as error:
                if time.monotonic() > deadline:
                    raise ServiceError(f"Airflow at {self.url}: no answer ({error}). Start it: adloom up.") from error
            time.sleep(0.5)


def request(method: str, url: str, body: Mapping[str, Any] | None = None, token: str = "", limit_s: float = 30) -> Any:
    """Send one JSON request and return the JSON answer; errors are those of urllib."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    message = urllib.request.Request(url, method=method, data=data, headers=headers)  # noqa: S310 - our own http address
    with DIRECT.open(message, timeout=limit_s) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def run_path(dag: str, run_id: str) -> str:
    """Return the path of one run of one DAG."""
    return f"/dags/{quote(dag, safe='')}/dagRuns/{quote(run_id, safe='')}"


def _detail(error: urllib.error.HTTPError) -> str:
    text = error.read(2000).decode(errors="replace")
    try:
        return str(json.loads(text)["detail"])
    except (ValueError, KeyError, TypeError):
        return text
