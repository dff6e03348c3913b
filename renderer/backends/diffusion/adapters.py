"""Lays adapters (LoRA) over a model's weights, and touches the weights only when another set of them is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from renderer.artifacts import Adapter
from renderer.backends.diffusion.checkpoint import UNSAFE, Checkpoint
from renderer.errors import BackendError

MOST_KEPT = 8  # adapters in memory at a time; the one that waited longest for its next use goes first


class Adapters:
    """The adapters of one loaded model. `lay` puts a file of weights under a name into the pipeline."""

    def __init__(self, pipe: Any, checkpoint: Checkpoint, lay: Callable[[list[Path], str], None]) -> None:
        self.pipe, self.checkpoint, self.lay = pipe, checkpoint, lay
        self.loaded: dict[str, str] = {}  # revision and name to the name in the pipeline, least recently used first
        self.active: tuple[Adapter, ...] | None = ()
        self.loads = 0

    def use(self, adapters: tuple[Adapter, ...]) -> None:
        """Make exactly these adapters count.

        Raises:
            BackendError: one of them is not there, not safetensors, or does not fit the model.
        """
        if adapters == self.active:
            return
        self.active = None  # loading changes what counts, and may fail halfway
        names = [self._load(adapter) for adapter in adapters]
        self._forget_oldest(keep=len(names))
        if names:
            self.pipe.enable_lora()
            self.pipe.set_adapters(names, [adapter.weight for adapter in adapters])
        else:
            self.pipe.disable_lora()
        self.active = adapters

    def _load(self, adapter: Adapter) -> str:
        key = f"{adapter.name}@{adapter.revision}"
        name = self.loaded.pop(key, "")
        if not name:
            name = f"adapter_{self.loads}"  # names of peft take no dots
            files = find_adapter(self.checkpoint, adapter.name)
            unfit = f"adapter {adapter.name}: does not fit {self.checkpoint.name}"
            try:
                self.lay(files, name)
            except (ValueError, RuntimeError, KeyError) as error:
                raise BackendError(f"{unfit} ({beginning(error)}). Use one that was trained on it.") from error
            if not any(name in names for names in self.pipe.get_list_adapters().values()):
                raise BackendError(f"{unfit} (none of its weights are of it). Use one that was trained on it.")
            self.loads += 1
        self.loaded[key] = name
        return name

    def _forget_oldest(self, keep: int) -> None:
        while len(self.loaded) > max(MOST_KEPT, keep):
            self.pipe.delete_adapters(self.loaded.pop(next(iter(self.loaded))))


def beginning(error: Exception) -> str:
    """Return the first lines of an error that may list every weight of a network."""
    return " ".join(line.strip() for line in str(error).splitlines()[:2])


def find_adapter(checkpoint: Checkpoint, name: str) -> list[Path]:
    """Return the files of an adapter: `<models_dir>/<name>`, which is a file or a folder of safetensors.

    Raises:
        BackendError: it is not there, or is not safetensors.
    """
    folder = checkpoint.models_dir
    if folder is None:
        raise BackendError(f"adapter {name}: nobody said where adapters lie. Set ADLOOM_MODELS_DIR.")
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BackendError(f"adapter {name}: lies outside of {folder}. Use a name without '..'.")
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path] if path.is_file() else []
    if files and all(file.suffix == ".safetensors" for file in files):
        return files
    if files or any(file.suffix in UNSAFE for file in (path.iterdir() if path.is_dir() else ())):
        raise BackendError(f"adapter {name}: {path} is not safetensors, and opening it may run code. Convert it.")
    raise BackendError(f"adapter {name}: {path} has no weights. Put a file or folder of *.safetensors there.")
