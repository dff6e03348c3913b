"""Chooses backdrop colours that go with a product: its own hue, quieter, at a lightness that sets it off.

Works in OKLab (https://bottosson.github.io/posts/oklab), where equal steps look equal.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TO_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                   [0.2119034982, 0.6806995451, 0.1073969566],
                   [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
TO_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                   [1.9779984951, -2.4285922050, 0.4505937099],
                   [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
THUMBNAIL = 96  # px; enough for dominant colours
NUM_CLUSTERS = 5
NUM_ROUNDS = 12
GREY_CHROMA = 0.022  # below it a colour has no hue worth repeating
MIN_TELLING = 0.006  # chroma times share of the pixels: a small logo does not colour a picture
GREY_HUE, GREY_TINT = np.deg2rad(250.0), 0.018  # slate: what studios put behind white and steel
MAX_CHROMA = 0.075  # of the backdrop: a saturated product stays the most colourful thing in the picture
CHROMA_SHARE = 0.65
LIGHTNESS_GAP = 0.22  # between product and middle colour
LIGHT_PRODUCT = 0.66  # lightness from which a product stands before a darker ground, else before a lighter one
MIDDLE_RANGE = (0.46, 0.78)
DARK_STEP, LIGHT_STEP = 0.24, 0.24
LIGHT_TURN = np.deg2rad(18.0)  # light is turned towards amber, shade away from it, as in daylight
AMBER = np.deg2rad(75.0)


def backdrop_palette(picture: NDArray[np.uint8]) -> tuple[str, str, str]:
    """Return dark, middle and light as `#RRGGBB` for a product, uint8 RGBA (height, width, 4)."""
    colours = opaque_colours(picture)
    lightness = float(colours[:, 0].mean())
    hue, chroma = dominant_hue(colours)
    gap = LIGHTNESS_GAP if lightness < LIGHT_PRODUCT else -LIGHTNESS_GAP
    middle = float(np.clip(lightness + gap, *MIDDLE_RANGE))
    turn = LIGHT_TURN * np.sign(np.sin(AMBER - hue))
    return (
        hex_colour(middle - DARK_STEP, 0.8 * chroma, hue - turn / 2),
        hex_colour(middle, chroma, hue),
        hex_colour(min(middle + LIGHT_STEP, 0.95), 0.6 * chroma, hue + turn),
    )


def opaque_colours(picture: NDArray[np.uint8]) -> Floats:
    """Return the OKLab colours (num_pixels, 3) of the opaque part of RGBA, thinned out."""
    scale = min(1.0, THUMBNAIL / max(picture.shape[:2]))
    small = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    opaque = small[small[..., 3] > 200]
    return oklab(opaque[:, :3] if len(opaque) else small.reshape(-1, 4)[:, :3])


def dominant_hue(colours: Floats) -> tuple[float, float]:
    """Return the hue (radians) of the most telling colour, large or vivid, and the chroma a backdrop of it may have."""
    centres, shares = clusters(colours)
    chromas = np.hypot(centres[:, 1], centres[:, 2])
    winner = int(np.argmax(shares * chromas))
    if chromas[winner] < GREY_CHROMA or shares[winner] * chromas[winner] < MIN_TELLING:
        return GREY_HUE, GREY_TINT
    hue = float(np.arctan2(centres[winner, 2], centres[winner, 1]))
    return hue, float(min(CHROMA_SHARE * chromas[winner], MAX_CHROMA))


def clusters(colours: Floats) -> tuple[Floats, Floats]:
    """Return k-means centres (k, 3) and their shares of the pixels (k,). It starts from quantiles of lightness."""
    order = np.argsort(colours[:, 0] + 1e-6 * colours[:, 1], kind="stable")
    starts = np.linspace(0, len(order) - 1, 2 * NUM_CLUSTERS + 1).round().astype(int)[1::2]
    centres = colours[order[starts]]
    for _ in range(NUM_ROUNDS):
        nearest = ((colours[:, None] - centres) ** 2).sum(-1).argmin(1)
        centres = np.stack(
            [colours[nearest == i].mean(0) if (nearest == i).any() else centres[i] for i in range(NUM_CLUSTERS)]
        )
    return centres, np.bincount(nearest, minlength=NUM_CLUSTERS) / len(colours)


def oklab(rgb: NDArray[np.uint8]) -> Floats:
    """Map sRGB (..., 3) to OKLab: lightness in [0, 1], and two axes of about ±0.3."""
    value = rgb / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    lab: Floats = np.cbrt(linear @ TO_LMS.T) @ TO_LAB.T
    return lab


def hex_colour(lightness: float, chroma: float, hue: float) -> str:
    """Return the nearest sRGB colour of that lightness and hue as `#RRGGBB`; chroma gives way where sRGB ends."""
    for part in np.linspace(1, 0, 21):
        lab = np.array([lightness, part * chroma * np.cos(hue), part * chroma * np.sin(hue)])
        linear = np.linalg.inv(TO_LMS) @ (np.linalg.inv(TO_LAB) @ lab) ** 3
        if linear.min() >= -1e-4 and linear.max() <= 1.0001:
            break
    linear = linear.clip(0, 1)
    value = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * channel):02X}" for channel in value)
