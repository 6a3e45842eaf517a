"""Walking a map space: blocks of legal loop nests, nothing legal left out.

Bounds are split dimension by dimension. A limit (fan-out, capacity) is tested as soon as some
bounds are split, with the others still at one iteration: it may only ever get harder to meet when
a factor grows, so a partial nest that breaks it breaks it in every completion. That is the only
pruning here, and it only drops what is illegal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanspike.errors import InputError
from leanspike.hardware.mapping.map_space import MapSpace
from leanspike.hardware.mapping.mapping import LoopArrays
from leanspike.hardware.mapping.orders import Reuse, orders

Column = NDArray[np.int64]
#: (group, dimension) of a loop, as indices.
Place = tuple[int, int]


@dataclass(frozen=True)
class Nests:
    """Loop factors of many nests.

    Parameters
    ----------
    shape
        Groups and dimensions of the map space.
    places
        Where the loop of each column stands; every other loop has one iteration.
    values
        Iterations, int32 [nests, columns].
    """

    shape: tuple[int, int]
    places: tuple[Place, ...]
    values: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Nests:
        return Nests(self.shape, self.places, self.values[rows])

    def factor(self, group: int, dimension: int) -> Column:
        """Return the iterations of one loop, int64 [nests]."""
        return self._product([p for p in self.places if p == (group, dimension)])

    def inside(self, group: int, dimension: int) -> Column:
        """Return the iterations of a dimension in a group and all inner ones: a tile's size."""
        return self._product([(g, d) for g, d in self.places if g >= group and d == dimension])

    def spread(self, group: int) -> Column:
        """Return the iterations of all loops of a group together."""
        return self._product([(g, d) for g, d in self.places if g == group])

    def _product(self, places: list[Place]) -> Column:
        product = np.ones(len(self.values), dtype=np.int64)
        for place in places:
            product *= self.values[:, self.places.index(place)]
        return product

    def factors(self) -> NDArray[np.int32]:
        """Return all factors, int32 [nests, groups, dimensions]."""
        full = np.ones((len(self.values), *self.shape), dtype=np.int32)
        for column, (group, dimension) in enumerate(self.places):
            full[:, group, dimension] = self.values[:, column]
        return full


ROWS = 1 << 17


@dataclass(frozen=True)
class Limit:
    """Something a loop nest must not exceed.

    ``meets`` returns a boolean per nest; it must be monotone: false for a nest, false for every
    nest with multiples of its factors.
    """

    name: str
    meets: Callable[[Nests], NDArray[np.bool_]]


@dataclass(frozen=True)
class Block:
    """Legal loop nests, each with one order of its loops.

    Parameters
    ----------
    nests
        Their factors.
    order
        Row of ``orders`` of each nest, int32 [nests].
    orders
        Dimensions of every group from the outermost to the innermost loop, those of one
        iteration last, int8 [kinds, groups, dimensions].
    stands_for
        How many nests of equal counts each nest stands for, itself included, int64 [nests].
    """

    nests: Nests
    order: NDArray[np.int32]
    orders: NDArray[np.int8]
    stands_for: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.nests)

    @property
    def arrays(self) -> LoopArrays:
        """Return the nests as compiled code takes them."""
        places = np.array(self.nests.places, np.int64).reshape(-1, 2)
        return LoopArrays(places, self.nests.values, self.order, self.orders)


def fanout_limits(space: MapSpace) -> list[Limit]:
    """Limits of a space's fan-outs: as many iterations as there are instances."""
    return [
        Limit(f"{group.name} with {group.instances} instances", _spreads(g, group.instances))
        for g, group in enumerate(space.groups)
        if group.instances is not None
    ]


def _spreads(g: int, instances: int) -> Callable[[Nests], NDArray[np.bool_]]:
    return lambda nests: nests.spread(g) <= instances


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
        About how many splits are held at a time.
    """
    tables = _OrderTables(space, reuse)
    for nests in split(space, [*fanout_limits(space), *limits], rows=rows):
        yield _ordered(nests, tables)


def split(space: MapSpace, limits: Sequence[Limit], *, rows: int = ROWS) -> Iterator[Nests]:
    """Yield every choice of factors that meets the limits."""
    shape = (len(space.groups), len(space.dimensions))
    # Few options first: the partial nests stay few while they already prune.
    names = sorted(space.dimensions, key=lambda name: len(space.factors(name)))
    steps: list[tuple[list[Place], NDArray[np.int32]]] = []
    for name in names:
        table = space.factors(name)
        running = np.flatnonzero((table > 1).any(axis=0)).tolist()
        if running:
            places = [(g, space.dimensions.index(name)) for g in running]
            steps.append((places, np.ascontiguousarray(table[:, running])))

    def grow(partial: Nests, depth: int) -> Iterator[Nests]:
        if not len(partial):
            return
        if depth == len(steps):
            yield partial
            return
        places, options = steps[depth]
        step = max(1, rows // len(options))
        for first in range(0, len(partial), step):
            part = partial.values[first : first + step]
            values = np.hstack(
                (np.repeat(part, len(options), axis=0), np.tile(options, (len(part), 1)))
            )
            grown = Nests(shape, partial.places + tuple(places), values)
            for limit in limits:
                grown = grown[limit.meets(grown)]
            yield from grow(grown, depth + 1)

    start = Nests(shape, (), np.ones((1, 0), dtype=np.int32))
    if all(limit.meets(start).all() for limit in limits):
        yield from grow(start, 0)


def _ordered(nests: Nests, known: _OrderTables) -> Block:
    """Give every nest each of its orders."""
    # Which order tables there are depends only on which of the loops run.
    kinds, which = _distinct_rows(nests.values > 1)
    tables, stands_for = [], []
    for kind in kinds:
        loops = {place for place, runs in zip(nests.places, kind, strict=True) if runs}
        table, counts = known.table(loops)
        tables.append(table)
        stands_for.append(counts)
    sizes = np.array([len(table) for table in tables])
    starts = np.cumsum(sizes) - sizes
    repeats = sizes[which]
    rows = np.repeat(np.arange(len(nests)), repeats)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    order = starts[which][rows] + within
    return Block(
        nests if (repeats == 1).all() else nests[rows],
        order.astype(np.int32),
        np.concatenate(tables),
        np.concatenate(stands_for)[order],
    )


def _distinct_rows(
    running: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    if running.shape[1] > 62:
        kinds, which = np.unique(running, axis=0, return_inverse=True)
        return kinds, which.reshape(-1)
    code = running @ (1 << np.arange(running.shape[1], dtype=np.int64))
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    return running[first], which.reshape(-1)


#: Orders of one group's loops [orders, dimensions], and how many orders each stands for.
_Orders = tuple[NDArray[np.int8], NDArray[np.int64]]


class _OrderTables:
    """Orders of all groups together, by which loops run; what groups share is worked out once."""

    def __init__(self, space: MapSpace, reuse: Reuse | None) -> None:
        self._space = space
        self._reuse = reuse
        self._groups: dict[tuple[int, tuple[int, ...]], _Orders] = {}

    def table(self, loops: set[Place]) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """Return orders [orders, groups, dimensions], idle dimensions innermost.

        They stand where and in the order in which Timeloop's mapper puts them
        (``src/mapspaces/subspaces.cpp``), the first dimension innermost, and where
        :meth:`~leanspike.hardware.mapping.Mapping.from_loops` does.
        """
        groups, dims = len(self._space.groups), len(self._space.dimensions)
        parts = [
            self._of_group(g, tuple(d for d in range(dims) if (g, d) in loops))
            for g in range(groups)
        ]
        sizes = [len(orders) for orders, _ in parts]
        chosen = np.indices(sizes).reshape(groups, -1)
        table = np.empty((chosen.shape[1], groups, dims), np.int8)
        stands_for = np.ones(chosen.shape[1], np.int64)
        for g, (kept, counts) in enumerate(parts):
            table[:, g] = kept[chosen[g]]
            stands_for *= counts[chosen[g]]
        return table, stands_for

    def _of_group(self, g: int, running: tuple[int, ...]) -> _Orders:
        known = self._groups.get((g, running))
        if known is None:
            names = self._space.dimensions
            kept = orders(self._space.groups[g], tuple(names[d] for d in running), self._reuse)
            idle = [d for d in reversed(range(len(names))) if d not in running]
            rows = [[names.index(n) for n in reversed(order)] + idle for order in kept]
            known = np.array(rows, np.int8), np.array(list(kept.values()), np.int64)
            self._groups[g, running] = known
        return known


def why_empty(space: MapSpace, limits: Sequence[Limit]) -> InputError:
    """Return which limit leaves no mapping: one alone where one is enough, else all together."""
    every = [*fanout_limits(space), *limits]
    alone = [limit.name for limit in every if next(split(space, [limit]), None) is None]
    names = alone or [limit.name for limit in every]
    return InputError(
        f"no mapping is left by {' and '.join(names)}" + ("" if alone else " together"),
        where="map space",
        remedy="Relax it, free a factor, or choose a larger buffer",
    )
