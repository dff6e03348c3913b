"""The names that the strings of one variant may use, and what each of them depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from catalog.errors import Problem
from catalog.inputs import Inputs
from catalog.locales import Locale, format_money
from catalog.money import Money
from catalog.products import Product, ProductImage
from catalog.spoken import annotate, spoken_money
from catalog.story import Compiler
from catalog.templating import RenderFailed, Sandbox, Text, all_roots, unusable

BUILT_IN_NAMES = {"product", "locale", "format", "campaign", "copy"}
PRODUCT_FIELDS = tuple(name for name in Product.model_fields if name not in {"attributes", "source", "image_link"})


@dataclass(frozen=True)
class Words:
    """What a locale's strings are made of."""

    campaign: str
    compiler: Compiler
    names: Mapping[str, Text]
    copy: Mapping[str, Text]
    when: Text

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """What the campaign's own names depend on."""
        return all_roots(self.names.values())


class Names:
    """The names that the strings of one variant may use.

    `texts` are for what is read and spoken: the product as the locale knows it, and the copy.
    `pictures` are for what the video model sees: the product as the primary feed has it, and no copy,
    so that a translation or a local price never changes a shot.
    `identity` tells equal values apart from others; the product is always the current one.
    """

    def __init__(self, words: Words, place: Mapping[str, Any], identity: Mapping[str, str]) -> None:
        self.words = words
        self.place = {**place, "campaign": words.campaign}
        self.identity = identity

    def fill(self, primary: Mapping[str, Any], local: Mapping[str, Any], known: OwnNames) -> Names:
        """Add the product; `known` keeps what was rendered for the current product, since formats mostly share it."""
        texts = self.place | {"product": local} | self._own_names(local, known)
        self.texts = texts | {"copy": _Copy(self.words.copy, texts)}
        self.pictures = self.place | {"product": primary} | self._own_names(primary, known)
        return self

    def _own_names(self, product: Mapping[str, Any], known: OwnNames) -> dict[str, Any]:
        """Render the campaign's own names; one that cannot be rendered fails only where it is used."""
        key = (id(product), self.identity["locale"], *map(self.identity.get, self.words.roots))
        if key not in known:
            names = self.place | {"product": product}
            for name, text in self.words.names.items():
                names[name] = _rendered(name, text, names)
            known[key] = {name: names[name] for name in self.words.names}
        return known[key]


OwnNames = dict[tuple[Any, ...], dict[str, Any]]


class _Copy:
    """The copy of one variant: `copy.hook` renders the locale's text when a template asks for it."""

    def __init__(self, texts: Mapping[str, Text], names: Mapping[str, Any]) -> None:
        self._texts = texts
        self._names = names

    def __getitem__(self, key: str) -> str:
        return self._texts[key].render(self._names)


def compile_words(inputs: Inputs, tag: str, sandbox: Sandbox) -> Words:
    """Compile the campaign's own names, the locale's copy, and the campaign's `when`."""
    compiler = Compiler(sandbox, inputs.file)
    names = {}
    for name, source in inputs.campaign.names.items():
        if name in BUILT_IN_NAMES or name in inputs.campaign.axes:
            compiler.problems.append(
                Problem(inputs.file.place("names", name), f"'{name}' is taken", "Choose another name.")
            )
        names[name] = compiler.text(source, "names", name)
        compiler.reads[name] = names[name].roots
    copy = {key: compiler.text_at(place, source) for key, (place, source) in inputs.copy[tag].items()}
    compiler.reads["copy"] = frozenset({"locale"}).union(*(text.roots for text in copy.values()))
    return Words(inputs.campaign.id, compiler, names, copy, compiler.text(inputs.campaign.when, "when"))


def _rendered(name: str, text: Text, names: Mapping[str, Any]) -> Any:
    try:
        return text.render(names)
    except RenderFailed as failed:
        return unusable(f"'{name}' cannot be had here, because {failed.problem.place} says {failed.problem.fact}")


def view(product: Product, image: ProductImage, moment: datetime) -> dict[str, Any]:
    """Return a product as templates see it: all columns, the sale price only inside its window, the palette."""
    return {
        **product.attributes,
        **{name: getattr(product, name) for name in PRODUCT_FIELDS},
        "sale_price": product.sale_price_at(moment),
        "palette": " ".join(image.palette),
    }


class Tills:
    """Writes and speaks amounts, each only once per locale: a feed has few distinct prices for its many variants."""

    def __init__(self) -> None:
        self._shown: dict[tuple[Decimal, str, str], str] = {}
        self._annotated: dict[tuple[Decimal, str, str], str] = {}

    def shown(self, amount: Money, locale: Locale) -> str:
        """Return the amount as digits."""
        key = (amount.amount, amount.currency, locale.tag)
        if key not in self._shown:
            self._shown[key] = format_money(amount, locale)
        return self._shown[key]

    def annotated(self, amount: Any, locale: Locale) -> str:
        """Return the amount as digits for the eye and words for the voice: the filter `money`.

        Raises:
            TypeError: it is no amount, for example the sale price of a product that is not on sale.
        """
        if not isinstance(amount, Money):
            raise TypeError(f"the filter 'money' needs an amount, and {amount!r} is none")
        key = (amount.amount, amount.currency, locale.tag)
        if key not in self._annotated:
            self._annotated[key] = annotate(self.shown(amount, locale), spoken_money(amount, locale))
        return self._annotated[key]
