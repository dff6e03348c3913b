"""Finds the distinct shots and lines behind thousands of variants, and says what they cost before anything is spent."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from catalog import EndCard, Format, Locale, Refusal, Scene, Variant
from catalog.spoken import shown_text
from renderer.artifacts import Approximation, CaptionJob, Footage, Line, Retake, Shot, not_spoken
from renderer.backends import VideoModelFacts, VoiceFacts
from renderer.cue_lines import count_chars
from renderer.digest import content_key
from renderer.errors import PlanError
from renderer.licences import LICENCES, judge
from renderer.pace import room_ms
from renderer.picture.shot_layout import shot_layout
from renderer.run_records import RunContext, VariantPlan
from renderer.tools import Tools, unfit_dials, unfit_scene
from renderer.versions import CODE_VERSIONS

CONDITIONING = ("in_shot", "in_place")  # ways to show a product for which the model needs its picture
STANDING = ("composite", "in_place")  # those for which the picture needs a floor
THEIR_OWN = {"prompt", "look"}  # in which shots may differ that begin with the same noise and share steps
AFTERWARDS = {"sounds"}  # in which shots may differ whose pictures are the same
READING_SHARE = 0.75  # of the fastest reading that a language's rules allow
NOTES = {"captions": {"source", "as_of"}}  # of a locale: where its numbers come from
FOR_WRITERS = {"tone"}  # of a brand: what no ad shows
Retakes = Mapping[str, Retake]  # by the key of the shot that is not wanted
NO_RETAKES: Retakes = MappingProxyType({})
SEED_BITS = 63  # torch.Generator.manual_seed takes a signed 64-bit number


@dataclass
class RenderPlan:
    """Every distinct piece of work of a run, and which pieces each variant needs."""

    context: RunContext
    revision: str = ""  # of the model
    approximations: tuple[Approximation, ...] = ()
    shots: dict[str, Shot] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    captions: dict[str, CaptionJob] = field(default_factory=dict)
    variants: list[VariantPlan] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)  # duties under the model's licence, and who is not heard

    @property
    def requested(self) -> int:
        """How many variants the campaign asked for."""
        return len(self.variants) + len(self.refused)


def plan(
    variants: Iterable[Variant | Refusal], context: RunContext, tools: Tools, retakes: Retakes = NO_RETAKES
) -> RenderPlan:
    """Return every shot and line once, and which of them each variant uses, in story order.

    `retakes` are what people want to have taken again, by the key of the shot.

    Raises:
        PlanError: the model's licence does not allow it, scenes ask for what the model cannot do, or locales for voices
            that do not exist; all are named.
    """
    planned = RenderPlan(context, tools.facts.revision, tools.approximations)
    planner = _Planner(planned, tools, retakes)
    planner.judge_licence()
    planner.problems.update(dict.fromkeys(unfit_dials(context.source, tools)))
    for variant in variants:
        if isinstance(variant, Refusal):
            planned.refused.append(variant)
        else:
            planned.variants.append(planner.plan_variant(variant))
    if planner.problems:
        raise PlanError("\n".join(planner.problems))
    return planned


def shot_for(scene: Scene, variant: Variant, format: Format, tools: Tools, continued: Shot | None = None) -> Shot:
    """Return the shot of a scene: it knows the picture and the frame's layout, not the language, price or badge.

    `continued` is the shot whose take the scene goes on.
    """
    width, height = native_size(format, tools.facts)
    footage = footage_for(scene, continued)
    facts = {
        "model": tools.model,
        "revision": tools.facts.revision,
        "look": scene.look.model_dump(),
        "layout": shot_layout(format, stands(scene, variant)).model_dump(),
        "prompt": scene.prompt,
        "negative_prompt": scene.negative_prompt,
        "image_sha256": variant.image_sha256 if scene.product in CONDITIONING else None,
        "keeps_product": scene.product == "in_place",
        "last_image_sha256": scene.ends_on or None,
        "footage": footage and footage.model_dump(),
        "adapters": tuple(adapter.model_dump() for adapter in tools.adapters),
        "upscale": scene.upscale,
        "width": width * scene.upscale,
        "height": height * scene.upscale,
        "num_frames": num_frames_for(scene, tools.facts),
        "frame_rate": tools.facts.frame_rate,
        "num_inference_steps": tools.num_inference_steps,
        "guidance_scale": tools.guidance_scale,
        **_rarely_asked(scene, tools),
    }
    without = AFTERWARDS | THEIR_OWN if "shared_steps" in facts else AFTERWARDS
    shared = {name: fact for name, fact in facts.items() if name not in without}
    seed = _seed(content_key("seed", shared | {"seed": tools.seed}))
    key = content_key("shot", facts | {"seed": seed, "code": CODE_VERSIONS["generate"]})
    return Shot(key=key, seed=seed, **facts)


def taken_again(shot: Shot, retakes: Retakes) -> Shot:
    """Return the shot that people want instead, also where they did not want that one either."""
    while (wish := retakes.get(shot.key)) is not None:
        seed = shot.seed if wish.prompt else _seed(content_key("retake", shot.key))
        changed = {"seed": seed, "prompt": wish.prompt or shot.prompt}
        shot = shot.model_copy(update=changed | {"key": content_key("shot", changed | {"instead_of": shot.key})})
    return shot


def _rarely_asked(scene: Scene, tools: Tools) -> dict[str, object]:
    """Return facts that are left out where they say nothing, so that shots without them keep their keys."""
    facts: dict[str, object] = {"approximations": tools.approximations} if tools.approximations else {}
    if tools.shared_steps and scene.shared_prompt:
        facts |= {"shared_prompt": scene.shared_prompt, "shared_steps": tools.shared_steps}
    if scene.sound:
        facts["sounds"] = True
    return facts


def footage_for(scene: Scene, continued: Shot | None) -> Footage | None:
    """Return the clip that a scene starts from: the take of a shot that goes on, or one that is painted anew."""
    if continued is not None:
        return Footage(object=f"takes/{continued.key}.mp4", use="extend")
    if scene.restyle is not None:
        return Footage(object=scene.restyle.clip, use="restyle", strength=scene.restyle.strength)
    return None


@dataclass(frozen=True)
class Words:
    """What a part says, in how much time, and its shorter words for a voice that needs longer."""

    text: str
    short_text: str
    room_ms: int

    @classmethod
    def of(cls, part: Scene | EndCard) -> Words:
        """Return what a scene or end card says."""
        return cls(part.narration, part.narration_short, room_ms(part.duration_s))


def line_for(words: Words, locale: Locale, voice: VoiceFacts, fallback: tuple[str, VoiceFacts] | None = None) -> Line:
    """Return the line of spoken words; equal words in one voice are recorded once, whatever their room.

    `fallback` is the name and the facts of the voice that steps in where this one fails.
    """
    facts: dict[str, Any] = {"text": words.text, "locale": locale.tag, "voice": locale.voice}
    facts |= {"voice_revision": voice.revision, "room_ms": words.room_ms}
    if words.short_text:
        facts["short_text"] = words.short_text
    if fallback is not None:
        facts |= {"fallback": fallback[0], "fallback_revision": fallback[1].revision}
    return _keyed(facts)


def shown_line_for(text: str, locale: Locale) -> Line:
    """Return the line of a text that is shown and not spoken, at a speed that leaves time for the picture."""
    facts = {"text": text, "locale": locale.tag, "voice": locale.voice, "voice_revision": ""}
    rules = locale.captions
    seconds = count_chars(shown_text(text), rules) / (READING_SHARE * rules.max_chars_per_s)
    return _keyed(facts | {"read_ms": math.ceil(1000 * seconds)})


def _keyed(facts: dict[str, Any]) -> Line:
    return Line(key=content_key("line", facts | {"code": CODE_VERSIONS["narrate"]}), **facts)


def caption_job_for(line: Line, locale: Locale, format: Format, names: Iterable[str], market: str) -> CaptionJob:
    """Return the captioning of a line for one frame shape; of `names`, those of several words that it says count.

    `market` is the key of what all lines of locale and format share (see `caption_market`).
    """
    names = [name for name in names if " " in name.strip()]
    said = shown_text(line.text).casefold() if names else ""
    told = tuple(name for name in dict.fromkeys(names) if name.casefold() in said)
    facts = {"line": line.key, "names": told, "market": market, "code": CODE_VERSIONS["caption"]}
    return CaptionJob(key=content_key("cues", facts), line=line, locale=locale, format=format, names=told)


def caption_market(locale: Locale, format: Format, fonts: str) -> str:
    """Return a key of all that captions of a locale and format depend on, beside what is said."""
    facts = {
        "language": locale.language,
        "direction": locale.direction,
        "rules": locale.captions.model_dump(exclude={"source", "as_of", "sounds"}),
        "fonts": (locale.fonts, fonts),
        "width": format.width,
        "height": format.height,
        "frame_rate": format.frame_rate,
        "safe_area": format.safe_area.model_dump(),
    }
    return content_key("caption market", facts)


def native_size(format: Format, facts: VideoModelFacts) -> tuple[int, int]:
    """Return the model's own (width, height) whose shape is nearest to the format's."""
    return min(facts.sizes.values(), key=lambda size: abs(math.log(size[0] / size[1] * format.height / format.width)))


def num_frames_for(scene: Scene, facts: VideoModelFacts) -> int:
    """Return the fewest frames that fit the model and last as long as the scene; at most its longest take.

    A take that loops has one length: it is repeated.
    """
    if scene.look.loop:
        return facts.loop_num_frames
    steps = math.ceil(round(scene.duration_s * facts.frame_rate - facts.min_num_frames, 6) / facts.frame_step)
    longest = (facts.max_num_frames - facts.min_num_frames) // facts.frame_step
    return facts.min_num_frames + facts.frame_step * min(max(steps, 0), longest)


def stands(scene: Scene, variant: Variant) -> bool:
    """Tell whether the product will stand in the scene, whoever puts it there; a picture without a cutout hangs."""
    return scene.product in STANDING and variant.has_cutout


class _Planner:
    """Fills a plan variant by variant; a shot that many scenes ask for is looked up, not keyed again."""

    def __init__(self, planned: RenderPlan, tools: Tools, retakes: Retakes) -> None:
        self.planned = planned
        self.tools = tools
        self.retakes = retakes
        self.problems: dict[str, None] = {}
        self.known_shots: dict[tuple[object, ...], str] = {}
        self.known_lines: dict[tuple[Words, str], Line] = {}
        self.shared = self._shared_facts()
        self.caption_markets = {
            (tag, name): caption_market(locale, format, tools.fonts)
            for tag, locale in planned.context.locales.items()
            for name, format in planned.context.formats.items()
        }

    def judge_licence(self) -> None:
        """Refuse or warn before the first variant: a licence is about the campaign as a whole."""
        licence = LICENCES[self.tools.facts.licence]
        for finding in judge(licence, self.tools.deployer, self.planned.context.locales):
            sentence = f"model {self.tools.model}: {finding.sentence}"
            if finding.severity == "refuse":
                self.problems[sentence] = None
            else:
                self.planned.warnings.append(sentence)

    def plan_variant(self, variant: Variant) -> VariantPlan:
        format = self.planned.context.formats[variant.format]
        parts: list[Scene | EndCard] = [*variant.scenes, *filter(None, (variant.end_card,))]
        lines = [self._line(Words.of(part), variant) for part in parts]
        pieces = {
            "shots": self._shots(variant, format),
            "lines": tuple(line and line.key for line in lines),
            "cues": tuple(line and self._captions(line, variant, format) for line in lines),
        }
        by_shots = {"shared_prompt", "sound"}  # count by the keys of shots
        told = variant.model_dump(exclude={"scenes": {"__all__": by_shots}})
        facts = {"variant": told, "shared": self.shared[variant.locale, variant.format], **pieces}
        return VariantPlan(variant=variant, creative_key=content_key("creative", facts), **pieces)

    def _shots(self, variant: Variant, format: Format) -> tuple[str, ...]:
        keys: dict[str, str] = {}
        for scene in variant.scenes:
            keys[scene.id] = self._shot(scene, variant, format, keys.get(scene.continues))
        return tuple(keys.values())

    def _shot(self, scene: Scene, variant: Variant, format: Format, continued: str | None) -> str:
        image = variant.image_sha256 if scene.product in CONDITIONING else None
        product = image, scene.product == "in_place", stands(scene, variant)
        start = continued, scene.restyle, scene.ends_on, scene.upscale
        words = scene.prompt, scene.negative_prompt, scene.shared_prompt
        wish = (scene.look, words, product, start, scene.sound, scene.duration_s, format.id)
        if (key := self.known_shots.get(wish)) is not None:
            return key
        shot = shot_for(scene, variant, format, self.tools, self.planned.shots[continued] if continued else None)
        shot = taken_again(shot, self.retakes)
        self.problems.update(dict.fromkeys(unfit_scene(scene, variant, shot, self.tools)))
        self.planned.shots[shot.key] = shot
        self.known_shots[wish] = shot.key
        return shot.key

    def _line(self, words: Words, variant: Variant) -> Line | None:
        if not words.text:
            return None
        if (line := self.known_lines.get((words, variant.locale))) is not None:
            return line
        locale = self.planned.context.locales[variant.locale]
        if (voice := self._voice(locale.voice, locale)) is None:
            return None
        if self._may_speak(voice):
            line = line_for(words, locale, voice, self._fallback(locale))
        else:
            line = shown_line_for(words.text, locale)
            self._warn(f"locale {locale.tag}: {not_spoken(locale.voice)}")
        self.planned.lines[line.key] = line
        self.known_lines[words, variant.locale] = line
        return line

    def _voice(self, name: str, locale: Locale) -> VoiceFacts | None:
        """Return a voice that speaks the locale's language, or note why there is none."""
        if (voice := self.tools.voices.get(name)) is None:
            unknown = f"there is no voice '{name}'. Known: {', '.join(self.tools.voices)}."
            self.problems[f"locale {locale.tag}: {self.tools.unusable_voices.get(name, unknown)}"] = None
        elif voice.languages and locale.language not in voice.languages:
            spoken = ", ".join(voice.languages)
            cure = f"Choose a voice for {locale.language}."
            self.problems[f"locale {locale.tag}: {name} speaks {spoken}. {cure}"] = None
            return None
        return voice

    def _fallback(self, locale: Locale) -> tuple[str, VoiceFacts] | None:
        name = self.planned.context.source.voices.fallback_for(locale.tag)
        if not name or name == locale.voice or (voice := self._voice(name, locale)) is None:
            return None
        if not self._may_speak(voice):
            cure = "Write 'allow_draft: true' beside 'fallback', or choose a better voice."
            self.problems[f"locale {locale.tag}: the fallback {name} is a draft voice. {cure}"] = None
        return name, voice

    def _may_speak(self, voice: VoiceFacts) -> bool:
        return voice.grade != "draft" or self.planned.context.source.voices.allow_draft

    def _warn(self, sentence: str) -> None:
        if sentence not in self.planned.warnings:
            self.planned.warnings.append(sentence)

    def _captions(self, line: Line, variant: Variant, format: Format) -> str:
        context = self.planned.context
        names, market = (context.brand.name, variant.title), self.caption_markets[variant.locale, format.id]
        job = caption_job_for(line, context.locales[variant.locale], format, names, market)
        self.planned.captions[job.key] = job
        return job.key

    def _shared_facts(self) -> dict[tuple[str, str], str]:
        """Hash what many variants have in common once per locale and format."""
        context = self.planned.context
        common = {
            "brand": context.brand.model_dump(exclude=FOR_WRITERS),
            "fonts": self.tools.fonts,
            "code": CODE_VERSIONS["compose"],
        }
        locales = {tag: locale.model_dump(exclude=NOTES) for tag, locale in context.locales.items()}
        formats = {name: format.model_dump(mode="json") for name, format in context.formats.items()}
        return {
            (tag, name): content_key("shared", common | {"locale": locale, "format": format})
            for tag, locale in locales.items()
            for name, format in formats.items()
        }


def _seed(key: str) -> int:
    return int(hashlib.sha256(key.encode()).hexdigest(), 16) >> (256 - SEED_BITS)
