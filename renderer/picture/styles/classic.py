"""Friendly and neutral: a geometric sans in the middle, a pill for the price."""

from renderer.picture.styles.style import Style

CLASSIC = Style(name="classic", family="Outfit")
