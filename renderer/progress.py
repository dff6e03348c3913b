"""Counts what a run wants and what the store has: the same answer for the command line, Airflow's log and the page."""

from __future__ import annotations

from dataclasses import dataclass

from renderer.run_state import RunState
from renderer.store import Store
from renderer.versions import CODE_VERSIONS

# where the store keeps the records of each counted stage, in the order of the flow
FOLDERS = {
    "generate": "takes",
    "narrate": "speech",
    "caption": "cues",
    "compose": "creatives",
    "check": f"checks/{CODE_VERSIONS['check']}",
}


@dataclass(frozen=True)
class Progress:
    """How far one stage is: `done` of `wanted`, of which `reused` were there before the run; `failed` so far."""

    stage: str
    done: int
    wanted: int
    reused: int
    failed: int


def observe(run: str, store: Store) -> list[Progress]:
    """Return the progress of every counted stage; empty until the run is planned."""
    state = RunState(run, store)
    if not store.exists(f"{state.prefix}/planned.jsonl.gz"):
        return []
    wanted: dict[str, set[str]] = {stage: set() for stage in FOLDERS}
    for planned in state.planned():
        wanted["generate"].update(planned.shots)
        wanted["narrate"].update(key for key in planned.lines if key)
        wanted["caption"].update(key for key in planned.cues if key)
        wanted["compose"].add(planned.creative_key)
        wanted["check"].add(planned.creative_key)
    return [_progress(stage, keys, state, store) for stage, keys in wanted.items()]


def present(folder: str, keys: set[str], store: Store) -> set[str]:
    """Return those keys whose record is in the store."""
    return keys & {
        key.rpartition("/")[2].removesuffix(".json") for key in store.keys(f"{folder}/") if key.endswith(".json")
    }


def _progress(stage: str, keys: set[str], state: RunState, store: Store) -> Progress:
    accounts = list(state.accounts(f"{stage}/"))
    made = sum(account.made for account in accounts)
    failed = len({failure.item for account in accounts for failure in account.failures})
    done = len(present(FOLDERS[stage], keys, store))
    return Progress(stage, done=done, wanted=len(keys), reused=max(0, done - made), failed=failed)
