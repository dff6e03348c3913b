"""Renders distinct shots through Ray and through our own worker processes, with a worker killed on the way.

    python benchmarks/ray_scaling.py [--shots 200] [--workers 2] [--kill] [--model tiny|backdrop] [--device auto]
                                     [--engines ray,local] [--address HOST:6379] [--at-once 3]

`tiny` has networks of random weights and the real ones' size of takes: for two CPU cores. `--kill` ends one worker with
SIGKILL when a quarter of the shots is there; that needs the workers on this machine. `--at-once` shots are in a worker
at a time; without it, as many as `generate` asks for. Times begin when Ray is connected
and hold the building of models. Every engine writes to an empty store of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

import psutil

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from told import Told

from backdrop_model import plain_upsampler, shot, tiny_network
from renderer.artifacts import Shot
from renderer.backends.backdrop import SIZES
from renderer.backends.backdrop.sampler import BackdropModel
from renderer.backends.video_models import Place
from renderer.engine import Engine
from renderer.generate import generate, record_key
from renderer.local_engine import LocalEngine
from renderer.ray_cluster import connect
from renderer.ray_engine import RayEngine
from renderer.store import Store, open_store

SCENES = ("silk", "marble", "mist", "water")
WORKERS = ("ray::RemoteWorker", "renderer.worker")  # how worker processes of either engine are called


def main() -> None:
    """Render with each engine and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, help="of one worker; default: the cores, shared out")
    parser.add_argument("--at-once", type=int, help="shots in a worker; default: as `generate` says")
    parser.add_argument("--kill", action="store_true", help="one worker on the way")
    parser.add_argument("--model", choices=["tiny", "backdrop"], default="tiny")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--engines", default="ray,local")
    parser.add_argument("--address", default="", help="of a Ray cluster; default: one of our own")
    options = parser.parse_args()
    shots = campaign(options.shots)
    for name in options.engines.split(","):
        tool = partial(tiny_model, options.device) if options.model == "tiny" else None
        engine = Told(engine_of(name, options), tool, options.at_once)
        with tempfile.TemporaryDirectory(prefix="adloom-scaling-") as folder:
            kill_at = options.shots // 4 if options.kill else None
            print(
                name,
                measured(engine, shots, open_store(f"file://{folder}"), Place(options.device), kill_at),
                flush=True,
            )


def campaign(count: int) -> list[Shot]:
    """Distinct shots of few scenes in all sizes."""
    sizes = list(SIZES.values())
    return [
        shot(key=f"shot-{number:05}", scene=SCENES[number % len(SCENES)], seed=number, width=width, height=height)
        for number in range(count)
        for width, height in [sizes[number // len(SCENES) % len(sizes)]]
    ]


def engine_of(name: str, options: argparse.Namespace) -> Engine:
    """The engine of that name; Ray is connected, and says how long that took."""
    if name == "local":
        return LocalEngine(options.workers, options.threads)
    started = time.monotonic()
    connect(options.address, options.workers)
    print(f"ray connected in {time.monotonic() - started:.1f} s", flush=True)
    return RayEngine(options.address, options.workers, threads=options.threads)


def tiny_model(device: str) -> BackdropModel:
    """The embedded model with networks of random weights."""
    return BackdropModel(device, (tiny_network(), plain_upsampler()))


def measured(engine: Engine, shots: list[Shot], store: Store, place: Place, kill_at: int | None) -> str:
    """Render all shots; say what came back, what is in the store, and how fast."""
    started, first = time.monotonic(), None
    delivered, failed, killed = Counter(), Counter(), None
    for outcome in generate(shots, store, engine, place):
        first = first or time.monotonic()
        (failed if outcome.error else delivered)[outcome.item.key] += 1
        if outcome.error:
            print(outcome.error, file=sys.stderr)
        if kill_at is not None and killed is None and delivered.total() >= kill_at:
            killed = kill_a_worker()
    seconds = time.monotonic() - started
    stored = sum(store.exists(record_key(shot)) for shot in shots)
    return (
        f"delivered {delivered.total()} of {len(shots)}, unique {len(delivered)}, stored {stored}, "
        f"failed {failed.total()}, killed worker {killed}, {seconds:.1f} s, {len(shots) / seconds:.2f} shots/s, "
        f"first take after {(first or started) - started:.1f} s"
    )


def kill_a_worker() -> int:
    """End the busiest worker process of ours at once; return its id."""
    ours = psutil.Process(os.getpid()).children(recursive=True)
    workers = [child for child in ours if any(name in " ".join(child.cmdline()) for name in WORKERS)]
    victim = max(workers, key=lambda child: sum(child.cpu_times()[:2]))
    victim.kill()
    return victim.pid


if __name__ == "__main__":
    import ray_scaling  # worker processes import functions by the name of their module, and ours is __main__

    ray_scaling.main()
