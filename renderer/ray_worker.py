"""What `renderer.ray_engine` runs in the processes of a cluster, as `renderer.worker` is that of one machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from renderer.worker import Reply, attempt, build


class Report(NamedTuple):
    """What became of an item, or of building the tool, and the memory that the process holds since."""

    reply: Reply
    resident_bytes: int


class RemoteWorker:
    """Builds the tool once, then does items as they come, several at a time where the actor has several threads."""

    def prepare(self, variables: Mapping[str, str], packed: bytes) -> Report:
        """Build the tool of a pickled job; an error in the reply means that no item can be done.

        The variables are set before anything of the job is imported: libraries read their threads when they are loaded.
        """
        os.environ.update(variables)
        self.job, reply = build(packed)
        return Report(reply, _resident_bytes())

    def attempt(self, item: Any) -> Report:
        """Do one item."""
        assert self.job is not None, "items come when the tool is built"
        return Report(attempt(self.job.work, self.job.tool, item), _resident_bytes())


def _resident_bytes() -> int:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0
