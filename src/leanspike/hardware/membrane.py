"""The membrane state: read and written once per neuron and step, moved where it does not stay.

State[N, M, P, Q] has no index over time, and the loops over input channels and kernels do not
touch it: a neuron is updated when its sum is finished. So its traffic is that of the layer's
loop nest without those loops, with T as a loop that brings no other state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from leanspike.hardware.counts.nest import nest_counts
from leanspike.hardware.counts.plan import Plan
from leanspike.hardware.mapping import Mapping

Reals = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Membrane:
    """Traffic of the state, all instances together.

    Attributes
    ----------
    updates
        Neuron updates: neurons times steps.
    reads, writes
        Values read and written at each level, [L].
    tile
        Values each level holds at once, [L]; 0 where it keeps no state.
    """

    updates: float
    reads: Reals
    writes: Reals
    tile: Reals


def no_membrane(levels: int) -> Membrane:
    """Return the traffic of a layer without neurons."""
    return Membrane(0.0, np.zeros(levels), np.zeros(levels), np.zeros(levels))


def membrane_traffic(plan: Plan, mapping: Mapping) -> Membrane:
    """Count the state's traffic under a mapping.

    The innermost level of ``Neuron.state`` is read and written on every update. A state that is
    brought in for the first time is zero and needs no reading; one that is not needed again is
    not written back.
    """
    chip, problem = plan.architecture, plan.problem
    levels = len(chip.levels)
    outputs = problem.written
    updates = float(problem.volumes()[problem.tensors[outputs]])
    if chip.neuron is None or not chip.neuron.state:
        return Membrane(updates, np.zeros(levels), np.zeros(levels), np.zeros(levels))
    carried = "T" in problem.dims
    coefficients = problem.coefficients[outputs : outputs + 1].copy()
    if carried:
        coefficients[:, :, problem.dims.index("T")] = 0
    factors = mapping.factors.copy()
    factors[:, ~problem.uses(outputs)] = 1
    keep = np.array([[level.name in chip.neuron.state] for level in chip.levels])
    tile, arriving, leaving, partition = (np.zeros((levels, 1), np.int64) for _ in range(4))
    instances = np.zeros(levels + 1, np.int64)
    nest_counts(
        coefficients, keep, factors, mapping.order, True, tile, arriving, leaving, partition,
        instances,
    )  # fmt: skip
    reads, writes = state_traffic(
        [i for i in range(levels) if keep[i, 0]], arriving[:, 0], leaving[:, 0], partition[:, 0],
        instances,
    )  # fmt: skip
    return Membrane(updates, reads, writes, tile[:, 0].astype(np.float64))


def state_traffic(
    kept: Sequence[int], arriving: Ints, leaving: Ints, partition: Ints, instances: Ints
) -> tuple[Reals, Reals]:
    """Return values read and written at each level, all instances together, both [..., L].

    ``kept`` lists the levels that keep the state, outermost first; the counts are one instance's
    as ``nest_counts`` fills them, [..., L], and ``instances`` [..., L + 1].
    """
    reads, writes = np.zeros(arriving.shape), np.zeros(arriving.shape)
    for outer, inner in pairwise(kept):
        again = (arriving[..., inner] - partition[..., inner]) * instances[..., inner]
        reads[..., outer] += again
        writes[..., outer] += again
        writes[..., inner] += again
        reads[..., inner] += again
    last = kept[-1]
    reads[..., last] += leaving[..., last] * instances[..., last]
    writes[..., last] += leaving[..., last] * instances[..., last]
    return reads, writes
