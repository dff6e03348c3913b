"""Product pictures come in checked and cut out; strangers' addresses reach nothing private."""

from __future__ import annotations

import hashlib
import io
import socket
import ssl
import struct
import subprocess
import threading
import zlib
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
from PIL import Image

from catalog import Money, Product
from renderer.cutout import cut_out
from renderer.download import DownloadLimits, PictureError, download, is_public
from renderer.images import decode, fetch_images, prepare
from renderer.palette import backdrop_palette, oklab
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


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "::1", "fe80::1", "fd00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::",
     "fd00:ec2::254"],
)  # fmt: skip
def test_private_addresses_are_refused(text: str) -> None:
    """Loopback, private, link-local, shared, multicast and metadata addresses are no public ones, however written."""
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(text: str) -> None:
    """The open internet can be reached."""
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    ("url", "fact"),
    [
        ("https://127.0.0.1/a.png", "not public"),
        ("https://10.0.0.8/a.png", "not public"),
        ("https://169.254.169.254/latest/meta-data", "not public"),
        ("https://[::1]/a.png", "not public"),
        ("https://localhost/a.png", "not public"),
        ("https://2130706433/a.png", "not public"),
        ("https://0x7f.1/a.png", "not public"),
        ("http://example.com/a.png", "not an https:// address"),
        ("ftp://example.com/a.png", "not an https:// address"),
        ("file:///etc/passwd", "not an https:// address"),
        ("https://user:word@example.com/a.png", "not an https:// address"),
        ("https://[::1/a.png", "not an address"),
    ],
)
def test_forbidden_links_are_problems(url: str, fact: str, store: Store) -> None:
    """A link to this machine, its network or another scheme never opens a connection."""
    _, [problem] = fetch_images([product(url)], store)

    assert fact in problem.fact


class Shop(BaseHTTPRequestHandler):
    """A shop's web server with good and bad pictures."""

    hosts: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.hosts.append(self.headers["Host"])
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/") if self.path != "/to/loop" else "/to/loop")
            self.end_headers()
            return
        kind, body = {
            "/cup%20red.png?size=1": ("image/png", encoded(packshot())),
            "/page": ("text/html", b"<html>"),
            "/huge": ("image/png", b"x" * 30_000_000),
        }.get(self.path, ("", b""))
        self.send_response(200 if kind else 404)
        self.send_header("Content-Type", kind)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "shop.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", path, "-out", path.with_suffix(".crt")],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def shop(certificate: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate.with_suffix(".crt"), certificate)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def local(certificate: Path) -> DownloadLimits:
    """Limits that allow this machine, for the tests' own shop."""
    trust = ssl.create_default_context(cafile=str(certificate.with_suffix(".crt")))
    return DownloadLimits(allows=lambda address: address.is_loopback, tls=trust, timeout_s=5)


def test_picture_is_fetched_over_tls(shop: str, local: DownloadLimits, store: Store) -> None:
    """A picture behind https arrives, with the host's name in the certificate check and in the request."""
    images, problems = fetch_images([product(f"{shop}/cup red.png?size=1")], store, local)

    assert problems == []
    assert images["p1"].has_cutout
    assert Shop.hosts[-1] == shop.removeprefix("https://")


def test_strict_default_refuses_the_same_shop(shop: str) -> None:
    """What the tests allow themselves is refused by default."""
    with pytest.raises(PictureError, match="not public"):
        download(f"{shop}/cup%20red.png?size=1")


def test_redirects_are_followed_and_judged(shop: str, local: DownloadLimits) -> None:
    """A redirect to the picture is followed; one to a private address, to http, or in a circle is not."""
    assert download(f"{shop}/to/{shop}/cup%20red.png?size=1", local).startswith(b"\x89PNG")
    with pytest.raises(PictureError, match=r"10\.0\.0\.1, which is not public"):
        download(f"{shop}/to/https://10.0.0.1/a.png", local)
    with pytest.raises(PictureError, match="not an https:// address"):
        download(f"{shop}/to/http://localhost/a.png", local)
    with pytest.raises(PictureError, match="more than 3 times"):
        download(f"{shop}/to/loop", local)


@pytest.mark.parametrize(
    ("path", "fact"),
    [("/huge", "larger than 20,971,520 bytes"), ("/page", "sends text/html"), ("/none", "status 404")],
)
def test_wrong_answers_are_refused(path: str, fact: str, shop: str, local: DownloadLimits) -> None:
    """A body that is too large is cut off; a wrong type or status is named."""
    with pytest.raises(PictureError, match=fact):
        download(shop + path, local)


def test_wrong_certificate_is_refused(shop: str) -> None:
    """A server that nobody vouches for is not trusted."""
    with pytest.raises(PictureError, match="certificate"):
        download(f"{shop}/page", DownloadLimits(allows=lambda address: True))


def test_silent_server_is_given_up(local: DownloadLimits) -> None:
    """A server that accepts and then says nothing costs the time limit, not the run."""
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(PictureError, match="timed out"):
        download(f"https://localhost:{silent.getsockname()[1]}/", DownloadLimits(allows=local.allows, timeout_s=0.2))
