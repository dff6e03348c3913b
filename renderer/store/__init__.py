"""Puts and gets artifacts by key in S3 or in a folder; existence means complete.

A small JSON record is written after the large object it names, so a record that exists stands for work that is whole.
Content-addressed objects are written once and never changed. folder.py and s3.py are the two places for them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel

from renderer.errors import SettingsError, StoreError
from renderer.store.folder import FolderObjects
from renderer.store.s3 import S3Objects

R = TypeVar("R", bound=BaseModel)

READERS = 16  # requests at once; a connection for each is kept (s3.py)


class Objects(Protocol):
    """What a place for objects must be able to do. Keys are relative, with `/`."""

    def prepare(self) -> None:
        """Load what the first request would wait for; asks no server."""

    def put(self, key: str, body: bytes | Path, *, replace: bool) -> bool:
        """Write atomically; change nothing and return False if the object exists and `replace` is false."""

    def get(self, key: str) -> bytes | None:
        """Return the bytes, or None where there is no such object."""

    def local(self, key: str, cache: Path) -> Path | None:
        """Return a path to read the object from, or None where there is no such object."""

    def exists(self, key: str) -> bool:
        """Tell whether the object is there."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with `prefix`, sorted."""

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names between `prefix`, which ends with `/`, and the next `/`, sorted."""

    def url(self, key: str) -> str:
        """Return the address that manifests name."""

    def signed_url(self, key: str, valid_s: int) -> str | None:
        """Return an address that a browser may read for a while, or None where there is none."""


class Store:
    """Artifacts by key, the same on a laptop's folder and on S3."""

    def __init__(self, objects: Objects, cache: Path) -> None:
        self.objects = objects
        self.cache = cache

    def prepare(self) -> None:
        """Load what the first request would wait for; asks no server, so a process may still be forked."""
        self.objects.prepare()

    def put_record(self, key: str, record: BaseModel) -> None:
        """Write a record as JSON, replacing an older one. Write it last: it says that what it names is whole."""
        self.objects.put(key, record.model_dump_json().encode(), replace=True)

    def get_record(self, key: str, kind: type[R]) -> R | None:
        """Return the record, or None where there is none."""
        body = self.objects.get(key)
        return None if body is None else kind.model_validate_json(body)

    def put_file(self, key: str, path: Path) -> None:
        """Write a content-addressed file once; nothing happens if it is there already."""
        self.objects.put(key, path, replace=False)

    def put_bytes(self, key: str, body: bytes, *, replace: bool = False) -> bool:
        """Write bytes; return False, and change nothing, if the object exists and `replace` is false."""
        return self.objects.put(key, body, replace=replace)

    def get_bytes(self, key: str) -> bytes | None:
        """Return the bytes, or None where there is no such object."""
        return self.objects.get(key)

    def get_all(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the bytes of many objects, read at once, in the order of their keys; None where there is none."""
        if len(keys) < 2:
            return [self.get_bytes(key) for key in keys]
        with ThreadPoolExecutor(min(READERS, len(keys))) as readers:
            return list(readers.map(self.get_bytes, keys))

    def get_records(self, keys: Sequence[str], kind: type[R]) -> list[R | None]:
        """Return many records, read at once, in the order of their keys; None where there is none."""
        return [None if body is None else kind.model_validate_json(body) for body in self.get_all(keys)]

    def local(self, key: str) -> Path:
        """Return a path with the content of a content-addressed object, fetched at most once.

        Raises:
            StoreError: there is no such object.
        """
        path = self.objects.local(key, self.cache)
        if path is None:
            raise StoreError(f"{self.url(key)}: there is no such object. Run the stage that makes it.")
        return path

    def exists(self, key: str) -> bool:
        """Tell whether the object is there."""
        return self.objects.exists(key)

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with `prefix`, sorted."""
        return self.objects.keys(prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of the folders below `prefix`, which ends with `/`, sorted; what is in them is not listed."""
        return self.objects.folders(prefix)

    def signed_url(self, key: str, valid_s: int) -> str | None:
        """Return a web address that anybody may read for `valid_s` seconds, or None where the store has none."""
        return self.objects.signed_url(key, valid_s)

    def url(self, key: str) -> str:
        """Return the address that people and manifests use."""
        return self.objects.url(key)


def open_store(url: str, cache: Path | None = None) -> Store:
    """Open `s3://bucket/prefix` (credentials and endpoint from the usual AWS variables) or `file://folder`.

    Raises:
        SettingsError: the address is of another kind.
    """
    parts = urlsplit(url)
    cache = cache or Path(tempfile.gettempdir()) / "adloom-cache"
    if parts.scheme == "file":
        return Store(FolderObjects(Path(parts.netloc + parts.path)), cache)
    if parts.scheme == "s3" and parts.netloc:
        return Store(S3Objects(parts.netloc, parts.path.strip("/")), cache / parts.netloc)
    raise SettingsError(
        f"store address {url!r}: not a place adloom can write to. Use s3://bucket/prefix or file://folder."
    )
