"""Pareto fronts: what nothing else beats in every respect, and how much a front covers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def pareto_front(points: ArrayLike) -> NDArray[np.intp]:
    """Return the indices of the points that no other dominates, all objectives to be small.

    A point is dominated when another is at most as large in every objective and smaller in one.
    Of equal points the first stays. The indices are ordered by the first objective, then the
    next; points with a NaN are left out.

    Parameters
    ----------
    points
        Objectives, [points, objectives].

    >>> pareto_front([[1, 5], [2, 2], [3, 2], [2, 2], [4, 1]]).tolist()
    [0, 1, 4]
    """
    values = np.asarray(points, dtype=np.float64)
    if values.ndim != 2 or not len(values):
        return np.zeros(0, dtype=np.intp)
    known = np.flatnonzero(~np.isnan(values).any(axis=1))
    # Sorted this way a point can only be dominated by one before it.
    order = known[np.lexsort(values[known].T[::-1])]
    if values.shape[1] == 2:
        best = np.minimum.accumulate(np.append(np.inf, values[order, 1]))
        return order[values[order, 1] < best[:-1]]
    kept: list[int] = []
    for index in order:
        if not kept or not (values[kept] <= values[index]).all(axis=1).any():
            kept.append(int(index))
    return np.array(kept, dtype=np.intp)


def on_front(gains: ArrayLike) -> NDArray[np.bool_]:
    """Mark the points that no other dominates, all objectives to be large; equal ones all.

    Parameters
    ----------
    gains
        Objectives, [points, objectives]: negate what should be small.

    Examples
    --------
    >>> on_front([[0.9, -5.0], [0.9, -6.0], [0.8, -4.0], [0.9, -5.0]]).tolist()
    [True, False, True, True]
    """
    values = np.asarray(gains, dtype=np.float64)
    if not len(values):
        return np.zeros(0, dtype=np.bool_)
    front = values[pareto_front(-values)]
    return (values[:, None] == front[None]).all(axis=2).any(axis=1)


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
