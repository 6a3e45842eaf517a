"""Capacities as limits of a walk: partial nests whose tiles cannot fit are not continued."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from leanspike.hardware.case import Case
from leanspike.hardware.density import DensityModel
from leanspike.hardware.mapspace_nests import Nests
from leanspike.hardware.mapspace_walk import Limit
from leanspike.hardware.problem import Problem

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def capacity_limits(cases: Sequence[Case]) -> list[Limit]:
    """Return what tiles must meet at every level of limited room, for at least one of the cases.

    A tile needs room for its largest occupancy (all its values where it is stored with zeros);
    metadata and the membrane only add to that. Occupancy never falls when a tile grows, so the
    limit is monotone, and never stricter than the check of any case.
    """
    plan = cases[0].plan
    rooms = np.max([case.plan.capacity for case in cases], axis=0)
    return [
        Limit(f"capacity of {level.name}", _fits(cases, i, float(rooms[i])))
        for i, level in enumerate(plan.architecture.levels)
        if np.isfinite(rooms[i]) and plan.keep[i].any()
    ]


def _fits(cases: Sequence[Case], level: int, room: float) -> Callable[[Nests], Bools]:
    plan = cases[0].plan
    kept = np.flatnonzero(plan.keep[level]).tolist()
    written = plan.problem.written
    bits = {
        x: min(
            float(case.plan.stored_bits[level, x])
            * (min(1.0, float(case.plan.finished_share[level])) if x == written else 1.0)
            for case in cases
        )
        for x in kept
    }
    # Cases of one structure store a tensor all with zeros or all without.
    with_zeros = [
        case.dense or case.plan.formats[level][x] is None for case in cases[:1] for x in kept
    ]
    sparse: dict[int, list[DensityModel]] = {
        x: [] if zeros else list(dict.fromkeys(case.models[x] for case in cases))
        for x, zeros in zip(kept, with_zeros, strict=True)
    }

    def meets(nests: Nests) -> Bools:
        needed = np.zeros(len(nests))
        for x in kept:
            tiles = _tiles(plan.problem, nests, level, x)
            needed += _fewest(sparse[x], tiles) * bits[x]
        return needed <= room

    return meets


def _fewest(models: Sequence[DensityModel], tiles: Ints) -> Ints:
    """Return the smallest of the models' largest occupancies; all values without models."""
    if not models:
        return tiles
    sizes, which = np.unique(tiles, return_inverse=True)
    most = models[0].maximum(sizes)
    for model in models[1:]:
        most = np.minimum(most, model.maximum(sizes))
    return np.asarray(most, np.int64)[which.reshape(-1)]


def _tiles(problem: Problem, nests: Nests, level: int, x: int) -> Ints:
    """Return the values of the tiles a level holds: of those with padding, the most."""
    total = np.ones(len(nests), np.int64)
    for r, rank in enumerate(problem.coefficients[x]):
        extent = np.ones(len(nests), np.int64)
        for d in np.flatnonzero(rank):
            extent += rank[d] * (nests.inside(3 * level, int(d)) - 1)
        total *= extent if x != problem.masked else _most_real(problem.real[r], extent)
    return total


def _most_real(before: Ints, extents: Ints) -> Ints:
    """Return the most real indices of a rank in windows of each extent."""
    if before[0] < 0:
        return extents
    most = [int((before[n:] - before[: len(before) - n]).max()) for n in range(len(before))]
    return np.array(most, np.int64)[extents]
