"""The slow referee: walks a loop nest over sets of indices and counts what moves.

Knows nothing of the formulas under test: tiles are sets of index tuples, and a level is walked
iteration by iteration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.workload.problem import Problem

Tile = frozenset[tuple[int, ...]]


@dataclass(frozen=True)
class Walk:
    """A mapping of a problem on levels that keep ``keep`` [L, X]."""

    problem: Problem
    mapping: Mapping
    keep: np.ndarray

    @property
    def levels(self) -> int:
        return len(self.keep)

    @cached_property
    def loops(self) -> list[tuple[int, int, int, int]]:
        """(level, slot kind, dim, steps, stride) without loops of one step, outermost first."""
        stride = np.ones(len(self.problem.dims), int)
        found = []
        for slot in range(3 * self.levels - 1, -1, -1):
            for d in reversed(self.mapping.order[slot]):
                steps = int(self.mapping.factors[slot, d])
                if steps > 1:
                    found.append((slot // 3, slot % 3, int(d), steps, int(stride[d])))
                    stride[d] *= steps
        return list(reversed(found))

    def offsets(self, level: int, *, space: bool, first: int = 0) -> Iterator[np.ndarray]:
        """Loop positions reached by loops of levels from ``first`` to above ``level``, in order.

        ``space`` picks spatial loops instead of those in time.
        """
        chosen = [
            loop for loop in self.loops
            if (loop[1] != 0) == space and first <= loop[0] < level
        ]  # fmt: skip
        for steps in product(*(range(loop[3]) for loop in chosen)):
            position = np.zeros(len(self.problem.dims), int)
            for step, loop in zip(steps, chosen, strict=True):
                position[loop[2]] += step * loop[4]
            yield position

    def tile(self, x: int, level: int, position: np.ndarray) -> Tile:
        """Indices of tensor ``x`` that loops of ``level`` and inside touch from a position."""
        sizes = np.ones(len(self.problem.dims), int)
        for slot in range(3 * level, 3 * self.levels):
            sizes *= self.mapping.factors[slot]
        points = np.array(list(product(*(range(size) for size in sizes))))
        touched = (position + points) @ self.problem.coefficients[x].T
        # A tile is the box it spans: a stride larger than the kernel leaves no gaps in it.
        spans = zip(touched.min(axis=0), touched.max(axis=0), strict=True)
        return frozenset(product(*(range(int(low), int(high) + 1) for low, high in spans)))

    def touched(self, x: int, level: int, position: np.ndarray) -> Tile:
        """Indices of tensor ``x`` that the same loops really use: no gaps."""
        sizes = np.ones(len(self.problem.dims), int)
        for slot in range(3 * level, 3 * self.levels):
            sizes *= self.mapping.factors[slot]
        points = np.array(list(product(*(range(size) for size in sizes))))
        used = (position + points) @ self.problem.coefficients[x].T
        return frozenset(map(tuple, used.tolist()))

    def trajectory(self, x: int, level: int, place: np.ndarray) -> tuple[Tile, ...]:
        """The tiles an instance at ``place`` holds, over time."""
        return tuple(self.tile(x, level, place + time) for time in self.offsets(level, space=False))

    def arriving(self, x: int, level: int, place: np.ndarray) -> int:
        """Values that enter an instance: each new tile's, less what the one before shares."""
        if level == self.levels:
            return sum(1 for _ in self.offsets(level, space=False))
        total, held = 0, frozenset()
        for tile in self.trajectory(x, level, place):
            total += len(tile - held)
            held = tile
        return total

    def leaving(self, x: int, level: int, place: np.ndarray) -> int:
        """Values read from an instance for its children; those of equal tiles share a read.

        Children are at the next level inside that keeps the tensor, whatever fans out between.
        """
        kept = [inner for inner in range(level + 1, self.levels) if self.keep[inner, x]]
        inner = kept[0] if kept else self.levels
        groups: dict[tuple[Tile, ...], np.ndarray] = {}
        for step in self.offsets(inner, space=True, first=level):
            child = place + step
            groups.setdefault(self.trajectory(x, inner, child), child)
        return sum(self.arriving(x, inner, child) for child in groups.values())

    def ever_held(self, x: int, level: int, place: np.ndarray) -> int:
        """Different values an instance holds over the whole run."""
        return len(frozenset().union(*self.trajectory(x, level, place)))

    def is_outermost(self, x: int, level: int) -> bool:
        return not self.keep[:level, x].any()
