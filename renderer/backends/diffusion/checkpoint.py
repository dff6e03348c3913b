"""Where the weights of a diffusion model come from: a folder, or the hub's cache. Looks without importing torch."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from renderer.errors import BackendError

UNSAFE = (".bin", ".pt", ".pth", ".ckpt")  # pickles: opening one may run code
INDEX = "model_index.json"
COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class Checkpoint:
    """Weights of one model: a folder, or a hub id with a pinned revision."""

    name: str  # the model's row, for messages
    source: str  # folder path or hub id
    revision: str = ""  # on the hub: a commit, or a branch that is yet to be fetched; empty for a folder
    commit: str = ""  # of what lies here; empty where nobody noted it or nothing lies here yet
    may_download: bool = False
    models_dir: Path | None = None  # where adapters lie, each a folder or file


def find_checkpoint(name: str, hub_id: str, revision: str, models_dir: Path | None, may_download: bool) -> Checkpoint:
    """Return where the weights of a model are: `<models_dir>/<name>`, else the hub's cache, else the hub itself.

    Raises:
        BackendError: they are nowhere, not whole, of another revision, or not safetensors; names the cure.
    """
    if find_spec("diffusers") is None:
        raise BackendError(f"model {name}: diffusers is not installed. Run pip install 'adloom[diffusion]'.")
    fetch = f"hf download {hub_id} --revision {revision} --local-dir {models_dir or 'models'}/{name}"
    folder = models_dir / name if models_dir else None
    if folder and (folder / INDEX).is_file():
        commit = _noted_commit(folder)
        if is_commit(revision) and commit not in ("", revision):
            raise BackendError(f"model {name}: {folder} holds revision {commit}, not {revision}. Run {fetch}.")
        refuse_incomplete(name, folder, fetch)
        return Checkpoint(name, str(folder), commit=commit, models_dir=models_dir)
    if may_download:
        commit = revision if is_commit(revision) else ""
        return Checkpoint(name, hub_id, revision, commit, may_download=True, models_dir=models_dir)
    snapshot = _cached(name, hub_id, revision, folder, fetch)
    refuse_incomplete(name, snapshot, fetch)
    return Checkpoint(name, hub_id, snapshot.name, snapshot.name, models_dir=models_dir)


def is_commit(revision: str) -> bool:
    """Tell a commit from a branch or a tag."""
    return COMMIT.fullmatch(revision) is not None


def refuse_incomplete(name: str, folder: Path, fetch: str) -> None:
    """Check that every network that the pipeline in `folder` names has all of its weights, as safetensors.

    Raises:
        BackendError: names what is missing and the command that fetches it.
    """
    try:
        parts = json.loads((folder / INDEX).read_text("utf-8")).items()
    except (OSError, ValueError, AttributeError) as error:
        raise BackendError(f"model {name}: {folder / INDEX} is not readable ({error}). Run {fetch}.") from error
    for part, entry in parts:
        if not isinstance(entry, list) or len(entry) != 2 or entry[1] is None:
            continue  # settings of the pipeline, or a part that it goes without
        here = folder / part
        if not here.is_dir():
            raise BackendError(f"model {name}: {here} is missing. Run {fetch}.")
        if (here / "config.json").is_file() or not any(here.glob("*_config.json")):  # the others are only settings
            _refuse_without_weights(name, here, fetch)


def _refuse_without_weights(name: str, folder: Path, fetch: str) -> None:
    for index in folder.glob("*.safetensors.index.json"):
        shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        for absent in sorted(shard for shard in shards if not (folder / shard).is_file()):
            raise BackendError(f"model {name}: {folder / absent} is missing. Run {fetch}.")
    if any(folder.glob("*.safetensors")):
        return
    if unsafe := sorted(path.name for path in folder.iterdir() if path.suffix in UNSAFE):
        raise BackendError(
            f"model {name}: {folder} has its weights only as {unsafe[0]}, and opening such a file may run code. "
            "Use a revision with *.safetensors, or convert it."
        )
    raise BackendError(f"model {name}: {folder} has no *.safetensors. Run {fetch}.")


def _noted_commit(folder: Path) -> str:
    """Return the commit that `hf download --local-dir` noted, or an empty text; such a folder is taken as it is."""
    note = folder / ".cache" / "huggingface" / "download" / f"{INDEX}.metadata"
    commit = note.read_text("utf-8").split("\n", 1)[0].strip() if note.is_file() else ""
    return commit if is_commit(commit) else ""


def _cached(name: str, hub_id: str, revision: str, folder: Path | None, fetch: str) -> Path:
    """Return the snapshot of a revision in the hub's cache.

    Raises:
        BackendError: it is not there; says which revisions are.
    """
    hub = import_module("huggingface_hub")
    found = hub.try_to_load_from_cache(hub_id, INDEX, revision=revision)
    if isinstance(found, str):
        return Path(found).parent
    snapshots = Path(hub.constants.HF_HUB_CACHE) / f"models--{hub_id.replace('/', '--')}" / "snapshots"
    others = sorted(path.name for path in snapshots.iterdir()) if snapshots.is_dir() else []
    there = f" (there is {', '.join(others)})" if others else ""
    place = f"no weights in {folder}, and " if folder else ""
    first = "" if folder else "set ADLOOM_MODELS_DIR=models and "
    raise BackendError(
        f"model {name}: {place}{hub_id} at revision {revision} is not in the hub's cache{there}. "
        f"Set ADLOOM_DOWNLOAD_MODELS=true, or {first}run {fetch}"
    )
