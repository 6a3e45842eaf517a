"""How compressed tiles are divided into ranks: fibers and the tiles under their coordinates."""

from __future__ import annotations

import numpy as np

from leanspike.arrays import Ints
from leanspike.hardware.mapping.mapping import LoopArrays
from leanspike.hardware.model.plan import Plan
from leanspike.hardware.sparseloop.geometry import FITS, FormatArrays, rank_geometry


def tile_geometry(
    plan: Plan, x: int, loops: LoopArrays, *, own: bool, along_x: Ints | None = None
) -> tuple[Ints, Ints, Ints]:
    """Divide the tiles of tensor ``x`` under n mappings.

    Parameters
    ----------
    own
        Whether every level's format stands by itself; otherwise Sparseloop's rules hold.
    along_x
        As in :class:`~leanspike.hardware.mapping.mapping.Mapping`, for those rules.

    Returns
    -------
    What keeps formats from dividing a mapping's tiles (:data:`FITS`: nothing), int64 [n];
    coordinates of one fiber of each rank, [n, L, R], rank 0 the innermost; and values of the tile
    under one coordinate of each, [n, L, R + 1], of which the last one used is the whole tile.
    """
    n, (levels, most) = len(loops.steps), plan.flattens.shape[1:3]
    fiber = np.ones((n, levels, most), np.int64)
    under = np.ones((n, levels, most + 1), np.int64)
    fits = np.full(n, FITS, np.int64)
    if own:
        _own_geometry(plan, x, loops, fiber, under)
    else:
        if along_x is None:
            along_x = np.full(levels, -1, np.int64)
        formats = FormatArrays(
            *(
                np.ascontiguousarray(part)
                for part in (
                    plan.keep[:, x], plan.ranks[:, x], plan.compressed[:, x], plan.flattens[x],
                    plan.from_inside[:, x], plan.passes[:, x], plan.fans_out, along_x,
                )
            )
        )  # fmt: skip
        rank_geometry(loops, plan.problem.coefficients, x, formats, fiber, under, fits)
    return fits, fiber, under


def _own_geometry(plan: Plan, x: int, loops: LoopArrays, fiber: Ints, under: Ints) -> None:
    """Divide tiles so that every level's format stands by itself.

    The outermost rank counts the tiles of the next level inside, the next one the tiles of the
    level inside that, and the innermost rank all values that are left.
    """
    coefficients = plan.problem.coefficients[x]
    sizes = np.ones((len(fiber), len(plan.problem.dims)), np.int64)
    tiles = [np.ones(len(fiber), np.int64)]  # of levels inside that keep it, innermost first
    for level in range(len(plan.keep) - 1, -1, -1):
        for c, (slot, d) in enumerate(loops.places.tolist()):
            if slot // 3 == level:
                sizes[:, d] *= loops.steps[:, c]
        if not plan.keep[level, x]:
            continue
        rest = (1 + (sizes - 1) @ coefficients.T).prod(axis=1)
        tiles.append(rest)
        total = max(1, int(plan.ranks[level, x]))
        for rank in range(total - 1, -1, -1):
            under[:, level, rank + 1] = rest
            place = len(tiles) - 1 - (total - rank)
            inside = tiles[place] if place > 0 and rank > 0 else tiles[0]
            fiber[:, level, rank] = np.maximum(1, rest // inside)
            rest = inside
