"""Reads YAML files of named rows (locales, formats) into records; every problem names file and line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from catalog.errors import CatalogError, Problem, WrongValue, quoted
from catalog.yamlfile import YamlFile, read_yaml

Row = TypeVar("Row", bound=BaseModel)
Check = Callable[[Row], Iterable[tuple[str, WrongValue]]]


def read_rows(path: Path, kind: type[Row], key: str, check: Check[Row]) -> dict[str, Row]:
    """Every row of a YAML mapping as a record, by its name, which also fills the field `key`.

    `check` yields (field, what is wrong) for what the types of the record do not say.

    Raises:
        CatalogError: the file cannot be read, or rows are wrong; all problems of all rows together.
    """
    file = read_yaml(path)
    if not isinstance(file.content, Mapping):
        raise CatalogError([Problem(file.place(), "is not a mapping", "Write one 'name:' per row.")])
    rows: dict[str, Row] = {}
    problems: list[Problem] = []
    for name, fields in file.content.items():
        try:
            row = kind.model_validate({**fields, key: name} if isinstance(fields, Mapping) else fields)
        except ValidationError as error:
            problems += _problems(file, str(name), error, kind)
            continue
        problems += [_problem(file, row_steps(name, field), wrong) for field, wrong in check(row)]
        rows[str(name)] = row
    if problems:
        raise CatalogError(problems)
    return rows


def row_steps(name: Any, field: str) -> tuple[str | int, ...]:
    """The path to a field of a row, or to the row itself where `field` is empty."""
    return (name, field) if field else (name,)


def _problem(file: YamlFile, steps: tuple[str | int, ...], wrong: WrongValue) -> Problem:
    return Problem(file.place(*steps), wrong.fact, wrong.cure, subject=str(steps[0]))


def _problems(file: YamlFile, name: str, error: ValidationError, kind: type[BaseModel]) -> Iterator[Problem]:
    for found in error.errors(include_url=False):
        yield _problem(file, (name, *found["loc"]), _in_our_words(found["type"], found["msg"], found, kind))


def _in_our_words(found_type: str, message: str, found: Mapping[str, Any], kind: type[BaseModel]) -> WrongValue:
    if found_type == "missing":
        return WrongValue("is missing", "Add it.")
    if found_type == "extra_forbidden":
        near = get_close_matches(str(found["loc"][-1]), kind.model_fields, n=1)
        return WrongValue("is not a field", f"Write '{near[0]}', or remove it." if near else "Remove it.")
    wanted = message.removeprefix("Input should be ")
    return WrongValue(f"{quoted(found['input'])} does not fit", f"Write {wanted[:1].lower()}{wanted[1:]}.")
