"""Bounds on what mappings cost, cheap enough for all of them: the search's fast path.

The contract, of :class:`Bounds` against its plain version :meth:`Case.cost`, mapping by mapping
(tests/hardware/search/test_bounds.py): :meth:`Bounds.of` lies on either side of the cost, and is
infinite exactly where a mapping is not legal; :meth:`Bounds.exact` is the cost.

*Linear.* Without rounding, every access that the model counts is linear in the dense counts of its
own level and tensor (values delivered, first uses of partial sums among them, values that arrive,
first uses among these), and for each of these linear in what the tile holds (its density, each
kind of metadata word). What remains depends on the leader tiles alone. So the model's *own row* is
probed at unit counts and unit contents, once per chain of leader tiles, and combined into the
coefficients of every tile class. No formula of the model is written again.

*Rounded.* Where the semantics round to whole accesses, rounding moves a count by less than one
each of at most three times on its way (zeros thinned out, reads stopped outside, reads stopped
here), and a row or word count by less than one more. The sum of what that is worth is the *slack*:
the exact energy lies within energy +- slack, the exact cycles between their two bounds. Without
rounding the slack is nothing, and only floating-point sums in another order remain.

*Lanes.* Eight cases of one structure are bounded side by side, as many doubles as a cache line
has. A mapping whose lower bound is above another's upper bound cannot be the best; the others are
evaluated exactly, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from leanspike.arrays import Bools, Ints, Reals
from leanspike.hardware.compiling import inlined, kernel
from leanspike.hardware.model.actions import (
    KINDS,
    METADATA,
    PACKED,
    UNPACKED,
    WIRE,
    RowPlan,
    RowRules,
)
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.row import evaluate_row
from leanspike.hardware.model.rows import (
    Lookup,
    MappingCounts,
    RowPrices,
    evaluate_rows,
    fill_chain,
    no_tiles,
)
from leanspike.hardware.search.best import Objective
from leanspike.hardware.search.groups import CountedBlock
from leanspike.hardware.search.tables import Alone, Fixed, Tables, fixed_of

#: Cases that are bounded together: as many doubles as a cache line has.
LANES = 8
#: What is minimized, by number.
EDP, ENERGY_ONLY, CYCLES_ONLY = 0, 1, 2

# Relative room for floating-point sums taken in another order.
_FLOAT = 1e-9
#: Roundings of one count before it is divided into rows or words.
ROUNDINGS = 3.0
#: Counts that a tile class has columns for: delivered, first uses of these, arriving, first uses of
#: these.
UNITS = 4
#: Columns of a tile class, each group one per count: energy here, read words, written words, energy
#: of packing at the next level inside. SLACK is that of the energy, BITS the most bits of values
#: and metadata, PRESENT the fraction of instances present, LOOSE the slack of words read and
#: written.
ENERGY, SLACK, BITS, PRESENT, READS, WRITES, LOOSE, PACKING, COLUMNS = 0, 4, 5, 7, 8, 12, 16, 18, 22

# What is read off a probe: energy of rows, of unpacking, of metadata, of packing inside, words
# read and written.
_ROWS, _UNPACKING, _METADATA, _PACKING, _READ, _WRITTEN, _READINGS = 0, 1, 2, 3, 4, 5, 6


class Pairs(NamedTuple):
    """The (level, tensor) pairs, [K].

    Where the tile classes of each start, the next pair inside of the same tensor (-1: the compute
    unit), whether any case packs there, and whether these are outputs.
    """

    level: Ints
    first_class: Ints
    inner: Ints
    packs: Bools
    written: Bools


class Lanes(NamedTuple):
    """Coefficients and limits of eight cases side by side, the last axis.

    ``coefficients`` [tile classes, COLUMNS, 8]; per compute class the cycles that computes need and
    their energy, each [classes, 8]. Room for values and for metadata (infinite where they share
    one) and whether they share it, the room a membrane value takes and what moving it takes of a
    bandwidth, and the share of their room that finished outputs take, each [L, 8]; one over the
    bandwidths [L, 3, 8]; pJ of packing at each pair [K, 8]; pJ per cycle (leakage), [8].
    """

    coefficients: Reals
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


@kernel
def bound(
    objective: int,
    whole: bool,
    pairs: Pairs,
    lanes: Lanes,
    counted: MappingCounts,
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
        limited[i], roomy[i] = False, True
        for v in range(LANES):
            for way in range(3):
                limited[i] |= lanes.per_word[i, way, v] > 0.0
            roomy[i] &= lanes.room[i, v] == np.inf and lanes.metadata_room[i, v] == np.inf
    coefficients = lanes.coefficients
    energy, slack = np.empty(LANES), np.empty(LANES)
    low_cycles, high_cycles = np.empty(LANES), np.empty(LANES)
    values, metadata = np.empty(LANES), np.empty(LANES)
    reads, writes = np.empty(LANES), np.empty(LANES)
    loose_reads, loose_writes = np.empty(LANES), np.empty(LANES)
    over, low, high = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for n in range(len(fixed)):
        number = counted.compute_class[n]
        for v in range(LANES):
            energy[v] = fixed[n, v] + lanes.compute_pj[number, v]
            slack[v] = 0.0
            low_cycles[v] = high_cycles[v] = lanes.needed[number, v]
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
                tile = pairs.first_class[k] + counted.tile_class[n, k]
                sent, first = counted.leaving[n, k], float(counted.partition[n, k])
                came, new = counted.arriving[n, k], counted.new[n, k]
                for v in range(LANES):
                    energy[v] += used * (
                        coefficients[tile, ENERGY, v] * sent
                        + coefficients[tile, ENERGY + 1, v] * first
                        + coefficients[tile, ENERGY + 2, v] * came
                        + coefficients[tile, ENERGY + 3, v] * new
                    )
                finished = pairs.written[k] and sent == first
                for v in range(LANES):
                    share = lanes.finished_share[i, v] if finished else 1.0
                    values[v] += coefficients[tile, BITS, v] * share
                    metadata[v] += coefficients[tile, BITS + 1, v]
                if whole:
                    for v in range(LANES):
                        slack[v] += used * coefficients[tile, SLACK, v]
                if pairs.packs[k]:
                    j = pairs.inner[k]
                    inside = pairs.first_class[j] + counted.tile_class[n, j]
                    packers = counted.used[n, pairs.level[j]]
                    for v in range(LANES):
                        packing = (
                            coefficients[tile, PACKING, v] * sent
                            + coefficients[tile, PACKING + 1, v] * first
                            + coefficients[tile, PACKING + 2, v] * came
                            + coefficients[tile, PACKING + 3, v] * new
                        )
                        there = packers * coefficients[inside, PRESENT, v]
                        energy[v] += there * packing
                        slack[v] += there * ROUNDINGS * lanes.packing_pj[j, v]
                if limited[i]:
                    for v in range(LANES):
                        reads[v] += (
                            coefficients[tile, READS, v] * sent
                            + coefficients[tile, READS + 1, v] * first
                            + coefficients[tile, READS + 2, v] * came
                            + coefficients[tile, READS + 3, v] * new
                        )
                        writes[v] += (
                            coefficients[tile, WRITES, v] * sent
                            + coefficients[tile, WRITES + 1, v] * first
                            + coefficients[tile, WRITES + 2, v] * came
                            + coefficients[tile, WRITES + 3, v] * new
                        )
                        loose_reads[v] += coefficients[tile, LOOSE, v]
                        loose_writes[v] += coefficients[tile, LOOSE + 1, v]
                k += 1
            if not roomy[i]:
                least_over = np.inf
                for v in range(LANES):
                    taken = values[v] + metadata[v] * lanes.shared[i, v]
                    over[v] = max(over[v], taken - lanes.room[i, v])
                    over[v] = max(over[v], metadata[v] - lanes.metadata_room[i, v])
                    least_over = min(least_over, over[v])
                if least_over > 0.0:
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
                    if whole and lanes.needed[number, v] == 0.0:
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
                    for side in range(4):
                        bounds[v, n, side] = np.inf
                else:
                    bounds[v, n, 0], bounds[v, n, 1] = energy[v], slack[v]
                    bounds[v, n, 2], bounds[v, n, 3] = low_cycles[v], high_cycles[v]


@kernel
def linear_coefficients(
    one: Alone,
    rules: RowRules,
    unrounded: bool | None,
    lookup: Lookup,
    x: int,
    first: int,
    last: int,
    coefficients: Reals,
) -> None:
    """Fill the coefficients of tensor ``x``'s tile classes under its chains, ``first`` to
    ``last`` - 1.

    ``unrounded`` is ``whole`` of :func:`~leanspike.hardware.model.row.evaluate_row` without
    rounding: None or False.
    """
    nest, content, _ = one.space
    levels, most = content.words.shape[0], content.words.shape[2]
    probes = np.zeros((last - first, UNITS, 1 + 2 * most, levels, _READINGS))
    stored = np.empty((most, 2), np.bool_)
    for rank in range(most):
        stored[rank, 0] = stored[rank, 1] = False
    for k in range(len(lookup.level)):
        if lookup.tensor[k] != x:
            continue
        nest.tile[lookup.level[k], 0] = 1
        content.ranks[lookup.level[k], 0] = lookup.ranks[k]
        content.has_metadata[lookup.level[k], 0] = lookup.ranks[k] > 0
        for number in range(lookup.first_class[k], lookup.first_class[k + 1]):
            held = lookup.class_content[number]
            for rank in range(most):
                for part in range(2):
                    if lookup.words[held, rank, part] != 0.0:
                        stored[rank, part] = True
    for i in range(levels + 1):
        nest.instances[i] = 1
    # Many leader tiles are as good as never empty: equal chains are probed once.
    like = np.empty(last - first, np.int64)
    for chain in range(last - first):
        like[chain] = _first_like(lookup, first, like, chain)
        if like[chain] == chain:
            fill_chain(lookup, first + chain, 0, content)
            _probe(one, rules, unrounded, stored, probes[chain])
    for k in range(len(lookup.level)):
        if lookup.tensor[k] != x:
            continue
        i = lookup.level[k]
        for number in range(lookup.first_class[k], lookup.first_class[k + 1]):
            held = lookup.class_content[number]
            probe = probes[like[lookup.class_chain[number] - first]]
            found = coefficients[number]
            density, present = lookup.reals[held, 0], lookup.reals[held, 1]
            waste = lookup.reals[held, 2]
            if lookup.ranks[k] == 0:
                density = 1.0  # zeros are accessed too
            for unit in range(UNITS):
                full = probe[unit, 0, i]
                pj = density * (full[_ROWS] * waste + full[_UNPACKING])
                # What moves is rows; Sparseloop's rules count values.
                moved = density * waste if unrounded is None else density
                reads, writes = moved * full[_READ], moved * full[_WRITTEN]
                for rank in range(lookup.ranks[k]):
                    for part in range(2):
                        if not stored[rank, part]:
                            continue
                        words = lookup.words[held, rank, part] / lookup.tile[held]
                        kind = probe[unit, 1 + 2 * rank + part, i]
                        pj += words * kind[_METADATA]
                        reads += words * kind[_READ]
                        writes += words * kind[_WRITTEN]
                found[ENERGY + unit] = pj * present
                found[PACKING + unit] = density * full[_PACKING]
                found[READS + unit] = reads * present
                found[WRITES + unit] = writes * present
            found[SLACK] = found[LOOSE] = found[LOOSE + 1] = 0.0
            if unrounded is not None:
                _slack(one.plan, i, lookup.ranks[k], present, waste, one.prices, found)
            found[BITS] = lookup.bits[held, 0]
            found[BITS + 1] = lookup.bits[held, 1]
            found[PRESENT] = present


@inlined
def _first_like(lookup: Lookup, first: int, like: Ints, chain: int) -> int:
    """Return the first chain that does the same about reads as this one, counted from ``first``."""
    for other in range(chain):
        if like[other] != other:
            continue
        same = True
        for i in range(lookup.remedy.shape[1]):
            same = same and lookup.remedy[first + other, i] == lookup.remedy[first + chain, i]
            same = same and lookup.p_left[first + other, i] == lookup.p_left[first + chain, i]
            for s in range(lookup.survive.shape[2]):
                here = lookup.survive[first + chain, i, s]
                same = same and lookup.survive[first + other, i, s] == here
        if same:
            return other
    return chain


@inlined
def _probe(
    one: Alone, rules: RowRules, unrounded: bool | None, stored: Bools, found: Reals
) -> None:
    """Fill what unit counts of unit contents cost at every level, [4, 1 + 2 R, L, readings].

    ``stored`` [R, 2] says which kinds of words any tile of the tensor has.

    All levels are probed at once: a level's accesses follow from its own counts, only what is
    packed inside follows from the level outside, and no two levels pack at the same place.
    """
    nest, content, _ = one.space
    levels, most = content.words.shape[0], content.words.shape[2]
    for probe in range(1 + 2 * most):
        if probe > 0 and not stored[(probe - 1) // 2, (probe - 1) % 2]:
            continue
        for i in range(levels):
            content.density[i, 0] = 1.0 if probe == 0 else 0.0
            for kind in range(2 * most):
                content.words[i, 0, kind // 2, kind % 2] = 1.0 if kind == probe - 1 else 0.0
        for unit in range(UNITS):
            # Delivered; of these first uses; arriving; first uses of these.
            first, comes = unit % 2, unit // 2
            if first == 1 and one.plan.written < 0:
                continue
            for i in range(levels):
                nest.leaving[i, 0] = 1.0
                nest.partition[i, 0] = first
                nest.arriving[i, 0] = float(comes)
            _read_off(one, rules, unrounded, found[unit, probe])
        for i in range(levels):
            for reading in range(_READINGS):
                for unit in range(1, UNITS):
                    if unit != 2 and one.plan.written < 0:
                        continue
                    # The units before it that it holds, in the order of their numbers.
                    for part in range(3 if unit == 3 else 1):
                        less = found[part, probe, i, reading]
                        found[unit, probe, i, reading] -= less
            nest.arriving[i, 0] = nest.leaving[i, 0] = 0.0
            nest.partition[i, 0] = 0


@inlined
def _read_off(one: Alone, rules: RowRules, unrounded: bool | None, found: Reals) -> None:
    nest, content, row = one.space
    evaluate_row(one.plan, rules, unrounded, nest, content, row)
    storage = one.prices.storage
    for i in range(found.shape[0]):
        for reading in range(_READINGS):
            found[i, reading] = 0.0
    for i in range(found.shape[0]):
        for kind in range(KINDS):
            found[i, _ROWS] += row.accesses[i, 0, kind] * storage[i, 0, kind]
            action = METADATA + kind
            found[i, _METADATA] += row.accesses[i, 0, action] * storage[i, 0, action]
        found[i, _UNPACKING] = row.accesses[i, 0, UNPACKED] * storage[i, 0, UNPACKED]
        found[i, _UNPACKING] += row.accesses[i, 0, WIRE] * storage[i, 0, WIRE]
        outer = one.plan.parent[i, 0]
        if outer >= 0 and nest.tile[i, 0] > 0:
            found[outer, _PACKING] = row.accesses[i, 0, PACKED] * storage[i, 0, PACKED]
        found[i, _READ], found[i, _WRITTEN] = row.demand[i, 0], row.demand[i, 1]


@inlined
def _slack(
    plan: RowPlan, i: int, ranks: int, present: float, waste: float, prices: RowPrices, found: Reals
) -> None:
    """Bound what rounding can move: energy per instance, words read and written."""
    block = plan.block[i, 0]
    if plan.written == 0:
        block = min(block, plan.finished_block[i])
    bits = 0.0
    for rank in range(ranks):
        bits += plan.word_bits[i, 0, rank, 0] + plan.word_bits[i, 0, rank, 1]
    pj = ROUNDINGS * (prices.storage[i, 0, UNPACKED] + 3.0 * prices.storage[i, 0, WIRE])
    for kind in range(KINDS):
        pj += (ROUNDINGS / block + 1.0) * waste * prices.storage[i, 0, kind]
        if plan.metadata_width[i] > 0:
            words = ROUNDINGS * bits / plan.metadata_width[i] + 1.0
            pj += words * prices.storage[i, 0, METADATA + kind]
    found[SLACK] = pj * present
    words = 2.0 * ROUNDINGS * (1.0 + bits / plan.value_bits[i, 0]) + 1.0
    found[LOOSE] = words + 1.0
    found[LOOSE + 1] = 2.0 * words + 1.0


_SCORES = {"edp": EDP, "pareto": EDP, "energy": ENERGY_ONLY, "latency": CYCLES_ONLY}


class Bounds:
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
        count, classes = len(self._lookups[0].class_content), len(self._lookups[0].units)
        coefficients = np.empty((count, COLUMNS, LANES))
        needed, compute_pj = np.empty((classes, LANES)), np.empty((classes, LANES))
        for lane in range(len(cases)):
            self._fill(lane, tables.first_chain, coefficients, needed, compute_pj)
        last = len(cases) - 1
        for array in (coefficients, needed, compute_pj):
            array[..., last + 1 :] = array[..., last : last + 1]
        self._pairs = self._pairs_of(tables, coefficients)
        self.lanes = self._lanes(coefficients, needed, compute_pj)

    def _fill(
        self, lane: int, chains: Ints, coefficients: Reals, needed: Reals, compute_pj: Reals
    ) -> None:
        fixed, lookup = self._fixed[lane], self._lookups[lane]
        found = np.empty(coefficients.shape[:2])
        for x, one in enumerate(fixed.alone):
            linear_coefficients(
                one, fixed.rules, fixed.unrounded, lookup, x, int(chains[x]), int(chains[x + 1]),
                found,
            )  # fmt: skip
        coefficients[:, :, lane] = found
        # A compute class by itself: a mapping that holds nothing.
        nothing, free = no_tiles(lookup), fixed.prices._replace(cycle=0.0)
        every, energy, *cycles = np.arange(len(needed)), *np.empty((3, len(needed)))
        evaluate_rows(
            fixed.plan, fixed.rules, fixed.whole, lookup, nothing, free, every,
            np.zeros(len(needed)), fixed.scratch, energy, *cycles,
        )  # fmt: skip
        needed[:, lane], compute_pj[:, lane] = cycles[1], energy

    def _pairs_of(self, tables: Tables, coefficients: Reals) -> Pairs:
        numbers, plan, lookup = tables.numbers, self.cases[0].plan, self._lookups[0]
        children = [(plan.child(i, x), x) for i, x in numbers.pairs]
        inner = [numbers.pairs.index(c) if c in numbers.pairs else -1 for c in children]
        packs = [
            bool(coefficients[first:last, PACKING : PACKING + UNITS].any())
            for first, last in zip(lookup.first_class[:-1], lookup.first_class[1:], strict=True)
        ]
        written = lookup.tensor == plan.problem.written
        return Pairs(lookup.level, lookup.first_class, np.array(inner), np.array(packs), written)

    def _lanes(self, coefficients: Reals, needed: Reals, compute_pj: Reals) -> Lanes:
        order = [min(lane, len(self.cases) - 1) for lane in range(LANES)]
        plans = [self.cases[lane].plan for lane in order]
        prices = [self._fixed[lane].prices for lane in order]
        level, tensor = self._lookups[0].level, self._lookups[0].tensor
        metadata = np.stack([plan.metadata_capacity for plan in plans], axis=-1)
        return Lanes(
            coefficients=coefficients,
            needed=needed,
            compute_pj=compute_pj,
            finished_share=np.stack([plan.finished_share for plan in plans], axis=-1),
            room=np.stack([plan.capacity for plan in plans], axis=-1),
            metadata_room=np.where(metadata < 0, np.inf, metadata),
            shared=np.where(metadata < 0, 1.0, 0.0),
            per_word=1.0 / np.stack([plan.bandwidth for plan in plans], axis=-1),
            packing_pj=np.stack([one.storage[level, tensor, PACKED] for one in prices], axis=-1),
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

    def of(self, counted: CountedBlock, objective: Objective) -> tuple[Reals, Reals, Ints, Reals]:
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
            counted.counts, self.fixed_energy(counted, slice(None)), counted.stands_for,
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
        """Return energy (pJ) and cycles of some mappings, as the model counts them."""
        energy, cycles, computing = np.zeros((3, len(rows)))
        fixed = self._fixed[lane]
        evaluate_rows(
            fixed.plan, fixed.rules, fixed.whole, self._lookups[lane], counted.counts,
            fixed.prices, rows, np.ascontiguousarray(self.fixed_energy(counted, rows)[:, lane]),
            fixed.scratch, energy, cycles, computing,
        )  # fmt: skip
        return energy, cycles
