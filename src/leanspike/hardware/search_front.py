"""The Pareto front: points that no other point beats in every objective."""

from __future__ import annotations

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
