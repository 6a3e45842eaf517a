"""What the mappings of one case cost: bounds for all of them, exact figures for the contenders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leanspike.hardware.case import Case
from leanspike.hardware.counts.row import empty_row
from leanspike.hardware.search_exact import Counted, Scratch, evaluate_exactly, scratch
from leanspike.hardware.search_group import CountedBlock
from leanspike.hardware.search_linear import (
    COLUMNS,
    Linear,
    alone,
    bound,
    linear_cells,
    linear_computes,
)
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
        self._clusters = np.array(
            [chip.instances(i) // level.cluster for i, level in enumerate(chip.levels)]
        )
        updates = plan.problem.volumes()[plan.problem.tensors[plan.problem.written]]
        with_neurons = case.neurons and chip.neuron is not None
        self._neuron_pj = updates * case.pricing.neuron if with_neurons else 0.0
        last = len(chip.levels) - 1
        self._child = np.array([min(plan.child(i, x), last) for i, x in numbers.pairs])
        self._cells = [np.zeros((0, COLUMNS)) for _ in numbers.pairs]
        self._linear = Linear(np.zeros((0, COLUMNS)), np.zeros(0), np.zeros(0))
        self.lookup = self.tables.lookup()

    def grow(self) -> None:
        """Look up what the numbers have grown by since the last block."""
        numbers = self.tables.numbers
        sizes = [len(cells.rows) for cells in numbers.cells]
        known = [len(cells) for cells in self._cells]
        if sizes == known and len(numbers.together.rows) == len(self._linear.busy):
            return
        self.tables.grow()
        self.lookup = self.tables.lookup()
        cells = np.zeros((sum(sizes), COLUMNS))
        starts = self.lookup.first_cell
        for k, old in enumerate(self._cells):
            cells[starts[k] : starts[k] + len(old)] = old
        plan, rules, prices = self.tables.plan, self.tables.rules, self.tables.prices()
        for x in range(self.case.plan.keep.shape[1]):
            row_plan, row_prices = alone(plan, prices, x)
            linear_cells(
                row_plan, rules, self.lookup, row_prices, self._scratch(1),
                np.flatnonzero(self.lookup.tensor == x), np.array(known, np.int64), cells,
            )  # fmt: skip
        self._cells = [cells[starts[k] : starts[k + 1]] for k in range(len(sizes))]
        busy, compute_pj = (np.zeros(len(numbers.together.rows)) for _ in range(2))
        linear_computes(plan, rules, self.lookup, prices, self._scratch(), busy, compute_pj)
        self._linear = Linear(cells, busy, compute_pj)

    def counted(self, counted: CountedBlock) -> Counted:
        """Return a block's counts as compiled code takes them, with this case's membrane."""
        shapes, state = counted.shapes, self.case.pricing.state
        return Counted(
            shapes.tile, shapes.arriving, shapes.leaving, shapes.partition, shapes.instances,
            shapes.cell, shapes.chains,
            used=np.minimum(shapes.instances[:, :-1], self._clusters).astype(np.float64),
            fixed=counted.reads @ state[:, 0] + counted.writes @ state[:, 1] + self._neuron_pj,
            state_bits=counted.held * self.case.state_bits,
        )  # fmt: skip

    def bounds(self, counted: CountedBlock, arrays: Counted) -> Reals:
        """Return (least, most energy, least, most cycles), [n, 4]; infinite where not legal."""
        bounds = np.empty((len(counted.shapes), 4))
        bound(
            self.case.semantics.whole_accesses, self._child, self.case.plan.bandwidth, self.lookup,
            self._linear, arrays, counted.fills(self.case.semantics.first_fill),
            self.tables.prices(), self.tables.room(), bounds,
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
