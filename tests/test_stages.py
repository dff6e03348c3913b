"""A stage over a batch: what failed is tried once more, by workers that are ready for it."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

from campaign_folder import write_campaign
from renderer import batches
from renderer.artifacts import Shot
from renderer.dashboard.desk import Desk
from renderer.engine import Outcome
from renderer.errors import StoreError
from renderer.local_engine import LocalEngine
from renderer.settings import Settings
from renderer.stages import STAGES, run_stage
from work_at_once import gone


class Counted:
    """A tool that leaves a note where it is built."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / str(os.getpid())).touch()
        self.folder = folder

    def fail_once(self, shot: Shot) -> None:
        """Fail the first time, as a server that was away for a moment does."""
        note = self.folder.parent / f"tried-{shot.key}"
        if not note.exists():
            note.touch()
            raise StoreError(f"{shot.key}: the server is away. Try again.")


def test_what_is_tried_again_meets_the_workers_of_the_first_try(tmp_path, monkeypatch):
    """A model is loaded once per stage; its worker ends with the stage."""
    settings = Settings(store_url=f"file://{tmp_path}/store", build_dir=tmp_path, workers=1)
    run = batches.start_run(str(write_campaign(tmp_path / "c")), "r1", None, None, settings)["run"]
    number = batches.plan_run(run, settings)["batches"][0]["batch"]
    stage = replace(
        STAGES["generate"],
        engine=lambda settings: LocalEngine(1),
        run=lambda work, shots, engine: engine.map(Counted.fail_once, shots, partial(Counted, tmp_path / "built")),
    )
    monkeypatch.setitem(STAGES, "generate", stage)
    account = run_stage("generate", int(number), batches.open_run(run, settings), settings)
    built = [int(note.name) for note in (tmp_path / "built").iterdir()]

    assert 2 <= account.wanted == account.made
    assert account.wanted == len(list(tmp_path.glob("tried-*")))
    assert 1 == len(built)
    assert gone(built[0])


def test_a_batch_tells_how_far_it_is(tmp_path, monkeypatch):
    """Whoever looks at the run meanwhile sees every finished item; the account counts once there is one."""
    settings = Settings(store_url=f"file://{tmp_path}/store", build_dir=tmp_path, workers=1)
    run = batches.start_run(str(write_campaign(tmp_path / "c")), "r1", None, None, settings)["run"]
    state = batches.open_run(run, settings)
    batches.plan_run(run, settings)
    seen = []

    def look(work, lines, engine):
        for line in lines:
            yield Outcome(line, line, None, False, 0.1)
            seen.append(
                [(row.batches, row.made) for row in Desk(settings).overview(run).stages if row.stage == "narrate"]
            )

    monkeypatch.setattr("renderer.stages.NOTE_EVERY_S", 0.0)
    monkeypatch.setitem(STAGES, "narrate", replace(STAGES["narrate"], run=look))
    account = run_stage("narrate", 0, state, settings)
    after = [(row.batches, row.made) for row in Desk(settings).overview(run).stages if row.stage == "narrate"]

    assert [[(0, made)] for made in range(1, account.made + 1)] == seen
    assert [(1, account.made)] == after
    assert account.made > 1
