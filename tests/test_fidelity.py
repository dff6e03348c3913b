"""A product that moves stays itself; one that morphs does not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from renderer.fidelity import LEAST_FIDELITY, fidelity

IMAGES = Path(__file__).parents[1] / "catalog/sample/aurora/images"
PRODUCTS = ("aur-bottle-750", "aur-handcream-75", "aur-power-10k", "aur-watch-38")
WIDTH, HEIGHT, FRAMES = 480, 832, 6
WALL = (200, 190, 180)


def packshot(name: str) -> np.ndarray:
    picture = cv2.imread(str(IMAGES / f"{name}.png"), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]
    share = min(1.0, 700 / max(picture.shape))
    return cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)


def filmed(product: np.ndarray, morph: float) -> np.ndarray:
    """The product in front of a wall: the camera comes nearer and turns, light fades, grain; `morph` bends it as well."""
    alpha = product[..., 3:] / 255
    picture = (product[..., :3] * alpha + np.array(WALL) * (1 - alpha)).astype(np.float32)
    height, width = picture.shape[:2]
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = [cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), width / 20) for _ in "xy"]
    bend_x, bend_y = (wave / wave.std() * width for wave in waves)
    fit = min(WIDTH * 0.8 / width, HEIGHT * 0.8 / height)
    frames = []
    for done in np.linspace(0, 1, FRAMES, dtype=np.float32):
        bent = cv2.remap(picture, x + bend_x * done * morph, y + bend_y * done * morph, cv2.INTER_LINEAR)
        scale, turn = fit * (1 + 0.15 * done), 0.05 * done
        a, b = scale * np.cos(turn), scale * np.sin(turn)
        move = np.array([[a, -b, (WIDTH - scale * width) / 2], [b, a, (HEIGHT - scale * height) / 2]], np.float32)
        frame = cv2.warpAffine(bent, move, (WIDTH, HEIGHT), borderValue=WALL) * (1 - 0.1 * done)
        frames.append((frame + rng.normal(0, 2, frame.shape)).clip(0, 255).astype(np.uint8))
    return np.stack(frames)


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_that_moves_is_itself(name) -> None:
    """Camera, light and grain take few of a product's features away."""
    product = packshot(name)

    share = fidelity(filmed(product, 0.0), product)

    assert share is not None
    assert share > LEAST_FIDELITY + 0.15


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_that_bends_is_not(name) -> None:
    """Waves of three hundredths of its width are a morph: most features are out of place."""
    product = packshot(name)

    share = fidelity(filmed(product, 0.03), product)

    assert share is not None
    assert share < LEAST_FIDELITY - 0.15


def test_a_take_without_the_product_has_none_of_it() -> None:
    """Where not even the first frame shows the product, nothing of it is left."""
    product = packshot("aur-tea-100")
    other = filmed(packshot("aur-watch-38"), 0.0)

    assert fidelity(other, product) == 0.0


def test_a_plain_product_cannot_be_judged() -> None:
    """A product without features, a white ball, is not judged at all."""
    ball = np.zeros((300, 300, 4), np.uint8)
    cv2.circle(ball, (150, 150), 120, (240, 240, 240, 255), -1)

    assert fidelity(filmed(ball, 0.0), ball) is None
