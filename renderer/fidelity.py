"""Measures whether a product that a model drew into a take is still the product: its own features, frame by frame.

Scale-invariant features (SIFT, Lowe 2004) of the packshot are looked for in frames of the take; those that fit one
similarity (shift, turn, size) are found again. A product that morphs keeps its colours but loses its features.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.backends import Frames

LOOKED_AT = 6  # frames, evenly over the take
FEWEST_FEATURES = 24  # of a packshot that can be judged at all
MOST_FEATURES = 400
LONG_SIDE = 512  # px to which packshots are scaled: finer features would not survive any take
RATIO = 0.8  # of Lowe's test: the best match must be this much nearer than the second
REACH_PX = 4.0  # how far from its place a feature of the packshot may be found
LEAST_FIDELITY = 0.45  # below it a take is taken again; packshots that only move score 0.7 and more (tests)


def fidelity(frames: Frames, packshot: NDArray[np.uint8]) -> float | None:
    """Return the share of the packshot's features that the worst of some frames still shows, 0..1.

    Features that the first frame shows count as all: a model may show the product small. None where the packshot, uint8
    RGBA (height, width, 4), has too few features to tell.
    """
    detector = cv2.SIFT_create(nfeatures=MOST_FEATURES)  # type: ignore[attr-defined] # OpenCV's stubs lack it
    known = _features(detector, *_grey(packshot))
    if known is None or len(known[0]) < FEWEST_FEATURES:
        return None
    numbers = np.linspace(0, len(frames) - 1, LOOKED_AT).round().astype(int)
    found = [_found_again(known, _features(detector, cv2.cvtColor(frames[n], cv2.COLOR_RGB2GRAY))) for n in numbers]
    if found[0] < FEWEST_FEATURES / 3:
        return 0.0  # the product is not even in the first frame
    return min(found) / found[0] if min(found) < found[0] else 1.0


def _grey(packshot: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the packshot's grey picture on white, and where it is opaque, no larger than LONG_SIDE."""
    alpha = packshot[..., 3:].astype(np.float32) / 255
    picture = (packshot[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
    share = min(LONG_SIDE / max(picture.shape[:2]), 1.0)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    opaque = cv2.resize(packshot[..., 3], None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return grey.astype(np.uint8), np.where(opaque > 127, 255, 0).astype(np.uint8)


def _features(detector: Any, grey: NDArray[np.uint8], mask: NDArray[np.uint8] | None = None) -> Any:
    """Return places (n, 2) and descriptors (n, 128), or None."""
    points, descriptors = detector.detectAndCompute(grey, mask)
    return (np.array([p.pt for p in points], np.float32), descriptors) if len(points) > 1 else None


def _found_again(known: Any, seen: Any) -> int:
    """Count features of the packshot that lie in a frame where one similarity of the packshot puts them."""
    if seen is None:
        return 0
    pairs = cv2.BFMatcher().knnMatch(known[1], seen[1], k=2)
    good = [best for best, second in pairs if best.distance < RATIO * second.distance]
    if len(good) < 3:
        return 0
    source = known[0][[m.queryIdx for m in good]]
    target = seen[0][[m.trainIdx for m in good]]
    _, inliers = cv2.estimateAffinePartial2D(source, target, ransacReprojThreshold=REACH_PX)
    return 0 if inliers is None else int(inliers.sum())
