"""What the mappings of one case cost: bounds for all of them, exact figures for the contenders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leanspike.hardware.case import Case
from leanspike.hardware.counts.row import empty_row
from leanspike.hardware.search_bounds import bound
from leanspike.hardware.search_exact import Counted, Lookup, Scratch, evaluate_exactly, scratch
from leanspike.hardware.search_group import CountedBlock
from leanspike.hardware.search_linear import COLUMNS, Linear, alone, linear_cells, linear_paces
from leanspike.hardware.search_shapes import Numbers
from leanspike.hardware.search_tables import Tables

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]


class Pricer:
    """One case of a group: its tables, and what its mappings cost."""

    def __init__(self, case: Case, numbers: Numbers) -> None:
        plan, chip = case.plan, case.plan.architecture
        self.case = case
        self.tables = Tables(case, numbers)
        updates = plan.problem.volumes()[plan.problem.tensors[plan.problem.written]]
        with_neurons = case.neurons and chip.neuron is not None
        self._neuron_pj = updates * case.pricing.neuron if with_neurons else 0.0
        self._inner = np.array(
            [
                numbers.pairs.index((child, x)) if (child := plan.child(i, x)) < len(chip.levels)
                else -1
                for i, x in numbers.pairs
            ]
        )  # fmt: skip
        self._linear = Linear(np.zeros((0, COLUMNS)), np.zeros(0), np.zeros(0))
        self.lookup: Lookup = self.tables.lookup()

    def grow(self) -> None:
        """Look up what the numbers have grown by since the last block."""
        numbers = self.tables.numbers
        size = sum(len(cells.rows) for cells in numbers.cells)
        paces, known = len(numbers.paces.rows), len(self._linear.needed)
        if size == len(self._linear.cells) and paces == known:
            return
        self.tables.grow()
        self.lookup = lookup = self.tables.lookup()
        plan, rules, prices = self.tables.plan, self.tables.rules, self.tables.prices()
        cells = np.zeros((size, COLUMNS))
        for x in range(self.case.plan.keep.shape[1]):
            row_plan, row_prices = alone(plan, prices, x)
            linear_cells(
                row_plan, rules, lookup, row_prices, self._scratch(1),
                np.flatnonzero(lookup.tensor == x), self.tables.chains_of(x), cells,
            )  # fmt: skip
        needed, compute_pj = np.zeros(paces), np.zeros(paces)
        needed[:known], compute_pj[:known] = self._linear.needed, self._linear.compute_pj
        linear_paces(plan, rules, lookup, prices, self._scratch(), known, needed, compute_pj)
        self._linear = Linear(cells, needed, compute_pj)

    def counted(self, counted: CountedBlock) -> Counted:
        """Return a block's counts as compiled code takes them, with this case's membrane."""
        shapes, state = counted.shapes, self.case.pricing.state
        if counted.nothing is not None:
            fixed, state_bits = counted.nothing
            if self._neuron_pj:
                fixed = fixed + self._neuron_pj
        else:
            fixed = counted.reads @ state[:, 0] + counted.writes @ state[:, 1] + self._neuron_pj
            state_bits = counted.held * self.case.state_bits
        return Counted(
            shapes.tile, shapes.arriving, shapes.leaving, shapes.partition, shapes.instances,
            shapes.cell, shapes.pace, counted.fills, counted.used, fixed, state_bits,
        )  # fmt: skip

    def bounds(self, arrays: Counted) -> Reals:
        """Return (least, most energy, least, most cycles), [n, 4]; infinite where not legal."""
        bounds = np.empty((len(arrays.tile), 4))
        bound(
            self.case.semantics.whole_accesses, self._inner, self.case.plan.bandwidth,
            self.lookup, self._linear, arrays, self.tables.prices(), self.tables.room(), bounds,
        )  # fmt: skip
        return bounds

    def exact(self, arrays: Counted, rows: Ints) -> tuple[Reals, Reals]:
        """Return energy (pJ) and cycles of some mappings, as the engine counts them."""
        energy, cycles = np.zeros(len(rows)), np.zeros(len(rows))
        evaluate_exactly(
            self.tables.plan, self.tables.rules, self.lookup, arrays, self.tables.prices(), rows,
            self._scratch(), energy, cycles,
        )  # fmt: skip
        return energy, cycles

    def _scratch(self, tensors: int | None = None) -> Scratch:
        levels = self.case.plan.keep.shape[0]
        tensors = tensors or self.case.plan.keep.shape[1]
        ranks = self.lookup.words.shape[1]
        return scratch(levels, tensors, ranks, empty_row(levels, tensors, ranks))
