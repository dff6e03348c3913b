"""Draws docs/gallery: every style in every shape and five scripts, four moments each: python docs/gallery.py [style]

Products, words and prices are the sample campaign's, backdrops the embedded model's.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from catalog import Format, Sample, Variant
from catalog.combine import combine
from catalog.expand import expand
from catalog.inputs import Inputs, read_inputs
from catalog.products import ProductImage
from renderer.artifacts import Shot
from renderer.backends import Inputs as ShotInputs
from renderer.backends.backdrop import FRAME_RATE, MIN_NUM_FRAMES, REVISION, SIZES
from renderer.backends.backdrop.sampler import BackdropModel
from renderer.images.palette import backdrop_palette
from renderer.picture.canvas import to_rgb
from renderer.picture.frame import Frame
from renderer.picture.ground import Footage
from renderer.picture.lettering import Pen
from renderer.picture.packshot import read_product
from renderer.picture.shot_layout import shot_layout
from renderer.picture.show import Show
from renderer.picture.staging import Assets, stage
from renderer.picture.styles import STYLES
from renderer.picture.timeline import Part
from renderer.picture.typography import Typesetter
from renderer.run_records import VariantPlan

ROOT = Path(__file__).parents[1]
CAMPAIGN = ROOT / "templates" / "aurora_launch"
IMAGES = ROOT / "catalog" / "sample" / "aurora" / "images"
OUT = Path(__file__).parent / "gallery"
TAKES = ROOT / "build" / "gallery"  # kept, as they take all the time
PRODUCTS = {
    "classic": "aur-bottle-750",
    "editorial": "aur-candle-220",
    "retail": "aur-speaker-one",
    "luxury": "aur-candle-220",
    "playful": "aur-bottle-750",
    "tech": "aur-speaker-one",
}
LOCALES = ("en-US", "ar-EG", "hi-IN", "ja-JP", "zh-CN")
PARTS = [Part("hero", 0, 90, 0.25), Part("offer", 90, 190, 3.25), Part("end card", 190, 260, 6.6)]
MOMENTS = (60, 118, 180, 250)  # hook, the price before it drops, the offer, the end card
WIDTHS = {"story_9x16": 150, "feed_4x5": 190, "square_1x1": 200, "wide_16x9": 300}
OFFER_FRAME, STRIP_SIZE = 180, (200, 356)  # of the strip that shows all styles at once
QUALITY = 80
RATIOS = ("9:16", "1:1", "16:9")  # 4:5 is cut from a square, to save time
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def main() -> None:
    """Write a sheet per style and shape: a row per script."""
    OUT.mkdir(exist_ok=True)
    inputs = read_inputs(CAMPAIGN)
    for style in sys.argv[1:] or STYLES:
        for format_id, width in WIDTHS.items():
            ads = variants(inputs, style, format_id)
            take = backdrop(inputs.formats[format_id], ads[0])
            rows = [row(show_of(ad, take, inputs), width) for ad in ads]
            path = OUT / f"{style}_{format_id}.jpg"
            save(path, np.vstack(rows))
    save(OUT / "styles.jpg", np.hstack([offer(inputs, style) for style in STYLES]))


def offer(inputs: Inputs, style: str) -> NDArray[np.uint8]:
    """One frame of a style's English story."""
    ad = variants(inputs, style, "story_9x16")[0]
    frame = to_rgb(show_of(ad, backdrop(inputs.formats[ad.format], ad), inputs).frame(OFFER_FRAME))
    return np.asarray(cv2.resize(frame, STRIP_SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def save(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a sheet, RGB."""
    cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    print(path)


def variants(inputs: Inputs, style: str, format_id: str) -> list[Variant]:
    """The sample campaign's own ads for a style's product, one per script."""
    product = PRODUCTS[style]
    picture = cv2.imread(str(IMAGES / f"{product}.png"), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]
    image = ProductImage(
        product_id=product, sha256="0" * 64, width=1500, height=1500, has_cutout=True, path="",
        palette=backdrop_palette(picture),
    )  # fmt: skip
    sample = Sample(products=(product,), locales=LOCALES, formats=(format_id,))
    told = expand(inputs, combine(inputs, sample), {product: image}, {}, NOW)
    return [one.model_copy(update={"style": style}) for one in told if isinstance(one, Variant)]


def backdrop(format: Format, ad: Variant) -> NDArray[np.uint8]:
    """The first take of an ad."""
    ratio = min(RATIOS, key=lambda name: abs(SIZES[name][0] / SIZES[name][1] - format.width / format.height))
    kept = TAKES / f"{ad.product_id}_{ratio.replace(':', 'x')}.npy"
    if kept.is_file():
        return np.asarray(np.load(kept), np.uint8)
    width, height = SIZES[ratio]
    shot = Shot(
        key="gallery", model="backdrop", revision=REVISION, look=ad.scenes[0].look,
        layout=shot_layout(format, True), prompt="", negative_prompt="", image_sha256=None, width=width, height=height,
        num_frames=MIN_NUM_FRAMES, frame_rate=FRAME_RATE, num_inference_steps=3, guidance_scale=1.0, seed=7,
    )  # fmt: skip
    take = model().generate(shot, ShotInputs())
    TAKES.mkdir(parents=True, exist_ok=True)
    np.save(kept, take)
    return take


def show_of(ad: Variant, take: NDArray[np.uint8], inputs: Inputs) -> Show:
    """Lay out one ad without voice and captions."""
    style, locale, format = STYLES[ad.style], inputs.locales[ad.locale], inputs.formats[ad.format]
    frame = Frame(format, is_rtl=locale.direction == "rtl", starts_at_margin=style.align == "start")
    pen = Pen(typesetter(), inputs.campaign.brand, locale, frame, ad.id, style)
    product = read_product(IMAGES / f"{ad.product_id}.png", True, ad.product_id)
    logo = (CAMPAIGN / inputs.campaign.brand.logo).read_bytes()
    planned = VariantPlan(variant=ad, creative_key="k", shots=("a", "b"), lines=("", "", ""), cues=("", "", ""))
    footage = Footage(take, FRAME_RATE)
    assets = Assets([footage, replace(footage, frames=take[::-1])], product, logo, [None, None, None])
    return stage(planned, PARTS, assets, pen)


def row(show: Show, width: int) -> NDArray[np.uint8]:
    """Four moments side by side."""
    height = round(width * show.height / show.width)
    frames = [cv2.resize(to_rgb(show.frame(at)), (width, height), interpolation=cv2.INTER_AREA) for at in MOMENTS]
    return np.hstack(frames).astype(np.uint8)


@cache
def model() -> BackdropModel:
    """Loaded only where a take is missing."""
    return BackdropModel("cpu")


@cache
def typesetter() -> Typesetter:
    """Skia holds on to fonts: one for all."""
    return Typesetter()


if __name__ == "__main__":
    main()
