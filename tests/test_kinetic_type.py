"""Headlines that come in word by word end as the line that was set, and soon."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from renderer.media import Planes
from renderer.picture.canvas import Layer, blend_at, sprite_of
from renderer.picture.frame import Frame
from renderer.picture.lettering import Lettering, Pen
from renderer.picture.show import Show
from renderer.picture.styles import STYLES
from style_pictures import BRAND, FORMATS, LOCALES, WORDS, show_of, show_saying, typesetter

HEADLINES = {
    "en-US": "Ta Wave AV fi: cold for 24 hours, today",
    "ar-EG": "كل يوم مع Aurora الجديدة",
    "hi-IN": "24 घंटे तक ठंडा क्षत्रिय हिन्दी",
    "ja-JP": "今日も明日もずっと、Auroraと朝を",
    "th-TH": "เย็นนาน 24 ชั่วโมงกำลังเดินทาง",
    "de-DE": "Fjord 🧊 🧊 und Überfluß",
}
BY_WORD = [name for name, style in STYLES.items() if style.headline_by == "word"]
ARRIVED_FRAMES = 21  # 0.7 s


def headline(style: str, locale: str, headline_by: str) -> Lettering:
    """Set the headline of a locale."""
    wanted = replace(STYLES[style], headline_by=headline_by)
    is_rtl = LOCALES[locale].direction == "rtl"
    frame = Frame(FORMATS["story_9x16"], is_rtl, starts_at_margin=wanted.align == "start")
    pen = Pen(typesetter(), BRAND, LOCALES[locale], frame, "v", wanted)
    return pen.text(HEADLINES[locale], "headline", frame.slot("headline"), (255, 255, 255))


def settled(lettering: Lettering) -> Planes:
    """Lay all pictures of a text over black, as ads do."""
    frame = Planes.blank(lettering.width // 2 * 2 + 2, lettering.height // 2 * 2 + 2)
    for plane, black in zip(frame, (16, 128, 128), strict=True):
        plane[:] = black
    for picture, x, y in lettering.pictures:
        blend_at(frame, sprite_of(picture), x // 2 * 2, y // 2 * 2)
    return frame


def words_of(show: Show, text: str) -> list[Layer]:
    """The layers of a headline, in the order in which they come."""
    placed = next(one for one in show.placed if one.text == text)
    inside = [
        layer for layer in show.layers
        if layer.last == placed.last_frame and placed.x // 2 * 2 <= layer.x < placed.x + placed.width
        and placed.y // 2 * 2 <= layer.y < placed.y + placed.height and layer.first >= placed.first_frame
    ]  # fmt: skip
    return sorted(inside, key=lambda layer: layer.first)


@pytest.mark.parametrize("locale", HEADLINES)
@pytest.mark.parametrize("style", STYLES)
def test_words_end_as_the_line_that_was_set(style: str, locale: str) -> None:
    """Kerning, joining, order, marks: laid over each other, the words are the line to the rounding, in its place."""
    whole, parted = headline(style, locale, "line"), headline(style, locale, "word")

    assert len(parted.pictures) > len(whole.pictures)
    assert parted.size == whole.size
    for plane, expected in zip(settled(parted), settled(whole), strict=True):
        assert np.abs(plane.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("locale", "count"), [("en-US", 3), ("ar-EG", 3), ("hi-IN", 3), ("ja-JP", 2), ("zh-CN", 5)])
def test_words_come_in_the_order_of_reading(locale: str, count: int) -> None:
    """A number comes with its word, scripts without spaces come by the phrase; one after the other."""
    words = words_of(show_of("retail", locale, "square_1x1"), WORDS[locale][0])
    onwards = 1 if LOCALES[locale].direction == "ltr" else -1

    assert len(words) == count
    for word, following in pairwise(words):
        is_below = following.y + following.sprite.height / 2 > word.y + word.sprite.height
        assert word.first < following.first
        assert is_below or onwards * word.x < onwards * following.x


@pytest.mark.parametrize("style", BY_WORD)
def test_nobody_waits_for_the_last_word(style: str) -> None:
    """After 0.7 s all of twelve words are there, opaque and but a breath from their place."""
    text = "It is so far to go and so on by us all"
    words = words_of(show_saying(style, "en-US", "wide_16x9", "aur-bottle-750", (text, *WORDS["en-US"][1:])), text)

    assert len(words) == 12
    assert words[0].first < words[-1].first
    for word in words:
        assert word.motion is not None
        pose = word.motion.pose(min((words[0].first + ARRIVED_FRAMES - word.first) / word.enter_frames, 1.0))
        assert pose.opacity == 1
        assert abs(pose.dy) < 6
        assert abs(pose.scale - 1) < 0.03
