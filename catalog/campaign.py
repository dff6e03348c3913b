"""The records of a campaign as its author wrote it; Jinja stands only inside their strings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from catalog.locales import VOICE, fallback_chain
from catalog.schedule import Flight, Schedule
from catalog.yamlfile import Steps as Place

NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"

Seconds = Annotated[float, Field(gt=0, le=600)]
HexColour = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Speed = Annotated[float, Field(gt=0, le=3)]
Camera = Literal[
    "static", "pan_left", "pan_right", "tilt_up", "tilt_down", "dolly_in", "dolly_out", "orbit_left", "orbit_right"
]
TierName = Literal["draft", "standard", "hero"]
Channel = Annotated[str, Field(pattern=r"^(webhook|slack|mail:[^@\s<>,;]+@[^@\s<>,;]+)$")]
DestinationName = Literal["manifest", "merchant_center", "meta_catalog", "vast"]
Steps = Annotated[int, Field(ge=1, le=200)]
SharedSteps = Annotated[int, Field(ge=0, le=200)]
Guidance = Annotated[float, Field(ge=0, le=30)]
StyleName = Literal["classic", "editorial", "retail", "luxury", "playful", "tech"]
Light = Literal["left", "top_left", "top", "top_right", "right"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _still_where_it_loops(camera: str, others: ValidationInfo) -> str:
    """A take that ends where it began leaves no way for the camera; one written in Jinja is checked when rendered."""
    if others.data.get("loop") and camera != "static" and "{" not in camera:
        raise ValueError("a look with loop: true ends where it began; write camera: static, or loop: false")
    return camera


class Look(_Strict):
    """What the picture shows and how the camera moves: the words that video models are conditioned by."""

    scene: str
    second_scene: str = ""  # blended into the first
    second_share: Share = 0.5  # how much of the second scene shows, if there is one
    palette: tuple[HexColour, HexColour, HexColour]  # dark, middle, light
    light: Light = "top_left"  # where it comes from
    energy: Share = 0.5  # how lively
    loop: bool = False  # the take ends where it began, and may repeat
    camera: Camera = "static"
    camera_speed: Speed = 1.0

    _camera = field_validator("camera")(_still_where_it_loops)


class Brand(_Strict):
    """The sender of the ads. `logo` is an SVG or PNG beside the campaign; in a run it lies in the store by its hash.

    `tone` is how the brand speaks, for whoever writes its copy; no ad is made of it.
    """

    name: str
    logo: str
    logo_sha256: str = ""
    ink: HexColour = "#15181E"  # text on light ground
    paper: HexColour = "#FFFFFF"  # text on dark ground
    accent: HexColour = "#FFB000"  # badge and call to action
    headline_font: str = ""  # the style's own unless one is named
    text_font: str = ""  # of sublines and legal lines; the locale's own unless one is named
    corner_radius: Annotated[float, Field(ge=0, le=60)] | None = None  # of plates, px at a short side of 1080
    tone: Annotated[str, Field(max_length=300)] = ""

    @field_validator("tone")
    @classmethod
    def _on_one_line(cls, tone: str) -> str:
        return " ".join(tone.split())


Mood = Literal["bright", "calm", "upbeat", "elegant", "lofi", "electronic", "playful", "cinematic", "none"]
TEMPOS: dict[str, float] = {
    "bright": 100,
    "calm": 100,
    "upbeat": 118,
    "elegant": 84,
    "lofi": 78,
    "electronic": 122,
    "playful": 108,
    "cinematic": 90,
    "none": 100,
}
NO_BPM = 0.0
BRIGHT_MOODS, CALM_MOODS = ("bright", "upbeat", "playful"), ("calm", "elegant", "lofi")


class Music(_Strict):
    """The bed under the voice: synthesized, royalty-free and with known beats; or a campaign's own file.

    `bpm` is the mood's own where none is written; of a file it is 0 where nobody knows it. In a run, `file` is its
    place in the store.
    """

    mood: Mood = "bright"
    bpm: float = TEMPOS["bright"]
    seed: int = 7
    file: str = ""
    licence: str = ""  # of the file, in words for whoever asks
    first_beat_s: Annotated[float, Field(ge=0, le=60)] = 0.0  # from the start of the file

    @model_validator(mode="before")
    @classmethod
    def _own_tempo(cls, content: Any) -> Any:
        if isinstance(content, dict) and "bpm" not in content:
            tempo = NO_BPM if content.get("file") else TEMPOS.get(str(content.get("mood", "bright")), NO_BPM)
            return {**content, "bpm": tempo}
        return content

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.bpm != NO_BPM and not 50 <= self.bpm <= 180:
            raise ValueError(f"{self.bpm:g} beats per minute; write 50 to 180")
        if self.file and not self.licence.strip():
            raise ValueError("a file needs its licence; write who gave you the right to use it, and which")
        if self.file and self.mood != "bright":
            raise ValueError("a file has its own mood; write mood or file, not both")
        if self.file and self.first_beat_s and not self.bpm:
            raise ValueError("first_beat_s needs the tempo; write bpm, or remove it")
        if not self.file and (self.licence or self.first_beat_s):
            raise ValueError("licence and first_beat_s are about a file; write file, or remove them")
        if not self.file and not self.bpm:
            raise ValueError("a bed needs a tempo; write 50 to 180, or remove bpm")
        return self

    @property
    def character(self) -> Literal["bright", "calm", "other"]:
        """What captions call it; of a file nobody knows."""
        if self.mood in CALM_MOODS:
            return "calm"
        return "bright" if self.mood in BRIGHT_MOODS and not self.file else "other"

    @property
    def rights(self) -> str:
        """Under which licence it is heard; empty where nothing is."""
        if self.file:
            return self.licence
        return "" if self.mood == "none" else "made by adloom, no third-party rights"


class Captions(_Strict):
    """How the text of what is said is shown and handed on.

    `style`, where it is burned in: on a plate with the spoken word lit, on a plate, with an outline alone, or filled
    word by word. `kind`: captions also tell what else is heard; in the picture only if `burn_in_sounds`.
    """

    style: Literal["highlight", "plate", "plain", "karaoke"] = "highlight"
    burn_in: bool = True  # false: the text is only in the files beside the ad
    kind: Literal["subtitles", "captions"] = "subtitles"
    burn_in_sounds: bool = False


class LookTemplate(_Strict):
    """A look whose words may be Jinja. `palette`: three colours, as one string or a list."""

    scene: str
    second_scene: str = ""
    second_share: Share | None = None
    palette: str | tuple[str, str, str]
    light: str = "top_left"
    energy: float | str = 0.5
    loop: bool = False
    camera: str = "static"
    camera_speed: Speed = 1.0

    _camera = field_validator("camera")(_still_where_it_loops)

    @field_validator("second_share")
    @classmethod
    def _needs_a_second_scene(cls, share: float | None, others: ValidationInfo) -> float | None:
        if share is not None and not others.data.get("second_scene"):
            raise ValueError("there is no second scene to show; write second_scene, or remove second_share")
        return share


class Restyle(_Strict):
    """A video beside the campaign that is painted anew; in a run, `clip` is its place in the store."""

    clip: Annotated[str, Field(min_length=1)]
    strength: Share = 0.6  # 0 keeps the clip, 1 keeps nothing of it


class SceneTemplate(_Strict):
    """One slot of the story. Every string may be Jinja, but for the names of scenes and files.

    `shared_prompt` is what the first `shared_steps` of a tier are denoised under, for all variants at once.
    `continues` names the scene whose take this one goes on. `ends_on` is a picture beside the campaign; in a run, the
    SHA-256 of what the store has of it.
    """

    id: Annotated[str, Field(pattern=NAME)]
    duration_s: Seconds
    when: str = "true"
    look: LookTemplate
    prompt: str = ""
    negative_prompt: str = ""
    shared_prompt: str = ""
    product: str = "composite"
    images: Literal["first", "sequence"] = "first"  # of the feed's image_link and additional_image_link
    continues: str = ""
    restyle: Restyle | None = None
    ends_on: str = ""
    upscale: Literal[1, 2] = 1  # times the model's own size
    sound: bool = False  # the model's own, to the picture
    headline: str = ""
    subline: str = ""
    badge: str = ""
    badge_was: str = ""
    narration: str = ""
    narration_short: str = ""  # said where the narration does not fit the scene

    @field_validator("continues", "restyle", "ends_on")
    @classmethod
    def _fits_the_rest(cls, start: Any, others: ValidationInfo) -> Any:
        look = others.data.get("look")
        if start and look is not None and look.loop:
            raise ValueError("a look with loop: true ends where it began; remove one of the two")
        if start and others.field_name == "restyle" and others.data.get("continues"):
            raise ValueError("a scene starts from one clip; write continues or restyle, not both")
        if start and others.field_name == "ends_on" and others.data.get("restyle"):
            raise ValueError("a clip that is painted anew has its own last frame; write ends_on or restyle, not both")
        return start


class EndCardTemplate(_Strict):
    """The last seconds of the ad. Every string may be Jinja."""

    duration_s: Seconds
    headline: str = ""
    cta: str = ""
    legal: str = "{{ locale.legal_line }}"
    qr: str = ""  # a link, shown as a QR code in place of the product
    narration: str = ""
    narration_short: str = ""


class Zip(_Strict):
    """Axes that advance together: the first values of all, then the second ones."""

    zip: dict[str, tuple[str, ...]]

    @field_validator("zip")
    @classmethod
    def _same_length(cls, columns: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if len({len(values) for values in columns.values()}) > 1:
            counts = ", ".join(f"{name} has {len(values)}" for name, values in columns.items())
            raise ValueError(f"zipped axes need equally many values; {counts}")
        return columns


class Join(_Strict):
    """Axes from the rows of a CSV file whose `on` columns equal the variant's product, locale or format."""

    join: str
    on: tuple[Literal["product", "locale", "format"], ...]

    @field_validator("on", mode="before")
    @classmethod
    def _one_or_many(cls, on: Any) -> Any:
        return (on,) if isinstance(on, str) else on


class Where(_Strict):
    """Which variants an override is for; a locale may be a language alone."""

    product: str | None = None
    locale: str | None = None
    format: str | None = None
    axes: dict[str, str] = {}

    def matches(self, product: str, locale: str, format_id: str, axes: Mapping[str, str]) -> bool:
        """Tell whether a variant is meant."""
        return (
            self.product in (None, product)
            and self.format in (None, format_id)
            and (self.locale is None or locale == self.locale or locale.startswith(f"{self.locale}-"))
            and all(axes.get(name) == value for name, value in self.axes.items())
        )


class Override(_Strict):
    """Other values for some variants: of one scene, or of the end card (`scene: end_card`)."""

    where: Where
    scene: str
    set: dict[str, Any]


class Sample(_Strict):
    """The part that is rendered unless everything is asked for: lists to choose from, and at most `count` of it."""

    products: tuple[str, ...] | None = None
    locales: tuple[str, ...] | None = None
    formats: tuple[str, ...] | None = None
    count: Annotated[int, Field(ge=1)] | None = None


class Budget(_Strict):
    """What a run may cost; planning refuses more."""

    gpu_hours: Annotated[float, Field(gt=0)]


class Approval(_Strict):
    """From which estimate on a run waits for a person before its shots are rendered."""

    gpu_hours: Annotated[float, Field(ge=0)] | None = None
    cost_usd: Annotated[float, Field(ge=0)] | None = None


class AdapterChoice(_Strict):
    """Weights to lay over the model's own (a LoRA): a file or folder in the models folder, and how strongly."""

    name: Annotated[str, Field(min_length=1)]
    weight: Annotated[float, Field(ge=-2, le=2)] = 1.0


class Tier(_Strict):
    """One of several qualities of the same ads: a video model with its dials."""

    model: str
    num_inference_steps: Steps | None = None
    guidance_scale: Guidance | None = None
    approximations: tuple[str, ...] = ()
    shared_steps: SharedSteps = 0


class VoiceChoice(_Strict):
    """Which voices may be heard: drafts, and by locale or language another one where the locale's own fails."""

    allow_draft: bool = False
    fallback: dict[str, str] = {}

    @field_validator("fallback")
    @classmethod
    def _named_like_voices(cls, fallback: dict[str, str]) -> dict[str, str]:
        if wrong := [name for name in fallback.values() if not VOICE.fullmatch(name)]:
            raise ValueError(f"'{wrong[0]}' is no voice; write '<engine>:<voice>'")
        return fallback

    def fallback_for(self, tag: str) -> str:
        """Return the voice that steps in for a locale (BCP 47), empty where none does."""
        return next((self.fallback[name] for name in fallback_chain(tag) if name in self.fallback), "")


class Campaign(_Strict):
    """A campaign as its author wrote it; strings are not yet rendered."""

    id: Annotated[str, Field(pattern=NAME)]
    feed: str
    brand: Brand
    style: StyleName = "classic"
    description: str = ""
    owner: Annotated[str, Field(min_length=1, max_length=100)] = "adloom"
    tags: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = ()
    schedule: Schedule | None = None
    flight: Flight = Flight()
    products: dict[str, str | tuple[str, ...]] = {}
    locales: Annotated[tuple[str, ...], Field(min_length=1)]
    formats: Annotated[tuple[str, ...], Field(min_length=1)]
    prices: Literal["local", "feed"] = "local"
    copy_fallback: dict[str, str] = {}
    names: dict[str, str] = {}
    axes: dict[str, tuple[str, ...] | Zip | Join] = {}
    when: str = "true"
    sample: Sample = Sample()
    model: str = "backdrop"
    num_inference_steps: Steps | None = None
    guidance_scale: Guidance | None = None
    approximations: tuple[str, ...] = ()
    shared_steps: SharedSteps = 0
    adapters: tuple[AdapterChoice, ...] = ()
    tiers: dict[TierName, Tier] = {}
    tier: TierName | None = None
    seed: int = 0
    budget: Budget | None = None
    approval: Approval | None = None
    feed_shrink: Share = 0.3
    review: Literal["automatic", "people"] = "automatic"
    notify: tuple[Channel, ...] = ()
    publish: tuple[DestinationName, ...] = ("manifest",)
    scenes: Annotated[tuple[SceneTemplate, ...], Field(min_length=1)]
    end_card: EndCardTemplate | None = None
    music: Music = Music()
    voices: VoiceChoice = VoiceChoice()
    captions: Captions = Captions()
    overrides: tuple[Override, ...] = ()

    @property
    def timezone(self) -> str:
        """The time zone of the schedule and the flight."""
        return self.schedule.timezone if self.schedule else "UTC"

    def in_flight(self, moment: datetime) -> bool:
        """Tell whether ads are made at `moment` (aware) without being asked for by hand."""
        return self.flight.covers(moment, self.timezone)

    @field_validator("adapters")
    @classmethod
    def _once_each(cls, adapters: tuple[AdapterChoice, ...]) -> tuple[AdapterChoice, ...]:
        if len({adapter.name for adapter in adapters}) < len(adapters):
            raise ValueError("an adapter counts once; add its weights up")
        return adapters


def files_of(campaign: Campaign) -> dict[Place, str]:
    """Return the clips, pictures and music that a campaign names, by where in it they are named."""
    wishes: dict[Place, dict[str, Any]] = {
        ("scenes", number): {"restyle": scene.restyle and scene.restyle.model_dump(), "ends_on": scene.ends_on}
        for number, scene in enumerate(campaign.scenes)
    }
    wishes |= {("overrides", number, "set"): override.set for number, override in enumerate(campaign.overrides)}
    named: dict[Place, Any] = {("music", "file"): campaign.music.file}
    for steps, wish in wishes.items():
        restyle = wish.get("restyle")
        named[*steps, "restyle", "clip"] = restyle.get("clip") if isinstance(restyle, dict) else None
        named[*steps, "ends_on"] = wish.get("ends_on")
    return {steps: name for steps, name in named.items() if name and isinstance(name, str)}


def with_files(campaign: Campaign, stored: Mapping[Place, str]) -> Campaign:
    """Return the campaign with other names for the files at these places (see `files_of`)."""
    if not stored:
        return campaign
    content = campaign.model_dump(exclude_unset=True)
    for steps, name in stored.items():
        holder: Any = content
        for step in steps[:-1]:
            holder = holder[step]
        holder[steps[-1]] = name
    return Campaign.model_validate(content)
