"""What a run remembers: its context, its batches, what each stage did, and the account at the end."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from catalog import Brand, Campaign, Format, Locale, Variant
from renderer.artifacts import CaptionJob, Line, Record, Shot
from renderer.licences import Licence


class Terms(Record):
    """Under which licence the pictures of an ad were made, and what it asks of whoever shows the ad."""

    licence: str = ""
    attribution: str = ""  # a sentence to show
    disclosure: bool = False  # the ad must be marked as made by a machine
    keeps_watermark: bool = False
    trains_no_models: bool = False

    @classmethod
    def of(cls, licence: Licence) -> Terms:
        """Return what a licence asks."""
        return cls(
            licence=licence.name,
            attribution=licence.attribution,
            disclosure=licence.disclosure,
            keeps_watermark=licence.keeps_watermark,
            trains_no_models=licence.trains_no_models,
        )


class ModelUse(Record):
    """Which video model made the pictures, from which weights, and what it did only approximately."""

    model: str = ""
    model_revision: str = ""
    approximations: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """The model for people, with what was approximate."""
        return f"{self.model} with {', '.join(self.approximations)}" if self.approximations else self.model


class VariantPlan(Record):
    """One variant and the keys of what it needs, in story order.

    `shots` has one key per scene; `lines` and `cues` one per scene and one more for the end card if there is one,
    None where it is silent.
    """

    variant: Variant
    shots: tuple[str, ...]
    lines: tuple[str | None, ...]
    cues: tuple[str | None, ...]
    creative_key: str


class RunContext(Record):
    """What every task of a run needs to know besides its own batch.

    `source` is the campaign as it was when the run started, with the model and dials of the run's tier; the brand's
    logo lies in the store.
    """

    campaign: str
    run_id: str
    source: Campaign
    as_of: str
    model: str
    brand: Brand
    locales: dict[str, Locale]
    formats: dict[str, Format]
    terms: Terms = Terms()


class Batch(Record):
    """A part of a run that one worker does: variants, and every shot, line and caption they need.

    Batches that share a shot each list it; whoever comes first makes it.
    """

    label: str
    shots: tuple[Shot, ...]
    lines: tuple[Line, ...]
    captions: tuple[CaptionJob, ...]
    variants: tuple[VariantPlan, ...]


class PlanSummary(ModelUse):
    """What a run needs and what was missing when it was planned."""

    requested: int
    refused: int
    variants: int
    shots: int
    lines: int
    missing_shots: tuple[str, ...]
    missing_lines: int
    missing_creatives: int
    gpu_hours: float
    cpu_hours: float
    cost_usd: float
    gpu_hour_usd: float | None = None  # the price behind it; None in records of earlier versions
    batch_labels: tuple[str, ...]
    licence: str = ""
    warnings: tuple[str, ...] = ()


class Failure(Record):
    """One item that a stage could not do: its key, and the sentence that says why."""

    stage: str
    item: str
    error: str
    retryable: bool


class StageAccount(Record):
    """What one stage did with one batch."""

    stage: str
    seconds: float
    wanted: int
    made: int
    failures: tuple[Failure, ...]
    ended_at: str = ""  # ISO 8601, UTC

    @property
    def cached(self) -> int:
        """How many were in the store already."""
        return self.wanted - self.made - len(self.failures)


class Spending(Record):
    """The seconds of a GPU that each take cost which a batch of this run has rendered, by the key of the take."""

    gpu_seconds: dict[str, float] = Field(default_factory=dict)


class Cost(Record):
    """What a run costs in hours of GPUs, and in money at the price that its plan was made with.

    `spent` is measured: the takes that this run rendered. `planned`, and `left` for takes that are missing still, are
    estimates. `saved` is what the takes of all finished ads would have cost, had each ad needed its own, less what was
    paid for them: as measured when they were rendered, by the estimate where that was not noted. `over_budget` is a
    sentence, or empty.
    """

    gpu_hour_usd: float = 0.0
    gpu_hours_planned: float = 0.0
    gpu_hours_spent: float = 0.0
    gpu_hours_left: float = 0.0
    gpu_hours_saved: float = 0.0
    saved_measured: bool = True  # nothing of it is an estimate
    usd_planned: float = 0.0
    usd_spent: float = 0.0
    usd_left: float = 0.0
    usd_saved: float = 0.0
    over_budget: str = ""


class DeliveredCreative(Record):
    """One delivered variant with the facts that were measured; paths are objects of the store."""

    variant: str
    product: str
    locale: str
    format: str
    object: str
    webvtt: str
    srt: str
    ttml: str
    poster: str
    url: str
    sha256: str
    width: int
    height: int
    duration_s: float
    video_codec: str
    audio_codec: str
    loudness_lufs: float
    peak_dbtp: float
    warnings: tuple[str, ...]
    music: str = ""  # the mood, or the file in the store
    music_licence: str = ""
    terms: Terms = Terms()


class ManifestRow(Record):
    """One delivered variant, as ad platforms and spreadsheets want it; its last fields are the terms of the model."""

    variant: str
    campaign: str
    product: str
    locale: str
    format: str
    axes: dict[str, str]
    url: str
    sha256: str
    captions: tuple[str, ...]
    headlines: tuple[str, ...]
    narration: str
    cta: str
    price: str
    sale_price: str
    music: str
    music_licence: str
    delivered_at: str
    model: str
    model_revision: str
    approximations: tuple[str, ...]
    licence: str
    attribution: str
    disclosure: bool
    keeps_watermark: bool
    trains_no_models: bool


class SaleWindow(Record):
    """When a sale price counts: ISO 8601 with offset, empty on an open side."""

    starts: str = ""
    ends: str = ""


class Offer(Record):
    """What the feed says about selling one product: where not, until when cheaper, on which page.

    `sales` and `links` are by locale where a local feed says its own, and under "" as the feed itself says.
    """

    sold_out: bool = False
    sold_out_in: tuple[str, ...] = ()
    sales: dict[str, SaleWindow] = Field(default_factory=dict)
    links: dict[str, str] = Field(default_factory=dict)


class Offers(Record):
    """What a campaign could advertise when its catalogs were read (`as_of`), by product id.

    `unasked` products are in the feed and not asked for, `refused` ones have a row that cannot be read.
    """

    as_of: str
    locales: tuple[str, ...]
    formats: tuple[str, ...]
    products: dict[str, Offer]
    unasked: dict[str, Offer] = Field(default_factory=dict)
    refused: tuple[str, ...] = ()
    feed_shrink: float = 0.3

    def sells(self, product: str, locale: str) -> bool:
        """Tell whether a product is in stock where a locale is spoken, as far as its row can be read."""
        offer = self.products.get(product, Offer())
        return not offer.sold_out and locale not in offer.sold_out_in


class LiveRow(ManifestRow):
    """One creative of a campaign at its destination, and whether it is still meant to be shown.

    `superseded`: another creative of the same variant took its place. `withdrawn`: nothing did. `run` is the run that
    made it so, at `status_at` (ISO 8601, UTC).
    """

    status: Literal["delivered", "superseded", "withdrawn"]
    status_at: str
    reason: str = ""
    run: str = ""
    title: str = ""
    link: str = ""
    width: int = 0
    height: int = 0
    duration_s: float = 0
    size_bytes: int = 0

    @model_validator(mode="before")
    @classmethod
    def _of_any_version(cls, facts: Any) -> Any:
        """Rows are kept for years: what a version did not know yet is empty, what it alone knew is left out."""
        if not isinstance(facts, dict):
            return facts
        empty: dict[Any, Any] = {str: "", bool: False, dict[str, str]: {}}
        fields = {name: field for name, field in cls.model_fields.items() if name in facts or field.is_required()}
        return {name: facts.get(name, empty.get(field.annotation, ())) for name, field in fields.items()}


class Undelivered(Record):
    """One variant that did not arrive, and why."""

    variant: str
    reason: str


class RunReport(ModelUse):
    """The account of a run: requested = delivered + waiting + rejected + failed, each with its reason."""

    campaign: str
    run_id: str
    requested: int
    creatives: tuple[DeliveredCreative, ...]
    waiting: tuple[Undelivered, ...]
    rejected: tuple[Undelivered, ...]
    failed: tuple[Undelivered, ...]
    withdrawn: tuple[Undelivered, ...] = ()  # earlier creatives that this run withdrew or superseded
    problems: tuple[str, ...]
    shots: int
    shots_rendered: int
    seconds: dict[str, float]
    cost: Cost = Cost()

    @property
    def delivered(self) -> int:
        """How many variants lie at their destination."""
        return len(self.creatives)

    @property
    def shots_cached(self) -> int:
        """How many takes were in the store before this run."""
        return self.shots - self.shots_rendered

    @property
    def complete(self) -> bool:
        """Tell whether everything that was asked for was delivered and nothing was wrong."""
        return self.delivered == self.requested and not self.problems
