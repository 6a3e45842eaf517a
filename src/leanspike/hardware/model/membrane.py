"""The membrane state: read and written once per neuron and step, moved where it does not stay.

State[N, M, P, Q] has no index over time, and the loops over input channels and kernels do not
touch it: a neuron is updated when its sum is finished. So its traffic is that of the layer's
loop nest without those loops, with T as a loop that brings no other state. Where pooling stands
before the neurons there are fewer of them than output positions, and their traffic is smaller in
proportion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.plan import Plan
from leanspike.hardware.model.traffic import nest_counts

Reals = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Membrane:
    """Traffic of the state.

    Attributes
    ----------
    updates
        Neuron updates: neurons times steps.
    reads, writes
        Values read and written at each level, all instances together, [L].
    tile
        Values an instance of each level holds at once, [L]; 0 where it keeps no state.
    instances
        Instances of each level that hold different states, [L].
    """

    updates: float
    reads: Reals
    writes: Reals
    tile: Reals
    instances: Ints

    @property
    def per_instance(self) -> Reals:
        """Values read and written by one instance of each level, [L, 2]."""
        return np.stack((self.reads, self.writes), axis=-1) / self.instances[:, None]


def no_membrane(levels: int) -> Membrane:
    """Return the traffic of a layer without neurons."""
    nothing = np.zeros(levels)
    return Membrane(0.0, nothing, nothing, nothing, np.ones(levels, np.int64))


def membrane_traffic(plan: Plan, mapping: Mapping) -> Membrane:
    """Count the state's traffic under a mapping.

    The innermost level of ``Neuron.state`` is read and written on every update. A state that is
    brought in for the first time is zero and needs no reading; one that is not needed again is
    not written back.
    """
    chip, problem = plan.architecture, plan.problem
    levels = len(chip.levels)
    outputs = problem.written
    if chip.neuron is None or not chip.neuron.state:
        return replace(no_membrane(levels), updates=plan.neuron_updates)
    carried = "T" in problem.dims
    coefficients = problem.coefficients[outputs : outputs + 1].copy()
    if carried:
        coefficients[:, :, problem.dims.index("T")] = 0
    factors = mapping.factors.copy()
    factors[:, ~problem.uses(outputs)] = 1
    keep = np.array([[level.name in chip.neuron.state] for level in chip.levels])
    tile, partition = np.zeros((levels, 1), np.int64), np.zeros((levels, 1), np.int64)
    arriving, leaving = np.zeros((levels, 1)), np.zeros((levels, 1))
    instances = np.zeros(levels + 1, np.int64)
    nest_counts(
        coefficients, keep, factors, mapping.order, True, -1, problem.real, tile, arriving,
        leaving, partition, instances,
    )  # fmt: skip
    reads, writes = state_traffic(
        [i for i in range(levels) if keep[i, 0]], arriving[:, 0], leaving[:, 0], partition[:, 0],
        instances,
    )  # fmt: skip
    share = plan.neurons_per_output
    pooled_tiles(pooling(plan), factors, tile[:, 0])
    return Membrane(
        plan.neuron_updates, reads * share, writes * share, tile[:, 0].astype(np.float64),
        instances[:-1],
    )  # fmt: skip


def pooling(plan: Plan) -> Ints:
    """Return where P and Q stand among the loops, their bounds, and the neurons' rows and columns.

    int64 [3, 2]; nothing, [0, 2], where there is a neuron per output position.
    """
    if plan.neuron_maps is None:
        return np.zeros((0, 2), np.int64)
    places = [plan.problem.dims.index(letter) for letter in "PQ"]
    return np.array([places, plan.problem.bounds[places], plan.neuron_maps], np.int64)


@njit(cache=True, nogil=True)
def pooled_tiles(pooled: Ints, factors: Ints, tile: Ints) -> None:
    """Turn the output positions of tiles, [L], into neurons; a neuron of a part counts whole."""
    if len(pooled) == 0:
        return
    for level in range(len(tile)):
        for axis in range(2):
            extent = 1
            for slot in range(3 * level, len(factors)):
                extent *= factors[slot, pooled[0, axis]]
            neurons = -((-extent * pooled[2, axis]) // pooled[1, axis])
            tile[level] = tile[level] // extent * neurons


def state_traffic(
    kept: Sequence[int], arriving: Reals, leaving: Reals, partition: Ints, instances: Ints
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
