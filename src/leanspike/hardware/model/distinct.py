"""How many different tiles the children of an array hold: those of equal tiles share a read."""

from __future__ import annotations

from math import gcd

import numpy as np

from leanspike.arrays import Ints
from leanspike.hardware.compiling import helper, kernel


@helper
def distinct_children(
    coefficients: Ints,
    x: int,
    factors: Ints,
    loops: Ints,
    count: int,
    first: int,
    last: int,
    terms: Ints,
) -> int:
    """Return how many different tiles of tensor ``x`` the instances below one instance hold.

    ``first`` and ``last`` bound the slots between the two: those from ``first`` up to, not
    including, ``last``. ``terms`` [2, loops + 1] is scratch.
    """
    ranks = coefficients.shape[1]
    total = 1
    for r in range(ranks):
        groups = np.int64(0)  # not a literal: numba would compile distinct_sums for it too
        for i in range(count):
            slot, d = loops[i, 0], loops[i, 1]
            step = coefficients[x, r, d] * loops[i, 2]
            if step == 0 or slot % 3 == 0 or slot < first or slot >= last:
                continue
            if groups > 0 and step == terms[0, groups - 1] * terms[1, groups - 1]:
                terms[1, groups - 1] *= factors[slot, d]  # carries on where the last one ends
            else:
                terms[0, groups], terms[1, groups] = step, factors[slot, d]
                groups += 1
        total *= distinct_sums(terms[0], terms[1], groups)
    return total


@kernel
def distinct_sums(steps: Ints, lengths: Ints, groups: int) -> int:
    """Return the number of different values of ``sum of steps[g] * i[g]``, i[g] < lengths[g].

    With two terms ``a i + b j``, (i, j) and (i + b/g, j - a/g) coincide, g their common divisor,
    so ``m n`` pairs hold ``m n - max(0, m - b/g) max(0, n - a/g)`` values. More are enumerated.
    """
    if groups == 0:
        return 1
    if groups == 1:
        return lengths[0]
    if groups == 2:
        m, n = lengths[0], lengths[1]
        g = gcd(steps[0], steps[1])
        return m * n - max(0, m - steps[1] // g) * max(0, n - steps[0] // g)
    furthest = np.int64(0)
    for k in range(groups):
        furthest += steps[k] * (lengths[k] - 1)
    reached = np.empty(furthest + 1, np.bool_)
    for at in range(furthest + 1):
        reached[at] = at == 0
    total, last = 1, np.int64(0)
    for k in range(groups):
        # From the furthest down, so that what a term adds is not moved by it again.
        for at in range(last, -1, -1):
            if reached[at]:
                for i in range(1, lengths[k]):
                    if not reached[at + i * steps[k]]:
                        reached[at + i * steps[k]] = True
                        total += 1
        last += steps[k] * (lengths[k] - 1)
    return total
