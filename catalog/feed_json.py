"""Reads JSON Lines into texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from catalog.errors import WrongValue
from catalog.feed_file import Item, Unreadable


def read_objects(lines: Iterator[str]) -> Iterator[Item]:
    """JSON Lines: one object per line. Numbers stay as they were written; lists join with commas, as in text feeds."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_unique)
        except json.JSONDecodeError as error:
            fact = f"is not JSON at character {error.pos + 1}: {error.msg}"
            yield number, Unreadable(fact, "Write one object per line.")
        except WrongValue as error:
            yield number, Unreadable(error.fact, error.cure)
        except RecursionError:
            yield number, Unreadable("is nested too deep", "Write every field as text.")
        else:
            if isinstance(item, dict):
                yield number, {key: _json_text(value) for key, value in item.items()}
            else:
                yield number, Unreadable("is not an object", 'Write {"id": "...", ...} on one line.')


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise WrongValue("names a field twice", "Write every field once.")
    return fields


def _json_text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ",".join(value)
    return json.dumps(value, ensure_ascii=False)
