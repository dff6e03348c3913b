"""Starts, recognizes and ends long-running local processes; a process id alone is never trusted.

Each daemon leads a session of its own, which all its children share, so what a killed daemon left behind is found
too. Its record, `<name>.json`, holds the process id and the moment it started: a reused id is not ours.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from renderer.errors import ServiceError

CLOCK_TOLERANCE_S = 2.0  # /proc gives start times in ticks since a boot time that NTP moves a little
PATIENCE_S = 10.0  # how long a daemon may take to end by itself


class Daemon(BaseModel):
    """One started process. `started` is its creation time in seconds since the epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    pid: int
    started: float
    command: tuple[str, ...]

    @property
    def alive(self) -> bool:
        """Whether exactly this process still runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) <= CLOCK_TOLERANCE_S
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def members(self) -> list[psutil.Process]:
        """Return the process and everything it started that still runs, also after its own death.

        No process id is given out anew while it still names a session: if it has, the session is gone.
        """
        if psutil.pid_exists(self.pid) and not self.alive and not self._is_zombie():
            return []
        return [process for process in psutil.process_iter() if self._owns(process)]

    def _is_zombie(self) -> bool:
        try:
            return psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    def _owns(self, process: psutil.Process) -> bool:
        try:
            young = process.create_time() >= self.started - CLOCK_TOLERANCE_S
            return young and os.getsid(process.pid) == self.pid and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            return False


def start(name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Daemon:
    """Start a process that outlives this one; its output goes to `<name>.log` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started = psutil.Process(process.pid).create_time()
    daemon = Daemon(name=name, pid=process.pid, started=started, command=tuple(command))
    temporary = folder / f".{name}.json"
    temporary.write_text(daemon.model_dump_json())
    temporary.replace(folder / f"{name}.json")
    return daemon


def find(name: str, folder: Path) -> Daemon | None:
    """Return what the record says about a daemon, dead or alive, or None where there is no record."""
    try:
        return Daemon.model_validate_json((folder / f"{name}.json").read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def stop(daemons: Iterable[Daemon], folder: Path, patience_s: float = PATIENCE_S) -> None:
    """End daemons and everything they started: ask, wait, then kill. Does nothing to what is gone."""
    daemons = list(daemons)
    for daemon in daemons:
        if daemon.alive:
            _signal(psutil.Process(daemon.pid), signal.SIGTERM)
    deadline = time.monotonic() + patience_s
    while any(daemon.alive for daemon in daemons) and time.monotonic() < deadline:
        _reap(daemons)
        time.sleep(0.05)
    left = [process for daemon in daemons for process in daemon.members()]
    for process in left:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(left, timeout=patience_s)
    _reap(daemons)
    for daemon in daemons:
        (folder / f"{daemon.name}.json").unlink(missing_ok=True)


def check_port(name: str, port: int, setting: str) -> None:
    """Make sure that nobody else listens on a port of this machine.

    Raises:
        ServiceError: somebody does; names who, where the system tells.
    """
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            taken = f"{name}: port {port} is taken by {_title(connection.pid)}"
            raise ServiceError(f"{taken}. Set {setting} to a free port, or end that process.")


def last_words(name: str, folder: Path, lines: int = 12) -> str:
    """Return the end of a daemon's log."""
    try:
        return "\n".join((folder / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _title(pid: int | None) -> str:
    try:
        return f"{psutil.Process(pid).name()} (process {pid})" if pid else "a process of another user"
    except psutil.NoSuchProcess:
        return f"process {pid}"


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _reap(daemons: Iterable[Daemon]) -> None:
    """Collect the exit status of those that are children of this very process."""
    for daemon in daemons:
        try:
            os.waitpid(daemon.pid, os.WNOHANG)
        except ChildProcessError:
            continue
