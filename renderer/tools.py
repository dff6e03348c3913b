"""What a plan is made with, and what these tools cannot do of what a campaign asks, before anything is spent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from catalog import Campaign, Scene, Variant
from renderer.artifacts import Adapter, Approximation, Shot
from renderer.backends import Ability, VideoModelFacts, VoiceFacts, asked_of
from renderer.licences import Deployer

# What a model without the ability cannot do, and what to write instead.
CANNOT: dict[Ability, tuple[str, str]] = {
    "text": ("make a clip from words alone", "Write 'product: in_shot'."),
    "image": ("draw a product into the shot", "Write 'product: composite'."),
    "reference": ("look at a product's picture beside footage", "Write 'product: none'."),
    "first_last": ("end a take with a given picture", "Remove 'ends_on'."),
    "extend": ("go on where another take ends", "Remove 'continues'."),
    "restyle": ("paint a clip anew", "Remove 'restyle'."),
    "background": ("make a picture around a product's own pixels", "Write 'product: composite'."),
    "loop": ("end a take where it began", "Remove 'loop: true'."),
    "upscale": ("make pictures larger than its own size", "Remove 'upscale'."),
    "adapter": ("take adapters", "Remove 'adapters'."),
    "sound": ("make the sound to its pictures", "Remove 'sound: true'."),
}


@dataclass(frozen=True)
class Tools:
    """What a plan is made for: the model with its facts, the campaign's wishes, the voices by name, the fonts.

    `others` are the video models to suggest where this one cannot do what a scene asks; `unusable_voices` says why a
    voice that was asked for is not among the voices.
    """

    model: str
    facts: VideoModelFacts
    voices: Mapping[str, VoiceFacts]
    num_inference_steps: int
    guidance_scale: float
    seed: int
    fonts: str  # the revision of all fonts that text may be set in
    deployer: Deployer = field(default_factory=Deployer)
    others: Mapping[str, VideoModelFacts] = field(default_factory=dict)
    unusable_voices: Mapping[str, str] = field(default_factory=dict)
    adapters: tuple[Adapter, ...] = ()
    approximations: tuple[Approximation, ...] = ()  # sorted; those that the model can be asked for
    shared_steps: int = 0

    @classmethod
    def of(
        cls, campaign: Campaign, model: str, facts: VideoModelFacts, voices: Mapping[str, VoiceFacts], fonts: str
    ) -> Tools:
        """Take the model's own steps and guidance where the campaign names none.

        Adapters have no revision: planning needs no weights, so nobody has seen their content yet.
        """
        return cls(
            model=model,
            facts=facts,
            voices=voices,
            num_inference_steps=campaign.num_inference_steps or facts.num_inference_steps,
            guidance_scale=facts.guidance_scale if campaign.guidance_scale is None else campaign.guidance_scale,
            seed=campaign.seed,
            fonts=fonts,
            adapters=tuple(Adapter(name=one.name, revision="", weight=one.weight) for one in campaign.adapters),
            approximations=tuple(sorted(facts.approximations.intersection(campaign.approximations))),
            shared_steps=campaign.shared_steps,
        )


def unfit_dials(campaign: Campaign, tools: Tools) -> Iterator[str]:
    """Yield what is wrong with the campaign's dials for this model."""
    facts, own_steps = tools.facts, tools.num_inference_steps
    if campaign.guidance_scale is not None and not facts.has_guidance:
        yield f"{campaign.id}: {tools.model} has no guidance. Remove 'guidance_scale'."
    for name in sorted(set(campaign.approximations) - facts.approximations):
        known = ", ".join(sorted(facts.approximations))
        cure = f"Known: {known}." if known else "Remove it: there are none."
        yield f"{campaign.id}: {tools.model} knows no approximation '{name}'. {cure}"
    if campaign.shared_steps and not facts.shares_steps:
        yield f"{campaign.id}: takes of {tools.model} cannot share steps. Remove 'shared_steps'."
    elif campaign.shared_steps >= own_steps:
        fact = f"of {own_steps} steps {campaign.shared_steps} shared ones leave none to a take"
        yield f"{campaign.id}: {fact}. Write 'shared_steps' below {own_steps}."


def unfit_scene(scene: Scene, variant: Variant, shot: Shot, tools: Tools) -> Iterator[str]:
    """Yield what of a scene, or of its shot, this model cannot do."""
    place = f"{variant.campaign}: scene '{scene.id}'"
    known = tools.facts.scenes
    for name in filter(None, (scene.look.scene, scene.look.second_scene)):
        if known and name not in known:
            yield f"{place}: {tools.model} knows no scene '{name}'. Known: {', '.join(known)}."
    if tools.facts.has_prompt and not scene.prompt:
        yield f"{place} has no prompt, and {tools.model} learns from words what to show. Write 'prompt'."
    if shot.shared_steps and (shot.footage is not None or shot.keeps_product):
        start = "'continues' or 'restyle'" if shot.footage else "'product: in_place'"
        yield f"{place}: a take with {start} shares no steps with others. Remove its 'shared_prompt'."
    for ability in asked_of(shot):
        if not is_able(tools.facts, ability):
            fact, cure = CANNOT[ability]
            able = [name for name, facts in tools.others.items() if is_able(facts, ability)]
            others = f" Models that can: {', '.join(able)}." if able else ""
            yield f"{place}: {tools.model} cannot {fact}. {cure}{others}"


def is_able(facts: VideoModelFacts, ability: Ability) -> bool:
    """Tell whether a model can do something; a loop it can make where it says how long one is."""
    return facts.loop_num_frames > 0 if ability == "loop" else ability in facts.abilities
