"""The membrane's traffic under many mappings: additive, and the same for every density."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.case import Case
from leanspike.hardware.counts.nest import nest_counts
from leanspike.hardware.mapspace_walk import Block
from leanspike.hardware.membrane import pooled_tiles, pooling, state_traffic

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]


def membrane_of_block(case: Case, block: Block) -> tuple[Reals, Reals, Reals, Ints]:
    """Return values read, written and held at once, and instances, per level, [mappings, L].

    What :func:`~leanspike.hardware.membrane.membrane_traffic` counts, for many mappings.
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
    _count(
        coefficients, keep, problem.uses(outputs), places, block.nests.values,
        block.order, block.orders, pooling(case.plan), problem.real, counts, moved, instances,
    )  # fmt: skip
    (tile, partition), (arriving, leaving) = counts[..., 0], moved[..., 0]
    kept = [i for i in range(levels) if keep[i, 0]]
    reads, writes = state_traffic(kept, arriving, leaving, partition, instances)
    share = case.plan.neurons_per_output
    return reads * share, writes * share, tile.astype(np.float64), instances[:, :-1]


@njit(cache=True, nogil=True)
def _count(
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
