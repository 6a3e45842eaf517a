"""What every object described in a file shares: strict, frozen, and clear about what is wrong.

Files users write are YAML. They are read with the safe loader, refused when too large, too deep,
cyclic, or grown by repeated aliases (a "YAML bomb"), and handed to pydantic models; whatever is
wrong becomes an :class:`~leanspike.errors.InputError` that names file, key, found and expected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from leanspike.errors import InputError
from leanspike.files import write_whole

# A workload of a thousand layers is well under 1 MB; larger files are not descriptions.
MAX_BYTES = 4 * 1024 * 1024
# Nodes after every alias is expanded: what a reader of the file would have to walk.
MAX_NODES = 200_000

S = TypeVar("S", bound="Spec")


class Spec(BaseModel):
    """Base of every described object: immutable, no unknown keys, no NaN or infinity.

    Raises
    ------
    InputError
        When a value does not fit; it names the key, what was found and what was expected.

    >>> class Buffer(Spec):
    ...     depth: int
    >>> Buffer(depth=4).depth
    4
    >>> Buffer(depht=4)
    Traceback (most recent call last):
    ...
    leanspike.errors.InputError: depht: unknown key (did you mean 'depth'?). Keys of Buffer: depth
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __init__(self, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise as_input_error(error, type(self)) from None


def as_input_error(error: ValidationError, model: type[BaseModel]) -> InputError:
    """Say a pydantic error as one :class:`InputError`: the first problem, with its key."""
    problems = error.errors()
    # A misspelled key is reported missing as well; the spelling found says more.
    unknown = (problem for problem in problems if problem["type"] == "extra_forbidden")
    first = next(unknown, problems[0])
    where = key_path(first["loc"])
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        inside = ".".join(part for part in (where, cause.where) if part)
        return InputError(cause.what, where=inside or None, remedy=cause.remedy)
    keys = f"Keys of {model.__name__}: {', '.join(model.model_fields)}"
    if first["type"] == "missing":
        return InputError("missing", where=where, remedy=keys)
    if first["type"] == "extra_forbidden":
        near = get_close_matches(str(first["loc"][-1]), list(model.model_fields), n=1)
        what = f"unknown key (did you mean {near[0]!r}?)" if near else "unknown key"
        return InputError(what, where=where, remedy=keys)
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return InputError(f"found {_shown(first['input'])}: {message}", where=where or None)


def key_path(location: Sequence[int | str]) -> str:
    """Write a path into nested data the way one would write it in Python.

    >>> key_path(("layers", 2, "stride", 0))
    'layers[2].stride[0]'
    """
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_spec(model: type[S], path: Path) -> S:
    """Read a YAML file as a described object.

    Raises
    ------
    InputError
        When the file cannot be read or does not describe a ``model``; it names the file.
    """
    return parse_spec(model, load_yaml(path), where=str(path))


def parse_spec(model: type[S], data: object, *, where: str) -> S:
    """Turn nested plain data into a described object; errors start with ``where``."""
    if not isinstance(data, Mapping):
        raise InputError(
            f"found {_shown(data)}, expected keys and values", where=where,
            remedy=f"Keys of {model.__name__}: {', '.join(model.model_fields)}",
        )  # fmt: skip
    _check_keys(data, where, ())
    try:
        return model(**data)
    except InputError as error:
        place = f"{where}, {error.where}" if error.where else where
        raise InputError(error.what, where=place, remedy=error.remedy) from None


def _check_keys(data: object, where: str, place: tuple[int | str, ...]) -> None:
    """Refuse keys that are no names, wherever they stand."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            if not isinstance(key, str):
                raise InputError(
                    f"found the key {_shown(key)}, expected a name",
                    where=f"{where}, {key_path(place)}" if place else where,
                )
            _check_keys(value, where, (*place, key))
    elif isinstance(data, list | tuple):
        for i, each in enumerate(data):
            _check_keys(each, where, (*place, i))


@contextmanager
def named(source: object) -> Iterator[None]:
    """Let errors inside begin with the file or preset that they are about.

    Only names and paths are put there: an object made in Python has no file.
    """
    try:
        yield
    except InputError as error:
        if not isinstance(source, (str, Path)):
            raise
        place = f"{source}, {error.where}" if error.where else str(source)
        raise InputError(error.what, where=place, remedy=error.remedy) from None


def write_yaml(data: object, path: Path) -> None:
    """Write plain data as YAML, keys in the order given."""
    write_whole(path, yaml.safe_dump(data, sort_keys=False, width=100))


def load_yaml(path: Path) -> object:
    """Read one YAML document as plain data, refusing what no description needs.

    Raises
    ------
    InputError
        When the file is missing, unreadable, not UTF-8, larger than 4 MiB, not YAML, nested too
        deeply, cyclic, has a key twice, or grows beyond 200,000 nodes through its aliases.
    """
    where = str(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"larger than {MAX_BYTES} bytes: not a description", where=where)
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=where) from None
    except UnicodeDecodeError:
        raise InputError("not a text file in UTF-8", where=where) from None
    try:
        loader = yaml.SafeLoader(text)
    except yaml.YAMLError as error:  # characters YAML does not allow
        raise InputError(f"not valid YAML: {str(error).splitlines()[0]}", where=where) from None
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _expanded_size(node, {}, set(), where)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{where}, line {mark.line + 1}" if mark else where
        raise InputError(f"not valid YAML: {error.problem or error.context}", where=place) from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"not valid YAML: {error}", where=where) from None
    except RecursionError:
        raise InputError("nested too deeply", where=where) from None
    finally:
        loader.dispose()


def _expanded_size(node: yaml.Node, known: dict[int, int], path: set[int], where: str) -> int:
    """Count nodes with aliases expanded; each distinct node is visited once."""
    if id(node) in path:
        raise InputError("refers to itself", where=f"{where}, line {node.start_mark.line + 1}")
    if id(node) in known:
        return known[id(node)]
    path.add(id(node))
    size = 1
    if isinstance(node, yaml.SequenceNode):
        size += sum(_expanded_size(child, known, path, where) for child in node.value)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise InputError(f"the key {key.value!r} twice", where=f"{where}, line {line}")
                seen.add(key.value)
            size += _expanded_size(key, known, path, where)
            size += _expanded_size(value, known, path, where)
    if size > MAX_NODES:
        raise InputError(f"grows beyond {MAX_NODES} nodes through its aliases", where=where)
    path.discard(id(node))
    known[id(node)] = size
    return size


def _shown(value: object) -> str:
    """Show a found value, short enough for one line."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
