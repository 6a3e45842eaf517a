"""How well two sets of numbers agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from leanspike.errors import InputError

Reals = npt.NDArray[np.float64]


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation; equal values share the mean of their ranks.

    >>> rank_correlation([1, 2, 3], [10, 30, 20])
    0.5
    """
    if len(first) != len(second) or len(first) < 2:
        raise InputError(f"{len(first)} values against {len(second)}")
    a, b = _ranks(first), _ranks(second)
    if a.std() == 0 or b.std() == 0:
        raise InputError("all values are equal: they have no order")
    return round(float(np.corrcoef(a, b)[0, 1]), 12)


def _ranks(values: Sequence[float]) -> Reals:
    _, places, times = np.unique(
        np.asarray(values, dtype=np.float64), return_inverse=True, return_counts=True
    )
    last = np.cumsum(times)
    return np.asarray((last - (times - 1) / 2)[places], dtype=np.float64)


def relative_error(model: float, published: float) -> float:
    """``model / published - 1``.

    >>> round(relative_error(1.1, 1.0), 3)
    0.1
    """
    return model / published - 1


def line_through(x: tuple[float, float], y: tuple[float, float]) -> tuple[float, float]:
    """Slope and intercept of the line through two points.

    >>> line_through((1, 3), (10, 30))
    (10.0, 0.0)
    """
    slope = (y[1] - y[0]) / (x[1] - x[0])
    return slope, y[0] - slope * x[0]
