"""Takes cover the frame, and their floor comes to lie under the product."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderer.artifacts import Stand
from renderer.picture.seat import CENTRED, MAX_ENLARGEMENT, Seat

sides = st.integers(16, 2000)
fractions = st.floats(0, 1)


def at(matrix: np.ndarray, x: float, y: float) -> tuple[float, float]:
    """Where a point of the take comes to lie; edges of pixels lie half a pixel before their centres."""
    left, top = matrix @ [x - 0.5, y - 0.5, 1]
    return left + 0.5, top + 0.5


@given(
    take=st.tuples(sides, sides),
    picture=st.tuples(sides, sides),
    stand=st.tuples(fractions, fractions),
    foot=st.tuples(fractions, fractions),
    mirrored=st.booleans(),
)
def test_takes_cover_the_picture(take, picture, stand, foot, mirrored):
    """Wherever the product stands, no edge of the take is seen, and it is never enlarged beyond the limit."""
    seat = Seat(Stand(x=stand[0], y=stand[1], width=0.3), foot, mirrored)

    matrix = seat.matrix(take, picture)
    corners = [at(matrix, x, y) for x in (0, take[0]) for y in (0, take[1])]

    least = max(picture[0] / take[0], picture[1] / take[1])
    slack = 0.002 * max(picture)
    assert min(x for x, _ in corners) <= slack
    assert min(y for _, y in corners) <= slack
    assert max(x for x, _ in corners) >= picture[0] - slack
    assert max(y for _, y in corners) >= picture[1] - slack
    assert least * 0.999 <= matrix[1, 1] <= least * MAX_ENLARGEMENT * 1.001


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_floor_lies_under_the_foot(mirrored):
    """The take is enlarged just as much as it takes to bring the two together."""
    stand = Stand(x=0.42 if mirrored else 0.58, y=0.76, width=0.3)

    matrix = Seat(stand, (0.72, 0.745), mirrored).matrix((384, 384), (360, 360))

    assert at(matrix, stand.x * 384, stand.y * 384) == pytest.approx((0.72 * 360, 0.745 * 360), abs=0.01)
    assert matrix[1, 1] * 384 / 360 == pytest.approx(0.72 / 0.58, abs=0.001)


def test_what_fits_is_not_enlarged():
    """A take whose floor is in its place stays as large as the frame."""
    matrix = Seat(Stand(x=0.5, y=0.85, width=0.3), (0.5, 0.85)).matrix((288, 512), (270, 480))

    assert matrix[:, :2].ravel().tolist() == pytest.approx([0.9375, 0, 0, 0.9375])


def test_what_cannot_be_reached_comes_near():
    """A foot at the edge gets the take's edge, at the largest size."""
    matrix = Seat(Stand(x=0.5, y=0.5, width=0.3), (0.95, 0.5)).matrix((100, 100), (100, 100))

    assert matrix[1, 1] == pytest.approx(MAX_ENLARGEMENT)
    assert at(matrix, 0, 50) == pytest.approx((0, 50), abs=0.01)


def test_without_a_product_the_middle_is_shown():
    """A wide take fills a tall frame with its middle; nothing is squeezed."""
    picture = np.zeros((40, 100, 3), np.float32)
    picture[:, 49:51] = 255

    seated = cv2.warpAffine(picture, CENTRED.matrix((100, 40), (90, 160)), (90, 160), borderMode=cv2.BORDER_REPLICATE)

    assert seated[:, 44:46].min() > 200
    assert seated[:, :35].max() < 1
    assert seated[:, 55:].max() < 1


def test_mirroring_swaps_left_and_right():
    """The first column becomes the last one, exactly."""
    picture = np.arange(12, dtype=np.float32).reshape(3, 4)

    mirrored = cv2.warpAffine(picture, Seat(mirrored=True).matrix((4, 3), (4, 3)), (4, 3))

    assert mirrored.tolist() == picture[:, ::-1].tolist()
