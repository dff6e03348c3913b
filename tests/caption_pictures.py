"""Draws captions of every script into a frame; `python tests/caption_pictures.py` writes the pictures that tests expect.

Look at each of them before you commit: a test can only tell that something changed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from catalog import Brand
from catalog.formats import read_formats
from catalog.locales import read_locales
from catalog.spoken import annotate, words_of
from renderer.artifacts import Cue, Line, Speech, Word
from renderer.caption import caption_speech
from renderer.picture.captions import StyleName, caption_ruler, caption_style
from renderer.picture.frame import Frame
from renderer.picture.lettering import Pen
from renderer.picture.typography import Typesetter, stacked

FOLDER = Path(__file__).parent / "data" / "captions"
DOCS = Path(__file__).parents[1] / "docs" / "images" / "captions.jpg"
SHRINK = 2  # of the stored pictures
STORY = read_formats()["story_9x16"]
LOCALES = read_locales()
BRAND = Brand(name="Aurora", logo="logo.svg", ink="#15181E", paper="#FFFFFF", accent="#FFC24B")

# name: locale, style, word that is spoken, text
PICTURES: dict[str, tuple[str, StyleName, int, str]] = {
    "en": ("en-US", "highlight", 3, "Keeps your coffee hot for 24 hours, wherever you go."),
    "de": ("de-DE", "highlight", 2, f"Hält Getränke kühl – jetzt für {annotate('19,90 €', 'neunzehn Euro neunzig')}."),
    "ar": ("ar-EG", "highlight", 2, "بارد لمدة ٢٤ ساعة مع Aurora One، أينما كنت."),
    "he": ("he-IL", "highlight", 1, "נשאר קר 24 שעות, עם Aurora One, רק ₪79.90."),
    "hi": ("hi-IN", "highlight", 2, "पूरे 24 घंटे ठंडा रखे, सिर्फ़ ₹1,299 में।"),
    "ja": ("ja-JP", "highlight", 1, f"つめたさそのまま24時間。今なら{annotate('1,290円', '千二百九十円')}で。"),
    "zh": ("zh-CN", "highlight", 1, f"二十四小时持久冰爽，现在只要{annotate('¥189', '一百八十九元')}。"),
    "ko": ("ko-KR", "highlight", 1, "24시간 시원하게, 지금 단 29,900원에 만나보세요."),
    "th": ("th-TH", "highlight", 1, "เย็นนานถึง 24 ชั่วโมง เพียง ฿590 เท่านั้น"),
    "emoji": ("en-US", "highlight", 1, "Party time 🎉 for the whole family 👩‍👩‍👧 with love ❤️"),
    "plain": ("en-US", "plain", -1, "Keeps your coffee hot for 24 hours, wherever you go."),
    "plate": ("en-US", "plate", -1, "Keeps your coffee hot for 24 hours, wherever you go."),
    "karaoke": ("en-US", "karaoke", 4, "Keeps your coffee hot for 24 hours, wherever you go."),
    "karaoke_ar": ("ar-EG", "karaoke", 1, "بارد لمدة ٢٤ ساعة مع Aurora One، أينما كنت."),
}


@cache
def typesetter() -> Typesetter:
    return Typesetter()


def cues_of(tag: str, text: str) -> tuple[Cue, ...]:
    """Return the cues of a text that a steady voice says."""
    words, now = [], 60
    for word in words_of(text, tag.split("-")[0]):
        words.append(Word(text=word.shown, start_ms=now, end_ms=now + 60 * len(word.spoken)))
        now = words[-1].end_ms + 40
    line = Line(key="line", text=text, locale=tag, voice="espeak:auto", voice_revision="1")
    speech = Speech(key="line", object="x", sample_rate=24000, duration_ms=now, grade="draft", words=tuple(words))
    return caption_speech(line, speech, caption_ruler(typesetter(), LOCALES[tag], STORY), 30, ("Aurora One",))


def frame_with(name: str) -> NDArray[np.uint8]:
    """Return the lower part of the safe area with the first cue of a picture in it: RGB, half the size."""
    tag, kind, word, text = PICTURES[name]
    frame = Frame(STORY, is_rtl=LOCALES[tag].direction == "rtl")
    pen = Pen(typesetter(), BRAND, LOCALES[tag], frame, name)
    cues = cues_of(tag, text)
    style = caption_style(pen, cues, kind)
    picture = ground(STORY.width, STORY.height)
    floor = frame.safe.bottom
    for cue in reversed(cues):
        lettering = style.draw(cue, word if cue is cues[0] else -1)
        x, y = frame.middle.x + (frame.middle.width - lettering.width) // 2, floor - lettering.height
        picture = stacked(picture, lettering.pictures[0][0], x, y)
        floor = y - frame.gap
    shown = picture[frame.safe.bottom - 210 : frame.safe.bottom + 30, :, :3]
    return cv2.resize(shown, None, fx=1 / SHRINK, fy=1 / SHRINK, interpolation=cv2.INTER_AREA)


def ground(width: int, height: int) -> NDArray[np.uint8]:
    """A picture with a dark half and a bright one, opaque."""
    shade = np.broadcast_to(np.where(np.arange(width) < width // 2, 70, 215), (height, width))
    return np.stack([0.8 * shade, 0.9 * shade, shade, np.full_like(shade, 255)], -1).astype(np.uint8)


def main() -> None:
    """Write all pictures, and the one of the documents."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    drawn = {name: frame_with(name) for name in PICTURES}
    for name, picture in drawn.items():
        cv2.imwrite(str(FOLDER / f"{name}.png"), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    names = ["en", "ar", "hi", "ja", "th", "emoji", "plain", "plate", "karaoke"]
    rows = [np.hstack([drawn[name] for name in names[start : start + 3]]) for start in range(0, len(names), 3)]
    cv2.imwrite(str(DOCS), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
