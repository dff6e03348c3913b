"""The steps of a run as Airflow and the command line call them: ids go in, counts come out, state lies in the store."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from catalog import Brand, Campaign, Refusal, Sample, Variant
from catalog.campaign import Budget, Tier, with_files
from catalog.campaign_file import at_tier, load_campaign
from catalog.combine import combine
from catalog.expand import expand
from catalog.inputs import Inputs, read_inputs
from renderer import stages
from renderer.account import close, finished
from renderer.backends.video_models import VIDEO_MODELS, Place, facts_at, find_video_model
from renderer.backends.voices import find_voices
from renderer.campaign_files import store_files
from renderer.dashboard.ads import ads_of, keep_batch
from renderer.destinations import check_destinations, show_of, tell
from renderer.digest import file_sha256
from renderer.errors import BudgetExceeded, PlanError, StoreError
from renderer.feeds import feed_file
from renderer.images import fetch_images
from renderer.journal import Journal
from renderer.licences import LICENCES
from renderer.live import add_events, campaign_prefix, gone, live_row, live_rows, news, recalled, refuse_shrunken
from renderer.offers import latest, offers_of, too_late, write_latest
from renderer.picture.fonts import Shelf
from renderer.plan import plan
from renderer.publish import manifest_row, publish, write_manifest
from renderer.review import review
from renderer.run_records import Cost, RunContext, RunReport, StageAccount, Terms
from renderer.run_state import WHOLE_RUN, RunState
from renderer.settings import Settings
from renderer.spending import cost_of, hours_by_shot, over_budget
from renderer.split import missing_variants, split, summarize
from renderer.store import Store, open_store
from renderer.tools import Tools

EVERYTHING = Sample()
QUALITY = (*Tier.model_fields, "tiers", "tier", "budget")  # what a promoted run takes from the campaign as it is now
FILTERS = ("products", "locales", "formats")
NO_FILTER: Mapping[str, Sequence[str]] = {}

log = logging.getLogger(__name__)


def start_run(
    campaign: str,
    run_id: str,
    sample: int | None,
    model: str | None,
    settings: Settings,
    *,
    whole: bool = False,
    tier: str | None = None,
    gpu_hours: float | None = None,
    only: Mapping[str, Sequence[str]] = NO_FILTER,
) -> dict[str, Any]:
    """Expand a campaign: read its catalogs and pictures and write down every variant that was asked for.

    `campaign` is a folder, or the name of one in the templates folder. `sample` bounds the count; the campaign's own
    sample is taken unless `whole` is set. `tier`, `model` and `gpu_hours` (budget) replace the campaign's own; `only`
    lists the `products`, `locales` and `formats` to choose from.

    Raises:
        CatalogError: the campaign cannot be used. Wrong rows and locales only refuse their own variants.
        PlanError: `only` names what the campaign does not have.
    """
    started = time.monotonic()
    folder = campaign_folder(campaign, settings)
    inputs = read_inputs(folder, feed_file(folder, settings))
    moment = datetime.now(UTC)
    offers = offers_of(inputs, moment)
    store = open_store(settings.store_url, settings.cache_dir)
    _check_filter(only, inputs)
    source = _with_budget(_with_model(at_tier(inputs.campaign, inputs.file, tier), model), gpu_hours)
    inputs = replace(inputs, campaign=with_files(source, store_files(inputs, store)))
    state = RunState(f"{inputs.campaign.id}/{run_id}", store)
    inputs = replace(inputs, products=tuple(one for one in inputs.products if not offers.products[one.id].sold_out))
    part = _part(inputs.campaign.sample, sample, only, whole=whole)
    combinations = [one for one in combine(inputs, part) if offers.sells(one.product_id, one.locale)]
    wanted = {combination.product_id for combination in combinations}
    products = [product for product in inputs.products if product.id in wanted]
    images, problems = fetch_images(products, store, more_beside=_feed_folder(inputs))
    unusable = {problem.subject: problem for problem in problems}
    results = list(expand(inputs, combinations, images, unusable, moment))
    found = [*map(str, inputs.problems), *map(str, problems)]
    state.write_offers(offers)
    return _begun(state, _context(inputs, run_id, moment, store), results, found, started) | {
        "products": len(inputs.products) + len(inputs.refused_products),
        "locales": len(inputs.campaign.locales),
        "formats": len(inputs.campaign.formats),
        "whole": len(combine(inputs)),
        "sold_out": sum(offer.sold_out for offer in offers.products.values()),
    }


def _feed_folder(inputs: Inputs) -> Path | None:
    """Return where further pictures of products lie, None where no scene shows them."""
    wishes = [scene.images for scene in inputs.campaign.scenes]
    wishes += [override.set.get("images", "first") for override in inputs.campaign.overrides]
    return (inputs.folder / inputs.campaign.feed).parent if "sequence" in wishes else None


def begin_run(campaign: str, run_id: str, wish: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Begin a run as a form or a command line asks: with `promote` an earlier one again, otherwise anew.

    Raises:
        CatalogError: the campaign cannot be used.
        PlanError: the wish contradicts itself.
    """
    sample, whole, model, tier, gpu_hours = map(wish.get, ("sample", "whole", "model", "tier", "gpu_hours"))
    only = {name: tuple(wish[name]) for name in FILTERS if wish.get(name)}
    if not wish.get("promote"):
        return start_run(
            campaign, run_id, sample, model, settings, whole=bool(whole), tier=tier, gpu_hours=gpu_hours, only=only
        )
    if sample is not None or whole or only:
        raise PlanError("promote: makes exactly the variants of that run. Leave sample, all and filters out.")
    return promote_run(campaign, run_id, wish["promote"], tier, model, settings, gpu_hours)


def promote_run(
    campaign: str,
    run_id: str,
    promoted: str,
    tier: str | None,
    model: str | None,
    settings: Settings,
    gpu_hours: float | None = None,
) -> dict[str, Any]:
    """Ask for exactly the variants of the run `promoted` again, in another tier: the same words, prices and pictures.

    Raises:
        CatalogError: the campaign has no such tier.
        StoreError: there is no such run.
        PlanError: the run is of another campaign.
    """
    started = time.monotonic()
    source, file = load_campaign(campaign_folder(campaign, settings))
    earlier = open_run(promoted if "/" in promoted else f"{source.id}/{promoted}", settings)
    context = earlier.context()
    if context.campaign != source.id:
        raise PlanError(f"run {earlier.run}: is of {context.campaign}. Promote it with that campaign, not {source.id}.")
    chosen = _with_budget(_with_model(at_tier(source, file, tier), model), gpu_hours)
    source = context.source.model_copy(update={name: getattr(chosen, name) for name in QUALITY})
    context = context.model_copy(
        update={"run_id": run_id, "source": source, "model": source.model, "terms": _terms(source.model)}
    )
    state = RunState(f"{source.id}/{run_id}", earlier.store)
    asked_for: list[Variant | Refusal] = [*earlier.variants(), *earlier.refused()]
    return _begun(state, context, asked_for, (), started) | {
        "products": len({one.product_id for one in asked_for}),
        "locales": len({one.locale for one in asked_for}),
        "formats": len({one.format for one in asked_for}),
        "whole": len(asked_for),
    }


def _begun(
    state: RunState, context: RunContext, asked_for: Sequence[Variant | Refusal], found: Iterable[str], started: float
) -> dict[str, Any]:
    """Write down what a run asks for, and the problems that were found; return the counts."""
    variants = [one for one in asked_for if isinstance(one, Variant)]
    refused = [one for one in asked_for if isinstance(one, Refusal)]
    reasons = dict.fromkeys([*found, *(one.reason for one in refused)])
    state.write_expanded(variants, refused)
    state.start(context, reasons)
    _account("expand", started, len(asked_for), len(variants), state)
    return {
        "run": state.run,
        "requested": len(asked_for),
        "refused": len(refused),
        "problems": len(reasons),
    }


def plan_run(run: str, settings: Settings) -> dict[str, Any]:
    """Plan an expanded run: find what is missing, split it into batches, and refuse what the budget does not allow.

    Raises:
        PlanError: the model, the voices or a destination cannot do what is asked.
        BudgetExceeded: the budget is too small.
        BackendError: the model's weights are not on this machine, which is to render.
    """
    started = time.monotonic()
    state = open_run(run, settings)
    context = state.context()
    check_destinations(context.source.publish, settings)
    place = Place.of(settings)
    here = settings.engine == "local" and not settings.ray_jobs_url  # a cluster's workers have the weights themselves
    facts = facts_at(place, context.model, weights_are_here=here)
    fonts = Shelf(settings.font_folders).revision
    choice = context.source.voices
    voices, unusable = find_voices(
        (*(locale.voice for locale in context.locales.values()), *choice.fallback.values()), settings
    )
    tools = Tools.of(context.source, context.model, facts, voices, fonts)
    tools = replace(tools, deployer=settings.deployer, others=VIDEO_MODELS, unusable_voices=unusable)
    retakes = Journal(context.campaign, state.store).refresh().retakes()
    planned = plan(state.variants(), context, tools, retakes)
    if here:
        find_video_model(context.model, place)
    batches = split(planned, missing_variants(planned, state.store), settings.batches)
    summary = summarize(planned, batches, state, settings)
    budget = context.source.budget
    if budget is not None and summary.gpu_hours > budget.gpu_hours:
        raise BudgetExceeded(
            f"{context.campaign}: about {summary.gpu_hours:.2f} GPU hours, and the budget allows {budget.gpu_hours:g}. "
            "Render a sample, take a smaller model, or raise the budget."
        )
    for warning in planned.warnings:
        log.warning(warning)
    state.write_plan(planned.variants, planned.shots.values(), batches)
    state.write_summary(summary)
    _account("plan", started, len(planned.variants), len(planned.variants), state)
    labels = [{"run": run, "batch": number, "label": batch.label} for number, batch in enumerate(batches)]
    return {"run": run, "batches": labels, "variants": summary.variants, "shots": summary.shots, "lines": summary.lines}


def run_stage(stage: str, batch: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Do one stage (generate, narrate, caption, compose, check) for one batch that `plan_run` named.

    Raises:
        StageFailed: every item failed and trying again may help; what was made is kept.
    """
    state, number = open_run(batch["run"], settings), int(batch["batch"])
    account = stages.run_stage(stage, number, state, settings)
    if stage == "check":
        keep_batch(state, number)
    return _stage_counts(account)


def stage_account(stage: str, batch: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return what `run_stage` has returned elsewhere, from the account in the store; `made` counts every try.

    Raises:
        StoreError: there is no such account.
    """
    account = open_run(batch["run"], settings).account(stage, f"{int(batch['batch']):03}")
    if account is None:
        raise StoreError(
            f"{settings.store_url}: there is no account of {stage} for batch {batch['batch']} of {batch['run']}. "
            "It ended well elsewhere: let both sides use the same store."
        )
    return _stage_counts(account)


def review_run(run: str, settings: Settings) -> dict[str, Any]:
    """Decide about every finished creative as the campaign's rule says."""
    started = time.monotonic()
    state = open_run(run, settings)
    rule = state.context().source.review
    decisions = list(review((checked for _, _, checked in finished(state.planned(), state)), rule, state.store))
    verdicts = [decision.verdict for decision in decisions if decision is not None]
    ads_of(state, {})  # kept beside the run, so that the dashboard opens at once
    _account("review", started, len(decisions), len(verdicts), state)
    return {
        "approved": verdicts.count("approve"),
        "rejected": verdicts.count("reject"),
        "waiting": decisions.count(None),
    }


def withdraw_run(run: str, settings: Settings, *, allow_shrink: bool = False) -> dict[str, Any]:
    """Take from the campaign's manifest what must not be shown any more: vanished, sold out, its sale over.

    Raises:
        PlanError: the feed lacks a larger share of the advertised products than the campaign allows.
    """
    state = open_run(run, settings)
    campaign, offers = state.context().campaign, state.offers()
    known = latest(campaign, state.store)
    if offers is None or (known is not None and known.as_of > offers.as_of):
        offers = known  # a task of an older run that is tried again must not bring old news
    if offers is None:
        return {"run": run, "withdrawn": 0}
    destination = _destination(settings)
    rows = live_rows(campaign, destination)
    found = gone(rows, offers, run)
    check_destinations(state.context().source.publish, settings)
    if not allow_shrink:
        refuse_shrunken(campaign, rows, found, offers)
    write_latest(offers, campaign, state.store)
    if found:
        rows = add_events([row for _, row in found], campaign, destination)
        source = state.context().source
        tell(source.publish, show_of(rows, source.brand.name, settings), campaign_prefix(campaign), destination)
    return {"run": run, "withdrawn": len(found)}


def publish_run(run: str, settings: Settings) -> dict[str, Any]:
    """Deliver what is approved and may still be advertised, write the manifests, close the account of the run."""
    started = time.monotonic()
    state = open_run(run, settings)
    context, destination = state.context(), _destination(settings)
    done = finished(state.planned(), state)
    decisions = list(review((checked for _, _, checked in done), context.source.review, state.store))
    offers = latest(context.campaign, state.store)
    late = too_late((planned.variant for planned, _, _ in done), offers) if offers else {}
    approved = [
        (creative, decision)
        for (planned, creative, _), decision in zip(done, decisions, strict=True)
        if decision is not None and decision.verdict == "approve" and planned.variant.id not in late
    ]
    deliveries = {delivery.variant_id: delivery for delivery in publish(approved, state.store, destination)}
    delivered = [one for one in done if one[0].variant.id in deliveries]
    use = state.model_use()
    rows = {
        planned.variant.id: manifest_row(planned.variant, deliveries[planned.variant.id], use, context.terms)
        for planned, _, _ in delivered
    }
    write_manifest(rows.values(), state.prefix, destination)
    live = live_rows(context.campaign, destination)
    events = news(live, (live_row(rows[one[0].variant.id], *one, offers, run) for one in delivered))
    events += recalled(live, (decision for decision in decisions if decision), run)
    events += [row for _, row in gone(live, offers, run)] if offers else []
    live = add_events(events, context.campaign, destination)
    show = show_of(live, context.brand.name, settings)
    tell(context.source.publish, show, campaign_prefix(context.campaign), destination)
    _account("publish", started, len(deliveries), len(deliveries), state)
    off_show = [row for row in live if row.run == run and row.status != "delivered"]
    report = close(state, done, deliveries, late, off_show, _cost(state, settings))
    state.write_report(report)
    return counts(report)


def _cost(state: RunState, settings: Settings) -> Cost:
    shown = (pair for ad in ads_of(state, {}) for pair in zip(ad.shots, ad.gpu_seconds, strict=True))
    return cost_of(state, shown, hours_by_shot(state), settings.gpu_hour_usd, closed=True)


def tell_over_budget(run: str, settings: Settings) -> str:
    """Return once per run that it has spent more than its budget, in a sentence for people; empty otherwise."""
    state = open_run(run, settings)
    sentence = over_budget(state)
    if sentence and state.store.put_bytes(f"{state.prefix}/over_budget.json", json.dumps(sentence).encode()):
        return sentence
    return ""


def counts(report: RunReport) -> dict[str, Any]:
    """Return the account of a run in numbers."""
    return {
        "requested": report.requested,
        "delivered": report.delivered,
        "waiting": len(report.waiting),
        "rejected": len(report.rejected),
        "failed": len(report.failed),
        "withdrawn": len(report.withdrawn),
        "complete": report.complete,
    }


def open_run(run: str, settings: Settings) -> RunState:
    """Open the state of `<campaign>/<run_id>` in the store of the settings."""
    return RunState(run, open_store(settings.store_url, settings.cache_dir))


def campaign_folder(campaign: str, settings: Settings) -> Path:
    """Return the folder of a campaign given as a path or as a name in the templates folder."""
    path = Path(campaign)
    return path if (path / "campaign.yaml").is_file() else settings.templates_dir / campaign


def _stage_counts(account: StageAccount) -> dict[str, Any]:
    return {"wanted": account.wanted, "made": account.made, "failed": len(account.failures)}


def _check_filter(only: Mapping[str, Sequence[str]], inputs: Inputs) -> None:
    """Refuse what the campaign does not have: a filter with a typing error would render nothing and say nothing."""
    products = (*(product.id for product in inputs.products), *inputs.refused_products)
    known = {"products": products, "locales": inputs.campaign.locales, "formats": inputs.campaign.formats}
    for what, names in only.items():
        if unknown := [name for name in names if name not in known[what]]:
            some = ", ".join(known[what][:20])
            raise PlanError(f"{what}: {inputs.campaign.id} has no {', '.join(unknown)}. It has: {some}.")


def _part(own: Sample, count: int | None, only: Mapping[str, Sequence[str]], *, whole: bool) -> Sample:
    part = (EVERYTHING if whole or only else own).model_copy(update=dict(only))
    return part if count is None else part.model_copy(update={"count": count})


def _with_model(campaign: Campaign, model: str | None) -> Campaign:
    """Return the campaign with another model; the dials of a tier are its model's own and go with it."""
    if model is None:
        return campaign
    return campaign.model_copy(update=dict(Tier(model=model)) if campaign.tiers else {"model": model})


def _destination(settings: Settings) -> Store:
    return open_store(settings.publish_url or settings.store_url, settings.cache_dir)


def _with_budget(campaign: Campaign, gpu_hours: float | None) -> Campaign:
    return campaign if gpu_hours is None else campaign.model_copy(update={"budget": Budget(gpu_hours=gpu_hours)})


def _terms(model: str) -> Terms:
    """Return what the licence of a model asks; planning refuses a model that nobody knows."""
    return Terms.of(LICENCES[VIDEO_MODELS[model].licence]) if model in VIDEO_MODELS else Terms()


def _context(inputs: Inputs, run_id: str, moment: datetime, store: Store) -> RunContext:
    campaign = inputs.campaign
    return RunContext(
        campaign=campaign.id,
        run_id=run_id,
        source=campaign,
        as_of=moment.isoformat(timespec="seconds"),
        model=campaign.model,
        terms=_terms(campaign.model),
        brand=_stored_brand(campaign.brand, inputs.folder, store),
        locales=dict(inputs.locales),
        formats=dict(inputs.formats),
    )


def _stored_brand(brand: Brand, folder: Path, store: Store) -> Brand:
    logo = folder / brand.logo
    sha256 = file_sha256(logo)
    key = f"brand/{sha256}{logo.suffix.lower()}"
    store.put_file(key, logo)
    return brand.model_copy(update={"logo": key, "logo_sha256": sha256})


def _account(stage: str, started: float, wanted: int, made: int, state: RunState) -> None:
    seconds = time.monotonic() - started
    account = StageAccount(stage=stage, seconds=seconds, wanted=wanted, made=made, failures=())
    state.write_account(WHOLE_RUN, account)
