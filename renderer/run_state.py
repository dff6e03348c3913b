"""Where the state of a run lies in the store: `runs/<campaign>/<run_id>/`, small JSON and gzipped JSON lines."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from catalog import Refusal, Variant
from renderer.artifacts import Shot
from renderer.errors import StoreError
from renderer.run_records import (
    Batch,
    ModelUse,
    Offers,
    PlanSummary,
    RunContext,
    RunReport,
    Spending,
    StageAccount,
    VariantPlan,
)
from renderer.store import Store

R = TypeVar("R", bound=BaseModel)

WHOLE_RUN = "run"  # the batch name of stages that are not split


class Problems(BaseModel):
    """What was wrong with feeds, locales and copy, in words."""

    sentences: tuple[str, ...] = ()


class RunState:
    """Reads and writes what one run must remember. `run` is `<campaign>/<run_id>`."""

    def __init__(self, run: str, store: Store) -> None:
        self.run = run
        self.store = store
        self.prefix = f"runs/{run}"

    def start(self, context: RunContext, problems: Iterable[str]) -> None:
        """Write down what the run is about."""
        self.store.put_record(f"{self.prefix}/problems.json", Problems(sentences=tuple(problems)))
        self.store.put_record(f"{self.prefix}/context.json", context)

    def context(self) -> RunContext:
        """Return what the run is about.

        Raises:
            StoreError: there is no such run.
        """
        return self._record("context.json", RunContext)

    def problems(self) -> tuple[str, ...]:
        """Return what was wrong with the input."""
        return self._record("problems.json", Problems).sentences

    def write_expanded(self, variants: Iterable[Variant], refused: Iterable[Refusal]) -> None:
        """Keep what expanding gave."""
        self._write_lines("variants.jsonl.gz", variants)
        self._write_lines("refused.jsonl.gz", refused)

    def variants(self) -> Iterator[Variant]:
        """Yield the expanded variants."""
        return self._lines("variants.jsonl.gz", Variant)

    def refused(self) -> Iterator[Refusal]:
        """Yield the variants that cannot be made."""
        return self._lines("refused.jsonl.gz", Refusal)

    def write_offers(self, offers: Offers) -> None:
        """Keep what could be advertised when the run began."""
        self.store.put_record(f"{self.prefix}/offers.json", offers)

    def offers(self) -> Offers | None:
        """Return what could be advertised when the run began; None for a run that repeats another one."""
        return self.store.get_record(f"{self.prefix}/offers.json", Offers)

    def write_plan(self, planned: Iterable[VariantPlan], shots: Iterable[Shot], batches: Iterable[Batch]) -> None:
        """Keep what planning gave."""
        self._write_lines("planned.jsonl.gz", planned)
        self._write_lines("shots.jsonl.gz", shots)
        for number, batch in enumerate(batches):
            self.store.put_record(f"{self.prefix}/batches/{number:03}.json", batch)

    def write_summary(self, summary: PlanSummary) -> None:
        """Keep the numbers of the plan, once: a second try of the task must not count its own work as found."""
        self.store.put_bytes(f"{self.prefix}/plan.json", summary.model_dump_json().encode())

    def summary(self) -> PlanSummary:
        """Return the numbers of the plan."""
        return self._record("plan.json", PlanSummary)

    def planned(self) -> Iterator[VariantPlan]:
        """Yield every planned variant, missing or not."""
        return self._lines("planned.jsonl.gz", VariantPlan)

    def planned_as(self, creative_keys: Collection[str]) -> dict[str, VariantPlan]:
        """Return the variants that are planned under these keys, without making records of all others."""
        wanted = [key.encode() for key in creative_keys]
        lines = self._raw_lines("planned.jsonl.gz") if wanted else []
        found = [VariantPlan.model_validate_json(line) for line in lines if any(key in line for key in wanted)]
        return {planned.creative_key: planned for planned in found if planned.creative_key in creative_keys}

    def shots(self) -> Iterator[Shot]:
        """Yield every shot of the run, rendered or not."""
        return self._lines("shots.jsonl.gz", Shot)

    def model_use(self) -> ModelUse:
        """Return what makes the pictures: all shots of a run have one model, its weights and its approximations.

        The summary is of the first plan, and the weights may be others by now.
        """
        shot = next(self.shots(), None)
        if shot is None:
            return ModelUse(model=self.context().model)
        return ModelUse(model=shot.model, model_revision=shot.revision, approximations=shot.approximations)

    def batch(self, number: int) -> Batch:
        """Return one batch."""
        return self._record(f"batches/{number:03}.json", Batch)

    def write_account(self, batch: str, account: StageAccount) -> None:
        """Keep what a stage did with a batch; a later try adds what it made to what earlier tries made."""
        key = f"accounts/{account.stage}/{batch}.json"
        earlier = self.store.get_record(f"{self.prefix}/{key}", StageAccount)
        if earlier is not None:
            account = account.model_copy(
                update={"made": account.made + earlier.made, "seconds": account.seconds + earlier.seconds}
            )
        account = account.model_copy(update={"ended_at": datetime.now(UTC).isoformat(timespec="seconds")})
        self.store.put_record(f"{self.prefix}/{key}", account)

    def accounts(self, stage: str = "") -> Iterator[StageAccount]:
        """Yield what all stages, or one of them, did so far."""
        keys = list(self.store.keys(f"{self.prefix}/accounts/{stage}"))
        yield from filter(None, self.store.get_records(keys, StageAccount))

    def write_under_way(self, batch: int, account: StageAccount) -> None:
        """Keep how far a stage is with a batch; its account, once there is one, counts instead."""
        self.store.put_record(f"{self.prefix}/under_way/{account.stage}/{batch:03}.json", account)

    def so_far(self) -> Iterator[StageAccount]:
        """Yield the account of every stage of every batch, or how far it is: then `ended_at` is empty."""
        keys: dict[str, str] = {}
        for folder in (f"{self.prefix}/under_way/", f"{self.prefix}/accounts/"):
            keys |= {key.removeprefix(folder): key for key in self.store.keys(folder)}
        yield from filter(None, self.store.get_records(list(keys.values()), StageAccount))

    def account(self, stage: str, batch: str) -> StageAccount | None:
        """Return what one stage did with one batch."""
        return self.store.get_record(f"{self.prefix}/accounts/{stage}/{batch}.json", StageAccount)

    def write_spending(self, batch: int, spending: Spending) -> None:
        """Keep what the takes cost that a batch has rendered so far."""
        self.store.put_record(f"{self.prefix}/spending/{batch:03}.json", spending)

    def spending(self, batch: int) -> Spending:
        """Return what the takes cost that a batch has rendered so far, whichever try it was."""
        return self.store.get_record(f"{self.prefix}/spending/{batch:03}.json", Spending) or Spending()

    def spent(self) -> dict[str, float]:
        """Return the GPU seconds of every take that this run has rendered; batches that share a take count it once."""
        keys = list(self.store.keys(f"{self.prefix}/spending/"))
        noted = filter(None, self.store.get_records(keys, Spending))
        return {key: seconds for one in noted for key, seconds in one.gpu_seconds.items()}

    def write_report(self, report: RunReport) -> None:
        """Keep the account of the whole run."""
        self.store.put_record(f"{self.prefix}/report.json", report)

    def report(self) -> RunReport | None:
        """Return the account of the whole run, once it is closed."""
        return self.store.get_record(f"{self.prefix}/report.json", RunReport)

    def _record(self, name: str, kind: type[R]) -> R:
        record = self.store.get_record(f"{self.prefix}/{name}", kind)
        if record is None:
            raise StoreError(
                f"run {self.run}: {name} is not in the store. Start the run first: adloom expand CAMPAIGN."
            )
        return record

    def _write_lines(self, name: str, records: Iterable[BaseModel]) -> None:
        with tempfile.NamedTemporaryFile(suffix=".jsonl.gz") as file:
            with gzip.open(file, "wt", encoding="utf-8", compresslevel=3) as lines:
                lines.writelines(f"{record.model_dump_json()}\n" for record in records)
            file.flush()
            # a retry of the task writes the same lines again; whatever an interrupted try left is replaced
            self.store.put_bytes(f"{self.prefix}/{name}", Path(file.name).read_bytes(), replace=True)

    def _lines(self, name: str, kind: type[R]) -> Iterator[R]:
        for line in self._raw_lines(name):
            yield kind.model_validate_json(line)

    def _raw_lines(self, name: str) -> list[bytes]:
        body = self.store.get_bytes(f"{self.prefix}/{name}")
        if body is None:
            raise StoreError(f"run {self.run}: {name} is not in the store. Run the stage before this one.")
        return gzip.decompress(body).splitlines()
