"""What a tile of a sparse tensor holds: values and metadata, expected and at most.

One :class:`Content` answers for one level and tensor of one mapping. It follows from the tile's
geometry (:mod:`~leanspike.hardware.model.geometry`), the tensor's density model and the format,
so a search over many mappings keeps one per geometry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leanspike.arrays import Ints, Reals
from leanspike.hardware.architecture.architecture import Format
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.sparsity.density import DensityModel
from leanspike.hardware.sparsity.formats import SizedRank, tile_sizes

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

    def bits(self, stored_bits: float, word_bits: Reals) -> Reals:
        """Return the most bits of values and of metadata a tile takes, [K, 2].

        ``stored_bits`` is what a value takes of its rows, ``word_bits`` [R, 2] are the widths of
        metadata and payload words.
        """
        ranks = self.most_words.shape[1]
        metadata = np.ceil((self.most_words * word_bits[:ranks]).sum(axis=(1, 2)))
        return np.stack((self.values * stored_bits, metadata), axis=-1)


def dense_contents(tiles: Ints) -> Contents:
    """Return the contents of tiles that are stored with their zeros."""
    ones, nothing = np.ones(len(tiles)), np.zeros((len(tiles), 0, 2))
    return Contents(ones, ones, tiles, nothing, nothing, ones)


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
    those of :func:`~leanspike.hardware.sparsity.formats.tile_sizes`; arguments as in
    :func:`~leanspike.hardware.sparseloop.content.sparseloop_contents`.
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
    # A share holds on average; the fullest tile has all the non-zeros that it may.
    if innermost in ("RLE", "CP"):  # metadata of each value
        most_bits *= np.maximum(1.0, most_held / np.where(most > 0, most, np.inf))
    most = np.maximum(most, most_held)
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
