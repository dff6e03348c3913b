"""Turns HDR pictures into what an ordinary screen shows: PQ or HLG light becomes sRGB.

Up to the white of paper, 203 cd/m² (ITU-R BT.2408), every colour stays what it is: a product is not repainted. What
shines brighter goes to white, and what is more colourful than sRGB can be is dulled just as far as it must.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Light = NDArray[np.float32]  # (height, width, 3), linear; 1 is the white of paper

PAPER_CD = 203.0  # cd/m²: reference white of HDR, ITU-R BT.2408
CURVES: dict[int, Literal["PQ", "HLG"]] = {16: "PQ", 18: "HLG"}  # transfer characteristics, ITU-T H.273
PRIMARIES = {  # x and y of red, green and blue, ITU-T H.273; all have the white of D65
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),  # BT.709, sRGB
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # P3
}
D65 = (0.3127, 0.3290)
PQ_M1, PQ_M2 = 2610 / 16384, 2523 / 4096 * 128  # SMPTE ST 2084
PQ_C1, PQ_C2, PQ_C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
HLG_A, HLG_B, HLG_C = 0.17883277, 0.28466892, 0.55991073  # ITU-R BT.2100
HLG_PEAK_CD, HLG_GAMMA = 1000.0, 1.2  # of the display that BT.2100 takes as its example


@dataclass(frozen=True)
class Coding:
    """What a PNG's cICP chunk says: curve and primaries."""

    curve: Literal["PQ", "HLG"]
    primaries: int


def hdr_coding(source: bytes) -> Coding | None:
    """Return how a PNG codes HDR light; None for any other file."""
    if not source.startswith(b"\x89PNG"):
        return None
    at = 8
    while at + 8 <= len(source):
        length, kind = struct.unpack(">I4s", source[at : at + 8])
        if kind in (b"IDAT", b"IEND"):
            return None
        if kind == b"cICP" and length == 4:
            primaries, transfer = source[at + 8], source[at + 9]
            curve = CURVES.get(transfer)
            return Coding(curve, primaries) if curve else None
        at += 12 + length
    return None


def as_srgb(source: bytes, coding: Coding) -> Image.Image:
    """Return an HDR PNG as sRGB, RGBA.

    Raises:
        ValueError: it cannot be decoded, or names primaries that nobody uses for HDR.
    """
    pixels = cv2.imdecode(np.frombuffer(source, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3:
        raise ValueError("no colour picture can be decoded")
    if coding.primaries not in PRIMARIES:
        raise ValueError(f"unknown colour primaries {coding.primaries}")
    coded = pixels.astype(np.float32) / np.float32(65535 if pixels.dtype == np.uint16 else 255)
    light = _pq_light(coded[..., 2::-1]) if coding.curve == "PQ" else _hlg_light(coded[..., 2::-1])
    matrix = np.linalg.inv(to_xyz(1)) @ to_xyz(coding.primaries)
    rgb = srgb_of(_within_reach(light @ matrix.T.astype(np.float32)))
    alpha = coded[..., 3] if coded.shape[2] == 4 else np.ones(coded.shape[:2], np.float32)
    return Image.fromarray(np.rint(np.dstack([rgb, alpha]) * 255).astype(np.uint8))


def srgb_of(light: Light) -> Light:
    """Code linear light, 0 to 1, as sRGB does (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)


def _pq_light(coded: Light) -> Light:
    root = np.maximum(coded, 0) ** (1 / PQ_M2)
    light = (np.maximum(root - PQ_C1, 0) / (PQ_C2 - PQ_C3 * root)) ** (1 / PQ_M1)
    return np.asarray(light * (10_000 / PAPER_CD), np.float32)


def _hlg_light(coded: Light) -> Light:
    """Light of the scene, then that of the display, which lifts with the luminance of each pixel."""
    scene = np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - HLG_C) / HLG_A) + HLG_B) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593], np.float32)
    lift = np.maximum(luminance, 1e-6) ** (HLG_GAMMA - 1)
    return np.asarray(scene * lift[..., None] * (HLG_PEAK_CD / PAPER_CD), np.float32)


def _within_reach(light: Light) -> Light:
    """Bring light into 0 to 1: too colourful goes towards grey of the same luminance, too bright towards white."""
    grey = np.maximum(light @ np.array([0.2126, 0.7152, 0.0722], np.float32), 0)[..., None]
    lowest = light.min(-1, keepdims=True)
    share = np.where(lowest < 0, grey / np.maximum(grey - lowest, 1e-9), 1)
    dulled = np.maximum(grey + (light - grey) * share, 0)
    beyond = np.maximum(dulled.max(-1, keepdims=True), 1)
    dimmed = dulled / beyond
    return np.asarray(dimmed + (1 - dimmed) * (1 - 1 / beyond) ** 2, np.float32)


def to_xyz(primaries: int) -> NDArray[np.float64]:
    """Matrix from linear RGB to CIE XYZ: each primary as strong as white needs it (SMPTE RP 177)."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in PRIMARIES[primaries]]).T
    white = np.array([D65[0] / D65[1], 1, (1 - D65[0] - D65[1]) / D65[1]])
    return np.asarray(columns * np.linalg.solve(columns, white), np.float64)
