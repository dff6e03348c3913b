"""What copy a locale lacks, what it may be drafted from, and how a draft reads in the campaign's ads.

`script.yaml` in the campaign's folder holds the rules for drafts; see docs/script.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from catalog.combine import Combination, combine
from catalog.errors import CatalogError, Problem
from catalog.inputs import Inputs, in_currency, read_copy
from catalog.locales import TAG, Locale, fallback_chain
from catalog.names import Names, Tills, Words, compile_words, view
from catalog.normalization import Normalizer
from catalog.products import ProductImage
from catalog.spoken import annotate
from catalog.story import Story, compile_story, tidy
from catalog.templating import RenderFailed, Text, compile_text, environment, expressions
from catalog.yamlfile import read_yaml, validate

RULES_FILE = "script.yaml"
BRIEF_FILE = "brief.md"
ANY = "any"
MAX_REHEARSALS = 200  # products and axis values that a draft is rendered for
MAX_BRIEF_BYTES = 50_000

V = TypeVar("V")
Limit = Annotated[int, Field(ge=1, le=5000)]


class ScriptRules(BaseModel):
    """The rules for drafts. Tables by locale know tags, languages and `any`; the most special entry counts.

    `source`: the copy file that drafts are made from. `names` are kept as they are, and so is the brand's. `limits`:
    the most characters a text shows, as its language counts them; `must_say`: what it holds word for word; both by
    key of the copy. A word of `never_say` that ends in `*` stands for all that begin so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = ""
    brief: str = ""
    names: tuple[str, ...] = ()
    never_say: dict[str, tuple[str, ...]] = {}
    must_say: dict[str, dict[str, str]] = {}
    limits: dict[str, Limit | dict[str, Limit]] = {}

    @field_validator("never_say")
    @classmethod
    def _by_locale(cls, table: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        _require_tags(table)
        if any(not word.strip("* ") for words in table.values() for word in words):
            raise ValueError("write words")
        return table

    @field_validator("must_say", "limits")
    @classmethod
    def _by_key_and_locale(cls, tables: dict[str, V]) -> dict[str, V]:
        for table in tables.values():
            if isinstance(table, dict):
                _require_tags(table)
        return tables

    def forbidden(self, tag: str) -> tuple[str, ...]:
        """Return what a locale never says: its own words, its language's, and everybody's."""
        return tuple(word for name in (*fallback_chain(tag), ANY) for word in self.never_say.get(name, ()))

    def required(self, key: str, tag: str) -> str:
        """Return what a text must hold, empty where nothing is."""
        return _for_locale(self.must_say.get(key, {}), tag) or ""

    def limit(self, key: str, tag: str) -> int | None:
        """Return the most characters of a text, None where the rules say nothing."""
        table = self.limits.get(key, {})
        return table if isinstance(table, int) else _for_locale(table, tag)


class Use(NamedTuple):
    """Where a text of the copy stands: the field, and for how long it may be said (seconds, None: it is not said)."""

    field: str
    duration_s: float | None


@dataclass(frozen=True)
class WantedText:
    """One text that a locale lacks. `tag` names the copy file; an empty `source` is to be written from the brief."""

    key: str
    tag: str
    locale: Locale
    source: str
    uses: tuple[Use, ...]


def read_script_rules(inputs: Inputs) -> ScriptRules:
    """Return the rules of a campaign, with its brief, its source language and its brand's name filled in.

    Raises:
        CatalogError: a field does not fit, or the brief cannot be read.
    """
    folder = inputs.folder
    rules = ScriptRules()
    if (folder / RULES_FILE).is_file():
        rules = validate(read_yaml(folder / RULES_FILE, f"{folder.name}/{RULES_FILE}"), ScriptRules)
    brief = rules.brief or _brief(folder / BRIEF_FILE)
    source = rules.source or inputs.campaign.locales[0].split("-")[0]
    names = tuple(dict.fromkeys((inputs.campaign.brand.name, *rules.names)))
    return rules.model_copy(update={"brief": brief.strip(), "source": source, "names": names})


def locale_of(tag: str, inputs: Inputs) -> Locale:
    """Return the locale that a copy file is drafted for: its own, or the campaign's first one of that language.

    Raises:
        CatalogError: the campaign speaks to nobody there, or the locale's copy cannot be read.
    """
    found = next((locale for locale in inputs.locales.values() if tag in fallback_chain(locale.tag)), None)
    if found is None:
        cure = f"Known: {', '.join(inputs.campaign.locales)}."
        raise CatalogError([Problem(f"{inputs.folder.name}/copy", f"'{tag}' is none of the locales", cure)])
    if found.tag not in inputs.copy:
        raise CatalogError([inputs.refused_locales[found.tag]])
    return found


def wanted_texts(inputs: Inputs, tag: str, rules: ScriptRules, *, drafted: bool = True) -> list[WantedText]:
    """Return the texts that a copy file lacks: those of the source language, and those that the story asks for.

    Another language that `copy_fallback` would show instead does not count; a draft does, unless `drafted` is false.

    Raises:
        CatalogError: the story is not Jinja, or a file of copy does not fit.
    """
    locale = locale_of(tag, inputs)
    source = read_copy(inputs.folder, rules.source)
    own = {*read_copy(inputs.folder, tag), *(read_copy(inputs.folder, f"{tag}.draft") if drafted else ())}
    uses = _uses(inputs, locale)
    missing = [key for key in dict.fromkeys((*source, *uses)) if key not in own]
    return [
        WantedText(key, tag, locale, source[key][1] if key in source else "", tuple(dict.fromkeys(uses.get(key, ()))))
        for key in missing
    ]


def require_material(wanted: Iterable[WantedText], inputs: Inputs, rules: ScriptRules) -> None:
    """Pass texts that have something to be drafted from.

    Raises:
        CatalogError: one has no source, and there is no brief.
    """
    if not rules.brief and (bare := next((text.key for text in wanted if not text.source), None)):
        fact = f"nothing says what '{bare}' is about"
        cure = f"Write it in copy/{rules.source}.yaml, or write a brief in {BRIEF_FILE}."
        raise CatalogError([Problem(f"{inputs.folder.name}/copy", fact, cure)])


class Rehearsal:
    """Renders texts of one locale as its ads would, without pictures; `moment` (aware) decides about sale windows."""

    def __init__(self, inputs: Inputs, locale: Locale, moment: datetime) -> None:
        self.sandbox = environment(Tills().annotated, annotate)
        self.words = compile_words(inputs, locale.tag, self.sandbox)
        self.normalizer = Normalizer(locale, inputs.lexicon)
        self.placeholders = tuple(f"{{{{ {name} }}}}" for name in inputs.campaign.names)
        self.names = [*_names(inputs, locale, self.words, moment)]

    def compiled(self, source: str) -> Text | Problem:
        """Return the compiled text, or what is wrong with its Jinja."""
        return compile_text(self.sandbox, source, "draft")

    def readings(self, text: Text) -> list[str]:
        """Return what the text becomes, with annotations for the voice; products that it fails for are left out."""
        read = dict.fromkeys(filter(None, (_rendered(text, names) for names in self.names)))
        return [*read] or [text.source]

    def examples(self, source: str) -> dict[str, str]:
        """Return what each placeholder of a text becomes for the first product that has it."""
        texts = {part: self.compiled(part) for part in (expressions(source) if source else self.placeholders)}
        return {part: self.readings(text)[0] for part, text in texts.items() if isinstance(text, Text)}


def _rendered(text: Text, names: Names) -> str:
    try:
        return tidy(text.render(names.texts))
    except RenderFailed:
        return ""


def _names(inputs: Inputs, locale: Locale, words: Words, moment: datetime) -> Iterator[Names]:
    """Yield the names of the locale's variants in one format, as far as they have prices."""
    products = {product.id: product for product in inputs.products}
    format_id = inputs.campaign.formats[0]
    asked_for = (one for one in combine(inputs) if (one.locale, one.format) == (locale.tag, format_id))
    for combination, _ in zip(_usable(asked_for, products), range(MAX_REHEARSALS), strict=False):
        product = products[combination.product_id]
        local = inputs.local.get(locale.tag, {}).get(product.id, product)
        if in_currency(local, locale, inputs.campaign.prices, inputs.campaign.feed) is not None:
            continue
        axes = dict(combination.axes)
        place = {"locale": locale, "format": inputs.formats[format_id], **axes}
        names = Names(words, place, {"locale": locale.tag, "format": format_id, **axes})
        seen = view(local, _no_picture(product.id), moment)
        yield names.fill(seen, seen, {})


def _usable(combinations: Iterable[Combination], products: Mapping[str, object]) -> Iterator[Combination]:
    return (one for one in combinations if one.product_id in products)


def _no_picture(product_id: str) -> ProductImage:
    """Return what stands for a picture where only words matter."""
    grey = ("#202020", "#808080", "#E0E0E0")
    return ProductImage(product_id=product_id, sha256="", width=1, height=1, has_cutout=False, palette=grey, path="")


def _uses(inputs: Inputs, locale: Locale) -> dict[str, list[Use]]:
    """Return where the story shows and says each text of the copy, with every override."""
    compiler = compile_words(inputs, locale.tag, environment(Tills().annotated, annotate)).compiler
    uses: dict[str, list[Use]] = {}
    for overrides in ((), *((number,) for number in range(len(inputs.campaign.overrides)))):
        for use, text in _parts(compile_story(inputs.campaign, overrides, compiler)):
            for key in sorted(text.copy_keys):
                uses.setdefault(key, []).append(use)
    if compiler.problems:
        raise CatalogError(dict.fromkeys(compiler.problems))
    return uses


def _parts(story: Story) -> Iterator[tuple[Use, Text]]:
    for part in (*story.scenes, *((story.end_card,) if story.end_card else ())):
        yield from ((Use(field, None), text) for field, text in part.texts.items())
        yield from ((Use(field, part.template.duration_s), text) for field, text in part.spoken.items())


def _brief(path: Path) -> str:
    if not path.is_file():
        return ""
    raw = path.read_bytes()
    if len(raw) > MAX_BRIEF_BYTES:
        raise CatalogError([Problem(path.name, f"{len(raw):,} bytes", f"At most {MAX_BRIEF_BYTES:,} fit.")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fact = f"byte {error.start} is not UTF-8"
        raise CatalogError([Problem(path.name, fact, "Save the file as UTF-8.")]) from None


def _for_locale(table: Mapping[str, V], tag: str) -> V | None:
    return next((table[name] for name in (*fallback_chain(tag), ANY) if name in table), None)


def _require_tags(names: Iterable[str]) -> None:
    for name in names:
        if name != ANY and not TAG.fullmatch(name):
            raise ValueError(f"'{name}' is no language tag; write one such as de or de-CH, or any")
