"""Reads YAML 1.2 into plain values and remembers the line of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from catalog.errors import CatalogError, Problem

MAX_BYTES = 2_000_000  # campaigns and copy are text that people wrote
MAX_NODES = 100_000  # stops a small file whose aliases unfold into millions of values

CURES = {  # by pydantic's kind of error, where its own words are Python's
    "tuple_type": "Write a list: [first, second].",
    "too_short": "Write at least one.",
    "model_type": "Write its fields, each with its value.",
    "int_parsing": "Write a whole number.",
    "string_type": "Write a text; a number goes between quotes.",
}

Steps = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class YamlFile:
    """The plain content of a file, and at which line each value stands."""

    name: str  # how messages call the file
    content: Any
    lines: dict[Steps, int]

    def place(self, *steps: str | int) -> str:
        """Return `file:line: field` of a value, with the line of the nearest thing above it that the file holds."""
        line = next(self.lines[steps[:n]] for n in range(len(steps), -1, -1) if steps[:n] in self.lines)
        return f"{self.name}:{line}: {dotted(steps)}" if steps else f"{self.name}:{line}"


def read_yaml(path: Path, name: str | None = None) -> YamlFile:
    """Read one file of UTF-8 text.

    Raises:
        CatalogError: it is absent, too large, not UTF-8 or not YAML.
    """
    name = name or path.name
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_BYTES:
            raise CatalogError([Problem(name, f"{len(raw):,} bytes", f"At most {MAX_BYTES:,} fit.")])
        node = YAML(typ="rt", pure=True).load(raw.decode("utf-8-sig"))
    except OSError as error:
        raise CatalogError([Problem(str(path), (error.strerror or str(error)).lower(), "Check the name.")]) from None
    except UnicodeDecodeError as error:
        raise CatalogError([Problem(name, f"byte {error.start} is not UTF-8", "Save the file as UTF-8.")]) from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CatalogError([Problem(f"{name}:{line}", f"not YAML: {error.problem}", "Mend the syntax.")]) from None
    except YAMLError as error:
        raise CatalogError([Problem(name, f"not YAML: {error}", "Mend the syntax.")]) from None
    lines: dict[Steps, int] = {(): 1}
    return YamlFile(name, _plain(node, (), lines, name), lines)


def validate(file: YamlFile, kind: type[Model]) -> Model:
    """Return the file's content as a record.

    Raises:
        CatalogError: every field that does not fit, with its line.
    """
    try:
        return kind.model_validate(file.content)
    except ValidationError as error:
        raise CatalogError(_problem(file, problem) for problem in error.errors()) from None


def dotted(steps: Steps) -> str:
    """Write a path as people do: `scenes[1].narration`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")


def misfit(place: str, problem: Any) -> Problem:
    """Say of one of pydantic's errors which value does not fit, and what would."""
    message = problem["msg"].removeprefix("Value error, ")
    cure = CURES.get(problem["type"], f"{message[:1].upper()}{message[1:]}.")
    return Problem(place, f"{problem['input']!r} does not fit", cure)


def _problem(file: YamlFile, problem: Any) -> Problem:
    place = file.place(*problem["loc"])
    if problem["type"] == "extra_forbidden":
        return Problem(place, "there is no such field", "Remove it, or look up its spelling in templates/README.md.")
    if problem["type"] == "missing":
        return Problem(place, "is missing", "Add it.")
    return misfit(place, problem)


def _plain(node: Any, steps: Steps, lines: dict[Steps, int], name: str) -> Any:
    if len(lines) > MAX_NODES:
        raise CatalogError([Problem(name, f"more than {MAX_NODES:,} values", "Split it, and check its aliases.")])
    if isinstance(node, CommentedMap):
        return {key: _plain(value, _note(node.lc.key, key, steps, lines), lines, name) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value, _note(node.lc.item, n, steps, lines), lines, name) for n, value in enumerate(node)]
    if isinstance(node, str):
        return str(node)
    if isinstance(node, bool | None):
        return node
    if isinstance(node, int):
        return int(node)
    return float(node) if isinstance(node, float) else node


def _note(position: Any, key: Any, steps: Steps, lines: dict[Steps, int]) -> Steps:
    """Remember the line of a key or item; merged keys have none of their own."""
    longer = (*steps, key)
    try:
        lines[longer] = position(key)[0] + 1
    except (KeyError, TypeError):
        lines[longer] = lines[steps]
    return longer
