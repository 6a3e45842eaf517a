"""The membrane's traffic under many mappings: additive, and the same for every density.

What a block of mappings makes of a problem, whatever the densities, formats, bits and prices.

Cases that agree in :func:`count_key` share these counts, so that a study's formats, statistics
and networks, and most switches of the semantics, count every mapping once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.mapping.walk import Block
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.imbalance import pass_shape
from leanspike.hardware.model.leader_tiles import Spreads
from leanspike.hardware.model.membrane import pooled_tiles, pooling, state_traffic
from leanspike.hardware.model.row import NestArrays
from leanspike.hardware.model.skipping import condition_rows, describe_leaders, descriptions
from leanspike.hardware.model.traffic import list_loops, nest_counts
from leanspike.hardware.sparseloop.links import add_links

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]


def membrane_of_block(case: Case, block: Block) -> tuple[Reals, Reals, Reals, Ints]:
    """Return values read, written and held at once, and instances, per level, [mappings, L].

    What :func:`~leanspike.hardware.model.membrane.membrane_traffic` counts, for many mappings.
    """
    chip, problem = case.plan.architecture, case.plan.problem
    levels = len(chip.levels)
    nothing = np.zeros((len(block), levels))
    if not case.neurons or chip.neuron is None or not chip.neuron.state:
        return nothing, nothing, nothing, np.ones((len(block), levels), np.int64)
    outputs = problem.written
    coefficients = problem.coefficients[outputs : outputs + 1].copy()
    if "T" in problem.dims:
        coefficients[:, :, problem.dims.index("T")] = 0
    keep = np.array([[level.name in chip.neuron.state] for level in chip.levels])
    counts = np.zeros((2, len(block), levels, 1), np.int64)
    moved = np.zeros((2, len(block), levels, 1))
    instances = np.zeros((len(block), levels + 1), np.int64)
    places = np.array(block.nests.places, np.int64).reshape(-1, 2)
    _count_membrane(
        coefficients, keep, problem.uses(outputs), places, block.nests.values,
        block.order, block.orders, pooling(case.plan), problem.real, counts, moved, instances,
    )  # fmt: skip
    (tile, partition), (arriving, leaving) = counts[..., 0], moved[..., 0]
    kept = [i for i in range(levels) if keep[i, 0]]
    reads, writes = state_traffic(kept, arriving, leaving, partition, instances)
    share = case.plan.neurons_per_output
    return reads * share, writes * share, tile.astype(np.float64), instances[:, :-1]


@njit(cache=True, nogil=True)
def _count_membrane(
    coefficients: Ints,
    keep: Bools,
    used: Bools,
    places: Ints,
    values: NDArray[np.int32],
    which: NDArray[np.int32],
    orders: NDArray[np.int8],
    pooled: Ints,
    real: Ints,
    counts: Ints,
    moved: Reals,
    instances: Ints,
) -> None:
    factors = np.ones(orders.shape[1:], np.int64)
    for n in range(len(values)):
        for c in range(len(places)):
            if used[places[c, 1]]:
                factors[places[c, 0], places[c, 1]] = values[n, c]
        nest_counts(
            coefficients, keep, factors, orders[which[n]].astype(np.int64), True, -1, real,
            counts[0, n], moved[0, n], moved[1, n], counts[1, n], instances[n],
        )  # fmt: skip
        pooled_tiles(pooled, factors, counts[0, n, :, 0])


#: Numbers that :func:`~leanspike.hardware.model.imbalance.pass_shape` fills.
PASS = len(NestArrays._field_defaults["pass_shape"])

Numbers32 = NDArray[np.int32]


@dataclass(frozen=True)
class Counts:
    """Counts of n mappings; K (level, tensor) pairs keep something, outermost level first.

    Attributes
    ----------
    tile, arriving, leaving, partition
        As :func:`~leanspike.hardware.model.traffic.nest_counts` fills them, [n, K].
    instances
        Instances used of every level, the compute units last, int64 [n, L + 1].
    leader
        Descriptions of all leader tiles (see :mod:`~leanspike.hardware.model.leader_tiles`),
        int64 [n, descriptions * (2 + groups)].
    passes
        What units do in a pass, int64 [n, 5].
    reads, writes, held
        The membrane's values read, written (all instances) and held at every level, [n, L].
    spread
        Instances of every level that hold different membranes, int64 [n, L].
    """

    tile: Ints
    arriving: Reals
    leaving: Reals
    partition: Ints
    instances: Ints
    leader: Ints
    passes: Ints
    reads: Reals
    writes: Reals
    held: Reals
    spread: Ints


def kept_pairs(case: Case) -> list[tuple[int, int]]:
    """Return the (level, tensor) pairs that keep something."""
    keep = case.plan.keep
    return [(int(i), int(x)) for i, x in zip(*np.nonzero(keep), strict=True)]


def count_key(case: Case) -> tuple[object, ...]:
    """Return what two cases of one walk must share to have equal counts."""
    plan, neuron = case.plan, case.plan.architecture.neuron
    return (
        _conditions(case).tobytes(),
        (neuron.state, plan.neuron_maps) if case.neurons and neuron is not None else (),
        case.semantics.exact_overlap,
        case.semantics.exact_leader,
        case.semantics.links_neighbors,
        case.semantics.load_imbalance,
        plan.mesh.tobytes(),
    )


def count_block(case: Case, block: Block, spreads: Spreads) -> Counts:
    """Count a block of mappings; of the case only what :func:`count_key` names matters.

    ``spreads`` numbers what leader tiles vary by, for all blocks of a walk.
    """
    plan, problem = case.plan, case.plan.problem
    n, (levels, tensors) = len(block), plan.keep.shape
    pairs = kept_pairs(case)
    level_of, tensor_of = (np.array(part, np.int64) for part in zip(*pairs, strict=True))
    tile, partition = np.zeros((n, len(pairs)), np.int64), np.zeros((n, len(pairs)), np.int64)
    arriving, leaving = np.zeros((n, len(pairs))), np.zeros((n, len(pairs)))
    instances = np.zeros((n, levels + 1), np.int64)
    conditions = _conditions(case)
    count = descriptions(plan) if len(conditions) else 0
    leader = np.full((n, count, spreads.width), -1, np.int64)
    passes = np.zeros((n, PASS), np.int64)
    operands = [x for x in range(tensors) if x != problem.written]
    done = 0
    while done < n:
        # The walk goes on where the room for spreads ended.
        spreads.room_for(64 + 2 * leader[0].size)
        done, spreads.known = _count(
            done, problem.coefficients, plan.keep, conditions, plan.fans_out,
            case.semantics.exact_overlap, case.semantics.exact_leader,
            case.semantics.links_neighbors, problem.written, problem.masked,
            problem.real, (problem.coefficients != 0).any(axis=1), spreads.group_of, spreads.keys,
            spreads.slots, spreads.known, np.array(block.nests.places, np.int64).reshape(-1, 2),
            block.nests.values, block.order, block.orders, np.array(operands, np.int64), plan.mesh,
            case.semantics.load_imbalance, level_of, tensor_of, tile, arriving, leaving,
            partition, instances, leader, passes,
        )  # fmt: skip
    return Counts(
        tile, arriving, leaving, partition, instances, spreads.renumbered(leader).reshape(n, -1),
        passes, *membrane_of_block(case, block),
    )  # fmt: skip


def _conditions(case: Case) -> Ints:
    """Return what leader tiles depend on; nothing where zeros are ignored."""
    return condition_rows(case.plan)[: 0 if case.dense else None]


@njit(cache=True, nogil=True)
def _count(
    start: int,
    coefficients: Ints,
    keep: Bools,
    conditions: Ints,
    fans_out: Bools,
    exact_overlap: bool,
    exact_leader: bool,
    links: bool,
    written: int,
    masked: int,
    real: Ints,
    uses: Bools,
    group_of: Ints,
    keys: Ints,
    slots: Ints,
    known: int,
    places: Ints,
    values: Numbers32,
    which: Numbers32,
    orders: NDArray[np.int8],
    operands: Ints,
    mesh: Ints,
    units_wait: bool,
    level_of: Ints,
    tensor_of: Ints,
    tile: Ints,
    arriving: Reals,
    leaving: Reals,
    partition: Ints,
    instances: Ints,
    leader: Ints,
    passes: Ints,
) -> tuple[int, int]:
    """Count mappings from ``start`` on; return how far there was room, and the known spreads."""
    groups, dims = orders.shape[1:]
    factors = np.ones((groups, dims), np.int64)
    order = np.empty((groups, dims), np.int64)
    loops = np.empty((groups * dims, 3), np.int64)
    along_x = np.full(groups // 3, -1, np.int64)
    found = np.empty((2, *keep.shape), np.int64)
    moved = np.empty((2, *keep.shape))
    last = -1
    for n in range(start, len(values)):
        if known + leader.shape[1] * leader.shape[2] > len(keys):
            return n, known
        for c in range(len(places)):
            factors[places[c, 0], places[c, 1]] = values[n, c]
        if which[n] != last:
            last = which[n]
            order[:] = orders[last]
        nest_counts(
            coefficients, keep, factors, order, exact_overlap, masked, real,
            found[0], moved[0], moved[1], found[1], instances[n],
        )  # fmt: skip
        if links:
            add_links(coefficients, written, keep, mesh, factors, order, moved[0], moved[1])
        for k in range(len(level_of)):
            i, x = level_of[k], tensor_of[k]
            tile[n, k], partition[n, k] = found[0, i, x], found[1, i, x]
            arriving[n, k], leaving[n, k] = moved[0, i, x], moved[1, i, x]
        if units_wait:
            pass_shape(coefficients, operands, mesh, factors, passes[n])
        if len(conditions):
            count = list_loops(factors, order, loops)
            known = describe_leaders(
                exact_leader, coefficients, uses, group_of, masked, conditions, fans_out, along_x,
                factors, order, loops, count, keys, slots, known, leader[n],
            )  # fmt: skip
    return len(values), known
