"""Says what a shot's picture leaves room for: calm behind the text, and a floor where the product will stand.

A shot knows no text, no reading direction and not how slender the product is, so it is laid out for where these mostly
come to lie: the numbers are medians over all products of the sample campaign in five languages. The composer then
seats each take under its own product (seat.py), mirrored where reading starts at the right.
"""

from __future__ import annotations

from catalog import Format
from renderer.artifacts import Layout, Region, Stand
from renderer.picture.frame import Frame

TEXT_SHARE = 0.36  # of the safe area's height: headline and subline above a product
WIDE_TEXT = Region(x=0.05, y=0.22, width=0.42, height=0.46)  # headline, subline and badge in the column of a wide frame
# In square frames text stands above most products, and beside slender ones. Both lie where the text comes to lie in
# takes that are seated, which enlarges them by a quarter.
TEXT_ABOVE = Region(x=0.27, y=0.20, width=0.62, height=0.18)
TEXT_BESIDE = Region(x=0.04, y=0.40, width=0.31, height=0.28)

WIDE_CENTRE = 0.75  # of the width: middle of a product beside the text of a wide frame
BETWEEN = 0.58  # of the width of square frames: from here both .5 and .72 to .80, where slender ones stand, are near
FOOT_ABOVE = 205  # px, at a short side of 1080, from the safe area's floor up to the foot; captions are between
HIGHEST_FOOT = 0.5  # of the height, however deep the safe area's margins
FOOT_WIDTH = 0.32  # of the short side
ROOM_WIDTH, ROOM_HEIGHT = 0.36, 0.40  # of the short side, of the height: calm behind a product, less than it covers


def shot_layout(format: Format, has_product: bool) -> Layout:
    """Return the layout of a shot for a format; with `has_product` a cut-out product will stand in front of it."""
    frame = Frame(format, is_rtl=False)
    if not has_product:
        return Layout(calm=(WIDE_TEXT if frame.is_wide else _band(frame, (1 - TEXT_SHARE) / 2),))
    texts: tuple[Region, ...] = (TEXT_ABOVE, TEXT_BESIDE)
    x, y = BETWEEN, max((frame.safe.bottom - frame.px(FOOT_ABOVE)) / format.height, HIGHEST_FOOT)
    if frame.is_wide:
        texts, x = (WIDE_TEXT,), WIDE_CENTRE
    elif frame.stage_floor is not None:
        texts, x, y = (_band(frame, 0.0),), 0.5, frame.stage_floor / format.height
    short = min(format.width, format.height) / format.width
    stand = Stand(x=x, y=round(y, 3), width=round(FOOT_WIDTH * short, 3))
    width = ROOM_WIDTH * short
    room = _region(x - width / 2, stand.y - ROOM_HEIGHT, width, ROOM_HEIGHT)
    return Layout(calm=(*texts, room), stand=stand)


def _band(frame: Frame, top: float) -> Region:
    """The text block in the middle of the safe area's width, from the share `top` of its height down."""
    width, height, safe, column = frame.format.width, frame.format.height, frame.safe, frame.column
    y = (safe.y + top * safe.height) / height
    return _region(column.x / width, y, column.width / width, TEXT_SHARE * safe.height / height)


def _region(x: float, y: float, width: float, height: float) -> Region:
    return Region(x=round(x, 3), y=round(y, 3), width=round(width, 3), height=round(height, 3))
