"""What units skip together, by loops: the box of indices that one read waits for.

Conditions of an architecture applied to a mapping: which leader tiles reads wait for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.actions import NOTHING, SHARES, SURVIVALS
from leanspike.hardware.model.leader_tiles import (
    FINISHED_ROW,
    FIRST_ROW,
    LAST_ROW,
    NO_RUN,
    ROW,
    RUN,
    VALUES,
    VARIANTS,
    Spreads,
    describe,
    run_of,
    waited_steps,
)
from leanspike.hardware.model.plan import Plan
from leanspike.hardware.model.survival import Survival, variants
from leanspike.hardware.model.traffic import list_loops, tile_size
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.sparseloop.leader import sparseloop_sizes
from leanspike.hardware.sparsity.density import DensityModel, FixedStructured

Ints = NDArray[np.int64]


@njit(cache=True)
def waited_sizes(
    coefficients: Ints,
    target: int,
    level: int,
    child: int,
    factors: Ints,
    loops: Ints,
    count: int,
    sizes: Ints,
) -> None:
    """Fill the loop sizes [D] of all that happens while one target tile stays with its readers.

    That is the child's own tile, over the loops in time above it that bring no other target tile,
    up to the first that does, and over the loops in space whose children share the read.
    """
    to_compute = child == factors.shape[0] // 3
    sizes[:] = 1
    stays = not to_compute
    for i in range(count):
        slot, d = loops[i, 0], loops[i, 1]
        if slot >= 3 * child:
            sizes[d] *= factors[slot, d]
            continue
        moves = False
        for r in range(coefficients.shape[1]):
            moves |= coefficients[target, r, d] != 0
        if slot % 3 == 0:
            stays = stays and not moves
            if stays:
                sizes[d] *= factors[slot, d]
        elif not moves and slot >= 3 * level:
            sizes[d] *= factors[slot, d]


Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]


def condition_rows(plan: Plan) -> Ints:
    """Return what leader tiles depend on of every condition and leader, int64 [F, 8].

    Level, target, leader, the next level inside that keeps the target, values in a row there,
    finished values in a row where the target is the output, else 0, and whether rows hold
    non-zeros alone; last, where its descriptions begin in a mapping's.
    """
    rows, first = [], 0
    for follow in plan.follows:
        for leader in follow.leaders:
            i, x = follow.level, follow.target
            written = x == plan.problem.written
            finished = plan.finished_block[i] if written else 0
            rows.append((
                i, x, leader, plan.child(i, x), max(1, int(plan.block[i, x])),
                max(1, int(finished)) if written else 0, int(plan.ranks[i, x] > 0), first,
            ))  # fmt: skip
            first += len(variants(written))
    return np.array(rows, np.int64).reshape(-1, 8)


def descriptions(plan: Plan) -> int:
    """Return how many leader tiles a mapping has."""
    return sum(
        len(f.leaders) * len(variants(f.target == plan.problem.written)) for f in plan.follows
    )


@njit(cache=True, nogil=True)
def describe_leaders(
    exact: bool,
    coefficients: Ints,
    uses: Bools,
    group_of: Ints,
    masked: int,
    conditions: Ints,
    fans_out: Bools,
    along_x: Ints,
    factors: Ints,
    order: Ints,
    loops: Ints,
    count: int,
    keys: Ints,
    slots: Ints,
    known: int,
    found: Ints,
) -> int:
    """Fill the descriptions of all leader tiles [descriptions, 2 + groups]; return known spreads.

    ``exact`` is ``Semantics.exact_leader``: otherwise a leader tile is Sparseloop's, the same for
    values and rows, and has no values where a condition cannot be used. ``keys`` and ``slots``
    must have room for as many spreads as there are descriptions times groups.
    """
    levels = factors.shape[0] // 3
    steps = np.empty(loops.shape[0], np.int64)
    sizes = np.empty(factors.shape[1], np.int64)
    for f in range(len(conditions)):
        level, target, leader, child, block, finished, compressed, first = conditions[f]
        variants = 2 if finished == 0 else VARIANTS
        if not exact:
            usable = sparseloop_sizes(
                coefficients, target, leader, level, child, block, factors, order, fans_out,
                along_x, sizes,
            )  # fmt: skip
            found[first : first + variants] = -1
            values = tile_size(coefficients, leader, sizes) if usable else 0
            found[first : first + variants, VALUES] = values
            found[first : first + variants, RUN] = NO_RUN
            continue
        sizes[:] = 1
        for slot in range(3 * child, 3 * levels):
            sizes *= factors[slot]
        sent = tile_size(coefficients, target, sizes)
        for variant in range(variants):
            held = 1
            if variant in (ROW, FIRST_ROW, LAST_ROW):
                held = block
            elif variant == FINISHED_ROW:
                held = finished
            apart = compressed > 0 and held > 1
            rows = np.inf if apart else held / sent
            waited_steps(uses, target, level, child, rows, factors, loops, count, steps)
            known = describe(
                coefficients, uses, group_of, masked, target, leader, level, child,
                variant, factors, loops, count, steps, keys, slots, known, found[first + variant],
            )  # fmt: skip
            if apart:
                found[first + variant, RUN] = run_of(
                    uses, target, leader, level, child, factors, loops, count, sent
                )
    return known


def survival_of(
    plan: Plan,
    mapping: Mapping,
    models: Sequence[DensityModel],
    semantics: Semantics,
    *,
    inside: int,
    dense: bool = False,
) -> tuple[Reals, Reals]:
    """Return what survives a mapping's conditions, [L, X, SURVIVALS] and [X, X, SHARES].

    ``inside`` is the first level inside the innermost fan-out.
    """
    levels, tensors = plan.keep.shape
    survive, shares = np.ones((levels, tensors, SURVIVALS)), np.ones((tensors, tensors, SHARES))
    spreads = Spreads(plan.problem, levels)
    described = leaders_of_mapping(plan, mapping, spreads, exact=semantics.exact_leader)
    rows = condition_rows(plan)
    for x in range(tensors):
        mine = chain_columns(rows, x, described.shape[1], plan.problem.written)
        chain = described.reshape(1, -1)[:, mine if not dense else []]
        found = Survival(plan, x, chain, spreads, inside, dense=dense)(models)
        survive[:, x], shares[x] = found[0][0], found[1][0]
    return survive, shares


def chain_columns(rows: Ints, x: int, width: int, written: int) -> list[int]:
    """Return where tensor ``x``'s descriptions, ``width`` numbers each, stand in a mapping's."""
    return [
        (row[7] + variant) * width + k
        for row in rows.tolist()
        if row[1] == x
        for variant in variants(x == written)
        for k in range(width)
    ]


def leaders_of_mapping(plan: Plan, mapping: Mapping, spreads: Spreads, *, exact: bool) -> Ints:
    """Return the descriptions of all leader tiles of one mapping, [descriptions, 2 + groups]."""
    loops = np.empty((mapping.factors.size, 3), np.int64)
    count = list_loops(mapping.factors, mapping.order, loops)
    problem = plan.problem
    found = np.full((descriptions(plan), spreads.width), -1, np.int64)
    spreads.room_for(found.size)
    spreads.known = describe_leaders(
        exact, problem.coefficients, (problem.coefficients != 0).any(axis=1), spreads.group_of,
        problem.masked, condition_rows(plan), plan.fans_out, mapping.along_x, mapping.factors,
        mapping.order, loops, count, spreads.keys, spreads.slots, spreads.known, found,
    )  # fmt: skip
    return spreads.renumbered(found)


def sparseloop_conditions(
    plan: Plan, mapping: Mapping, models: Sequence[DensityModel], *, exact: bool, dense: bool
) -> tuple[Ints, Reals]:
    """Return what each level does about a tensor's reads and how often, both [L, X]."""
    remedy, p_left = np.zeros(plan.keep.shape, np.int64), np.zeros(plan.keep.shape)
    if dense:
        return remedy, p_left
    spreads = Spreads(plan.problem, len(plan.keep))
    described = leaders_of_mapping(plan, mapping, spreads, exact=exact)
    rows = condition_rows(plan)
    for x in range(plan.keep.shape[1]):
        mine = chain_columns(rows, x, described.shape[1], plan.problem.written)
        found = conditions_met(plan, x, described.reshape(1, -1)[:, mine], spreads, models)
        remedy[:, x], p_left[:, x] = found[0][0], found[1][0]
    return remedy, p_left


def conditions_met(
    plan: Plan, x: int, chains: Ints, spreads: Spreads, models: Sequence[DensityModel]
) -> tuple[Ints, Reals]:
    """Return what levels do about reads of tensor ``x`` and how often, both [n, L].

    As Sparseloop has it: of several conditions at a level the most effective one holds, of equal
    ones the first.
    ``chains`` [n, width] are the descriptions of its conditions' leader tiles.
    """
    count, levels = len(chains), len(plan.keep)
    remedy, p_left = np.zeros((count, levels), np.int64), np.zeros((count, levels))
    width = spreads.width * len(variants(x == plan.problem.written))
    column = 0
    for follow in plan.follows:
        if follow.target != x:
            continue
        effective, even = np.ones(count), True
        for leader in follow.leaders:
            sizes = spreads.typical(chains[:, column : column + spreads.width])
            met = 1.0 - models[leader].p_empty(np.maximum(sizes, 1))
            effective *= np.where(sizes > 0, met, 1.0)
            even = even and isinstance(models[leader], FixedStructured)
            column += width
        left = 1.0 - effective
        if not even:
            # Sums over many occupancies are off in the last digits, which would tell equal chances
            # apart and show in whole accesses.
            left = np.round(left, 12)
        better = (remedy[:, follow.level] == NOTHING) | (p_left[:, follow.level] < left)
        remedy[better, follow.level] = follow.remedy
        p_left[better, follow.level] = left[better]
    return remedy, p_left


def leader_loops(plan: Plan, mapping: Mapping, x: int) -> list[Ints]:
    """Return the loop sizes [D] of Sparseloop's leader tiles of tensor ``x`` that can be used."""
    found = []
    for level, target, leader, child, block, *_ in condition_rows(plan).tolist():
        sizes = np.ones(len(plan.problem.dims), np.int64)
        usable = sparseloop_sizes(
            plan.problem.coefficients, target, leader, level, child, block, mapping.factors,
            mapping.order, plan.fans_out, mapping.along_x, sizes,
        )  # fmt: skip
        if leader == x and usable:
            found.append(sizes)
    return found
