"""Starts and ends an S3 server and Airflow on this machine.

`up` starts what does not run and is safe to call again, after a crash too. What it must remember stands in
`build/services` (mode 0700): records and logs of the daemons, passwords, keys.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from renderer.errors import ServiceError
from renderer.services import daemons, local_airflow, local_s3
from renderer.services.airflow_api import AirflowApi, request
from renderer.settings import Settings

START_LIMIT_S = 180.0


@dataclass(frozen=True)
class Services:
    """What runs: the settings that lead there, addresses, passwords by user, and what this call had to start."""

    settings: Settings
    airflow_url: str
    s3_url: str  # empty where the store is somebody else's
    passwords: dict[str, str]
    started: tuple[str, ...]

    def api(self) -> AirflowApi:
        """Return Airflow's REST API, as its administrator."""
        return AirflowApi(self.airflow_url, "admin", self.passwords["admin"])


@dataclass(frozen=True)
class State:
    """One daemon: its name, its process id and start (seconds since the epoch) or None if it is dead, its address."""

    name: str
    pid: int | None
    started: float | None
    url: str


def up(settings: Settings, say: Callable[[str], None] = lambda text: None) -> Services:
    """Start what does not run and wait until a run can be triggered. If that fails, end again what was started.

    Raises:
        ServiceError: a port is taken, or a server did not start; carries the end of its log.
    """
    with _alone(settings), ExitStack() as undo:
        services = _ensure(settings, _names(settings), say, undo)
        local_airflow.prepare(services.api())
        undo.pop_all()
    return services


def up_store(settings: Settings, say: Callable[[str], None] = lambda text: None) -> Settings:
    """Start only the S3 server, if the store is ours; return settings that lead to the store. See `up`."""
    names = tuple(name for name in _names(settings) if name == local_s3.NAME)
    with _alone(settings), ExitStack() as undo:
        services = _ensure(settings, names, say, undo)
        undo.pop_all()
    return services.settings


def connect(settings: Settings) -> Settings:
    """Point this process at the local S3 server (by the usual AWS variables); return settings that name its bucket.

    A store that is set explicitly is left alone.
    """
    folders = {name: getattr(settings, name).resolve() for name in ("build_dir", "templates_dir")}
    settings = settings.model_copy(update=folders)
    if local_s3.NAME not in _names(settings):
        return settings
    os.environ.update(local_s3.variables(settings, _keys(_folder(settings))))
    return settings.model_copy(update={"store_url": f"s3://{local_s3.BUCKET}"})


def down(settings: Settings, names: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """End what `up` started, or only `names` of it; return what was running. Safe to call again."""
    with _alone(settings):
        return _stop((local_s3.NAME, *local_airflow.COMMANDS) if names is None else names, _folder(settings))


def status(settings: Settings) -> tuple[State, ...]:
    """Tell what runs."""
    urls = {local_s3.NAME: local_s3.url(settings), "api-server": local_airflow.url(settings)}
    folder = _folder(settings)
    states = []
    for name in _names(settings):
        daemon = daemons.find(name, folder)
        pid, started = (daemon.pid, daemon.started) if daemon and daemon.alive else (None, None)
        states.append(State(name, pid, started, urls.get(name, "")))
    return tuple(states)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Keep two commands from starting or ending the same services at once."""
    with (_folder(settings) / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _stop(names: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    found = [daemon for name in names if (daemon := daemons.find(name, folder))]
    running = tuple(daemon.name for daemon in found if daemon.alive)
    daemons.stop((daemon for daemon in found if daemon.name != local_s3.NAME), folder)
    daemons.stop((daemon for daemon in found if daemon.name == local_s3.NAME), folder)  # last: tasks may still write
    return running


def _ensure(settings: Settings, names: tuple[str, ...], say: Callable[[str], None], undo: ExitStack) -> Services:
    folder = _folder(settings)
    settings = connect(settings)
    missing = tuple(name for name in names if not _alive(name, folder) or _outdated(name, folder))
    s3_url = local_s3.url(settings) if local_s3.NAME in names else ""
    services = Services(settings, local_airflow.url(settings), s3_url, _passwords(folder), missing)
    if missing:
        say(f"starting {', '.join(missing)}")
        undo.callback(_stop, missing, folder)
        _start(services, folder)
        _wait_until_ready(services, folder)
    return services


def _outdated(name: str, folder: Path) -> bool:
    """Tell whether a daemon has imported code that has changed since."""
    daemon = daemons.find(name, folder)
    return daemon is not None and name in local_airflow.IMPORTERS and daemon.started < local_airflow.code_changed()


def _names(settings: Settings) -> tuple[str, ...]:
    connected = os.environ.get("AWS_ENDPOINT_URL_S3") == local_s3.url(settings)
    own_store = connected or "store_url" not in settings.model_fields_set
    return (local_s3.NAME, *local_airflow.names(settings)) if own_store else local_airflow.names(settings)


def _start(services: Services, folder: Path) -> None:
    settings, keys = services.settings, _keys(folder)
    taken = {local_s3.NAME: settings.s3_port, "api-server": settings.airflow_port}
    remains = [daemon for name in services.started if (daemon := daemons.find(name, folder))]
    daemons.stop(remains, folder)  # such as the workers of a killed scheduler
    for name, setting in ((local_s3.NAME, "ADLOOM_S3_PORT"), ("api-server", "ADLOOM_AIRFLOW_PORT")):
        if name in services.started:
            daemons.check_port(name, taken[name], setting)
    environment = _environment(settings)
    if local_s3.NAME in services.started:
        ports = local_s3.ports(settings)
        daemons.start(local_s3.NAME, local_s3.command(settings, ports), environment, folder)
    environment |= local_airflow.variables(settings, keys, folder / "passwords.json")
    wanted = [name for name in local_airflow.COMMANDS if name in services.started]
    if wanted:
        local_airflow.migrate(environment, settings)
    for name in wanted:
        daemons.start(name, local_airflow.COMMANDS[name], environment, folder)


def _environment(settings: Settings) -> dict[str, str]:
    """Return this process's environment and settings for children, without anybody else's Airflow in it.

    Connections (`AIRFLOW_CONN_...`) are whom to tell and with which secret: those are meant.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("AIRFLOW_CONN_") or not name.startswith(("AIRFLOW", "ADLOOM_"))
    }
    given = {name for name in type(settings).model_fields if getattr(settings, name) not in ("", None)}
    return inherited | {f"ADLOOM_{name.upper()}": str(getattr(settings, name)) for name in sorted(given)}


def _wait_until_ready(services: Services, folder: Path) -> None:
    """Wait for what answers requests. To touch the tasks' interface now saves the first task some seconds."""
    tasks = f"{services.airflow_url}/execution/health/ping"
    probes = {local_s3.NAME: f"{services.s3_url}/healthz", "api-server": tasks}
    deadline = time.monotonic() + START_LIMIT_S
    for name in (name for name in probes if name in services.started):
        while not _answers(probes[name]):
            dead = [other for other in services.started if not _alive(other, folder)]
            if dead or time.monotonic() > deadline:
                culprit = (dead or [name])[0]
                words = daemons.last_words(culprit, folder)
                raise ServiceError(f"{culprit}: did not start. The end of its log:\n{words}")
            time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        request("GET", url, limit_s=30)
    except OSError:
        return False
    except ValueError:  # an answer, though not in JSON
        return True
    return True


def _alive(name: str, folder: Path) -> bool:
    daemon = daemons.find(name, folder)
    return daemon is not None and daemon.alive


def _folder(settings: Settings) -> Path:
    folder = settings.build_dir.resolve() / "services"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _keys(folder: Path) -> dict[str, str]:
    """Return this installation's secrets; made at first use."""
    return _secrets(
        folder / "keys.json",
        lambda: {
            "s3_id": secrets.token_hex(10),
            "s3_secret": secrets.token_urlsafe(32),
            "jwt_secret": secrets.token_urlsafe(64),  # 64 bytes, as SHA-512 wants
            "api_secret": secrets.token_urlsafe(64),
            "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        },
    )


def _passwords(folder: Path) -> dict[str, str]:
    users = local_airflow.USERS
    return _secrets(folder / "passwords.json", lambda: {user: secrets.token_urlsafe(12) for user in users})


def _secrets(path: Path, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Return the secrets in a file that only its owner reads; create it if it is not there."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        held: dict[str, str] = json.loads(path.read_text())
        return held
    with os.fdopen(handle, "w") as file:
        json.dump(made := make(), file)
    return made
