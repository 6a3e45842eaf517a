"""Pareto fronts: what nothing else beats in every respect, and how much a front covers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from leanspike.arrays import Bools


def on_front(gains: ArrayLike) -> Bools:
    """Mark the rows that no other row dominates.

    A row dominates another when it is at least as good in every column and better in one. Equal
    rows do not dominate each other.

    Parameters
    ----------
    gains
        [n, objectives], each to be maximized: negate what should be small.

    Returns
    -------
    bool [n]

    Examples
    --------
    >>> on_front([[0.9, -5.0], [0.9, -6.0], [0.8, -4.0]]).tolist()
    [True, False, True]
    """
    values = np.asarray(gains, dtype=float)
    if values.size == 0:
        return np.zeros(len(values), dtype=bool)
    as_good = (values[:, None, :] >= values[None, :, :]).all(axis=2)
    better = (values[:, None, :] > values[None, :, :]).any(axis=2)
    return np.logical_not((as_good & better).any(axis=0))


def hypervolume(gains: Sequence[tuple[float, float]], *, reference: tuple[float, float]) -> float:
    """Return the area between a two-objective front and a reference that it should dominate.

    Parameters
    ----------
    gains
        Points, both coordinates to be maximized; those that do not exceed the reference in both
        add nothing.
    reference
        The corner the area is measured from.

    Examples
    --------
    >>> hypervolume([(2.0, 1.0), (1.0, 2.0)], reference=(0.0, 0.0))
    3.0
    """
    x0, y0 = reference
    inside = sorted({(x, y) for x, y in gains if x > x0 and y > y0}, reverse=True)
    area, top = 0.0, y0
    for x, y in inside:
        if y > top:
            area += (x - x0) * (y - top)
            top = y
    return area
