"""Decides where everything goes: pure arithmetic from a format, a reading direction and measured sizes to boxes.

Text stays inside the format's safe area and never meets other text. Product and logo may use the rest of the frame.
Portrait and square formats stack around the middle of the frame; where a platform covers much of the bottom, captions
follow the text and the product stands below. Wide ones set text in a column at the side where
reading starts and the product at the other; so do the others for a slender product, which then stands twice as large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from renderer.picture.frame import EDGE, ROOMY_TOP, Box, Frame, Role, Size

SHOULDER_RISE = 0.55  # of a badge's height is above the product at whose shoulder it is
SHOULDER_SHARE, MOST_COVERED = 0.12, 0.2  # of the product's and of the badge's width: where they meet
SHIFTS = (0.0, 0.05, 0.1)  # of the frame's width: how far a product may give way to a badge, and what that costs
SHIFT_COST = 1.5
QR_SIDES = (170, 320)  # px at a short side of 1080: least and most of a QR code
MIN_PRODUCT = 0.14  # of the frame's height; below that the end card does without the product


@dataclass(frozen=True)
class SceneSizes:
    """What a scene has to place; None where it has no such thing. `caption` is the largest of its cues."""

    headline: Size | None = None
    subline: Size | None = None
    badge: Size | None = None
    caption: Size | None = None
    has_product: bool = True


@dataclass(frozen=True)
class EndSizes:
    """What the end card has to place."""

    logo: Size
    headline: Size | None = None
    cta: Size | None = None
    legal: Size | None = None
    caption: Size | None = None
    has_qr: bool = False  # in place of the product


def common_floor(frame: Frame, scenes: Sequence[SceneSizes], end: EndSizes) -> int:
    """Return the lowest row that a product may reach in scenes and on the end card alike, so that it can stay put."""
    return min(_caption_top(frame, scenes), _end_bottom(frame, end))


def arrange_scenes(
    frame: Frame, scenes: Sequence[SceneSizes], logo: Size, product: Size, floor: int | None = None
) -> list[dict[Role, Box]]:
    """Place all scenes of one ad. The product has the same box in each, the largest that no scene's text meets.

    `product` is its size in any unit; only the ratio counts. `floor` lifts it further (see `common_floor`).
    """
    caption_top = _caption_top(frame, scenes)
    places = [_texts(frame, sizes, logo, caption_top) for sizes in scenes]
    beside = [place for place, sizes in zip(places, scenes, strict=True) if sizes.has_product]
    band = _caption_band(frame, scenes, beside)
    if band is None:
        room = _product_room(frame, beside, caption_top if floor is None else floor)
    else:
        room = _stage(frame, band)
    tops = [room.y if band is not None else _under(frame, place) for place in places]
    badges = [
        (*sizes.badge, top)
        for sizes, top in zip(scenes, tops, strict=True)
        if sizes.badge and sizes.has_product and not frame.has_columns
    ]
    stands = _standing_clear(frame, room, product, badges)
    for place, sizes, top in zip(places, scenes, tops, strict=True):
        if sizes.has_product:
            place["product"] = stands
        if sizes.badge:
            free = band is not None if sizes.has_product else sizes.caption is None
            lowest = frame.safe.bottom if free else caption_top
            place["badge"] = _badge(frame, sizes.badge, place, (top, lowest))
        if sizes.caption:
            bottom = band.bottom if sizes.has_product and band is not None else frame.safe.bottom
            place["caption"] = _centred(frame, sizes.caption, bottom - sizes.caption[1])
    return places


def arrange_end_card(frame: Frame, sizes: EndSizes, product: Size | None, floor: int | None = None) -> dict[Role, Box]:
    """Place the end card: logo, product where there is room, headline, call to action; legal line at the bottom.

    A QR code takes the product's place; it has none where the texts leave too little room to read it.
    """
    places: dict[Role, Box] = {}
    bottom = frame.safe.bottom
    for role, size in (("legal", sizes.legal), ("caption", sizes.caption)):
        if size is not None:
            sided = frame.is_wide and role == "legal"
            places[role] = (_aligned if sided else _centred)(frame, size, bottom - size[1])  # type: ignore[index]
            bottom -= size[1] + round(frame.gap * 0.8)
    bottom = _end_bottom(frame, sizes)
    if not frame.has_columns:
        return places | _stacked_end(frame, sizes, product, bottom)
    places |= _columned_end(frame, sizes, bottom)
    if sizes.has_qr:
        places["qr"] = _qr_beside(frame, bottom)
    elif product is not None:
        places["product"] = _standing(_product_room(frame, [], bottom if floor is None else floor), product)
    return places


def _caption_band(frame: Frame, scenes: Sequence[SceneSizes], places: Sequence[dict[Role, Box]]) -> Box | None:
    """Where captions go if the product stands below all text; None where it does not, or texts leave no room."""
    if frame.stage_floor is None or not places:
        return None
    shown = [sizes for sizes in scenes if sizes.has_product]
    top = max(max(box.bottom for place in places for box in place.values()) + round(1.4 * frame.gap), frame.safe.y)
    tall = max((sizes.caption[1] for sizes in shown if sizes.caption), default=0)
    badge = max((sizes.badge[1] for sizes in shown if sizes.badge), default=0)
    band = Box(frame.safe.x, top, frame.safe.width, tall)
    return band if band.bottom + frame.gap + badge <= frame.safe.bottom else None


def _stage(frame: Frame, band: Box) -> Box:
    """The room of a product, and of a badge above or beside it, below the captions."""
    assert frame.stage_floor is not None
    width, height = frame.product_room()
    top = band.bottom + frame.gap
    height = min(height, frame.stage_floor - top)
    return Box(frame.format.width // 2 - width // 2, frame.stage_floor - height, width, height)


def _caption_top(frame: Frame, scenes: Sequence[SceneSizes]) -> int:
    return frame.safe.bottom - max((s.caption[1] + frame.gap for s in scenes if s.caption), default=0)


def _end_bottom(frame: Frame, sizes: EndSizes) -> int:
    """Where the legal line and the captions leave off."""
    below = sum(size[1] + round(frame.gap * 0.8) for size in (sizes.legal, sizes.caption) if size is not None)
    return frame.safe.bottom - below - frame.gap // 2


def _texts(frame: Frame, sizes: SceneSizes, logo: Size, caption_top: int) -> dict[Role, Box]:
    """Logo, headline and subline of one scene."""
    safe, gap = frame.safe, frame.gap
    above = safe.y >= frame.px(ROOMY_TOP)
    logo_y = safe.y - round(1.3 * gap) - logo[1] if above else safe.y + gap // 3
    places: dict[Role, Box] = {"logo": _aligned(frame, logo, logo_y)}
    top = safe.y if above else logo_y + logo[1] + round(1.3 * gap)
    block = [(role, size) for role, size in (("headline", sizes.headline), ("subline", sizes.subline)) if size]
    leading = round((1.5 if frame.has_columns else 1.2) * gap)
    heights = sum(size[1] for _, size in block)
    badge = sizes.badge[1] + gap if sizes.badge else 0
    if frame.has_columns or not sizes.has_product:
        leading = max(min(leading, caption_top - top - heights - badge), 0)  # gives way before anything meets
    tall = heights + leading * max(len(block) - 1, 0)
    if frame.has_columns or not sizes.has_product:
        top += max((caption_top - top - tall - badge) // 2, 0)
    for role, size in block:
        places[role] = _aligned(frame, size, top)  # type: ignore[index]
        top += size[1] + leading
    return places


def _product_room(frame: Frame, places: Sequence[dict[Role, Box]], caption_top: int) -> Box:
    """The largest box that the texts of all scenes leave to the product."""
    width, height = frame.product_room()
    if frame.is_wide:
        middle = frame.column.x // 2 if frame.is_rtl else (frame.column.right + frame.format.width) // 2
        ground = min(caption_top - frame.gap // 2, round(frame.format.height * 0.88))
        return Box(middle - width // 2, max(ground - height, frame.px(70)), width, min(height, ground - frame.px(70)))
    if frame.has_columns:
        edge, top = frame.px(EDGE), frame.product_top
        left = edge if frame.is_rtl else frame.column.right + frame.gap
        right = frame.column.x - frame.gap if frame.is_rtl else frame.format.width - edge
        ground = caption_top - frame.gap
        return Box(left, top, right - left, max(ground - top, 2))
    top = max((box.bottom for place in places for box in place.values()), default=frame.safe.y) + frame.gap
    ground = caption_top - round(frame.gap * 0.8)
    height = max(min(height, ground - top), 2)
    return Box(frame.format.width // 2 - width // 2, ground - height, width, height)


def _standing(room: Box, product: Size) -> Box:
    """The product as large as fits its room, standing on the room's floor."""
    scale = min(room.width / product[0], room.height / product[1])
    width, height = max(round(product[0] * scale), 2), max(round(product[1] * scale), 2)
    return Box(room.x + (room.width - width) // 2, room.bottom - height, width, height)


def _standing_clear(frame: Frame, room: Box, product: Size, badges: Sequence[tuple[int, int, int]]) -> Box:
    """The product as large as it stands with a badge above it, at its shoulder, or beside it.

    `badges` are widths, heights and the highest row that each may take. A little out of the middle the product may be
    clearly larger.
    """
    if not badges:
        return _standing(room, product)
    width = max(badge[0] for badge in badges)
    above, shoulder = (max(int(share * tall) + top - room.y for _, tall, top in badges) for share in (1, SHOULDER_RISE))
    stands = {0: [_standing(_shrunk(room, 0, above, room.width), product)]}
    for shift in (round(share * frame.format.width) for share in SHIFTS):
        half = _beside(frame, shift) - width  # of a product that leaves the badge its room
        if half > 1:
            broad = min(int(half / (0.5 - SHOULDER_SHARE)), int(2 * (half + width * MOST_COVERED)))
            rooms = _shrunk(room, shift, shoulder, broad), _shrunk(room, shift, 0, 2 * half)
            stands.setdefault(shift, []).extend(_standing(less, product) for less in rooms)
    best = {shift: max(boxes, key=lambda box: box.height) for shift, boxes in stands.items()}
    shift = max(best, key=lambda shift: best[shift].height * (1 - SHIFT_COST * shift / frame.format.width))
    x = best[shift].x + (shift if frame.is_rtl else -shift)
    return replace(best[shift], x=x)


def _beside(frame: Frame, shift: int) -> int:
    """Columns of the safe area from the frame's middle, moved by `shift` towards the start side, to its end side."""
    middle = frame.format.width // 2
    return (middle - frame.safe.x if frame.is_rtl else frame.safe.right - middle) + shift


def _shrunk(room: Box, shift: int, top: int, width: int) -> Box:
    """A room without its uppermost rows, no wider than `width`, and inside its sides even if moved by `shift`."""
    top, width = min(max(top, 0), room.height - 2), max(min(width, room.width - 2 * shift), 2)
    return Box(room.x + (room.width - width) // 2, room.y + top, width, room.height - top)


def _under(frame: Frame, place: dict[Role, Box]) -> int:
    """The highest row for a badge below the texts of a scene."""
    texts = [place[role].bottom for role in ("headline", "subline") if role in place]
    return max(texts, default=max(frame.safe.y, place["logo"].bottom)) + 3 * frame.gap // 4


def _badge(frame: Frame, badge: Size, place: dict[Role, Box], rows: tuple[int, int]) -> Box:
    """Under the text in wide frames and without a product; else where it leaves the product to be seen."""
    width, height = badge
    highest, lowest = rows
    if frame.has_columns or "product" not in place:
        texts = [place[role].bottom for role in ("headline", "subline") if role in place]
        under = max(texts, default=frame.safe.y + frame.px(160)) + frame.gap
        return _aligned(frame, badge, min(under, lowest - height))
    product, safe = place["product"], frame.safe
    covered = round(min(width * MOST_COVERED, product.width * SHOULDER_SHARE))
    places = (
        (_outside(frame, product, width, covered), product.y - round(SHOULDER_RISE * height)),
        (_outside(frame, product, width, 0), max(product.y, highest)),
    )
    for x, y in places:
        if safe.x <= x <= safe.right - width and highest <= y <= lowest - height:
            return Box(x, y, width, height)
    x = min(max(_outside(frame, product, width, covered), safe.x), safe.right - width)
    return Box(x, min(max(product.y - height, highest), lowest - height), width, height)


def _outside(frame: Frame, product: Box, width: int, covered: int) -> int:
    """Left edge of a badge beside the product, at the side where reading ends, with `covered` columns of it covered."""
    return product.x - width + covered if frame.is_rtl else product.right - covered


def _stacked_end(frame: Frame, sizes: EndSizes, product: Size | None, bottom: int) -> dict[Role, Box]:
    safe, gap = frame.safe, frame.gap
    lift = sizes.logo[1] + gap if safe.y >= frame.px(ROOMY_TOP) else -gap // 2
    top = safe.y - lift
    texts = [(role, size) for role, size in (("headline", sizes.headline), ("cta", sizes.cta)) if size]
    needed = sizes.logo[1] + sum(size[1] + round(1.3 * gap) for _, size in texts)
    left = bottom - top - needed - 2 * gap
    tall = min(left, frame.px(QR_SIDES[1]) if sizes.has_qr else round(frame.format.height * 0.34))
    places: dict[Role, Box] = {}
    least = frame.px(QR_SIDES[0]) if sizes.has_qr else frame.format.height * MIN_PRODUCT
    has_product = (sizes.has_qr or product is not None) and tall >= least
    y = top + max((left - tall) // 2, 0) if has_product else max(top, safe.y) + max((left - lift) // 3, 0)
    places["logo"] = _centred(frame, sizes.logo, y)
    y += sizes.logo[1] + gap
    if has_product and sizes.has_qr:
        places["qr"] = _centred(frame, (tall, tall), y)
        y += tall + gap
    elif has_product and product is not None:
        room = Box(safe.x, y, safe.width, tall)
        stands = _standing(room, product)
        places["product"] = Box(frame.format.width // 2 - stands.width // 2, stands.y, stands.width, stands.height)
        y += tall + gap
    for role, size in texts:
        y = max(y, safe.y) + (round(0.3 * gap) if role == "headline" else gap)
        places[role] = _centred(frame, size, y)  # type: ignore[index]
        y += size[1]
    return places


def _columned_end(frame: Frame, sizes: EndSizes, bottom: int) -> dict[Role, Box]:
    """Logo, headline and call to action one below the other at the start side."""
    rows = [
        (role, size) for role, size in (("logo", sizes.logo), ("headline", sizes.headline), ("cta", sizes.cta)) if size
    ]
    spacing = round(1.6 * frame.gap)
    tall = sum(size[1] for _, size in rows) + spacing * (len(rows) - 1)
    y = frame.safe.y + max((bottom - frame.safe.y - tall) // 2, 0)
    places: dict[Role, Box] = {}
    for role, size in rows:
        places[role] = _aligned(frame, size, y)  # type: ignore[index]
        y += size[1] + spacing
    return places


def _qr_beside(frame: Frame, bottom: int) -> Box:
    """In the middle of what the column leaves of the safe area."""
    left = frame.safe.x if frame.is_rtl else frame.column.right + frame.gap
    right = frame.column.x - frame.gap if frame.is_rtl else frame.safe.right
    side = min(right - left, frame.px(QR_SIDES[1]))
    return Box((left + right - side) // 2, (frame.safe.y + bottom - side) // 2, side, side)


def _aligned(frame: Frame, size: Size, y: int) -> Box:
    """At the start side of the column where there is one or the style begins there, else in the frame's middle."""
    if not frame.has_columns and not frame.starts_at_margin:
        return _centred(frame, size, y)
    column = frame.column
    return Box(column.right - size[0] if frame.is_rtl else column.x, y, *size)


def _centred(frame: Frame, size: Size, y: int) -> Box:
    return Box((frame.format.width - size[0]) // 2, y, *size)
