"""Whatever the texts, whichever the format and direction: text stays in the safe area and never meets other text."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.formats import read_formats
from renderer.picture.frame import Box, Frame, Role, Size
from renderer.picture.layout import MOST_COVERED, SHOULDER_RISE, EndSizes, SceneSizes, arrange_end_card, arrange_scenes

FORMATS = read_formats()
PRODUCTS = st.tuples(st.integers(50, 3000), st.integers(50, 3000))
NOT_TEXT = {"product", "logo"}


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """A format and a direction, with a column beside the product where that is possible."""
    frame = Frame(draw(st.sampled_from(list(FORMATS.values()))), draw(st.booleans()))
    return frame.beside(draw(PRODUCTS)) or frame


def text_of(
    draw: st.DrawFn, frame: Frame, role: Role, on_end_card: bool = False, above_badge: bool = False
) -> Size | None:
    """Nothing, or any size that fits the slot, plus what plates add around badges, captions and buttons."""
    if not draw(st.booleans()):
        return None
    slot = frame.slot(role, on_end_card, above_badge)
    around = {"badge": (frame.px(80), frame.px(120)), "cta": (frame.px(112), frame.px(50))}.get(role, (0, 0))
    width, height = draw(st.integers(20, slot.width)), draw(st.integers(20, slot.height))
    return width + around[0], height + around[1]


@st.composite
def scenes(draw: st.DrawFn, frame: Frame) -> list[SceneSizes]:
    return [_scene(draw, frame) for _ in range(draw(st.integers(1, 4)))]


def _scene(draw: st.DrawFn, frame: Frame) -> SceneSizes:
    badge = text_of(draw, frame, "badge")
    headline = text_of(draw, frame, "headline", above_badge=badge is not None)
    subline, caption = text_of(draw, frame, "subline"), text_of(draw, frame, "caption")
    return SceneSizes(headline, subline, badge, caption, has_product=draw(st.booleans()))


def area(box: Box) -> int:
    return box.width * box.height


def covered(one: Box, other: Box) -> int:
    """How many pixels two boxes share."""
    across = min(one.right, other.right) - max(one.x, other.x)
    down = min(one.bottom, other.bottom) - max(one.y, other.y)
    return max(across, 0) * max(down, 0)


def assert_readable(frame: Frame, places: dict[Role, Box]) -> None:
    texts = {role: box for role, box in places.items() if role not in NOT_TEXT}
    whole = Box(0, 0, frame.format.width, frame.format.height)
    outside = {role: box for role, box in texts.items() if not box.within(frame.safe)}
    meeting = [
        (a, b) for a, b in combinations(places, 2) if places[a].meets(places[b]) and {a, b} != {"badge", "product"}
    ]

    assert not outside
    assert not meeting
    if {"badge", "product"} <= places.keys():
        assert covered(places["badge"], places["product"]) <= MOST_COVERED * SHOULDER_RISE * area(places["badge"])
    assert all(box.within(whole) for box in places.values())


@given(data=st.data(), frame=frames(), product=PRODUCTS)
@settings(max_examples=300, deadline=None)
def test_scenes_are_readable(data: st.DataObject, frame: Frame, product: Size) -> None:
    """All text inside the safe area, nothing on anything else (but for the badge at the product's shoulder)."""
    sizes = data.draw(scenes(frame))

    places = arrange_scenes(frame, sizes, frame.logo_room(False), product)

    for place, size in zip(places, sizes, strict=True):
        assert_readable(frame, place)
        assert {
            role for role in ("headline", "subline", "badge", "caption") if getattr(size, role)
        } == place.keys() - NOT_TEXT


def test_tall_texts_move_together_before_they_meet_a_badge() -> None:
    """Where headline, subline, badge and caption nearly fill a column, the space between the texts gives way."""
    frame = Frame(FORMATS["square_1x1"], False).beside((50, 140))
    assert frame is not None
    tall = SceneSizes(headline=(20, 275), subline=(20, 174), badge=(100, 210), caption=(20, 128), has_product=False)

    (places,) = arrange_scenes(frame, [tall], frame.logo_room(False), (50, 140))

    assert_readable(frame, places)


@given(data=st.data(), frame=frames(), product=PRODUCTS)
@settings(max_examples=300, deadline=None)
def test_end_cards_are_readable(data: st.DataObject, frame: Frame, product: Size) -> None:
    """The same for the end card, where the product gives way to the texts."""
    texts = {role: text_of(data.draw, frame, role, True) for role in ("headline", "cta", "legal", "caption")}
    sizes = EndSizes(logo=frame.logo_room(True), **texts)  # type: ignore[arg-type]

    assert_readable(frame, arrange_end_card(frame, sizes, data.draw(st.sampled_from([product, None]))))


@given(data=st.data(), frame=frames(), product=PRODUCTS)
@settings(deadline=None)
def test_the_product_stays_put(data: st.DataObject, frame: Frame, product: Size) -> None:
    """It has the same box in every scene that shows it, in its own proportions."""
    places = arrange_scenes(frame, data.draw(scenes(frame)), frame.logo_room(False), product)

    boxes = {place["product"] for place in places if "product" in place}
    assert len(boxes) <= 1
    for box in boxes:
        if min(box.width, box.height) > 20:
            assert box.width / box.height == pytest.approx(product[0] / product[1], rel=0.06)


@pytest.mark.parametrize("format_id", [name for name in FORMATS if name != "story_9x16"])
def test_right_to_left_is_the_mirror(format_id: str) -> None:
    """In columns, Arabic has text at the right and the product at the left."""
    sizes = [SceneSizes(headline=(300, 90), badge=(200, 100), caption=(500, 90))]
    frames = [Frame(FORMATS[format_id], is_rtl) for is_rtl in (False, True)]
    bottle = [frame.beside((400, 1000)) or frame for frame in frames]

    ltr, rtl = (arrange_scenes(frame, sizes, (200, 40), (400, 1000))[0] for frame in bottle)

    assert ltr["headline"].x < ltr["product"].x
    assert rtl["headline"].x > rtl["product"].x
    assert rtl["badge"].right > rtl["product"].right


def test_products_stand_below_the_text_where_platforms_cover_the_bottom() -> None:
    """A story's product fills nearly two fifths of the height below all text; its badge stays in the safe area."""
    sizes = [SceneSizes(headline=(600, 180), subline=(400, 60), badge=(300, 120), caption=(500, 120))]
    ltr, rtl = (
        arrange_scenes(Frame(FORMATS["story_9x16"], is_rtl), sizes, (200, 40), (400, 1000))[0]
        for is_rtl in (False, True)
    )

    assert ltr["product"].height > 0.38 * 1920
    assert ltr["product"].y > ltr["caption"].bottom > ltr["headline"].bottom
    assert ltr["product"].bottom == rtl["product"].bottom
    assert ltr["badge"].x > rtl["badge"].x
    assert Frame(FORMATS["story_9x16"], False).beside((400, 1000)) is None


@pytest.mark.parametrize("format_id", ["square_1x1"])
def test_slender_products_stand_beside_text(format_id: str) -> None:
    """A bottle is at least a third taller beside the text than between the texts."""
    sizes = [SceneSizes(headline=(400, 180), subline=(400, 60), caption=(500, 120))]
    frame = Frame(FORMATS[format_id], False)
    column = frame.beside((400, 1000))
    assert column is not None

    stacked, beside = (arrange_scenes(f, sizes, (200, 40), (400, 1000))[0]["product"] for f in (frame, column))

    assert beside.height > stacked.height * 4 / 3
    assert frame.beside((1000, 600)) is None


def test_boxes_know_their_neighbours() -> None:
    """Boxes that share an edge do not meet; one pixel of overlap is a meeting."""
    assert not Box(0, 0, 10, 10).meets(Box(10, 0, 5, 5))
    assert Box(0, 0, 10, 10).meets(Box(9, 9, 5, 5))
    assert Box(2, 2, 8, 8).within(Box(0, 0, 10, 10))
    assert not Box(2, 2, 9, 8).within(Box(0, 0, 10, 10))
