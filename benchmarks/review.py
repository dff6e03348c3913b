"""Opens a run of ten thousand ads in Chromium, scrolls through it, and approves a thousand, one by one and at once.

    python benchmarks/review.py [--ads 10000] [--approve 1000] [--s3]

The ads are records without pictures; the store is a folder, or an S3 server of this machine. Times are the reviewer's:
from the address to the first ad on screen, from one key to the next ad, between two frames while scrolling.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

import conftest  # Airflow's environment, before its first import
from finished_run import RUN, write_run
from renderer import services
from renderer.dashboard.ads import keep_batch
from renderer.dashboard.desk import Desk
from renderer.journal import Journal
from renderer.run_state import RunState
from renderer.settings import Settings
from renderer.store import open_store
from review_server import browser, serve

SCROLL = """() => new Promise((done) => {
  const grid = document.getElementById("grid"), gaps = [];
  let last = performance.now(), left = 240;
  const step = (now) => { gaps.push(now - last); last = now; grid.scrollTop += 350; if (--left) requestAnimationFrame(step); else done(gaps); };
  requestAnimationFrame(step);
})"""


def timed(label: str, work: Callable[[], object]) -> object:
    """Do something, print how long it took, return what it gave."""
    began = time.perf_counter()
    result = work()
    print(f"{label:<58} {time.perf_counter() - began:8.2f} s", flush=True)
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ads", type=int, default=10_000)
    parser.add_argument("--approve", type=int, default=1000)
    parser.add_argument("--s3", action="store_true")
    wish = parser.parse_args()
    from airflow.utils.db import initdb

    initdb()
    with tempfile.TemporaryDirectory(prefix="adloom-review-") as folder:
        settings = Settings(store_url=f"file://{folder}/store", build_dir=Path(folder))
        if wish.s3:
            settings = services.up_store(Settings(build_dir=Path(folder), s3_port=conftest.free_ports(1)[0]))
        try:
            measure(settings, Path(folder), wish)
        finally:
            if wish.s3:
                services.down(settings)


def measure(settings: Settings, folder: Path, wish: argparse.Namespace) -> None:
    """Write a run and review it."""
    store = open_store(settings.store_url, settings.cache_dir)
    print(f"{wish.ads:,} ads on {settings.store_url.split(':')[0]}, {os.cpu_count()} cores")
    write_run(store, folder / "campaign", wish.ads)
    state = RunState(RUN, store)
    batches = range(len(state.summary().batch_labels))
    timed(
        "check stages: each keeps its batch's rows beside the run", lambda: [keep_batch(state, one) for one in batches]
    )
    timed("review stage: what is left to keep", lambda: Desk(settings, store).ads(RUN))
    with serve(settings) as url, browser(url) as page:
        open_page(page, url, "open, server just started")
        open_page(page, url, "open again")
        gaps = page.evaluate(SCROLL)
        late = sum(gap > 34 for gap in gaps)
        print(
            f"scroll: {statistics.median(gaps):.1f} ms a frame, the slowest {max(gaps):.0f}, {late} of {len(gaps)} late"
        )
        page.evaluate("document.getElementById('grid').scrollTop = 0")
        page.locator(".ad").first.click()
        timed(
            f"approve {wish.approve:,} by keyboard, as fast as the page goes",
            lambda: approve(page, store, wish.approve),
        )
        page.select_option("#product", index=2)
        page.select_option("#product", "")
        page.click("#choose-all")
        timed("approve all at once", lambda: approve_all(page))
    timed("read all decisions from the start", Journal("test", store).refresh)
    print(f"{Journal('test', store).refresh().revision:,} entries in the journal")


def open_page(page, url: str, label: str) -> None:
    """Open the run and wait for its first ad."""

    def work() -> None:
        page.goto(f"{url}?run={RUN}")
        page.wait_for_selector(".ad")

    timed(label, work)


def approve(page, store, count: int) -> None:
    """Press A once for every ad, and wait until all is kept."""
    for _ in range(count):
        page.keyboard.press("a")
    while Journal("test", store).refresh().revision < count * 6 // 7:  # ads that failed their checks make no entry
        time.sleep(0.2)


def approve_all(page) -> None:
    """Press one button."""
    page.click("[data-say=approve]")
    page.wait_for_selector(".toast >> text=/ads approved/")


if __name__ == "__main__":
    main()
