"""Exact factorizations of a loop bound over the groups of a loop nest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def divisors(number: int) -> list[int]:
    """Return the divisors of a positive number, ascending.

    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return small + [number // d for d in reversed(small) if d * d != number]


def factorizations(bound: int, ranges: Sequence[tuple[int | None, int, int]]) -> NDArray[np.int32]:
    """Every ordered factorization of ``bound`` that fits, int32 [splits, groups].

    Parameters
    ----------
    bound
        The loop bound.
    ranges
        Per group the given factor (None where it is free), the smallest and the largest.

    Returns
    -------
    Rows whose product is ``bound``, in lexicographic order, the last column fastest; no rows
    when the constraints contradict each other or the bound.

    >>> factorizations(6, [(None, 1, 6), (2, 1, 6), (None, 1, 1)]).tolist()
    [[3, 2, 1]]
    """
    whole = divisors(bound)
    allowed = [
        [d for d in whole if given in (None, d) and least <= d <= most]
        for given, least, most in ranges
    ]
    # What the groups from each place on can make together: keeps dead ends from growing.
    reach: list[set[int]] = [{1}]
    for options in reversed(allowed):
        reach.insert(0, {d * r for d in options for r in reach[0] if bound % (d * r) == 0})
    rows: list[tuple[int, ...]] = [()] if bound in reach[0] else []
    rests = [bound] * len(rows)
    for options, rest_of in zip(allowed, reach[1:], strict=True):
        grown, left = [], []
        for row, rest in zip(rows, rests, strict=True):
            for d in options:
                if rest % d == 0 and rest // d in rest_of:
                    grown.append((*row, d))
                    left.append(rest // d)
        rows, rests = grown, left
    return np.array(rows, dtype=np.int32).reshape(-1, len(ranges))
