"""Keeping the best mapping, or the front of them, while blocks of mappings go by."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leanspike.arrays import Reals
from leanspike.hardware.mapping.map_space import MapSpace
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.pareto import pareto_front
from leanspike.hardware.search.groups import CountedBlock

Objective = Literal["edp", "energy", "latency", "pareto"]


def score(energy: Reals, cycles: Reals, objective: Objective) -> Reals:
    """Return what an objective minimizes; a front's best is that of lowest EDP."""
    if objective == "energy":
        return energy
    return cycles if objective == "latency" else energy * cycles


def undominated(bounds: Reals) -> NDArray[np.int64]:
    """Return the rows that may be on the front by their bounds.

    Parameters
    ----------
    bounds
        Least and most energy, least and most cycles, [n, 4]; infinite where not legal.
    """
    # Surely dominated: some other mapping is at worst better than this one at best, in both.
    front = pareto_front(bounds[:, [1, 3]])
    energy, cycles = bounds[front, 1], bounds[front, 3]
    # By energy the front's cycles fall: the last one of less energy has the fewest cycles.
    before = np.searchsorted(energy, bounds[:, 0], side="left") - 1
    rival = np.where(before >= 0, cycles[np.maximum(before, 0)], np.inf)
    return np.flatnonzero((bounds[:, 2] <= rival) & np.isfinite(bounds[:, 0]))


class Best:
    """The best mapping so far: of equal scores the lower energy, then the fewer cycles, the first.

    Attributes
    ----------
    mapping, energy_pj, cycles
        The best; None before there is one.
    front
        (energy, cycles, mapping) that none beats in both, by energy; only for ``pareto``.
    legal, priced
        Legal mappings seen, and how many of them differ in their counts.
    """

    def __init__(self, objective: Objective, space: MapSpace) -> None:
        self._objective = objective
        self.space = space
        self.mapping: Mapping | None = None
        self.energy_pj = np.inf
        self.cycles = np.inf
        self.front: list[tuple[float, float, Mapping]] = []
        self.legal = 0
        self.priced = 0

    @property
    def score(self) -> float:
        """The best score so far; infinite before there is one."""
        found = score(np.array([self.energy_pj]), np.array([self.cycles]), self._objective)
        return float(found[0])

    def offer(
        self, counted: CountedBlock, rows: NDArray[np.int64], energy: Reals, cycles: Reals
    ) -> None:
        """Keep the best of evaluated mappings of a block, ``rows`` ascending."""
        if not len(rows):
            return
        scores = score(energy, cycles, self._objective)
        # Sums taken in another order do not decide between equal mappings.
        keys = [_without_noise(values) for values in (scores, energy, cycles)]
        n = np.lexsort(keys[::-1])[0]
        best = _without_noise(np.array([self.score, self.energy_pj, self.cycles]))
        if self.mapping is None or tuple(key[n] for key in keys) < tuple(best):
            self.mapping = counted.mapping(self.space, int(rows[n]))
            self.energy_pj, self.cycles = float(energy[n]), float(cycles[n])
        if self._objective == "pareto":
            self._merge(counted, rows, energy, cycles)

    def _merge(
        self, counted: CountedBlock, rows: NDArray[np.int64], energy: Reals, cycles: Reals
    ) -> None:
        known = np.array([(e, c) for e, c, _ in self.front]).reshape(-1, 2)
        points = np.concatenate((known, np.stack((energy, cycles), axis=1)))
        merged = []
        for index in pareto_front(_without_noise(points)):
            if index < len(known):
                merged.append(self.front[index])
                continue
            place = int(index) - len(known)
            mapping = counted.mapping(self.space, int(rows[place]))
            merged.append((float(energy[place]), float(cycles[place]), mapping))
        self.front = merged


def _without_noise(points: Reals) -> Reals:
    """Round to 40 binary digits: sums taken in another order are no trade-off."""
    mantissa, exponent = np.frexp(points)
    rounded: Reals = np.ldexp(np.rint(mantissa * 2.0**40) / 2.0**40, exponent)
    return rounded
