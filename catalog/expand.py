"""Renders one campaign for every product, locale, format and axis value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from catalog.campaign import Captions
from catalog.combine import Combination
from catalog.errors import Problem, WrongValue
from catalog.fields import parse_link
from catalog.formats import Format
from catalog.inputs import Inputs, copy_chain, in_currency
from catalog.locales import Locale
from catalog.names import Names, OwnNames, Tills, compile_words, view
from catalog.normalization import Normalizer
from catalog.products import Product, ProductImage
from catalog.spoken import annotate
from catalog.story import SPOKEN_TEXTS, EndCardText, SceneText, Story, compile_story, raise_problems, said, shown, tidy
from catalog.templating import RenderFailed, environment, is_true
from catalog.variant import EndCard, Refusal, Scene, Variant


def expand(
    inputs: Inputs,
    combinations: Iterable[Combination],
    images: Mapping[str, ProductImage],
    unusable: Mapping[str, Problem],
    moment: datetime,
) -> Iterator[Variant | Refusal]:
    """Yield a variant, or the refusal that explains its absence, for every combination the campaign's `when` wants.

    `images` and `unusable` say by product id which pictures there are and why others cannot be used;
    `moment` (aware) decides about sale windows.

    Raises:
        CatalogError: strings of the campaign are not Jinja, or overrides do not fit; nothing was yielded.
    """
    return _Expander(inputs, images, unusable, moment).run(combinations)


class _Expander:
    """The state of one expansion: compiled stories, and what was rendered for the current product."""

    def __init__(
        self, inputs: Inputs, images: Mapping[str, ProductImage], unusable: Mapping[str, Problem], moment: datetime
    ) -> None:
        self.inputs = inputs
        self.images = images
        self.refused = {**inputs.refused_products, **unusable}
        self.refused_locales = dict(inputs.refused_locales)
        self.moment = moment
        self.products = {product.id: product for product in inputs.products}
        self.tills = Tills()
        sandbox = environment(self.tills.annotated, annotate)
        self.words = {tag: compile_words(inputs, tag, sandbox) for tag in inputs.copy}
        self.normalizers = {tag: Normalizer(locale, inputs.lexicon) for tag, locale in inputs.locales.items()}
        self.stories: dict[tuple[str, tuple[int, ...]], Story] = {}
        self.views: dict[str, Mapping[str, Any]] = {}
        self.own_names: OwnNames = {}
        self.scenes: dict[tuple[Any, ...], Any] = {}
        self._compile_all()

    def run(self, combinations: Iterable[Combination]) -> Iterator[Variant | Refusal]:
        """See `expand`."""
        product_id = None
        for combination in combinations:
            if combination.product_id != product_id:
                product_id = combination.product_id
                self.views.clear()
                self.own_names.clear()
                self.scenes.clear()
            try:
                variant = self._variant(combination)
            except RenderFailed as failed:
                yield self._refusal(combination, failed.problem)
            else:
                if variant is not None:
                    yield variant

    def _compile_all(self) -> None:
        """Compile every story once, so that syntax errors and missing copy are known before the first variant."""
        numbers = tuple((number,) for number in range(len(self.inputs.campaign.overrides)))
        for tag, words in self.words.items():
            for overrides in ((), *numbers):
                self._story(tag, overrides)
            missing = sorted(words.compiler.copy_keys - words.copy.keys())
            if missing:
                self.refused_locales.setdefault(tag, _missing_copy(self.inputs, tag, missing))
        for words in self.words.values():
            raise_problems(words.compiler)

    def _story(self, tag: str, overrides: tuple[int, ...]) -> Story:
        key = (tag, overrides)
        if key not in self.stories:
            self.stories[key] = compile_story(self.inputs.campaign, overrides, self.words[tag].compiler)
        return self.stories[key]

    def _refusal(self, combination: Combination, problem: Problem) -> Refusal:
        return Refusal(
            variant_id=combination.variant_id(self.inputs.campaign.id),
            product_id=combination.product_id,
            locale=combination.locale,
            format=combination.format,
            reason=str(problem),
        )

    def _product(self, combination: Combination) -> tuple[Product, Product, Locale]:
        """Return the product as the feed has it, as the locale knows it, and the locale.

        Raises:
            RenderFailed: one of them cannot be used.
        """
        if (problem := self.refused.get(combination.product_id)) is not None:
            raise RenderFailed(problem)
        if (problem := self.refused_locales.get(combination.locale)) is not None:
            raise RenderFailed(problem)
        product = self.products[combination.product_id]
        locale = self.inputs.locales[combination.locale]
        local = self.inputs.local.get(locale.tag, {}).get(product.id, product)
        campaign = self.inputs.campaign
        if (problem := in_currency(local, locale, campaign.prices, campaign.feed)) is not None:
            raise RenderFailed(problem)
        return product, local, locale

    def _variant(self, combination: Combination) -> Variant | None:
        product, local, locale = self._product(combination)
        campaign, axes = self.inputs.campaign, dict(combination.axes)
        words = self.words[locale.tag]
        place = {"locale": locale, "format": self.inputs.formats[combination.format], **axes}
        names = Names(words, place, {"locale": locale.tag, "format": combination.format, **axes})
        names.fill(self._view(product, ""), self._view(local, "" if local is product else locale.tag), self.own_names)
        if not is_true(words.when.render(names.texts)):
            return None
        matching = tuple(
            number
            for number, override in enumerate(campaign.overrides)
            if override.where.matches(product.id, locale.tag, combination.format, axes)
        )
        story = self._story(locale.tag, matching)
        image = self.images[product.id]
        scenes = self._scenes(story, names, image.has_cutout)
        sale_price = local.sale_price_at(self.moment)
        return Variant(
            id=combination.variant_id(campaign.id),
            campaign=campaign.id,
            product_id=product.id,
            title=tidy(local.title),
            locale=locale.tag,
            format=combination.format,
            axes=axes,
            image_sha256=image.sha256,
            has_cutout=image.has_cutout,
            more_images=image.more if any(scene.images == "sequence" for scene in scenes) else (),
            price=self.tills.shown(local.price, locale),
            sale_price="" if sale_price is None else self.tills.shown(sale_price, locale),
            scenes=scenes,
            end_card=None if story.end_card is None else self._once(story.end_card, names, _end_card),
            music=campaign.music,
            style=campaign.style,
            captions=_captions(campaign.captions, self.inputs.formats[combination.format]),
        )

    def _view(self, product: Product, tag: str) -> Mapping[str, Any]:
        """Return the product as templates see it: the feed's (empty `tag`) or a locale's own."""
        if tag not in self.views:
            self.views[tag] = view(product, self.images[product.id], self.moment)
        return self.views[tag]

    def _scenes(self, story: Story, names: Names, has_cutout: bool) -> tuple[Scene, ...]:
        rendered = [(text, self._once(text, names, _scene)) for text in story.scenes]
        told = [(text, scene) for text, scene in rendered if scene is not None]
        if not told:
            raise RenderFailed(
                Problem(story.scenes[0].place, "no scene is left by its 'when'", "Let one scene always show.")
            )
        if (problem := next(_contradictions(told, has_cutout), None)) is not None:
            raise RenderFailed(problem)
        return tuple(scene for _, scene in told)

    def _once(self, part: Part, names: Names, render: Callable[[Any, Names], Any]) -> Any:
        """Render a part once for everything it depends on; formats mostly share theirs."""
        tag = names.identity["locale"]
        key = (id(part), tag, *map(names.identity.get, part.roots))
        if key not in self.scenes:
            self.scenes[key] = self._spoken(render(part, names), tag)
        return self.scenes[key]

    def _spoken(self, part: Scene | EndCard | None, tag: str) -> Scene | EndCard | None:
        """Return the part with narrations that say what a voice would have to guess."""
        if part is None:
            return None
        narrations = {name: getattr(part, name) for name in SPOKEN_TEXTS}
        told = {name: self.normalizers[tag].normalize(text) for name, text in narrations.items() if text}
        return part.model_copy(update=told)


Part = SceneText | EndCardText


def _scene(scene: SceneText, names: Names) -> Scene | None:
    if not scene.wanted(names.texts):
        return None
    picture = {name: tidy(text.render(names.pictures)) for name, text in scene.picture.items()}
    if picture["product"] not in PRODUCT_MODES:
        problem = Problem(
            scene.picture["product"].place,
            f"'{picture['product']}' is no way to show a product",
            "Use composite, in_place, in_shot or none.",
        )
        raise RenderFailed(problem)
    return Scene(
        id=scene.template.id,
        duration_s=scene.template.duration_s,
        look=scene.render_look(names.pictures),
        **picture,
        images=scene.template.images,
        continues=scene.template.continues,
        restyle=scene.template.restyle,
        ends_on=scene.template.ends_on,
        upscale=scene.template.upscale,
        sound=scene.template.sound,
        **shown(scene.texts, names.texts),
        **said(scene.spoken, names.texts),
    )


PRODUCT_MODES = ("composite", "in_place", "in_shot", "none")


def _contradictions(told: Sequence[tuple[SceneText, Scene]], has_cutout: bool) -> Iterator[Problem]:
    """Yield what scenes ask for that this variant does not have: an outline of the product, a scene to go on from."""
    before: dict[str, Scene] = {}
    holding: set[str] = set()  # scenes whose take shows the product
    for text, scene in told:
        if scene.product == "in_place":
            yield from _misplaced(text, scene, has_cutout)
        if scene.images == "sequence" and scene.product != "composite":
            fact = f"'images: sequence' shows pictures over the take, and 'product: {scene.product}' none"
            yield Problem(text.picture["product"].place, fact, "Write 'product: composite', or remove 'images'.")
        if scene.continues and scene.continues not in before:
            fact = f"scene '{scene.continues}' is left out by its 'when', so '{scene.id}' has nothing to go on from"
            yield Problem(text.continues_at, fact, "Give both the same 'when', or remove 'continues'.")
        elif scene.continues and before[scene.continues].look.loop:
            fact = f"scene '{scene.continues}' is a loop and has no end to go on from"
            yield Problem(text.continues_at, fact, "Remove its 'loop: true', or 'continues'.")
        if scene.continues in holding and scene.product == "composite":
            fact = f"the take of scene '{scene.continues}' holds the product, which would be there twice"
            yield Problem(text.picture["product"].place, fact, "Write 'product: in_shot'.")
        if scene.product in ("in_place", "in_shot") or scene.continues in holding:
            holding.add(scene.id)
        before[scene.id] = scene


def _misplaced(text: SceneText, scene: Scene, has_cutout: bool) -> Iterator[Problem]:
    place = text.picture["product"].place
    if not has_cutout:
        cure = "Supply a picture with a transparent or plain light ground, or write 'product: composite'."
        yield Problem(place, "in_place needs the product's outline, and its picture has none", cure)
    beside = {"continues": scene.continues, "restyle": scene.restyle, "ends_on": scene.ends_on}
    if scene.look.loop or any(beside.values()):
        named = next((name for name, value in beside.items() if value), "loop: true")
        fact = f"a product in_place stays where it is for the whole take, and '{named}' gives the take other frames"
        yield Problem(place, fact, f"Remove '{named}', or write 'product: composite'.")


def _end_card(card: EndCardText, names: Names) -> EndCard:
    texts = shown(card.texts, names.texts)
    try:
        parse_link(texts["qr"])
    except WrongValue as error:
        raise RenderFailed(Problem(card.texts["qr"].place, error.fact, error.cure)) from None
    return EndCard(
        duration_s=card.template.duration_s,
        **texts,
        **said(card.spoken, names.texts),
    )


def _captions(wanted: Captions, format: Format) -> Captions:
    return wanted if format.burn_in else wanted.model_copy(update={"burn_in": False})


def _missing_copy(inputs: Inputs, tag: str, missing: Sequence[str]) -> Problem:
    keys = ", ".join(f"'{key}'" for key in missing)
    chain = copy_chain(tag, inputs.campaign.copy_fallback)
    cure = f"Add it to {' or '.join(f'copy/{name}.yaml' for name in chain)}."
    if drafted := next((name for name in chain if (inputs.folder / "copy" / f"{name}.draft.yaml").is_file()), None):
        cure = f"Read copy/{drafted}.draft.yaml, then: adloom script {inputs.folder.name} --accept {drafted}."
    return Problem(f"{inputs.folder.name}/copy", f"{tag} has no {keys}", cure, tag)
