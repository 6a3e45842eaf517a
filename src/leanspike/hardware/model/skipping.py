"""Conditions of an architecture applied to mappings: which leader tiles reads depend on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leanspike.arrays import Ints, Reals
from leanspike.hardware.compiling import kernel
from leanspike.hardware.mapping.mapping import LoopArrays, Mapping
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
    SpreadArrays,
    Spreads,
    describe,
    run_of,
    waited_steps,
)
from leanspike.hardware.model.plan import Plan
from leanspike.hardware.model.survival import Survival, variants
from leanspike.hardware.model.traffic import list_loops, read_loops, tile_size
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.sparseloop.leader import leader_sizes
from leanspike.hardware.sparsity.density import DensityModel, FixedStructured


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


def leader_tiles(
    plan: Plan, loops: LoopArrays, spreads: Spreads, *, exact: bool, along_x: Ints | None = None
) -> Ints:
    """Return the descriptions of all leader tiles of n mappings, [n, descriptions, 2 + groups].

    ``exact`` is ``Semantics.exact_leader``: otherwise a leader tile is Sparseloop's (which looks
    at ``along_x`` of :class:`~leanspike.hardware.mapping.mapping.Mapping`), the same for values
    and rows, and has no values where a condition cannot be used.
    """
    problem, rows = plan.problem, condition_rows(plan)
    found = np.full((len(loops.steps), descriptions(plan), spreads.width), -1, np.int64)
    if not len(rows):
        return found
    if not exact:
        found[..., RUN] = NO_RUN
        sizes = sparseloop_leaders(plan, loops, rows, along_x)
        for f, (_, x, leader, *_, first) in enumerate(rows.tolist()):
            box = (1 + (sizes[:, f] - 1) @ problem.coefficients[leader].T).prod(axis=1)
            box[sizes[:, f, 0] == 0] = 0
            here = slice(first, first + len(variants(x == problem.written)))
            found[:, here, VALUES] = box[:, None]
        return found
    done = 0
    while done < len(found):
        # The count goes on where the room for spreads ended.
        spreads.room_for(64 + 2 * found[0].size)
        done, spreads.known = _describe_leaders(
            done, loops, spreads.arrays, rows, spreads.known, found
        )
    return spreads.renumbered(found)


def sparseloop_leaders(
    plan: Plan, loops: LoopArrays, rows: Ints, along_x: Ints | None = None
) -> Ints:
    """Return the loop sizes of Sparseloop's leader tiles, [n, F, D]; 0 where there is none."""
    sizes = np.zeros((len(loops.steps), len(rows), len(plan.problem.dims)), np.int64)
    if along_x is None:
        along_x = np.full(len(plan.keep), -1, np.int64)
    leader_sizes(loops, plan.problem.coefficients, rows, plan.fans_out, along_x, sizes)
    return sizes


@kernel
def _describe_leaders(
    start: int,
    loops: LoopArrays,
    spreads: SpreadArrays,
    conditions: Ints,
    known: int,
    found: Ints,
) -> tuple[int, int]:
    """Fill descriptions from mapping ``start`` on while there is room for their spreads.

    Returns how far it got, and how many spreads are known then.
    """
    uses = spreads.uses
    factors: Ints = np.empty(loops.orders.shape[1:], np.int64)
    order = np.empty(loops.orders.shape[1:], np.int64)
    listed = np.empty((factors.size, 3), np.int64)
    steps = np.empty(factors.size, np.int64)
    sizes = np.empty(factors.shape[1], np.int64)
    for n in range(start, len(found)):
        if known + found.shape[1] * found.shape[2] > len(spreads.keys):
            return n, known
        read_loops(loops, n, factors, order)
        count = list_loops(factors, order, listed)
        for f in range(len(conditions)):
            level, target, leader = conditions[f, 0], conditions[f, 1], conditions[f, 2]
            child, block, finished = conditions[f, 3], conditions[f, 4], conditions[f, 5]
            compressed, first = conditions[f, 6], conditions[f, 7]
            for d in range(len(sizes)):
                sizes[d] = 1
                for slot in range(3 * child, factors.shape[0]):
                    sizes[d] *= factors[slot, d]
            sent = tile_size(spreads.coefficients, target, sizes)
            for variant in range(2 if finished == 0 else VARIANTS):
                held = np.int64(1)
                if variant in (ROW, FIRST_ROW, LAST_ROW):
                    held = block
                elif variant == FINISHED_ROW:
                    held = finished
                apart = compressed > 0 and held > 1
                rows = np.inf if apart else held / sent
                waited_steps(uses, target, level, child, rows, factors, listed, count, steps)
                described = found[n, first + variant]
                known = describe(
                    spreads, target, leader, level, child, variant, factors, listed, count, steps,
                    known, described,
                )  # fmt: skip
                if apart:
                    described[RUN] = run_of(
                        uses, target, leader, level, child, factors, listed, count, sent
                    )
    return len(found), known


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
    described = leader_tiles(
        plan, mapping.arrays, spreads, exact=semantics.exact_leader, along_x=mapping.along_x
    )[0]
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


def sparseloop_conditions(
    plan: Plan, mapping: Mapping, models: Sequence[DensityModel], *, exact: bool, dense: bool
) -> tuple[Ints, Reals]:
    """Return what each level does about a tensor's reads and how often, both [L, X]."""
    remedy, p_left = np.zeros(plan.keep.shape, np.int64), np.zeros(plan.keep.shape)
    if dense:
        return remedy, p_left
    spreads = Spreads(plan.problem, len(plan.keep))
    described = leader_tiles(plan, mapping.arrays, spreads, exact=exact, along_x=mapping.along_x)[0]
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
    rows = condition_rows(plan)
    sizes = sparseloop_leaders(plan, mapping.arrays, rows, mapping.along_x)[0]
    return [one for row, one in zip(rows, sizes, strict=True) if row[2] == x and one[0] > 0]
