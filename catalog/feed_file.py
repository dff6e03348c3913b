"""Opens feed files: plain or gzip, text in UTF-8 or UTF-16 with its mark, never more than fits."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from catalog.errors import CatalogError, Problem

MAX_BYTES = 1_000_000_000  # unpacked; far above any feed, far below what a small .gz can unfold to
MAX_LINE = 1_000_000  # characters; the longest product of Merchant Center has about 50,000
BLOCK = 1 << 16
MARKS = (
    (codecs.BOM_UTF32_LE, ""),  # starts like UTF-16, so it is asked first
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Unreadable:
    """A row that could not be split into fields, with its id where that could still be seen."""

    fact: str
    cure: str
    subject: str = ""


Record = tuple[int, Sequence[str] | Unreadable]  # line, fields in the order of the columns
Item = tuple[int, Mapping[str, str] | Unreadable]  # line, fields by name


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a feed for reading, unpacked.

    Raises:
        CatalogError: it is missing, broken, or larger than `MAX_BYTES`, also while it is read.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as body:
            yield cast(BinaryIO, io.BufferedReader(_Bounded(cast(BinaryIO, body), path.name), BLOCK))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise CatalogError([Problem(path.name, f"cannot be unpacked: {error}", "Upload it again.")]) from error
    except OSError as error:
        fact = (error.strerror or str(error)).lower()
        raise CatalogError([Problem(path.name, fact, "Check the path.")]) from error


@contextmanager
def open_text(path: Path) -> Iterator[Iterator[str]]:
    """Open a feed as lines with their endings.

    Raises:
        CatalogError: as `open_bytes`, or it is neither UTF-8 nor UTF-16 with its mark; names the first wrong byte.
    """
    with open_bytes(path) as body:
        encoding = _encoding(cast(io.BufferedReader, body), path.name)
        try:
            yield _lines(io.TextIOWrapper(body, encoding=encoding, newline=""), path.name)
        except UnicodeDecodeError as error:
            raise CatalogError([_wrong_byte(path, encoding)]) from error


def _lines(text: io.TextIOWrapper, name: str) -> Iterator[str]:
    """The lines with their endings; one that would fill the memory is refused."""
    number = 0
    while line := text.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            cure = "Write one product per line."
            raise CatalogError([Problem(f"{name}:{number}", f"has more than {MAX_LINE:,} characters", cure)])
        yield line


def _encoding(body: io.BufferedReader, name: str) -> str:
    start = body.peek(4)
    encoding = next((encoding for mark, encoding in MARKS if start.startswith(mark)), "utf-8")
    if not encoding or (encoding == "utf-8" and b"\0" in start[:4]):
        raise CatalogError([Problem(name, "is neither UTF-8 nor UTF-16 with its mark", "Save it as UTF-8.")])
    return encoding


def _wrong_byte(path: Path, encoding: str) -> Problem:
    """Find the first byte that does not decode; reads the file a second time, which only a wrong file costs."""
    decoder = codecs.getincrementaldecoder(encoding)()
    read, lines = 0, 1
    with open_bytes(path) as body:
        while block := body.read(BLOCK):
            pending = len(decoder.getstate()[0])
            try:
                lines += decoder.decode(block).count("\n")
            except UnicodeDecodeError as error:
                lines += error.object[: error.start].count(b"\n")
                byte, offset = error.object[error.start], read - pending + error.start
                fact = f"byte 0x{byte:02X} at offset {offset} is not {encoding.removesuffix('-sig').upper()}"
                return Problem(f"{path.name}:{lines}", fact, "Save the file as UTF-8 (in Excel: 'CSV UTF-8').")
            read += len(block)
    return Problem(f"{path.name}:{lines}", "ends inside a character", "Upload it again.")


class _Bounded(io.RawIOBase):
    """Passes bytes on until there are too many."""

    def __init__(self, body: BinaryIO, name: str) -> None:
        self._body = body
        self._name = name
        self._left = MAX_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = self._body.read(len(buffer))
        self._left -= len(block)
        if self._left < 0:
            cure = "Split it, or send only the products to advertise."
            raise CatalogError([Problem(self._name, f"has more than {MAX_BYTES:,} bytes unpacked", cure)])
        buffer[: len(block)] = block
        return len(block)
