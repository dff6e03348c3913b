"""Puts and gets artifacts by key in S3 or in a folder; existence means complete.

The only file that knows boto3. A small JSON record is written after the large object it names, so a record that
exists stands for work that is whole. Content-addressed objects are written once and never changed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel

from renderer.errors import SettingsError, StoreError

R = TypeVar("R", bound=BaseModel)

CONTENT_TYPES = {
    ".mp4": "video/mp4",
    ".wav": "audio/wav",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".svg": "image/svg+xml",
    ".vtt": "text/vtt; charset=utf-8",
    ".srt": "application/x-subrip; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/jsonl; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
}
ABSENT = {"404", "NoSuchKey", "NotFound"}
EXISTS = {"412", "PreconditionFailed", "ConditionalRequestConflict"}
NO_CONDITIONS = {"NotImplemented", "501"}


class Objects(Protocol):
    """What a place for objects must be able to do. Keys are relative, with `/`."""

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

    def url(self, key: str) -> str:
        """Return the address that manifests name."""


class Store:
    """Artifacts by key, the same on a laptop's folder and on S3."""

    def __init__(self, objects: Objects, cache: Path) -> None:
        self.objects = objects
        self.cache = cache

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


class FolderObjects:
    """Objects as files below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().resolve()

    def put(self, key: str, body: bytes | Path, *, replace: bool) -> bool:
        target = self._path(key)
        if not replace and target.exists():
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        with _temporary_beside(target) as temporary:
            if isinstance(body, Path):
                shutil.copyfile(body, temporary)
            else:
                temporary.write_bytes(body)
            return _move(temporary, target, replace=replace)

    def get(self, key: str) -> bytes | None:
        with contextlib.suppress(FileNotFoundError):
            return self._path(key).read_bytes()
        return None

    def local(self, key: str, cache: Path) -> Path | None:
        path = self._path(key)
        return path if path.is_file() else None

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def keys(self, prefix: str) -> Iterator[str]:
        start = self.folder / prefix.rpartition("/")[0]
        for path in sorted(start.rglob("*")):
            key = path.relative_to(self.folder).as_posix()
            if key.startswith(prefix) and path.is_file() and not path.name.startswith(TEMPORARY):
                yield key

    def url(self, key: str) -> str:
        return self._path(key).as_uri()

    def _path(self, key: str) -> Path:
        if key.startswith("/") or ".." in PurePosixPath(key).parts:
            raise StoreError(f"{key!r}: a key must stay inside the store. Use relative keys without '..'.")
        return self.folder / key


TEMPORARY = ".partial-"


@contextlib.contextmanager
def _temporary_beside(target: Path) -> Iterator[Path]:
    """Yield a path in the same folder (so that a rename is atomic) and remove what is left of it."""
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=target.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _move(temporary: Path, target: Path, *, replace: bool) -> bool:
    temporary.chmod(0o644)
    if replace:
        temporary.replace(target)
        return True
    try:
        os.link(temporary, target)  # unlike rename, fails if another writer was first
    except FileExistsError:
        return False
    return True


class S3Objects:
    """Objects in one bucket below one prefix, on AWS or any server that speaks S3."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""

    @cached_property
    def client(self) -> Any:
        """The connection, opened at first use."""
        return s3_client()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the connection behind on the way to a worker process; it opens its own."""
        return {name: value for name, value in self.__dict__.items() if name != "client"}

    def put(self, key: str, body: bytes | Path, *, replace: bool) -> bool:
        condition = {} if replace else {"IfNoneMatch": "*"}
        try:
            self._put(key, body, **condition)
        except _client_error() as error:
            if _code(error) in EXISTS:
                return False
            if not replace and _code(error) in NO_CONDITIONS:  # a server without conditional writes
                return not self.exists(key) and self.put(key, body, replace=True)
            raise self._failed("put", key, error) from error
        return True

    def get(self, key: str) -> bytes | None:
        try:
            body: bytes = self.client.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"].read()
        except _client_error() as error:
            if _code(error) in ABSENT:
                return None
            raise self._failed("get", key, error) from error
        return body

    def local(self, key: str, cache: Path) -> Path | None:
        target = cache / key
        if target.is_file():
            return target
        body = self.get(key)
        if body is None:
            return None
        target.parent.mkdir(parents=True, exist_ok=True)
        with _temporary_beside(target) as temporary:
            temporary.write_bytes(body)
            _move(temporary, target, replace=True)
        return target

    def exists(self, key: str) -> bool:
        try:
            self.client.head_object(Bucket=self.bucket, Key=self.prefix + key)
        except _client_error() as error:
            if _code(error) in ABSENT:
                return False
            raise self._failed("head", key, error) from error
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + prefix)
        try:
            for page in pages:
                for entry in page.get("Contents", []):
                    yield entry["Key"].removeprefix(self.prefix)
        except _client_error() as error:
            if _code(error) != "NoSuchBucket":
                raise self._failed("list", prefix, error) from error

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}{key}"

    def _put(self, key: str, body: bytes | Path, **condition: str) -> None:
        facts = {"Bucket": self.bucket, "Key": self.prefix + key, "ContentType": _content_type(key), **condition}
        if isinstance(body, Path):
            with body.open("rb") as file:
                self.client.put_object(Body=file, **facts)
        else:
            self.client.put_object(Body=body, **facts)

    def _failed(self, verb: str, key: str, error: Exception) -> StoreError:
        return StoreError(
            f"{self.url(key)}: {verb} failed: {error}. Check the address, the credentials and the server."
        )


def s3_client() -> Any:
    """Return a client configured by the usual AWS variables (`AWS_ENDPOINT_URL_S3`, `AWS_ACCESS_KEY_ID`, ...)."""
    import boto3
    from botocore.config import Config

    # boto3 would still presign with SigV2 for custom endpoints; path style works on every server
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"} if os.environ.get("AWS_ENDPOINT_URL_S3") else {},
        retries={"mode": "standard", "max_attempts": 6},
        connect_timeout=5,
        read_timeout=60,
    )
    return boto3.client("s3", config=config)


def read_s3_object(url: str, max_bytes: int) -> bytes:
    """Return the bytes of `s3://bucket/key`.

    Raises:
        StoreError: it is absent, forbidden, or larger than `max_bytes`.
    """
    parts = urlsplit(url)
    try:
        answer = s3_client().get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))
    except _client_error() as error:
        raise StoreError(f"{url}: get failed: {error}. Check the address and the credentials.") from error
    if answer["ContentLength"] > max_bytes:
        raise StoreError(f"{url}: {answer['ContentLength']:,} bytes. At most {max_bytes:,} bytes fit.")
    body: bytes = answer["Body"].read()
    return body


def _client_error() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    return (ClientError, BotoCoreError)


def _code(error: Exception) -> str:
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


def _content_type(key: str) -> str:
    return CONTENT_TYPES.get(PurePosixPath(key).suffix, "application/octet-stream")
