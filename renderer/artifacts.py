"""The nouns one stage hands to the next, in the order of the flow. All frozen, all JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from catalog import CaptionRules, Format, Locale, Look, Variant


class Record(BaseModel):
    """Frozen, strict about unknown fields, written as canonical JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Fraction = Annotated[float, Field(ge=0, le=1)]  # of the frame's width or height, from its left or top


class Region(Record):
    """A part of the frame: its top left corner and its size, as fractions of the frame's width and height."""

    x: Fraction
    y: Fraction
    width: Fraction
    height: Fraction


class Stand(Record):
    """Where a product will stand: the middle of its foot, and the foot's width as a fraction of the frame's."""

    x: Fraction
    y: Fraction
    width: Fraction


class Layout(Record):
    """What a picture leaves room for: regions to keep calm, and a floor where a product will stand."""

    calm: Annotated[tuple[Region, ...], Field(max_length=3)] = ()
    stand: Stand | None = None


class Footage(Record):
    """A clip in the store that a shot starts from: its last frames are continued, or all of it is painted anew."""

    object: str
    use: Literal["extend", "restyle"]
    strength: Fraction = 0.6  # of a restyle: 0 keeps the clip, 1 keeps nothing of it


class Adapter(Record):
    """Weights laid over a model's own (a LoRA): the name of a pinned row or folder, and how strongly they count."""

    name: str
    revision: str
    weight: float = 1.0


Approximation = Literal[
    "fp8_linear",  # matrix products in 8-bit floats, a scale for each row
    "fp8_attention",  # the products inside attention likewise
    "sparse_attention",  # each latent frame looks at near ones and at the first
]


class Shot(Record):
    """One continuous take to be made. Knows no locale, and a product only by what the picture shows.

    `image_sha256` is set only when the product's picture conditions the model: as the first frame, or, where
    `keeps_product`, as pixels that stay while everything around them is made. `upscale` times the model's own size is
    `width` x `height`. The first `shared_steps` are denoised under `shared_prompt`: once for all shots that differ in
    nothing else than their prompt. `approximations` trade fidelity to the model for speed.
    """

    key: str
    model: str
    revision: str
    look: Look
    layout: Layout = Layout()
    prompt: str
    negative_prompt: str
    image_sha256: str | None
    width: int
    height: int
    num_frames: int
    frame_rate: float
    num_inference_steps: int
    guidance_scale: float
    seed: int
    keeps_product: bool = False
    last_image_sha256: str | None = None
    footage: Footage | None = None
    adapters: tuple[Adapter, ...] = ()
    upscale: int = 1
    approximations: tuple[Approximation, ...] = ()  # sorted
    shared_prompt: str = ""
    shared_steps: int = 0  # 0 where nothing is shared
    sounds: bool = False  # the take comes with the sound that the model makes to its picture

    @property
    def duration_s(self) -> float:
        """How long the take will last."""
        return self.num_frames / self.frame_rate


class Take(Record):
    """The video a model returned for a shot; `object` is its place in the store.

    `stand` is where the shot asked for a floor; a take that `loops` ends where it began. `fidelity` says how much of a
    product that the model drew is still there in the worst frame, 0..1, None where there is none or it cannot be told;
    `seed` is the shot's own, or a later one where a take was taken again. `sound` is the place of its WAV, stereo at 48
    kHz and as long as the picture; None where none was asked for, or what the model made is of no use.

    `seconds_spent` is the take's share of its worker's time, all tries included, loading the model not. `gpu_seconds`
    is as much on a GPU, 0 where there was none, and None in records of earlier versions, which did not note it.
    """

    key: str
    object: str
    width: int
    height: int
    num_frames: int
    frame_rate: float
    stand: Stand | None = None
    loops: bool = False
    decoded_in_tiles: bool = False  # the card had too little memory for the whole clip at once
    fidelity: float | None = None
    seed: int | None = None
    sound: str | None = None
    seconds_spent: float
    gpu_seconds: float | None = None


class Line(Record):
    """One text to be spoken.

    `text` may carry annotations, U+FFF9 shown U+FFFA spoken U+FFFB: a price is shown as digits and spoken as words.
    `fallback` speaks where the voice itself fails. Where the recording
    is longer than `room_ms`, it is hurried a little, or `short_text` is said instead. A line with `read_ms` is not
    spoken: it is on screen for that long.
    """

    key: str
    text: str
    locale: str
    voice: str
    voice_revision: str
    fallback: str = ""
    fallback_revision: str = ""
    room_ms: int | None = None
    short_text: str = ""
    read_ms: int | None = None


def not_spoken(voice: str) -> str:
    """Return why lines of a draft voice are not heard, and what to do."""
    return (
        f"{voice} is a draft voice: its lines are shown and not spoken. "
        "Choose a better voice, or write 'voices: {allow_draft: true}' in the campaign."
    )


class Word(Record):
    """One shown word (or annotated stretch) and when it is spoken, in ms from the start of the line."""

    text: str
    start_ms: int
    end_ms: int


Grade = Literal["natural", "basic", "draft"]  # of a voice, by the words that a recognizer gets wrong: docs/voices.md
FORMER_GRADES = {"neural": "natural", "accented": "basic"}  # in records of earlier versions

WordTimes = Literal[
    "engine",  # the voice itself told them
    "aligned",  # found in the recording
    "estimated",  # shared out by length
]


class Speech(Record):
    """The recording of a line: mono WAV at `sample_rate` Hz in the store; its words follow the shown text.

    `text` is what is said, if not the line's own; `tempo` how many times as fast as the voice spoke it.
    `voice` is who speaks; `departure` says why that is not the voice that was asked for. A line that is shown and not
    spoken has no voice and an empty `object`; its words are timed as they are read.
    """

    key: str
    object: str
    sample_rate: int
    duration_ms: int
    grade: Grade
    words: tuple[Word, ...]
    text: str = ""
    tempo: float = 1.0
    word_times: WordTimes = "estimated"
    voice: str = ""
    departure: str = ""

    @field_validator("grade", mode="before")
    @classmethod
    def _as_called_now(cls, grade: str) -> str:
        return FORMER_GRADES.get(grade, grade)


class Cue(Record):
    """Text on screen from `start_ms` to `end_ms`; `lines` are already broken; `words` time a highlight."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    words: tuple[Word, ...] = ()


class CaptionJob(Record):
    """One line to be captioned for one locale and format; `names` in it are read as one and not parted."""

    key: str
    line: Line
    locale: Locale
    format: Format
    names: tuple[str, ...] = ()


class CueSheet(Record):
    """All cues of one line for one locale and format, in ms from the start of the line."""

    key: str
    cues: tuple[Cue, ...]


class Placed(Record):
    """Text or picture that the composer put on screen: frames [first, last), pixels, and what it says."""

    role: Literal["headline", "badge", "caption", "product", "logo", "cta", "legal", "subline", "qr"]
    text: str
    first_frame: int
    last_frame: int
    x: int
    y: int
    width: int
    height: int
    contrast: float | None = None  # WCAG 2.2 ratio of text to what lies under it, where it is text


class Creative(Record):
    """The finished file of one variant."""

    key: str
    variant_id: str
    object: str
    webvtt: str
    srt: str
    ttml: str
    poster: str
    sha256: str
    size_bytes: int
    width: int
    height: int
    num_frames: int
    frame_rate: int
    placed: tuple[Placed, ...]
    voices: tuple[str, ...] = ()  # who speaks, each once
    narration: str = ""  # what is said, as it is written
    paces: tuple[str, ...] = ()  # which parts speak faster or in shorter words
    grown: tuple[str, ...] = ()  # which parts last longer than planned, for what is said in them
    departures: tuple[str, ...] = ()  # why lines are not spoken, or not by the voice that was asked for

    @property
    def duration_s(self) -> float:
        """How long the ad lasts."""
        return self.num_frames / self.frame_rate


class CheckJob(Record):
    """One creative to be checked against what its variant, format and language ask for."""

    creative: Creative
    variant: Variant
    format: Format
    captions: CaptionRules


class Finding(Record):
    """One result of one check. Severity `error` keeps the creative from being published."""

    check: str
    severity: Literal["ok", "warning", "error"]
    measured: str
    limit: str
    message: str


class Checked(Record):
    """All findings of one creative, and the facts that were measured."""

    key: str
    variant_id: str
    sha256: str
    findings: tuple[Finding, ...]
    video_codec: str
    audio_codec: str
    duration_s: float
    loudness_lufs: float
    peak_dbtp: float

    @property
    def passed(self) -> bool:
        """Tell whether it may be published."""
        return all(finding.severity != "error" for finding in self.findings)


class Retake(Record):
    """A shot to be taken again: with its next seed, or with the same seed and another prompt."""

    shot: str  # the key of the take that nobody wants
    scene: str
    prompt: str = ""


Verdict = Literal["approve", "reject", "retake", "undo"]


class Decision(Record):
    """What a person (or the campaign's own rule) said about exactly these bytes.

    `undo` takes back what was said before. `revision` is the number of the entry in the campaign's journal.
    """

    variant_id: str
    sha256: str
    verdict: Verdict
    reason: str
    reviewer: str
    decided_at: str  # ISO 8601, UTC
    revision: int = 0
    retakes: tuple[Retake, ...] = ()


class Delivery(Record):
    """A creative at its destination."""

    variant_id: str
    sha256: str
    url: str
    captions: tuple[str, ...]
    narration: str = ""  # what is said, as it is written
    delivered_at: str  # ISO 8601, UTC
