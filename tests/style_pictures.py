"""Draws one ad in every style; `python tests/style_pictures.py` writes the pictures that tests expect.

Look at each of them before you commit: a test can only tell that something changed.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from caption_pictures import cues_of, typesetter
from catalog import Brand, Format, Music, Variant
from catalog.campaign import Look
from catalog.formats import read_formats
from catalog.locales import read_locales
from catalog.variant import EndCard, Scene
from renderer.artifacts import CueSheet
from renderer.picture.canvas import to_rgb
from renderer.picture.frame import Frame
from renderer.picture.ground import Footage
from renderer.picture.lettering import Pen
from renderer.picture.packshot import read_product
from renderer.picture.show import Show
from renderer.picture.staging import Assets, stage
from renderer.picture.styles import STYLES
from renderer.picture.timeline import Part
from renderer.run_records import VariantPlan

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "data" / "styles"
LOGO = (ROOT / "templates" / "aurora_launch" / "brand" / "logo.svg").read_bytes()
IMAGES = ROOT / "catalog" / "sample" / "aurora" / "images"
FORMATS, LOCALES = read_formats(), read_locales()
BRAND = Brand(name="Aurora", logo="logo.svg", ink="#15181E", paper="#FFFFFF", accent="#FFC24B")
FRAME_RATE = 30
PARTS = [Part("hero", 0, 84, 0.25), Part("offer", 84, 180, 3.05), Part("end card", 180, 240, 6.25)]
MOMENTS = (6, 60, 112, 170, 230)  # arriving, the hook, the price before it drops, the offer, the end card

SEEN = (60, 170, 230)  # what tests compare

# locale: hook, subline, offer, price, former price, end card, call to action, what is said
WORDS = {
    "en-US": ("Cold for 24 hours", "Steel Bottle 750", "Now for less", "$27.90", "$34.90", "Made for every day.",
              "Shop now", "Cold for a whole day."),
    "de-DE": ("Hält 24 Stunden kühl", "Edelstahl-Trinkflasche", "Jetzt günstiger", "27,90 €", "34,90 €",
              "Gemacht für jeden Tag.", "Jetzt kaufen", "Einen ganzen Tag lang kühl."),
    "ar-EG": ("بارد لمدة ٢٤ ساعة", "قارورة Aurora الفولاذية", "الآن بسعر أقل", "١٬٢٩٩ ج.م.", "١٬٥٩٩ ج.م.",
              "كل يوم مع Aurora", "تسوّق الآن", "بارد طوال اليوم."),
    "hi-IN": ("24 घंटे तक ठंडा", "स्टील बोतल 750", "अब और कम दाम में", "₹2,299", "₹2,899", "हर दिन के लिए बनी।",
              "अभी खरीदें", "पूरे दिन ठंडा।"),
    "ja-JP": ("24時間、つめたいまま", "スチールボトル 750", "いまだけの価格", "¥3,980", "¥4,980", "毎日のために。",
              "いますぐ購入", "一日中つめたい。"),
    "zh-CN": ("冰爽长达二十四小时", "不锈钢保温瓶 750", "现在更优惠", "¥189.00", "¥239.00", "为每一天而生。",
              "立即购买", "整天冰爽。"),
}  # fmt: skip
# name: style, locale, format, frame
PICTURES = {
    f"{style}_{locale[:2]}_{format_id.split('_')[-1]}_{number}": (style, locale, format_id, number)
    for style, others in zip(
        STYLES,
        (("ar-EG", "square_1x1"), ("hi-IN", "square_1x1"), ("ja-JP", "story_9x16"), ("zh-CN", "wide_16x9"),
         ("ar-EG", "story_9x16"), ("ar-EG", "wide_16x9")),
        strict=True,
    )
    for locale, format_id in (("en-US", "story_9x16"), others)
    for number in SEEN
}  # fmt: skip


@cache
def show_of(style: str, locale: str, format_id: str, product: str = "aur-bottle-750", qr: str = "") -> Show:
    """Lay out the ad of a style, once."""
    return show_saying(style, locale, format_id, product, WORDS[locale], qr)


def show_saying(style: str, locale: str, format_id: str, product: str, words: tuple[str, ...], qr: str = "") -> Show:
    """Lay out an ad with words in the order of `WORDS`."""
    format = FORMATS[format_id]
    variant = _variant(style, locale, format, words, qr)
    sheets = [_sheet(locale), None, None]
    pixels = _pixels(product)
    takes = [Footage(_take(format, number), 8.0) for number in range(2)]
    chosen = STYLES[style]
    starts = chosen.align == "start"
    frame = Frame(format, is_rtl=LOCALES[locale].direction == "rtl", starts_at_margin=starts)
    pen = Pen(typesetter(), BRAND, LOCALES[locale], frame, f"{style} {locale} {format_id}", chosen)
    planned = VariantPlan(variant=variant, creative_key="k", shots=("a", "b"), lines=("l", "", ""), cues=("c", "", ""))
    return stage(planned, PARTS, Assets(takes, pixels, LOGO, sheets), pen)


def picture(style: str, locale: str, format_id: str, number: int, width: int = 270) -> NDArray[np.uint8]:
    """Return one frame, `width` px wide, RGB."""
    whole = to_rgb(show_of(style, locale, format_id).frame(number))
    size = width, round(width * whole.shape[0] / whole.shape[1])
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)


@cache
def _sheet(locale: str) -> CueSheet:
    return CueSheet(key="k", cues=cues_of(locale, WORDS[locale][7]))


@cache
def _pixels(product: str) -> NDArray[np.float32]:
    return read_product(IMAGES / f"{product}.png", True, product)


def _variant(style: str, locale: str, format: Format, wording: tuple[str, ...], qr: str) -> Variant:
    hook, subline, offer, price, was, ending, cta, _ = wording
    common = {
        "duration_s": 3.0, "prompt": "", "negative_prompt": "", "product": "composite", "narration": "",
        "look": Look(scene="silk", palette=("#12302A", "#4D9A7C", "#E2F2E4")),
    }  # fmt: skip
    scenes = (
        Scene(id="hero", headline=hook, subline=subline, badge="", badge_was="", **common),
        Scene(id="offer", headline=offer, subline="", badge=price, badge_was=was, **common),
    )
    return Variant(
        id="v", campaign="c", product_id="p", locale=locale, format=format.id, axes={}, image_sha256="", has_cutout=True,
        price=price, sale_price=price, scenes=scenes, music=Music(), style=style,
        end_card=EndCard(
            duration_s=2, headline=ending, cta=cta, legal=LOCALES[locale].legal_line, narration="", qr=qr
        ),
    )  # fmt: skip


@cache
def _take(format: Format, number: int) -> NDArray[np.uint8]:
    """Folds of light in the colours of the product, the same on every machine."""
    height, width = format.height // 8, format.width // 8
    x, y = np.arange(width) / width, (np.arange(height) / height)[:, None]
    fold = 0.5 + 0.5 * np.sin(5 * x + 3 * y + 1.7 * np.sin(4 * y + number) + number)
    dark, light = np.array([14, 44, 40]), np.array([150, 196, 172])
    frame = dark + (light - dark) * fold[..., None]
    return np.stack([frame, frame]).astype(np.uint8)


def main() -> None:
    """Write all pictures; with a folder, a contact sheet of every style, format and script into it instead."""
    if len(sys.argv) > 1:
        sheets(Path(sys.argv[1]))
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, wanted in PICTURES.items():
        cv2.imwrite(str(FOLDER / f"{name}.jpg"), picture(*wanted)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])


def sheets(folder: Path) -> None:
    """Write a sheet per style and format: a row per locale, four moments each."""
    folder.mkdir(parents=True, exist_ok=True)
    for style in STYLES:
        for format_id in ("story_9x16", "feed_4x5", "square_1x1", "wide_16x9"):
            rows = [
                np.hstack([picture(style, locale, format_id, number) for number in MOMENTS[1:]])
                for locale in WORDS
                if locale != "de-DE"
            ]
            pairs = [np.hstack(rows[start : start + 2]) for start in range(0, len(rows) - 1, 2)]
            sheet = np.vstack([*pairs, np.hstack([rows[-1], np.zeros_like(rows[-1])])])
            path = folder / f"{style}_{format_id}.jpg"
            cv2.imwrite(str(path), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
