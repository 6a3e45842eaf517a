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


@dataclass(frozen=True)
class Contents:
    """What K tiles hold: the fields of :class:`Content` with a leading axis K."""

    density: Reals
    present: Reals
    values: Ints
    words: Reals
    most_words: Reals
    row_waste: Reals

    def __getitem__(self, k: int) -> Content:
        """Return one tile's."""
        return Content(
            float(self.density[k]), float(self.present[k]), int(self.values[k]), self.words[k],
            self.most_words[k], float(self.row_waste[k]),
        )  # fmt: skip

    def bits(self, value_bits: float, word_bits: Reals) -> Reals:
        """Return the most bits of values and of metadata a tile takes, [K, 2].

        ``word_bits`` [R, 2] are the widths of metadata and payload words.
        """
        ranks = self.most_words.shape[1]
        metadata = np.ceil((self.most_words * word_bits[:ranks]).sum(axis=(1, 2)))
        return np.stack((self.values * value_bits, metadata), axis=-1)


def dense_contents(tiles: Ints) -> Contents:
    """Return the contents of tiles that are stored with their zeros."""
    ones, nothing = np.ones(len(tiles)), np.zeros((len(tiles), 0, 2))
    return Contents(ones, ones, tiles, nothing, nothing, ones)


def sparseloop_contents(
    model: DensityModel,
    tiles: Ints,
    fibers: Ints,
    unders: Ints,
    layout: Format | None,
    *,
    told: bool,
    block: int,
) -> Contents:
    """Return what tiles hold as Sparseloop counts it.

    Every possible occupancy of a tile is weighted with its probability; what its sub-tiles
    hold follows from that occupancy (Timeloop v3.0.3, src/sparse-analysis/
    representation-analyzer.cpp, CalculateExpectedOccupancy).

    Parameters
    ----------
    tiles, fibers, unders
        Sizes and geometry of the tiles, [K], [K, R] and [K, R + 1].
    layout
        The format, None where the tile is stored with its zeros.
    told
        Whether the level above has metadata, so that empty tiles are not sent.
    block
        Values per access.
    """
    ranks = len(layout.ranks) if layout else 0
    found = Contents(
        np.ones(len(tiles)), np.ones(len(tiles)), tiles.copy(), np.zeros((len(tiles), ranks, 2)),
        np.zeros((len(tiles), ranks, 2)), np.ones(len(tiles)),
    )  # fmt: skip
    kind = 0 if isinstance(model, FixedStructured) else 1 if isinstance(model, Uniform) else 2
    codes = np.array(
        [FORMAT_NAMES.index(r.format) for r in reversed(layout.ranks if layout else ())]
    )
    compressed = layout is not None and any(rank.format != "UOP" for rank in layout.ranks)
    most = model.maximum(tiles)
    for k in range(len(tiles)):
        tile = int(tiles[k])
        occupancies = model.occupancies(tile)
        likely = occupancies.probabilities > 0
        values, chances = occupancies.values[likely], occupancies.probabilities[likely]
        p_empty = float(chances[values == 0].sum())
        if told and p_empty > 0:
            found.present[k] = 1.0 - p_empty
            chances = np.where(values == 0, 0.0, chances / max(1.0 - p_empty, 1e-300))
        density = float(values @ chances) / tile
        if layout is None:
            found.density[k] = density
            continue
        geometry = (codes, fibers[k], unders[k], tile, layout.from_inside, kind)
        empty = model.p_empty(unders[k]) if kind == 2 else unders[k].astype(np.float64)
        words = _expected_words(*geometry, empty, values.astype(np.float64), chances)
        largest = _expected_words(*geometry, empty, np.array([float(most[k])]), np.ones(1))
        if kind != 0:
            # Sums over many occupancies are off in the last digits; a ceiling would see that.
            density, words, largest = round(density, 12), np.round(words, 9), np.round(largest, 9)
        found.density[k], found.values[k] = density, most[k]
        found.words[k], found.most_words[k] = words, largest
        if compressed and block > 1 and density < 1.0 and not _rows_are_full(tile, density, block):
            rows = float(np.ceil(occupancies.values / block) @ occupancies.probabilities)
            found.row_waste[k] = rows / (tile * density / block) if density > 0 else 1.0
    return found


def physical_contents(
    model: DensityModel,
    tiles: Ints,
    fibers: Ints,
    layout: Format | None,
    *,
    block: int,
    semantics: Semantics,
) -> Contents:
    """Return what tiles hold in hardware: every bit that must be there to read them back.

    Metadata is counted in bits, so ``words`` has one row whose first entry is bits. Sizes are
    those of :func:`~leanspike.hardware.formats.size.tile_sizes`; arguments as in
    :func:`sparseloop_contents`.
    """
    ones = np.ones(len(tiles))
    if layout is None:
        nothing = np.zeros((len(tiles), 0, 2))
        return Contents(model.density * ones, ones, tiles, nothing, nothing, ones)
    ranks = _sized_ranks(layout)
    sizes = tile_sizes(ranks, [fibers[:, r] for r in range(len(ranks) - 1, -1, -1)], model)
    # Fibers of overlapping inputs cover a little more or less than the tile.
    share = tiles / np.prod(fibers[:, : len(ranks)].astype(np.float64), axis=1)
    values, bits = sizes.values * share, sizes.metadata_bits * share
    most, most_bits = sizes.most_values * share, sizes.most_metadata_bits * share
    held, most_held = model.expected(tiles), model.maximum(tiles).astype(np.float64)
    innermost = layout.ranks[-1].format
    if innermost == "RLE" and not semantics.run_overflow:
        bits = bits - (values - held) * ranks[-1].run_bits
        most_bits = most_bits - (most - most_held) * ranks[-1].run_bits
        values, most = held, most_held
    if innermost == "UOP" and not semantics.innermost_offsets:
        values, most, bits, most_bits = held, most_held, 0.0 * bits, 0.0 * most_bits
    waste = _row_waste(model, tiles, values, held, block)
    words, most_words = (np.stack([b, 0.0 * b], axis=-1)[:, None] for b in (bits, most_bits))
    stored = np.minimum(tiles, np.ceil(most)).astype(np.int64)
    return Contents(values / tiles, ones, stored, words, most_words, waste)


def _row_waste(model: DensityModel, tiles: Ints, values: Reals, held: Reals, block: int) -> Reals:
    """Return accesses of whole rows over values / row, [K]."""
    waste = np.ones(len(tiles))
    if block == 1:
        return waste
    many = values > _MANY_ROWS * block
    waste[many] = 1.0 + (block - 1) / (2.0 * values[many])
    for tile in np.unique(tiles[~many & (held > 0)]):
        occupancies = model.occupancies(int(tile))
        rows = float(np.ceil(occupancies.values / block) @ occupancies.probabilities)
        same = ~many & (tiles == tile)
        waste[same] = np.maximum(1.0, rows * block / held[same])
    return waste


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
