"""Walking a map space: blocks of legal loop nests, nothing legal left out.

Bounds are split dimension by dimension. A limit (fan-out, capacity) is tested as soon as some
bounds are split, with the others still at one iteration: it may only ever get harder to meet when
a factor grows, so a partial nest that breaks it breaks it in every completion. That is the only
pruning here, and it only drops what is illegal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from leanspike.errors import InputError
from leanspike.hardware.mapspace import MapSpace
from leanspike.hardware.mapspace_orders import Reuse, orders

Factors = NDArray[np.int32]
ROWS = 1 << 15


@dataclass(frozen=True)
class Limit:
    """Something a loop nest must not exceed.

    ``meets`` takes factors [nests, groups, dimensions] and returns a boolean per nest; it must be
    monotone: false for a nest, false for every nest with multiples of its factors.
    """

    name: str
    meets: Callable[[Factors], NDArray[np.bool_]]


@dataclass(frozen=True)
class Block:
    """Legal loop nests.

    Parameters
    ----------
    factors
        Iterations, int32 [nests, groups, dimensions]; groups outermost first.
    orders
        Dimensions from the outermost to the innermost loop, int8 [nests, groups, dimensions].
    stands_for
        How many nests of equal counts each of them stands for, itself included, int64 [nests].
    """

    factors: Factors
    orders: NDArray[np.int8]
    stands_for: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.factors)


def fanout_limits(space: MapSpace) -> list[Limit]:
    """Limits of a space's fan-outs: as many iterations as there are instances."""
    return [
        Limit(f"{group.name} with {group.instances} instances", _spread(g, group.instances))
        for g, group in enumerate(space.groups)
        if group.instances is not None
    ]


def _spread(g: int, instances: int) -> Callable[[Factors], NDArray[np.bool_]]:
    return lambda factors: factors[:, g].astype(np.int64).prod(axis=1) <= instances


def walk(
    space: MapSpace,
    limits: Sequence[Limit] = (),
    *,
    reuse: Reuse | None = None,
    rows: int = ROWS,
) -> Iterator[Block]:
    """Yield every legal loop nest of a map space once, always in the same order, in blocks.

    Parameters
    ----------
    space
        The map space; its fan-outs are checked.
    limits
        What else must be met, such as capacities.
    reuse
        When given, of orders that differ in no count only the first is kept.
    rows
        About how many nests are held at a time.
    """
    for factors in split(space, [*fanout_limits(space), *limits], rows=rows):
        yield from _ordered(space, factors, reuse, rows)


def split(space: MapSpace, limits: Sequence[Limit], *, rows: int = ROWS) -> Iterator[Factors]:
    """Yield every choice of factors that meets the limits, [nests, groups, dimensions]."""
    # Few options first: the partial nests stay few while they already prune.
    names = sorted(space.dimensions, key=lambda name: len(space.factors(name)))
    places = [space.dimensions.index(name) for name in names]

    def grow(partial: Factors, depth: int) -> Iterator[Factors]:
        if not len(partial):
            return
        if depth == len(names):
            yield partial
            return
        options = space.factors(names[depth])
        step = max(1, rows // len(options))
        for first in range(0, len(partial), step):
            part = partial[first : first + step]
            grown = np.repeat(part, len(options), axis=0)
            grown[:, :, places[depth]] = np.tile(options, (len(part), 1))
            for limit in limits:
                grown = grown[limit.meets(grown)]
            yield from grow(grown, depth + 1)

    yield from grow(np.ones((1, len(space.groups), len(names)), dtype=np.int32), 0)


def _ordered(space: MapSpace, factors: Factors, reuse: Reuse | None, rows: int) -> Iterator[Block]:
    kinds, which = np.unique(factors > 1, axis=0, return_inverse=True)
    for kind, mask in enumerate(kinds):
        table, stands_for = _order_table(space, mask, reuse)
        picked = factors[which.reshape(-1) == kind]
        step = max(1, rows // len(table))
        for first in range(0, len(picked), step):
            part = picked[first : first + step]
            yield Block(
                np.repeat(part, len(table), axis=0),
                np.tile(table, (len(part), 1, 1)),
                np.tile(stands_for, len(part)),
            )


def _order_table(
    space: MapSpace, mask: NDArray[np.bool_], reuse: Reuse | None
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Orders of all groups together [orders, groups, dimensions]; idle dimensions outermost."""
    names = space.dimensions
    rows: list[list[list[int]]] = []
    stands_for: list[list[int]] = []
    for g, group in enumerate(space.groups):
        loops = tuple(name for d, name in enumerate(names) if mask[g, d])
        idle = [d for d in range(len(names)) if not mask[g, d]]
        kept = orders(group, loops, reuse)
        rows.append([idle + [names.index(n) for n in reversed(order)] for order in kept])
        stands_for.append(list(kept.values()))
    table = np.array(list(product(*rows)), dtype=np.int8)
    return table, np.array([prod(c) for c in product(*stands_for)], dtype=np.int64)


def why_empty(space: MapSpace, limits: Sequence[Limit]) -> InputError:
    """Say which limit leaves no mapping: one alone where one is enough, else all together."""
    every = [*fanout_limits(space), *limits]
    alone = [limit.name for limit in every if next(split(space, [limit]), None) is None]
    told = alone or [limit.name for limit in every]
    return InputError(
        f"no mapping is left by {' and '.join(told)}" + ("" if alone else " together"),
        where="map space",
        remedy="Relax it, free a factor, or choose a larger buffer",
    )
