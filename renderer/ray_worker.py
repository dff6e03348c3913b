"""What `renderer.ray_engine` runs in the processes of a cluster, as `renderer.worker` is that of one machine."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from renderer.worker import Reply, attempt


class Report(NamedTuple):
    """What became of an item, or of building the tool, and the memory that the process holds since."""

    reply: Reply
    resident_bytes: int


class RemoteWorker:
    """Builds the tool once, then does items in the order in which they come."""

    def prepare(self, variables: Mapping[str, str], job: bytes) -> Report:
        """Build the tool of a pickled job, work and setup; an error in the reply means that no item can be done.

        The variables are set before anything of the job is imported: libraries read their threads when they are loaded.
        """
        os.environ.update(variables)
        self.job, error, retryable, seconds = attempt(_build, None, job)
        return Report((None, error, retryable, seconds), _resident_bytes())

    def attempt(self, item: Any) -> Report:
        """Do one item."""
        work, tool = self.job
        return Report(attempt(work, tool, item), _resident_bytes())


def _build(_: None, job: bytes) -> tuple[Callable[[Any, Any], Any], Any]:
    work, setup = pickle.loads(job)  # noqa: S301 # from the process that started this one
    return work, setup()


def _resident_bytes() -> int:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0
