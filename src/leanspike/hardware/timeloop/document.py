"""Reading Timeloop's YAML: looking up keys with errors that say where."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from leanspike.errors import InputError
from leanspike.spec import load_yaml

#: Larger than any bound, width or energy, and no whole number of it wraps.
MOST = 1e18


@dataclass
class Node:
    """A mapping of a file, with the place it is at.

    ``unread`` collects keys that are neither used nor close to a known one; Timeloop itself
    ignores such keys, so they are kept to be shown, not refused.
    """

    data: dict[str, Any]
    where: str
    unread: list[str] = field(default_factory=list)

    def get(self, *names: str, default: Any = None) -> Any:
        """Return the value of the first of ``names`` that is there."""
        for name in names:
            if name in self.data:
                return self.data[name]
        return default

    def need(self, name: str) -> Any:
        """Return a value that must be there."""
        if name not in self.data:
            raise InputError(
                "missing",
                where=f"{self.where}.{name}",
                remedy=f"Found: {', '.join(map(str, self.data)) or 'nothing'}",
            )
        return self.data[name]

    def number(self, *names: str, default: float | None = None, least: float = 0) -> float | None:
        """Return a number, checked to be at least ``least``."""
        for name in names:
            if name in self.data:
                value = self.data[name]
                if isinstance(value, bool) or not isinstance(value, (int, float)):
                    raise InputError(
                        f"found {value!r}, expected a number", where=f"{self.where}.{name}"
                    )
                if not value >= least:
                    raise InputError(
                        f"found {value}, expected at least {least}", where=f"{self.where}.{name}"
                    )
                if not value < MOST:
                    raise InputError(
                        f"found {value}, expected less than {MOST:.0e}",
                        where=f"{self.where}.{name}",
                    )
                return value
        return default

    def whole(self, *names: str, default: int | None = None, least: int = 0) -> int | None:
        """Return a whole number, checked to be at least ``least``."""
        value = self.number(*names, default=default, least=least)
        if value is not None and value != int(value):
            raise InputError(
                f"found {value}, expected a whole number", where=f"{self.where}.{names[0]}"
            )
        return None if value is None else int(value)

    def names(self, name: str) -> list[str]:
        """Return a list of names or numbers as texts, empty where the key is missing."""
        return texts(self.data.get(name) or [], f"{self.where}.{name}")

    def child(self, name: str) -> Node:
        """Return the mapping under a key, empty when the key is missing."""
        value = self.data.get(name)
        return node({} if value is None else value, f"{self.where}.{name}")

    def children(self, name: str) -> list[Node]:
        """Return the mappings of a list under a key, empty when the key is missing."""
        values = self.data.get(name)
        if values is None:
            return []
        if not isinstance(values, list):
            raise InputError("expected a list", where=f"{self.where}.{name}")
        return [node(value, f"{self.where}.{name}[{i}]") for i, value in enumerate(values)]

    def expect(self, known: Iterable[str]) -> None:
        """Refuse keys that look like misspelled known ones; note the other unknown ones."""
        names = set(known)
        for key in self.data:
            if key not in names:
                close = get_close_matches(str(key), names, n=1, cutoff=0.85)
                if close:
                    raise InputError(
                        "unknown key", where=f"{self.where}.{key}", remedy=f"Perhaps {close[0]!r}"
                    )
                self.unread.append(f"{self.where}.{key}")


def texts(values: object, where: str) -> list[str]:
    """Return a list of names or numbers as texts."""
    if not isinstance(values, list) or not all(isinstance(v, (str, int, float)) for v in values):
        raise InputError(f"found {values!r:.60}, expected a list of names", where=where)
    return [str(value) for value in values]


def node(value: object, where: str) -> Node:
    """Wrap a mapping read from a file."""
    if not isinstance(value, dict):
        raise InputError(f"found {value!r:.60}, expected keys and values", where=where)
    return Node(value, where)


def read_document(path: Path) -> Node:
    """Read a Timeloop input file."""
    return node(load_yaml(path), str(path))


def parse_instances(name: str, where: str) -> tuple[str, int]:
    """Split ``PE[0..767]`` into its name and how many there are.

    >>> parse_instances("PE[0..767]", "file")
    ('PE', 768)
    """
    match = re.fullmatch(r"([^\[\]]+)(?:\[(\d+)\.\.(\d+)\])?", str(name))
    if match is None or (match[2] and int(match[3]) < int(match[2])):
        raise InputError(f"found {name!r}, expected NAME or NAME[0..N]", where=where)
    return match[1], int(match[3]) - int(match[2]) + 1 if match[2] else 1


def parse_factors(text: str, dims: Iterable[str], where: str) -> dict[str, int]:
    """Read ``"C=2 M=4"`` as steps by loop; a 0 stays 0.

    >>> parse_factors("C=2 M4", ("C", "M"), "file")
    {'C': 2, 'M': 4}
    """
    known = list(dims)
    found: dict[str, int] = {}
    for item in str(text).split("#")[0].replace(",", " ").split():
        match = re.fullmatch(r"([A-Za-z]+)=?(\d+)", item)
        if match is None or match[1] not in known:
            raise InputError(
                f"found {item!r}, expected LOOP=steps", where=where,
                remedy=f"Loops: {', '.join(known)}",
            )  # fmt: skip
        found[match[1]] = int(match[2])
    return found
