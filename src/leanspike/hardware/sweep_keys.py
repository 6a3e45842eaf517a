"""Changing one key of nested plain data by its path, as a sweep does to an architecture."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

from leanspike.errors import InputError


def with_key(data: Mapping[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return a copy of nested data with the value at ``path`` replaced.

    Parts of the path are joined by dots; an item of a list is named by its ``name``. Every part
    but the last must be there; the last one may be missing in a mapping, for fields at their
    defaults (whoever reads the data refuses what it does not know).

    Raises
    ------
    InputError
        When a part of the path does not exist; it names the keys that do.

    >>> data = {"levels": [{"name": "buffer", "depth": 64}]}
    >>> with_key(data, "levels.buffer.depth", 32)
    {'levels': [{'name': 'buffer', 'depth': 32}]}
    >>> with_key(data, "levels.bufer.depth", 32)
    Traceback (most recent call last):
    ...
    leanspike.errors.InputError: levels.bufer.depth: no 'bufer' here; did you mean 'buffer'?. \
Keys: buffer
    """
    copied = deepcopy(dict(data))
    parts = path.split(".")
    here: Any = copied
    for part in parts[:-1]:
        here = _step(here, part, path)
    last = parts[-1]
    if isinstance(here, list):
        position = next((i for i, item in enumerate(here) if _name(item) == last), None)
        if position is None:
            raise _missing(here, last, path)
        here[position] = value
    elif isinstance(here, dict):
        here[last] = value
    else:
        raise _missing(here, last, path)
    return copied


def _step(here: Any, part: str, path: str) -> Any:
    if isinstance(here, dict) and part in here:
        if here[part] is None:
            here[part] = {}
        return here[part]
    if isinstance(here, list):
        for item in here:
            if _name(item) == part:
                return item
    raise _missing(here, part, path)


def _name(item: Any) -> object:
    return item.get("name") if isinstance(item, dict) else None


def _missing(here: Any, part: str, path: str) -> InputError:
    if isinstance(here, dict):
        keys = [str(key) for key in here]
    elif isinstance(here, list):
        keys = [str(_name(item)) for item in here if _name(item) is not None]
    else:
        keys = []
    close = get_close_matches(part, keys, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    remedy = f"Keys: {', '.join(keys)}" if keys else "There is a plain value, with no keys below it"
    return InputError(f"no {part!r} here{hint}", where=path, remedy=remedy)
