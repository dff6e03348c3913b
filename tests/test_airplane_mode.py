"""Airplane mode: ads are made whole, in a voice of every embedded family, on a machine that reaches nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from campaign_folder import CAMPAIGN, COPY, write_campaign
from renderer.artifacts import Creative
from test_end_to_end import SMALL_FORMAT

# Read by every Python process of the run before its first line: notes whom it asks for, and refuses.
GUARD = """import os, sys
HERE = ("127.0.0.1", "::1", "localhost", "", None)

def watch(event, args):
    if event in ("socket.connect", "socket.sendto"):
        host = args[1][0] if isinstance(args[1], tuple) else None  # Unix sockets have a path, and reach nobody
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host not in HERE:
        with open(os.environ["ASKED_FOR"], "a") as file:
            file.write(f"{event} {host}\\n")
        raise OSError(f"airplane mode: {host}")

sys.addaudithook(watch)
"""
VOICES = {
    "en-US": "kokoro:af_heart",  # phonemes by eSpeak's program
    "ja-JP": "kokoro:jf_alpha",  # phonemes by Open JTalk
    "zh-CN": "kokoro:zf_xiaoxiao",  # phonemes by pypinyin
    "de-DE": "pico:de-DE",
    "he-IL": "espeak:auto",
}
OTHER_COPY = {
    "he": 'hook: "{{ product.custom_label_0 }}"\noffer: "עכשיו {{ price }}"\ncta: לקנייה\n',
    "zh": 'hook: "{{ product.custom_label_0 }}"\noffer: "现在{{ price }}"\ncta: 购买\n',
}


def offline(folder: Path, *command: str, **more: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run Python where nothing is reachable; return how it ended and whom it asked for.

    Where the kernel allows it, in a network of its own without an interface: what is no Python is held back, too.
    """
    (folder / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
    asked_for = folder / "asked_for.txt"
    asked_for.write_text("")
    environment = os.environ | {"PYTHONPATH": str(folder), "ASKED_FOR": str(asked_for)} | more
    parted = [*apart(), sys.executable, *command]
    ended = subprocess.run(parted, env=environment, capture_output=True, text=True, timeout=500, check=False)
    return ended, asked_for.read_text()


def apart() -> list[str]:
    """Return the command that starts another one in a network of its own, or nothing where that is forbidden."""
    words = ["unshare", "--user", "--map-root-user", "--net"]
    allowed = (
        shutil.which(words[0]) and subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    )
    return words if allowed else []


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.create_connection(('203.0.113.1', 80), 1)",
        "import urllib.request as r; r.urlopen('http://adloom.invalid', timeout=1)",
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import socket; socket.gethostbyname(\"adloom.invalid\")'])",
    ],
    ids=["address", "name", "child"],
)
def test_the_guard_notes_whoever_is_asked_for(tmp_path: Path, attempt: str) -> None:
    """An attempt is seen even where the program swallows the error, and in child processes."""
    _, asked_for = offline(tmp_path, "-c", attempt)

    assert "203.0.113.1" in asked_for or "adloom.invalid" in asked_for


@pytest.mark.slow
def test_ads_are_made_whole_with_the_network_off(tmp_path: Path) -> None:
    """Every stage from expand to publish, five voices of three engines: all delivered, all spoken, nobody asked for."""
    campaign = (
        CAMPAIGN.replace("locales: [en-US, de-DE, ja-JP]", f"locales: [{', '.join(VOICES)}]\nprices: feed")
        .replace("formats: [story_9x16, square_1x1]", "formats: [tiny_9x16]\nvoices: {allow_draft: true}")
        .replace("feed: products.csv", "feed: products.csv\nproducts: {id: cup}")
    )
    folder = write_campaign(tmp_path / "shop", campaign=campaign, copy=COPY | OTHER_COPY)
    (folder / "formats.yaml").write_text(SMALL_FORMAT, encoding="utf-8")
    store = tmp_path / "store"
    places = {"ADLOOM_STORE_URL": f"file://{store}", "ADLOOM_BUILD_DIR": str(tmp_path / "build"), "ADLOOM_WORKERS": "2"}
    ended, asked_for = offline(tmp_path, "-c", "from renderer.cli import main; main()", "render", str(folder), **places)
    creatives = [Creative.model_validate_json(path.read_bytes()) for path in (store / "creatives").rglob("*.json")]

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert asked_for == ""
    assert {one.variant_id.split("/")[2]: one.voices for one in creatives} == {
        tag: (voice,) for tag, voice in VOICES.items()
    }
