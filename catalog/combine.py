"""Lists which product, locale, format and axis values a campaign asks for: crossed, zipped, joined, sampled."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product as cross
from typing import Any
from urllib.parse import quote

from catalog.campaign import Join, Sample, Zip
from catalog.inputs import Inputs


@dataclass(frozen=True)
class Combination:
    """One variant before its strings are rendered."""

    product_id: str
    locale: str
    format: str
    axes: tuple[tuple[str, str], ...]

    def variant_id(self, campaign: str) -> str:
        """Return a readable id that is safe as a path and unique in its campaign."""
        parts = (campaign, self.product_id, self.locale, self.format, *(value for _, value in self.axes))
        return "/".join(quote(part, safe="") or "-" for part in parts)


def combine(inputs: Inputs, sample: Sample | None = None) -> list[Combination]:
    """List every combination the campaign asks for, or the sampled part, in catalog order.

    Products and locales that cannot be used are part of it: what is refused was asked for.
    """
    campaign, sample = inputs.campaign, sample or Sample()
    products = [*(product.id for product in inputs.products), *inputs.refused_products]
    chosen = (
        [name for name in names if only is None or name in only]
        for names, only in (
            (products, sample.products),
            (campaign.locales, sample.locales),
            (campaign.formats, sample.formats),
        )
    )
    combinations = [
        Combination(product_id, locale, format_id, axes)
        for product_id, locale, format_id in cross(*chosen)
        for axes in _axes(inputs, product_id, locale, format_id)
    ]
    return combinations if sample.count is None else _spread(combinations, sample.count, campaign.seed)


def _axes(inputs: Inputs, product_id: str, locale: str, format_id: str) -> Iterator[tuple[tuple[str, str], ...]]:
    """Yield every combination of axis values for one product, locale and format."""
    here = {"product": product_id, "locale": locale, "format": format_id}
    choices = [_choices(inputs, name, axis, here) for name, axis in inputs.campaign.axes.items()]
    for combination in cross(*choices):
        yield tuple(pair for pairs in combination for pair in pairs)


def _choices(inputs: Inputs, name: str, axis: tuple[str, ...] | Zip | Join, here: Mapping[str, str]) -> list[Any]:
    if isinstance(axis, Zip):
        return [tuple(zip(axis.zip, values, strict=True)) for values in zip(*axis.zip.values(), strict=True)]
    if isinstance(axis, Join):
        rows = (row for row in inputs.joins[name] if all(row[column] == here[column] for column in axis.on))
        return [tuple((column, value) for column, value in row.items() if column not in axis.on) for row in rows]
    return [((name, value),) for value in axis]


def _spread(combinations: list[Combination], count: int, seed: int) -> list[Combination]:
    """Choose `count` combinations that cover locales and formats evenly; the same ones every time."""
    groups: dict[tuple[str, str], list[Combination]] = defaultdict(list)
    for combination in sorted(combinations, key=lambda one: _shuffled(one, seed)):
        groups[combination.locale, combination.format].append(combination)
    queues = sorted(groups.values(), key=lambda group: _shuffled(group[0], seed))
    rounds = (queue[turn] for turn in range(max(map(len, queues), default=0)) for queue in queues if turn < len(queue))
    chosen = {combination for combination, _ in zip(rounds, range(count), strict=False)}
    return [combination for combination in combinations if combination in chosen]


def _shuffled(combination: Combination, seed: int) -> str:
    return hashlib.sha256(f"{seed} {combination}".encode()).hexdigest()
