"""Objects as files below one folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from renderer.errors import StoreError

TEMPORARY = ".partial-"


class FolderObjects:
    """Objects as files below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().resolve()

    def prepare(self) -> None:
        pass

    def put(self, key: str, body: bytes | Path, *, replace: bool) -> bool:
        target = self._path(key)
        if not replace and target.exists():
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary_beside(target) as temporary:
            if isinstance(body, Path):
                shutil.copyfile(body, temporary)
            else:
                temporary.write_bytes(body)
            return move(temporary, target, replace=replace)

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

    def folders(self, prefix: str) -> Iterator[str]:
        folder = self._path(prefix)
        yield from sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ()

    def signed_url(self, key: str, valid_s: int) -> str | None:
        return None

    def url(self, key: str) -> str:
        return self._path(key).as_uri()

    def _path(self, key: str) -> Path:
        if key.startswith("/") or ".." in PurePosixPath(key).parts:
            raise StoreError(f"{key!r}: a key must stay inside the store. Use relative keys without '..'.")
        return self.folder / key


@contextlib.contextmanager
def temporary_beside(target: Path) -> Iterator[Path]:
    """Yield a path in the same folder (so that a rename is atomic) and remove what is left of it."""
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=target.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def move(temporary: Path, target: Path, *, replace: bool) -> bool:
    """Give a finished file its name; return False if it has an owner already and `replace` is false."""
    temporary.chmod(0o644)
    if replace:
        temporary.replace(target)
        return True
    try:
        os.link(temporary, target)  # unlike rename, fails if another writer was first
    except FileExistsError:
        return False
    return True
