"""Bounds on what mappings cost, cheap enough for all of them.

Where the semantics round to whole accesses, rounding moves a count by less than one each of at
most three times on its way (zeros thinned out, reads left alone outside, reads left alone here),
and a row or word count by less than one more. The sum of what that is worth is the *slack*: the
exact energy lies within energy +- slack, the exact cycles between their two bounds. Without
rounding the slack is nothing, and only floating-point sums in another order remain. A mapping
whose lower bound is above another's upper bound cannot be the best; the others are evaluated
exactly. So nothing is lost by looking at most mappings through bounds only.


What mappings cost some cases: bounds for all mappings, exact figures for the contenders.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.model.case import Case
from leanspike.hardware.search.best import Objective
from leanspike.hardware.search.exact import Counted, Lookup, evaluate_exactly
from leanspike.hardware.search.groups import CountedBlock
from leanspike.hardware.search.linear import (
    BITS,
    COLUMNS,
    ENERGY,
    LOOSE,
    PACKING,
    PRESENT,
    READS,
    ROUNDINGS,
    SLACK,
    UNITS,
    WRITES,
    linear_cells,
    linear_paces,
)
from leanspike.hardware.search.tables import Fixed, Tables, fixed_of

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Cases that are looked at together: as many doubles as a cache line has.
LANES = 8
#: What is minimized, by number.
EDP, ENERGY_ONLY, CYCLES_ONLY = 0, 1, 2

# Relative room for floating-point sums taken in another order.
_FLOAT = 1e-9


class Pairs(NamedTuple):
    """The (level, tensor) pairs, [K]: where the cells of each start, the next pair inside of the
    same tensor (-1: the compute unit), whether any case packs there, and whether these are outputs.
    """

    level: Ints
    first_cell: Ints
    inner: Ints
    packs: Bools
    written: Bools


class Lanes(NamedTuple):
    """Coefficients and limits of eight cases side by side, the last axis.

    ``cells`` [cells, COLUMNS, 8]; per pace the cycles that computes need and their energy, each
    [paces, 8]. Room for values and for metadata (infinite where they share one) and whether they
    share it, the room a membrane value takes and what moving it takes of a bandwidth, and the share
    of their room that finished outputs take, each [L, 8]; one over the bandwidths [L, 3, 8]; pJ of
    packing at each pair [K, 8]; pJ per cycle (leakage), [8].
    """

    cells: Reals
    needed: Reals
    compute_pj: Reals
    room: Reals
    metadata_room: Reals
    shared: Reals
    per_word: Reals
    packing_pj: Reals
    cycle_pj: Reals
    state_bits: Reals
    state_size: Reals
    finished_share: Reals


@njit(cache=True, nogil=True, error_model="numpy")
def bound(
    objective: int,
    whole: bool,
    pairs: Pairs,
    lanes: Lanes,
    counted: Counted,
    fixed: Reals,
    stands_for: Ints,
    least: Reals,
    most: Reals,
    legal: Ints,
    bounds: Reals,
) -> None:
    """Bound what every mapping costs each of eight cases.

    Parameters
    ----------
    fixed
        Energy that no density changes (the membrane's), [n, 8].
    stands_for
        Mappings each one stands for, [n].
    least
        Filled: the lowest score each mapping can have, [8, n]; infinite where not legal.
    most
        Lowered to the least of the highest scores that any mapping can have, [8].
    legal
        Added to: how many mappings are legal, and how many of these differ, [2, 8].
    bounds
        Filled with (least, most energy, least, most cycles) unless empty, [8, n, 4].
    """
    levels, count = lanes.room.shape[0], len(pairs.level)
    limited = np.empty(levels, np.bool_)
    roomy = np.empty(levels, np.bool_)
    for i in range(levels):
        limited[i] = lanes.per_word[i].max() > 0.0
        roomy[i] = lanes.room[i].min() == np.inf and lanes.metadata_room[i].min() == np.inf
    cells = lanes.cells
    energy, slack = np.empty(LANES), np.empty(LANES)
    low_cycles, high_cycles = np.empty(LANES), np.empty(LANES)
    values, metadata = np.empty(LANES), np.empty(LANES)
    reads, writes = np.empty(LANES), np.empty(LANES)
    loose_reads, loose_writes = np.empty(LANES), np.empty(LANES)
    over, low, high = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for n in range(len(fixed)):
        pace = counted.pace[n]
        for v in range(LANES):
            energy[v] = fixed[n, v] + lanes.compute_pj[pace, v]
            slack[v] = 0.0
            low_cycles[v] = high_cycles[v] = lanes.needed[pace, v]
            over[v] = 0.0
        k = 0
        for i in range(levels):
            used, held = counted.used[n, i], counted.held[n, i]
            for v in range(LANES):
                values[v] = held * lanes.state_bits[i, v]
                metadata[v] = 0.0
            if limited[i]:
                for v in range(LANES):
                    reads[v] = counted.state[n, i, 0] * lanes.state_size[i, v]
                    writes[v] = counted.state[n, i, 1] * lanes.state_size[i, v]
                    loose_reads[v] = loose_writes[v] = 0.0
            while k < count and pairs.level[k] == i:
                cell = pairs.first_cell[k] + counted.cell[n, k]
                sent, first = counted.leaving[n, k], float(counted.partition[n, k])
                came, new = counted.arriving[n, k], counted.new[n, k]
                for v in range(LANES):
                    energy[v] += used * (
                        cells[cell, ENERGY, v] * sent
                        + cells[cell, ENERGY + 1, v] * first
                        + cells[cell, ENERGY + 2, v] * came
                        + cells[cell, ENERGY + 3, v] * new
                    )
                finished = pairs.written[k] and sent == first
                for v in range(LANES):
                    share = lanes.finished_share[i, v] if finished else 1.0
                    values[v] += cells[cell, BITS, v] * share
                    metadata[v] += cells[cell, BITS + 1, v]
                if whole:
                    for v in range(LANES):
                        slack[v] += used * cells[cell, SLACK, v]
                if pairs.packs[k]:
                    j = pairs.inner[k]
                    inside = pairs.first_cell[j] + counted.cell[n, j]
                    packers = counted.used[n, pairs.level[j]]
                    for v in range(LANES):
                        packing = (
                            cells[cell, PACKING, v] * sent
                            + cells[cell, PACKING + 1, v] * first
                            + cells[cell, PACKING + 2, v] * came
                            + cells[cell, PACKING + 3, v] * new
                        )
                        there = packers * cells[inside, PRESENT, v]
                        energy[v] += there * packing
                        slack[v] += there * ROUNDINGS * lanes.packing_pj[j, v]
                if limited[i]:
                    for v in range(LANES):
                        reads[v] += (
                            cells[cell, READS, v] * sent
                            + cells[cell, READS + 1, v] * first
                            + cells[cell, READS + 2, v] * came
                            + cells[cell, READS + 3, v] * new
                        )
                        writes[v] += (
                            cells[cell, WRITES, v] * sent
                            + cells[cell, WRITES + 1, v] * first
                            + cells[cell, WRITES + 2, v] * came
                            + cells[cell, WRITES + 3, v] * new
                        )
                        loose_reads[v] += cells[cell, LOOSE, v]
                        loose_writes[v] += cells[cell, LOOSE + 1, v]
                k += 1
            if not roomy[i]:
                for v in range(LANES):
                    taken = values[v] + metadata[v] * lanes.shared[i, v]
                    over[v] = max(over[v], taken - lanes.room[i, v])
                    over[v] = max(over[v], metadata[v] - lanes.metadata_room[i, v])
                if over.min() > 0.0:
                    break
            if limited[i]:
                for v in range(LANES):
                    both, loose = reads[v] + writes[v], loose_reads[v] + loose_writes[v]
                    a, b, c = (
                        lanes.per_word[i, 0, v],
                        lanes.per_word[i, 1, v],
                        lanes.per_word[i, 2, v],
                    )
                    fastest = max(
                        (reads[v] - loose_reads[v]) * a, (writes[v] - loose_writes[v]) * b
                    )
                    slowest = max(
                        (reads[v] + loose_reads[v]) * a, (writes[v] + loose_writes[v]) * b
                    )
                    fastest = max(fastest, (both - loose) * c)
                    slowest = max(slowest, (both + loose) * c) + whole
                    if whole and lanes.needed[pace, v] == 0.0:
                        fastest = slowest = 0.0  # Timeloop: without computes nothing takes time
                    low_cycles[v] = max(low_cycles[v], fastest)
                    high_cycles[v] = max(high_cycles[v], slowest)
        for v in range(LANES):
            c_low = low_cycles[v] * (1.0 - _FLOAT)
            c_high = high_cycles[v] * (1.0 + _FLOAT)
            e_low = (energy[v] - slack[v]) * (1.0 - _FLOAT) + lanes.cycle_pj[v] * c_low
            e_high = (energy[v] + slack[v]) * (1.0 + _FLOAT) + lanes.cycle_pj[v] * c_high
            low_cycles[v], high_cycles[v], energy[v], slack[v] = c_low, c_high, e_low, e_high
        if objective == EDP:
            for v in range(LANES):
                low[v], high[v] = energy[v] * low_cycles[v], slack[v] * high_cycles[v]
        elif objective == ENERGY_ONLY:
            for v in range(LANES):
                low[v], high[v] = energy[v], slack[v]
        else:
            for v in range(LANES):
                low[v], high[v] = low_cycles[v], high_cycles[v]
        for v in range(LANES):
            if over[v] > 0.0:
                least[v, n] = np.inf
            else:
                least[v, n] = low[v]
                most[v] = min(most[v], high[v])
                legal[0, v] += stands_for[n]
                legal[1, v] += 1
        if len(bounds):
            for v in range(LANES):
                if over[v] > 0.0:
                    bounds[v, n] = np.inf
                else:
                    bounds[v, n, 0], bounds[v, n, 1] = energy[v], slack[v]
                    bounds[v, n, 2], bounds[v, n, 3] = low_cycles[v], high_cycles[v]


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
