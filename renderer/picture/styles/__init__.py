"""The styles a campaign may ask for. A new one is a file here, a row below, and its name in the campaign's record."""

from renderer.picture.styles.classic import CLASSIC
from renderer.picture.styles.editorial import EDITORIAL
from renderer.picture.styles.luxury import LUXURY
from renderer.picture.styles.playful import PLAYFUL
from renderer.picture.styles.retail import RETAIL
from renderer.picture.styles.style import Backing, Plate, Style
from renderer.picture.styles.tech import TECH

STYLES = {style.name: style for style in (CLASSIC, EDITORIAL, RETAIL, LUXURY, PLAYFUL, TECH)}

__all__ = ["CLASSIC", "STYLES", "Backing", "Plate", "Style"]
