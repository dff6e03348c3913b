"""Compiles a campaign's strings, with the overrides that fit a variant, and renders them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ValidationError

from catalog.campaign import Campaign, EndCardTemplate, Look, Override, SceneTemplate
from catalog.errors import CatalogError, Problem
from catalog.spoken import shown_text
from catalog.templating import RenderFailed, Sandbox, Text, all_roots, compile_text, is_true
from catalog.yamlfile import Steps, YamlFile, misfit

PICTURE_FIELDS = ("prompt", "negative_prompt", "shared_prompt", "product")
SCENE_TEXTS = ("headline", "subline", "badge", "badge_was")
SPOKEN_TEXTS = ("narration", "narration_short")
END_CARD_TEXTS = ("headline", "cta", "legal", "qr")

FOLDED = re.compile(r"[ \t\r\n]+")

Names = Mapping[str, Any]


class Compiler:
    """Compiles strings of one campaign and collects what is wrong with them.

    `reads` tells what a name of the campaign's own (`copy`, `names`) is made of, so that every text knows
    which products, locales, formats and axes it depends on.
    """

    def __init__(self, sandbox: Sandbox, file: YamlFile) -> None:
        self.sandbox = sandbox
        self.file = file
        self.reads: dict[str, frozenset[str]] = {}
        self.problems: list[Problem] = []
        self.copy_keys: set[str] = set()

    def text(self, source: str, *steps: str | int) -> Text:
        """Return the compiled string of the campaign file; a problem is noted and stands for an empty text."""
        return self.text_at(self.file.place(*steps), source)

    def text_at(self, place: str, source: str) -> Text:
        """Return the compiled string of any file."""
        compiled = compile_text(self.sandbox, source, place)
        if isinstance(compiled, Problem):
            self.problems.append(compiled)
            return Text(place, "", frozenset(), frozenset(), None)
        self.copy_keys |= compiled.copy_keys
        roots = frozenset().union(*(self.reads.get(root, frozenset({root})) for root in compiled.roots))
        return replace(compiled, roots=roots)


@dataclass
class SceneText:
    """One scene, compiled."""

    template: SceneTemplate
    place: str
    when: Text
    look: dict[str, Text]
    picture: dict[str, Text]
    texts: dict[str, Text]
    spoken: dict[str, Text]
    continues_at: str  # where the file says which scene it continues

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """Everything the rendered scene depends on."""
        every = (self.when, *self.look.values(), *self.picture.values(), *self.texts.values(), *self.spoken.values())
        return all_roots(every)

    def wanted(self, names: Names) -> bool:
        """Tell whether the scene is part of this variant."""
        return is_true(self.when.render(names))

    def render_look(self, names: Names) -> Look:
        """Return the checked look. Where no second scene is left, its share is forgotten: the picture is the same."""
        words: dict[str, Any] = {name: text.render(names).strip() for name, text in self.look.items()}
        words["palette"] = tuple(words["palette"].replace(",", " ").split())
        template = self.template.look
        if words["second_scene"] and template.second_share is not None:
            words["second_share"] = template.second_share
        try:
            return Look(**words, camera_speed=template.camera_speed, loop=template.loop)
        except ValidationError as error:
            first = error.errors()[0]
            field = str(first["loc"][0])
            place = self.look[field].place if field in self.look else self.place
            raise RenderFailed(misfit(place, first)) from None


@dataclass
class EndCardText:
    """The end card, compiled."""

    template: EndCardTemplate
    texts: dict[str, Text]
    spoken: dict[str, Text]

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """Everything the rendered end card depends on."""
        return all_roots((*self.spoken.values(), *self.texts.values()))


@dataclass
class Story:
    """All scenes and the end card that one set of overrides makes."""

    scenes: tuple[SceneText, ...]
    end_card: EndCardText | None


def compile_story(campaign: Campaign, overrides: tuple[int, ...], compiler: Compiler) -> Story:
    """Apply the numbered overrides in their order and compile what they leave."""
    scenes = tuple(
        _compile_scene(template, number, origins, compiler)
        for number, (template, origins) in enumerate(
            _overridden(campaign, scene, overrides, compiler) for scene in campaign.scenes
        )
    )
    if campaign.end_card is None:
        return Story(scenes, None)
    template, origins = _overridden(campaign, campaign.end_card, overrides, compiler)

    def text(name: str) -> Text:
        return compiler.text(getattr(template, name), *origins.get(name, ("end_card", name)))

    texts, spoken = ({name: text(name) for name in names} for names in (END_CARD_TEXTS, SPOKEN_TEXTS))
    return Story(scenes, EndCardText(template, texts, spoken))


def shown(texts: Mapping[str, Text], names: Names) -> dict[str, str]:
    """Render texts for the eye: annotations for the voice are taken out, white space is tidied."""
    return {name: tidy(shown_text(text.render(names))) for name, text in texts.items()}


def said(texts: Mapping[str, Text], names: Names) -> dict[str, str]:
    """Render texts for the voice: annotations stay, white space is tidied."""
    return {name: tidy(text.render(names)) for name, text in texts.items()}


def tidy(text: str) -> str:
    """Fold line breaks and runs of spaces; no-break spaces stay, prices need them."""
    return FOLDED.sub(" ", text).strip(" ")


def _compile_scene(template: SceneTemplate, number: int, origins: dict[str, Steps], compiler: Compiler) -> SceneText:
    def text(field: str, source: str, *deeper: str) -> Text:
        return compiler.text(source, *origins.get(field, ("scenes", number, field)), *deeper)

    look = template.look
    words = {
        "scene": look.scene,
        "second_scene": look.second_scene,
        "palette": look.palette if isinstance(look.palette, str) else " ".join(look.palette),
        "camera": look.camera,
        "light": look.light,
        "energy": str(look.energy),
    }
    return SceneText(
        template=template,
        place=compiler.file.place("scenes", number),
        when=text("when", template.when),
        look={name: text("look", source, name) for name, source in words.items()},
        picture={name: text(name, getattr(template, name)) for name in PICTURE_FIELDS},
        texts={name: text(name, getattr(template, name)) for name in SCENE_TEXTS},
        spoken={name: text(name, getattr(template, name)) for name in SPOKEN_TEXTS},
        continues_at=compiler.file.place(*origins.get("continues", ("scenes", number, "continues"))),
    )


def _overridden(
    campaign: Campaign, template: SceneTemplate | EndCardTemplate, numbers: tuple[int, ...], compiler: Compiler
) -> tuple[Any, dict[str, Steps]]:
    """Return the template with other values set, and where in the file each of those stands."""
    target = template.id if isinstance(template, SceneTemplate) else "end_card"
    content: dict[str, Any] = template.model_dump()
    origins: dict[str, Steps] = {}
    for number in numbers:
        override: Override = campaign.overrides[number]
        if override.scene != target:
            continue
        for field, value in override.set.items():
            merged = (
                content[field] | value if isinstance(content.get(field), dict) and isinstance(value, dict) else value
            )
            content[field] = merged
            origins[field] = ("overrides", number, "set", field)
    return _rebuilt(type(template), content, origins, compiler) or template, origins


def _rebuilt(
    kind: type[BaseModel], content: dict[str, Any], origins: dict[str, Steps], compiler: Compiler
) -> BaseModel | None:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        for problem in error.errors():
            field, *deeper = problem["loc"]
            place = compiler.file.place(*origins.get(str(field), ("overrides",)), *deeper)
            compiler.problems.append(misfit(place, problem))
        return None


def raise_problems(compiler: Compiler) -> None:
    """Raise what the compiler collected.

    Raises:
        CatalogError: at least one string is not Jinja, or an override does not fit.
    """
    if compiler.problems:
        raise CatalogError(dict.fromkeys(compiler.problems))
