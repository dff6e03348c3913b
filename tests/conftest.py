"""What many tests share: Airflow set up before its first import, its database, and a real S3 server."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _set_up_airflow() -> None:
    """Airflow reads its environment when it is imported, so this must come first; each worker has its own home."""
    home = tempfile.mkdtemp(prefix="adloom-airflow-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    for name in [name for name in os.environ if name.startswith(("AIRFLOW", "ADLOOM_"))]:
        del os.environ[name]
    os.environ |= {
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "dags" / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }


_set_up_airflow()
sys.path.append(str(ROOT / "dags"))  # as Airflow does before it reads a DAG file


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture
def steady_torch() -> Iterator[None]:
    """The same random numbers every time, on one thread: of tests side by side, more would wait for each other."""
    import torch

    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """An Airflow database that holds nothing."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a bucket on a real S3 server that runs for this session; AWS variables lead there."""
    from renderer import services
    from renderer.services import daemons
    from renderer.settings import Settings

    build = tmp_path_factory.mktemp("s3")
    settings = Settings(build_dir=build, s3_port=free_ports(1)[0])
    before = dict(os.environ)
    url = services.up_store(settings).store_url
    yield url
    services.down(settings)
    os.environ.clear()
    os.environ |= before
    assert daemons.find("s3", build / "services") is None
