"""Finds font files, pins what they are, and makes static weights of variable ones.

Skia draws variable fonts with uneven stems, so each weight that is needed is cut once with fontTools and kept in a
cache. Which families a text needs is decided here, from the fonts' own character maps: a character that no font has
is an error with a name, never an empty box on a finished ad.
"""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

import icu
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

from renderer.cue_lines import graphemes
from renderer.digest import content_key, file_sha256
from renderer.errors import MediaError
from renderer.picture.emoji_font import SHA256, emoji_font

# module of a font package: folder inside it
FONT_PACKAGES = {
    "fontpkg_archivo": "files",
    "fontpkg_cormorant_garamond": "files",
    "fontpkg_fredoka": "files",
    "fontpkg_outfit": "files",
    "fontpkg_playfair_display": "files",
    "fontpkg_space_grotesk": "files",
    "manimgx_fonts": "",
    "noto_cjk_sans_jp_bold": "",
}
# The files of the releases that pyproject.toml asks for. All are under the SIL Open Font License 1.1.
FONT_SHA256 = {
    "Outfit[wght].ttf": "fc7287273e66929776e2ba54f144fe699080bec29f61bf649d70d871468aeade",
    "NotoSans[wght].ttf": "fb53504de62e767a54695416123d68d67f71c9b69722175184ad56e7dd13547b",
    "NotoSansArabic[wght].ttf": "3fae4d7239d1faa55b234bda8091019a5251ff79df40d5e29367d84bed2a8138",
    "NotoSansArmenian[wght].ttf": "e979dfaed56ddb4bfd05121958b25425eb7593253d64b6b3654c77c11c5cda94",
    "NotoSansBengali[wght].ttf": "dc9defe97bb041876b6609e9029d9e1e228a686259acde2fe2a9f99d793ee17d",
    "NotoSansDevanagari[wght].ttf": "bf99bf762743ff3259e73196852520ab0ffe8d384238bff3e4806a84b981e972",
    "NotoSansEthiopic[wght].ttf": "93f223089e300b983dbfd693c7be619e0e76565a70d639e71a4fe0bfd72cf66f",
    "NotoSansGeorgian[wght].ttf": "42f4a8bf4fe0af8afd91ee3c19e81e14f1bc74ddbd9b6a59a4182f67a596adb4",
    "NotoSansGujarati[wght].ttf": "83d1bde74d64fb389f97a5e27b2699d8ee8bad4c15a02be347228e6c10011248",
    "NotoSansGurmukhi[wght].ttf": "8a3096ee2166f6383501e2df7b368fce88cfa4068c8d75bcb6af07da353a00ea",
    "NotoSansHebrew[wght].ttf": "9d81d81ad592644487b03843da73a87b99cd28a2c4da4a096e1db8fbd14fda61",
    "NotoSansKannada[wght].ttf": "b6b11505d76eddf916667d73adfec19095ec777742444dc662dae81471461f4e",
    "NotoSansKhmer[wght].ttf": "56f89948a84cc0b01962ed6af573ac4ac885bd7bb6e7e40f9afc72a435728b70",
    "NotoSansLao[wght].ttf": "fc138d605aa998d8407789ee6a7f5554aae8b54f5cd98d66dd2c33e79d15b67e",
    "NotoSansMalayalam[wght].ttf": "94cddc94a03fa9a5e8d1784090ba97b267def6933d60762081eaa003751142c5",
    "NotoSansMyanmar[wght].ttf": "e0b280aa3080aab922800c88fa9a2015a4bec3103bb8b70491a92e4a04f3a3a3",
    "NotoSansOriya[wght].ttf": "37f482d0179d0a50e3128d004f007ff1c1741ad5f6b0b2bcc7238b257ef1caa0",
    "NotoSansSinhala[wght].ttf": "3fd7c6a61cb6dfb8a2ca7af5b4078bd24e9c8ad9b55839a0177277db6e4d1326",
    "NotoSansSymbols[wght].ttf": "63724daeff6755a45933b9a5e3a3b41df5df8fe925c0f4c991f2f68c08a4182d",
    "NotoSansTamil[wght].ttf": "37e151cdec4a8cfb15c432f7bb164a83b98df69419d47e50b35aa7073963716b",
    "NotoSansTelugu[wght].ttf": "6c06de88b2d420d899543724a13765994191cd29860c6226efca098b51fec64b",
    "NotoSansThai[wght].ttf": "13f52f79b04f01f2751a81052a5dee2df639fd4e13f4ac30821ab45c8dd5f7e7",
    "NotoSansCJKjp-Bold.otf": "e53dcb0dcb2922e45d01aae1ebd2f382bb81d4229b18b6b883bd170678af1f76",
    "Archivo[wdth,wght].ttf": "0e094a7d3c7c4c25cf1310c4b30014f1dae9332220b1c2c88f4fa996f0b05053",
    "CormorantGaramond[wght].ttf": "b20b7d9626dd956b2c5e558692ad328b1f19e3275e2782db4fa07670d83f35e0",
    "Fredoka[wdth,wght].ttf": "2ba02e68b152868aef9ba28e24b3648c7d457fe6f25c761f2c2c53fb61a73fc8",
    "PlayfairDisplay[wght].ttf": "c40f2293766a503bc70cce9e512ef844a4ccb7cbcde792fe2ea31d191917d8d6",
    "SpaceGrotesk[wght].ttf": "acad6de1fc93436f5c0f1f4137751ef04f1aea3063e7036535970ffcfbd79f72",
    "NotoEmoji[wght].ttf": "de6c18832938afc99caf132b39d6a30a19bac7f2e812e28db2535b4608d27551",
}
EMOJI_FAMILIES = ("Noto Color Emoji", "Noto Emoji")  # best first; the coloured one is fetched at set-up
# Where emoji may be at all; most texts have none of these and need no closer look.
MAYBE_EMOJI = re.compile(
    "[\u203c\u2049\u2122\u2139\u2194-\u2bff\u3030\u303d\u3297\u3299\ufe0f\u20e3\U0001f000-\U0001faff]"
)
WEIGHTS = {"black": 850, "bold": 650, "medium": 500}  # wght; each family as near to it as it goes
# Format characters and joiners change how neighbours look and have no picture of their own.
INVISIBLE_CATEGORIES = {"Cf", "Cc"}
VARIATION_SELECTORS = range(0xFE00, 0xFE10)


@dataclass(frozen=True)
class FontFile:
    """One font file and the family name inside it."""

    family: str
    path: Path
    sha256: str

    @cached_property
    def characters(self) -> frozenset[int]:
        """Code points the font has a picture for."""
        with TTFont(self.path, lazy=True) as font:
            return frozenset(font.getBestCmap())

    @cached_property
    def weight_range(self) -> tuple[float, float] | None:
        """Smallest and largest wght of a variable font; None for a static one."""
        with TTFont(self.path, lazy=True) as font:
            axes = {axis.axisTag: axis for axis in font["fvar"].axes} if "fvar" in font else {}
        return (axes["wght"].minValue, axes["wght"].maxValue) if "wght" in axes else None


class Shelf:
    """All fonts at hand: the user's folders first, then the packages.

    Raises:
        MediaError: a font package is missing or holds another file than the pinned one.
    """

    def __init__(self, folders: Sequence[Path] = (), cache: Path | None = None) -> None:
        self.cache = cache or Path(tempfile.gettempdir()) / "adloom-cache" / "fonts"
        self.files: dict[str, FontFile] = {}
        for file in (*_own_files(folders), *_coloured_emoji(), *_package_files()):
            self.files.setdefault(file.family, file)

    @property
    def revision(self) -> str:
        """A key that changes when any font at hand changes; part of every creative's key."""
        return content_key("fonts", {"files": {file.family: file.sha256 for file in self.files.values()}, **WEIGHTS})

    def families_for(self, text: str, wanted: Sequence[str], place: str) -> tuple[str, ...]:
        """Return the families that draw `text`, best first: the wanted ones, then whatever covers the rest.

        Raises:
            MediaError: a wanted family is not on the shelf, or a character is in no font.
        """
        for family in wanted:
            self.require(family, place)
        coloured = [family for family in EMOJI_FAMILIES if family in self.files]
        letters = [family for family in (*wanted, *self.files) if family not in coloured]
        stretches = emoji_stretches(text)
        plain = "".join(part for part, is_emoji in stretches if not is_emoji)
        emoji = "".join(part for part, is_emoji in stretches if is_emoji)
        chosen, rest = self._cover(plain, (*letters, *coloured))
        for_emoji, missing = self._cover(emoji, (*coloured, *letters))
        chosen, rest = sorted({*chosen, *for_emoji}, key=(*letters, *coloured).index), [*rest, *missing]
        if rest:
            name = unicodedata.name(rest[0], "unnamed")
            raise MediaError(
                f"{place}: no font has {rest[0]!r} (U+{ord(rest[0]):04X} {name}), in {text!r}. "
                "Add a font that has it to a font folder, or write the text without it."
            )
        return tuple(chosen)

    def require(self, family: str, place: str) -> None:
        """Nothing where a family is on the shelf, or none is named.

        Raises:
            MediaError: it is not.
        """
        if family and family not in self.files:
            raise MediaError(
                f"{place}: font {family!r} is not installed. Put its file into a font folder, "
                f"or use one of: {', '.join(sorted(self.files))}."
            )

    def covers(self, family: str, text: str) -> bool:
        """Tell whether a family has every character of `text` but its emoji."""
        plain = "".join(part for part, is_emoji in emoji_stretches(text) if not is_emoji)
        return family in self.files and not self._cover(plain, [family])[1]

    def _cover(self, text: str, families: Iterable[str]) -> tuple[list[str], list[str]]:
        """Return the families that are needed, in their order, and the characters that none of them has."""
        rest = [character for character in dict.fromkeys(text) if not _is_invisible(character)]
        chosen = []
        for family in families:
            left = [character for character in rest if ord(character) not in self.files[family].characters]
            if len(left) < len(rest):
                chosen.append(family)
            rest = left
        return chosen, rest

    def static(self, family: str, weight: str) -> Path:
        """Return a static font file of `family`, at `WEIGHTS[weight]` where the family is variable."""
        file = self.files[family]
        if file.weight_range is None:
            return file.path
        low, high = file.weight_range
        value = min(max(WEIGHTS[weight], low), high)
        path = self.cache / f"{file.sha256[:16]}-{value:g}-lining.ttf"
        if not path.exists():
            _cut(file.path, value, path)
        return path


def _make_figures_lining(font: TTFont) -> None:
    """Figures as tall as capitals, where a font has them: prices in old-style figures go up and down."""
    if "GSUB" not in font:
        return
    rules = font["GSUB"].table
    features = [record.Feature for record in rules.FeatureList.FeatureRecord if record.FeatureTag == "lnum"]
    lookups = {number for feature in features for number in feature.LookupListIndex}
    lining: dict[str, str] = {}
    for number in lookups:
        for table in rules.LookupList.Lookup[number].SubTable:
            lining |= getattr(getattr(table, "ExtSubTable", table), "mapping", {})
    for table in font["cmap"].tables:
        for code in range(ord("0"), ord("9") + 1):
            if code in table.cmap:
                table.cmap[code] = lining.get(table.cmap[code], table.cmap[code])


def emoji_stretches(text: str) -> list[tuple[str, bool]]:
    """Split a text into stretches that are emoji, as Unicode has them shown in colour, and others (False)."""
    if not MAYBE_EMOJI.search(text):
        return [(text, False)] if text else []
    told = ((cluster, _is_emoji(cluster)) for cluster in graphemes(text))
    return [("".join(part for part, _ in group), is_emoji) for is_emoji, group in groupby(told, key=lambda one: one[1])]


def _is_emoji(cluster: str) -> bool:
    """By its presentation, or because someone asked for it (U+FE0F, a key cap)."""
    if "\ufe0e" in cluster:
        return False
    shown = icu.Char.hasBinaryProperty(ord(cluster[0]), icu.UProperty.EMOJI_PRESENTATION)
    return bool(shown) or "\ufe0f" in cluster or "\u20e3" in cluster


def _cut(source: Path, weight: float, path: Path) -> None:
    """Write the static instance of a variable font, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without this, fontTools stamps the time of day into the file and no two machines agree on it.
    font = TTFont(source, recalcTimestamp=False)
    others = {axis.axisTag: axis.defaultValue for axis in font["fvar"].axes}
    font = instancer.instantiateVariableFont(font, others | {"wght": weight})
    _make_figures_lining(font)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
        font.save(part)
    Path(part.name).replace(path)


def _own_files(folders: Iterable[Path]) -> Iterator[FontFile]:
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".ttf", ".otf")):
            yield FontFile(_family(path), path, file_sha256(path))


def _coloured_emoji() -> Iterator[FontFile]:
    path = emoji_font()
    if path.exists():
        found = file_sha256(path)
        if found != SHA256:
            raise MediaError(
                f"fonts: {path} is not the file this version was made with (SHA-256 {found[:16]}…, expected "
                f"{SHA256[:16]}…). Delete it and run: python -m renderer.picture.emoji_font"
            )
        yield FontFile(EMOJI_FAMILIES[0], path, found)


def _package_files() -> Iterator[FontFile]:
    paths = {path.name: path for path in _package_paths()}
    for name, expected in FONT_SHA256.items():
        if name not in paths:
            raise MediaError(f"fonts: {name} is not installed. Run: pip install 'adloom[render]'.")
        found = file_sha256(paths[name])
        if found != expected:
            raise MediaError(
                f"fonts: {paths[name]} is not the file this version was made with (SHA-256 {found[:16]}…, "
                f"expected {expected[:16]}…). Install the releases that pyproject.toml names."
            )
        yield FontFile(_family(paths[name]), paths[name], expected)


def _package_paths() -> Iterator[Path]:
    for module, folder in FONT_PACKAGES.items():
        spec = find_spec(module)
        if spec is not None and spec.origin is not None:
            yield from (Path(spec.origin).parent / folder).glob("*.[ot]tf")


def _family(path: Path) -> str:
    """The typographic family (name 16) where there is one, else the family (name 1)."""
    with TTFont(path, lazy=True) as font:
        return str(font["name"].getDebugName(16) or font["name"].getDebugName(1) or path.stem)


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in INVISIBLE_CATEGORIES or ord(character) in VARIATION_SELECTORS
