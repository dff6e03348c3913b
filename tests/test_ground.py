"""Backdrops are smooth in time and space, and text on them is readable whatever they show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderer.media import Planes
from renderer.picture.canvas import Yuv, contrast, rgb_from, yuv_of
from renderer.picture.ground import (
    Footage,
    Ground,
    Reel,
    Scrim,
    Trays,
    develop,
    end_ground,
    fixed,
    glow,
    no_glow,
    scrim_colour,
    straight_speed,
    strengthened,
    take_position,
    veiled,
    vignette,
    working_size,
)

WHITE, INK = (255, 255, 255), (21, 24, 30)


def footage(num_frames: int, frame_rate: float, size: tuple[int, int] = (1, 1), loops: bool = False) -> Footage:
    """A black take of (width, height)."""
    return Footage(np.zeros((num_frames, size[1], size[0], 3), np.uint8), frame_rate, loops)


@given(num_frames=st.integers(2, 200), rate=st.floats(4, 30), duration=st.floats(0.5, 30))
def test_takes_never_run_out(num_frames: int, rate: float, duration: float) -> None:
    """At every moment of a scene some frame of the take is due, and time never jumps."""
    times = np.linspace(0, duration, 300)
    positions = np.array([take_position(footage(num_frames, rate), duration, time) for time in times])

    assert positions.min() >= 0
    assert positions.max() <= num_frames - 1
    assert np.abs(np.diff(positions)).max() <= rate * (times[1] - times[0]) * 1.01


@pytest.mark.parametrize(("duration_s", "speed"), [(2.0, 1.0), (3.1, 1.0), (4.0, 0.775), (4.97, None), (20.0, None)])
def test_sound_can_follow_what_plays_straight(duration_s: float, speed: float | None) -> None:
    """The speed is that of the position; a take that swings or repeats has none, nor has a still."""
    take = footage(32, 10)

    assert straight_speed(len(take.frames), take.frame_rate, take.loops, duration_s) == (
        speed if speed is None else pytest.approx(speed)
    )
    if speed is not None:
        assert take_position(take, duration_s, 1.2) == pytest.approx(1.2 * 10 * speed)
    assert straight_speed(32, 10, True, duration_s) is None
    assert straight_speed(1, 10, False, duration_s) is None


def test_takes_are_slowed_before_they_swing() -> None:
    """Long enough: natural speed. Up to 1.6 times too short: slowed to fit. Shorter: back to the first frame and on."""
    assert take_position(footage(32, 10), 2.0, 1.0) == 10
    assert take_position(footage(32, 10), 4.0, 4.0) == pytest.approx(31)
    assert take_position(footage(32, 10), 12.0, 2 * 3.1 * 1.6) == pytest.approx(0, abs=1e-6)


def test_loops_begin_again() -> None:
    """A take that loops keeps its speed, and its last frame fades into its first one."""
    take = Footage(np.stack([np.full((8, 8, 3), value, np.uint8) for value in (40, 80, 160)]), 2.0, loops=True)
    flat = np.ones((8, 8), np.float32)
    ground = Ground(take, 30.0, (8, 8), flat, no_glow((8, 8)), Scrim(flat, yuv_of(INK), 0.0))

    luma = [float(ground.at(time)[4, 4, 0]) for time in (0.0, 1.0, 1.25, 1.5, 3.0)]

    assert take_position(footage(96, 16, loops=True), 20.0, 7.0) == 16
    assert luma[0] == luma[3] == luma[4]
    assert luma[2] == pytest.approx((luma[0] + luma[1]) / 2, abs=0.1)


def developed(picture: Yuv, number: int, width: int, height: int) -> Planes:
    """A frame with nothing but a picture in it."""
    frame = Planes.blank(width, height)
    develop(fixed(picture), number, Trays(width, height), frame)
    return frame


def test_dark_gradients_do_not_band() -> None:
    """A ramp over ten code values keeps rising from column to column, where 8 bit alone has ten steps."""
    ramp = np.zeros((64, 128, 3), np.float32)
    ramp[..., 0] = np.linspace(20, 30, 128)
    ramp[..., 1:] = 128

    planes = developed(ramp, 7, 512, 256)

    means = planes.y.astype(float).mean(0).reshape(32, 16).mean(1)
    assert (np.diff(means) > 0.1).all()
    assert planes.y.shape == (256, 512)
    assert planes.u.shape == (128, 256)


def test_grain_is_fine_and_moves() -> None:
    """Grain of about 1.2 code values, another one in every frame, the same for the same frame."""
    flat = np.full((48, 64, 3), 128, np.float32)

    one, again, other = (
        developed(flat, 1, 256, 192),
        developed(flat, 1, 256, 192),
        developed(flat, 2, 256, 192),
    )

    assert one.y.std() == pytest.approx(1.23, abs=0.12)
    assert (one.y == again.y).all()
    assert (one.y != other.y).any()


def test_frames_between_frames_are_blends() -> None:
    """Half way between a dark and a light frame the picture is half way between the two."""
    take = Footage(np.stack([np.full((16, 16, 3), value, np.uint8) for value in (40, 200)]), 1.0)
    flat = np.ones((32, 32), np.float32)
    ground = Ground(take, 1.0, (32, 32), flat, no_glow((32, 32)), Scrim(flat, yuv_of(INK), 0.0))

    luma = [float(ground.at(time)[16, 16, 0]) for time in (0.0, 0.5, 1.0)]

    assert luma[1] == pytest.approx((luma[0] + luma[2]) / 2, abs=0.1)
    assert luma[2] > luma[0] + 100


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=4), st.sampled_from([WHITE, INK]))
@settings(max_examples=60, deadline=None)
def test_any_picture_can_carry_text(colours: list[tuple[int, int, int]], text: tuple[int, int, int]) -> None:
    """Whatever colours a take shows, a scrim is found under which text has a contrast of 4.5, and no stronger one."""
    picture = np.concatenate([np.tile(yuv_of(colour), (8, 32, 1)) for colour in colours])
    mask = np.ones(picture.shape[:2], np.float32)
    weakest = Scrim(mask, scrim_colour([picture], text), 0.0)
    everything = slice(None), slice(None)

    scrim, ratio = strengthened([picture], weakest, [everything], text, 4.5)

    pixels = rgb_from(veiled(picture, scrim)).reshape(-1, 3)
    assert ratio >= 4.5
    assert float(contrast(pixels, text).min()) >= ratio - 0.01
    if scrim.strength > 0:
        weaker = Scrim(mask, scrim.colour, scrim.strength - 0.041)
        assert float(contrast(rgb_from(veiled(picture, weaker)).reshape(-1, 3), text).min()) < 4.5


def test_working_size_follows_the_take() -> None:
    """Small takes are handled at a quarter of the frame's size, large ones at full size."""
    assert working_size(footage(1, 1, (288, 512)), 1080, 1920) == (270, 480)
    assert working_size(footage(1, 1, (384, 384)), 1080, 1080) == (360, 360)
    assert working_size(footage(1, 1, (480, 832)), 1080, 1920) == (540, 960)
    assert working_size(footage(1, 1, (1080, 1920)), 1080, 1920) == (1080, 1920)


def test_vignettes_darken_corners_only() -> None:
    """Full light in the middle, least in the corners."""
    light = vignette((64, 64))

    assert light[32, 32] == pytest.approx(1, abs=0.001)
    assert light.min() == light[0, 0] == pytest.approx(0.78, abs=0.02)


def test_reels_show_what_the_backdrop_is() -> None:
    """At, between and beyond the frames of a take, made ready in fixed point or worked out in full: the same picture."""
    random = np.random.default_rng(1)
    size = 36, 64
    take = Footage(random.integers(0, 256, (5, 32, 18, 3), np.uint8), 4.0)
    scrim = Scrim(random.random((64, 36), np.float32), yuv_of(INK), 0.4)
    lit = Ground(take, 1.5, size, vignette(size), glow(size, (0.5, 0.6), (0.3, 0.3)), scrim)
    veil = Scrim(np.ones((64, 36), np.float32), yuv_of(INK), 0.3)
    scene, card = Reel.of_scene(lit), Reel.of_end_card(lit, INK, veil)

    for time_s in (0.0, 0.3, 0.7, 1.5):
        ending = veiled(end_ground(lit.bare(time_s), INK), veil)
        assert np.abs(scene.at(time_s).astype(int) - fixed(lit.at(time_s))).max() <= 1
        assert np.abs(card.at(time_s).astype(int) - fixed(ending)).max() <= 1
