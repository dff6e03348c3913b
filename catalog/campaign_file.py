"""Reads the campaign file of a folder: YAML first, then what can be checked without products, without rendering."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from catalog.campaign import Campaign, Join, Tier, files_of
from catalog.errors import CatalogError, Problem
from catalog.feed import feed_suffix
from catalog.locales import fallback_chain
from catalog.yamlfile import Steps as Place
from catalog.yamlfile import YamlFile, read_yaml, validate

CAMPAIGN_FILE = "campaign.yaml"
S3 = "s3://"


def load_campaign(folder: Path) -> tuple[Campaign, YamlFile]:
    """Read `campaign.yaml` of a folder and check what can be checked without products.

    Raises:
        CatalogError: every problem found, with file and line.
    """
    file = read_yaml(folder / CAMPAIGN_FILE, name=f"{folder.name}/{CAMPAIGN_FILE}")
    campaign = validate(file, Campaign)
    problems = [*_inside(campaign, file, folder), *_twins(campaign, file)]
    problems += [*_known_scenes(campaign, file), *_one_model(campaign, file)]
    problems += [
        *_feed_kind(campaign, file),
        *_beside(campaign, file, folder),
        *_earlier(campaign, file),
        *_fallbacks(campaign, file),
    ]
    if problems:
        raise CatalogError(problems)
    return campaign, file


def read_campaigns(templates: Path) -> tuple[dict[str, Campaign], tuple[Problem, ...]]:
    """Read every campaign of a templates folder, by the name of its folder; a broken one does not hide the others."""
    campaigns: dict[str, Campaign] = {}
    problems: list[Problem] = []
    owners: dict[str, str] = {}
    for path in sorted(templates.glob(f"*/{CAMPAIGN_FILE}")):
        try:
            campaign, file = load_campaign(path.parent)
        except CatalogError as error:
            problems += error.problems
            continue
        if (owner := owners.setdefault(campaign.id, path.parent.name)) != path.parent.name:
            fact = f"'{campaign.id}' is the id of {owner}/ already"
            problems.append(Problem(file.place("id"), fact, "Choose another id."))
        else:
            campaigns[path.parent.name] = campaign
    return campaigns, tuple(problems)


def at_tier(campaign: Campaign, file: YamlFile, tier: str | None) -> Campaign:
    """Return the campaign with the model and dials of a tier: the one asked for, else its own.

    Raises:
        CatalogError: the campaign has no such tier; names those it has.
    """
    wanted = tier or campaign.tier
    if wanted is None:
        return campaign
    for name, chosen in campaign.tiers.items():
        if name == wanted:
            return campaign.model_copy(update={"tier": name, **dict(chosen)})
    cure = f"Known: {', '.join(campaign.tiers)}." if campaign.tiers else "Add 'tiers', or go without."
    raise CatalogError([Problem(file.place("tiers"), f"there is no tier '{wanted}'", cure)])


def _one_model(campaign: Campaign, file: YamlFile) -> list[Problem]:
    """Model and dials stand in one place, and one of several tiers is the campaign's own."""
    beside = Tier.model_fields.keys() & campaign.model_fields_set if campaign.tiers else ()
    problems = [Problem(file.place(name), "stands beside 'tiers'", "Move it into them.") for name in sorted(beside)]
    if (campaign.tiers or campaign.tier) and campaign.tier not in campaign.tiers:
        cure = f"Write which is the usual one: {', '.join(campaign.tiers) or 'there are none yet'}."
        problems.append(Problem(file.place("tier"), "names none of the tiers", cure))
    return problems


def _inside(campaign: Campaign, file: YamlFile, folder: Path) -> list[Problem]:
    """Files that the campaign names must exist."""
    named: dict[Place, str] = {("brand", "logo"): campaign.brand.logo}
    named |= {} if campaign.feed.startswith(S3) else {("feed",): campaign.feed}
    named |= {("axes", name, "join"): axis.join for name, axis in campaign.axes.items() if isinstance(axis, Join)}
    return [
        Problem(file.place(*steps), f"there is no file '{name}' in {folder.name}/", "Check the name.")
        for steps, name in named.items()
        if not (folder / name).is_file()
    ]


def _beside(campaign: Campaign, file: YamlFile, folder: Path) -> list[Problem]:
    """Clips and pictures lie inside the campaign's folder: a campaign from elsewhere must not show other files."""
    problems = []
    for steps, name in files_of(campaign).items():
        path, place = folder / name, file.place(*steps)
        if Path(name).is_absolute() or ".." in Path(name).parts:
            cure = "Copy it beside the campaign and write its name there."
            problems.append(Problem(place, f"'{name}' is outside of {folder.name}/", cure))
        elif not path.is_file():
            problems.append(Problem(place, f"there is no file '{name}' in {folder.name}/", "Check the name."))
        elif not path.resolve().is_relative_to(folder.resolve()):
            problems.append(Problem(place, f"'{name}' is a link out of {folder.name}/", "Put a copy in its place."))
    return problems


def _feed_kind(campaign: Campaign, file: YamlFile) -> list[Problem]:
    """A feed has an ending that says how it is read."""
    try:
        feed_suffix(Path(campaign.feed))
    except CatalogError as error:
        return [Problem(file.place("feed"), problem.fact, problem.cure) for problem in error.problems]
    return []


def _earlier(campaign: Campaign, file: YamlFile) -> list[Problem]:
    """A scene goes on where an earlier one ends."""
    order = [scene.id for scene in campaign.scenes]
    wishes: list[tuple[Place, str, Any]] = [
        (("scenes", number, "continues"), scene.id, scene.continues) for number, scene in enumerate(campaign.scenes)
    ]
    wishes += [
        (("overrides", number, "set", "continues"), override.scene, override.set.get("continues"))
        for number, override in enumerate(campaign.overrides)
        if override.scene in order
    ]
    problems = []
    for steps, scene, name in wishes:
        earlier = order[: order.index(scene)]
        if name and name not in earlier:
            cure = f"Earlier ones: {', '.join(earlier)}." if earlier else "Remove it: nothing is before the first."
            problems.append(Problem(file.place(*steps), f"'{name}' is no scene before '{scene}'", cure))
    return problems


def _twins(campaign: Campaign, file: YamlFile) -> list[Problem]:
    seen: set[str] = {"end_card"}
    problems = []
    for number, scene in enumerate(campaign.scenes):
        if scene.id in seen:
            problems.append(Problem(file.place("scenes", number, "id"), f"'{scene.id}' is taken", "Choose another id."))
        seen.add(scene.id)
    return problems


def _fallbacks(campaign: Campaign, file: YamlFile) -> list[Problem]:
    """A voice steps in for locales that the campaign has."""
    meant = {name for tag in campaign.locales for name in fallback_chain(tag)}
    return [
        Problem(
            file.place("voices", "fallback", name), f"'{name}' is none of the locales", "Write a tag or a language."
        )
        for name in campaign.voices.fallback
        if name not in meant
    ]


def _known_scenes(campaign: Campaign, file: YamlFile) -> list[Problem]:
    known = [scene.id for scene in campaign.scenes] + ["end_card"] * (campaign.end_card is not None)
    return [
        Problem(
            file.place("overrides", number, "scene"),
            f"there is no scene '{override.scene}'",
            f"Known: {', '.join(known)}.",
        )
        for number, override in enumerate(campaign.overrides)
        if override.scene not in known
    ]
