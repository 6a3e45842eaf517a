"""The membrane state: read and written once per neuron and step, moved where it does not stay.

State[N, M, P, Q] has no index over time, and the loops over input channels and kernels do not
touch it: a neuron is updated when its sum is finished. So its traffic is that of the layer's
loop nest without those loops, with T as a loop that brings no other state. Where pooling stands
before the neurons there are fewer of them than output positions, and their traffic is smaller in
proportion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from leanspike.arrays import Ints, Reals
from leanspike.hardware.mapping.mapping import LoopArrays
from leanspike.hardware.model.plan import Plan
from leanspike.hardware.model.traffic import count_nests


@dataclass(frozen=True)
class MembraneTraffic:
    """Traffic of the state under n mappings.

    Attributes
    ----------
    updates
        Neuron updates: neurons times steps.
    reads, writes
        Values read and written at each level, all instances together, [n, L].
    tile
        Values an instance of each level holds at once, [n, L]; 0 where it keeps no state.
    instances
        Instances of each level that hold different states, [n, L].
    """

    updates: float
    reads: Reals
    writes: Reals
    tile: Reals
    instances: Ints

    @property
    def per_instance(self) -> Reals:
        """Values read and written by one instance of each level, [n, L, 2]."""
        return np.stack((self.reads, self.writes), axis=-1) / self.instances[..., None]


def no_membrane(n: int, levels: int, updates: float = 0.0) -> MembraneTraffic:
    """Return the traffic of a layer without neurons, or whose state is kept nowhere."""
    nothing = np.zeros((n, levels))
    return MembraneTraffic(updates, nothing, nothing, nothing, np.ones((n, levels), np.int64))


def membrane_traffic(plan: Plan, loops: LoopArrays) -> MembraneTraffic:
    """Count the state's traffic under n mappings.

    The innermost level of ``Neuron.state`` is read and written on every update. A state that is
    brought in for the first time is zero and needs no reading; one that is not needed again is
    not written back.
    """
    chip, problem, n = plan.architecture, plan.problem, len(loops.steps)
    levels, outputs = len(chip.levels), problem.written
    if chip.neuron is None or not chip.neuron.state:
        return no_membrane(n, levels, plan.neuron_updates)
    coefficients = problem.coefficients[outputs : outputs + 1].copy()
    if "T" in problem.dims:
        coefficients[:, :, problem.dims.index("T")] = 0
    steps = loops.steps.copy()
    steps[:, ~problem.uses(outputs)[loops.places[:, 1]]] = 1
    loops = loops._replace(steps=steps)
    keep = np.array([[level.name in chip.neuron.state] for level in chip.levels])
    tile, partition = np.zeros((2, n, levels, 1), np.int64)
    arriving, leaving = np.zeros((2, n, levels, 1))
    instances = np.zeros((n, levels + 1), np.int64)
    count_nests(
        loops, coefficients, keep, True, -1, problem.real, tile, arriving, leaving, partition,
        instances,
    )  # fmt: skip
    reads, writes = _state_traffic(
        np.flatnonzero(keep[:, 0]).tolist(), arriving[..., 0], leaving[..., 0], partition[..., 0],
        instances,
    )  # fmt: skip
    share = plan.neurons_per_output
    held = _neurons_of(plan, loops, tile[..., 0])
    return MembraneTraffic(
        plan.neuron_updates, reads * share, writes * share, held.astype(np.float64),
        instances[:, :-1],
    )  # fmt: skip


def _neurons_of(plan: Plan, loops: LoopArrays, tile: Ints) -> Ints:
    """Turn the output positions of tiles, [n, L], into neurons; a neuron of a part counts whole."""
    if plan.neuron_maps is None:
        return tile
    held, problem = tile.copy(), plan.problem
    for level in range(tile.shape[1]):
        for letter, neurons in zip("PQ", plan.neuron_maps, strict=True):
            d = problem.dims.index(letter)
            extent = loops.product(range(3 * level, 3 * tile.shape[1]), d)
            whole = -((-extent * neurons) // int(problem.bounds[d]))
            held[:, level] = held[:, level] // extent * whole
    return held


def _state_traffic(
    kept: Sequence[int], arriving: Reals, leaving: Reals, partition: Ints, instances: Ints
) -> tuple[Reals, Reals]:
    """Return values read and written at each level, all instances together, both [..., L].

    ``kept`` lists the levels that keep the state, outermost first; the counts are one instance's
    as ``count_nests`` fills them, [..., L], and ``instances`` [..., L + 1].
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
