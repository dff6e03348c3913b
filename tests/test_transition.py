"""One part gives way to the next without a jump, and a product is never seen twice while it does."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest

from renderer.media import Planes
from renderer.picture.canvas import yuv_of
from renderer.picture.frame import Frame
from renderer.picture.ground import FIXED_POINT, Fixed, fixed
from renderer.picture.lettering import Pen
from renderer.picture.staging import _transition
from renderer.picture.styles import STYLES
from renderer.picture.styles.style import TransitionKind
from renderer.picture.transition import Transition
from style_pictures import BRAND, FORMATS, LOCALES, PARTS, show_of, typesetter

KINDS = get_args(TransitionKind)
FILL = (20, 40, 90)
SIZE = 40, 24  # width, height


def plain(rgb: tuple[int, int, int]) -> Fixed:
    """A picture of one colour."""
    return fixed(np.broadcast_to(yuv_of(rgb), (SIZE[1], SIZE[0], 3)))


BEFORE, AFTER = plain((200, 60, 50)), plain((40, 120, 80))


def passed(kind: TransitionKind, is_rtl: bool = False) -> list[Fixed]:
    """All frames of a transition."""
    transition = Transition(kind, FILL, is_rtl)
    return [transition.between(lambda: BEFORE, lambda: AFTER, since, FILL) for since in range(transition.frames)]


def apart(one: Fixed, other: Fixed) -> float:
    """Largest difference in code values."""
    return float(np.abs(one.astype(int) - other).max()) / FIXED_POINT


@pytest.mark.parametrize("kind", KINDS)
def test_it_ends_at_the_later_picture(kind: TransitionKind) -> None:
    """The frame after the last one is the later picture: the last one is nearly that, and nearer than any before."""
    frames = passed(kind)
    left = [float(np.abs(frame.astype(int) - AFTER).mean()) for frame in frames]

    assert left[-1] == min(left)
    assert left[-1] / FIXED_POINT < 3


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "flash"])
def test_it_begins_at_the_earlier_picture(kind: TransitionKind) -> None:
    """The first frame is nearly the earlier picture."""
    assert float(np.abs(passed(kind)[0].astype(int) - BEFORE).mean()) / FIXED_POINT < 3


@pytest.mark.parametrize("is_rtl", [False, True])
def test_a_wipe_travels_as_one_reads(is_rtl: bool) -> None:
    """From where reading starts, with a soft edge, never back."""
    lumas = [(frame[: SIZE[1]].astype(float) / FIXED_POINT) for frame in passed("wipe", is_rtl)]
    rows = [luma[0, ::-1] if is_rtl else luma[0] for luma in lumas]
    before, after = float(BEFORE[0, 0]) / FIXED_POINT, float(AFTER[0, 0]) / FIXED_POINT
    shares = [(row - before) / (after - before) for row in rows]

    assert shares[4][0] == pytest.approx(1)
    assert shares[4][-1] == pytest.approx(0)
    assert all((np.diff(share) < 0.01).all() and np.abs(np.diff(share)).max() < 0.2 for share in shares)
    assert all((following >= share - 0.01).all() for share, following in pairwise(shares))


def test_a_dip_goes_through_its_colour() -> None:
    """Half way there is nothing else; each picture mixes with that colour alone, so luma and chroma go alike."""
    frames, fill = passed("dip"), plain(FILL)[:: SIZE[1], 0].astype(float)

    assert min(apart(frame, plain(FILL)) for frame in frames) < 2
    for frame, picture in ((frames[4], BEFORE), (frames[-5], AFTER)):
        shares = (frame[:: SIZE[1], 0] - fill) / (picture[:: SIZE[1], 0] - fill)
        assert shares == pytest.approx([shares[0]] * 3, abs=0.01)
        assert 0.1 < shares[0] < 0.9


def test_a_flash_is_a_cut_and_light_that_dies_away() -> None:
    """The earlier picture is never seen, and each frame is darker than the one before."""
    lumas = [float(frame[0, 0]) / FIXED_POINT for frame in passed("flash")]

    assert all(following < luma for luma, following in pairwise(lumas))
    assert lumas[0] > 180 > lumas[3] > lumas[-1] >= float(AFTER[0, 0]) / FIXED_POINT


@pytest.mark.parametrize("style", STYLES)
def test_a_product_that_stands_stays(style: str) -> None:
    """Through the cut between scenes nothing of it fades or jumps, whatever happens behind it."""
    show = show_of(style, "en-US", "wide_16x9")
    box = show.appearances[0].box
    middle = slice(box.y + box.height // 2, box.y + box.height // 2 + 40), slice(*_across(box.x, box.width))
    seen = [show.frame(number).y[middle].astype(int) for number in range(PARTS[1].first - 2, PARTS[1].first + 20, 3)]

    assert all(np.abs(following - one).mean() < 2 for one, following in pairwise(seen))


@pytest.mark.parametrize("style", [name for name, style in STYLES.items() if style.transition != "dissolve"])
def test_a_product_is_never_seen_twice(style: str) -> None:
    """One that moves on to another place is gone from the first before it comes to the other."""
    show = show_of(style, "en-US", "story_9x16")
    assert len(show.appearances) == 2
    for number in range(PARTS[-1].first - 2, PARTS[-1].first + 20):
        drawn = 0
        for appearance in show.appearances:
            frame = Planes.blank(show.width, show.height)
            frame.y[:] = 0
            appearance.paint(frame, number, show.frame_rate, show.transition)
            drawn += bool(frame.y.any())
        assert drawn <= 1


@pytest.mark.parametrize("style", ["retail", "luxury"])
def test_short_parts_dissolve(style: str) -> None:
    """Light that flashes at every cut would flicker, and a dip would be cut off: parts of half a second dissolve."""
    pen = Pen(typesetter(), BRAND, LOCALES["en-US"], Frame(FORMATS["wide_16x9"], False), "v", STYLES[style])
    short = [PARTS[0], replace(PARTS[1], last=PARTS[1].first + 15), PARTS[2]]

    assert _transition(PARTS, pen, (255, 255, 255)).kind == STYLES[style].transition
    assert _transition(short, pen, (255, 255, 255)).kind == "dissolve"


def _across(x: int, width: int) -> tuple[int, int]:
    """The middle fifth."""
    return x + 2 * width // 5, x + 3 * width // 5
