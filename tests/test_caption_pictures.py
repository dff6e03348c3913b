"""Captions look as they did when somebody last looked at them: every script, every style."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import caption_pictures
from caption_pictures import BRAND, FOLDER, LOCALES, PICTURES, STORY, cues_of, frame_with, typesetter
from renderer.picture.captions import caption_style
from renderer.picture.emoji_font import emoji_font
from renderer.picture.frame import Frame
from renderer.picture.lettering import Pen

BLUR_PX = 2.0  # forgives what another version of FreeType does to edges, and nothing else
MOST_UNLIKE = 26  # of 255, in the worst pixel; a letter that moved by two pixels makes more than 60


def unlike(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference of two pictures, once their edges are soft."""
    soft = [cv2.GaussianBlur(picture.astype(np.float32), (0, 0), BLUR_PX) for picture in (one, other)]
    return float(np.abs(soft[0] - soft[1]).max())


@pytest.mark.parametrize("name", PICTURES)
def test_captions_look_as_they_did(name: str) -> None:
    """After a change that is meant, look at what `python tests/caption_pictures.py` draws, and commit it."""
    if name == "emoji" and not emoji_font().exists():
        pytest.fail("Run: python -m renderer.picture.emoji_font")
    expected = cv2.imread(str(FOLDER / f"{name}.png"))[..., ::-1]

    assert unlike(frame_with(name), expected) < MOST_UNLIKE


def test_a_shift_of_three_pixels_is_seen() -> None:
    """The comparison would notice captions that moved, were cut, or lost a word's colour."""
    seen = frame_with("en")

    assert unlike(np.roll(seen, 3, 0), seen) > MOST_UNLIKE
    assert unlike(np.roll(seen, 3, 1), seen) > MOST_UNLIKE
    assert unlike(frame_with("plate"), seen) > MOST_UNLIKE


def test_karaoke_fills_from_where_reading_starts() -> None:
    """Step by step the word takes the lit colour: from the left in English, from the right in Arabic."""
    for name, from_right in (("karaoke", False), ("karaoke_ar", True)):
        tag, _, word, text = PICTURES[name]
        cues = cues_of(tag, text)
        frame = Frame(STORY, is_rtl=from_right)
        style = caption_style(Pen(typesetter(), BRAND, LOCALES[tag], frame, name), cues, "karaoke")
        first, half, full = (one.pictures[0][0].astype(int) for one in style.sweep(cues[0], word, 3))
        before = style.draw(cues[0], word - 1).pictures[0][0].astype(int)

        changed = [np.flatnonzero((picture != before).any((0, 2))) for picture in (first, half, full)]
        assert len(changed[0]) < len(changed[1]) < len(changed[2])
        edge = -1 if from_right else 0
        assert {int(columns[edge]) for columns in changed} == {int(changed[2][edge])}


def test_emoji_have_colours() -> None:
    """A heart is red, in type that is white."""
    rows = frame_with("emoji").reshape(-1, 3).astype(int)

    assert ((rows[:, 0] > 150) & (rows[:, 1] < 80) & (rows[:, 2] < 90)).sum() > 30
    assert caption_pictures.DOCS.is_file()
