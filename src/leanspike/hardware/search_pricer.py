"""What mappings cost some cases: bounds for all mappings, exact figures for the contenders."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from leanspike.hardware.case import Case
from leanspike.hardware.search_best import Objective
from leanspike.hardware.search_bounds import (
    CYCLES_ONLY,
    EDP,
    ENERGY_ONLY,
    LANES,
    Lanes,
    Pairs,
    bound,
)
from leanspike.hardware.search_exact import Counted, Lookup, evaluate_exactly
from leanspike.hardware.search_group import CountedBlock
from leanspike.hardware.search_linear import COLUMNS, PACKING, UNITS, linear_cells, linear_paces
from leanspike.hardware.search_tables import Fixed, Tables, fixed_of

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]

_SCORES = {"edp": EDP, "pareto": EDP, "energy": ENERGY_ONLY, "latency": CYCLES_ONLY}


class Pricer:
    """Up to eight cases of a group side by side, over one batch of mappings.

    Lanes that are left over repeat the last case.
    """

    def __init__(self, cases: Sequence[Case], tables: Tables) -> None:
        self.cases = tuple(cases)
        numbers = tables.numbers
        self._fixed: list[Fixed] = [fixed_of(case, numbers.ranks) for case in cases]
        self._lookups: list[Lookup] = [
            tables.lookup(case, fixed) for case, fixed in zip(cases, self._fixed, strict=True)
        ]
        count, paces = len(self._lookups[0].cell_content), len(self._lookups[0].units)
        cells = np.empty((count, COLUMNS, LANES))
        needed, compute_pj = np.empty((paces, LANES)), np.empty((paces, LANES))
        for lane in range(len(cases)):
            self._fill(lane, tables.first_chain, cells, needed, compute_pj)
        last = len(cases) - 1
        for array in (cells, needed, compute_pj):
            array[..., last + 1 :] = array[..., last : last + 1]
        self._pairs = self._pairs_of(tables, cells)
        self.lanes = self._lanes(cells, needed, compute_pj)

    def _fill(
        self, lane: int, chains: Ints, cells: Reals, needed: Reals, compute_pj: Reals
    ) -> None:
        fixed, lookup = self._fixed[lane], self._lookups[lane]
        for x, (plan, prices, space) in enumerate(fixed.alone):
            linear_cells(
                plan, fixed.rules, lookup, prices, space,
                np.flatnonzero(lookup.tensor == x), chains[x : x + 2], cells[:, :, lane],
            )  # fmt: skip
        linear_paces(
            fixed.plan, fixed.rules, lookup, fixed.prices, fixed.pace_scratch, needed[:, lane],
            compute_pj[:, lane],
        )  # fmt: skip

    def _pairs_of(self, tables: Tables, cells: Reals) -> Pairs:
        numbers, plan, lookup = tables.numbers, self.cases[0].plan, self._lookups[0]
        children = [(plan.child(i, x), x) for i, x in numbers.pairs]
        inner = [numbers.pairs.index(c) if c in numbers.pairs else -1 for c in children]
        packs = [
            bool(cells[first:last, PACKING : PACKING + UNITS].any())
            for first, last in zip(lookup.first_cell[:-1], lookup.first_cell[1:], strict=True)
        ]
        written = lookup.tensor == plan.problem.written
        return Pairs(lookup.level, lookup.first_cell, np.array(inner), np.array(packs), written)

    def _lanes(self, cells: Reals, needed: Reals, compute_pj: Reals) -> Lanes:
        order = [min(lane, len(self.cases) - 1) for lane in range(LANES)]
        plans = [self.cases[lane].plan for lane in order]
        prices = [self._fixed[lane].prices for lane in order]
        level, tensor = self._lookups[0].level, self._lookups[0].tensor
        metadata = np.stack([plan.metadata_capacity for plan in plans], axis=-1)
        return Lanes(
            cells=cells,
            needed=needed,
            compute_pj=compute_pj,
            finished_share=np.stack([plan.finished_share for plan in plans], axis=-1),
            room=np.stack([plan.capacity for plan in plans], axis=-1),
            metadata_room=np.where(metadata < 0, np.inf, metadata),
            shared=np.where(metadata < 0, 1.0, 0.0),
            per_word=1.0 / np.stack([plan.bandwidth for plan in plans], axis=-1),
            packing_pj=np.stack([one.storage[level, tensor, 19] for one in prices], axis=-1),
            cycle_pj=np.array([one.cycle for one in prices]),
            state_bits=np.stack([plan.stored_state_bits for plan in plans], axis=-1),
            state_size=np.stack([self._fixed[lane].plan.state_size for lane in order], axis=-1),
        )

    @cached_property
    def _membrane(self) -> tuple[Reals, Reals, Reals]:
        """PJ of reading and of writing a membrane value [L, 8], and of all neurons [8]."""
        states, neurons = [], []
        for lane in range(LANES):
            case = self.cases[min(lane, len(self.cases) - 1)]
            there = case.neurons and case.plan.architecture.neuron is not None
            neurons.append(case.plan.neuron_updates * case.pricing.neuron if there else 0.0)
            states.append(case.pricing.state)
        state = np.stack(states, axis=-1)
        return state[:, 0], state[:, 1], np.array(neurons)

    def fixed_energy(self, counted: CountedBlock, rows: Ints | slice) -> Reals:
        """Return the membrane's energy, which no density changes, [rows, 8]."""
        reading, writing, neurons = self._membrane
        energy: Reals = counted.reads[rows] @ reading + counted.writes[rows] @ writing + neurons
        return energy

    def bounds(
        self, counted: CountedBlock, objective: Objective
    ) -> tuple[Reals, Reals, Ints, Reals]:
        """Bound what a block's mappings cost.

        Returns
        -------
        The lowest score of each mapping, [8, n], infinite where it is not legal; the least of the
        highest scores, [8]; how many mappings are legal and how many of these differ, [2, 8]; and
        for ``pareto`` (least, most energy, least, most cycles), [8, n, 4].
        """
        legal = np.zeros((2, LANES), np.int64)
        least, most, bounds = self._bound(self.lanes, counted, objective, legal)
        return least, most, legal, bounds

    def _bound(
        self, lanes: Lanes, counted: CountedBlock, objective: Objective, legal: Ints
    ) -> tuple[Reals, Reals, Reals]:
        n = len(counted)
        least, most = np.empty((LANES, n)), np.full(LANES, np.inf)
        bounds = np.empty((LANES if objective == "pareto" else 0, n, 4))
        bound(
            _SCORES[objective], self.cases[0].semantics.whole_accesses, self._pairs, lanes,
            _as_arrays(counted), self.fixed_energy(counted, slice(None)), counted.stands_for,
            least, most, legal, bounds,
        )  # fmt: skip
        return least, most, bounds

    def fitting(self, counted: CountedBlock, level: int) -> int:
        """Return how many of a block's mappings fit one level in the first lane."""
        others = np.arange(len(self.lanes.room))[:, None] != level
        lanes = self.lanes._replace(
            room=np.where(others, np.inf, self.lanes.room),
            metadata_room=np.where(others, np.inf, self.lanes.metadata_room),
        )
        legal = np.zeros((2, LANES), np.int64)
        self._bound(lanes, counted, "energy", legal)
        return int(legal[0, 0])

    def exact(self, lane: int, counted: CountedBlock, rows: Ints) -> tuple[Reals, Reals]:
        """Return energy (pJ) and cycles of some mappings, as the engine counts them."""
        energy, cycles = np.zeros(len(rows)), np.zeros(len(rows))
        fixed = self._fixed[lane]
        evaluate_exactly(
            fixed.plan, fixed.rules, self._lookups[lane], _as_arrays(counted), fixed.prices, rows,
            np.ascontiguousarray(self.fixed_energy(counted, rows)[:, lane]), fixed.scratch,
            energy, cycles,
        )  # fmt: skip
        return energy, cycles


def _as_arrays(counted: CountedBlock) -> Counted:
    return Counted(
        counted.tile, counted.arriving, counted.leaving, counted.partition, counted.instances,
        counted.cell, counted.pace, counted.new, counted.used, counted.held, counted.state,
    )  # fmt: skip
