"""Many loop nests of one map space, in columns: only loops that can run have one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.int64]
#: (group, dimension) of a loop, as indices.
Place = tuple[int, int]


@dataclass(frozen=True)
class Nests:
    """Loop factors of many nests.

    Parameters
    ----------
    shape
        Groups and dimensions of the map space.
    places
        Where the loop of each column stands; every other loop has one iteration.
    values
        Iterations, int32 [nests, columns].
    """

    shape: tuple[int, int]
    places: tuple[Place, ...]
    values: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Nests:
        return Nests(self.shape, self.places, self.values[rows])

    def factor(self, group: int, dimension: int) -> Column:
        """Return the iterations of one loop, int64 [nests]."""
        return self._product([p for p in self.places if p == (group, dimension)])

    def inside(self, group: int, dimension: int) -> Column:
        """Return the iterations of a dimension in a group and all inner ones: a tile's size."""
        return self._product([(g, d) for g, d in self.places if g >= group and d == dimension])

    def spread(self, group: int) -> Column:
        """Return the iterations of all loops of a group together."""
        return self._product([(g, d) for g, d in self.places if g == group])

    def _product(self, places: list[Place]) -> Column:
        product = np.ones(len(self.values), dtype=np.int64)
        for place in places:
            product *= self.values[:, self.places.index(place)]
        return product

    def factors(self) -> NDArray[np.int32]:
        """Return all factors, int32 [nests, groups, dimensions]."""
        full = np.ones((len(self.values), *self.shape), dtype=np.int32)
        for column, (group, dimension) in enumerate(self.places):
            full[:, group, dimension] = self.values[:, column]
        return full
