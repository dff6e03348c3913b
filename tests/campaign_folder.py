"""Writes small campaign folders for tests: two products, three locales, two formats, unless told otherwise."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image, ImageDraw

from catalog import Format, Locale, ProductImage, Refusal, Variant
from catalog.combine import combine
from catalog.expand import expand
from catalog.inputs import Inputs, read_inputs
from renderer.backends import VideoModelFacts, VoiceFacts
from renderer.plan import RenderPlan, plan
from renderer.run_records import RunContext
from renderer.tools import Tools

MOMENT = datetime(2026, 6, 1, tzinfo=UTC)
PALETTE = ("#102030", "#508090", "#E0F0FF")

FEED = """id,title,image_link,price,sale_price,brand,custom_label_0
cup,Aurora Cup,cup.png,10.00 USD,8.00 USD,Aurora,Holds coffee
lamp,Aurora Lamp,lamp.png,50.00 USD,,Aurora,Gives light
"""
LOCAL_FEEDS = {
    "products.de-DE.csv": """id,title,price,sale_price,custom_label_0
cup,Aurora Tasse,11.00 EUR,9.50 EUR,Fasst Kaffee
lamp,Aurora Lampe,55.00 EUR,,Gibt Licht
""",
    "products.ja-JP.csv": """id,title,price,sale_price,custom_label_0
cup,Aurora カップ,1500 JPY,1200 JPY,コーヒーに
lamp,Aurora ランプ,7000 JPY,,あかり
""",
}
CAMPAIGN = """id: test
feed: products.csv
brand: {name: Aurora, logo: logo.svg}
locales: [en-US, de-DE, ja-JP]
formats: [story_9x16, square_1x1]
names:
  price: "{{ (product.sale_price or product.price) | money }}"
scenes:
  - id: hero
    duration_s: 2
    look: {scene: silk, palette: "{{ product.palette }}", camera: dolly_in}
    prompt: "{{ product.title }} on silk"
    headline: "{{ copy.hook }}"
    narration: "{{ copy.hook }}"
  - id: offer
    duration_s: 2
    when: "{{ product.sale_price }}"
    look: {scene: bokeh, palette: "#101010 #808080 #F0F0F0"}
    badge: "{{ price }}"
    narration: "{{ copy.offer }}"
end_card: {duration_s: 1.5, headline: Aurora, cta: "{{ copy.cta }}"}
"""
COPY = {
    "en": 'hook: "{{ product.custom_label_0 }}"\noffer: "Now {{ price }}"\ncta: Shop now\n',
    "de": 'hook: "{{ product.custom_label_0 }}"\noffer: "Jetzt {{ price }}"\ncta: Jetzt kaufen\n',
    "ja": 'hook: "{{ product.custom_label_0 }}"\noffer: "いま{{ price }}"\ncta: 購入\n',
}
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 40"><path d="M0 0h100v40H0z" fill="#FFFFFF"/></svg>'

FACTS = VideoModelFacts(
    loader="nowhere:Nothing",
    revision="r1",
    scenes=(),
    abilities=frozenset({"text", "image"}),
    sizes={"9:16": (72, 128), "1:1": (96, 96)},
    frame_rate=10.0,
    min_num_frames=1,
    max_num_frames=33,
    frame_step=4,
    loop_num_frames=17,
    num_inference_steps=8,
    has_guidance=True,
    guidance_scale=1.0,
    gpu_seconds_per_shot=0.1,
    cpu_seconds_per_shot=7.0,
    licence="Apache-2.0",
    has_prompt=False,  # the second scene has none
)


def write_campaign(
    folder: Path, *, campaign: str = CAMPAIGN, feed: str = FEED, copy: dict[str, str] | None = None
) -> Path:
    """Write everything a campaign needs below `folder` and return it."""
    (folder / "copy").mkdir(parents=True, exist_ok=True)
    (folder / "campaign.yaml").write_text(campaign, encoding="utf-8")
    (folder / "products.csv").write_text(feed, encoding="utf-8")
    (folder / "logo.svg").write_text(LOGO, encoding="utf-8")
    for name, text in LOCAL_FEEDS.items():
        (folder / name).write_text(text, encoding="utf-8")
    for tag, text in (COPY if copy is None else copy).items():
        (folder / "copy" / f"{tag}.yaml").write_text(text, encoding="utf-8")
    write_packshot(folder / "cup.png", (200, 60, 40))
    write_packshot(folder / "lamp.png", (220, 180, 30))
    return folder


def settle(folder: Path) -> None:
    """Make all files below a folder a minute older: the watcher of catalogs leaves alone what is being written."""
    for path in folder.rglob("*"):
        facts = path.stat()
        os.utime(path, (facts.st_atime - 60, facts.st_mtime - 60))


def write_packshot(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (700, 1000)) -> None:
    """Draw a plain product with an alpha channel."""
    image = Image.new("RGBA", size)
    inset = size[0] // 10
    ImageDraw.Draw(image).rounded_rectangle((inset, inset, size[0] - inset, size[1] - inset), 60, fill=(*colour, 255))
    image.save(path)


def images_of(
    inputs: Inputs, sha256: str = "0" * 64, palette: tuple[str, str, str] = PALETTE
) -> dict[str, ProductImage]:
    """Pretend that all pictures were fetched."""
    return {
        product.id: ProductImage(
            product_id=product.id, sha256=sha256, width=700, height=1000, has_cutout=True, palette=palette, path=""
        )
        for product in inputs.products
    }


def expanded(folder: Path, images: dict[str, ProductImage] | None = None) -> list[Variant | Refusal]:
    """Expand the whole campaign of a folder."""
    inputs = read_inputs(folder)
    return list(expand(inputs, combine(inputs), images or images_of(inputs), {}, MOMENT))


def planned(folder: Path, facts: VideoModelFacts = FACTS, images: dict[str, ProductImage] | None = None) -> RenderPlan:
    """Expand and plan the whole campaign of a folder."""
    inputs = read_inputs(folder)
    context = context_of(inputs)
    tools = Tools.of(inputs.campaign, "some-model", facts, voices_of(inputs.locales.values()), "fonts")
    return plan(expanded(folder, images), context, tools)


def context_of(inputs: Inputs) -> RunContext:
    """Return what a run of these inputs would know."""
    formats: dict[str, Format] = dict(inputs.formats)
    return RunContext(
        campaign=inputs.campaign.id,
        run_id="r1",
        source=inputs.campaign,
        as_of=MOMENT.isoformat(),
        model="some-model",
        brand=inputs.campaign.brand,
        locales=dict(inputs.locales),
        formats=formats,
    )


def voices_of(locales: list[Locale]) -> dict[str, VoiceFacts]:
    """Return facts for every voice that the locales name."""
    return {
        locale.voice: VoiceFacts("nowhere:Nothing", "v1", (locale.language,), "natural", "speech", "Apache-2.0")
        for locale in locales
    }
