"""Takes docs/images/review_*.jpg from the newest run of a store: python docs/review_pictures.py file://build/store"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

from PIL import Image

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from renderer.settings import Settings
from review_server import browser, serve

IMAGES = Path(__file__).parent / "images"
QUALITY = 82


def main() -> None:
    """Three widths, light and dark."""
    from airflow.utils.db import initdb

    initdb()
    with serve(Settings(store_url=sys.argv[1])) as url:
        with browser(url, viewport={"width": 1280, "height": 800}) as page:
            open_run(page, url)
            page.keyboard.press("ArrowRight")
            page.keyboard.press("Enter")
            page.wait_for_selector("#detail h3")
            save(page, "review_wide")
        with browser(url, viewport={"width": 1024, "height": 720}, color_scheme="dark") as page:
            open_run(page, url)
            page.click("#glance-toggle")
            page.wait_for_selector(".tile")
            save(page, "review_glance")
        with browser(url, viewport={"width": 390, "height": 780}) as page:
            open_run(page, url)
            save(page, "review_phone")


def open_run(page: Any, url: str) -> None:
    """Open the newest run and let its posters load."""
    page.goto(url)
    page.wait_for_selector(".ad.current")
    page.wait_for_load_state("networkidle")


def save(page: Any, name: str) -> None:
    """Write a small JPEG."""
    page.wait_for_timeout(2500)
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").save(IMAGES / f"{name}.jpg", quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main()
