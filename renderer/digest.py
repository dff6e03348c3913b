"""Gives equal work equal names: a kind, a canonical JSON text of everything that changes the bytes, SHA-256."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

KEY_LENGTH = 32  # hex digits, 128 bits: no accidental collision below 10**18 keys


def content_key(kind: str, facts: Any) -> str:
    """Return `kind-` and 32 hex digits that depend on the kind and on every fact, not on key order."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    digest = hashlib.sha256(f"{kind}\n{text}".encode()).hexdigest()
    return f"{kind}-{digest[:KEY_LENGTH]}"


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
