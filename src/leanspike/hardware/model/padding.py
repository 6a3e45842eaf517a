"""Tensors some of whose positions are padding: what of their tiles is real, and moves.

Padding (and the zeros that a transposed convolution puts between values) is known before anything
runs: it is never stored, read or moved. Which positions are real is a question rank by rank: a
position is real where each of its indices is. ``real`` [ranks, extent + 1] counts the real indices
before every index of a rank, so that a window's are a difference; -1 stands first in a rank that
has no padding.

A rank with padding must have its loops to itself, as rows and columns of a convolution's input
have: sums over where the tile goes are then products of one sum for every rank.
"""

from __future__ import annotations

import numpy as np

from leanspike.arrays import Ints, Reals
from leanspike.hardware.compiling import helper, inlined
from leanspike.hardware.model.distinct import distinct_sums


@helper
def real_in(real: Ints, r: int, first: int, length: int) -> int:
    """Return the real indices of rank ``r`` among ``length`` from ``first`` on."""
    if real[r, 0] < 0:
        return length
    last = min(first + length, real.shape[1] - 1)
    return real[r, last] - real[r, first] if last > first else 0


@inlined
def most_real(extents: Ints, real: Ints) -> int:
    """Return the most real values that a tile of the given extents [ranks] holds anywhere."""
    total = 1
    for r in range(len(extents)):
        most = 0
        for first in range(1 if real[r, 0] < 0 else real.shape[1] - extents[r]):
            most = max(most, real_in(real, r, first, extents[r]))
        total *= most
    return total


@inlined
def child_extents(coefficients: Ints, x: int, factors: Ints, child: int, extents: Ints) -> None:
    """Fill the extents [ranks] of the tile that all slots from level ``child`` inward span."""
    ranks, dims = coefficients.shape[1], coefficients.shape[2]
    for r in range(ranks):
        extents[r] = 1
    for d in range(dims):
        size = 1
        for slot in range(3 * child, factors.shape[0]):
            size *= factors[slot, d]
        for r in range(ranks):
            extents[r] += coefficients[x, r, d] * (size - 1)


@helper
def passed_real(
    coefficients: Ints,
    x: int,
    extents: Ints,
    factors: Ints,
    loops: Ints,
    count: int,
    level: int,
    child: int,
    exact: bool,
    real: Ints,
) -> float:
    """Return the real values that all instances of ``level`` send to their children's tiles.

    ``child`` is the next level inside that keeps the tensor (as many as there are levels: the
    compute units, to which every step in time brings a value of its own), ``extents`` [ranks] its
    tile. With ``child`` equal to ``level`` these are the values that enter the level itself.
    Other arguments are those of :func:`~leanspike.hardware.model.traffic.arrivals`.
    """
    ranks = len(extents)
    to_compute = 3 * child == factors.shape[0]
    # Where the tile can stand in each rank with padding, and how often; ``times`` counts the rest.
    places = np.empty((ranks, real.shape[1]))
    for r in range(ranks):
        for at in range(places.shape[1]):
            places[r, at] = 1.0 if at == 0 else 0.0
    moved, scratch = np.empty((ranks, real.shape[1])), np.empty(real.shape[1])
    times = 1.0
    # Not literals: numba would compile what they are handed to for each of them.
    whole_turn, further = np.int64(0), np.int64(1)
    # Space first. Below one instance of the level children whose tiles are equal share a read.
    for i in range(count):
        if loops[i, 0] % 3 != 0 and loops[i, 0] < 3 * level:
            times *= _step(coefficients, x, factors, loops, i, real, places, scratch)
    terms = np.empty((2, count + 1), np.int64)
    for r in range(ranks):
        groups = np.int64(0)
        for i in range(count):
            slot, d = loops[i, 0], loops[i, 1]
            step = coefficients[x, r, d] * loops[i, 2]
            if step > 0 and slot % 3 != 0 and 3 * level <= slot < 3 * child:
                terms[0, groups], terms[1, groups] = step, factors[slot, d]
                groups += 1
        if real[r, 0] < 0:
            times *= distinct_sums(terms[0], terms[1], groups)
        elif groups > 0:
            apart = np.empty(real.shape[1])
            for at in range(len(apart)):
                apart[at] = 1.0 if at == 0 else 0.0
            for k in range(groups):
                _spread(apart, scratch, terms[0, k], whole_turn, terms[1, k])
            _shift(places[r], scratch, apart)
    # How every loop in time moves the tile when it steps and those inside it return.
    moves = np.empty((count, ranks), np.int64)
    keeps = np.empty(count, np.bool_)
    carried = np.empty(ranks, np.int64)
    for r in range(ranks):
        carried[r] = 0
    first = -1
    for i in range(count):
        keeps[i] = True
        slot, d = loops[i, 0], loops[i, 1]
        if slot % 3 != 0 or slot >= 3 * child:
            continue
        moved_ranks, same = 0, True
        for r in range(ranks):
            step = coefficients[x, r, d] * loops[i, 2]
            moves[i, r] = step - carried[r]
            carried[r] += step * (factors[slot, d] - 1 if exact else 1)
            moved_ranks += moves[i, r] != 0
            same = same and (first < 0 or moves[i, r] == moves[first, r])
        if not exact:
            keeps[i] = moved_ranks <= 1 if first < 0 else same and keeps[first]
            first = i if first < 0 else first
    # The first tiles; then time, from the outermost loop inward: what comes in when a loop steps.
    total = times
    for r in range(ranks):
        total *= _held(places[r], real, r, whole_turn, extents[r])
    for i in range(count - 1, -1, -1):
        slot, d = loops[i, 0], loops[i, 1]
        if slot % 3 != 0 or slot >= 3 * child:
            continue
        if not to_compute:
            whole = times
            kept = times if keeps[i] else 0.0
            steps = float(factors[slot, d] - 1)
            for r in range(ranks):
                step = coefficients[x, r, d] * loops[i, 2]
                for at in range(places.shape[1]):
                    moved[r, at] = places[r, at]
                if step > 0 and real[r, 0] >= 0:
                    steps = 1.0
                    _spread(moved[r], scratch, step, further, factors[slot, d])
                whole *= _held(moved[r], real, r, whole_turn, extents[r])
                overlap = extents[r] - abs(moves[i, r])
                shift = max(0, -moves[i, r])
                if kept > 0.0:
                    kept *= _held(moved[r], real, r, shift, overlap) if overlap > 0 else 0.0
            total += steps * (whole - kept)
        times *= _step(coefficients, x, factors, loops, i, real, places, scratch)
    if to_compute:
        total = times
        for r in range(ranks):
            total *= _held(places[r], real, r, whole_turn, extents[r])
    return total


@helper
def _step(
    coefficients: Ints,
    x: int,
    factors: Ints,
    loops: Ints,
    i: int,
    real: Ints,
    places: Reals,
    scratch: Reals,
) -> float:
    """Move the tile by every step of a loop; return how often it stands where it stood before."""
    slot, d = loops[i, 0], loops[i, 1]
    times = float(factors[slot, d])
    for r in range(len(places)):
        step = coefficients[x, r, d] * loops[i, 2]
        if step > 0 and real[r, 0] >= 0:
            _spread(places[r], scratch, step, np.int64(0), factors[slot, d])
            times = 1.0
    return times


@helper
def _spread(places: Reals, scratch: Reals, step: int, first: int, steps: int) -> None:
    """Move every place by ``step`` times each of ``first`` to ``steps`` - 1."""
    for at in range(len(places)):
        scratch[at] = places[at]
        if first > 0:
            places[at] = 0.0
    for k in range(max(first, 1), steps):
        for at in range(len(places) - k * step):
            places[at + k * step] += scratch[at]


@inlined
def _shift(places: Reals, scratch: Reals, apart: Reals) -> None:
    """Move every place by each distance of ``apart`` that there is, however often."""
    for at in range(len(places)):
        scratch[at] = places[at]
        places[at] = 0.0
    for far in range(len(apart)):
        if apart[far] > 0.0:
            for at in range(len(places) - far):
                places[at + far] += scratch[at]


@helper
def _held(places: Reals, real: Ints, r: int, shift: int, length: int) -> float:
    """Return the real indices in the windows that begin ``shift`` after every place."""
    if real[r, 0] < 0:
        return float(length)
    total = 0.0
    for at in range(len(places)):
        if places[at] != 0.0:
            total += places[at] * real_in(real, r, at + shift, length)
    return total
