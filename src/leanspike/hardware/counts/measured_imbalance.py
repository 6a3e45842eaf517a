"""Load imbalance exactly, where the tensors that units skip on are known value by value.

Units work in passes, as in :mod:`~leanspike.hardware.counts.imbalance`. Here every pass is looked
at: each unit's computes left are counted in the tensors themselves, and the pass takes as long as
the unit with most of them. Nothing is assumed about where non-zeros lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numba import njit
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from leanspike.errors import InputError
from leanspike.hardware.counts.actions import SKIPS
from leanspike.hardware.counts.leader import waited_sizes
from leanspike.hardware.counts.nest import list_loops
from leanspike.hardware.counts.plan import Plan
from leanspike.hardware.density import DensityModel, Measured
from leanspike.hardware.mapping import Mapping

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Computes that are walked one by one: some seconds.
_MOST_COMPUTES = 1 << 32


@dataclass(frozen=True)
class Passes:
    """What the passes of a mapping really take.

    Attributes
    ----------
    cycles
        Sum over all passes of the computes left of the slowest unit.
    computes
        Computes left of all units and passes.
    """

    cycles: int
    computes: int


def measured_passes(
    plan: Plan, mapping: Mapping, models: Sequence[DensityModel], inside: int
) -> Passes | None:
    """Count what units do in every pass; None unless all that they skip on is measured.

    ``inside`` is the first level inside the innermost fan-out.

    Raises
    ------
    InputError
        When a measured tensor does not have the problem's shape, or there are more than 2^32
        computes to look at.
    """
    conditions = _skipped_on(plan, mapping, inside)
    if not conditions or any(not isinstance(models[x], Measured) for x, _ in conditions):
        return None
    steps = []
    loops = np.empty((mapping.factors.size, 3), np.int64)
    for slot, d, stride in loops[: list_loops(mapping.factors, mapping.order, loops)]:
        group = 1 if slot % 3 else 0 if slot < 3 * inside else 2
        steps.append((group, int(d), int(mapping.factors[slot, d]), int(stride)))
    return _count(plan, models, conditions, steps)


def computes_left(plan: Plan, models: Sequence[DensityModel]) -> int:
    """Return how many computes of the whole layer meet no measured zero.

    Raises
    ------
    InputError
        As :func:`measured_passes` does.
    """
    problem = plan.problem
    one = np.ones(len(problem.dims), np.int64)
    known = [
        (x, one)
        for x, model in enumerate(models)
        if isinstance(model, Measured) and x != problem.written
    ]
    if not known:
        return problem.computes
    # Loops over outputs outside, over what is summed inside: any division counts the same.
    outer = problem.uses(problem.written)
    steps = [(0 if outer[d] else 2, d, int(n), 1) for d, n in enumerate(problem.bounds)]
    return _count(plan, models, known, steps).computes


def _count(
    plan: Plan,
    models: Sequence[DensityModel],
    conditions: Sequence[tuple[int, Ints]],
    loops: Sequence[tuple[int, int, int, int]],
) -> Passes:
    """Walk loops of (group, dim, steps, stride): 0 from pass to pass, 1 over units, 2 in a pass."""
    used = np.zeros(len(plan.problem.dims), np.bool_)
    for x, _ in conditions:
        used |= plan.problem.uses(x)
    # Loops that move none of these tensors repeat the same passes, or the same computes in one.
    repeated = [prod(n for g, d, n, _ in loops if g == group and not used[d]) for group in range(3)]
    moving = [loop for loop in loops if used[loop[1]]]
    if len(conditions) * prod(n for _, _, n, _ in moving) > _MOST_COMPUTES:
        raise InputError(
            f"more than {_MOST_COMPUTES} computes to look at for measured load imbalance",
            where="models",
            remedy="Give densities as numbers, or switch load_imbalance off",
        )
    flat, places = [], []
    for x, sizes in conditions:
        there = _there(plan, x, models[x], sizes)
        far = _flat_steps(plan, x, there.shape)
        flat.append(np.ascontiguousarray(there).reshape(-1))
        # What is waited for begins where its tile does.
        offsets = [(g, far[d] * (np.arange(n) * stride // sizes[d] * sizes[d]))
                   for g, d, n, stride in moving]  # fmt: skip
        places.append([_sums([one for g, one in offsets if g == group]) for group in range(3)])
    if len(conditions) == 1:
        flat.append(np.ones(1, np.bool_))
        places.append([np.zeros_like(place) for place in places[0]])
    slowest, total = _walk(flat[0], flat[1], *places[0], *places[1])
    return Passes(
        cycles=int(slowest) * repeated[0] * repeated[2], computes=int(total) * prod(repeated)
    )


def _skipped_on(plan: Plan, mapping: Mapping, inside: int) -> list[tuple[int, Ints]]:
    """Return the operands that units skip on, each with the loop sizes [D] of what is skipped.

    Of several conditions on one operand the finest holds: it skips what the others do, and more.
    """
    problem = plan.problem
    found: dict[int, Ints] = {}
    loops = np.empty((mapping.factors.size, 3), np.int64)
    count = list_loops(mapping.factors, mapping.order, loops)

    def add(x: int, sizes: Ints) -> None:
        if x not in found or sizes.prod() < found[x].prod():
            found[x] = sizes

    for follow in plan.follows:
        if follow.remedy != SKIPS or follow.level < inside or follow.target == problem.written:
            continue
        for leader in follow.leaders:
            sizes = np.ones(len(problem.dims), np.int64)
            child = plan.child(follow.level, follow.target)
            waited_sizes(
                problem.coefficients, follow.target, follow.level, child, mapping.factors, loops,
                count, sizes,
            )  # fmt: skip
            add(leader, sizes)
    for x in range(len(problem.tensors)):
        innermost = int(np.flatnonzero(plan.keep[:, x])[-1])
        if x != problem.written and plan.architecture.compute.skips and plan.formats[innermost][x]:
            add(x, np.ones(len(problem.dims), np.int64))
    return sorted(found.items())


def _there(plan: Plan, x: int, model: DensityModel, sizes: Ints) -> Bools:
    """Return whether the tile that begins at each value holds a non-zero."""
    assert isinstance(model, Measured)
    problem = plan.problem
    extents = 1 + problem.coefficients[x] @ (problem.bounds - 1)
    if [n for n in model.padded.shape if n > 1] != [int(n) for n in extents if n > 1]:
        shape = tuple(int(n) for n in extents)
        raise InputError(
            f"found a tensor of shape {model.padded.shape}, expected {shape} (inputs with their "
            "padding)",
            where=f"models, {problem.tensors[x]}",
        )
    held = model.padded.reshape(tuple(int(n) for n in extents))
    box = tuple(int(n) for n in 1 + problem.coefficients[x] @ (sizes - 1))
    if prod(box) == 1:
        return held
    padded = np.pad(held, [(0, n - 1) for n in box])
    windows = sliding_window_view(padded, box)
    return np.asarray(windows.any(axis=tuple(range(held.ndim, 2 * held.ndim))), np.bool_)


def _flat_steps(plan: Plan, x: int, shape: tuple[int, ...]) -> Ints:
    """Return how far one step of every loop goes in the flattened tensor, [D]."""
    strides = np.array([prod(shape[r + 1 :]) for r in range(len(shape))], np.int64)
    steps: Ints = strides @ plan.problem.coefficients[x]
    return steps


def _sums(loops: Sequence[Ints]) -> Ints:
    """Return every sum of one offset of each loop."""
    found = np.zeros(1, np.int64)
    for offsets in loops:
        found = (found[:, None] + offsets).reshape(-1)
    return found


@njit(cache=True, nogil=True)
def _walk(
    first: Bools,
    second: Bools,
    first_pass: Ints,
    first_unit: Ints,
    first_inner: Ints,
    second_pass: Ints,
    second_unit: Ints,
    second_inner: Ints,
) -> tuple[int, int]:
    """Return the sum of every pass's largest count, and of all counts."""
    slowest = total = 0
    for p in range(len(first_pass)):
        most = 0
        for u in range(len(first_unit)):
            a, b = first_pass[p] + first_unit[u], second_pass[p] + second_unit[u]
            left = 0
            for i in range(len(first_inner)):
                if first[a + first_inner[i]] and second[b + second_inner[i]]:
                    left += 1
            most = max(most, left)
            total += left
        slowest += most
    return slowest, total
