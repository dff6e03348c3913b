"""Pixels arrive as they were given: colours survive, blending is exact, motion is smooth, contrast is WCAG's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderer.media import Planes
from renderer.picture.canvas import (
    Layer,
    blend,
    blend_at,
    contrast,
    ease_out_back,
    ease_out_cubic,
    paint,
    rgb_from,
    rgb_of,
    sprite_of,
    to_rgb,
    yuv_of,
)

BRAND_YELLOW = (255, 212, 0)


def frame_of(width: int = 64, height: int = 48, luma: int = 90) -> Planes:
    half = (height // 2, width // 2)
    return Planes(np.full((height, width), luma, np.uint8), np.full(half, 120, np.uint8), np.full(half, 140, np.uint8))


def patch(colour: tuple[int, int, int], width: int, height: int, alpha: int = 255) -> np.ndarray:
    """A premultiplied RGBA rectangle."""
    flat = [round(channel * alpha / 255) for channel in colour]
    return np.full((height, width, 4), (*flat, alpha), np.uint8)


def middle(plane: np.ndarray, ground: int) -> float:
    """Horizontal centre of what differs from the ground."""
    amount = (plane.astype(float) - ground).sum(0)
    return float((amount * np.arange(len(amount))).sum() / amount.sum())


@pytest.mark.parametrize("colour", [BRAND_YELLOW, (255, 176, 0), (213, 0, 0), (255, 255, 255), (0, 0, 0), (21, 24, 30)])
def test_brand_colours_survive(colour: tuple[int, int, int]) -> None:
    """A colour that goes through BT.709, limited range and 8 bit comes back within 2 levels."""
    frame = frame_of()

    blend(frame, sprite_of(patch(colour, 64, 48)), 0, 0)

    assert np.abs(to_rgb(frame).astype(int) - colour).max() <= 2


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_conversion_has_an_inverse(colour: tuple[int, int, int]) -> None:
    """RGB to YUV and back loses nothing before rounding."""
    assert rgb_from(yuv_of(colour)) == pytest.approx(colour, abs=0.02)


def test_white_and_black_are_limited_range() -> None:
    """Black is 16, white is 235, and neither has colour."""
    assert yuv_of((0, 0, 0)) == pytest.approx([16, 128, 128], abs=1e-3)
    assert yuv_of((255, 255, 255)) == pytest.approx([235, 128, 128], abs=1e-3)


def test_opaque_pixels_arrive_exactly() -> None:
    """Where alpha is full, the frame holds the sprite's own code values, whatever was there before."""
    rng = np.random.default_rng(1)
    rgba = np.dstack([rng.integers(0, 256, (20, 30, 3)), np.full((20, 30), 255)]).astype(np.uint8)
    sprite, frame = sprite_of(rgba), frame_of(luma=201)

    blend(frame, sprite, 10, 8)

    assert (frame.y[8:28, 10:40] == sprite.y).all()
    assert (frame.u[4:14, 5:20] == sprite.u).all()
    assert (frame.y[:8] == 201).all()


def test_transparent_pixels_leave_the_frame_alone() -> None:
    """Nothing blended is nothing changed."""
    frame = frame_of()

    blend_at(frame, sprite_of(np.zeros((20, 30, 4), np.uint8)), 3.3, 4.7, 1.1)

    assert all((plane == before).all() for plane, before in zip(frame, frame_of(), strict=True))


def test_half_transparent_is_half_way() -> None:
    """A white sheet of half alpha over mid grey lands in the middle between the two."""
    frame = frame_of(luma=100)

    blend(frame, sprite_of(patch((255, 255, 255), 64, 48, 128)), 0, 0)

    assert abs(int(frame.y[20, 20]) - (235 * 128 + 100 * 127) / 255) <= 1


@given(x=st.floats(-80, 80), y=st.floats(-80, 80), scale=st.floats(0.3, 1.6), opacity=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_sprites_may_lie_anywhere(x: float, y: float, scale: float, opacity: float) -> None:
    """Beyond the edges, between pixels, at any size: the frame keeps its shape and its range."""
    frame = frame_of(luma=90)

    blend_at(frame, sprite_of(patch((255, 255, 255), 21, 17)), x, y, scale, opacity)

    assert frame.y.shape == (48, 64)
    assert frame.y.min() >= 89
    assert frame.y.max() <= 236


@pytest.mark.parametrize("shift", [0.25, 0.5, 1.0, 1.75])
def test_motion_is_finer_than_pixels(shift: float) -> None:
    """A sprite that moves by a fraction of a pixel moves by that fraction, in luma and in colour."""
    sprite = sprite_of(patch((255, 80, 0), 16, 16))
    start, moved = frame_of(), frame_of()

    blend_at(start, sprite, 20, 16)
    blend_at(moved, sprite, 20 + shift, 16)

    assert middle(moved.y, 90) - middle(start.y, 90) == pytest.approx(shift, abs=0.03)
    assert 2 * (middle(moved.v, 140) - middle(start.v, 140)) == pytest.approx(shift, abs=0.06)


def test_scaling_keeps_the_middle() -> None:
    """A sprite that grows about its middle does not wander."""
    sprite = sprite_of(patch((255, 255, 255), 16, 16))
    start, grown = frame_of(), frame_of()

    blend_at(start, sprite, 20, 16)
    blend_at(grown, sprite, 20, 16, scale=1.25)

    assert middle(grown.y, 90) == pytest.approx(middle(start.y, 90), abs=0.05)


@pytest.mark.parametrize("entrance", ["rise", "pop", "fade", "cut"])
def test_layers_come_settle_and_go(entrance: str) -> None:
    """Not there before the first frame, exact once settled, gone at the last."""
    sprite = sprite_of(patch((255, 255, 255), 16, 16))
    layer = Layer(sprite, 20, 16, first=5, last=40, entrance=entrance, enter_frames=12, exit_frames=6, travel_px=20)  # type: ignore[arg-type]
    before, settled, leaving, after = (frame_of() for _ in range(4))

    for frame, number in ((before, 4), (settled, 25), (leaving, 39), (after, 40)):
        paint(frame, layer, number)

    assert (before.y == 90).all()
    assert (settled.y[16:32, 20:36] == 235).all()
    assert 90 < int(leaving.y[20, 25]) < 140
    assert (after.y == 90).all()


def test_easing_settles() -> None:
    """Both curves begin at 0 and end at 1; only the badge's overshoots, by about a tenth."""
    steps = np.linspace(0, 1, 200)

    assert [ease_out_cubic(0), ease_out_back(0)] == pytest.approx([0, 0])
    assert ease_out_cubic(1) == ease_out_back(1) == 1
    assert max(map(ease_out_cubic, steps)) == 1
    assert max(map(ease_out_back, steps)) == pytest.approx(1.1, abs=0.01)


def test_contrast_is_that_of_wcag() -> None:
    """The examples that everybody knows: 21 for black on white, 4.54 for #767676 on white, 1 for equals."""
    white = rgb_of("#FFFFFF")

    assert float(contrast((0, 0, 0), white)) == pytest.approx(21)
    assert float(contrast(rgb_of("#767676"), white)) == pytest.approx(4.54, abs=0.01)
    assert float(contrast(white, white)) == 1
