"""Draws the README's picture from what `make demo` made: python docs/contact_sheet.py"""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from renderer.measure import read_frame

DEMO = Path("build/demo")
OUT = Path(__file__).parent / "images" / "contact_sheet.jpg"
LOCALES = ("en-US", "de-DE", "ja-JP", "ar-EG")
PRODUCTS = ("aur-bottle-750", "aur-candle-220", "aur-speaker-one")
MOMENTS = (0.2, 0.55, 0.97)  # of the ad: hook, offer, end card
WIDTH, GAP = 250, 10


def main() -> None:
    """Write one row per format: each locale with another product, at three moments."""
    creatives = json.loads((DEMO / "report.json").read_text(encoding="utf-8"))["creatives"]
    by_name = {(one["product"], one["locale"], one["format"]): one for one in creatives}
    rows = [
        [
            frame(by_name[PRODUCTS[(number + turn) % 3], locale, name], moment)
            for number, locale in enumerate(LOCALES)
            for moment in MOMENTS[:2]
        ]
        for turn, name in enumerate(("story_9x16", "square_1x1"))
    ]
    height = sum(row[0].height + GAP for row in rows) + GAP
    sheet = Image.new("RGB", (len(rows[0]) * (WIDTH + GAP) + GAP, height), "#F4F3F0")
    top = GAP
    for row in rows:
        for number, picture in enumerate(row):
            sheet.paste(picture, (GAP + number * (WIDTH + GAP), top))
        top += row[0].height + GAP
    OUT.parent.mkdir(exist_ok=True)
    sheet.save(OUT, quality=88)


def frame(creative: dict[str, object], moment: float) -> Image.Image:
    """Return one frame of an ad, `WIDTH` px wide."""
    path, duration_s = DEMO / str(creative["path"]), float(str(creative["duration_s"]))
    picture = Image.fromarray(read_frame(path, moment * duration_s))
    return picture.resize((WIDTH, round(WIDTH * picture.height / picture.width)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
