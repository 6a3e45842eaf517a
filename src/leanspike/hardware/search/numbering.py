"""Numbering what mappings hold and depend on: equal tiles and equal conditions get one number.

What depends on densities, formats' words or energies is then looked up by these numbers instead
of being computed per mapping.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leanspike.arrays import Bools, Ints, Ints32
from leanspike.hardware.compiling import helper, kernel
from leanspike.hardware.mapping.walk import Block
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.geometry import tile_geometry
from leanspike.hardware.model.leader_tiles import Spreads
from leanspike.hardware.model.skipping import chain_columns, condition_rows
from leanspike.hardware.search.counting import BlockCounts, kept_pairs
from leanspike.hardware.sparseloop.geometry import FITS


class Interner:
    """Numbers rows of ``width`` integers from 0 on, in the order they are first seen.

    >>> interner = Interner(2)
    >>> interner.number(np.array([[1, 2], [3, 4], [1, 2]])).tolist()
    [0, 1, 0]
    >>> interner.rows.tolist()
    [[1, 2], [3, 4]]
    """

    def __init__(self, width: int) -> None:
        self._keys: Ints = np.zeros((64, width), np.int64)
        self._slots: Ints = np.full(256, -1, np.int64)
        self._count = 0

    @property
    def rows(self) -> Ints:
        """The distinct rows by number, int64 [numbers, width]."""
        return self._keys[: self._count]

    def number(self, rows: Ints) -> NDArray[np.int32]:
        """Return the number of each row, int32 [rows]."""
        numbers = np.empty(len(rows), np.int32)
        rows, done = np.ascontiguousarray(rows, np.int64), 0
        while True:
            done, self._count = _number(rows, numbers, done, self._keys, self._slots, self._count)
            if done == len(rows):
                return numbers
            self._grow()

    def _grow(self) -> None:
        keys = np.zeros((2 * len(self._keys), self._keys.shape[1]), np.int64)
        keys[: self._count] = self.rows
        self._keys = keys
        self._slots = np.full(4 * len(keys), -1, np.int64)
        _place(keys, self._slots, self._count)


def first_of_equal(rows: Ints) -> tuple[Ints, Ints]:
    """Return where each distinct row is first seen, and which of these every row equals.

    >>> first, which = first_of_equal(np.array([[5], [7], [5]]))
    >>> first.tolist(), which.tolist()
    ([0, 1], [0, 1, 0])
    """
    which = Interner(rows.shape[1]).number(rows).astype(np.int64)
    _, first = np.unique(which, return_index=True)
    return first, which


@helper
def _hash(row: Ints) -> int:
    # FNV-1a over whole words, with a shift that spreads high bits down.
    value = np.uint64(1469598103934665603)
    for part in row:
        value = (value ^ np.uint64(part)) * np.uint64(1099511628211)
        value ^= value >> np.uint64(29)
    return int(value & np.uint64(0x7FFFFFFFFFFFFFFF))


@kernel
def _number(
    rows: Ints, numbers: NDArray[np.int32], done: int, keys: Ints, slots: Ints, count: int
) -> tuple[int, int]:
    """Give rows from ``done`` on their numbers until the table is full; return how far it got."""
    mask = len(slots) - 1
    for i in range(done, len(rows)):
        slot = _hash(rows[i]) & mask
        while True:
            found = slots[slot]
            if found < 0:
                if count == len(keys):
                    return i, count
                for part in range(rows.shape[1]):
                    keys[count, part] = rows[i, part]
                slots[slot] = count
                numbers[i] = count
                count += 1
                break
            same = True
            for part in range(rows.shape[1]):
                same = same and keys[found, part] == rows[i, part]
            if same:
                numbers[i] = found
                break
            slot = (slot + 1) & mask
    return len(rows), count


@kernel
def _place(keys: Ints, slots: Ints, count: int) -> None:
    mask = len(slots) - 1
    for n in range(count):
        slot = _hash(keys[n]) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = n


class Numbers:
    """The distinct tiles and leader tiles of some blocks, under one structure.

    Attributes
    ----------
    pairs
        (level, tensor) of every place that keeps something, outermost level first.
    contents
        Per pair, rows of (tile, fiber of each rank, values under one coordinate of each rank).
    chains
        Per tensor, rows of the descriptions of its conditions' leader tiles, whose spreads are
        numbered in ``spreads``.
    tile_classes
        Per pair, rows of (content, chain of its tensor).
    compute_classes
        Rows of the chain of every tensor, what units do in a pass (5), and the units used.
    """

    def __init__(self, case: Case, spreads: Spreads) -> None:
        plan = case.plan
        self.spreads = spreads
        tensors = plan.keep.shape[1]
        self.pairs = kept_pairs(case)
        self.ranks = plan.flattens.shape[2]
        self.contents = [Interner(2 + 2 * self.ranks) for _ in self.pairs]
        conditions = condition_rows(plan)[: 0 if case.dense else None]
        self.mine = [
            chain_columns(conditions, x, spreads.width, plan.problem.written)
            for x in range(tensors)
        ]
        self.chains = [Interner(len(mine)) for mine in self.mine]
        self.tile_classes = [Interner(2) for _ in self.pairs]
        self.compute_classes = Interner(tensors + 6)


def number_classes(
    case: Case, block: Block, counts: BlockCounts, numbers: Numbers
) -> tuple[Ints, Ints32, Ints32]:
    """Give a block of mappings their numbers; ``numbers`` grows by what this block adds.

    Of the case only the structure matters: not its densities, bits, words and prices.

    Returns
    -------
    Which mappings of the block fit the formats' ranks, [n], and for these the number of each
    pair's tile class, [n, K], and of the compute class, [n].
    """
    tensors = case.plan.keep.shape[1]
    content = np.zeros((len(block), len(numbers.pairs)), np.int64)
    fits = np.ones(len(block), np.bool_)
    for x in range(tensors):
        fits &= _number_contents(case, block, counts, numbers, x, content)
    rows = np.flatnonzero(fits)
    chain = np.stack(
        [
            numbers.chains[x].number(counts.leader[rows][:, mine])
            for x, mine in enumerate(numbers.mine)
        ],
        axis=1,
    ).astype(np.int64)
    tiles = np.zeros((len(rows), len(numbers.pairs)), np.int32)
    for k, (_, x) in enumerate(numbers.pairs):
        tiles[:, k] = numbers.tile_classes[k].number(
            np.stack((content[rows, k], chain[:, x]), axis=1)
        )
    computes = np.concatenate((chain, counts.passes[rows], counts.instances[rows, -1:]), axis=1)
    return rows, tiles, numbers.compute_classes.number(computes)


def _number_contents(
    case: Case, block: Block, counts: BlockCounts, numbers: Numbers, x: int, content: Ints
) -> Bools:
    """Fill the numbers of a tensor's contents; return which mappings its formats can divide.

    A tensor's tiles follow from the loops that index it and their order alone, so mappings that
    agree in these are divided once.
    """
    plan = case.plan
    used = plan.problem.uses(x)
    columns = [c for c, (_, d) in enumerate(block.nests.places) if used[d]]
    # Loops that do not index the tensor are all alike.
    seen = np.where(used[block.orders], block.orders, -1)
    # They go last: what is left is the order of the others.
    seen = np.take_along_axis(seen, np.argsort(seen < 0, axis=2, kind="stable"), axis=2)
    alike = Interner(seen[0].size).number(seen.reshape(len(seen), -1).astype(np.int64))
    orders = alike.astype(np.int64)[block.order]
    first, which = first_of_equal(
        np.column_stack((orders, block.nests.values[:, columns])).astype(np.int64)
    )
    fits = np.ones(len(first), np.bool_)
    geometry = np.ones((len(first), len(plan.keep), 2 * numbers.ranks + 1), np.int64)
    if not case.dense and plan.ranks[:, x].any():
        loops = block.arrays
        some = loops._replace(steps=loops.steps[first], order=loops.order[first])
        found, *parts = tile_geometry(plan, x, some, own=not case.semantics.whole_accesses)
        fits, geometry = found == FITS, np.concatenate(parts, axis=2)
    for k, (i, tensor) in enumerate(numbers.pairs):
        if tensor == x:
            # Mappings that do not fit are dropped later: their tiles get no numbers.
            key = np.column_stack((counts.tile[first, k], geometry[:, i]))
            mine = np.zeros(len(first), np.int64)
            mine[fits] = numbers.contents[k].number(key[fits])
            content[:, k] = mine[which]
    return np.asarray(fits[which])
