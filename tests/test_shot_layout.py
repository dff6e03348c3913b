"""Takes leave room where the composer will put text and product."""

from __future__ import annotations

import pytest

from catalog.formats import read_formats
from renderer.picture.frame import Frame, Size
from renderer.picture.layout import SceneSizes, arrange_scenes
from renderer.picture.seat import MAX_ENLARGEMENT, Seat
from renderer.picture.shot_layout import shot_layout

FORMATS = read_formats()
PRODUCTS = {"bottle": (400, 1000), "candle": (900, 1000), "speaker": (800, 900)}


def arranged(frame: Frame, product: Size):
    """A scene with typical texts, set as large as the composer sets them."""
    column = frame.column.width
    sizes = SceneSizes(
        headline=(round(column * 0.8), frame.px(210)),
        subline=(round(column * 0.5), frame.px(50)),
        caption=(frame.px(500), frame.px(120)),
    )
    return arrange_scenes(frame, [sizes], frame.logo_room(False), product)[0]


@pytest.mark.parametrize("format_id", FORMATS)
@pytest.mark.parametrize("product", PRODUCTS)
def test_the_floor_can_be_brought_under_the_product(format_id, product):
    """For every placement and shape of product, within a twentieth of the frame."""
    format = FORMATS[format_id]
    frame = Frame(format, is_rtl=False)
    box = arranged(frame.beside(PRODUCTS[product]) or frame, PRODUCTS[product])["product"]
    foot = ((box.x + box.width / 2) / format.width, box.bottom / format.height)
    stand = shot_layout(format, has_product=True).stand
    assert stand is not None

    size = format.width, format.height
    matrix = Seat(stand, foot).matrix(size, size)

    x, y = matrix @ [stand.x * size[0] - 0.5, stand.y * size[1] - 0.5, 1]
    assert (x / size[0], y / size[1]) == pytest.approx(foot, abs=0.05)
    assert matrix[0, 0] <= MAX_ENLARGEMENT


@pytest.mark.parametrize("format_id", FORMATS)
def test_headlines_lie_where_the_take_is_calm(format_id):
    """The middle of a headline beside or above the product is in a region that was asked to be calm."""
    format = FORMATS[format_id]
    layout = shot_layout(format, has_product=True)
    assert layout.stand is not None
    frame = Frame(format, is_rtl=False)
    for product in PRODUCTS.values():
        places = arranged(frame.beside(product) or frame, product)
        box, text = places["product"], places["headline"]
        foot = ((box.x + box.width / 2) / format.width, box.bottom / format.height)
        (scale_x, _, left), (_, scale_y, top) = Seat(layout.stand, foot).matrix((100, 100), (100, 100))
        x = ((text.x + text.width / 2) / format.width * 100 - left) / scale_x / 100
        y = ((text.y + text.height / 2) / format.height * 100 - top) / scale_y / 100

        assert any(
            region.x <= x <= region.x + region.width and region.y <= y <= region.y + region.height
            for region in layout.calm
        )


@pytest.mark.parametrize("format_id", FORMATS)
def test_scenes_without_product_have_no_floor(format_id):
    """Only the text asks for calm there."""
    layout = shot_layout(FORMATS[format_id], has_product=False)

    assert layout.stand is None
    assert len(layout.calm) == 1


@pytest.mark.parametrize("format_id", FORMATS)
@pytest.mark.parametrize("has_product", [True, False])
def test_regions_lie_in_the_frame(format_id, has_product):
    """No region reaches beyond an edge."""
    for region in shot_layout(FORMATS[format_id], has_product).calm:
        assert region.x + region.width <= 1
        assert region.y + region.height <= 1


def test_deep_margins_still_leave_a_floor():
    """A placement whose platform covers almost everything keeps the foot in the lower half of the frame."""
    square = FORMATS["square_1x1"]
    area = square.safe_area.model_copy(update={"top": 300, "bottom": 260})

    stand = shot_layout(square.model_copy(update={"safe_area": area}), has_product=True).stand

    assert stand is not None
    assert stand.y >= 0.5
