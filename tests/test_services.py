"""Starting, recognizing and ending local servers; the S3 server is real, Airflow's part is in the slow tests."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import pytest

from conftest import free_ports
from renderer import services
from renderer.errors import ServiceError
from renderer.services import daemons, local_airflow, local_s3
from renderer.settings import Settings
from renderer.store import open_store

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")
WITH_CHILD = (sys.executable, "-c", "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)")

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


@pytest.fixture(autouse=True)
def unchanged_environment():
    """Starting services sets the AWS variables of this process."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ |= before


@pytest.fixture
def folder(tmp_path):
    """A folder for records; what was started in it is ended."""
    yield tmp_path
    daemons.stop([one for path in tmp_path.glob("*.json") if (one := daemons.find(path.stem, tmp_path))], tmp_path, 0.1)


def test_a_started_daemon_is_found_again_and_ends(folder):
    """What one command starts, another command ends."""
    started = daemons.start("sleeper", SLEEP, os.environ, folder)

    found = daemons.find("sleeper", folder)
    alive = found.alive
    daemons.stop([found], folder)

    assert found == started
    assert alive
    assert not found.alive
    assert daemons.find("sleeper", folder) is None


def test_a_reused_process_id_is_never_ended(folder):
    """After a reboot the id in the record may belong to somebody else: same id, another start time."""
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    began = psutil.Process(stranger.pid).create_time()
    stale = daemons.Daemon(name="sleeper", pid=stranger.pid, started=began - 3600, command=SLEEP)

    daemons.stop([stale], folder, patience_s=0.2)
    time.sleep(0.1)
    still_runs = stranger.poll() is None
    stranger.kill()
    stranger.wait()

    assert not stale.alive
    assert still_runs


def test_what_a_killed_daemon_left_behind_is_ended_too(folder):
    """The workers of a scheduler that was killed must not go on working beside those of the next one."""
    daemon = daemons.start("parent", WITH_CHILD, os.environ, folder)
    deadline = time.monotonic() + 10
    while len(daemon.members()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(daemon.pid, signal.SIGKILL)
    os.waitpid(daemon.pid, 0)
    orphans = daemon.members()

    daemons.stop([daemon], folder)

    assert len(orphans) == 1
    assert daemon.members() == []


def test_one_who_does_not_listen_is_killed(folder):
    """A daemon that ignores the polite signal does not stop `down`."""
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    daemon = daemons.start("deaf", (sys.executable, "-c", deaf), os.environ, folder)
    while "deaf" not in daemons.last_words("deaf", folder):
        time.sleep(0.02)

    daemons.stop([daemon], folder, patience_s=0.3)

    assert not daemon.alive


def test_stopping_twice_is_no_error(folder):
    """`down` after `down` does nothing."""
    daemon = daemons.start("sleeper", SLEEP, os.environ, folder)
    daemons.stop([daemon], folder)

    daemons.stop([daemon], folder)

    assert not daemon.alive


def test_a_taken_port_names_who_has_it_and_the_cure():
    """Nobody should have to search for the program that holds a port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ServiceError, match=rf"port {port} is taken by .*{os.getpid()}.*Set ADLOOM_S3_PORT"):
            daemons.check_port("S3 server", port, "ADLOOM_S3_PORT")


def test_the_s3_server_takes_our_keys_and_nobody_elses(s3_server):
    """Objects are written and read with this installation's keys; without them the server refuses."""
    store = open_store(s3_server)
    store.put_bytes("a/b.txt", b"hello")

    assert store.get_bytes("a/b.txt") == b"hello"
    assert store.put_bytes("a/b.txt", b"other") is False
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL_S3']}/{local_s3.BUCKET}/a/b.txt")


def test_the_s3_server_listens_on_the_loopback_address_only(s3_server):
    """Nothing is offered to the network."""
    port = int(os.environ["AWS_ENDPOINT_URL_S3"].rpartition(":")[2])
    server = next(c.pid for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port)

    addresses = {c.laddr.ip for c in psutil.Process(server).net_connections("tcp") if c.status == psutil.CONN_LISTEN}

    assert addresses == {"127.0.0.1"}


def test_secrets_are_random_kept_and_readable_by_their_owner_only(tmp_path):
    """Two installations share no key, one installation keeps its own, and other users cannot read them."""
    one, two = (
        services._folder(Settings(build_dir=tmp_path / "1")),
        services._folder(Settings(build_dir=tmp_path / "2")),
    )

    keys = services._keys(one)

    assert keys == services._keys(one)
    assert not set(keys.values()) & set(services._keys(two).values())
    assert stat.S_IMODE((one / "keys.json").stat().st_mode) == 0o600
    assert len(keys["jwt_secret"]) >= 64
    assert json.loads((one / "keys.json").read_text()) == keys


def test_airflow_knows_every_option_that_we_set(tmp_path):
    """A misspelled option would be ignored in silence."""
    from airflow.configuration import conf

    keys = dict.fromkeys(("api_secret", "jwt_secret", "fernet"), "x")
    names = [name.split(".") for name in local_airflow.options(Settings(build_dir=tmp_path), keys)]

    unknown = [name for name in names if name[1] not in conf.configuration_description[name[0]]["options"]]

    assert unknown == []


def test_a_store_of_your_own_starts_no_s3_server(tmp_path):
    """Who names a store keeps it."""
    own = Settings(build_dir=tmp_path, store_url="s3://my-bucket")

    assert [state.name for state in services.status(own)] == ["api-server", "scheduler", "dag-processor"]
    assert services.connect(own).store_url == "s3://my-bucket"


def test_only_who_waits_for_a_cluster_has_a_triggerer(tmp_path):
    """One process less on a laptop; with jobs on Ray, `up` starts what follows them and `down` ends it."""
    cluster = Settings(build_dir=tmp_path, ray_jobs_url="http://head:8265")

    assert "triggerer" in [state.name for state in services.status(cluster)]
    assert "triggerer" not in [state.name for state in services.status(Settings(build_dir=tmp_path))]


def test_children_read_the_settings_that_we_have(tmp_path):
    """What is not set must not reach Airflow's tasks as a word: None is no folder and no revenue."""
    settings = Settings(build_dir=tmp_path, territory="CH")

    assert Settings.from_environment(services._environment(settings)) == settings


def test_children_know_the_connections_and_nothing_else_of_another_airflow(tmp_path, monkeypatch):
    """Whom to tell may stand in the environment; another installation's database must not reach ours."""
    monkeypatch.setenv("AIRFLOW_CONN_ADLOOM_SLACK", "http://x")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "sqlite:////elsewhere")
    names = [name for name in services._environment(Settings(build_dir=tmp_path)) if name.startswith("AIRFLOW")]

    assert names == ["AIRFLOW_CONN_ADLOOM_SLACK"]


def test_a_failed_start_leaves_nothing_running(tmp_path):
    """A taken port stops the start, and nothing of it stays."""
    ports = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(build_dir=tmp_path, s3_port=ports[0], airflow_port=taken.getsockname()[1])

        with pytest.raises(ServiceError, match="ADLOOM_AIRFLOW_PORT"):
            services.up(settings)

    assert [state.pid for state in services.status(settings)] == [None] * 4


def test_two_commands_do_not_start_the_same_server_twice(tmp_path):
    """Whoever comes second finds what the first has started."""
    settings = Settings(build_dir=tmp_path, s3_port=free_ports(1)[0])
    code = (
        "from renderer import services; from renderer.settings import Settings; "
        "settings = services.up_store(Settings.from_environment()); print(settings.store_url)"
    )
    environment = {**os.environ, "ADLOOM_BUILD_DIR": str(tmp_path), "ADLOOM_S3_PORT": str(settings.s3_port)}
    commands = [subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) for _ in "ab"]

    answers = [command.communicate()[0] for command in commands]
    ended = services.down(settings)

    assert answers == [b"s3://adloom\n"] * 2
    assert ended == ("s3",)
