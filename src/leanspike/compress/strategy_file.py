"""Strategies as data: read from YAML and written to it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from leanspike.compress.strategy import Strategy
from leanspike.errors import InputError


def load_strategy(path: str | Path) -> Strategy:
    """Read a strategy from a YAML file.

    Parameters
    ----------
    path
        A file with ``name`` and ``phases``, each with the fields of `Phase`; ``compression`` has
        the fields of `CompressionConfig`, ``state`` those of `StateConfig`.

    Raises
    ------
    InputError
        The file cannot be read, is no YAML, or a key is unknown, missing or has a bad value; it
        names file and key.
    """
    path = Path(path)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"is no YAML: {error}", where=str(path)) from error
    return parse_strategy(data, where=str(path))


def parse_strategy(data: Any, *, where: str = "strategy") -> Strategy:
    """Make a strategy from plain data, checked.

    Parameters
    ----------
    data
        Mappings, lists, strings and numbers as YAML gives them.
    where
        Named in errors.

    Raises
    ------
    InputError
        A key is unknown, missing or has a bad value.

    >>> parse_strategy({"name": "short", "phases": [{"epochs": 3, "lr": 0.001}]}).epochs
    3
    """
    try:
        return TypeAdapter(Strategy).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        found = "" if first["type"] == "missing" else f", found {first['input']!r}"
        raise InputError(
            f"{first['msg'].removeprefix('Value error, ')}{found}",
            where=f"{where}, {key}" if key else where,
        ) from error


def dump_strategy(strategy: Strategy) -> str:
    """Write a strategy as YAML; `load_strategy` reads it back equal.

    Fields at their defaults are left out.
    """
    return str(yaml.safe_dump(_plain(strategy), sort_keys=False))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(found)
            for field in dataclasses.fields(value)
            if (found := getattr(value, field.name)) != field.default
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
