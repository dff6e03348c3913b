"""Makes text readable whatever is behind it: measures contrast, chooses ink or paper, and veils no more than needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from catalog import Brand
from renderer.picture import ground as grounds
from renderer.picture.canvas import Rgb, Yuv, rgb_of, yuv_of
from renderer.picture.frame import Box, Frame, Role
from renderer.picture.ground import Footage, Ground, Scrim
from renderer.picture.lettering import ENOUGH
from renderer.picture.timeline import Part, seen_frames

BASE_SCRIM = 0.14  # there always is a little, for calm
INK_HANDICAP = 0.25  # dark text must need this much less scrim than light text before it is chosen
SCRIM_FADE = 0.24  # of the frame, over which a scrim runs out
LOOKS = (0.12, 0.5, 0.9)  # shares of a scene at which contrast is measured
BARE_TEXTS = ("logo", "headline", "subline")  # what brings no ground of its own


@dataclass(frozen=True)
class Readable:
    """Backdrops with their scrims, the colour of the text on them, and the contrast it has in each scene."""

    backdrops: list[Ground]
    colour: Rgb
    ratios: list[float]

    @property
    def cost(self) -> float:
        """How much of the pictures is lost to the scrims; failing contrast outweighs everything."""
        return max(backdrop.scrim.strength for backdrop in self.backdrops) + 10 * (min(self.ratios) < ENOUGH)


def readable(
    takes: Sequence[Footage],
    parts: Sequence[Part],
    boxes: Sequence[dict[Role, Box]],
    frame: Frame,
    brand: Brand,
) -> Readable:
    """Return the backdrops of all scenes, veiled so that the text in `boxes` reads well.

    Text is in the brand's paper, or in its ink where that needs clearly less of a veil; all scenes agree.
    """
    plain = [_plain(take, parts, number, boxes, frame) for number, take in enumerate(takes)]
    looks = [[backdrop.bare(backdrop.duration_s * look) for look in LOOKS] for backdrop in plain]
    light = _with_text(plain, looks, boxes, rgb_of(brand.paper), frame)
    dark = _with_text(plain, looks, boxes, rgb_of(brand.ink), frame)
    return dark if dark.cost + INK_HANDICAP < light.cost else light


def end_veil(boxes: Sequence[Box], backdrop: Ground, frame: Frame, fill: Rgb, colour: Rgb) -> tuple[Scrim, float]:
    """Return as much more of `fill` over the end card as texts in `colour` need, and the contrast reached."""
    pictures = [grounds.end_ground(backdrop.bare(backdrop.duration_s * look), fill) for look in LOOKS]
    veil = Scrim(np.ones(pictures[0].shape[:2], np.float32), yuv_of(fill), 0.0)
    texts = [_reduced(box, backdrop, frame) for box in boxes]
    return grounds.strengthened(pictures, veil, texts, colour, ENOUGH)


def _with_text(
    plain: Sequence[Ground], looks: Sequence[list[Yuv]], boxes: Sequence[dict[Role, Box]], colour: Rgb, frame: Frame
) -> Readable:
    veiled, ratios = [], []
    for backdrop, pictures, places in zip(plain, looks, boxes, strict=True):
        scrim = replace(backdrop.scrim, colour=grounds.scrim_colour(pictures, colour))
        texts = [_reduced(box, backdrop, frame) for role, box in places.items() if role in BARE_TEXTS]
        scrim, ratio = grounds.strengthened(pictures, scrim, texts, colour, ENOUGH)
        veiled.append(replace(backdrop, scrim=scrim))
        ratios.append(ratio)
    return Readable(veiled, colour, ratios)


def _plain(take: Footage, parts: Sequence[Part], number: int, boxes: Sequence[dict[Role, Box]], frame: Frame) -> Ground:
    """A backdrop whose scrim has a place but no colour yet. The last one goes on behind the end card."""
    width, height = frame.format.width, frame.format.height
    size = grounds.working_size(take, width, height)
    light = grounds.no_glow(size)
    if "product" in boxes[number]:
        box = boxes[number]["product"]
        centre = ((box.x + box.width / 2) / width, (box.y + box.height / 2) / height)
        light = grounds.glow(size, centre, (0.75 * box.height / width, 0.75 * box.height / height))
    duration_s = seen_frames(parts, number, len(boxes)) / frame.format.frame_rate
    scrim = Scrim(_scrim_mask(boxes[number], size, frame), np.zeros(3, np.float32), BASE_SCRIM)
    return Ground(take, duration_s, size, grounds.vignette(size), light, scrim)


def _scrim_mask(boxes: dict[Role, Box], size: tuple[int, int], frame: Frame) -> NDArray[np.float32]:
    """Full strength over the texts and from there to the nearest edge, running out softly on the other side."""
    texts = [box for role, box in boxes.items() if role in BARE_TEXTS]
    x, y = (np.arange(size[0]) + 0.5) / size[0], ((np.arange(size[1]) + 0.5) / size[1])[:, None]
    if not frame.has_columns:
        beyond = y - max(box.bottom for box in texts) / frame.format.height
    elif frame.is_rtl:
        beyond = min(box.x for box in texts) / frame.format.width - x
    else:
        beyond = x - max(box.right for box in texts) / frame.format.width
    return 1 - grounds.smooth(np.broadcast_to(beyond / SCRIM_FADE, (size[1], size[0])))


def _reduced(box: Box, backdrop: Ground, frame: Frame) -> tuple[slice, slice]:
    """Rows and columns of a box at the working size, grown to whole pixels."""
    scale = backdrop.size[0] / frame.format.width
    rows = slice(max(int(box.y * scale), 0), int(np.ceil(box.bottom * scale)))
    return rows, slice(max(int(box.x * scale), 0), int(np.ceil(box.right * scale)))
