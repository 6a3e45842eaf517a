"""What a tile of a sparse tensor holds: values and metadata, expected and at most.

One :class:`Content` answers for one level and tensor of one mapping. It follows from the tile's
geometry (:mod:`~leanspike.hardware.counts.geometry`), the tensor's density model and the format,
so whoever looks at many mappings keeps one per geometry.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp, floor, lgamma

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.architecture import Format
from leanspike.hardware.density import DensityModel, FixedStructured, Uniform
from leanspike.hardware.formats.rank import FORMAT_NAMES
from leanspike.hardware.formats.rank import Rank as SizedRank
from leanspike.hardware.formats.size import tile_sizes
from leanspike.hardware.formats.sparseloop import metadata_words, payload_words
from leanspike.hardware.semantics import Semantics

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]

# Tiles of more rows than this fill all but half a row on average, whatever their distribution.
_MANY_ROWS = 64


@dataclass(frozen=True)
class Content:
    """What one tile holds.

    Attributes
    ----------
    density
        Expected fraction of non-zero values, of the tiles that are there.
    present
        Fraction of instances that hold a tile at all: empty ones are never sent when the level
        above has metadata about them.
    values
        Largest number of values stored.
    words
        Expected metadata and payload words per rank, [R, 2]; rank 0 is the innermost.
    most_words
        The largest ones, [R, 2].
    row_waste
        Accesses of whole rows over values / row: a tile's last row is filled in part.
    """

    density: float
    present: float
    values: int
    words: Reals
    most_words: Reals
    row_waste: float


def dense_content(tile: int) -> Content:
    """Return the content of a tile that is stored with its zeros."""
    nothing = np.zeros((0, 2))
    return Content(1.0, 1.0, tile, nothing, nothing, 1.0)


def sparseloop_content(
    model: DensityModel,
    tile: int,
    fiber: Ints,
    under: Ints,
    layout: Format | None,
    *,
    told: bool,
    block: int,
) -> Content:
    """Return what a tile holds as Sparseloop counts it.

    Every possible occupancy of the tile is weighted with its probability; what its sub-tiles
    hold follows from that occupancy (Timeloop v3.0.3, src/sparse-analysis/
    representation-analyzer.cpp, CalculateExpectedOccupancy).

    Parameters
    ----------
    fiber, under
        The tile's geometry, [R] and [R + 1].
    layout
        The format, None where the tile is stored with its zeros.
    told
        Whether the level above has metadata, so that empty tiles are not sent.
    block
        Values per access.
    """
    occupancies = model.occupancies(tile)
    likely = occupancies.probabilities > 0
    values, chances = occupancies.values[likely], occupancies.probabilities[likely]
    p_empty = float(chances[values == 0].sum())
    present = 1.0
    if told and p_empty > 0 and values[0] == 0:
        present = 1.0 - p_empty
        chances = np.where(values == 0, 0.0, chances / present) if present > 0 else 0 * chances
    expected = float(values @ chances)
    if layout is None:
        nothing = np.zeros((0, 2))
        return Content(expected / tile, present, tile, nothing, nothing, 1.0)
    codes = np.array([FORMAT_NAMES.index(rank.format) for rank in reversed(layout.ranks)])
    kind = 0 if isinstance(model, FixedStructured) else 1 if isinstance(model, Uniform) else 2
    subtiles_empty = model.p_empty(under)
    arguments = (codes, fiber, under, tile, layout.from_inside, kind, subtiles_empty)
    words = _expected_words(*arguments, values.astype(np.float64), chances)
    most = int(model.maximum(tile))
    most_words = _expected_words(*arguments, np.array([float(most)]), np.ones(1))
    density = expected / tile
    if kind != 0:
        # Sums over many occupancies are off in the last digits; a ceiling would see that.
        density, words, most_words = round(density, 12), np.round(words, 9), np.round(most_words, 9)
    waste = 1.0
    compressed = any(rank.format != "UOP" for rank in layout.ranks)
    if compressed and block > 1 and density < 1.0 and not _rows_are_full(tile, density, block):
        rows = float(np.ceil(occupancies.values / block) @ occupancies.probabilities)
        waste = rows / (tile * density / block) if density > 0 else 1.0
    return Content(density, present, most, words, most_words, waste)


def physical_content(
    model: DensityModel,
    tile: int,
    fiber: Ints,
    layout: Format | None,
    *,
    block: int,
    semantics: Semantics,
) -> Content:
    """Return what a tile holds in hardware: every bit that must be there to read it back.

    Metadata is counted in bits, so ``words`` has one row whose first entry is bits. Sizes are
    those of :func:`~leanspike.hardware.formats.size.tile_sizes`.
    """
    if layout is None:
        nothing = np.zeros((0, 2))
        return Content(model.density, 1.0, tile, nothing, nothing, 1.0)
    ranks = _sized_ranks(layout)
    sizes = tile_sizes(ranks, [np.array([n]) for n in fiber[::-1]], model)
    # Fibers of overlapping inputs cover a little more or less than the tile.
    share = tile / float(np.prod(fiber, dtype=np.float64))
    values, bits = float(sizes.values[0]) * share, float(sizes.metadata_bits[0]) * share
    most, most_bits = (
        float(sizes.most_values[0]) * share,
        float(sizes.most_metadata_bits[0]) * share,
    )
    size = np.array([tile])
    held, most_held = float(model.expected(size)[0]), float(model.maximum(size)[0])
    if layout.ranks[-1].format == "RLE" and not semantics.run_overflow:
        bits -= (values - held) * ranks[-1].run_bits
        most_bits -= (most - most_held) * ranks[-1].run_bits
        values, most = held, most_held
    if layout.ranks[-1].format == "UOP" and not semantics.innermost_offsets:
        values, most, bits, most_bits = held, most_held, 0.0, 0.0
    waste = 1.0
    if block > 1 and values > 0:
        if values > _MANY_ROWS * block:
            waste = 1.0 + (block - 1) / (2.0 * values)
        else:
            occupancies = model.occupancies(tile)
            rows = float(np.ceil(occupancies.values / block) @ occupancies.probabilities)
            waste = max(1.0, rows * block / held) if held > 0 else 1.0
    words, most_words = np.array([[bits, 0.0]]), np.array([[most_bits, 0.0]])
    return Content(values / tile, 1.0, min(tile, ceil(most)), words, most_words, waste)


def _sized_ranks(layout: Format) -> list[SizedRank]:
    sized = []
    for rank in layout.ranks:
        bits = rank.payload_bits if rank.format == "UOP" else rank.metadata_bits
        sized.append(SizedRank(format=rank.format, word_bits=bits or None))
    return sized


def _rows_are_full(tile: int, density: float, block: int) -> bool:
    """Return whether a tile's last, partly filled row is less than 1 % of its rows.

    On average ``(block - 1) / 2`` values of a row are missing, of ``tile * density``. Timeloop
    v3.0.3 ignores the waste then, with the density rounded down to tenths
    (include/model/buffer.hpp, VectorWidthCoefficientTable).
    """
    tenths = max(1, floor(density / 0.1)) / 10
    return tile // block >= ceil((block - 1) / (2 * block * tenths) / 0.01)


@njit(cache=True)
def _expected_words(
    codes: Ints,
    fiber: Ints,
    under: Ints,
    tile: int,
    from_inside: bool,
    kind: int,
    subtiles_empty: Reals,
    values: Reals,
    chances: Reals,
) -> Reals:
    ranks = len(codes)
    total = np.zeros((ranks, 2))
    words = np.zeros((ranks, 2))
    for v in range(len(values)):
        fibers = 1.0
        p_fiber = 0.0 if values[v] == 0 else 1.0
        for rank in range(ranks - 1, -1, -1):
            p_under = 1.0 - _p_subtile_empty(
                under[rank], tile, values[v], kind, subtiles_empty[rank]
            )
            trivial = fiber[rank] == 1 and rank != (0 if from_inside else ranks - 1)
            if trivial:
                words[rank, 0] = words[rank, 1] = 0.0
            else:
                shape = float(fiber[rank])
                words[rank, 0] = metadata_words(codes[rank], fibers, shape, p_fiber, p_under)
                words[rank, 1] = payload_words(codes[rank], fibers, shape, p_fiber, p_under)
            fibers *= fiber[rank]
            p_fiber = p_under
        # The innermost rank's payload is the data itself.
        for rank in range(ranks):
            if words[rank, 0] != 0.0 or words[rank, 1] != 0.0:
                words[rank, 1] = 0.0
                break
        total += words * chances[v]
    return total


@njit(cache=True, inline="always")
def _p_subtile_empty(size: int, tile: int, held: float, kind: int, otherwise: float) -> float:
    """Probability that ``size`` of ``tile`` values are all zero when ``held`` are not."""
    if kind == 0:
        return max(0.0, 1.0 - size * held / tile)
    if kind == 1:
        if size + held > tile:
            return 0.0
        if size == 1:
            return 1.0 - held / tile
        # C(tile - size, held) / C(tile, held)
        return exp(
            lgamma(tile - size + 1.0)
            - lgamma(tile - size - held + 1.0)
            - lgamma(tile + 1.0)
            + lgamma(tile - held + 1.0)
        )
    return otherwise
