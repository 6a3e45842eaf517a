"""The non-zeros of a real tensor, counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from leanspike.errors import InputError
from leanspike.hardware.density.model import DensityModel, Occupancies, Reals, Sizes


class Measured(DensityModel):
    """Occupancies of a real tensor's aligned tiles, each tile equally likely.

    ``tensor`` has any shape; what is not 0 counts. Asked by size, a tile is that many consecutive
    values in C order; asked by shape, a box of the aligned grid. Values left over at an edge form
    a smaller tile.

    >>> model = Measured(np.array([[1, 0, 0, 0], [2, 3, 0, 0]]))
    >>> model.p_empty([1, 2, 4]).tolist()
    [0.625, 0.5, 0.0]
    >>> model.occupancies_of((2, 2)).values.tolist()
    [0, 3]
    """

    def __init__(self, tensor: npt.ArrayLike, *, padded: npt.ArrayLike | None = None) -> None:
        self.nonzero = np.asarray(tensor) != 0
        if self.nonzero.size == 0:
            raise InputError("a measured tensor has no values")
        self.density = float(self.nonzero.mean())
        #: The tensor with its padding, where computes look for it.
        self.padded = self.nonzero if padded is None else np.asarray(padded) != 0
        # The count of every run is a difference of two running sums.
        self._before = np.concatenate([[0], np.cumsum(self.nonzero.ravel())])

    def without(self, masks: Sequence[npt.NDArray[np.bool_]]) -> Measured:
        """Return the model of the values that are no padding: axis by axis where a mask is true.

        Axes of one value may be missing.
        """
        shape = [len(mask) for mask in masks]
        held = self.nonzero.reshape(shape)
        return Measured(held[np.ix_(*masks)], padded=held)

    def counts(self, size: int) -> Sizes:
        """Non-zeros of every run of ``size`` consecutive values, shape [ceil(all / size)]."""
        total = self.nonzero.size
        edges = np.append(np.arange(0, total, max(1, size)), total)
        if size == 0:
            return np.zeros(1, dtype=np.int64)
        return np.diff(self._before[edges])

    def counts_of(self, shape: tuple[int, ...]) -> Sizes:
        """Non-zeros of every box, shape [ceil(extent / side) per axis]."""
        if len(shape) != self.nonzero.ndim or min(shape) < 1:
            raise InputError(f"a tile of shape {shape} in a tensor of shape {self.nonzero.shape}")
        counts: Sizes = self.nonzero.astype(np.int64)
        for axis, side in enumerate(shape):
            starts = np.arange(0, counts.shape[axis], side)
            counts = np.add.reduceat(counts, starts, axis=axis)
        return counts

    def p_empty(self, sizes: npt.ArrayLike) -> Reals:
        """Fraction of the runs of each size that are empty."""
        flat = np.asarray(sizes, dtype=np.int64)
        found = [np.mean(self.counts(int(size)) == 0) for size in flat.ravel()]
        return np.array(found, dtype=np.float64).reshape(flat.shape)

    def maximum(self, sizes: npt.ArrayLike) -> Sizes:
        """Fullest run of each size."""
        flat = np.asarray(sizes, dtype=np.int64)
        found = [self.counts(int(size)).max() for size in flat.ravel()]
        return np.array(found, dtype=np.int64).reshape(flat.shape)

    def occupancies(self, size: int) -> Occupancies:
        """Distribution over the runs of one size."""
        return _distribution(self.counts(size))

    def occupancies_of(self, shape: tuple[int, ...]) -> Occupancies:
        """Distribution over the boxes of one shape."""
        return _distribution(self.counts_of(shape))


def _distribution(counts: Sizes) -> Occupancies:
    values, times = np.unique(counts, return_counts=True)
    return Occupancies(values.astype(np.int64), times / times.sum())
