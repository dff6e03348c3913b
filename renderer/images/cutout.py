"""Finds the outline of a product: the picture's own transparency, or what stands before a plain light ground."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # RGBA, (height, width, 4)
Lab = NDArray[np.float32]  # OpenCV's 8-bit LAB, (height, width, 3)
Mask = NDArray[np.uint8]  # (height, width)

CLEAR = 8  # alpha up to which a pixel counts as transparent
CLEAR_SHARE = (0.02, 0.98)  # of a picture whose alpha is an outline
MARGIN = 0.02  # of the longer side, kept around the product
WORKING_SIDE = 640  # px at which the outline is searched; GrabCut takes about a second there
MIN_GROUND_L = 150  # of 255: on darker grounds a product's shaded side has no outline
MAX_GROUND_SPREAD = 5.0  # distance in LAB that nine tenths of the border keep to the modelled ground
MAX_GROUND_SLOPE = 40.0  # distance in LAB between the ends of a ground that gets darker evenly
GROUND_REACH = 7.0  # distance in LAB up to which a pixel that hangs together with the border is ground
SHADE_SLOPES = (7.0, 4.0)  # LAB per pixel: what gets darker more slowly, and keeps the ground's hue, is its shadow
SHADE_HUE = 6.0  # distance in a and b
DEEPEST_SHADE = 0.45  # of the ground's lightness
EDGE_SLOPE = 4.0  # LAB per pixel from which there is an edge
FREE_OF_EDGES = 0.01  # edges in what was taken for shadow, over the length of the outline: more, and it is product
FOOT = (0.04, 0.06)  # of the product's height above and below its foot, where the shadow it stands on may be steep
EDGE_STEP = 9.0  # distance in LAB across an outline that the eye trusts
SUDDEN = 0.6  # share of the step to the ground, 6 px away, that comes at once: the rim of a shadow comes bit by bit
MAX_UNSURE = 0.02  # of the outline
HOLE_REACH, MAX_HOLES = 3.5, 0.01  # ground that shows through the product, and how much of it may
REFLECTION = (0.85, 0.5)  # likeness to the mirrored product, and share of its contrast: from and up to which it is one
MIN_REFLECTION = 8  # px
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
    """Return the product freed from a plain light ground, or None where there is no such ground or no clear outline.

    A soft shadow counts as ground, a reflection does not: a picture with one is left whole.
    """
    scale = min(1.0, WORKING_SIDE / max(picture.shape[:2]))
    small = np.asarray(cv2.resize(picture[..., :3], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    ground = plain_ground(lab)
    if ground is None or ground[..., 0].min() < MIN_GROUND_L:
        return None
    even = np.asarray(
        cv2.cvtColor(lab_bytes(lab - ground + np.median(ground, (0, 1)).astype(np.float32)), cv2.COLOR_LAB2RGB),
        np.uint8,
    )
    for rough in outlines(lab, ground):
        product = refine(even, rough)
        if is_one_product(product) and is_clear(lab, ground, product):
            return soften(picture, product, ground_colours(lab, ground, product))
    return None


def plain_ground(lab: Lab) -> Lab | None:
    """Return the ground behind everything, (height, width, 3), as the border tells it: even, or darker to one side."""
    border = np.zeros(lab.shape[:2], np.bool_)
    border[:2] = border[-2:] = border[:, :2] = border[:, -2:] = True
    middle = np.median(lab[border], axis=0)
    if np.quantile(distance(lab[border], middle), 0.9) <= MAX_GROUND_SPREAD:
        return np.broadcast_to(middle.astype(np.float32), lab.shape)
    y, x = np.mgrid[-1 : 1 : lab.shape[0] * 1j, -1 : 1 : lab.shape[1] * 1j]
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    weights, *_ = np.linalg.lstsq(terms[border], lab[border], rcond=None)
    ground = (terms @ weights).astype(np.float32)
    if np.quantile(distance(lab[border], ground[border]), 0.9) > MAX_GROUND_SPREAD:
        return None
    return ground if distance(ground, middle).max() <= MAX_GROUND_SLOPE else None


def outlines(lab: Lab, ground: Lab) -> Iterator[Mask]:
    """Yield rough outlines, best first: without shadows, as far as nothing of the product goes with them; then with."""
    like_ground = distance(lab, ground) < GROUND_REACH
    whole = (1 - reachable(like_ground)).astype(np.uint8)
    smooth = cv2.GaussianBlur(lab, (0, 0), 0.8)
    across = [cv2.Sobel(smooth, cv2.CV_32F, *way, ksize=3, scale=1 / 8) for way in ((1, 0), (0, 1))]
    slope = np.linalg.norm(np.concatenate(across, axis=-1), axis=-1)
    tinted = distance(lab[..., 1:], ground[..., 1:]) < SHADE_HUE
    darker = (lab[..., 0] < ground[..., 0] + GROUND_REACH) & (lab[..., 0] > DEEPEST_SHADE * ground[..., 0])
    for steepest in SHADE_SLOPES:
        shade = tinted & darker & (slope < steepest)
        bare = opened((1 - reachable(like_ground | shade)).astype(np.uint8))
        taken = (whole == 1) & (cv2.dilate(bare, round_kernel(4)) == 0) & (slope >= EDGE_SLOPE)
        rows = np.flatnonzero(bare.any(axis=1))
        if len(rows):
            reach = [round(share * len(rows)) for share in FOOT]
            taken[rows[-1] - reach[0] : rows[-1] + reach[1]] = False
        if int(taken.sum()) <= FREE_OF_EDGES * len(contour(bare)[0]):
            yield bare
    yield whole


def is_clear(lab: Lab, ground: Lab, product: Mask) -> bool:
    """Tell whether an outline can be trusted: a visible step all around, no ground within, no reflection below."""
    off_ground = distance(lab, ground)
    holes = cv2.erode(((off_ground < HOLE_REACH) & (product == 1)).astype(np.uint8), round_kernel(1))
    if holes.sum() > MAX_HOLES * product.sum():
        return False
    return unsure_share(lab, product) <= MAX_UNSURE and not is_reflected(lab - ground, product)


def unsure_share(lab: Lab, product: Mask) -> float:
    """Return the share of the outline where inside and outside hardly differ, or pass slowly into each other."""
    rows, columns = contour(product)
    if not len(rows):
        return 1.0
    soft = cv2.GaussianBlur(product.astype(np.float32), (0, 0), 2)
    inwards = np.stack([cv2.Sobel(soft, cv2.CV_32F, *way, ksize=3)[rows, columns] for way in ((1, 0), (0, 1))])
    inwards = inwards / (np.linalg.norm(inwards, axis=0) + 1e-6)

    def at(px: float) -> Lab:
        x, y = columns + px * inwards[0], rows + px * inwards[1]
        maps = x.astype(np.float32)[None], y.astype(np.float32)[None]
        return np.asarray(cv2.remap(lab, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0], np.float32)

    inside = at(2.0)
    faint = distance(inside, at(-3.0)) < EDGE_STEP
    slow = distance(inside, at(-2.0)) < SUDDEN * distance(inside, at(-6.0))
    return float((faint | slow).mean())


def is_reflected(off_ground: Lab, product: Mask) -> bool:
    """Tell whether the lowest part looks like a faint mirror image of what is above it."""
    rows = np.flatnonzero(product.any(axis=1))
    seen = np.where(product[..., None] == 1, off_ground, 0)[rows[0] : rows[-1] + 1]
    for depth in range(MIN_REFLECTION, len(seen) // 3):
        below, above = seen[-depth:], seen[-2 * depth : -depth][::-1]
        strengths = float(np.linalg.norm(below)), float(np.linalg.norm(above))
        likeness = float((below * above).sum()) / max(strengths[0] * strengths[1], 1e-6)
        if likeness > REFLECTION[0] and strengths[0] < REFLECTION[1] * strengths[1]:
            return True
    return False


def contour(product: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the product's outermost pixels."""
    rows, columns = np.nonzero(product - cv2.erode(product, round_kernel(1)))
    return rows, columns


def opened(product: Mask) -> Mask:
    """Return a mask without hairs and specks."""
    return np.asarray(cv2.morphologyEx(product, cv2.MORPH_OPEN, round_kernel(2)), np.uint8)


def round_kernel(radius: int) -> Mask:
    """Return a disc for erosion and dilation."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


def lab_bytes(lab: Lab) -> NDArray[np.uint8]:
    """Return LAB in whole numbers."""
    return np.rint(lab).clip(0, 255).astype(np.uint8)


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
    inner, outer = cv2.erode(product, round_kernel(BAND)), cv2.dilate(product, round_kernel(BAND))
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


def ground_colours(lab: Lab, ground: Lab, product: Mask) -> NDArray[np.float32]:
    """Return the ground's colour everywhere, float32 RGB (height, width, 3); shadows keep theirs around the product."""
    near = cv2.GaussianBlur(np.where(product[..., None] == 0, lab - ground, 0), (0, 0), 6)
    share = cv2.GaussianBlur((product == 0).astype(np.float32), (0, 0), 6)[..., None]
    colours = lab_bytes(ground + near / np.maximum(share, 0.02))
    return np.asarray(cv2.cvtColor(colours, cv2.COLOR_LAB2RGB), np.float32)


def soften(picture: Picture, product: Mask, ground: NDArray[np.float32]) -> Picture:
    """Return the picture with a soft alpha, and without the ground's colour in its edge: C = (I - (1 - a) G) / a."""
    height, width = picture.shape[:2]
    blurred = cv2.GaussianBlur(product.astype(np.float32), (0, 0), 1.0)
    alpha = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_CUBIC)
    behind = cv2.resize(ground, (width, height), interpolation=cv2.INTER_LINEAR)
    alpha = ((alpha - 0.5) / 0.45).clip(0, 1)[..., None]  # half a pixel inwards: the outermost one is mostly ground
    colour = (picture[..., :3] - (1 - alpha) * behind) / np.maximum(alpha, 0.05)
    return np.concatenate([colour.clip(0, 255), 255 * alpha], axis=-1).round().astype(np.uint8)
