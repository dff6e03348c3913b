"""Product pictures come in checked and cut out."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from catalog import Money, Product
from renderer.images import decode, fetch_images, prepare
from renderer.images.cutout import cut_out
from renderer.images.palette import backdrop_palette, oklab
from renderer.store import Store, open_store

RED = (200, 40, 30)


def product(link: str, number: int = 1) -> Product:
    price = Money(amount=Decimal(10), currency="EUR")
    return Product(id=f"p{number}", title="Cup", image_link=link, price=price, source=f"products.csv:{number + 1}")


def packshot(ground: tuple[int, ...] = (255, 255, 255), side: int = 800) -> Image.Image:
    """A red disc, 400 of 800 px wide, with a dark band, on an even ground."""
    picture = np.full((side, side, len(ground)), ground, np.uint8)
    colour = (*RED, 255)[: len(ground)]
    cv2.circle(picture, (side // 2, side // 2), side // 4, colour, -1, cv2.LINE_AA)
    cv2.rectangle(
        picture, (side // 3, side // 2), (2 * side // 3, side // 2 + 40), (60, 20, 20, 255)[: len(ground)], -1
    )
    return Image.fromarray(picture)


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"file://{tmp_path / 'store'}")


def test_transparent_picture_is_a_cutout(store: Store, tmp_path: Path) -> None:
    """A PNG with an outline is cropped to it, with a margin, and stored under its own hash."""
    path = tmp_path / "cup.png"
    path.write_bytes(encoded(packshot((0, 0, 0, 0))))

    images, problems = fetch_images([product(str(path))], store)
    image = images["p1"]
    stored = np.asarray(Image.open(image.path))

    assert problems == []
    assert image.has_cutout
    assert hashlib.sha256(Path(image.path).read_bytes()).hexdigest() == image.sha256
    assert stored.shape == (image.height, image.width, 4)
    assert abs(image.width - 401 - 2 * 8) <= 2
    assert tuple(stored[image.height // 4, image.width // 2]) == (*RED, 255)


def test_second_run_does_nothing_again(store: Store, tmp_path: Path) -> None:
    """The same file gives the same record, and nothing in the store is written anew."""
    path = tmp_path / "cup.png"
    path.write_bytes(encoded(packshot((0, 0, 0, 0))))
    first, _ = fetch_images([product(str(path))], store)
    times = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.is_file()}

    second, _ = fetch_images([product(str(path), 1), product(str(path), 2)], store)

    assert second["p1"] == first["p1"]
    assert second["p2"].sha256 == first["p1"].sha256
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.is_file()} == times


def test_plain_ground_is_taken_away() -> None:
    """A JPEG on near-white becomes a cutout with the product's outline, the same every time."""
    source = encoded(packshot((250, 250, 248)), "JPEG", quality=90)

    first, again = prepare(source), prepare(source)
    alpha = first.pixels[..., 3]
    disc = np.pi * 200**2

    assert first.has_cutout
    assert first.pixels.tobytes() == again.pixels.tobytes()
    assert (alpha > 128).sum() == pytest.approx(disc, rel=0.03)
    assert alpha[0].max() == 0


def test_cut_edge_does_not_glow() -> None:
    """Before a dark ground no white fringe is left around a product that was shot on white."""
    pixels = prepare(encoded(packshot())).pixels.astype(float)
    alpha = pixels[..., 3:] / 255
    on_black = pixels[..., :3] * alpha
    edge = (alpha[..., 0] > 0.05) & (alpha[..., 0] < 0.95)

    assert edge.sum() > 100
    assert np.quantile(on_black[edge][:, 1], 0.95) < 80  # green: 40 in the product, 255 in the ground


def bottle(ground: np.ndarray, shade: np.ndarray | float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A green bottle with a label in a studio, uint8 RGB, and where it is; `shade` darkens the ground."""
    picture = (ground * np.asarray(shade)[..., None]).clip(0, 255)
    where = np.zeros((800, 800), np.uint8)
    cv2.rectangle(where, (300, 320), (500, 660), 1, -1)
    cv2.ellipse(where, (400, 320), (100, 120), 0, 180, 360, 1, -1)
    side_light = 1 - 0.5 * np.abs(np.linspace(-1, 1, 800))[None, :, None]
    picture = np.where(where[..., None] == 1, np.array([40, 110, 70]) * side_light, picture)
    picture[420:560, 320:480] = (236, 232, 220)
    return cv2.GaussianBlur(picture.astype(np.uint8), (0, 0), 0.7), where


WHITE, (DOWN, ACROSS) = np.full((800, 800, 3), 255.0), np.mgrid[0:800, 0:800]
FADING = WHITE - 30 * ((DOWN - 300) / 500)[..., None] ** 2 - 12 * (ACROSS / 800)[..., None]
DROP = 1 - 0.35 * cv2.GaussianBlur(np.roll(bottle(WHITE)[1], (16, 12), (0, 1)).astype(float), (0, 0), 22)


@pytest.mark.parametrize(
    "studio",
    [(WHITE, 1.0), (FADING, 1.0), (WHITE - (60, 55, 40), 1.0), (WHITE, DROP)],
    ids=["white", "fading", "grey", "soft shadow"],
)
def test_the_outline_is_found_whatever_the_studio(studio: tuple[np.ndarray, np.ndarray | float]) -> None:
    """On white, on a ground that gets darker, on grey, and over a soft shadow, which is no part of the product."""
    picture, where = bottle(*studio)

    result = prepare(encoded(Image.fromarray(picture), "JPEG", quality=90))

    assert result.has_cutout
    assert (result.pixels[..., 3] > 127).sum() == pytest.approx(where.sum(), rel=0.02)
    assert result.pixels.shape[0] == pytest.approx(461 * 1.04, abs=4)


def reflected() -> np.ndarray:
    picture, _ = bottle(WHITE)
    depth = np.linspace(0.35, 0.0, 139)[:, None, None]
    picture[661:] = picture[521:660][::-1] * depth + 255 * (1 - depth)
    return picture


def glass() -> np.ndarray:
    picture, where = bottle(WHITE)
    rim = cv2.morphologyEx(where, cv2.MORPH_GRADIENT, np.ones((7, 7)))[..., None]
    return np.where(rim == 1, 200, np.where(where[..., None] == 1, 253, picture)).astype(np.uint8)


def on_contact_shadow() -> np.ndarray:
    dark = 0.55 * np.exp(-(((ACROSS - 400) / 120) ** 4) - ((DOWN - 660) / 14) ** 2)
    return bottle(WHITE, 1 - dark)[0]


def handle() -> np.ndarray:
    picture, _ = bottle(WHITE)
    cv2.circle(picture, (400, 400), 60, (255, 255, 255), -1)
    return picture


def pale() -> np.ndarray:
    picture, where = bottle(WHITE)
    lit = np.array([251, 250, 248]) - 14 * (ACROSS / 800)[..., None]
    return np.where(where[..., None] == 1, lit, picture).astype(np.uint8)


@pytest.mark.parametrize("hard", [reflected, glass, on_contact_shadow, handle, pale])
def test_an_unsure_outline_is_not_used(hard: Callable[[], np.ndarray]) -> None:
    """A reflection, clear glass, a hard shadow at the foot, ground seen through a handle, white on white: a card."""
    result = prepare(encoded(Image.fromarray(hard()), "JPEG", quality=90))

    assert not result.has_cutout


@pytest.mark.parametrize("case", ["busy", "dark", "cropped", "two"])
def test_no_outline_is_better_than_a_wrong_one(case: str) -> None:
    """A scene, a dark ground, a product that touches the border, or two things: the whole picture stays."""
    picture = np.asarray(packshot()).copy()
    if case == "busy":
        picture = np.random.default_rng(0).integers(0, 256, picture.shape, np.uint8)
    elif case == "dark":
        picture = np.asarray(packshot((30, 30, 30)))
    elif case == "cropped":
        picture[300:500, 400:] = RED
    else:
        picture[:] = 255
        cv2.circle(picture, (200, 400), 120, RED, -1)
        cv2.circle(picture, (600, 400), 120, RED, -1)

    result = prepare(encoded(Image.fromarray(picture)))

    assert not result.has_cutout
    assert result.pixels.shape == (800, 800, 4)
    assert result.pixels[..., 3].min() == 255


def test_invisible_picture_is_no_cutout() -> None:
    """A picture that is transparent all over does not crash the crop."""
    pixels, has_cutout = cut_out(np.zeros((700, 700, 4), np.uint8))

    assert not has_cutout
    assert pixels[..., 3].min() == 255


def test_camera_orientation_is_applied() -> None:
    """A picture that a camera stored lying down stands up."""
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees

    assert decode(encoded(Image.new("RGB", (900, 600)), "JPEG", exif=exif.tobytes())).size == (600, 900)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGB", "LA", "1", "I;16"])
def test_every_mode_becomes_rgba(mode: str) -> None:
    """Grey, palette, print and 16-bit pictures are all read."""
    picture = Image.new(mode, (64, 64)) if mode == "I;16" else packshot(side=64).convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"

    assert decode(encoded(picture, kind)).mode == "RGBA"


def bomb() -> bytes:
    """A PNG of 70 bytes that claims 81 million pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 9000, 9000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"GIF89a nothing", "cannot be read as a picture"),
        (encoded(packshot())[:3000], "cannot be read as a picture"),
        (b"", "cannot be read as a picture"),
        (bomb(), "9000x9000 pixels"),
        (encoded(packshot(side=300)), "300x300 pixels"),
    ],
    ids=["gif", "truncated", "empty", "bomb", "small"],
)
def test_bad_file_is_a_problem_of_its_row(content: bytes, fact: str, store: Store, tmp_path: Path) -> None:
    """A file that cannot be used names the feed's line, the link, what is wrong and what fits; others go on."""
    (tmp_path / "bad.png").write_bytes(content)
    (tmp_path / "good.png").write_bytes(encoded(packshot()))
    products = [product(str(tmp_path / "bad.png"), 1), product(str(tmp_path / "good.png"), 2)]

    images, [problem] = fetch_images(products, store)

    assert list(images) == ["p2"]
    assert (problem.place, problem.subject) == ("products.csv:2", "p1")
    assert "image_link: " + str(tmp_path / "bad.png") in problem.fact
    assert fact in problem.fact
    assert problem.cure.endswith(".")


def test_private_address_is_a_problem(store: Store) -> None:
    """A link into this machine's network is refused and told like any other wrong row."""
    _, [problem] = fetch_images([product("https://169.254.169.254/latest/meta-data")], store)

    assert "not public" in problem.fact
    assert problem.subject == "p1"


def test_missing_file_is_a_problem(store: Store, tmp_path: Path) -> None:
    """A path that leads nowhere is told as such."""
    _, [problem] = fetch_images([product(str(tmp_path / "none.png"))], store)

    assert "No such file" in problem.fact


@pytest.mark.parametrize("colour", [(30, 90, 60), (240, 240, 238), (200, 60, 40), (20, 20, 25), (250, 210, 60)])
def test_palette_sets_the_product_off(colour: tuple[int, int, int]) -> None:
    """Dark, middle and light rise in lightness, the middle differs from the product, and none is more vivid than it."""
    picture = np.full((100, 100, 4), (*colour, 255), np.uint8)

    palette = backdrop_palette(picture)
    lab = oklab(np.array([list(bytes.fromhex(entry[1:])) for entry in palette], np.uint8))
    own = oklab(np.array(colour, np.uint8))

    assert lab[0, 0] + 0.15 < lab[1, 0] < lab[2, 0] - 0.1
    assert np.linalg.norm(lab[1] - own) > 0.1
    assert np.hypot(lab[:, 1], lab[:, 2]).max() <= max(np.hypot(own[1], own[2]), 0.03)


def test_pictures_lie_in_buckets_too(store: Store, s3_server: str) -> None:
    """`s3://` addresses are read with the store's own credentials; one that is absent refuses its product by name."""
    open_store(s3_server).put_bytes("feed/cup.png", encoded(packshot((0, 0, 0, 0))))
    images, problems = fetch_images(
        [product(f"{s3_server}/feed/cup.png"), product(f"{s3_server}/feed/none.png", 2)], store
    )

    assert ["p1"] == list(images)
    assert ["p2"] == [problem.subject for problem in problems]
    assert "products.csv:3: image_link" in str(problems[0])


def test_further_pictures_are_fetched_where_they_are_wanted(store: Store, tmp_path: Path) -> None:
    """In the feed's order; one that cannot be used is told, and the product goes on without it."""
    for name in ("front", "side"):
        (tmp_path / f"{name}.png").write_bytes(encoded(packshot(side=700 if name == "front" else 800)))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    one = product(str(tmp_path / "front.png"))
    one = one.model_copy(update={"attributes": {"additional_image_link": "side.png, broken.png,front.png"}})

    images, [problem] = fetch_images([one], store, more_beside=tmp_path)
    without, _ = fetch_images([one], store)

    assert [more.has_cutout for more in images["p1"].more] == [True, True]
    assert images["p1"].more[1].sha256 == images["p1"].sha256 != images["p1"].more[0].sha256
    assert "additional_image_link" in str(problem)
    assert "broken.png: the file cannot be read" in str(problem)
    assert problem.subject == ""
    assert without["p1"].more == ()
