"""A shining floor shows what stands on it: fading, never apart from the foot, never under words."""

from __future__ import annotations

from itertools import product as crossed

import numpy as np
import pytest
from numpy.typing import NDArray

from renderer.media import Planes
from renderer.picture.frame import Box
from renderer.picture.packshot import REFLECTED, UNDER_PX, Packshot, Pose, packshot
from renderer.picture.styles import STYLES
from style_pictures import show_of

GLOSSY = [name for name, style in STYLES.items() if style.gloss]
BOX = Box(100, 40, 120, 200)


def block(width: int = 120, height: int = 200) -> NDArray[np.float32]:
    """A white box seen from the front."""
    return np.full((height, width, 4), 255, np.float32)


def can(width: int = 120, height: int = 200, depth: int = 10) -> NDArray[np.float32]:
    """A white cylinder seen a little from above: its foot is half an ellipse."""
    picture = block(width, height)
    x = (np.arange(width) + 0.5) / width * 2 - 1
    raised = depth * (1 - np.sqrt(1 - x**2))
    picture[np.arange(height)[:, None] > height - 1 - raised] = 0
    return picture


def reflected(shot: Packshot, pose: Pose) -> NDArray[np.uint8]:
    """The luma of nothing but the reflection, over black without footroom."""
    frame = Planes.blank(320, 320)
    for plane, value in zip(frame, (0, 128, 128), strict=True):
        plane[:] = value
    shot.paint_reflection(frame, pose)
    return frame.y


@pytest.mark.parametrize(("scale", "lift", "entered"), [*crossed((0.955, 0.9783, 1.0), (0.0, 0.6, 2.0), (0.4, 1.0))])
def test_it_hangs_on_the_foot(scale: float, lift: float, entered: float) -> None:
    """However the product has grown, risen or come in: no row of the floor shows between the two."""
    shot, pose = packshot(block(), BOX, True, gloss=0.5, floor_px=200), Pose(scale, lift, entered)
    frame = Planes.blank(320, 320)
    for plane, value in zip(frame, (0, 128, 128), strict=True):
        plane[:] = value
    shot.paint(frame, pose)
    own, mirrored = frame.y[:, 160], reflected(shot, pose)[:, 160]

    foot = int(np.flatnonzero(own > own.max() / 2)[-1])
    first = int(np.flatnonzero(mirrored > mirrored.max() / 2)[0])
    assert foot - UNDER_PX - 1 <= first <= foot + 1


def test_it_fades_within_a_quarter_of_the_height() -> None:
    """Brightest at the foot and never as bright as the product, darker from row to row, gone after a quarter."""
    luma = reflected(packshot(block(), BOX, True, gloss=0.4, floor_px=200), Pose(1.0, 0.0, 1.0))[:, 160].astype(int)
    below = luma[BOX.bottom :]

    assert 0.3 * 235 < below[0] < 0.42 * 235
    assert (np.diff(below) <= 0).all()
    assert below[round(0.1 * BOX.height)] > 10
    assert not below[round(REFLECTED * BOX.height) :].any()
    assert not luma[: BOX.bottom - UNDER_PX - 1].any()


def test_a_round_foot_is_mirrored_at_its_edge() -> None:
    """Seen from above its edge is a curve: each column begins below the product's last pixel in that column."""
    pixels = can()
    luma = reflected(packshot(pixels, BOX, True, gloss=0.5, floor_px=200), Pose(1.0, 0.0, 1.0))
    for column in range(6, 114, 6):
        last = BOX.y + int(np.flatnonzero(pixels[:, column, 3])[-1])
        first = int(np.flatnonzero(luma[:, BOX.x + column])[0])
        assert last - UNDER_PX - 2 <= first <= last + 2


def test_what_hangs_or_has_no_room_has_none() -> None:
    """A card is on no floor; a strip of a few rows would look like a mistake; a dull floor shows nothing."""
    assert packshot(block(), BOX, True, gloss=0.4, floor_px=40).reflection is not None
    assert packshot(block(), BOX, False, gloss=0.4, floor_px=40).reflection is None
    assert packshot(block(), BOX, True, gloss=0.4, floor_px=5).reflection is None
    assert packshot(block(), BOX, True, gloss=0.0, floor_px=40).reflection is None


@pytest.mark.parametrize("style", GLOSSY)
def test_no_words_stand_in_it(style: str) -> None:
    """In every shape and both directions it ends above the texts that are shown while the product is."""
    found = 0
    for format_id, locale in crossed(("story_9x16", "feed_4x5", "square_1x1", "wide_16x9"), ("en-US", "ar-EG")):
        show = show_of(style, locale, format_id)
        for appearance in show.appearances:
            shot = appearance.turns[0].shot
            if shot.reflection is None:
                continue
            found += 1
            height = shot.reflection_y + shot.reflection.height - shot.box.height
            mirror = Box(shot.box.x, shot.box.bottom, shot.box.width, height)
            for text in show.placed:
                apart = appearance.last <= text.first_frame or text.last_frame <= appearance.first
                is_text = text.role != "product"
                assert apart or not is_text or not mirror.meets(Box(text.x, text.y, text.width, text.height)), text
    assert found >= 4
