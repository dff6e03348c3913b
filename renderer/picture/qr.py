"""Draws QR codes (ISO/IEC 18004) that telephones read off a screen: dark on light, with their quiet zone."""

from __future__ import annotations

import numpy as np
import segno

from renderer.errors import MediaError
from renderer.picture.canvas import contrast
from renderer.picture.shapes import shape_picture
from renderer.picture.typography import Rgb, Rgba, stacked

QUIET_MODULES = 4  # the standard's own
LEAST_MODULE_PX = 4  # at a short side of 1080; smaller ones blur on the way through a player
ENOUGH = 7.0  # contrast below which a brand's colours give way to black and white
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def qr_picture(link: str, side_px: int, unit: float, colours: tuple[Rgb, Rgb], radius: float, place: str) -> Rgba:
    """Draw a link as a code of at most `side_px`, modules of whole pixels on a card with round corners.

    `colours` are those of modules and card; `unit` is how many px a design px has.

    Raises:
        MediaError: the link is so long that modules would be too small.
    """
    code = segno.make_qr(link, error="m")
    modules = np.array([list(row) for row in code.matrix_iter(border=QUIET_MODULES)], np.uint8)
    module_px = side_px // len(modules)
    if module_px < LEAST_MODULE_PX * unit:
        raise MediaError(
            f"{place}: {link!r} has {len(link)} letters, too many for a code of {side_px} px: its dots would be "
            f"{side_px / len(modules):.1f} px and must be {LEAST_MODULE_PX * unit:g}. Shorten the link."
        )
    dark, light = colours if _reads(*colours) else (BLACK, WHITE)
    shown = np.kron(modules, np.ones((module_px, module_px), np.uint8))[..., None]
    ink = np.concatenate([shown * np.array(dark, np.uint8), shown * np.uint8(255)], -1)
    side = len(shown)
    card = shape_picture("rounded", side, side, min(radius, QUIET_MODULES * module_px), light)
    return stacked(card, ink, 0, 0)


def _reads(dark: Rgb, light: Rgb) -> bool:
    """Scanners want dark on light, and much of a difference."""
    return sum(dark) < sum(light) and float(contrast(dark, light)) >= ENOUGH
