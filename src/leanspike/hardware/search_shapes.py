"""What a block of mappings makes of a problem: counts and tiles, densities aside.

This is the part of the evaluation that no density, format word or energy changes, computed once
for all configurations. Tiles that hold the same, and conditions that look at the same, share one
number, so that what depends on densities can be looked up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.case import Case
from leanspike.hardware.counts.geometry import tile_geometry
from leanspike.hardware.counts.imbalance import pass_shape
from leanspike.hardware.counts.leader import leader_sizes
from leanspike.hardware.counts.nest import list_loops, nest_counts, tile_size
from leanspike.hardware.counts.plan import Plan
from leanspike.hardware.counts.row import NestArrays
from leanspike.hardware.mapspace_walk import Block
from leanspike.hardware.search_intern import Interner, first_of_equal

#: Numbers that :func:`~leanspike.hardware.counts.imbalance.pass_shape` fills.
PASS = len(NestArrays._field_defaults["pass_shape"])

Ints = NDArray[np.int64]
Numbers32 = NDArray[np.int32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Shapes:
    """Counts of a block of mappings that fit the formats' ranks.

    K (level, tensor) pairs keep something, in the order of :attr:`Numbers.pairs`.

    Attributes
    ----------
    rows
        Which mappings of the block these are, [n].
    tile, arriving, leaving, partition
        As :func:`~leanspike.hardware.counts.nest.nest_counts` fills them, int64 [n, K].
    instances
        Instances used of every level, the compute units last, int64 [n, L + 1].
    cell
        Number of each pair's tile and chain of leader tiles (:attr:`Numbers.cells`), [n, K].
    pace
        Number of what the computes depend on (:attr:`Numbers.paces`), [n].
    """

    rows: Ints
    tile: Ints
    arriving: Ints
    leaving: Ints
    partition: Ints
    instances: Ints
    cell: Numbers32
    pace: Numbers32

    def __len__(self) -> int:
        return len(self.rows)

    def columns(self) -> tuple[Ints, ...]:
        """Return everything that distinguishes mappings, each [n, some]."""
        return (
            self.cell.astype(np.int64), self.pace[:, None].astype(np.int64), self.arriving,
            self.leaving, self.partition, self.instances,
        )  # fmt: skip

    def take(self, chosen: Ints) -> Shapes:
        """Return some of the mappings."""
        return Shapes(
            self.rows[chosen], self.tile[chosen], self.arriving[chosen], self.leaving[chosen],
            self.partition[chosen], self.instances[chosen], self.cell[chosen], self.pace[chosen],
        )  # fmt: skip


class Numbers:
    """The distinct tiles and leader tiles seen so far, under one structure.

    Attributes
    ----------
    pairs
        (level, tensor) of every place that keeps something, outermost level first.
    contents
        Per pair, rows of (tile, fiber of each rank, values under one coordinate of each rank).
    chains
        Per tensor, rows of the leader tile of each of its conditions; 0 where a condition cannot
        be used.
    cells
        Per pair, rows of (content, chain of its tensor).
    paces
        Rows of the chain of every tensor, what units do in a pass (5), and the units used.
    """

    def __init__(self, plan: Plan) -> None:
        levels, tensors = plan.keep.shape
        self.pairs = [(i, x) for i in range(levels) for x in range(tensors) if plan.keep[i, x]]
        self.leaders = [(f, x) for f, one in enumerate(plan.follows) for x in one.leaders]
        self.ranks = plan.flattens.shape[2]
        self.contents = [Interner(2 + 2 * self.ranks) for _ in self.pairs]
        self.mine = [
            [n for n, (f, _) in enumerate(self.leaders) if plan.follows[f].target == x]
            for x in range(tensors)
        ]
        self.chains = [Interner(len(mine)) for mine in self.mine]
        self.cells = [Interner(2) for _ in self.pairs]
        self.paces = Interner(tensors + 6)


def count_shapes(case: Case, block: Block, numbers: Numbers) -> Shapes:
    """Count a block of mappings; ``numbers`` grows by the tiles this block adds.

    Of the case only the structure matters: not its densities, bits, words and prices.
    """
    plan = case.plan
    n, (levels, tensors) = len(block), plan.keep.shape
    tile, arriving, leaving, partition = (
        np.zeros((n, levels, tensors), np.int64) for _ in range(4)
    )
    instances = np.zeros((n, levels + 1), np.int64)
    leader = np.zeros((n, len(numbers.leaders)), np.int64)
    passes = np.zeros((n, PASS), np.int64)
    operands = [x for x in range(tensors) if x != plan.problem.written]
    follows = [
        (one.level, one.target, x, plan.child(one.level, one.target),
         max(1, int(plan.block[one.level, one.target])))
        for f, x in numbers.leaders
        for one in (plan.follows[f],)
        if not case.dense
    ]  # fmt: skip
    _count(
        plan.problem.coefficients, plan.keep, np.array(follows, np.int64).reshape(-1, 5),
        bool(plan.mesh[-1].prod() > 1), case.semantics.exact_overlap, case.semantics.exact_leader,
        np.array(block.nests.places, np.int64).reshape(-1, 2), block.nests.values, block.order,
        block.orders, np.array(operands, np.int64), plan.mesh, case.semantics.load_imbalance,
        tile, arriving, leaving, partition, instances, leader, passes,
    )  # fmt: skip
    content = np.zeros((n, len(numbers.pairs)), np.int64)
    fits = np.ones(n, np.bool_)
    for x in range(tensors):
        fits &= _number_contents(case, block, numbers, x, tile[:, :, x], content)
    rows = np.flatnonzero(fits)
    chain = np.stack(
        [
            numbers.chains[x].number(np.ascontiguousarray(leader[rows][:, mine]))
            for x, mine in enumerate(numbers.mine)
        ],
        axis=1,
    ).astype(np.int64)
    cell = np.zeros((len(rows), len(numbers.pairs)), np.int32)
    for k, (_, x) in enumerate(numbers.pairs):
        cell[:, k] = numbers.cells[k].number(np.stack((content[rows, k], chain[:, x]), axis=1))
    level_of = [i for i, _ in numbers.pairs]
    tensor_of = [x for _, x in numbers.pairs]
    held, entering, delivered, share = (
        array[:, level_of, tensor_of][rows] for array in (tile, arriving, leaving, partition)
    )
    pace = np.concatenate((chain, passes[rows], instances[rows, -1:]), axis=1)
    return Shapes(
        rows, held, entering, delivered, share, instances[rows], cell,
        numbers.paces.number(pace),
    )  # fmt: skip


def _number_contents(
    case: Case, block: Block, numbers: Numbers, x: int, tile: Ints, content: Ints
) -> Bools:
    """Fill the numbers of a tensor's contents; return which mappings its formats can divide.

    A tensor's tiles follow from the loops that index it and their order alone, so mappings that
    agree in these are looked at once.
    """
    plan = case.plan
    used = plan.problem.uses(x)
    columns = [c for c, (_, d) in enumerate(block.nests.places) if used[d]]
    sequences = [tuple(d for d in row if used[d]) for row in block.orders.reshape(-1, len(used))]
    whole = [tuple(sequences[i : i + len(plan.keep) * 3]) for i in
             range(0, len(sequences), len(plan.keep) * 3)]  # fmt: skip
    known = {order: number for number, order in enumerate(dict.fromkeys(whole))}
    orders = np.array([known[order] for order in whole], np.int64)[block.order]
    first, which = first_of_equal(
        np.column_stack((orders, block.nests.values[:, columns])).astype(np.int64)
    )
    most, levels = numbers.ranks, len(plan.keep)
    geometry = np.ones((len(first), levels, 2 * most + 1), np.int64)
    fits = np.ones(len(first), np.bool_)
    if not case.dense and plan.ranks[:, x].any():
        _divide(
            not case.semantics.whole_accesses, plan.problem.coefficients, x, plan.keep,
            np.ascontiguousarray(plan.ranks[:, x]), np.ascontiguousarray(plan.compressed[:, x]),
            np.ascontiguousarray(plan.flattens[x]), np.ascontiguousarray(plan.from_inside[:, x]),
            np.array(block.nests.places, np.int64).reshape(-1, 2), block.nests.values[first],
            block.order[first], block.orders, geometry, fits,
        )  # fmt: skip
    for k, (i, tensor) in enumerate(numbers.pairs):
        if tensor == x:
            # Mappings that do not fit are dropped later: their tiles get no numbers.
            key = np.column_stack((tile[first, i], geometry[:, i]))
            found = np.zeros(len(first), np.int64)
            found[fits] = numbers.contents[k].number(np.ascontiguousarray(key[fits]))
            content[:, k] = found[which]
    return np.asarray(fits[which])


@njit(cache=True, nogil=True)
def _divide(
    alone: bool,
    coefficients: Ints,
    x: int,
    keep: Bools,
    ranks: Ints,
    compressed: Bools,
    flattens: Bools,
    from_inside: Bools,
    places: Ints,
    values: Numbers32,
    which: Numbers32,
    orders: NDArray[np.int8],
    geometry: Ints,
    fits: Bools,
) -> None:
    """Fill the geometry of a tensor's tiles [n, L, 2 R + 1]: fibers, then values under them."""
    levels, most = flattens.shape[:2]
    factors = np.ones(orders.shape[1:], np.int64)
    fiber = np.empty((levels, most), np.int64)
    under = np.empty((levels, most + 1), np.int64)
    for n in range(len(values)):
        for c in range(len(places)):
            factors[places[c, 0], places[c, 1]] = values[n, c]
        fiber[:] = 1
        under[:] = 1
        fits[n] = tile_geometry(
            alone, coefficients, x, keep, ranks, compressed, flattens, from_inside, factors,
            orders[which[n]].astype(np.int64), fiber, under,
        )  # fmt: skip
        geometry[n, :, :most] = fiber
        geometry[n, :, most:] = under


@njit(cache=True, nogil=True)
def _count(
    coefficients: Ints,
    keep: Bools,
    follows: Ints,
    fans_out: bool,
    exact_overlap: bool,
    exact_leader: bool,
    places: Ints,
    values: Numbers32,
    which: Numbers32,
    orders: NDArray[np.int8],
    operands: Ints,
    mesh: Ints,
    units_wait: bool,
    tile: Ints,
    arriving: Ints,
    leaving: Ints,
    partition: Ints,
    instances: Ints,
    leader: Ints,
    passes: Ints,
) -> None:
    groups, dims = orders.shape[1:]
    factors = np.ones((groups, dims), np.int64)
    order = np.empty((groups, dims), np.int64)
    loops = np.empty((groups * dims, 3), np.int64)
    sizes = np.empty(dims, np.int64)
    last = -1
    for n in range(len(values)):
        for c in range(len(places)):
            factors[places[c, 0], places[c, 1]] = values[n, c]
        if which[n] != last:
            last = which[n]
            order[:] = orders[last]
        nest_counts(
            coefficients, keep, factors, order, exact_overlap,
            tile[n], arriving[n], leaving[n], partition[n], instances[n],
        )  # fmt: skip
        if units_wait:
            pass_shape(coefficients, operands, mesh, factors, passes[n])
        if len(follows):
            count = list_loops(factors, order, loops)
            for f in range(len(follows)):
                usable = leader_sizes(
                    exact_leader, coefficients, follows[f, 1], follows[f, 2], follows[f, 0],
                    follows[f, 3], follows[f, 4], factors, order, loops, count, fans_out, sizes,
                )  # fmt: skip
                if usable:
                    leader[n, f] = tile_size(coefficients, follows[f, 2], sizes)
