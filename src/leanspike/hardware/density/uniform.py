"""Non-zeros anywhere with equal chance: the hypergeometric distribution."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
import numpy.typing as npt

from leanspike.errors import InputError
from leanspike.hardware.density.factorials import log_factorial_ratios
from leanspike.hardware.density.model import DensityModel, Occupancies, Reals, Sizes


class Uniform(DensityModel):
    """``nonzeros`` placed uniformly at random among ``size`` values, without repetition.

    A tile of n values is empty with probability ``C(size - nonzeros, n) / C(size, n)``. A number
    of non-zeros that is not whole is their mean: the whole numbers around it, each as often as
    makes it so.

    Raises
    ------
    InputError
        Unless 0 <= nonzeros <= size and size >= 1.

    >>> model = Uniform(size=4, nonzeros=2)
    >>> model.p_empty([1, 2, 3]).round(9).tolist()
    [0.5, 0.166666667, 0.0]
    >>> model.occupancies(2).probabilities.round(9).tolist()
    [0.166666667, 0.666666667, 0.166666667]
    >>> Uniform.from_density(0.003, 100).p_empty([100]).round(9).tolist()
    [0.7]
    """

    def __init__(self, size: int, nonzeros: float) -> None:
        if size < 1 or not 0 <= nonzeros <= size:
            raise InputError(f"{nonzeros} non-zeros among {size} values")
        self.size = size
        self.nonzeros = nonzeros
        self.density = nonzeros / size
        low = floor(nonzeros)
        #: Whole numbers of non-zeros, and how often each occurs.
        self._mixture = [(low, 1.0 - (nonzeros - low)), (ceil(nonzeros), nonzeros - low)]
        self._mixture = [(count, chance) for count, chance in self._mixture if chance > 0.0]

    @classmethod
    def from_density(cls, density: float, size: int) -> Uniform:
        """Take ``density * size`` non-zeros, in expectation."""
        nonzeros = density * size
        # What is whole but for the last digits is whole.
        near = round(nonzeros)
        return cls(size, near if abs(nonzeros - near) < 1e-9 * size else nonzeros)

    @classmethod
    def rounded_up(cls, density: float, size: int) -> Uniform:
        """Take ``ceil(density * size)`` non-zeros, as Timeloop v3.0.3 does."""
        return cls(size, min(size, ceil(density * size)))

    def p_empty(self, sizes: npt.ArrayLike) -> Reals:
        """Probability that a tile of each size holds no non-zero; tiles end at the tensor's."""
        n = np.minimum(np.asarray(sizes, dtype=np.float64), self.size)
        found = np.zeros(n.shape)
        for nonzeros, chance in self._mixture:
            zeros = self.size - nonzeros
            # a! b! / (c! top!) with a = zeros, b = size - n, c = zeros - n, top = size.
            fits = n <= zeros
            chosen = np.where(fits, n, 0.0)
            logarithm = log_factorial_ratios(zeros, self.size - chosen, zeros - chosen)
            found += chance * np.where(fits, np.minimum(np.exp(logarithm), 1.0), 0.0)
        return found

    def maximum(self, sizes: npt.ArrayLike) -> Sizes:
        """Largest number of non-zeros: all of them, or a full tile."""
        return np.minimum(np.asarray(sizes, dtype=np.int64), ceil(self.nonzeros))

    def occupancies(self, size: int) -> Occupancies:
        """Hypergeometric distribution of one tile."""
        n = min(size, self.size)
        parts = [(self._occupancies(n, nonzeros), chance) for nonzeros, chance in self._mixture]
        low = min(int(part.values[0]) for part, _ in parts)
        high = max(int(part.values[-1]) for part, _ in parts)
        probabilities = np.zeros(high - low + 1)
        for part, chance in parts:
            first = int(part.values[0]) - low
            probabilities[first : first + len(part.values)] += chance * part.probabilities
        return Occupancies(np.arange(low, high + 1), probabilities)

    def _occupancies(self, n: int, nonzeros: int) -> Occupancies:
        low, high = max(0, n - (self.size - nonzeros)), min(n, nonzeros)
        values = np.arange(low, high + 1)
        others = self.size - nonzeros - n + values
        # C(r, k) C(N - r, n - k), whose sum C(N, n) normalizes it.
        logarithm = -log_factorial_ratios(values, nonzeros - values, 0)
        logarithm -= log_factorial_ratios(n - values, others, 0)
        probabilities = np.exp(logarithm - logarithm.max())
        return Occupancies(values, probabilities / probabilities.sum())
