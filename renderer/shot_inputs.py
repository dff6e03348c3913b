"""Reads what a shot starts from: the product's picture, a last picture, a clip, and what may change."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.artifacts import Shot, Stand
from renderer.backends import Frames, Inputs
from renderer.errors import BackendError
from renderer.media import read_take
from renderer.picture.packshot import foot_of, read_product
from renderer.store import Store

PLACED_HEIGHT, PLACED_WIDTH = 0.5, 0.6  # of the frame: most that a product placed in it may take
GROUND = 200  # grey under a placed product's soft edge, where the model will paint
KEPT = 200  # alpha from which a product's pixel stays


def inputs_of(shot: Shot, store: Store) -> Inputs:
    """Return the pictures that a shot names.

    Raises:
        StoreError: one is not in the store.
        BackendError: one cannot be read.
        MediaError: the clip cannot be read.
    """
    clip = read_take(store.local(shot.footage.object)) if shot.footage else None
    last = on_white(shot.last_image_sha256, store) if shot.last_image_sha256 else None
    if shot.image_sha256 is None:
        return Inputs(last_image=last, clip=clip)
    if shot.keeps_product:
        image, mask = placed(shot, store)
        return Inputs(image=image, last_image=last, clip=clip, mask=mask)
    return Inputs(image=on_white(shot.image_sha256, store), last_image=last, clip=clip)


def picture_path(sha256: str, store: Store) -> Path:
    """Return where a product's picture can be read.

    Raises:
        StoreError: it is not in the store.
    """
    return store.local(f"images/{sha256}.png")


def on_white(sha256: str, store: Store) -> Frames:
    """Return a picture as uint8 RGB (1, height, width, 3), what is transparent white.

    Raises:
        StoreError: it is not in the store.
        BackendError: it cannot be read.
    """
    picture = rgba(sha256, store)
    alpha = picture[..., 3:] / 255
    white = picture[..., :3] * alpha + 255 * (1 - alpha)
    return white.round().astype(np.uint8)[None]


def rgba(sha256: str, store: Store) -> NDArray[np.uint8]:
    """Return a picture as uint8 RGBA (height, width, 4).

    Raises:
        StoreError: it is not in the store.
        BackendError: it cannot be read.
    """
    picture = cv2.imread(str(picture_path(sha256, store)), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] != 4:
        raise BackendError(f"{store.url(f'images/{sha256}.png')}: not an RGBA picture. Fetch the picture again.")
    return np.ascontiguousarray(picture[..., [2, 1, 0, 3]].astype(np.uint8))


def placed(shot: Shot, store: Store) -> tuple[Frames, NDArray[np.uint8]]:
    """Return the product standing where the shot's layout has it, (1, height, width, 3), and 255 where it is not.

    Raises:
        StoreError: the picture is not in the store.
        BackendError: the layout has no place for a product.
        MediaError: the picture shows nothing.
    """
    if shot.image_sha256 is None or shot.layout.stand is None:
        raise BackendError(f"shot {shot.key}: no product to keep. 'product: in_place' needs a picture with a cutout.")
    product = read_product(picture_path(shot.image_sha256, store), True, f"shot {shot.key}")
    left, top, scale = _place(product, shot.layout.stand, shot.width, shot.height)
    sized = cv2.resize(product, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    shift = np.array([[1, 0, round(left)], [0, 1, round(top)]], np.float32)
    laid = cv2.warpAffine(sized, shift, (shot.width, shot.height), flags=cv2.INTER_NEAREST)
    alpha = laid[..., 3:] / 255
    picture = laid[..., :3] + GROUND * (1 - alpha)
    mask = np.where(laid[..., 3] >= KEPT, 0, 255).astype(np.uint8)
    return picture.round().clip(0, 255).astype(np.uint8)[None], mask[None]


def _place(product: NDArray[np.float32], stand: Stand, width: int, height: int) -> tuple[float, float, float]:
    """Return left, top and scale that bring the middle of the product's foot to the stand."""
    first, last = foot_of(product)
    scale = min(
        stand.width * width / max(last - first, 1),
        PLACED_HEIGHT * height / product.shape[0],
        PLACED_WIDTH * width / product.shape[1],
    )
    return stand.x * width - (first + last) / 2 * scale, stand.y * height - product.shape[0] * scale, scale
