"""Objects in a bucket, on AWS or any server that speaks S3. The only file that knows boto3."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from renderer.errors import StoreError
from renderer.store.folder import move, temporary_beside

CONTENT_TYPES = {
    ".mp4": "video/mp4",
    ".wav": "audio/wav",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".svg": "image/svg+xml",
    ".vtt": "text/vtt; charset=utf-8",
    ".srt": "application/x-subrip; charset=utf-8",
    ".ttml": "application/ttml+xml; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/jsonl; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".xml": "application/xml",
}
ABSENT = {"404", "NoSuchKey", "NotFound"}
EXISTS = {"412", "PreconditionFailed", "ConditionalRequestConflict"}
CONNECTIONS = 40  # as many threads as a web server has
NO_CONDITIONS = {"NotImplemented", "501"}


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

    def prepare(self) -> None:
        _ = self.client  # a second for boto3 and its table of S3

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
        with temporary_beside(target) as temporary:
            temporary.write_bytes(body)
            move(temporary, target, replace=True)
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

    def folders(self, prefix: str) -> Iterator[str]:
        wanted = self.prefix + prefix
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=wanted, Delimiter="/")
        try:
            for page in pages:
                for entry in page.get("CommonPrefixes", []):
                    yield entry["Prefix"].removeprefix(wanted).rstrip("/")
        except _client_error() as error:
            if _code(error) != "NoSuchBucket":
                raise self._failed("list", prefix, error) from error

    def signed_url(self, key: str, valid_s: int) -> str | None:
        place = {"Bucket": self.bucket, "Key": self.prefix + key}
        return str(self.client.generate_presigned_url("get_object", Params=place, ExpiresIn=valid_s))

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
        max_pool_connections=CONNECTIONS,
        read_timeout=60,
    )
    return boto3.session.Session().client("s3", config=config)  # boto3's common session is not for several threads


def s3_etags(url: str) -> dict[str, str]:
    """Return the ETag of every object whose address starts with `url` (`s3://bucket/start of a key`), by its address.

    Raises:
        StoreError: the bucket is absent, or may not be listed.
    """
    parts = urlsplit(url)
    pages = s3_client().get_paginator("list_objects_v2").paginate(Bucket=parts.netloc, Prefix=parts.path.lstrip("/"))
    try:
        found = [entry for page in pages for entry in page.get("Contents", [])]
    except _client_error() as error:
        raise StoreError(f"{url}: list failed: {error}. Check the address and the credentials.") from error
    return {f"s3://{parts.netloc}/{entry['Key']}": entry["ETag"] for entry in found}


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
