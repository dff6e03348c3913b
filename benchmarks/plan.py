"""How long 100,000 variants take to expand and plan, and how much memory: 1,000 products x 25 locales x 4 formats.

    python benchmarks/plan.py [PRODUCTS]

Writes a campaign with as many products into a temporary folder (local feeds with own titles and prices included),
then reads, expands and plans it in this process, as `adloom plan --all` does.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from catalog import ProductImage, Refusal
from catalog.combine import combine
from catalog.expand import expand
from catalog.inputs import Inputs, read_inputs
from catalog.locales import read_locales
from renderer.backends.video_models import video_model_facts
from renderer.backends.voices import VOICES
from renderer.plan import plan
from renderer.run_records import RunContext
from renderer.tools import Tools

ROOT = Path(__file__).parents[1]
MORE_REGIONS = ["en-CA", "en-AU", "en-IN", "de-LU", "fr-BE", "fr-CH", "ar-SA"]
PALETTE = ("#102030", "#508090", "#E0F0FF")


def main() -> None:
    """Print the table."""
    products = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as name:
        folder = write_campaign(Path(name), products)
        started = time.perf_counter()
        inputs = read_inputs(folder)
        read = time.perf_counter()
        combinations = combine(inputs)
        results = list(expand(inputs, combinations, pictures(inputs), {}, datetime.now(UTC)))
        expanded = time.perf_counter()
        planned = plan(results, context(inputs), tools(inputs))
        ended = time.perf_counter()
    refused = sum(isinstance(result, Refusal) for result in results)
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"variants {len(planned.variants):,} (refused {refused:,}), shots {len(planned.shots):,}, lines {len(planned.lines):,}"
    )
    print(
        f"read {read - started:.1f} s, expand {expanded - read:.1f} s, plan {ended - expanded:.1f} s, all {ended - started:.1f} s"
    )
    print(f"peak memory {peak_gb:.2f} GB")


def write_campaign(folder: Path, products: int) -> Path:
    """Write the sample campaign anew for many products and 25 locales."""
    sample = ROOT / "templates" / "aurora_launch"
    text = (sample / "campaign.yaml").read_text(encoding="utf-8")
    tags = [*read_locales(), *MORE_REGIONS]
    start, end = text.index("locales: ["), text.index("]", text.index("locales: [")) + 1
    text = text[:start] + f"locales: [{', '.join(tags)}]" + text[end:]
    text = text.replace("../../catalog/sample/aurora/products.csv", "products.csv")
    (folder / "campaign.yaml").write_text(text.replace("availability: in_stock", ""), encoding="utf-8")
    (folder / "brand").mkdir()
    (folder / "brand" / "logo.svg").write_bytes((sample / "brand" / "logo.svg").read_bytes())
    (folder / "copy").symlink_to(sample / "copy")
    (folder / "image.png").write_bytes((ROOT / "catalog/sample/aurora/images/aur-mug-350.png").read_bytes())
    locales = (ROOT / "catalog" / "data" / "locales.yaml").read_text(encoding="utf-8")
    write_locales(folder / "locales.yaml", locales, tags)
    for tag, locale in (read_locales() | read_locales(folder / "locales.yaml")).items():
        write_feed(folder / f"products.{tag}.csv", products, locale.currency, tag)
    write_feed(folder / "products.csv", products, "USD", "")
    return folder


def write_locales(path: Path, text: str, tags: list[str]) -> None:
    """Give the further regions the rows of their languages."""
    from ruamel.yaml import YAML

    yaml = YAML()
    rows = yaml.load(text)
    own = {
        tag: dict(next(row for known, row in rows.items() if known[:2] == tag[:2])) for tag in tags if tag not in rows
    }
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(own, file)


def write_feed(path: Path, products: int, currency: str, tag: str) -> None:
    """Write a feed with a price for every product, half of them on sale."""
    whole = currency in ("JPY", "KRW")
    lines = ["id,title,image_link,price,sale_price,brand,custom_label_0,custom_label_1"]
    for number in range(products):
        price = f"{100 + number}" if whole else f"{100 + number}.90"
        sale = f"{90 + number} {currency}" if number % 2 else ""
        lines.append(
            f"p{number},Product {number} {tag},image.png,{price} {currency},{sale},Aurora,Benefit {number} {tag},Name {number} {tag}"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def pictures(inputs: Inputs) -> dict[str, ProductImage]:
    """Stand in for the picture intake, which is measured elsewhere."""
    return {
        product.id: ProductImage(
            product_id=product.id, sha256=f"{number:064}", width=900, height=1200, has_cutout=True,
            palette=(f"#10{number % 256:02X}30", "#508090", "#E0F0FF"), path="",
        )
        for number, product in enumerate(inputs.products)
    }  # fmt: skip


def context(inputs: Inputs) -> RunContext:
    """Return what a run would know."""
    return RunContext(
        campaign=inputs.campaign.id, run_id="benchmark", source=inputs.campaign, as_of=datetime.now(UTC).isoformat(),
        model=inputs.campaign.model, brand=inputs.campaign.brand, locales=dict(inputs.locales), formats=dict(inputs.formats),
    )  # fmt: skip


def tools(inputs: Inputs) -> Tools:
    """Return the campaign's own model and the voices."""
    return Tools.of(inputs.campaign, inputs.campaign.model, video_model_facts(inputs.campaign.model), VOICES, "fonts")


if __name__ == "__main__":
    main()
