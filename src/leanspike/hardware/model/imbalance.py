"""Load imbalance: units that skip on their own wait for the slowest of them.

Units work in *passes*: all that a unit does on what it holds, between two deliveries through the
innermost fan-out. In a pass each of G units has ``n`` computes, of which those that meet a zero
are skipped; the next pass starts when the unit with most computes left is done. Units that wait
for the same values skip together and count as one.

A unit's computes left are ``X = sum over computes of a[i] b[j]``, where a and b say whether what
the compute waits for is there, with probabilities f and g. Of ``n`` computes every ``a[i]`` is in
``r`` and every ``b[j]`` in ``s``, so for independent a and b

    Var X = n f g (1 - f g + (r - 1) g (1 - f) + (s - 1) f (1 - g)),

which is that of ``phi`` times a binomial count of ``n / phi`` trials of probability ``f g``. For
skipping on one operand (g = 1, phi = r) that is X itself. The expected largest of G such counts
is ``phi * sum over x of (1 - F(x)^G)``.

Where the tensors that units skip on are known value by value, every pass is counted instead: each
unit's computes left are counted in the tensors themselves, and the pass takes as long as the unit
with most of them. Nothing is assumed about where non-zeros lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, floor, lgamma, log, log1p, prod, sqrt

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from leanspike.arrays import Bools, Ints
from leanspike.errors import InputError
from leanspike.hardware.compiling import inlined, kernel
from leanspike.hardware.mapping.mapping import LoopArrays, Mapping
from leanspike.hardware.model.actions import SKIPS
from leanspike.hardware.model.leader_tiles import waited_steps
from leanspike.hardware.model.plan import Plan
from leanspike.hardware.model.traffic import list_loops
from leanspike.hardware.sparsity.density import DensityModel, Measured
from leanspike.hardware.workload.problem import Problem

# Beyond this many trials the binomial is normal to three digits.
_NORMAL = 2000


def pass_shapes(problem: Problem, mesh: Ints, loops: LoopArrays) -> Ints:
    """Return what units do in a pass under n mappings, int64 [n, 5].

    A unit's computes, the values of each operand it meets, and how many different sets of them
    the units meet side by side. ``mesh`` [L, 2] is the instances below each level; a pass is what
    runs inside the innermost level that fans out. Without a fan-out it is the whole layer, and
    there is one unit.
    """
    levels = len(mesh)
    fanning = np.flatnonzero(mesh.prod(axis=1) > 1)
    first = int(fanning[-1]) + 1 if len(fanning) else 0
    time, space = range(3 * first, 3 * levels, 3), [i for i in range(3 * levels) if i % 3]
    sizes = np.stack([loops.product(time, d) for d in range(len(problem.dims))], axis=1)
    shapes = np.ones((len(sizes), 5), np.int64)
    shapes[:, 0] = sizes.prod(axis=1)
    for k, x in enumerate(problem.operands):
        shapes[:, 1 + k] = (1 + (sizes - 1) @ problem.coefficients[x].T).prod(axis=1)
        for d in np.flatnonzero(problem.uses(x)):
            shapes[:, 3 + k] *= loops.product(space, int(d))
    return shapes


@inlined
def waiting_factor(
    computes: int, met_a: float, met_b: float, f: float, g: float, units: int
) -> float:
    """Return the expected largest of the units' computes over their mean, at least 1.

    Parameters
    ----------
    computes
        Computes of a unit in a pass, all of them.
    met_a, met_b
        How many things a unit waits for in a pass, of each operand.
    f, g
        Probability that one of them is there; 1 where nothing is skipped on it.
    units
        Units that wait for each other.

    Examples
    --------
    >>> round(waiting_factor(1, 1, 1, 0.5, 1.0, 2), 6)
    1.5
    >>> waiting_factor(100, 10, 10, 0.3, 1.0, 1)
    1.0
    """
    p = f * g
    if units <= 1 or p <= 0.0 or p >= 1.0:
        return 1.0
    r = max(1.0, computes / max(met_a, 1.0))
    s = max(1.0, computes / max(met_b, 1.0))
    phi = (1.0 - p + (r - 1.0) * g * (1.0 - f) + (s - 1.0) * f * (1.0 - g)) / (1.0 - p)
    trials = max(1, round(computes / phi))
    if trials > _NORMAL:
        spread = sqrt(trials * p * (1.0 - p)) * largest_normal(units)
        return min(1.0 / p, 1.0 + spread / (trials * p))
    # Beyond this far from the mean there is less than exp(-40) (Bernstein's inequality).
    mean = trials * p
    far = 9.0 * sqrt(mean * (1.0 - p)) + 27.0
    first, last = max(0, floor(mean - far)), min(trials, ceil(mean + far))
    every, hit, miss = lgamma(trials + 1.0), log(p), log1p(-p)
    expected = float(first)
    below = 0.0
    for x in range(first, last):
        ways = every - lgamma(x + 1.0) - lgamma(trials - x + 1.0)
        below += exp(ways + x * hit + (trials - x) * miss)
        expected += 1.0 - min(below, 1.0) ** units
    return max(1.0, expected / mean)


@inlined
def largest_normal(count: int) -> float:
    """Return the expected largest of ``count`` standard normals (Blom 1958), count > 1.

    The quantile of ``(count - 3/8) / (count + 1/4)``, by Abramowitz and Stegun 26.2.23.
    """
    tail = 1.0 - (count - 0.375) / (count + 0.25)
    t = sqrt(-2.0 * log(tail))
    top = 2.515517 + 0.802853 * t + 0.010328 * t * t
    return t - top / (1.0 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t**3)


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
        computes to count.
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
            f"more than {_MOST_COMPUTES} computes to count for measured load imbalance",
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
    uses = np.stack([problem.uses(x) for x in range(len(problem.tensors))])
    steps = np.empty(count, np.int64)

    def add(x: int, sizes: Ints) -> None:
        if x not in found or sizes.prod() < found[x].prod():
            found[x] = sizes

    for follow in plan.follows:
        if follow.remedy != SKIPS or follow.level < inside or follow.target == problem.written:
            continue
        for leader in follow.leaders:
            sizes = np.ones(len(problem.dims), np.int64)
            child = plan.child(follow.level, follow.target)
            waited_steps(
                uses, follow.target, follow.level, child, 0.0, mapping.factors, loops, count, steps
            )
            for (_, d, _), n in zip(loops[:count], steps[:count], strict=True):
                sizes[d] *= n
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


@kernel
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
