"""Fetches Kokoro's voices once, at set-up, and gives them to the engine: `python -m renderer.backends.kokoro_voices`.

No Python package carries the voices; the npm package kokoro-js does (Apache-2.0). Each file is checked against a pinned
SHA-256 and kept as float16, which changes the sound by less than a change of a thousandth in the style itself.
"""

from __future__ import annotations

import hashlib
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderer.errors import BackendError
from renderer.npm import pack

PACKAGE = "kokoro-js@1.2.1"
STYLE_SHAPE = (510, 1, 256)  # one style per number of tokens

# SHA-256 of voices/<name>.bin in the package: float32, little endian, STYLE_SHAPE.
VOICE_SHA256 = {
    "af_heart": "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b",
    "am_michael": "1d1f21dd8da39c30705cd4c75d039d265e9bc4a2a93ed09bc9e1b1225eb95ba1",
    "bf_emma": "669fe0647f9dd04fcab92f1439a40eeb4c8b4ab1f82e4996fe3d918ce4a63b73",
    "ef_dora": "f66ec66bd295acb18372e37008533a9a3228483ccd294e7538d5d9294ac9a532",
    "em_alex": "27809e9eafdcbcfff90a3016c697568676531de2a2c39cee29c96c7bd6b83e95",
    "ff_siwis": "a35f5675ad08948e326ae75fd0ea16ba5d0042e4f76b5f3d1df77d0a48c54861",
    "hf_alpha": "040be6a4425411cc01fda5fd06693c76bfa78572632852bc8cda9c99232ffb56",
    "if_sara": "409b69248798fcdc2542330c76953d230710f19b057e59cb82fdc3c4cf71265c",
    "im_nicola": "bc578e510d52a96d6940d46f12e96d7b3df00905dbea075113226d100e6e1ab0",
    "jf_alpha": "56b479360aad9f367aeb8cef908f9201cf48b4555e488c5f4590c9dfcd978bb6",
    "pf_dora": "3da7b5b2d91847ebf5646f57631af6ececae3c29a89cd300f06edf9aa6cfe9ee",
    "zf_xiaoxiao": "03adb5d5e3ddd88b047954e974e651cb0a4b524c985057e5d872e962c7be1169",
}
NOTICE = f"""Voices of Kokoro-82M v1.0 by hexgrad, Apache License 2.0, taken from the npm package {PACKAGE}
(Apache License 2.0) and stored as float16. The licence text is in LICENSE beside this file.
"""


def voices_folder() -> Path:
    """Return where this installation keeps the voices."""
    return Path(sys.prefix) / "share" / "adloom" / "voices"


def load_style(name: str) -> NDArray[np.float32]:
    """Return the styles of one voice, float32, (510, 1, 256).

    Raises:
        BackendError: the voice was not set up, or is none of Kokoro's.
    """
    path = voices_folder() / f"{name}.npz"
    if name not in VOICE_SHA256:
        raise BackendError(
            f"voice kokoro:{name}: there is none of that name. Known: {', '.join(sorted(VOICE_SHA256))}."
        )
    if not path.exists():
        raise BackendError(
            f"voice kokoro:{name}: {path} is missing. Fetch the voices once: python -m renderer.backends.kokoro_voices"
        )
    with np.load(path) as archive:
        return np.asarray(archive["style"], np.float32)


def set_up(folder: Path) -> list[str]:
    """Fetch the voices that are missing in `folder`; return their names.

    Raises:
        BackendError: the package cannot be fetched, or a file in it is not the one that was pinned.
    """
    missing = [name for name in sorted(VOICE_SHA256) if not (folder / f"{name}.npz").exists()]
    if not missing:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        archive = pack(PACKAGE, Path(scratch), "Kokoro voices")
        with tarfile.open(archive) as package:
            for name in missing:
                _store(folder / f"{name}.npz", _checked(name, _member(package, f"package/voices/{name}.bin")))
            (folder / "LICENSE").write_bytes(_member(package, "package/LICENSE"))
    (folder / "NOTICE").write_text(NOTICE, encoding="utf-8")
    return missing


def _member(package: tarfile.TarFile, name: str) -> bytes:
    file = package.extractfile(name)
    assert file is not None
    return file.read()


def _checked(name: str, body: bytes) -> bytes:
    found = hashlib.sha256(body).hexdigest()
    if found != VOICE_SHA256[name]:
        raise BackendError(
            f"Kokoro voices: {name}.bin of {PACKAGE} has SHA-256 {found}, not {VOICE_SHA256[name]}. "
            "Do not use this package."
        )
    return body


def _store(path: Path, body: bytes) -> None:
    style = np.frombuffer(body, "<f4").reshape(STYLE_SHAPE).astype(np.float16)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, style=style)
    partial.replace(path)


def main() -> None:
    """Fetch what is missing and say so."""
    fetched = set_up(voices_folder())
    sys.stdout.write(
        f"{voices_folder()}: " + (f"fetched {', '.join(fetched)}" if fetched else "all voices are there") + "\n"
    )


if __name__ == "__main__":
    main()
