"""Logarithms of ratios of factorials without losing digits on large numbers; compiled.

What a density model answers: how many non-zeros does a tile of a sparse tensor hold?

Tiles are asked about by size, for whole arrays of sizes at once, so that a search can tabulate
the answers before it starts.


Non-zeros anywhere with equal chance: the hypergeometric distribution.

Non-zeros laid out by a rule: evenly, n in every m, or whole blocks (channels) at a time.

Non-zeros in a band around the diagonal of a square matrix.

The non-zeros of a real tensor, counted.

A density model from its name, as files give it.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log, log1p, pi

import numpy as np
import numpy.typing as npt
from numba import vectorize

from leanspike.arrays import Reals
from leanspike.errors import InputError
from leanspike.hardware.compiling import helper, kernel

# log(k!) for k below this is a table; from here Stirling's series to its x^-7 term is exact to
# the last digits of a double.
_TABLE = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, 32)))])


@kernel
def log_factorial_ratio(a: float, b: float, c: float) -> float:
    """``log(a! b! / (c! (a + b - c)!))`` of whole numbers, for 0 <= c <= a and b <= a + b - c.

    Stirling's leading terms nearly cancel when the numbers are large; taking each relative to the
    largest keeps the error near ``(a + b - c) * 1e-16`` times the logarithm of their ratios.

    >>> float(np.exp(-log_factorial_ratio(2.0, 3.0, 0.0)).round(9))  # 5! / (2! 3!)
    10.0
    """
    top = a + b - c
    leading = _x_log_ratio(a, top) + _x_log_ratio(b, top) - _x_log_ratio(c, top)
    return leading + _rest(a) + _rest(b) - _rest(c) - _rest(top)


@helper
def _x_log_ratio(x: float, top: float) -> float:
    """``x log(x / top)``, 0 at x = 0."""
    if x <= 0.0:
        return 0.0
    # log1p keeps the digits when x is close to top.
    return x * log1p((x - top) / top) if x > 0.5 * top else x * log(x / top)


@helper
def _rest(x: float) -> float:
    """``log(x!) - (x log x - x)``: what Stirling's leading terms leave."""
    if x <= 0.0:
        return 0.0
    if x < 32.0:
        return _TABLE[int(x)] + x - x * log(x)
    inverse = 1.0 / x
    square = inverse * inverse
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    return 0.5 * log(2 * pi * x) + series


@vectorize(cache=True)
def _ratios(a: float, b: float, c: float) -> float:
    return log_factorial_ratio(a, b, c)


def log_factorial_ratios(a: npt.ArrayLike, b: npt.ArrayLike, c: npt.ArrayLike) -> Reals:
    """:func:`log_factorial_ratio` of arrays, broadcast together."""
    found: Reals = _ratios(*(np.asarray(part, np.float64) for part in (a, b, c)))
    return found


Sizes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Occupancies:
    """The distribution of a tile's number of non-zeros.

    ``values`` (ascending, shape [K]) occur with ``probabilities`` (shape [K], summing to 1).
    """

    values: Sizes
    probabilities: Reals

    @property
    def p_empty(self) -> float:
        """Probability that the tile holds no non-zero."""
        return float(self.probabilities[self.values == 0].sum())

    @property
    def expected(self) -> float:
        """Mean number of non-zeros."""
        return float(self.values @ self.probabilities)

    @property
    def maximum(self) -> int:
        """Largest number of non-zeros that can occur."""
        return int(self.values[self.probabilities > 0].max(initial=0))


class DensityModel(ABC):
    """Where a tensor's non-zeros lie. ``density`` is their fraction of the whole tensor."""

    density: float

    @abstractmethod
    def p_empty(self, sizes: npt.ArrayLike) -> Reals:
        """Probability that a tile of each size holds no non-zero; any shape in, same out."""

    @abstractmethod
    def maximum(self, sizes: npt.ArrayLike) -> Sizes:
        """Largest number of non-zeros a tile of each size can hold."""

    @abstractmethod
    def occupancies(self, size: int) -> Occupancies:
        """Distribution of the number of non-zeros in a tile of one size."""

    def expected(self, sizes: npt.ArrayLike) -> Reals:
        """Mean number of non-zeros in a tile of each size."""
        return np.asarray(sizes, dtype=np.float64) * self.density

    def p_empty_within(self, sizes: npt.ArrayLike, tile: int, held: npt.ArrayLike) -> Reals:
        """Probability that parts of a tile are empty, when the tile holds so many non-zeros.

        Without more to go by a part is as likely empty as anywhere, and the whole tile when it
        holds nothing. Shape [held, sizes].
        """
        parts, given = np.asarray(sizes), np.asarray(held)[:, None]
        anywhere = np.broadcast_to(self.p_empty(parts), (len(given), len(parts)))
        return np.where(given == 0, 1.0, np.where(parts >= tile, 0.0, anywhere))

    def occupancies_of(self, shape: tuple[int, ...]) -> Occupancies:
        """Distribution for a tile of a shape; only where the shape matters is it used."""
        return self.occupancies(int(np.prod(shape, dtype=np.int64)))


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


PATTERNS = ("uniform", "fixed-structured", "N:M (such as 2:4)", "blocks:LENGTH (such as blocks:9)")


def density_model(pattern: str, *, density: float, size: int) -> DensityModel:
    """Return the model of a tensor of ``size`` values, ``density`` of them non-zero.

    Parameters
    ----------
    pattern
        ``uniform`` (also called ``hypergeometric``), ``fixed-structured``, ``N:M``, or
        ``blocks:LENGTH`` (runs of LENGTH values kept or zero together).

    Raises
    ------
    InputError
        When the pattern is unknown or contradicts the density.

    >>> density_model("2:4", density=0.5, size=64).maximum(4).tolist()
    2
    """
    if not 0 <= density <= 1:
        raise InputError(f"density {density} is not between 0 and 1")
    if pattern in ("uniform", "hypergeometric"):
        return Uniform.rounded_up(density, size)
    if pattern == "fixed-structured":
        return FixedStructured(density)
    if found := re.fullmatch(r"(\d+):(\d+)", pattern):
        model: DensityModel = NOfM(int(found[1]), int(found[2]))
    elif found := re.fullmatch(r"blocks:([1-9]\d*)", pattern):
        count = -(-size // int(found[1]))
        model = Blocks(length=int(found[1]), count=count, kept=round(density * count))
    else:
        raise InputError(
            f"unknown density pattern {pattern!r}", remedy=f"Known: {', '.join(PATTERNS)}"
        )
    if abs(model.density - density) > 0.01:
        raise InputError(f"pattern {pattern!r} has density {model.density:.3g}, not {density:.3g}")
    return model
