"""Non-zeros in a band around the diagonal of a square matrix."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from leanspike.errors import InputError
from leanspike.hardware.density.model import DensityModel, Occupancies, Reals, Sizes


class Banded(DensityModel):
    """``matrix[i, j]`` is non-zero where ``|i - j| <= width``, in a square of ``side``.

    Width 0 is the diagonal alone (as in Timeloop v3.0.3's ``banded``). Tiles are rectangles of an
    aligned grid: ask with :meth:`occupancies_of`. A tile asked about by size alone is that many
    consecutive values of a row.

    >>> Banded(side=4, width=0).occupancies_of((2, 2)).probabilities.tolist()
    [0.5, 0.5]
    """

    def __init__(self, *, side: int, width: int) -> None:
        if side < 1 or width < 0:
            raise InputError(f"a band of width {width} in a square of {side}")
        self.side = side
        self.width = width
        steps = np.minimum(width, side - 1)
        self.density = float(side + 2 * (steps * side - steps * (steps + 1) // 2)) / side**2

    def counts(self, rows: int, columns: int) -> Sizes:
        """Non-zeros of every tile of the grid, shape [side // rows, side // columns]."""
        row = np.arange(self.side // rows * rows)
        left = np.arange(0, self.side - columns + 1, columns)
        start = np.maximum(row[:, None] - self.width, left)
        stop = np.minimum(row[:, None] + self.width + 1, left + columns)
        inside = np.maximum(stop - start, 0)
        return inside.reshape(-1, rows, len(left)).sum(axis=1)

    def occupancies_of(self, shape: tuple[int, ...]) -> Occupancies:
        """Distribution over the aligned tiles of a shape (rows, columns)."""
        if len(shape) != 2 or min(shape) < 1 or max(shape) > self.side:
            raise InputError(f"a tile of shape {shape} in a square of {self.side}")
        values, times = np.unique(self.counts(*shape), return_counts=True)
        return Occupancies(values.astype(np.int64), times / times.sum())

    def occupancies(self, size: int) -> Occupancies:
        """Distribution over runs of ``size`` values in a row; whole rows above that."""
        if size == 0:
            return Occupancies(np.zeros(1, np.int64), np.ones(1))
        if size <= self.side:
            return self.occupancies_of((1, size))
        return self.occupancies_of((min(self.side, -(-size // self.side)), self.side))

    def p_empty(self, sizes: npt.ArrayLike) -> Reals:
        """Probability that a run of each size is empty."""
        flat = np.asarray(sizes, dtype=np.int64)
        found = [self.occupancies(int(size)).p_empty for size in flat.ravel()]
        return np.array(found, dtype=np.float64).reshape(flat.shape)

    def maximum(self, sizes: npt.ArrayLike) -> Sizes:
        """Most non-zeros in a run of each size."""
        flat = np.asarray(sizes, dtype=np.int64)
        found = [self.occupancies(int(size)).maximum for size in flat.ravel()]
        return np.array(found, dtype=np.int64).reshape(flat.shape)
