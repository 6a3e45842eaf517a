"""What a block of mappings makes of a problem, whatever the densities, formats, bits and prices.

Cases that agree in :func:`count_key` share these counts, so that a study's formats, statistics
and networks, and most switches of the semantics, count every mapping once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.case import Case
from leanspike.hardware.counts.imbalance import pass_shape
from leanspike.hardware.counts.leader import leader_sizes, leader_values
from leanspike.hardware.counts.nest import list_loops, nest_counts
from leanspike.hardware.counts.row import NestArrays
from leanspike.hardware.mapspace_walk import Block
from leanspike.hardware.search_membrane import membrane_of_block
from leanspike.hardware.sparseloop.links import add_links

#: Numbers that :func:`~leanspike.hardware.counts.imbalance.pass_shape` fills.
PASS = len(NestArrays._field_defaults["pass_shape"])

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Numbers32 = NDArray[np.int32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Counts:
    """Counts of n mappings; K (level, tensor) pairs keep something, outermost level first.

    Attributes
    ----------
    tile, arriving, leaving, partition
        As :func:`~leanspike.hardware.counts.nest.nest_counts` fills them, int64 [n, K].
    instances
        Instances used of every level, the compute units last, int64 [n, L + 1].
    leader
        Leader tile of every condition and leader; 0 where it cannot be used, int64 [n, F].
    passes
        What units do in a pass, int64 [n, 5].
    reads, writes, held
        The membrane's values read, written (all instances) and held at every level, [n, L].
    spread
        Instances of every level that hold different membranes, int64 [n, L].
    """

    tile: Ints
    arriving: Ints
    leaving: Ints
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


def leaders_of(case: Case) -> list[tuple[int, int]]:
    """Return (condition, leading tensor) of everything that is left alone on a condition."""
    if case.dense:
        return []
    return [(f, x) for f, one in enumerate(case.plan.follows) for x in one.leaders]


def count_key(case: Case) -> tuple[object, ...]:
    """Return what two cases of one walk must share to have equal counts."""
    plan, neuron = case.plan, case.plan.architecture.neuron
    return (
        _leader_rows(case).tobytes(),
        (neuron.state, plan.neuron_maps) if case.neurons and neuron is not None else (),
        case.semantics.exact_overlap,
        case.semantics.exact_leader,
        case.semantics.links_neighbors,
        case.semantics.load_imbalance,
        plan.mesh.tobytes(),
    )


def count_block(case: Case, block: Block) -> Counts:
    """Count a block of mappings; of the case only what :func:`count_key` names matters."""
    plan = case.plan
    n, (levels, tensors) = len(block), plan.keep.shape
    pairs = kept_pairs(case)
    level_of, tensor_of = (np.array(part, np.int64) for part in zip(*pairs, strict=True))
    tile, arriving, leaving, partition = (np.zeros((n, len(pairs)), np.int64) for _ in range(4))
    instances = np.zeros((n, levels + 1), np.int64)
    leader = np.zeros((n, len(leaders_of(case))), np.int64)
    passes = np.zeros((n, PASS), np.int64)
    operands = [x for x in range(tensors) if x != plan.problem.written]
    _count(
        plan.problem.coefficients, plan.keep, _leader_rows(case), plan.fans_out,
        case.semantics.exact_overlap, case.semantics.exact_leader,
        case.semantics.links_neighbors, plan.problem.written,
        np.array(block.nests.places, np.int64).reshape(-1, 2), block.nests.values, block.order,
        block.orders, np.array(operands, np.int64), plan.mesh, case.semantics.load_imbalance,
        level_of, tensor_of, tile, arriving, leaving, partition, instances, leader, passes,
    )  # fmt: skip
    return Counts(
        tile, arriving, leaving, partition, instances, leader, passes,
        *membrane_of_block(case, block),
    )  # fmt: skip


def _leader_rows(case: Case) -> Ints:
    """Return level, target, leader, child and block of every condition and leader, [F, 5]."""
    plan = case.plan
    rows = []
    for f, x in leaders_of(case):
        one = plan.follows[f]
        block = max(1, int(plan.block[one.level, one.target]))
        rows.append((one.level, one.target, x, plan.child(one.level, one.target), block))
    return np.array(rows, np.int64).reshape(-1, 5)


@njit(cache=True, nogil=True)
def _count(
    coefficients: Ints,
    keep: Bools,
    follows: Ints,
    fans_out: Bools,
    exact_overlap: bool,
    exact_leader: bool,
    links: bool,
    written: int,
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
    arriving: Ints,
    leaving: Ints,
    partition: Ints,
    instances: Ints,
    leader: Ints,
    passes: Ints,
) -> None:
    groups, dims = orders.shape[1:]
    factors = np.ones((groups, dims), np.int64)
    order = np.empty((groups, dims), np.int64)
    loops = np.empty((groups * dims, 3), np.int64)
    sizes = np.empty(dims, np.int64)
    along_x = np.full(groups // 3, -1, np.int64)
    found = np.empty((4, *keep.shape), np.int64)
    last = -1
    for n in range(len(values)):
        for c in range(len(places)):
            factors[places[c, 0], places[c, 1]] = values[n, c]
        if which[n] != last:
            last = which[n]
            order[:] = orders[last]
        nest_counts(
            coefficients, keep, factors, order, exact_overlap,
            found[0], found[1], found[2], found[3], instances[n],
        )  # fmt: skip
        if links:
            add_links(coefficients, written, keep, mesh, factors, order, found[1], found[2])
        for k in range(len(level_of)):
            i, x = level_of[k], tensor_of[k]
            tile[n, k], arriving[n, k] = found[0, i, x], found[1, i, x]
            leaving[n, k], partition[n, k] = found[2, i, x], found[3, i, x]
        if units_wait:
            pass_shape(coefficients, operands, mesh, factors, passes[n])
        if len(follows):
            count = list_loops(factors, order, loops)
            for f in range(len(follows)):
                usable = leader_sizes(
                    exact_leader, coefficients, follows[f, 1], follows[f, 2], follows[f, 0],
                    follows[f, 3], follows[f, 4], factors, order, loops, count, fans_out,
                    along_x, sizes,
                )  # fmt: skip
                if usable:
                    leader[n, f] = leader_values(exact_leader, coefficients, follows[f, 2], sizes)
