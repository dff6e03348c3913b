"""Sets type and draws flat shapes with Skia: shaping, bidirectional text, fitting, plates, logos.

Everything comes back as premultiplied RGBA, uint8 (height, width, 4). Lines are broken here, not by Skia, so a line
can never begin with a prolonged sound mark, and each line is shaped inside a directional isolate: the base direction is
the locale's, while brand names and prices keep theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import skia
from defusedxml.ElementTree import ParseError, fromstring
from numpy.typing import NDArray
from skia import textlayout

from catalog import Locale
from renderer.errors import MediaError
from renderer.picture.fonts import EMOJI_FAMILIES, Shelf, emoji_stretches
from renderer.picture.linebreak import NO_LIMIT, SOFT_HYPHEN, balanced, pieces

Rgba = NDArray[np.uint8]  # premultiplied, (height, width, 4)
Rgb = tuple[int, int, int]
Align = Literal["start", "centre"]
Weight = Literal["black", "bold", "medium"]

ISOLATE = {"ltr": "\u2066", "rtl": "\u2067"}
END_ISOLATE = "\u2069"
UNBOUNDED = 1e5  # px; layout width at which nothing wraps
STEP = 0.96  # factor between tried sizes
INVISIBLE = 2  # alpha up to which nobody sees a pixel
MARGIN_EM = 0.7  # room around a line for marks that leave the line box: Devanagari vowels, Arabic dots, accents
# Line height in em where marks above and below need more than Latin does.
TALL_SCRIPTS = (
    (range(0x0590, 0x0780), 1.32),  # Hebrew, Arabic
    (range(0x0900, 0x0E00), 1.34),  # scripts of India
    (range(0x0E00, 0x1000), 1.42),  # Thai, Lao
    (range(0x1000, 0x10A0), 1.50),  # Myanmar
    (range(0x3000, 0xA000), 1.24),  # kana and han
    (range(0xAC00, 0xD7B0), 1.24),  # hangul
)
LATIN_LEADING = 1.08


@dataclass(frozen=True)
class Face:
    """How a text is set: families (best first), weight, language, base direction; tracking and wider spaces in em."""

    families: tuple[str, ...]
    weight: Weight
    locale: Locale
    tracking: float = 0.0
    word_spacing: float = 0.0

    @property
    def is_rtl(self) -> bool:
        """Tell whether lines start at the right."""
        return self.locale.direction == "rtl"


@dataclass(frozen=True)
class Run:
    """A stretch of one line in one colour."""

    text: str
    colour: Rgb
    opacity: float = 1.0
    struck: bool = False


@dataclass(frozen=True)
class Fitted:
    """A text broken into lines at a size that fits its box."""

    lines: tuple[str, ...]
    size: float
    leading: float  # px between baselines


class Typesetter:
    """Holds the fonts and sets text with them. Build it once per process."""

    def __init__(self, folders: Sequence[Path] = (), cache: Path | None = None) -> None:
        self.shelf = Shelf(folders, cache)
        self._provider = textlayout.TypefaceFontProvider()
        self._fonts = textlayout.FontCollection()
        self._fonts.setDefaultFontManager(self._provider)
        self._unicode = skia.Unicode.ICU_Make()
        self._registered: dict[str, skia.Typeface] = {}

    def fit(
        self, text: str, face: Face, box: tuple[int, int], sizes: tuple[float, float], max_lines: int, place: str
    ) -> Fitted:
        """Break and size `text` so that it fits `box` (width, height in px), as large as `sizes` (max, min) allow.

        Raises:
            MediaError: it does not fit even at the smallest size, or no font has one of its characters.
        """
        fitted = self.try_fit(text, face, box, sizes, max_lines, place)
        if fitted is None:
            raise MediaError(
                f"{place}: {text!r} does not fit {box[0]} x {box[1]} px even at {sizes[1]:g} px. Shorten it."
            )
        return fitted

    def try_fit(
        self,
        text: str,
        face: Face,
        box: tuple[int, int],
        sizes: tuple[float, float],
        max_lines: int,
        place: str,
        max_hyphens: int = NO_LIMIT,
    ) -> Fitted | None:
        """The same, but None where it does not fit; at most `max_hyphens` lines in a row end in a hyphen."""
        size, smallest = sizes
        parts, leading = pieces(text, face.locale.tag), leading_of(text)
        face = self._covering(text + "-" * (SOFT_HYPHEN in text), face, place)
        while True:
            rows = min(max_lines, int(box[1] // (size * leading)))
            lines = balanced(parts, partial(self._width, face=face, size=size), box[0], rows, max_hyphens)
            if lines is not None:
                return Fitted(lines, size, size * leading)
            if size <= smallest:
                return None
            size = max(size * STEP, smallest)

    def draw_runs(self, lines: Sequence[Sequence[Run]], fitted: Fitted, face: Face, align: Align, place: str) -> Rgba:
        """Draw lines of runs with a margin of `margin_px(fitted)` around the line boxes."""
        face = self._covering("".join(run.text for line in lines for run in line), face, place)
        set_lines = [self._paragraph(line, face, fitted.size) for line in lines]
        widest = max(paragraph.LongestLine for paragraph in set_lines)
        margin = margin_px(fitted)
        tall = int(np.ceil(fitted.leading * len(lines)))
        surface, pixels = _blank(int(np.ceil(widest)) + 2 * margin, tall + 2 * margin)
        for number, paragraph in enumerate(set_lines):
            room = widest - paragraph.LongestLine
            x = room / 2 if align == "centre" else room if face.is_rtl else 0.0
            centre = (number + 0.5) * fitted.leading
            baseline = centre + 0.35 * fitted.size  # half the cap height of nearly every text face
            paragraph.paint(surface.getCanvas(), margin + x, margin + baseline - paragraph.AlphabeticBaseline)
        return pixels

    def width(self, line: str, face: Face, size: float, place: str) -> float:
        """Advance width of one line in px."""
        return self._width(line, self._covering(line, face, place), size)

    def _covering(self, text: str, face: Face, place: str) -> Face:
        """Return `face` with exactly the families that its text needs, registered with Skia."""
        families = self.shelf.families_for(text, face.families, place)
        for family in families:
            name = f"{family} {face.weight}"
            if name not in self._registered:
                typeface = skia.Typeface.MakeFromFile(str(self.shelf.static(family, face.weight)))
                self._provider.registerTypeface(typeface, skia.String(name))
                self._registered[name] = typeface
        return replace(face, families=families)

    def _width(self, line: str, face: Face, size: float) -> float:
        return float(self._paragraph([Run(line, (0, 0, 0))], face, size).LongestLine)

    def _paragraph(self, runs: Sequence[Run], face: Face, size: float) -> textlayout.Paragraph:
        """One shaped line; the whole of it lies in an isolate of the locale's direction."""
        style = textlayout.ParagraphStyle()
        style.setTextStyle(_text_style(runs[0], face, size))
        builder = textlayout.ParagraphBuilder.make(style, self._fonts, self._unicode)
        builder.addText(ISOLATE[face.locale.direction])
        for run in runs:
            for text, is_emoji in emoji_stretches(run.text):
                builder.pushStyle(
                    _text_style(run, replace(face, families=_emoji_first(face.families)) if is_emoji else face, size)
                )
                builder.addText(text)
                builder.pop()
        builder.addText(END_ISOLATE)
        paragraph = builder.Build()
        paragraph.layout(UNBOUNDED)
        return paragraph


def leading_of(text: str) -> float:
    """Line height in em that keeps the marks of two lines of this text apart."""
    return max((em for script, em in TALL_SCRIPTS if any(ord(c) in script for c in text)), default=LATIN_LEADING)


def margin_px(fitted: Fitted) -> int:
    """Empty border that `draw_runs` leaves on each side."""
    return int(np.ceil(fitted.size * MARGIN_EM))


def plate(width: int, height: int, radius: float, colour: Rgb, opacity: float = 1.0) -> Rgba:
    """A rounded rectangle of one colour."""
    surface, pixels = _blank(width, height)
    surface.getCanvas().drawRoundRect(skia.Rect.MakeWH(width, height), radius, radius, _paint(colour, opacity))
    return pixels


def stacked(below: Rgba, above: Rgba, x: int, y: int) -> Rgba:
    """Return `below` with `above` laid over it at (x, y); parts outside are cut."""
    result = below.astype(np.float32)
    left, top = max(x, 0), max(y, 0)
    right = max(min(x + above.shape[1], below.shape[1]), left)
    bottom = max(min(y + above.shape[0], below.shape[0]), top)
    if right == left or bottom == top:
        return below
    part = above[top - y : bottom - y, left - x : right - x].astype(np.float32)
    result[top:bottom, left:right] *= 1 - part[..., 3:] / 255
    result[top:bottom, left:right] += part
    return np.rint(result).astype(np.uint8)


def ink_of(picture: Rgba) -> tuple[slice, slice]:
    """Return the rows and columns that show anything; one pixel where nothing does."""
    rows, columns = (
        np.flatnonzero(picture[..., 3].max(1) > INVISIBLE),
        np.flatnonzero(picture[..., 3].max(0) > INVISIBLE),
    )
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def cropped(picture: Rgba) -> Rgba:
    """Cut a picture to the pixels that show anything."""
    return np.ascontiguousarray(picture[ink_of(picture)])


def logo_picture(body: bytes, box: tuple[int, int], place: str) -> Rgba:
    """Draw an SVG (or decode a PNG) logo as large as fits `box`, cropped to what shows.

    Raises:
        MediaError: the bytes are neither.
    """
    if body.lstrip()[:1] == b"<":
        return _svg_picture(body, box, place)
    pixels = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise MediaError(f"{place}: the logo is neither SVG nor a picture. Use an SVG or a PNG with transparency.")
    if pixels.ndim != 3 or pixels.shape[2] != 4:
        raise MediaError(f"{place}: the logo has no transparency. Use an SVG or a PNG with transparency.")
    scale = min(box[0] / pixels.shape[1], box[1] / pixels.shape[0])
    size = max(round(pixels.shape[1] * scale), 1), max(round(pixels.shape[0] * scale), 1)
    flat = pixels.astype(np.float32)
    flat[..., :3] *= flat[..., 3:] / 255
    small = cv2.resize(flat, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return cropped(np.clip(np.rint(small), 0, 255).astype(np.uint8)[..., [2, 1, 0, 3]])


def tinted(picture: Rgba, colour: Rgb) -> Rgba:
    """Return the picture's shape in one colour."""
    flat = np.empty(picture.shape, np.float32)
    flat[..., :3] = np.array(colour, np.float32) * (picture[..., 3:] / np.float32(255))
    flat[..., 3] = picture[..., 3]
    return np.rint(flat).astype(np.uint8)


def _svg_picture(body: bytes, box: tuple[int, int], place: str) -> Rgba:
    drawing, size = skia.SVGDOM.MakeFromStream(skia.MemoryStream(body)), _svg_size(body)
    if drawing is None or size is None:
        raise MediaError(f"{place}: the logo's SVG has no size. Give it a viewBox.")
    drawing.setContainerSize(skia.Size(*size))
    drawn = drawing.containerSize()
    scale = min(box[0] / drawn.width(), box[1] / drawn.height())
    surface, pixels = _blank(int(np.ceil(drawn.width() * scale)), int(np.ceil(drawn.height() * scale)))
    canvas = surface.getCanvas()
    canvas.scale(scale, scale)
    drawing.render(canvas)
    return cropped(pixels)


def _svg_size(body: bytes) -> tuple[float, float] | None:
    """Width and height of the root's viewBox, or its own where it has none."""
    try:
        root = fromstring(body)
        numbers = (root.get("viewBox") or "").replace(",", " ").split()
        numbers = numbers[2:4] or [(root.get(side) or "").removesuffix("px") for side in ("width", "height")]
        width, height = (float(number) for number in numbers)
    except (ParseError, ValueError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def _blank(width: int, height: int) -> tuple[skia.Surface, Rgba]:
    """A transparent premultiplied picture and the surface that draws into it; the surface must outlive its canvas."""
    pixels = np.zeros((height, width, 4), np.uint8)
    info = skia.ImageInfo.Make(width, height, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
    return skia.Surface.MakeRasterDirect(info, pixels, width * 4), pixels


def _paint(colour: Rgb, opacity: float = 1.0) -> skia.Paint:
    return skia.Paint(AntiAlias=True, Color=skia.Color(*colour, round(opacity * 255)))


def _emoji_first(families: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(families, key=lambda family: family not in EMOJI_FAMILIES))


def _text_style(run: Run, face: Face, size: float) -> textlayout.TextStyle:
    style = textlayout.TextStyle()
    style.setFontFamilies([skia.String(f"{family} {face.weight}") for family in face.families])
    style.setFontSize(size)
    style.setLocale(skia.String(face.locale.tag))
    style.setLetterSpacing(face.tracking * size)
    style.setWordSpacing(face.word_spacing * size)
    style.setForegroundPaint(_paint(run.colour, run.opacity))
    if run.struck:
        style.setDecoration(textlayout.TextDecoration.kLineThrough)
        style.setDecorationColor(skia.Color(*run.colour, round(run.opacity * 255)))
        style.setDecorationThicknessMultiplier(1.6)
    return style
