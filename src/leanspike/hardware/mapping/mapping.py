"""A mapping: which loops run where, in which order.

Every storage level has three slots, outermost first: its loops in time, the loops spread down
the columns below it (y), and the loops spread along the rows below it (x). Slot ``3 * level``
is temporal, ``3 * level + 1`` is y and ``3 * level + 2`` is x; level 0 is the outermost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leanspike.arrays import Ints, Ints32
from leanspike.errors import InputError
from leanspike.hardware.workload.problem import Problem
from leanspike.spec import load_yaml

SLOTS = ("time", "y", "x")


#: A mapping for each layer, by name: lines as :meth:`Mapping.to_text` returns them.
MappingLines = Dictionary[str, Sequence[str]]


def read_mappings(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Read a mapping for each layer: a file of ``layer: [line, ...]``, or of a cost as JSON.

    Raises
    ------
    InputError
        When the file cannot be read or is neither.
    """
    data = load_yaml(Path(path))
    layers = data.get("layers") if isinstance(data, dict) else None
    if isinstance(layers, list):
        data = {
            one["name"]: one["mapping"]
            for one in layers
            if isinstance(one, dict) and isinstance(one.get("name"), str) and "mapping" in one
        }
    if not isinstance(data, dict) or not data:
        raise InputError("no mapping by layer", where=str(path), remedy=_FORMS)
    for name, lines in data.items():
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise InputError("not a list of lines", where=f"{path}, {name}", remedy=_FORMS)
    return {str(name): tuple(lines) for name, lines in data.items()}


_FORMS = "Write 'layer: [time | y | x, ...]', a line per level, or give what cost --json printed"


class LoopArrays(NamedTuple):
    """The loops of n mappings as compiled code takes them.

    ``places`` [C, 2] are slot and dim of the loops that may run, ``steps`` [n, C] theirs; all
    others have one step. ``order`` [n] is each mapping's row of ``orders`` [kinds, 3 L, D].
    """

    places: Ints
    steps: Ints32
    order: Ints32
    orders: NDArray[np.int8]

    def product(self, slots: Sequence[int], d: int) -> Ints:
        """Return the steps of a loop in some slots together, int64 [n]."""
        found = np.ones(len(self.steps), np.int64)
        for c, (slot, dim) in enumerate(self.places.tolist()):
            if dim == d and slot in slots:
                found *= self.steps[:, c]
        return found


@dataclass(frozen=True)
class Loop:
    """One loop of a mapping: ``for dim in range(steps)`` at a level, in time or across space."""

    level: int
    slot: str
    dim: str
    steps: int


@dataclass(frozen=True)
class Mapping:
    """Loop factors and their order, slot by slot.

    Attributes
    ----------
    dims
        Loop letters, as the problem orders them (D of them).
    factors
        Steps of each loop in each slot, int64 [3 * levels, D].
    order
        Loop indices of each slot, outermost first, int64 [3 * levels, D].
    split
        How many of the innermost loops in each level's x slot count as loops along x, trivial
        ones included, int64 [levels]; -1: those of more than one step. Only Sparseloop's rules
        see the difference.

    >>> mapping = Mapping.from_text(("M", "K"), ["K=4 | | M=2", "M=3"])
    >>> mapping.to_text()
    ['K=4 | | M=2', 'M=3 | |']
    >>> [loop.dim for loop in mapping.loops()]
    ['K', 'M', 'M']
    """

    dims: tuple[str, ...]
    factors: Ints
    order: Ints
    split: Ints | None = None

    @property
    def along_x(self) -> Ints:
        """Return ``split``, or -1 for every level without."""
        return np.full(self.levels, -1, np.int64) if self.split is None else self.split

    @property
    def levels(self) -> int:
        """Number of storage levels."""
        return len(self.factors) // 3

    @property
    def arrays(self) -> LoopArrays:
        """Return the mapping as one of many.

        Raises
        ------
        InputError
            When a loop has 2^31 steps or more.
        """
        if self.factors.max(initial=1) >= 1 << 31:
            raise InputError(
                f"found a loop of {self.factors.max()} steps, expected fewer than 2^31",
                where="mapping",
            )
        runs = self.factors > 1
        steps = self.factors[runs][None].astype(np.int32)
        first = np.zeros(1, np.int32)
        places = np.ascontiguousarray(np.argwhere(runs))
        return LoopArrays(places, steps, first, self.order[None].astype(np.int8))

    @classmethod
    def from_loops(cls, dims: Sequence[str], levels: int, loops: Sequence[Loop]) -> Mapping:
        """Build from loops listed outermost first; every other loop is one step.

        Those stand innermost in their slots, the first dimension last (see
        :mod:`~leanspike.hardware.mapping.walk`).
        """
        factors = np.ones((3 * levels, len(dims)), np.int64)
        orders: list[list[int]] = [[] for _ in range(3 * levels)]
        for loop in loops:
            if loop.dim not in dims:
                raise InputError(f"no loop {loop.dim!r}", remedy=f"Loops: {', '.join(dims)}")
            slot = 3 * loop.level + SLOTS.index(loop.slot)
            d = list(dims).index(loop.dim)
            if d in orders[slot]:
                raise InputError(f"{loop.dim} twice in one slot", where=f"level {loop.level}")
            orders[slot].append(d)
            factors[slot, d] = loop.steps
        for used in orders:
            used += [d for d in reversed(range(len(dims))) if d not in used]
        return cls(tuple(dims), factors, np.array(orders, np.int64))

    @classmethod
    def from_text(cls, dims: Sequence[str], lines: Sequence[str]) -> Mapping:
        """Build from one line per level: ``time | y | x``, each ``LETTER=steps`` outermost first.

        Raises
        ------
        InputError
            When a line is not of that form; it names the level.
        """
        loops = []
        for level, line in enumerate(lines):
            parts = [part.strip() for part in line.split("|")]
            if len(parts) > len(SLOTS):
                raise InputError(
                    f"found {len(parts)} parts, expected time | y | x", where=f"level {level}"
                )
            for slot, part in zip(SLOTS, parts, strict=False):
                for item in part.split():
                    match = re.fullmatch(r"([A-Za-z]+)=(\d+)", item)
                    if match is None or int(match[2]) < 1:
                        raise InputError(
                            f"found {item!r}, expected LETTER=steps", where=f"level {level}"
                        )
                    loops.append(Loop(level, slot, match[1], int(match[2])))
        return cls.from_loops(dims, len(lines), loops)

    def to_text(self) -> list[str]:
        """Return one line per level, as :meth:`from_text` reads it; loops of one step left out."""
        lines = []
        for level in range(self.levels):
            parts = []
            for slot in range(3 * level, 3 * level + 3):
                terms = [
                    f"{self.dims[d]}={self.factors[slot, d]}"
                    for d in self.order[slot]
                    if self.factors[slot, d] > 1
                ]
                parts.append(" ".join(terms))
            lines.append(" | ".join(parts).replace("  ", " ").rstrip())
        return lines

    def loops(self) -> list[Loop]:
        """Return every loop of more than one step, outermost first."""
        return [
            Loop(slot // 3, SLOTS[slot % 3], self.dims[d], int(self.factors[slot, d]))
            for slot in range(len(self.factors))
            for d in self.order[slot]
            if self.factors[slot, d] > 1
        ]

    def check(self, problem: Problem, levels: int) -> None:
        """Raise InputError unless the factors of every loop multiply to its bound."""
        if self.dims != problem.dims or self.levels != levels:
            raise InputError(
                f"the mapping has {self.levels} levels over {''.join(self.dims)}, "
                f"expected {levels} over {''.join(problem.dims)}"
            )
        products = np.prod(self.factors, axis=0)
        for d, dim in enumerate(problem.dims):
            if products[d] != problem.bounds[d]:
                raise InputError(
                    f"the factors of {dim} multiply to {products[d]}, "
                    f"expected its bound {problem.bounds[d]}",
                    where="mapping",
                )
