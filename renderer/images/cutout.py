"""Finds the outline of a product: the picture's own transparency, or what stands before a plain light ground."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # RGBA, (height, width, 4)
Mask = NDArray[np.uint8]  # (height, width)

CLEAR = 8  # alpha up to which a pixel counts as transparent
CLEAR_SHARE = (0.02, 0.98)  # of a picture whose alpha is an outline
MARGIN = 0.02  # of the longer side, kept around the product
WORKING_SIDE = 640  # px at which the outline is searched; GrabCut takes about a second there
MIN_GROUND_L = 215  # of 255: light enough to be a studio's white
MAX_GROUND_SPREAD = 5.0  # distance in LAB that nine tenths of the border keep to its median
GROUND_REACH = 7.0  # distance in LAB up to which a pixel that hangs together with the border is ground
BAND = 5  # px at working size around the outline that GrabCut decides about
GRABCUT_ROUNDS = 3
AREA_SHARE = (0.03, 0.9)  # of the picture that a product fills
MAIN_SHARE = 0.92  # of the outline's area in one piece: else it is a scene or a leak


def cut_out(picture: Picture) -> tuple[Picture, bool]:
    """Return the product cropped to its outline, and True; or the picture as it is, fully opaque, and False."""
    alpha = picture[..., 3]
    clear = float((alpha <= CLEAR).mean())
    if CLEAR_SHARE[0] < clear < CLEAR_SHARE[1]:
        return crop(picture), True
    outlined = from_plain_ground(picture) if clear <= CLEAR_SHARE[0] else None
    if outlined is None:
        return on_white(picture), False
    return crop(outlined), True


def crop(picture: Picture) -> Picture:
    """Cut to what is visible and add a transparent margin, so that every product fills its picture alike."""
    rows, columns = (np.flatnonzero((picture[..., 3] > CLEAR).any(axis)) for axis in (1, 0))
    inner = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
    inner[inner[..., 3] == 0] = 0  # nothing hides under full transparency
    margin = max(1, round(MARGIN * max(inner.shape[:2])))
    return np.pad(inner, ((margin, margin), (margin, margin), (0, 0)))


def on_white(picture: Picture) -> Picture:
    """Return the picture opaque, with white where it was not."""
    alpha = picture[..., 3:] / 255
    opaque = np.full_like(picture, 255)
    opaque[..., :3] = (picture[..., :3] * alpha + 255 * (1 - alpha)).round()
    return opaque


def from_plain_ground(picture: Picture) -> Picture | None:
    """Return the product freed from a plain light ground, or None where there is no such ground or no clear outline."""
    scale = min(1.0, WORKING_SIDE / max(picture.shape[:2]))
    small = np.asarray(cv2.resize(picture[..., :3], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    sides = (lab[:2], lab[-2:], lab[:, :2], lab[:, -2:])
    ring = np.concatenate([side.reshape(-1, 3) for side in sides])
    ground = np.median(ring, axis=0)
    if ground[0] < MIN_GROUND_L or np.quantile(distance(ring, ground), 0.9) > MAX_GROUND_SPREAD:
        return None
    product = refine(small, (1 - reachable(distance(lab, ground) < GROUND_REACH)).astype(np.uint8))
    if not is_one_product(product):
        return None
    return soften(picture, product, ground_rgb(small, product))


def distance(lab: NDArray[np.float32], ground: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far LAB colours (..., 3) are from one (3,)."""
    return np.asarray(np.linalg.norm(lab - ground, axis=-1), np.float32)


def reachable(like_ground: NDArray[np.bool_]) -> Mask:
    """Return 1 where ground hangs together with the picture's border, else 0."""
    framed = np.pad(like_ground.astype(np.uint8), 1, constant_values=1)
    _, labels = cv2.connectedComponents(framed, connectivity=4)
    return np.asarray(labels[1:-1, 1:-1] == labels[0, 0], np.uint8)


def refine(rgb: NDArray[np.uint8], product: Mask) -> Mask:
    """Let GrabCut decide in a band around the outline. Same picture, same outline: its k-means starts from one seed."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BAND + 1, 2 * BAND + 1))
    inner, outer = cv2.erode(product, kernel), cv2.dilate(product, kernel)
    if not inner.any() or outer.all():
        return product
    marks = np.where(product == 1, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    marks[inner == 1] = cv2.GC_FGD
    marks[outer == 0] = cv2.GC_BGD
    cv2.setRNGSeed(1)
    whole = (0, 0, 0, 0)  # ignored: the marks say where to look
    cv2.grabCut(rgb, marks, whole, np.zeros((1, 65)), np.zeros((1, 65)), GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
    return np.asarray((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD), np.uint8)


def is_one_product(product: Mask) -> bool:
    """Tell whether a mask looks like one thing that the picture shows whole."""
    share = float(product.mean())
    border = np.concatenate([product[0], product[-1], product[:, 0], product[:, -1]])
    if not AREA_SHARE[0] < share < AREA_SHARE[1] or border.any():
        return False
    _, _, statistics, _ = cv2.connectedComponentsWithStats(product, connectivity=8)
    return bool(statistics[1:, cv2.CC_STAT_AREA].max() >= MAIN_SHARE * product.sum())


def ground_rgb(rgb: NDArray[np.uint8], product: Mask) -> NDArray[np.float32]:
    """Return the ground's median colour, float32 RGB (3,)."""
    return np.asarray(np.median(rgb[product == 0], axis=0), np.float32)


def soften(picture: Picture, product: Mask, ground: NDArray[np.float32]) -> Picture:
    """Return the picture with a soft alpha, and without the ground's colour in its edge: C = (I - (1 - a) G) / a."""
    height, width = picture.shape[:2]
    blurred = cv2.GaussianBlur(product.astype(np.float32), (0, 0), 1.0)
    alpha = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_CUBIC)
    alpha = ((alpha - 0.5) / 0.45).clip(0, 1)[..., None]  # half a pixel inwards: the outermost one is mostly ground
    colour = (picture[..., :3] - (1 - alpha) * ground) / np.maximum(alpha, 0.05)
    return np.concatenate([colour.clip(0, 255), 255 * alpha], axis=-1).round().astype(np.uint8)
