"""The map space: which loop factors and loop orders the constraints leave.

A loop nest is a row of *groups* from the outermost to the innermost: for each storage level its
temporal loops, then the spatial loops along each axis of the fan-out below it. Every loop bound
is split exactly into one factor per group, as in Timeloop v3.0.3
(``src/mapspaces/subspaces.cpp``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import factorial, prod

import numpy as np
from numpy.typing import NDArray

from leanspike.errors import InputError


def divisors(number: int) -> list[int]:
    """Return the divisors of a positive number, ascending.

    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return small + [number // d for d in reversed(small) if d * d != number]


def factorizations(bound: int, ranges: Sequence[tuple[int | None, int, int]]) -> NDArray[np.int32]:
    """Every ordered factorization of ``bound`` that fits, int32 [splits, groups].

    Parameters
    ----------
    bound
        The loop bound.
    ranges
        Per group the given factor (None where it is free), the smallest and the largest.

    Returns
    -------
    Rows whose product is ``bound``, in lexicographic order, the last column fastest; no rows
    when the constraints contradict each other or the bound.

    >>> factorizations(6, [(None, 1, 6), (2, 1, 6), (None, 1, 1)]).tolist()
    [[3, 2, 1]]
    """
    whole = divisors(bound)
    allowed = [
        [d for d in whole if given in (None, d) and least <= d <= most]
        for given, least, most in ranges
    ]
    # What the groups from each place on can make together: keeps dead ends from growing.
    reach: list[set[int]] = [{1}]
    for options in reversed(allowed):
        reach.insert(0, {d * r for d in options for r in reach[0] if bound % (d * r) == 0})
    rows: list[tuple[int, ...]] = [()] if bound in reach[0] else []
    rests = [bound] * len(rows)
    for options, rest_of in zip(allowed, reach[1:], strict=True):
        grown, left = [], []
        for row, rest in zip(rows, rests, strict=True):
            for d in options:
                if rest % d == 0 and rest // d in rest_of:
                    grown.append((*row, d))
                    left.append(rest // d)
        rows, rests = grown, left
    return np.array(rows, dtype=np.int32).reshape(-1, len(ranges))


@dataclass(frozen=True)
class LoopGroup:
    """The loops of one place in the nest, and what the constraints say about them.

    Parameters
    ----------
    name
        How messages call it, such as ``DRAM temporal`` or ``global buffer across x``.
    fixed
        Factors that are given; 0 is all that the other given factors leave of the bound.
    least, most
        Smallest and largest factor of a dimension.
    only
        The dimensions that may have more than one iteration here; None for all.
    inner, outer
        Given order, each innermost first: ``inner`` are the innermost dimensions, ``outer`` the
        outermost. All others are free between them.
    instances
        For spatial loops, how many instances there are to spread over; None for temporal loops.
    """

    name: str
    fixed: Mapping[str, int] = field(default_factory=dict)
    least: Mapping[str, int] = field(default_factory=dict)
    most: Mapping[str, int] = field(default_factory=dict)
    only: frozenset[str] | None = None
    inner: tuple[str, ...] = ()
    outer: tuple[str, ...] = ()
    instances: int | None = None

    @property
    def spatial(self) -> bool:
        """Whether the loops run over instances instead of in time."""
        return self.instances is not None

    def factor_range(self, dimension: str, bound: int, rest: int) -> tuple[int | None, int, int]:
        """Return the given factor (or None), the smallest and the largest of a dimension.

        ``rest`` is what the given factors of the other groups leave of the bound.
        """
        most = self.most.get(dimension, bound)
        if self.only is not None and dimension not in self.only:
            most = 1
        given = self.fixed.get(dimension)
        return rest if given == 0 else given, self.least.get(dimension, 1), most

    def constraints(self, dimension: str) -> list[str]:
        """Return what the constraints say about a dimension, for messages."""
        parts = [("=", self.fixed), (">=", self.least), ("<=", self.most)]
        given = [f"{self.name} {dimension}{s}{c[dimension]}" for s, c in parts if dimension in c]
        if self.only is not None and dimension not in self.only:
            given.append(f"{self.name} without {dimension}")
        return given

    def check(self, dimensions: tuple[str, ...]) -> None:
        """Refuse what no layer could satisfy.

        Raises
        ------
        InputError
            Naming the group, the constraint and what is wrong with it.
        """
        order = self.inner + self.outer
        for name in (*self.fixed, *self.least, *self.most, *(self.only or ()), *order):
            if name not in dimensions:
                raise InputError(
                    f"found the dimension {name!r}, expected one of {', '.join(dimensions)}",
                    where=self.name,
                )
        for name, times in Counter(order).items():
            if times > 1:
                raise InputError(f"the order names {name} {times} times", where=self.name)
        for name, value in (*self.fixed.items(), *self.least.items(), *self.most.items()):
            if value < 0:
                raise InputError(f"found the factor {name} = {value}", where=self.name)


@dataclass(frozen=True)
class MapSpace:
    """All loop nests of a layer that the constraints allow, before capacity is considered.

    Parameters
    ----------
    bounds
        Loop bound by dimension; its order is the order of every array's last axis.
    groups
        Loop groups, outermost first.
    one_axis
        Pairs of groups (down y, along x), by index, of which a dimension may run in one only;
        what the latter's factors, least and most say holds for the two together.

    Raises
    ------
    InputError
        When a constraint names what does not exist, or a bound cannot be split as they ask.

    >>> space = MapSpace({"C": 4, "M": 2}, (LoopGroup("DRAM"), LoopGroup("PE")))
    >>> space.factors("C").tolist()
    [[1, 4], [2, 2], [4, 1]]
    >>> space.total
    10
    """

    bounds: Mapping[str, int]
    groups: tuple[LoopGroup, ...]
    one_axis: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        for group in self.groups:
            group.check(self.dimensions)
        for dimension, bound in self.bounds.items():
            if not len(self.factors(dimension)):
                given = [text for group in self.groups for text in group.constraints(dimension)]
                raise InputError(
                    f"no split of {dimension} = {bound} satisfies {', '.join(given)}",
                    where="map space",
                    remedy="Each bound must be the product of its factors over all loop groups",
                )

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the loop bounds."""
        return tuple(self.bounds)

    def factors(self, dimension: str) -> NDArray[np.int32]:
        """Every split of one bound that the constraints allow, [splits, groups]."""
        return self._factors[dimension]

    @cached_property
    def _factors(self) -> dict[str, NDArray[np.int32]]:
        found = {}
        for dimension, bound in self.bounds.items():
            given = prod(group.fixed.get(dimension, 1) or 1 for group in self.groups)
            # An inexact quotient leaves no split, which is what contradictory factors mean.
            rest = bound // given or 1
            ranges = [group.factor_range(dimension, bound, rest) for group in self.groups]
            both = {}
            for y, x in self.one_axis:
                both[y, x] = ranges[x][0], ranges[x][1], self.groups[x].most.get(dimension, bound)
                for g in (y, x):
                    ranges[g] = None, 1, ranges[g][2]
            splits = factorizations(bound, ranges)
            for (y, x), (fixed, least, most) in both.items():
                steps = splits[:, y] * splits[:, x]
                fits = (splits[:, y] == 1) | (splits[:, x] == 1)
                fits &= (steps >= least) & (steps <= most) & (fixed is None or steps == fixed)
                splits = splits[fits]
            found[dimension] = splits
        return found

    @cached_property
    def total(self) -> int:
        """Number of distinct loop nests, fan-out and capacity aside.

        That is splits times the orders of temporal loops; a loop of one iteration is nowhere,
        and the order of spatial loops is none.
        """
        temporal = [
            (g, {d for d in self.dimensions if d not in group.inner + group.outer})
            for g, group in enumerate(self.groups)
            if not group.spatial
        ]
        # Ways to split the dimensions so far, by how many free loops each temporal group has.
        ways: Counter[tuple[int, ...]] = Counter({(0,) * len(temporal): 1})
        for dimension in self.dimensions:
            moves = Counter(
                tuple(int(dimension in free and row[g] > 1) for g, free in temporal)
                for row in self.factors(dimension).tolist()
            )
            grown: Counter[tuple[int, ...]] = Counter()
            for state, count in ways.items():
                for move, times in moves.items():
                    after = tuple(a + b for a, b in zip(state, move, strict=True))
                    grown[after] += count * times
            ways = grown
        return sum(count * prod(map(factorial, state)) for state, count in ways.items())
