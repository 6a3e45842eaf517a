"""Non-zeros anywhere with equal chance: the hypergeometric distribution."""

from __future__ import annotations

from math import ceil

import numpy as np
import numpy.typing as npt

from leanspike.errors import InputError
from leanspike.hardware.density.factorials import log_factorial_ratios
from leanspike.hardware.density.kernels import UNIFORM
from leanspike.hardware.density.model import DensityModel, Occupancies, Reals, Sizes


class Uniform(DensityModel):
    """``nonzeros`` placed uniformly at random among ``size`` values, without repetition.

    A tile of n values is empty with probability ``C(size - nonzeros, n) / C(size, n)``.

    Raises
    ------
    InputError
        Unless 0 <= nonzeros <= size and size >= 1.

    >>> model = Uniform(size=4, nonzeros=2)
    >>> model.p_empty([1, 2, 3]).round(9).tolist()
    [0.5, 0.166666667, 0.0]
    >>> model.occupancies(2).probabilities.round(9).tolist()
    [0.166666667, 0.666666667, 0.166666667]
    """

    def __init__(self, size: int, nonzeros: int) -> None:
        if size < 1 or not 0 <= nonzeros <= size:
            raise InputError(f"{nonzeros} non-zeros among {size} values")
        self.size = size
        self.nonzeros = nonzeros
        self.density = nonzeros / size

    @classmethod
    def from_density(cls, density: float, size: int) -> Uniform:
        """Take ``ceil(density * size)`` non-zeros, as Timeloop v3.0.3 does."""
        return cls(size, min(size, ceil(density * size)))

    def p_empty(self, sizes: npt.ArrayLike) -> Reals:
        """Probability that a tile of each size holds no non-zero; tiles end at the tensor's."""
        n = np.minimum(np.asarray(sizes, dtype=np.float64), self.size)
        zeros = self.size - self.nonzeros
        # a! b! / (c! top!) with a = zeros, b = size - n, c = zeros - n, top = size.
        fits = n <= zeros
        chosen = np.where(fits, n, 0.0)
        logarithm = log_factorial_ratios(zeros, self.size - chosen, zeros - chosen)
        return np.where(fits, np.minimum(np.exp(logarithm), 1.0), 0.0)

    def kernel(self) -> tuple[int, float, int, int]:
        """Kind, density, size and non-zeros for :mod:`leanspike.hardware.density.kernels`."""
        return UNIFORM, self.density, self.size, self.nonzeros

    def maximum(self, sizes: npt.ArrayLike) -> Sizes:
        """Largest number of non-zeros: all of them, or a full tile."""
        return np.minimum(np.asarray(sizes, dtype=np.int64), self.nonzeros)

    def occupancies(self, size: int) -> Occupancies:
        """Hypergeometric distribution of one tile."""
        n = min(size, self.size)
        low, high = max(0, n - (self.size - self.nonzeros)), min(n, self.nonzeros)
        values = np.arange(low, high + 1)
        others = self.size - self.nonzeros - n + values
        # C(r, k) C(N - r, n - k), whose sum C(N, n) normalizes it.
        logarithm = -log_factorial_ratios(values, self.nonzeros - values, 0)
        logarithm -= log_factorial_ratios(n - values, others, 0)
        probabilities = np.exp(logarithm - logarithm.max())
        return Occupancies(values, probabilities / probabilities.sum())
