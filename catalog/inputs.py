"""Reads everything a campaign names: its file, the feed and its local feeds, locales, formats and copy."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from catalog.campaign import Campaign, Join
from catalog.campaign_file import S3, load_campaign
from catalog.errors import CatalogError, Problem
from catalog.formats import Format, read_formats
from catalog.lexicon import Lexicon, read_lexicon
from catalog.locales import Locale, fallback_chain, read_locales
from catalog.products import Product, local_feed_for, localize, read_overrides, read_products
from catalog.yamlfile import YamlFile, read_yaml

CopyText = tuple[str, str]  # place, source
Row = TypeVar("Row")


@dataclass(frozen=True)
class Inputs:
    """What a campaign is expanded from. `problems` are all problems of single rows and locales, in reading order.

    `refused_products` and `refused_locales` say why something the campaign asks for cannot be used.
    `local` holds the products as one locale knows them, by locale tag and product id. `unasked` are the feed's other
    products, which the campaign does not ask for.
    """

    folder: Path
    campaign: Campaign
    file: YamlFile
    products: tuple[Product, ...]
    refused_products: Mapping[str, Problem]
    local: Mapping[str, Mapping[str, Product]]
    locales: Mapping[str, Locale]
    refused_locales: Mapping[str, Problem]
    formats: Mapping[str, Format]
    copy: Mapping[str, Mapping[str, CopyText]]
    joins: Mapping[str, tuple[dict[str, str], ...]]
    lexicon: Lexicon
    problems: tuple[Problem, ...]
    unasked: tuple[Product, ...] = ()


def read_inputs(folder: Path, feed_path: Path | None = None) -> Inputs:
    """Read a campaign folder; `feed_path` is where the feed lies if the campaign names one on S3.

    Raises:
        CatalogError: the campaign itself cannot be used; wrong rows and locales are listed in `problems` instead.
    """
    campaign, file = load_campaign(folder)
    if feed_path is None and campaign.feed.startswith(S3):
        raise CatalogError([Problem(file.place("feed"), f"{campaign.feed} was not fetched", "Name a file beside it.")])
    feed_path = feed_path or folder / campaign.feed
    feed = read_products(feed_path)
    products = _selected(feed.products, campaign, file)
    asked = {product.id for product in products}
    every_locale = _with_own(folder, "locales.yaml", read_locales)
    every_format = _with_own(folder, "formats.yaml", read_formats)
    locales, refused_locales = _known(campaign.locales, every_locale, file, "locales")
    formats, unknown_formats = _known(campaign.formats, every_format, file, "formats")
    if unknown_formats:
        raise CatalogError(unknown_formats.values())
    copy, copy_problems = _read_copy(folder, campaign, locales)
    local, local_problems = _read_local(feed_path, products, locales)
    refused_products = {problem.subject: problem for problem in feed.problems if problem.subject}
    return Inputs(
        folder=folder,
        campaign=campaign,
        file=file,
        products=products,
        refused_products=_asked_for(refused_products, campaign),
        local=local,
        locales=locales,
        refused_locales=refused_locales | {problem.subject: problem for problem in copy_problems},
        formats=formats,
        copy=copy,
        joins={name: _read_join(folder, axis) for name, axis in campaign.axes.items() if isinstance(axis, Join)},
        lexicon=read_lexicon(folder),
        problems=(*feed.problems, *refused_locales.values(), *copy_problems, *local_problems),
        unasked=tuple(product for product in feed.products if product.id not in asked),
    )


def in_currency(product: Product, locale: Locale, prices: str, feed_name: str) -> Problem | None:
    """Say why a product cannot be priced for a locale, or None."""
    if prices == "feed" or product.price.currency == locale.currency:
        return None
    return Problem(
        product.source,
        f"{product.id} has a price in {product.price.currency}, but {locale.tag} sells in {locale.currency}",
        f"Add it to {Path(feed_name).stem}.{locale.tag}.csv, or write 'prices: feed' in the campaign.",
        f"{product.id}/{locale.tag}",
    )


def _selected(products: Iterable[Product], campaign: Campaign, file: YamlFile) -> tuple[Product, ...]:
    products = tuple(products)
    for field in campaign.products:
        if not any(field in Product.model_fields or field in product.attributes for product in products[:1000]):
            raise CatalogError(
                [Problem(file.place("products", field), "the feed has no such column", "Check the name.")]
            )
    return tuple(product for product in products if _fits(product, campaign.products))


def _fits(product: Product, wanted: Mapping[str, str | tuple[str, ...]]) -> bool:
    for field, values in wanted.items():
        value = str(getattr(product, field)) if field in Product.model_fields else product.attributes.get(field, "")
        if value not in ((values,) if isinstance(values, str) else values):
            return False
    return True


def _asked_for(refused: Mapping[str, Problem], campaign: Campaign) -> dict[str, Problem]:
    """A campaign that lists ids asks for those only; any other filter may have meant the broken row."""
    ids = campaign.products.get("id")
    if ids is None:
        return dict(refused)
    wanted = (ids,) if isinstance(ids, str) else ids
    return {product_id: problem for product_id, problem in refused.items() if product_id in wanted}


def _with_own(folder: Path, name: str, read: Callable[[Path | None], dict[str, Row]]) -> dict[str, Row]:
    """Return the catalog's rows, with those that a file beside the campaign adds or replaces."""
    own = folder / name
    return read(None) | (read(own) if own.is_file() else {})


def _known(
    names: Iterable[str], table: Mapping[str, Row], file: YamlFile, field: str
) -> tuple[dict[str, Row], dict[str, Problem]]:
    known = {name: table[name] for name in names if name in table}
    unknown = {
        name: Problem(
            file.place(field, number),
            f"'{name}' is not in the {field[:-1]} catalog",
            f"Known: {', '.join(table)}.",
            name,
        )
        for number, name in enumerate(names)
        if name not in table
    }
    return known, unknown


def _read_copy(
    folder: Path, campaign: Campaign, locales: Mapping[str, Locale]
) -> tuple[dict[str, dict[str, CopyText]], list[Problem]]:
    files: dict[str, dict[str, CopyText]] = {}
    problems = []
    copy = {}
    for tag in locales:
        chain = copy_chain(tag, campaign.copy_fallback)
        try:
            copy[tag] = _merged([_copy_file(folder, name, files) for name in chain])
        except CatalogError as error:
            problems += [Problem(problem.place, problem.fact, problem.cure, tag) for problem in error.problems]
    return copy, problems


def copy_chain(tag: str, fallback: Mapping[str, str]) -> tuple[str, ...]:
    """Return which copy files a locale reads, the most special first; another language only if the campaign says so."""
    chain = fallback_chain(tag)
    other = next((fallback[name] for name in chain if name in fallback), None)
    return chain if other is None else (*chain, *fallback_chain(other))


def read_copy(folder: Path, tag: str) -> dict[str, CopyText]:
    """Return the copy of a tag and of the tags above it, without another language that stands in for it.

    Raises:
        CatalogError: a file of it does not fit.
    """
    return _merged([_copy_file(folder, name, {}) for name in fallback_chain(tag)])


def _copy_file(folder: Path, name: str, files: dict[str, dict[str, CopyText]]) -> dict[str, CopyText]:
    if name not in files:
        path = folder / "copy" / f"{name}.yaml"
        files[name] = _texts(read_yaml(path, f"copy/{name}.yaml")) if path.is_file() else {}
    return files[name]


def _texts(file: YamlFile) -> dict[str, CopyText]:
    if not isinstance(file.content, dict):
        raise CatalogError([Problem(file.place(), "is not a list of 'key: text'", "Write one text per key.")])
    wrong = [key for key, text in file.content.items() if not isinstance(text, str)]
    if wrong:
        raise CatalogError(Problem(file.place(key), "is not a text", "Put it in quotes.") for key in wrong)
    return {key: (file.place(key), text) for key, text in file.content.items()}


def _merged(chain: list[dict[str, CopyText]]) -> dict[str, CopyText]:
    merged: dict[str, CopyText] = {}
    for texts in reversed(chain):
        merged |= texts
    return merged


def _read_local(
    feed: Path, products: Iterable[Product], locales: Iterable[str]
) -> tuple[dict[str, dict[str, Product]], list[Problem]]:
    local = {}
    problems: list[Problem] = []
    for tag in locales:
        path = local_feed_for(feed, tag)
        if path is None:
            continue
        rows, found = read_overrides(path)
        problems += found
        local[tag] = {product.id: localize(product, rows[product.id]) for product in products if product.id in rows}
    return local, problems


def _read_join(folder: Path, axis: Join) -> tuple[dict[str, str], ...]:
    with (folder / axis.join).open(encoding="utf-8-sig", newline="") as file:
        rows = tuple(csv.DictReader(file))
    missing = [column for column in axis.on if rows and column not in rows[0]]
    if missing:
        raise CatalogError(
            [Problem(f"{axis.join}:1", f"has no column '{missing[0]}'", "Name the columns that 'on' lists.")]
        )
    return rows
