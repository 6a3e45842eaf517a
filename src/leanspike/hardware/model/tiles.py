"""What the tiles of a mapping hold, at every level and of every tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leanspike.arrays import Ints
from leanspike.errors import InputError
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.actions import ContentArrays, NestArrays, RowConditions
from leanspike.hardware.model.contents import Content, dense_contents, physical_contents
from leanspike.hardware.model.contents import Contents as TileContents
from leanspike.hardware.model.geometry import tile_geometry
from leanspike.hardware.model.plan import Plan
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.sparseloop.content import sparseloop_contents
from leanspike.hardware.sparseloop.geometry import FITS, OTHER_FORMAT, TOO_MANY_LOOPS
from leanspike.hardware.sparsity.density import DensityModel

# What keeps a tensor's formats from dividing its tiles (see ``rank_geometry``).
_MISFITS = {
    TOO_MANY_LOOPS: "the mapping has more loops over {} at a level than its format has ranks",
    OTHER_FORMAT: "{} is compressed at a level whose innermost ranks are not those of the next "
    "level inside, so its tiles cannot be passed on",
}

#: Contents by level and tensor; None where a level keeps nothing.
Contents = tuple[tuple[Content | None, ...], ...]


def tile_contents(
    plan: Plan,
    mapping: Mapping,
    nest: NestArrays,
    models: Sequence[DensityModel],
    semantics: Semantics,
    *,
    dense: bool = False,
) -> Contents:
    """Return what the tiles of every level and tensor hold."""
    levels, tensors = plan.keep.shape
    rows: list[list[Content | None]] = [[None] * tensors for _ in range(levels)]
    loops, most = mapping.arrays, plan.flattens.shape[2]
    for x in range(tensors):
        fiber = np.ones((levels, most), np.int64)
        under = np.ones((levels, most + 1), np.int64)
        if not dense and plan.ranks[:, x].any():
            (fits,), (fiber,), (under,) = tile_geometry(
                plan, x, loops, own=not semantics.whole_accesses, along_x=mapping.along_x
            )
            if fits != FITS:
                raise InputError(_MISFITS[fits].format(plan.problem.tensors[x]), where="mapping")
        for i in range(levels):
            tile = int(nest.tile[i, x])
            if tile == 0:
                continue
            rows[i][x] = contents_of(
                plan, i, x, np.array([tile]), fiber[i : i + 1], under[i : i + 1], models[x],
                semantics, dense=dense,
            )[0]  # fmt: skip
    return tuple(tuple(row) for row in rows)


def contents_of(
    plan: Plan,
    level: int,
    x: int,
    tiles: Ints,
    fibers: Ints,
    unders: Ints,
    model: DensityModel,
    semantics: Semantics,
    *,
    dense: bool = False,
) -> TileContents:
    """Return what K tiles of tensor ``x`` hold at a level.

    ``tiles`` [K], ``fibers`` [K, R] and ``unders`` [K, R + 1] are their sizes and geometry.
    """
    if dense:
        return dense_contents(tiles)
    layout = plan.formats[level][x]
    n = len(layout.ranks) if layout else 0
    block = max(1, int(plan.block[level, x]))
    if not semantics.whole_accesses:
        return physical_contents(
            model, tiles, fibers[:, :n], layout, block=block, semantics=semantics
        )
    parent = plan.parent(level, x)
    known = parent >= 0 and plan.formats[parent][x] is not None
    return sparseloop_contents(
        model, tiles, fibers[:, :n], unders[:, : n + 1], layout, known=known, block=block,
        offsets=semantics.innermost_offsets,
    )  # fmt: skip


def content_arrays(
    plan: Plan,
    contents: Contents,
    models: Sequence[DensityModel],
    conditions: RowConditions,
    semantics: Semantics,
    *,
    dense: bool = False,
) -> ContentArrays:
    """Return contents as arrays for compiled rows."""
    shape = plan.keep.shape
    ranks = np.array([[len(c.words) if c else 0 for c in row] for row in contents], np.int64)
    most = max(1, int(ranks.max()))
    words = np.zeros((*shape, most, 2))
    density, present, waste = np.ones(shape), np.ones(shape), np.ones(shape)
    for i, row in enumerate(contents):
        for x, content in enumerate(row):
            if content is not None:
                words[i, x, : len(content.words)] = content.words
                density[i, x] = content.density
                present[i, x] = content.present
                waste[i, x] = content.row_waste
    operands = [model for x, model in enumerate(models) if x != plan.problem.written]
    digits = 6 if semantics.whole_accesses else 15
    return ContentArrays(
        density=density,
        present=present,
        row_waste=waste,
        words=words,
        has_metadata=ranks > 0,
        ranks=ranks,
        operand_density=np.array(
            [1.0 if dense else round(float(model.density), digits) for model in operands]
        ),
        **conditions._asdict(),
    )
