"""Fetches the font of coloured emoji once, at set-up: `python -m renderer.picture.emoji_font`.

No Python package carries it; the npm package @fontsource/noto-color-emoji does (SIL Open Font License 1.1). Without it,
emoji are drawn in one colour.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

from renderer.errors import BackendError
from renderer.npm import members, pack

PACKAGE = "@fontsource/noto-color-emoji@5.3.2"
MEMBER = "files/noto-color-emoji-emoji-400-normal.woff"
SHA256 = "f1c5e9f5bf027e93d3401224885e53c4bcce1a43422650a02594b94f05e7c4b5"


def emoji_font() -> Path:
    """Return where this installation keeps the font; it may not be there."""
    return Path(sys.prefix) / "share" / "adloom" / "fonts" / "NotoColorEmoji.woff"


def set_up(path: Path) -> bool:
    """Fetch the font unless it is there; tell whether it was fetched.

    Raises:
        BackendError: the package cannot be fetched, or the file in it is not the one that was pinned.
    """
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        found = members(pack(PACKAGE, Path(scratch), "Noto Color Emoji"), (MEMBER, "LICENSE"))
    sha256 = hashlib.sha256(found[MEMBER]).hexdigest()
    if sha256 != SHA256:
        raise BackendError(f"Noto Color Emoji: {PACKAGE} has SHA-256 {sha256}, not {SHA256}. Do not use this package.")
    (path.parent / "LICENSE").write_bytes(found["LICENSE"])
    partial = path.with_suffix(".part")
    partial.write_bytes(found[MEMBER])
    partial.replace(path)
    return True


def main() -> None:
    """Fetch what is missing and say so."""
    fetched = set_up(emoji_font())
    sys.stdout.write(f"{emoji_font()}: {'fetched' if fetched else 'is there'}\n")


if __name__ == "__main__":
    main()
