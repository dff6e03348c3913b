"""The Airflow of one machine: its options, commands, database, users, and what must be so before a run can begin."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from renderer.errors import ServiceError
from renderer.services.airflow_api import AirflowApi
from renderer.services.local_s3 import HOST
from renderer.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DAG = "render_campaign"
USERS = {"admin": "admin", "reviewer": "user", "viewer": "viewer"}  # name: role; deciding on ads needs `user`
PARALLELISM = 4  # SQLite: 200 tasks, 32 at once, locked the scheduler to death; 4 at once all passed
PROGRAM = (sys.executable, "-m", "airflow")
# Tasks are forked from the scheduler: what it has imported, each of them need not (3 s of pandas and boto3).
PRELOADED = "import boto3, renderer.batches; from airflow.__main__ import main; main()"
COMMANDS = {
    "api-server": (*PROGRAM, "api-server", "--workers", "1"),
    # its log server would listen on every interface; the API server reads the files
    "scheduler": (sys.executable, "-c", PRELOADED, "scheduler", "--skip-serve-logs"),
    "dag-processor": ("nice", "-n", "5", *PROGRAM, "dag-processor"),  # the other two are what people wait for
    "triggerer": (*PROGRAM, "triggerer", "--skip-serve-logs"),
}
IMPORTERS = ("api-server", "scheduler", "triggerer")  # hold our code in memory
DAG_LIMIT_S = 120.0


def names(settings: Settings) -> tuple[str, ...]:
    """Return which of the commands run; only jobs on a Ray cluster are waited for by the triggerer."""
    return tuple(name for name in COMMANDS if name != "triggerer" or settings.ray_jobs_url)


def url(settings: Settings) -> str:
    """Return the address for people and for the REST API."""
    return f"http://{HOST}:{settings.airflow_port}"


def home(settings: Settings) -> Path:
    """Return the folder of Airflow's database and logs."""
    folder = settings.build_dir.resolve() / "airflow"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def variables(settings: Settings, keys: dict[str, str], passwords: Path) -> dict[str, str]:
    """Return the whole configuration as environment variables."""
    chosen = options(settings, keys) | {"core.simple_auth_manager_passwords_file": passwords}
    named = {f"AIRFLOW__{name.replace('.', '__').upper()}": str(value) for name, value in chosen.items()}
    return named | {"AIRFLOW_HOME": str(home(settings))}


def options(settings: Settings, keys: dict[str, str]) -> dict[str, object]:
    """Return `section.option` and value where one machine needs something else than Airflow's default."""
    return {
        "api.base_url": url(settings),
        "api.host": HOST,
        "api.port": settings.airflow_port,
        "api.secret_key": keys["api_secret"],
        "api_auth.jwt_secret": keys["jwt_secret"],
        "core.dagbag_import_timeout": 90,
        "core.dags_folder": ROOT / "dags",
        "core.execution_api_server_url": f"{url(settings)}/execution/",
        "core.fernet_key": keys["fernet"],
        "core.hostname_callable": "socket.gethostname",  # asks no name server
        "core.load_examples": False,
        "core.min_serialized_dag_update_interval": 5,
        "core.parallelism": PARALLELISM,
        "core.plugins_folder": ROOT / "dags" / "plugins",
        "core.simple_auth_manager_users": ",".join(f"{name}:{role}" for name, role in USERS.items()),
        "dag_processor.dag_file_processor_timeout": 120,
        "dag_processor.min_file_process_interval": 10,
        "dag_processor.parsing_processes": 1,
        "dag_processor.refresh_interval": 10,  # by default a new file is seen after 300 s
        "database.sql_alchemy_conn": settings.airflow_db or f"sqlite:///{home(settings)}/airflow.db",
        "logging.namespace_levels": "botocore=WARNING",
        "scheduler.orphaned_tasks_check_interval": 10,  # a dead scheduler's tasks are begun anew after 20 to 30 s
        "scheduler.scheduler_health_check_threshold": 20,
        "scheduler.scheduler_idle_sleep_time": 0.5,
        "scheduler.task_instance_heartbeat_timeout": 60,
        "scheduler.task_instance_heartbeat_timeout_detection_interval": 5,
    }


def migrate(environment: dict[str, str], settings: Settings) -> None:
    """Bring the database to the installed version; 5 s, skipped where a marker says that it was done.

    Raises:
        ServiceError: Airflow could not do it.
    """
    marker = home(settings) / "migrated"
    state = f"{version('apache-airflow-core')} {environment['AIRFLOW__DATABASE__SQL_ALCHEMY_CONN']}"
    lost = not settings.airflow_db and not (home(settings) / "airflow.db").exists()
    if marker.exists() and marker.read_text() == state and not lost:
        return
    done = subprocess.run((*PROGRAM, "db", "migrate"), env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServiceError(f"Airflow: its database could not be prepared:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    marker.touch(mode=0o600)
    marker.write_text(state)


def prepare(api: AirflowApi) -> None:
    """Wait until Airflow has read the DAG as it is on disk, let it run, and make the pools.

    Raises:
        ServiceError: the DAG cannot be read, or is not read in time.
    """
    _wait_for_dag(api)
    api.patch(f"/dags/{DAG}", {"is_paused": False})
    slots = {"gpu": 1, "cpu": max(1, (os.cpu_count() or 1) // 2)}
    for name in slots:
        if api.get(f"/pools/{name}") is None:
            facts = {"name": name, "slots": slots[name], "description": f"tasks that fill the {name}"}
            api.post("/pools", facts | {"include_deferred": True})  # a task that waits for a cluster fills its GPUs


def code_changed() -> float:
    """Return when our code last changed, in seconds since the epoch."""
    return max(path.stat().st_mtime for part in ("catalog", "renderer", "dags") for path in (ROOT / part).rglob("*.py"))


def _wait_for_dag(api: AirflowApi) -> None:
    newest = max(path.stat().st_mtime for path in (*ROOT.glob("dags/*.py"), *ROOT.glob("templates/*/campaign.yaml")))
    deadline = time.monotonic() + DAG_LIMIT_S
    while True:
        dag = api.get(f"/dags/{DAG}") or {}
        parsed = datetime.fromisoformat(dag["last_parsed_time"]).timestamp() if dag.get("last_parsed_time") else 0.0
        if parsed > newest and not dag["is_stale"] and not dag["has_import_errors"]:
            return
        problems = api.get("/importErrors", limit=100)["import_errors"]
        ours = [p for p in problems if Path(p["filename"]).stem == DAG]  # a broken campaign is no reason to stop
        fresh = [p for p in ours if datetime.fromisoformat(p["timestamp"]).timestamp() > newest]
        if fresh:
            raise ServiceError(f"Airflow: {fresh[0]['filename']} cannot be read:\n{fresh[0]['stack_trace']}")
        if time.monotonic() > deadline:
            raise ServiceError(f"Airflow: the DAG {DAG} was not read. See build/services/dag-processor.log.")
        time.sleep(0.3)
