"""What a style decides: type, alignment, plates, motion, timing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from renderer.picture.motion import Motion
from renderer.picture.shapes import Shape
from renderer.picture.typography import Align, Weight

Colour = Literal["accent", "ink", "paper"]  # of the brand
TransitionKind = Literal["dissolve", "wipe", "dip", "flash"]


@dataclass(frozen=True)
class Plate:
    """What a price or a button stands on. Lengths are in design px; `radius_px` None is half the height."""

    shape: Shape = "rounded"
    fill: Colour = "accent"
    border: Colour | None = None
    border_px: float = 0.0
    radius_px: float | None = None
    tilt_deg: float = 0.0  # counter-clockwise for readers from left to right, mirrored for others


@dataclass(frozen=True)
class Backing:
    """What stands behind a product that was cut out: in the first colour that lets it stand out."""

    shape: Literal["arch", "wall", "disc", "brackets"]
    colours: tuple[Colour, ...]


@dataclass(frozen=True)
class Style:
    """The look of an ad's graphics. A brand's own font and corner radius come before the style's."""

    name: str
    family: str  # of headlines, prices and buttons, where it has the letters
    weight: Weight = "bold"
    tracking: float = -0.012  # em; letters that join are never spread
    is_uppercase: bool = False  # headlines and buttons, in scripts that know capitals
    scale: float = 1.0  # largest size of headlines, of what the format has room for
    subline_tracking: float = 0.0
    subline_is_uppercase: bool = False
    align: Align = "centre"  # of text above a product; text beside one always begins at the side where reading does
    rule_px: tuple[int, int] | None = None  # length and thickness of a line in the accent above headlines
    badge: Plate = Plate(radius_px=46)
    button: Plate = Plate()
    end_fill: Colour = "ink"  # what the end card is sunk in, if text stands out from it
    backing: Backing | None = None
    gloss: float = 0.0  # of the floor: share of light with which it shows a product that stands on it
    hairline: Colour | None = None  # a fine line around the frame
    text_motion: Motion | None = None  # None: rises
    plate_motion: Motion | None = None  # None: pops
    headline_by: Literal["line", "word"] = "line"  # what headlines come in by; all other texts come by the line
    line_stagger: int = 4  # frames between the lines of a text
    word_stagger: int = 3  # frames between the words of a headline; less where it has many
    block_stagger: int = 5  # frames between texts
    exit_frames: int = 7
    transition: TransitionKind = "dissolve"  # of the backdrop from part to part
    cuts_on_beat: bool = False  # scenes end on the beat of the music nearest to their planned length
    price_drops: bool = False  # the former price is shown, struck through, and the new one takes its place
