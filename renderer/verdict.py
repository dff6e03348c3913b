"""The outcome of one check."""

from __future__ import annotations

from typing import NamedTuple


class Verdict(NamedTuple):
    """The outcome of a rule; `cure` is the sentence that is shown when it did not pass."""

    passed: bool
    measured: str
    limit: str
    cure: str
