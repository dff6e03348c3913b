"""Strangers' addresses reach nothing private, and their servers cannot cost more than the limits."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from renderer.images.download import DownloadLimits, PictureError, download, is_public

PICTURE = b"\x89PNG and so on"  # nothing is decoded here


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
def test_forbidden_links_are_problems(url: str, fact: str) -> None:
    """A link to this machine, its network or another scheme never opens a connection."""
    with pytest.raises(PictureError, match=fact):
        download(url)


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
            "/cup%20red.png?size=1": ("image/png", PICTURE),
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
    """A key, and beside it a certificate of its own for localhost."""
    path = tmp_path_factory.mktemp("tls") / "shop.pem"
    key, name, now = ec.generate_private_key(ec.SECP256R1()), x509.DNSName("localhost"), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False)
    signed = builder.sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    path.with_suffix(".crt").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
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


def test_picture_is_fetched_over_tls(shop: str, local: DownloadLimits) -> None:
    """A picture behind https arrives, with the host's name in the certificate check and in the request."""
    assert download(f"{shop}/cup red.png?size=1", local) == PICTURE
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
