"""The engine on Ray keeps the promises of the one beside it: one outcome per item, whatever happens to the others."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import work_at_once
from conftest import ROOT, free_ports
from renderer.errors import BackendError
from work_at_once import gone

ray = pytest.importorskip("ray")

from renderer.ray_engine import RayEngine  # noqa: E402 # needs Ray


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """A Ray of two CPUs for this module, with a token of its own."""
    before = dict(os.environ)
    os.environ["RAY_AUTH_TOKEN"] = "0123456789abcdef" * 2  # else Ray leaves one in the home folder
    os.environ.pop("RAY_ADDRESS", None)
    engine = RayEngine(workers=2)
    outcomes = list(engine.map(tool_for, [0], build))
    assert ["tool"] == [outcome.value for outcome in outcomes], outcomes
    yield ray.get_runtime_context().gcs_address
    engine.close()
    os.environ.clear()
    os.environ |= before


def build() -> str:
    return "tool"


def broken_build() -> str:
    raise BackendError("voice 'x': not installed. Run pip install 'adloom[speech]'.")


def tool_for(tool: str, item: int) -> str:
    return tool


def double(tool: str, item: int) -> int:
    if item == 3:
        raise BackendError("3: cannot be doubled. Use 4.")
    if item == 5:
        raise ValueError("strange")
    return 2 * item


def pid_of(tool: str, item: float) -> int:
    time.sleep(item)
    return os.getpid()


def logged(folder: Path, item: object) -> None:
    with (folder / str(item)).open("a") as log:
        log.write("x")


def die_over_seven(folder: Path, tool: str, item: int) -> int:
    logged(folder, item)
    if item == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def announce(folder: Path, tool: str, item: int) -> int:
    """Say who does item 20, and take long over it the first time."""
    logged(folder, item)
    marker = folder / "pid"
    if item == 20 and not marker.exists():
        marker.write_text(str(os.getpid()))
        time.sleep(60)
    time.sleep(0.02)
    return item


def hang_once(folder: Path, tool: str, item: int) -> int:
    marker = folder / "pid"
    if item == 1 and not marker.exists():
        marker.write_text(str(os.getpid()))
        time.sleep(60)
    return item


def build_and_count(folder: Path) -> str:
    logged(folder, os.getpid())
    return "tool"


def die_while_starting(folder: Path) -> str:
    logged(folder, "starts")
    os.kill(os.getpid(), signal.SIGKILL)
    return "tool"


def build_with_two_deaths(folder: Path) -> str:
    """The second and the third to build die of it."""
    number = next(number for number in itertools.count() if claimed(folder / f"build-{number}"))
    if number in (1, 2):
        os.kill(os.getpid(), signal.SIGKILL)
    return "tool"


def claimed(path: Path) -> bool:
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def hoard(tool: list[bytes], item: int) -> int:
    time.sleep(1.1)
    tool.append(os.urandom(1000) * 300_000)
    return os.getpid()


def return_what_cannot_travel(tool: str, item: int) -> object:
    return (number for number in range(item))


def test_one_failure_does_not_stop_the_rest():
    """Each item has one outcome; failures carry words, and only unexpected ones their type."""
    outcomes = list(RayEngine(workers=2).map(double, range(8), build))
    values = {outcome.item: outcome.value for outcome in outcomes if outcome.error is None}
    errors = {outcome.item: outcome.error for outcome in outcomes if outcome.error is not None}

    assert list(range(8)) == sorted(outcome.item for outcome in outcomes)
    assert {0: 0, 1: 2, 2: 4, 4: 8, 6: 12, 7: 14} == values
    assert {3: "3: cannot be doubled. Use 4.", 5: "ValueError: strange"} == errors


def test_the_tool_is_built_once_per_worker(tmp_path):
    """A model is loaded as often as there are workers, not as often as there are items."""
    outcomes = list(RayEngine(workers=2).map(pid_of, [0.05] * 20, partial(build_and_count, tmp_path)))
    pids = {str(outcome.value) for outcome in outcomes}

    assert 2 == len(pids)
    assert dict.fromkeys(pids, "x") == {built.name: built.read_text() for built in tmp_path.iterdir()}


def test_a_tool_that_cannot_be_built_fails_every_item_with_its_reason():
    """Nothing is lost and nothing hangs when a voice or a model is not installed."""
    outcomes = list(RayEngine(workers=2).map(double, range(5), broken_build))

    assert list(range(5)) == sorted(outcome.item for outcome in outcomes)
    assert {"voice 'x': not installed. Run pip install 'adloom[speech]'."} == {outcome.error for outcome in outcomes}


def test_a_tool_that_kills_its_worker_fails_every_item_after_two_tries(tmp_path):
    """A model that does not fit in memory ends the map; it does not start workers for ever."""
    outcomes = list(RayEngine(workers=1).map(double, range(3), partial(die_while_starting, tmp_path)))

    assert [0, 1, 2] == sorted(outcome.item for outcome in outcomes)
    assert {"2 workers died while starting (its process killed or crashed)"} == {o.error for o in outcomes}
    assert all(outcome.retryable for outcome in outcomes)
    assert "xx" == (tmp_path / "starts").read_text()


def test_starts_that_die_stop_nobody_who_works(tmp_path):
    """While one machine starts workers in vain another goes on, and is replaced when its worker is spent."""
    engine = RayEngine(workers=2, max_items_per_worker=3)
    outcomes = list(engine.map(pid_of, [1.0] * 6, partial(build_with_two_deaths, tmp_path)))

    assert 6 == len(outcomes)
    assert {None} == {outcome.error for outcome in outcomes}
    assert 4 <= len(list(tmp_path.iterdir()))


def test_a_killed_worker_costs_one_try_and_no_item(tmp_path):
    """kill -9 of a worker amid an item: 40 of 40 are delivered, none twice, and only that item is begun again."""
    delivered = Counter()
    killed = False
    for outcome in RayEngine(workers=2).map(partial(announce, tmp_path), range(40), build):
        delivered[outcome.item] += outcome.error is None
        if not killed and (tmp_path / "pid").exists():
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
            killed = True
    begun = {item: len((tmp_path / str(item)).read_text()) for item in range(40)}

    assert killed
    assert dict.fromkeys(range(40), 1) == delivered
    assert dict.fromkeys(range(40), 1) | {20: 2} == begun


def test_an_item_that_kills_its_worker_is_given_up_after_two_tries(tmp_path):
    """A poison item costs two workers, never the batch."""
    outcomes = {o.item: o for o in RayEngine(workers=2).map(partial(die_over_seven, tmp_path), range(10), build)}

    assert set(range(10)) == set(outcomes)
    assert [7] == [item for item, outcome in outcomes.items() if outcome.error]
    assert "int: 2 workers died over it, the last one with: its process killed or crashed." in outcomes[7].error
    assert outcomes[7].retryable
    assert "xx" == (tmp_path / "7").read_text()


def test_a_worker_that_hangs_is_ended_and_its_item_tried_again(tmp_path):
    """A stall costs a try, not the night."""
    engine = RayEngine(workers=1, stalled_after_s=3.0)
    outcomes = list(engine.map(partial(hang_once, tmp_path), [1, 2], build))

    assert [1, 2] == sorted(outcome.value for outcome in outcomes)
    assert gone(int((tmp_path / "pid").read_text()))


def test_workers_are_replaced_after_so_many_items():
    """No process does more items than allowed, and none is done twice or lost."""
    outcomes = list(RayEngine(workers=1, max_items_per_worker=3).map(pid_of, [0.0] * 8, build))

    assert [2, 3, 3] == sorted(Counter(outcome.value for outcome in outcomes).values())


def test_workers_that_hold_too_much_memory_are_replaced():
    """A leak of 300 MB per item ends with the process, between two items."""
    engine = RayEngine(workers=1, max_memory_bytes=600 * 2**20)
    outcomes = list(engine.map(hoard, range(4), list))

    assert [0, 1, 2, 3] == [outcome.item for outcome in outcomes]
    assert [2, 2] == list(Counter(outcome.value for outcome in outcomes).values())


def test_a_worker_may_be_at_several_items_at_once():
    """The second begins before the first has ended, in the same process; each would wait for ever alone."""
    outcomes = list(RayEngine(workers=1).map(work_at_once.meet, range(6), partial(threading.Barrier, 2), at_once=2))

    assert list(range(6)) == sorted(outcome.item for outcome in outcomes)
    assert {None} == {outcome.error for outcome in outcomes}
    assert 1 == len({outcome.value for outcome in outcomes})


def test_a_worker_says_itself_how_many_items_it_takes(tmp_path):
    """The process that hands out items may have no GPU; the one that has it is asked."""
    seats = partial(work_at_once.seats_noted, tmp_path)
    outcomes = list(RayEngine(workers=1).map(work_at_once.meet, range(2), partial(threading.Barrier, 2), at_once=seats))

    assert {None} == {outcome.error for outcome in outcomes}
    assert [f"asked-{outcomes[0].value}"] == [note.name for note in tmp_path.iterdir()]


def test_only_the_item_at_fault_is_given_up(tmp_path):
    """Of three in a process that dies each costs a try, and the second try of each is alone."""
    tool = partial(work_at_once.Room, tmp_path, 3)
    outcomes = list(RayEngine(workers=1).map(work_at_once.die_amid_others, range(8), tool, at_once=3))
    errors = {outcome.item: outcome.error for outcome in outcomes}

    assert 8 == len(outcomes)
    assert "int: 2 workers died over it, the last one with: its process killed or crashed." in errors[1]
    assert work_at_once.innocents_are_tried_alone(tmp_path, errors)


def test_a_worker_that_is_replaced_finishes_what_it_holds(tmp_path):
    """Two at a time, three per process: none is done twice, cut off or lost."""
    engine = RayEngine(workers=1, max_items_per_worker=3)
    tool = partial(work_at_once.Room, tmp_path, 3)
    outcomes = list(engine.map(enter_and_leave, range(8), tool, at_once=2))
    sizes = Counter(outcome.value[1] for outcome in outcomes).values()

    assert list(range(8)) == sorted(outcome.value[0] for outcome in outcomes)
    assert [2, 3, 3] == sorted(sizes)
    assert {f"{item}-1" for item in range(8)} == set(work_at_once.company(tmp_path))


def enter_and_leave(room: work_at_once.Room, item: int) -> tuple[int, int]:
    return room.leave(item, room.enter(item)), os.getpid()


def test_workers_are_kept_for_the_same_work_and_end_with_the_engine():
    """A model is loaded once for all rounds; another job ends its workers first."""
    with RayEngine(workers=1) as engine:
        first, second = (next(iter(engine.map(pid_of, [0.0], build))).value for _ in range(2))
        other = next(iter(engine.map(work_at_once.pid_of, [0.0], build))).value
        assert gone(first)
        assert not gone(other, within_s=0)

    assert first == second != other
    assert gone(other)


def test_items_are_pulled_as_workers_become_free():
    """An endless supply is read a few items ahead, not to its end."""
    pulled = itertools.count()
    outcomes = RayEngine(workers=2).map(double, (10 + next(pulled) for _ in itertools.count()), build)
    taken = [next(outcomes) for _ in range(20)]
    outcomes.close()

    assert 20 == len({outcome.item for outcome in taken})
    assert next(pulled) <= 20 + 2 * 2


def test_long_items_do_not_wait_behind_each_other():
    """A worker that is free takes the next item, even if it is given while the other is at a long one."""
    outcomes = list(RayEngine(workers=2).map(pid_of, [1.2, 1.2, 4.0, 0.1, 0.1, 0.1], build))
    beside = [outcome.value for outcome in outcomes if outcome.item == 0.1]
    behind = [outcome.value for outcome in outcomes if outcome.item == 4.0]

    assert set(behind).isdisjoint(beside)


def test_closing_early_ends_the_workers():
    """Whoever stops listening leaves no process behind."""
    outcomes = RayEngine(workers=2).map(pid_of, itertools.chain([0.0], itertools.repeat(30.0)), build)
    first = next(outcomes)
    outcomes.close()

    assert gone(first.value)


def test_a_value_that_cannot_travel_fails_its_item():
    """What cannot be pickled is the item's error, not the worker's death."""
    outcomes = list(RayEngine(workers=1).map(return_what_cannot_travel, [1, 2], build))

    assert [1, 2] == [outcome.item for outcome in outcomes]
    assert all("generator" in outcome.error for outcome in outcomes)


def test_no_items_need_no_cluster():
    """An empty batch is free: nobody connects."""
    assert [] == list(RayEngine(address=f"127.0.0.1:{free_ports(1)[0]}").map(double, [], broken_build))


def test_gpus_that_are_not_there_are_missed_before_any_work():
    """Ray would wait for ever for a GPU that no machine has."""
    with pytest.raises(BackendError, match="a worker wants 1 GPUs and no machine of the cluster has them"):
        next(RayEngine(gpus_per_worker=1).map(double, [1], build))


def test_an_address_where_nobody_listens_is_named():
    """Ray would try for five minutes and then end the process."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    program = f"from renderer.ray_cluster import connect; connect({address!r}, 1)"
    started = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert f"ServiceError: ray {address}: cannot be reached" in ended.stderr
    assert time.monotonic() - started < 30


@pytest.mark.slow
def test_a_wrong_token_is_named(cluster):
    """A cluster that does not know this process refuses it, in words that name the cure."""
    program = f"from renderer.ray_cluster import connect; connect({cluster!r}, 1)"
    environment = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "fedcba9876543210" * 2}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=90)

    assert f"ServiceError: ray {cluster}: " in ended.stderr
    assert "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN" in ended.stderr


@pytest.mark.slow
def test_a_second_process_works_on_the_same_cluster(cluster):
    """RAY_ADDRESS and the token are all that a process needs to join, and it leaves the cluster running."""
    program = (
        "import operator; from functools import partial; from renderer.ray_engine import RayEngine\n"
        "engine = RayEngine(workers=1)\n"
        "print([outcome.value for outcome in engine.map(operator.add, [1, 2], partial(int, 40))])\n"
        "engine.close()\n"
    )
    environment = os.environ | {"RAY_AUTH_MODE": "token", "RAY_ADDRESS": cluster}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120
    )

    assert "[41, 42]" == ended.stdout.strip(), ended.stderr
    assert ["tool"] == [outcome.value for outcome in RayEngine(workers=1).map(tool_for, [6], build)]


@pytest.mark.slow
def test_a_killed_process_takes_its_own_ray_with_it():
    """A Ray of our own ends with the process that started it, even one killed with SIGKILL: the workers at once."""
    program = (
        "import os, time, psutil; from functools import partial; from renderer.ray_engine import RayEngine\n"
        "work = lambda tool, item: os.getpid() if item else time.sleep(100)\n"
        "for outcome in RayEngine(workers=2).map(work, [1, 0, 0], dict):\n"
        "    print(outcome.value, *[child.pid for child in psutil.Process().children(recursive=True)], flush=True)\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    worker, *others = [int(pid) for pid in driver.stdout.readline().split()]
    driver.kill()
    driver.communicate()

    assert len(others) > 4
    assert gone(worker)
    assert [] == [pid for pid in others if not gone(pid, within_s=180)]


def test_manifests_give_away_no_more_than_they_must():
    """Every container of the cluster runs as a user without rights, within limits, behind the token."""
    documents = [
        d for path in sorted((ROOT / "docker/kuberay").glob("*.yaml")) for d in YAML(typ="safe").load_all(path)
    ]
    kinds = Counter(document["kind"] for document in documents)
    pods = [pod for document in documents for pod in pods_of(document)]
    containers = [container for pod in pods for container in pod["containers"]]

    assert {"RayCluster", "RayJob", "NetworkPolicy"} <= set(kinds)
    assert 3 <= len(containers)
    assert all(pod["securityContext"]["runAsNonRoot"] for pod in pods)
    assert not any(pod["automountServiceAccountToken"] for pod in pods)
    for container in containers:
        rights = container["securityContext"]
        names = {variable["name"] for variable in container["env"]}
        assert rights["readOnlyRootFilesystem"]
        assert not rights["allowPrivilegeEscalation"]
        assert ["ALL"] == rights["capabilities"]["drop"]
        assert {"cpu", "memory"} <= set(container["resources"]["limits"])
        assert {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN"} <= names


def pods_of(node: object) -> list[dict]:
    """Every pod spec inside a manifest."""
    if isinstance(node, list):
        return [pod for child in node for pod in pods_of(child)]
    if not isinstance(node, dict):
        return []
    own = [node] if "containers" in node else []
    return own + [pod for child in node.values() for pod in pods_of(child)]
