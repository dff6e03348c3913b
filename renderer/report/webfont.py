"""Embeds just the letters a page needs of scripts that many machines have no font for.

The page names the family first: it holds no other letters, and some system fonts claim these without having them.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable

from fontTools import subset

from renderer.picture.fonts import EMOJI_FAMILIES, FontFile, Shelf

FIRST_RARE = 0x0900  # from Devanagari on; Latin, Greek, Cyrillic, Hebrew and Arabic are everywhere
FAMILY = "adloom-letters"


def font_faces(texts: Iterable[str]) -> str:
    """Return CSS that brings a font of the family `adloom-letters` with the rare letters of these texts, or nothing."""
    letters = {letter for text in texts for letter in text if ord(letter) >= FIRST_RARE and letter.isprintable()}
    faces = []
    for file in (file for file in Shelf().files.values() if letters and file.family not in EMOJI_FAMILIES):
        covered = {letter for letter in letters if ord(letter) in file.characters}
        letters -= covered
        if covered:
            faces.append(_face(file, "".join(sorted(covered))))
    return "\n".join(faces)


def _face(file: FontFile, letters: str) -> str:
    options = subset.Options(flavor="woff", layout_features=["*"], notdef_outline=True, drop_tables=["DSIG"])
    with subset.load_font(str(file.path), options) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=letters)
        subsetter.subset(font)
        target = io.BytesIO()
        font.flavor = "woff"
        font.save(target)
    content = base64.b64encode(target.getvalue()).decode()
    ranges = ", ".join(f"U+{ord(letter):X}" for letter in letters)
    return (
        f'@font-face {{ font-family: "{FAMILY}"; unicode-range: {ranges}; '
        f'src: url(data:font/woff;base64,{content}) format("woff"); }}'
    )
