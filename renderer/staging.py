"""Puts everything one ad shows into its place and time: backdrops, product, lettering; and says where each text is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from catalog import EndCard, Scene
from renderer import ground as grounds
from renderer.artifacts import CueSheet, Placed, VariantPlan
from renderer.backends import Frames
from renderer.canvas import Layer, Rgb, Yuv, paint, rgb_of, smoothstep, sprite_of, yuv_of
from renderer.ground import Ground, Scrim
from renderer.layout import Box, EndSizes, Role, SceneSizes, arrange_end_card, arrange_scenes
from renderer.lettering import ENOUGH, CaptionStyle, Lettering, Pen, caption_style
from renderer.media import Planes
from renderer.packshot import Packshot, packshot, size_of
from renderer.timeline import DISSOLVE_FRAMES, Part, states_of
from renderer.typography import Rgba, logo_picture, tinted

BASE_SCRIM = 0.14  # there always is a little, for calm
INK_HANDICAP = 0.25  # dark text must need this much less scrim than light text before it is chosen
SCRIM_FADE = 0.24  # of the frame, over which a scrim runs out
LINE_STAGGER, BLOCK_STAGGER = 4, 5  # frames between the lines of a text, and between texts
EXIT_FRAMES = 7
HANDSOME_HEADLINE, HANDSOME_SUBLINE = 62, 32  # design px below which text leaves its narrow column
LOOKS = (0.12, 0.5, 0.9)  # shares of a scene at which contrast is measured
ONE_COLOUR = 24.0  # spread of a logo's colours below which it counts as drawn in one


@dataclass(frozen=True)
class Assets:
    """What the store gave: takes and their frame rates, product (see `read_product`), logo, cue sheets per line."""

    takes: Sequence[tuple[Frames, float]]
    product: NDArray[np.float32] | None
    logo: bytes
    sheets: Sequence[CueSheet | None]


@dataclass(frozen=True)
class Appearance:
    """The product on screen in frames [first, last); it fades with the dissolve that follows."""

    shot: Packshot
    first: int
    last: int

    def paint(self, frame: Planes, number: int, frame_rate: int) -> None:
        """Draw the product as it stands at frame `number`."""
        if not self.first <= number < self.last + DISSOLVE_FRAMES:
            return
        left = 1.0 if number < self.last else 1 - (number - self.last + 1) / (DISSOLVE_FRAMES + 1)
        total = (self.last - self.first + DISSOLVE_FRAMES) / frame_rate
        self.shot.paint(frame, (number - self.first) / frame_rate, total, left)


@dataclass(frozen=True)
class Show:
    """One ad, ready to be drawn frame by frame."""

    width: int
    height: int
    frame_rate: int
    parts: Sequence[Part]
    backdrops: Sequence[Ground]
    end_veil: Scrim | None  # over the end card's backdrop
    ink: Rgb
    appearances: Sequence[Appearance]
    layers: Sequence[Layer]
    placed: tuple[Placed, ...]

    @property
    def num_frames(self) -> int:
        return self.parts[-1].last

    def frames(self) -> Iterator[Planes]:
        """Yield every frame in order."""
        for number in range(self.num_frames):
            yield self.frame(number)

    def frame(self, number: int) -> Planes:
        """Draw one frame."""
        frame = grounds.develop(self._backdrop(number), self.width, self.height, number)
        for appearance in self.appearances:
            appearance.paint(frame, number, self.frame_rate)
        for layer in self.layers:
            paint(frame, layer, number)
        return frame

    def _backdrop(self, number: int) -> Yuv:
        """What is behind everything, with the end of the part before while it dissolves."""
        index = next(index for index, part in enumerate(self.parts) if number < part.last)
        picture = self._part(index, number)
        since = number - self.parts[index].first
        if index == 0 or since >= DISSOLVE_FRAMES:
            return picture
        share = smoothstep((since + 1) / (DISSOLVE_FRAMES + 1))
        return np.asarray(self._part(index - 1, number) * (1 - share) + picture * share, np.float32)

    def _part(self, index: int, number: int) -> Yuv:
        backdrop = self.backdrops[min(index, len(self.backdrops) - 1)]
        start = self.parts[min(index, len(self.backdrops) - 1)].first
        time_s = (number - start) / self.frame_rate
        if index < len(self.backdrops):
            return backdrop.at(time_s)
        assert self.end_veil is not None
        return grounds.veiled(grounds.end_ground(backdrop.bare(time_s), self.ink), self.end_veil)


@dataclass(frozen=True)
class Words:
    """The lettering of one scene."""

    headline: Lettering | None
    subline: Lettering | None
    badge: Lettering | None

    def texts(self) -> Iterator[tuple[Role, Lettering]]:
        """What is there, in reading order."""
        rows: tuple[tuple[Role, Lettering | None], ...] = (
            ("headline", self.headline),
            ("subline", self.subline),
            ("badge", self.badge),
        )
        yield from ((role, lettering) for role, lettering in rows if lettering is not None)


def stage(planned: VariantPlan, parts: Sequence[Part], assets: Assets, pen: Pen) -> Show:
    """Lay out one ad.

    Raises:
        MediaError: a text does not fit or cannot be drawn.
    """
    variant = planned.variant
    pen, upright = _seated(planned, assets, pen), pen
    frame = pen.frame
    cues = [cue for sheet in assets.sheets if sheet is not None for cue in sheet.cues]
    captions = caption_style(pen, cues)
    logo = logo_picture(assets.logo, frame.logo_room(False), pen.place)
    draft = [_words(scene, pen, (255, 255, 255)) for scene in variant.scenes]
    sizes = [
        _sizes(words, captions, sheet, scene)
        for words, scene, sheet in zip(draft, variant.scenes, assets.sheets, strict=False)
    ]
    product = size_of(assets.product) if assets.product is not None else (1, 1)
    boxes = arrange_scenes(frame, sizes, (logo.shape[1], logo.shape[0]), product)
    backdrops, colour, ratios = _backdrops(planned, parts, assets, boxes, pen)
    cast = _Cast(upright, parts, [], [])
    words = draft if colour == (255, 255, 255) else [_words(scene, pen, colour) for scene in variant.scenes]
    for number in range(len(variant.scenes)):
        cast.scene(words[number], boxes[number], parts[number], ratios[number])
        cast.captions(captions, assets.sheets[number], boxes[number].get("caption"), parts[number])
    last_scene = parts[len(variant.scenes) - 1]
    cast.logo(_in_colour(logo, colour), boxes[0]["logo"], parts[0].first, last_scene.last)
    appearances = list(_appearances(planned, parts, assets, boxes, cast))
    veil = None
    if variant.end_card is not None:
        veil, closing = cast.end_card(planned, assets, captions, backdrops[-1])
        appearances += closing
    size, ink = frame.format, rgb_of(pen.brand.ink)
    shape = size.width, size.height, size.frame_rate
    return Show(*shape, parts, backdrops, veil, ink, appearances, cast.layers, tuple(cast.placed))


def _seated(planned: VariantPlan, assets: Assets, pen: Pen) -> Pen:
    """Let a slender product stand beside the text of a tall frame, where the text stays large enough in its column."""
    scenes = planned.variant.scenes
    if assets.product is None or any(scene.product != "composite" for scene in scenes):
        return pen
    beside = replace(pen, frame=replace(pen.frame, beside=True))
    texts: list[tuple[str, Role, float]] = [(scene.headline, "headline", HANDSOME_HEADLINE) for scene in scenes]
    texts += [(scene.subline, "subline", HANDSOME_SUBLINE) for scene in scenes]
    suits = pen.frame.can_stand_beside(size_of(assets.product))
    return beside if suits and all(beside.fits(text, role, size) for text, role, size in texts if text) else pen


@dataclass(frozen=True)
class _Cast:
    """Collects layers and where they are while an ad is laid out."""

    pen: Pen
    parts: Sequence[Part]
    layers: list[Layer]
    placed: list[Placed]

    def note(self, role: Role, text: str, first: int, last: int, box: Box, ratio: float | None) -> None:
        """Remember where something is."""
        measures = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
        rounded = None if ratio is None else round(ratio, 2)
        self.placed.append(Placed(role=role, text=text, first_frame=first, last_frame=last, contrast=rounded, **measures))

    def lettering(self, role: Role, lettering: Lettering, box: Box, first: int, last: int, ratio: float | None) -> int:
        """Add a text line by line, each a little later; return when the next text may start."""
        pops = role in ("badge", "cta")
        travel = self.pen.frame.px(40)
        start = first
        for picture, x, y in lettering.lines:
            # Chroma has half the size: text that rests on even pixels needs no second resampling.
            even = (box.x + x) // 2 * 2, (box.y + y) // 2 * 2
            entrance = "pop" if pops else "rise"
            self.layers.append(
                Layer(sprite_of(picture), *even, start, last, entrance, 13 if pops else 14, EXIT_FRAMES, travel)
            )
            start += LINE_STAGGER
        self.note(role, lettering.text, first, last, box, lettering.contrast or ratio)
        return start + BLOCK_STAGGER - LINE_STAGGER

    def scene(self, words: Words, boxes: dict[Role, Box], part: Part, ratio: float) -> None:
        """Add the texts of a scene; all are gone when the next one begins."""
        start = part.first + (0 if part.first == 0 else BLOCK_STAGGER)
        for role, lettering in words.texts():
            start = self.lettering(role, lettering, boxes[role], start, part.last, ratio)

    def captions(self, style: CaptionStyle, sheet: CueSheet | None, box: Box | None, part: Part) -> None:
        """Add every state of every caption of a part, standing on the floor of `box`."""
        if sheet is None or box is None:
            return
        states = states_of(sheet, part, self.pen.frame.format.frame_rate)
        for cue, shown in groupby(states, key=lambda state: state.cue):
            group = list(shown)
            for state in group:
                lettering = style.draw(cue, state.word)
                x = (box.x + (box.width - lettering.width) // 2) // 2 * 2
                y = (box.bottom - lettering.height) // 2 * 2
                self.layers.append(Layer(sprite_of(lettering.lines[0][0]), x, y, state.first, state.last))
            where = Box(x, y, *lettering.size)
            self.note("caption", lettering.text, group[0].first, group[-1].last, where, lettering.contrast)

    def logo(self, picture: Rgba, box: Box, first: int, last: int) -> None:
        """Add the logo."""
        x, y = box.x // 2 * 2, box.y // 2 * 2
        self.layers.append(Layer(sprite_of(picture), x, y, first, last, "fade", 12, EXIT_FRAMES))
        self.note("logo", self.pen.brand.name, first, last, box, None)

    def end_card(
        self, planned: VariantPlan, assets: Assets, captions: CaptionStyle, backdrop: Ground
    ) -> tuple[Scrim, list[Appearance]]:
        """Add everything on the end card; return the veil its texts need, and the product on it."""
        card, part, pen = planned.variant.end_card, self.parts[-1], self.pen
        assert card is not None
        colour, product, sheet = rgb_of(pen.brand.paper), assets.product, assets.sheets[-1]
        logo = _in_colour(logo_picture(assets.logo, pen.frame.logo_room(True), pen.place), colour)
        texts = _end_words(card, pen, colour)
        spoken = captions.largest(sheet.cues) if sheet else None
        measured = {str(role): lettering.size for role, lettering in texts.items()}
        sizes = EndSizes(logo=(logo.shape[1], logo.shape[0]), caption=spoken, **measured)
        boxes = arrange_end_card(pen.frame, sizes, size_of(product) if product is not None else (1, 1))
        veil, ratio = _end_veil([boxes[role] for role in ("logo", *texts)], backdrop, pen, colour)
        self.logo(logo, boxes["logo"], part.first + 3, part.last)
        start = part.first + 8
        for role, lettering in texts.items():
            start = self.lettering(role, lettering, boxes[role], start, part.last, ratio)
        self.captions(captions, sheet, boxes.get("caption"), part)
        # What stands at the very end does not fade: many players stop on the last frame.
        self.layers[:] = [replace(layer, exit_frames=0) if layer.last == part.last else layer for layer in self.layers]
        if product is None or "product" not in boxes:
            return veil, []
        self.note("product", planned.variant.product_id, part.first, part.last, boxes["product"], None)
        shot = packshot(product, boxes["product"], planned.variant.has_cutout)
        return veil, [Appearance(shot, part.first + 3, part.last)]


def _end_words(card: EndCard, pen: Pen, colour: Rgb) -> dict[Role, Lettering]:
    texts: dict[Role, Lettering] = {}
    if card.headline:
        texts["headline"] = pen.text(card.headline, "headline", pen.frame.slot("headline", on_end_card=True), colour)
    if card.cta:
        texts["cta"] = pen.button(card.cta)
    if card.legal:
        texts["legal"] = pen.text(card.legal, "legal", pen.frame.slot("legal"), colour)
    return texts


def _end_veil(boxes: Sequence[Box], backdrop: Ground, pen: Pen, colour: Rgb) -> tuple[Scrim, float]:
    """As much more of the brand's ink over the whole end card as its texts need."""
    ink = rgb_of(pen.brand.ink)
    pictures = [grounds.end_ground(backdrop.bare(backdrop.duration_s * look), ink) for look in LOOKS]
    veil = Scrim(np.ones(pictures[0].shape[:2], np.float32), yuv_of(ink), 0.0)
    return grounds.strengthened(pictures, veil, [_reduced(box, backdrop, pen) for box in boxes], colour, ENOUGH)


def _words(scene: Scene, pen: Pen, colour: Rgb) -> Words:
    frame = pen.frame
    return Words(
        pen.text(scene.headline, "headline", frame.slot("headline"), colour) if scene.headline else None,
        pen.text(scene.subline, "subline", frame.slot("subline"), colour) if scene.subline else None,
        pen.badge(scene.badge, scene.badge_was) if scene.badge else None,
    )


def _sizes(words: Words, captions: CaptionStyle, sheet: CueSheet | None, scene: Scene) -> SceneSizes:
    return SceneSizes(
        caption=captions.largest(sheet.cues) if sheet is not None else None,
        has_product=scene.product == "composite",
        **{str(role): lettering.size for role, lettering in words.texts()},
    )


def _appearances(
    planned: VariantPlan, parts: Sequence[Part], assets: Assets, boxes: Sequence[dict[Role, Box]], cast: _Cast
) -> Iterator[Appearance]:
    """One appearance per unbroken row of scenes with the product, so that it stays put through their joints."""
    rows = groupby(range(len(planned.variant.scenes)), key=lambda number: planned.variant.scenes[number].product)
    for kind, numbers in rows:
        row = list(numbers)
        if kind != "composite" or assets.product is None:
            continue
        box = boxes[row[0]]["product"]
        first, last = parts[row[0]].first, parts[row[-1]].last
        cast.note("product", planned.variant.product_id, first, last, box, None)
        yield Appearance(packshot(assets.product, box, planned.variant.has_cutout), first, last)


def _backdrops(
    planned: VariantPlan, parts: Sequence[Part], assets: Assets, boxes: Sequence[dict[Role, Box]], pen: Pen
) -> tuple[list[Ground], Rgb, list[float]]:
    """Return the backdrops with their scrims, the colour of text on them, and the contrast reached in each scene."""
    plain = [
        _plain(assets.takes[number], parts, number, boxes[number], pen) for number in range(len(planned.variant.scenes))
    ]
    best: tuple[float, list[Ground], Rgb, list[float]] | None = None
    for colour, handicap in ((rgb_of(pen.brand.paper), 0.0), (rgb_of(pen.brand.ink), INK_HANDICAP)):
        veiled, ratios = [], []
        for backdrop, places in zip(plain, boxes, strict=True):
            scrim, ratio = _scrim(backdrop, places, colour, pen)
            veiled.append(replace(backdrop, scrim=scrim))
            ratios.append(ratio)
        cost = handicap + max(backdrop.scrim.strength for backdrop in veiled) + 10 * (min(ratios) < ENOUGH)
        if best is None or cost < best[0]:
            best = cost, veiled, colour, ratios
    assert best is not None
    return best[1:]


def _plain(
    take: tuple[Frames, float], parts: Sequence[Part], number: int, boxes: dict[Role, Box], pen: Pen
) -> Ground:
    """A backdrop whose scrim has a place but no strength yet."""
    size = grounds.working_size(take[0], pen.frame.format.width, pen.frame.format.height)
    last = parts[-1].last if number == len(boxes) - 1 else parts[number].last + DISSOLVE_FRAMES
    if number + 2 == len(parts):
        last = parts[-1].last  # goes on behind the end card
    duration_s = (last - parts[number].first) / pen.frame.format.frame_rate
    empty = Scrim(_scrim_mask(boxes, size, pen), np.zeros(3, np.float32), BASE_SCRIM)
    light = grounds.no_glow(size)
    if "product" in boxes:
        width, height, box = pen.frame.format.width, pen.frame.format.height, boxes["product"]
        centre = ((box.x + box.width / 2) / width, (box.y + box.height / 2) / height)
        light = grounds.glow(size, centre, (0.75 * box.height / width, 0.75 * box.height / height))
    return Ground(take[0], take[1], duration_s, size, grounds.vignette(size), light, empty)


def _scrim_mask(boxes: dict[Role, Box], size: tuple[int, int], pen: Pen) -> NDArray[np.float32]:
    """Full strength over the texts and from there to the nearest edge, running out softly on the other side."""
    texts = [box for role, box in boxes.items() if role in ("logo", "headline", "subline")]
    width, height = pen.frame.format.width, pen.frame.format.height
    x, y = (np.arange(size[0]) + 0.5) / size[0], ((np.arange(size[1]) + 0.5) / size[1])[:, None]
    if pen.frame.has_columns:
        edge = max(box.right for box in texts) / width
        beyond = min(box.x for box in texts) / width - x if pen.frame.is_rtl else x - edge
        distance = np.broadcast_to(beyond, (size[1], size[0])) / SCRIM_FADE
    else:
        distance = np.broadcast_to(y - max(box.bottom for box in texts) / height, (size[1], size[0])) / SCRIM_FADE
    return 1 - grounds.smooth(distance)


def _scrim(backdrop: Ground, boxes: dict[Role, Box], colour: Rgb, pen: Pen) -> tuple[Scrim, float]:
    pictures = [backdrop.bare(backdrop.duration_s * look) for look in LOOKS]
    scrim = replace(backdrop.scrim, colour=grounds.scrim_colour(pictures, colour))
    texts = [_reduced(box, backdrop, pen) for role, box in boxes.items() if role in ("logo", "headline", "subline")]
    return grounds.strengthened(pictures, scrim, texts, colour, ENOUGH)


def _reduced(box: Box, backdrop: Ground, pen: Pen) -> tuple[slice, slice]:
    """Rows and columns of a box at the working size, grown to whole pixels."""
    scale = backdrop.size[0] / pen.frame.format.width
    rows = slice(max(int(box.y * scale), 0), int(np.ceil(box.bottom * scale)))
    return rows, slice(max(int(box.x * scale), 0), int(np.ceil(box.right * scale)))


def _in_colour(logo: Rgba, colour: Rgb) -> Rgba:
    """A logo drawn in one colour takes the colour of the text; any other stays as it is."""
    solid = logo[logo[..., 3] > 250][:, :3]
    return tinted(logo, colour) if len(solid) and float(solid.std(0).max()) < ONE_COLOUR else logo
