"""Fetches pictures from the web without becoming anyone's door into a private network.

A feed is written by strangers: its addresses may name this machine, its neighbours or a cloud's metadata service.
So every name is resolved here, every address is judged, and the connection goes to exactly the address that was
judged (a second look-up could answer differently). Redirects start over. Only `https://` is spoken.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import quote, urljoin, urlsplit

from renderer.errors import MediaError

Address = IPv4Address | IPv6Address

PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp")
REDIRECTS = (301, 302, 303, 307, 308)
NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))  # RFC 6052, RFC 8215: end in an IPv4 address
CHUNK = 64 * 1024
TRIES = 2
USER_AGENT = "adloom"


class PictureError(MediaError):
    """A picture cannot be used: the fact, and what would fit."""

    def __init__(self, fact: str, cure: str) -> None:
        super().__init__(fact, cure)
        self.fact = fact
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.fact}. {self.cure}"


def is_public(address: Address) -> bool:
    """Tell whether an address lies in the open internet, also where it carries an IPv4 address inside."""
    if isinstance(address, IPv6Address):
        if any(address in network for network in NAT64):
            return False
        inside = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if inside:
            return is_public(inside)
    return address.is_global and not address.is_multicast


@dataclass(frozen=True)
class DownloadLimits:
    """What a download may cost and where it may go. `tls` replaces the system's trust, for private authorities."""

    max_bytes: int = 20 * 1024 * 1024
    max_redirects: int = 3
    timeout_s: float = 10.0  # for each answer of the other side
    deadline_s: float = 60.0  # for the whole picture
    allows: Callable[[Address], bool] = is_public
    tls: ssl.SSLContext | None = None


DEFAULT_LIMITS = DownloadLimits()


def download(url: str, limits: DownloadLimits = DEFAULT_LIMITS) -> bytes:
    """Return the bytes behind an `https://` address.

    Raises:
        PictureError: the address, the server or its answer does not fit the limits.
    """
    for attempt in range(1, TRIES + 1):
        try:
            return _follow(url, limits)
        except (OSError, http.client.HTTPException) as error:
            if attempt == TRIES:
                raise PictureError(
                    f"cannot be fetched ({error or type(error).__name__})", "Check the address."
                ) from error
    raise AssertionError


def resolve(host: str, port: int, limits: DownloadLimits) -> Address:
    """Return an address of a host; all that it has must be allowed.

    Raises:
        PictureError: one of them is not.
        OSError: the name is unknown.
    """
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers]
    for address in addresses:
        if not limits.allows(address):
            raise PictureError(f"{host} leads to {address}, which is not public", "Use a public https:// address.")
    return addresses[0]


class _PinnedConnection(http.client.HTTPSConnection):
    """Speaks TLS with the host by name, at an address that was judged before."""

    def __init__(self, host: str, port: int, address: Address, limits: DownloadLimits) -> None:
        self.tls = limits.tls or ssl.create_default_context()
        super().__init__(host, port, timeout=limits.timeout_s, context=self.tls)
        self.address = address

    def connect(self) -> None:
        plain = socket.create_connection((str(self.address), self.port), self.timeout)
        self.sock = self.tls.wrap_socket(plain, server_hostname=self.host)


def _follow(url: str, limits: DownloadLimits) -> bytes:
    """Read the address and those it redirects to, each judged like the first."""
    deadline = time.monotonic() + limits.deadline_s
    for _ in range(limits.max_redirects + 1):
        connection, target = _open(url, limits)
        try:
            connection.request("GET", target, headers={"User-Agent": USER_AGENT, "Accept": ", ".join(PICTURE_TYPES)})
            answer = connection.getresponse()
            if answer.status not in REDIRECTS:
                return _read(answer, limits, deadline)
            url = urljoin(url, answer.getheader("Location", ""))
        finally:
            connection.close()
    raise PictureError(f"is redirected more than {limits.max_redirects} times", "Give the picture's own address.")


def _open(url: str, limits: DownloadLimits) -> tuple[_PinnedConnection, str]:
    """Return an unopened connection to a judged address, and the target to ask for."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 443
    except ValueError as error:
        raise PictureError(f"{url} is not an address ({error})", "Write https://host/path.") from error
    if parts.scheme != "https" or not host or parts.username is not None:
        raise PictureError(f"{url} is not an https:// address", "Write https://host/path, without a user name.")
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    target += f"?{quote(parts.query, safe='/?%:@!$&()*+,;=~-._')}" if parts.query else ""
    return _PinnedConnection(host, port, resolve(host, port, limits), limits), target


def _read(answer: http.client.HTTPResponse, limits: DownloadLimits, deadline: float) -> bytes:
    if answer.status >= 500:
        raise http.client.HTTPException(f"status {answer.status}")  # may pass: tried again
    if answer.status != 200:
        raise PictureError(f"the server answers with status {answer.status}", "Check the address.")
    kind = answer.headers.get_content_type()
    if kind not in PICTURE_TYPES:
        raise PictureError(f"the server sends {kind}", f"It must be one of {', '.join(PICTURE_TYPES)}.")
    body = bytearray()
    while chunk := answer.read1(CHUNK):
        body += chunk
        if len(body) > limits.max_bytes:
            raise PictureError(f"is larger than {limits.max_bytes:,} bytes", "Supply a smaller file.")
        if time.monotonic() > deadline:
            raise PictureError(f"takes longer than {limits.deadline_s:.0f} s", "Use a faster server.")
    if answer.length:
        raise http.client.IncompleteRead(bytes(body), answer.length)
    return bytes(body)
