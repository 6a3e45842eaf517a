"""How a compressed tile is divided into ranks: fibers and the tiles under their coordinates."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.model.traffic import tile_size
from leanspike.hardware.sparseloop.geometry import FITS, rank_geometry

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@njit(cache=True)
def own_geometry(
    coefficients: Ints,
    x: int,
    keep: Bools,
    ranks: Ints,
    factors: Ints,
    fiber: Ints,
    under: Ints,
) -> None:
    """Divide the tiles of tensor ``x`` so that every level's format stands by itself.

    The outermost rank counts the tiles of the next level inside, the next one the tiles of the
    level inside that, and the innermost rank all values that are left. Arguments are those of
    :func:`~leanspike.hardware.sparseloop.geometry.rank_geometry`.
    """
    levels, dims = keep.shape[0], factors.shape[1]
    tiles = np.ones(levels + 1, np.int64)
    sizes = np.ones(dims, np.int64)
    held = 0  # levels inside that keep the tensor, innermost first in tiles[1:]
    for level in range(levels - 1, -1, -1):
        for slot in range(3 * level, 3 * level + 3):
            for d in range(dims):
                sizes[d] *= factors[slot, d]
        if not keep[level, x]:
            continue
        tile = tile_size(coefficients, x, sizes)
        rest, total = tile, max(1, int(ranks[level]))
        for rank in range(total - 1, -1, -1):
            under[level, rank + 1] = rest
            inside = tiles[held - (total - 1 - rank)] if held > total - 1 - rank else 1
            if rank == 0:
                inside = 1
            fiber[level, rank] = max(1, rest // inside)
            rest = inside
        under[level, 0] = 1
        held += 1
        tiles[held] = tile


@njit(cache=True)
def tile_geometry(
    alone: bool,
    coefficients: Ints,
    x: int,
    keep: Bools,
    ranks: Ints,
    compressed: Bools,
    flattens: Ints,
    from_inside: Bools,
    passes: Bools,
    fans_out: Bools,
    along_x: Ints,
    factors: Ints,
    order: Ints,
    fiber: Ints,
    under: Ints,
) -> int:
    """Divide tiles as :func:`own_geometry` (``alone``) or :func:`rank_geometry` does."""
    if alone:
        own_geometry(coefficients, x, keep, ranks, factors, fiber, under)
        return FITS
    return rank_geometry(
        coefficients, x, keep, ranks, compressed, flattens, from_inside, passes, fans_out,
        along_x, factors, order, fiber, under,
    )  # fmt: skip
