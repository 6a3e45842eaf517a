"""Non-zeros laid out by a rule: evenly, n in every m, or whole blocks (channels) at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from leanspike.errors import InputError
from leanspike.hardware.density.model import DensityModel, Occupancies, Reals, Sizes
from leanspike.hardware.density.uniform import Uniform


class FixedStructured(DensityModel):
    """Every tile of n values holds ``density * n`` non-zeros, rounded down or up.

    The chance of rounding up makes the mean exact. Timeloop v3.0.3 takes this model for a plain
    number (``fixed-structured``).

    >>> model = FixedStructured(0.3)
    >>> model.p_empty([1, 3, 10]).round(9).tolist(), model.maximum([1, 3, 10]).tolist()
    ([0.7, 0.1, 0.0], [1, 1, 3])
    """

    def __init__(self, density: float) -> None:
        if not 0 <= density <= 1:
            raise InputError(f"density {density} is not between 0 and 1")
        self.density = density

    def p_empty(self, sizes: npt.ArrayLike) -> Reals:
        """``1 - density * n`` while a tile expects less than one non-zero, then 0."""
        return np.maximum(0.0, 1.0 - self.expected(sizes))

    def maximum(self, sizes: npt.ArrayLike) -> Sizes:
        """``ceil(density * n)``."""
        return np.ceil(self.expected(sizes)).astype(np.int64)

    def occupancies(self, size: int) -> Occupancies:
        """Distribution over the two whole numbers around ``density * size``."""
        exact = size * self.density
        low = int(exact)
        return Occupancies(np.array([low, low + 1]), np.array([1 - (exact - low), exact - low]))


class NOfM(DensityModel):
    """Exactly ``n`` non-zeros in every aligned group of ``m`` values, anywhere in the group.

    A tile begins at a group's edge; what it holds of its last group is hypergeometric. Tiles
    smaller than a group lie within one.

    >>> NOfM(2, 4).p_empty([1, 2, 4]).round(9).tolist()
    [0.5, 0.166666667, 0.0]
    """

    def __init__(self, n: int, m: int) -> None:
        self.group = Uniform(m, n)
        self._kept = n
        self.density = n / m

    def p_empty(self, sizes: npt.ArrayLike) -> Reals:
        """Probability that a tile of each size holds no non-zero."""
        return self.group.p_empty(np.minimum(sizes, self.group.size))

    def maximum(self, sizes: npt.ArrayLike) -> Sizes:
        """Largest number of non-zeros in a tile of each size."""
        groups, rest = np.divmod(np.asarray(sizes, dtype=np.int64), self.group.size)
        return groups * self._kept + self.group.maximum(rest)

    def occupancies(self, size: int) -> Occupancies:
        """Whole groups add a constant to the last group's distribution."""
        groups, rest = divmod(size, self.group.size)
        last = self.group.occupancies(rest)
        return Occupancies(last.values + groups * self._kept, last.probabilities)


class Blocks(DensityModel):
    """Whole blocks of ``length`` values are kept (all non-zero) or zero, as in channel pruning.

    ``kept`` of ``count`` blocks, chosen uniformly. A tile begins at a block's edge or, when
    smaller than a block, lies within one.

    >>> Blocks(length=9, count=4, kept=1).p_empty([3, 9, 18]).round(9).tolist()
    [0.75, 0.75, 0.5]
    """

    def __init__(self, *, length: int, count: int, kept: int) -> None:
        if length < 1:
            raise InputError(f"blocks of {length} values")
        self.length = length
        self.blocks = Uniform(count, kept)
        self._kept = kept
        self.density = self.blocks.density

    def p_empty(self, sizes: npt.ArrayLike) -> Reals:
        """Probability that none of the tile's blocks is kept."""
        return self.blocks.p_empty(-(-np.asarray(sizes, dtype=np.int64) // self.length))

    def maximum(self, sizes: npt.ArrayLike) -> Sizes:
        """As many kept blocks as there are, the tile's full ones first."""
        full, rest = np.divmod(np.asarray(sizes, dtype=np.int64), self.length)
        kept = self._kept
        return np.where(full < kept, full * self.length + rest, kept * self.length)

    def occupancies(self, size: int) -> Occupancies:
        """Kept blocks among the tile's, the last one partly inside."""
        full, rest = divmod(min(size, self.length * self.blocks.size), self.length)
        whole = self.blocks.occupancies(full)
        if rest == 0:
            return Occupancies(whole.values * self.length, whole.probabilities)
        remaining = self.blocks.size - full
        last = (self._kept - whole.values) / remaining
        values = np.concatenate([whole.values * self.length, whole.values * self.length + rest])
        chance = np.concatenate([whole.probabilities * (1 - last), whole.probabilities * last])
        order = np.argsort(values, kind="stable")
        return Occupancies(values[order], chance[order])
