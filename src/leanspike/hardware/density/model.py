"""What a density model answers: how many non-zeros does a tile of a sparse tensor hold?

Tiles are asked about by size, for whole arrays of sizes at once, so that a search can tabulate
the answers before it starts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Sizes = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


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
        """Distribution for a tile of a shape; only where the shape matters is it looked at."""
        return self.occupancies(int(np.prod(shape, dtype=np.int64)))
