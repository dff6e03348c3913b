"""Puts everything one ad shows into its place and time: backdrops, product, lettering; and says where each text is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from catalog import EndCard, Scene
from catalog.campaign import Light
from renderer.artifacts import CueSheet, Placed
from renderer.errors import MediaError
from renderer.picture.backings import backing, backing_colour, hairline
from renderer.picture.canvas import Entrance, Layer, Rgb, rgb_of, sprite_of
from renderer.picture.captions import CaptionStyle, caption_style
from renderer.picture.frame import HANDSOME, Box, Frame, Role, Size
from renderer.picture.ground import Footage, Ground, Scrim
from renderer.picture.layout import QR_SIDES, EndSizes, SceneSizes, arrange_end_card, arrange_scenes, common_floor
from renderer.picture.lettering import Lettering, Pen
from renderer.picture.motion import Motion, Spring
from renderer.picture.packshot import Packshot, foot_of, inside, packshot, size_of
from renderer.picture.scrims import BARE_TEXTS, end_veil, readable
from renderer.picture.show import Appearance, Show, Turn
from renderer.picture.timeline import DISSOLVE_FRAMES, Part, picture_starts, states_of
from renderer.picture.transition import DIP_FRAMES, Transition
from renderer.picture.typography import Rgba, logo_picture, tinted
from renderer.run_records import VariantPlan

WORDS_FRAMES = 10  # in which all words of a headline set out
BLOCK_STAGGER = 5  # frames until the first text of a later scene
RISE_FRAMES, POP_FRAMES, FADE_FRAMES, EXIT_FRAMES = 14, 13, 12, 7
DROP_FRAMES = (16, 9)  # a former price as it was, and struck through, before the new one takes its place
LEAST_DROP_FRAMES = 70  # of a scene: less leaves no time to read the new price
BUMP = Motion(frames=16, curve=Spring(damping=0.4, swings=1.5), scale_from=0.8, opaque_at=0.01)
RISE_PX = 40  # how far entering text travels, at a short side of 1080
WIDEST_PICTURE = 1.0  # width over height that room is made for; wider ones are shown smaller
FLOOR_GAP = 10  # design px between the end of a reflection and a text below
TURN_FRAMES = 6  # in which one picture of the product takes over from another
MIRRORED: dict[Light, Light] = {"left": "right", "right": "left", "top_left": "top_right", "top_right": "top_left"}
ONE_COLOUR = 24.0  # spread of a logo's colours below which it counts as drawn in one
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Assets:
    """What the store gave: a take per scene, product (see `read_product`), logo, cue sheets per line."""

    takes: Sequence[Footage]
    product: NDArray[np.float32] | None
    logo: bytes
    sheets: Sequence[CueSheet | None]
    more_pictures: Sequence[tuple[NDArray[np.float32], bool]] = ()  # of the product, and whether they are cut out
    beats: Sequence[float] = ()  # of the music, in s from the start


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
    upright = replace(pen, frame=replace(pen.frame, starts_at_margin=False))  # end cards stand in the middle
    pen = _seated(planned, assets, pen)
    frame = pen.frame
    cues = [cue for sheet in assets.sheets if sheet is not None for cue in sheet.cues]
    captions = caption_style(pen, cues, variant.captions.style)
    logo = logo_picture(assets.logo, frame.logo_room(False), pen.place)
    draft = [_words(scene, pen, WHITE) for scene in variant.scenes]
    sizes = [
        _sizes(words, captions, sheet, scene)
        for words, scene, sheet in zip(draft, variant.scenes, assets.sheets, strict=False)
    ]
    closing = _closing(planned, assets, captions, _seated_at_the_end(planned, pen, upright))
    stays = closing is not None and closing.pen.frame == frame and frame.has_columns and not closing.link
    floor = common_floor(frame, sizes, closing.sizes) if closing is not None and stays else None
    product = _product_size(assets)
    boxes = arrange_scenes(frame, sizes, (logo.shape[1], logo.shape[0]), product or (1, 1), floor)
    takes = _laid(planned, assets, boxes, frame)
    for scene, places in zip(variant.scenes, boxes, strict=True):
        if scene.product == "in_place":
            del places["product"]  # it is in the take: texts kept clear of it, nothing is drawn over it
    ground = readable(takes, parts, boxes, frame, pen.brand)
    cast = _Cast(upright, parts, [], [])
    words = draft if ground.colour == WHITE else [_words(scene, pen, ground.colour) for scene in variant.scenes]
    for number in range(len(variant.scenes)):
        cast.scene(words[number], boxes[number], parts[number], ground.ratios[number])
        cast.captions(captions, assets.sheets[number], boxes[number].get("caption"), parts[number])
    last_scene = parts[len(variant.scenes) - 1]
    cast.logo(_in_colour(logo, ground.colour), boxes[0]["logo"], parts[0].first, last_scene.last)
    veil = None
    if closing is not None:
        boxes.append(arrange_end_card(closing.pen.frame, closing.sizes, product, floor))
        veil = cast.end_card(closing, boxes[-1], ground.backdrops[-1])
        cast.captions(captions, assets.sheets[-1], boxes[-1].get("caption"), parts[-1])
    appearances = list(_appearances(planned, parts, assets, boxes, takes, cast))
    size, fill = frame.format, rgb_of(pen.brand.ink) if closing is None else closing.pen.end_fill
    shape = size.width, size.height, size.frame_rate
    transition = _transition(parts, pen, ground.colour)
    behind = list(_behind(appearances, parts, assets, boxes, pen, fill, transition))
    return Show(
        *shape, parts, ground.backdrops, veil, fill, transition, behind, appearances, cast.still(), tuple(cast.placed)
    )


def _seated(planned: VariantPlan, assets: Assets, pen: Pen) -> Pen:
    """Let a slender product stand beside the text, where the text stays large enough in its column.

    A take that holds the product cannot be mirrored, so text stands at the left of it for every reader.
    """
    scenes = planned.variant.scenes
    if any(scene.product == "in_place" for scene in scenes):
        return replace(pen, frame=replace(pen.frame, is_rtl=False))
    if assets.product is None or any(scene.product != "composite" for scene in scenes):
        return pen
    frame = pen.frame.beside(size_of(assets.product))
    if frame is None:
        return pen
    beside = replace(pen, frame=frame)
    texts: list[tuple[str, Role, float]] = [(scene.headline, "headline", HANDSOME["headline"]) for scene in scenes]
    texts += [(scene.subline, "subline", HANDSOME["subline"]) for scene in scenes]
    return beside if all(beside.fits(text, role, size) for text, role, size in texts if text) else pen


def _seated_at_the_end(planned: VariantPlan, pen: Pen, upright: Pen) -> Pen:
    """Keep the product beside the text on the end card too, if its texts find room there."""
    card = planned.variant.end_card
    if card is None or not pen.frame.has_columns:
        return upright
    fits_headline = not card.headline or pen.fits(card.headline, "headline", HANDSOME["headline"])
    return pen if fits_headline and (not card.cta or pen.fits(card.cta, "cta", HANDSOME["cta"])) else upright


def _laid(planned: VariantPlan, assets: Assets, boxes: Sequence[dict[Role, Box]], frame: Frame) -> list[Footage]:
    """Lay each take under the foot of its scene's product, mirrored where text stands at the right.

    A product that is part of the take is never mirrored: its label would be.
    """
    takes = []
    for scene, take, places in zip(planned.variant.scenes, assets.takes, boxes, strict=True):
        mirrored = frame.is_rtl and frame.has_columns and scene.product not in ("in_shot", "in_place")
        seat = replace(take.seat, mirrored=mirrored)
        if "product" in places and assets.product is not None:
            box, (left, right) = places["product"], foot_of(assets.product)
            x = box.x + box.width * (left + right + 1) / 2 / assets.product.shape[1]
            seat = replace(seat, foot=(x / frame.format.width, box.bottom / frame.format.height))
        takes.append(replace(take, seat=seat))
    return takes


@dataclass(frozen=True)
class _Cast:
    """Collects layers and where they are while an ad is laid out."""

    pen: Pen
    parts: Sequence[Part]
    layers: list[Layer]
    placed: list[Placed]

    def note(self, role: Role, text: str, first: int, last: int, box: Box, ratio: float | None) -> None:
        """Remember where something is."""
        shown = {"role": role, "text": text, "first_frame": first, "last_frame": last}
        measures = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
        rounded = None if ratio is None else round(ratio, 2)
        self.placed.append(Placed.model_validate(shown | measures | {"contrast": rounded}))

    def lettering(self, role: Role, lettering: Lettering, box: Box, first: int, last: int, ratio: float | None) -> int:
        """Add a text picture by picture, each a little later; return when the next text may start."""
        style, pops = self.pen.style, role in ("badge", "cta", "qr")
        entrance: Entrance = "pop" if pops else "rise"
        frames, travel = POP_FRAMES if pops else RISE_FRAMES, self.pen.frame.px(RISE_PX)
        motion = self._mirrored(style.plate_motion if pops else style.text_motion)
        frames = motion.frames if motion else frames
        start, stagger = first, self._stagger(role, len(lettering.pictures))
        for number, (picture, x, y) in enumerate(lettering.pictures):
            start = first + round(number * stagger)
            # Chroma has half the size: text that rests on even pixels needs no second resampling.
            even = (box.x + x) // 2 * 2, (box.y + y) // 2 * 2
            layer = Layer(
                sprite_of(picture), *even, start, last, entrance, frames, style.exit_frames, travel, motion,
                self.pen.frame.unit,
            )  # fmt: skip
            if lettering.before and last - start >= LEAST_DROP_FRAMES:
                self.layers.extend(_dropping(layer, lettering.before))
                start += sum(DROP_FRAMES)
            else:
                self.layers.append(layer)
        self.note(role, lettering.text, first, last, box, lettering.contrast or ratio)
        return start + style.block_stagger

    def _stagger(self, role: Role, count: int) -> float:
        """Frames between the pictures of a text; many words come faster, so that nobody waits for the last one."""
        style = self.pen.style
        if role != "headline" or style.headline_by == "line":
            return style.line_stagger
        return min(style.word_stagger, WORDS_FRAMES / max(count - 1, 1))

    def _mirrored(self, motion: Motion | None) -> Motion | None:
        """Things come from where reading starts."""
        is_rtl = self.pen.locale.direction == "rtl"
        return replace(motion, dx_px=-motion.dx_px) if motion is not None and is_rtl else motion

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
        for _, shown in groupby(states, key=lambda state: state.cue):
            group = list(shown)
            for lettering, first, last in style.pictures(group):
                x = (box.x + (box.width - lettering.width) // 2) // 2 * 2
                y = (box.bottom - lettering.height) // 2 * 2
                self.layers.append(Layer(sprite_of(lettering.pictures[0][0]), x, y, first, last))
            where = Box(x, y, *lettering.size)
            self.note("caption", lettering.text, group[0].first, group[-1].last, where, lettering.contrast)

    def logo(self, picture: Rgba, box: Box, first: int, last: int) -> None:
        """Add the logo."""
        x, y = box.x // 2 * 2, box.y // 2 * 2
        self.layers.append(Layer(sprite_of(picture), x, y, first, last, "fade", FADE_FRAMES, EXIT_FRAMES))
        self.note("logo", self.pen.brand.name, first, last, box, None)

    def end_card(self, closing: _Closing, boxes: dict[Role, Box], backdrop: Ground) -> Scrim:
        """Add the texts of the end card; return the veil that they need."""
        part, pen = self.parts[-1], closing.pen
        bare: tuple[Role, ...] = ("logo", *(role for role in closing.texts if role != "cta"))
        veil, ratio = end_veil(
            [boxes[role] for role in bare], backdrop, pen.frame, pen.end_fill, pen.ink_on(pen.end_fill)
        )
        self.logo(closing.logo, boxes["logo"], part.first + 3, part.last)
        start = part.first + 8
        for role, lettering in closing.texts.items():
            start = self.lettering(role, lettering, boxes[role], start, part.last, ratio)
        if closing.link:
            code, box = _qr(closing.link, pen, boxes.get("qr"))
            self.lettering("qr", code, box, part.first + 8, part.last, ratio)
        return veil

    def still(self) -> list[Layer]:
        """All layers; what stands at the very end does not fade, because many players stop on the last frame."""
        end = self.parts[-1].last
        return [replace(layer, exit_frames=0) if layer.last == end else layer for layer in self.layers]


@dataclass(frozen=True)
class _Closing:
    """The lettering of the end card, before it has a place."""

    pen: Pen
    logo: Rgba
    texts: dict[Role, Lettering]
    sizes: EndSizes
    link: str  # of the QR code, or nothing


def _closing(planned: VariantPlan, assets: Assets, captions: CaptionStyle, pen: Pen) -> _Closing | None:
    card, sheet = planned.variant.end_card, assets.sheets[-1]
    if card is None:
        return None
    colour = pen.ink_on(pen.end_fill)
    logo = _in_colour(logo_picture(assets.logo, pen.frame.logo_room(True), pen.place), colour)
    texts = _end_words(card, pen, colour)
    spoken = captions.largest(sheet.cues) if sheet is not None else None
    measured = {str(role): lettering.size for role, lettering in texts.items()}
    size = logo.shape[1], logo.shape[0]
    return _Closing(pen, logo, texts, EndSizes(size, caption=spoken, has_qr=bool(card.qr), **measured), card.qr)


def _qr(link: str, pen: Pen, box: Box | None) -> tuple[Lettering, Box]:
    if box is None:
        raise MediaError(
            f"{pen.place}: the end card's texts leave less than {pen.frame.px(QR_SIDES[0])} px to the QR code of "
            f"{link!r}. Shorten the headline, or leave the code out."
        )
    code = pen.qr(link, box.width)
    spare = box.width - code.width
    return code, Box(box.x + spare // 2, box.y + spare // 2, *code.size)


def _end_words(card: EndCard, pen: Pen, colour: Rgb) -> dict[Role, Lettering]:
    texts: dict[Role, Lettering] = {}
    if card.headline:
        texts["headline"] = pen.text(card.headline, "headline", pen.frame.slot("headline", on_end_card=True), colour)
    if card.cta:
        texts["cta"] = pen.button(card.cta)
    if card.legal:
        texts["legal"] = pen.text(card.legal, "legal", pen.frame.slot("legal"), colour)
    return texts


def _words(scene: Scene, pen: Pen, colour: Rgb) -> Words:
    frame = pen.frame
    slot = frame.slot("headline", above_badge=bool(scene.badge))
    return Words(
        pen.text(scene.headline, "headline", slot, colour) if scene.headline else None,
        pen.text(scene.subline, "subline", frame.slot("subline"), colour) if scene.subline else None,
        pen.badge(scene.badge, scene.badge_was) if scene.badge else None,
    )


def _sizes(words: Words, captions: CaptionStyle, sheet: CueSheet | None, scene: Scene) -> SceneSizes:
    return SceneSizes(
        caption=captions.largest(sheet.cues) if sheet is not None else None,
        has_product=scene.product in ("composite", "in_place"),
        **{str(role): lettering.size for role, lettering in words.texts()},
    )


def _appearances(
    planned: VariantPlan,
    parts: Sequence[Part],
    assets: Assets,
    boxes: Sequence[dict[Role, Box]],
    takes: Sequence[Footage],
    cast: _Cast,
) -> Iterator[Appearance]:
    """One appearance per unbroken row of parts with the product in one box: it stays put through their joints."""
    lights = [_light(scene, take) for scene, take in zip(planned.variant.scenes, takes, strict=True)]
    lights.append(lights[-1])  # the last take goes on behind the end card
    for box, numbers in groupby(range(len(boxes)), key=lambda number: boxes[number].get("product")):
        row = list(numbers)
        if box is not None and assets.product is not None:
            first, last = parts[row[0]].first, parts[row[-1]].last
            cast.note("product", planned.variant.product_id, first, last, box, None)
            yield Appearance(tuple(_turns(planned, parts, assets, boxes, lights, row, cast)), first, last)


def _product_size(assets: Assets) -> Size | None:
    """Return the shape that holds the product, and its further pictures where an ad has some, or none."""
    if assets.product is None:
        return None
    width, height = size_of(assets.product)
    widest = max((one.shape[1] / one.shape[0] for one, _ in assets.more_pictures), default=0.0)
    return max(width, round(height * min(widest, WIDEST_PICTURE))), height


def _light(scene: Scene, take: Footage) -> Light:
    """Where the light of a scene comes from as it is shown."""
    return MIRRORED.get(scene.look.light, scene.look.light) if take.seat.mirrored else scene.look.light


def _turns(
    planned: VariantPlan,
    parts: Sequence[Part],
    assets: Assets,
    boxes: Sequence[dict[Role, Box]],
    lights: Sequence[Light],
    row: Sequence[int],
    cast: _Cast,
) -> Iterator[Turn]:
    """The product in the light of each part, and its further pictures where a scene asks for them."""
    assert assets.product is not None, "there is a box for it"
    box = boxes[row[0]]["product"]
    pictures = [(assets.product, planned.variant.has_cutout), *assets.more_pictures]
    rate = cast.pen.frame.format.frame_rate
    gloss, floor_px = cast.pen.style.gloss, _floor_px(box, [boxes[number] for number in row], cast.pen.frame)
    drawn: dict[tuple[int, Light], Packshot] = {}
    shown = None
    for number in row:
        scenes = planned.variant.scenes[number : number + 1]
        count = len(pictures) if any(scene.images == "sequence" for scene in scenes) else 1
        for index, first in enumerate(picture_starts(parts[number], count, assets.beats, rate)):
            wanted = index, lights[number]
            if wanted == shown:
                continue
            if wanted not in drawn:
                product, has_cutout = pictures[index]
                place = inside(box, product, has_cutout) if assets.more_pictures else box
                drawn[wanted] = packshot(product, place, has_cutout, lights[number], gloss, floor_px)
                twin = next((shot for (other, _), shot in drawn.items() if other == index), drawn[wanted])
                drawn[wanted] = replace(drawn[wanted], sprite=twin.sprite, reflection=twin.reflection)
            yield Turn(drawn[wanted], first, TURN_FRAMES if index else DISSOLVE_FRAMES)
            shown = wanted


def _floor_px(product: Box, places: Sequence[dict[Role, Box]], frame: Frame) -> int:
    """How far the floor below a product is free of everything that is said in its scenes."""
    floor = Box(product.x, product.bottom, product.width, max(frame.format.height - product.bottom, 0))
    others = [box for boxes in places for role, box in boxes.items() if role != "product" and box.meets(floor)]
    return min([floor.height, *(box.y - floor.y - frame.px(FLOOR_GAP) for box in others)])


def _transition(parts: Sequence[Part], pen: Pen, text: Rgb) -> Transition:
    """The style's; where a part is too short for a dip, or flashes would flicker, parts dissolve."""
    is_short = min(part.num_frames for part in parts) < DIP_FRAMES
    kind = "dissolve" if is_short else pen.style.transition
    return Transition(kind, pen.ink_on(text), pen.locale.direction == "rtl")


def _behind(
    appearances: Sequence[Appearance],
    parts: Sequence[Part],
    assets: Assets,
    boxes: Sequence[dict[Role, Box]],
    pen: Pen,
    end_fill: Rgb,
    transition: Transition,
) -> Iterator[Layer]:
    """The style's line around the frame, and its backings: each comes and goes with a product that was cut out."""
    style, end = pen.style, parts[-1].last
    if style.hairline is not None:
        for picture, x, y in hairline(pen.frame, pen.brand_colour(style.hairline)):
            yield Layer(sprite_of(picture), x, y, 0, end)
    if style.backing is None or assets.product is None:
        return
    card = parts[-1].first if len(parts) > len(assets.takes) else end
    for shown in appearances:
        colour = backing_colour(style.backing, assets.product, pen.brand, end_fill if shown.first == card else None)
        if colour is None or not shown.stands:
            continue
        gone = min(shown.last, card) if colour == end_fill and shown.first < card else shown.last  # unseen on the card
        seen = [places for part, places in zip(parts, boxes, strict=True) if shown.first <= part.first < gone]
        texts = [box for places in seen for role, box in places.items() if role in (*BARE_TEXTS, "legal", "cta", "qr")]
        leave_frames = transition.leave_frames
        last = min(gone + leave_frames, end)
        first, motion = 0, None
        if shown.first > 0:
            first, motion = shown.first + transition.enter_after, style.plate_motion
        for picture, x, y in backing(style.backing, shown.box, texts, pen.frame, colour):
            yield Layer(
                sprite_of(picture), x // 2 * 2, y // 2 * 2, first, last, "rise" if motion else "cut",
                motion.frames if motion else 0, leave_frames if last < end else 0, 0.0, motion, pen.frame.unit,
            )  # fmt: skip


def _dropping(final: Layer, before: Sequence[Rgba]) -> Iterator[Layer]:
    """The price as it was comes in, is struck through, and gives way to the new one, which lands on its plate."""
    first = final.first
    was, struck = (replace(final, sprite=sprite_of(picture), exit_frames=0) for picture in before)
    yield replace(was, last=first + DROP_FRAMES[0])
    first += DROP_FRAMES[0]
    yield replace(struck, first=first, last=first + DROP_FRAMES[1], entrance="cut", motion=None)
    yield replace(final, first=first + DROP_FRAMES[1], enter_frames=BUMP.frames, motion=BUMP)


def _in_colour(logo: Rgba, colour: Rgb) -> Rgba:
    """A logo drawn in one colour takes the colour of the text; any other stays as it is."""
    solid = logo[logo[..., 3] > 250][:, :3]
    return tinted(logo, colour) if len(solid) and float(solid.std(0).max()) < ONE_COLOUR else logo
