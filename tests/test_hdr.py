"""HDR pictures come in as an ordinary screen shows them, and a product keeps its colours."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Literal

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from renderer.images import decode
from renderer.images.download import PictureError
from renderer.images.hdr import (
    HLG_A,
    HLG_B,
    HLG_C,
    HLG_PEAK_CD,
    PAPER_CD,
    PQ_C1,
    PQ_C2,
    PQ_C3,
    PQ_M1,
    PQ_M2,
    PRIMARIES,
    to_xyz,
)

TRANSFER = {"PQ": 16, "HLG": 18}
Curve = Literal["PQ", "HLG"]
LUMINANCE = np.array([0.2627, 0.6780, 0.0593])
# Colour checker patches in sRGB, from nearly black to white (X-Rite; rounded).
PATCHES = np.array(
    [(115, 82, 68), (98, 122, 157), (214, 126, 44), (56, 61, 150), (70, 148, 73), (175, 54, 60), (231, 199, 31)],
    np.uint8,
)
GREYS = np.array([(value,) * 3 for value in (255, 243, 160, 52, 0)], np.uint8)


def linear(srgb: np.ndarray) -> np.ndarray:
    """Light of sRGB code values, 0 to 1."""
    coded = srgb / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def coded_hdr(light: np.ndarray, curve: Curve) -> np.ndarray:
    """Code light, 1 at the white of paper, by the formulas of ST 2084 and BT.2100; 16 bit."""
    if curve == "PQ":
        power = (np.maximum(light, 0) * PAPER_CD / 10_000) ** PQ_M1
        coded = ((PQ_C1 + PQ_C2 * power) / (1 + PQ_C3 * power)) ** PQ_M2
    else:
        shown = np.maximum(light, 0) * PAPER_CD / HLG_PEAK_CD
        luminance = (shown @ LUMINANCE)[..., None]
        scene = shown * np.where(luminance > 0, np.maximum(luminance, 1e-9) ** ((1 - 1.2) / 1.2), 0)
        coded = np.where(
            scene <= 1 / 12, np.sqrt(3 * scene), HLG_A * np.log(np.maximum(12 * scene - HLG_B, 1e-9)) + HLG_C
        )
    return np.rint(np.clip(coded, 0, 1) * 65535).astype(np.uint16)


def png(light: np.ndarray, curve: Curve, primaries: int = 9, alpha: int | None = None) -> bytes:
    """An HDR PNG of linear BT.709 light, with the chunk that says so."""
    own = light @ (np.linalg.inv(to_xyz(primaries)) @ to_xyz(1)).T
    rgb = coded_hdr(own, curve)
    planes = [rgb[..., ::-1]] if alpha is None else [rgb[..., ::-1], np.full((*rgb.shape[:2], 1), alpha, np.uint16)]
    body = cv2.imencode(".png", np.dstack(planes))[1].tobytes()
    said = b"cICP" + bytes((primaries, TRANSFER[curve], 0, 1))
    return body[:33] + struct.pack(">I", 4) + said + struct.pack(">I", zlib.crc32(said)) + body[33:]


@pytest.mark.parametrize("curve", ["PQ", "HLG"])
@pytest.mark.parametrize("primaries", sorted(PRIMARIES))
def test_colours_up_to_white_stay_what_they_are(curve: Curve, primaries: int) -> None:
    """Each patch of a colour checker arrives within one code value, its alpha too."""
    patches = np.concatenate([PATCHES, GREYS])

    seen = np.asarray(decode(png(linear(patches)[None], curve, primaries, alpha=32_896)))

    assert np.abs(seen[0, :, :3].astype(int) - patches).max() <= 1
    assert (seen[..., 3] == 128).all()


def lights(most: float) -> st.SearchStrategy[list[tuple[float, float, float]]]:
    """A few pixels of any colour."""
    return st.lists(st.tuples(*[st.floats(0, most)] * 3), min_size=1, max_size=8)


@given(st.tuples(st.just("PQ"), lights(49)) | st.tuples(st.just("HLG"), lights(2.4)))  # as bright as each can be
@settings(max_examples=60, deadline=None)
def test_any_light_becomes_a_colour(drawn: tuple[Curve, list[tuple[float, float, float]]]) -> None:
    """However bright or colourful: what is strongest in the light is strongest in the picture."""
    curve, pixels = drawn

    seen = np.asarray(decode(png(np.array(pixels)[None], curve)))[0, :, :3].astype(int)

    for one, rgb in zip(pixels, seen, strict=True):
        assert rgb[int(np.argmax(one))] >= rgb.max() - 1


@pytest.mark.parametrize("curve", ["PQ", "HLG"])
def test_what_shines_is_white(curve: Curve) -> None:
    """From the white of paper to five times as bright, grey is white; a lamp is whiter than what it lights."""
    shining = np.repeat([[1.0], [2.0], [4.9]], 3, 1)[None]
    lamp = np.array([[(0.5, 0.3, 0.1), (2.0, 1.2, 0.4)]])

    assert (np.asarray(decode(png(shining, curve)))[..., :3] == 255).all()
    lit, lamp_seen = np.asarray(decode(png(lamp, curve)))[0, :, :3].astype(int)
    assert (lamp_seen > lit).all()
    assert np.ptp(lamp_seen) < np.ptp(lit)


def test_colours_beyond_srgb_keep_their_hue() -> None:
    """The green of BT.2020 is the greenest of sRGB at its luminance: no red, no blue, nothing cut off unevenly."""
    green = np.linalg.inv(to_xyz(1)) @ to_xyz(9) @ [0, 0.5, 0]

    red, most, blue = np.asarray(decode(png(green[None, None], "PQ")))[0, 0, :3].astype(int)

    assert most > 150
    assert min(red, blue) <= 1
    assert max(red, blue) < most


def test_a_picture_on_its_side_is_turned() -> None:
    """EXIF is kept for HDR pictures too."""
    body = png(linear(np.zeros((2, 5, 3))), "PQ")
    exif = Image.Exif()
    exif[0x0112] = 6
    chunk = b"eXIf" + exif.tobytes().removeprefix(b"Exif\x00\x00")
    at = body.index(b"IDAT") - 4
    turned = body[:at] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + body[at:]

    assert decode(body).size == (5, 2)
    assert decode(turned).size == (2, 5)


def test_unknown_primaries_are_named() -> None:
    """A number that no HDR picture uses is a problem of that picture."""
    body = bytearray(png(linear(PATCHES)[None], "PQ"))
    at = body.index(b"cICP") + 4
    body[at] = 7
    body[at + 4 : at + 8] = struct.pack(">I", zlib.crc32(bytes(body[at - 4 : at + 4])))

    with pytest.raises(PictureError, match="unknown colour primaries 7"):
        decode(bytes(body))


def test_ordinary_pictures_are_not_touched() -> None:
    """A chunk that says sRGB, and one after the pixels, change nothing."""
    plain = io.BytesIO()
    Image.fromarray(PATCHES[None]).save(plain, "PNG")
    said = b"cICP" + bytes((1, 13, 0, 1))
    body = plain.getvalue()
    marked = body[:33] + struct.pack(">I", 4) + said + struct.pack(">I", zlib.crc32(said)) + body[33:]

    for source in (body, marked):
        assert (np.asarray(decode(source))[0, :, :3] == PATCHES).all()
