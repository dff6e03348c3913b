"""Joins a Ray cluster, or starts a small one on this machine, and says how many workers fit on it."""

from __future__ import annotations

import logging
import os
import socket
import sys
from dataclasses import dataclass

import ray
from ray.exceptions import RayError

from renderer.errors import BackendError, ServiceError

LOCAL = "local"
REACHED_WITHIN_S = 10.0  # Ray itself tries for five minutes, then ends the process
OBJECT_STORE_BYTES = 100 * 2**20  # takes go to the store, not through Ray; the least that Ray accepts is 75 MiB


@dataclass(frozen=True)
class Places:
    """How many workers fit, and what one of them takes."""

    count: int
    cpus: float
    gpus: float
    threads: int


def connect(address: str, local_cpus: int) -> bool:
    """Join the cluster at an address, once per process; return whether this call did it.

    An address is `host:6379`, `auto`, or empty: RAY_ADDRESS, else a Ray of our own on this machine.

    Raises:
        ServiceError: it cannot be reached, or does not accept this process.
    """
    if ray.is_initialized():
        return False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report to its makers
    address = address or os.environ.get("RAY_ADDRESS", LOCAL)
    if address == LOCAL:
        ray.init(
            address=LOCAL,
            num_cpus=max(os.cpu_count() or 1, local_cpus),
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}},  # workers import what we can import
        )
    else:
        _join(address)
    return True


def places(workers: int | None, gpus_per_worker: float | None, threads: int | None) -> Places:
    """Return how many workers fit on the cluster, at most `workers`, and what each takes.

    Raises:
        ServiceError: it has neither CPUs nor GPUs.
        BackendError: GPUs are wanted and there are none.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    gpus, cpus = (sum(node.get(name, 0.0) for node in nodes) for name in ("GPU", "CPU"))
    share = gpus_per_worker if gpus_per_worker is not None else float(gpus > 0)
    name, each = ("GPU", share) if share else ("CPU", float(threads or 1))
    fit = sum(int(node.get(name, 0.0) / each) for node in nodes)
    if not fit and share:
        raise BackendError(
            f"ray: a worker wants {share:g} GPUs and no machine of the cluster has them ({gpus:g} in all). "
            "Add machines with GPUs, or set gpus_per_worker to 0."
        )
    if not fit:
        raise ServiceError(f"ray: no machine of the cluster has {each:g} CPUs ({cpus:g} in all). Add machines.")
    count = min(workers or fit, fit)
    return Places(count, 0.0 if share else each, share, threads or max(1, int(cpus / count)))


def _join(address: str) -> None:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=REACHED_WITHIN_S).close()
        except OSError as error:
            raise ServiceError(
                f"ray {address}: cannot be reached ({error}). Start the cluster, or correct RAY_ADDRESS."
            ) from error
    try:
        ray.init(address=address, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, RayError) as error:
        raise ServiceError(
            f"ray {address}: {error}. It must run Ray {ray.__version__}; for a cluster with a token, "
            "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN."
        ) from error
