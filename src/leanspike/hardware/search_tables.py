"""What depends on densities, formats and bits, looked up by the numbers of tiles and chains."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leanspike.hardware.case import Case
from leanspike.hardware.counts.conditions import conditions_met
from leanspike.hardware.counts.evaluate import row_plan, row_rules
from leanspike.hardware.counts.row import RowPlan, RowRules
from leanspike.hardware.counts.tiles import contents_of
from leanspike.hardware.search_exact import Lookup, Prices, Room
from leanspike.hardware.search_shapes import Numbers

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]

# Columns of the storage prices that hold skipped metadata (see STORAGE_ACTIONS).
_SKIPPED_METADATA = slice(15, 18)


@dataclass
class PairTable:
    """Contents of one (level, tensor) by their numbers; every array grows along its first axis.

    Attributes
    ----------
    reals
        Density, fraction of instances present and row waste, [contents, 3].
    words
        Expected metadata and payload words, [contents, R, 2].
    tile
        Values of the tile, int64 [contents].
    bits
        Most bits of values and of metadata, [contents, 2].
    """

    ranks: int = 0
    reals: Reals = field(default_factory=lambda: np.zeros((0, 3)))
    words: Reals = field(default_factory=lambda: np.zeros((0, 0, 2)))
    tile: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    bits: Reals = field(default_factory=lambda: np.zeros((0, 2)))


class Tables:
    """Everything a case looks up.

    Attributes
    ----------
    plan, rules
        What compiled rows take.
    pairs
        Per pair of :attr:`Numbers.pairs`, its contents.
    remedy, p_left
        Per tensor, what each level does about reads and how often, [chains, L].
    prices
        pJ per storage action, [L, X, 20]; per compute outcome, [3].
    """

    def __init__(self, case: Case, numbers: Numbers) -> None:
        levels, tensors = case.plan.keep.shape
        self.case = case
        self.numbers = numbers
        most = 1 if case.dense else numbers.ranks
        self.plan: RowPlan = row_plan(case.plan, case.semantics, most)
        self.rules: RowRules = row_rules(case.semantics)
        self.pairs = [PairTable(words=np.zeros((0, most, 2))) for _ in numbers.pairs]
        self.remedy = [np.zeros((0, levels), np.int64) for _ in range(tensors)]
        self.p_left = [np.zeros((0, levels)) for _ in range(tensors)]
        self.storage_prices: Reals = case.pricing.storage.copy()
        if not case.semantics.skipped_metadata:
            self.storage_prices[:, :, _SKIPPED_METADATA] = 0.0
        digits = 6 if case.semantics.whole_accesses else 15
        self.operand_density = np.array(
            [
                1.0 if case.dense else round(float(case.models[x].density), digits)
                for x in self.plan.operands
            ]
        )

    def lookup(self) -> Lookup:
        """Return everything known so far as flat arrays."""
        numbers = self.numbers
        paces = numbers.paces.rows
        cells = [interner.rows for interner in numbers.cells]
        first_content = np.cumsum([0] + [len(pair.tile) for pair in self.pairs])
        first_chain = np.cumsum([0] + [len(chains) for chains in self.remedy])
        return Lookup(
            level=np.array([i for i, _ in numbers.pairs]),
            tensor=np.array([x for _, x in numbers.pairs]),
            first_cell=np.cumsum([0] + [len(rows) for rows in cells]),
            cell_content=np.concatenate(
                [rows[:, 0] + first_content[k] for k, rows in enumerate(cells)]
            ),
            cell_chain=np.concatenate(
                [
                    rows[:, 1] + first_chain[x]
                    for rows, (_, x) in zip(cells, numbers.pairs, strict=True)
                ]
            ),
            reals=np.concatenate([pair.reals for pair in self.pairs]),
            words=np.concatenate([pair.words for pair in self.pairs]),
            bits=np.concatenate([pair.bits for pair in self.pairs]),
            tile=np.concatenate([pair.tile for pair in self.pairs]),
            ranks=np.array([pair.ranks for pair in self.pairs]),
            remedy=np.concatenate(self.remedy),
            p_left=np.concatenate(self.p_left),
            together=paces[:, : len(self.remedy)] + first_chain[:-1],
            passes=np.ascontiguousarray(paces[:, -6:-1]),
            units=np.ascontiguousarray(paces[:, -1]),
            operand_density=self.operand_density,
        )

    def chains_of(self, x: int) -> Ints:
        """Return the first and the last + 1 of a tensor's chains, counted over all tensors."""
        first = np.cumsum([0] + [len(chains) for chains in self.remedy])
        return first[x : x + 2]

    def prices(self) -> Prices:
        """Return what actions and cycles cost."""
        pricing, case = self.case.pricing, self.case
        # uW x ns = 1e-3 pJ
        leakage = sum(pricing.leakage_uw.values()) * case.cycle_ns * 1e-3
        return Prices(self.storage_prices, pricing.compute, float(leakage))

    def room(self) -> Room:
        """Return the capacities."""
        return Room(self.case.plan.capacity, self.case.plan.metadata_capacity)

    def grow(self) -> None:
        """Add what the numbers have grown by."""
        for x, chains in enumerate(self.numbers.chains):
            known = len(self.remedy[x])
            if self.case.dense:
                count, levels = len(chains.rows), self.case.plan.keep.shape[0]
                self.remedy[x] = np.zeros((count, levels), np.int64)
                self.p_left[x] = np.zeros((count, levels))
                continue
            fresh = conditions_met(self.case.plan, x, chains.rows[known:], self.case.models)
            self.remedy[x] = np.concatenate((self.remedy[x], fresh[0]))
            self.p_left[x] = np.concatenate((self.p_left[x], fresh[1]))
        for k, (level, x) in enumerate(self.numbers.pairs):
            self._grow_pair(self.pairs[k], self.numbers.contents[k].rows, level, x)

    def _grow_pair(self, table: PairTable, rows: Ints, level: int, x: int) -> None:
        case, most, fresh = self.case, self.numbers.ranks, rows[len(table.tile) :]
        if not len(fresh):
            return
        found = contents_of(
            case.plan, level, x, fresh[:, 0].copy(), fresh[:, 1 : 1 + most], fresh[:, 1 + most :],
            case.models[x], case.semantics, dense=case.dense,
        )  # fmt: skip
        table.ranks = found.words.shape[1]
        words = np.zeros((len(fresh), *table.words.shape[1:]))
        words[:, : table.ranks] = found.words
        reals = np.stack((found.density, found.present, found.row_waste), axis=1)
        bits = found.bits(case.plan.value_bits[level, x], self.plan.word_bits[level, x])
        table.tile = rows[:, 0].copy()
        table.reals = np.concatenate((table.reals, reals))
        table.words = np.concatenate((table.words, words))
        table.bits = np.concatenate((table.bits, bits))
