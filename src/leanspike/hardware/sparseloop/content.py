"""What tiles hold as Sparseloop counts it: whole words, weighted over every occupancy."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, exp, floor, lgamma
from typing import NamedTuple

import numpy as np

from leanspike.arrays import Ints, Reals
from leanspike.hardware.architecture.architecture import Format
from leanspike.hardware.compiling import helper, inlined, kernel
from leanspike.hardware.identity import Same
from leanspike.hardware.model.contents import Contents
from leanspike.hardware.sparseloop.formats import UOP, metadata_words, payload_words
from leanspike.hardware.sparsity.density import DensityModel, FixedStructured, Uniform
from leanspike.hardware.sparsity.formats import FORMAT_NAMES


def sparseloop_contents(
    model: DensityModel,
    tiles: Ints,
    fibers: Ints,
    unders: Ints,
    layout: Format | None,
    *,
    known: bool,
    block: int,
    offsets: bool,
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
    known
        Whether the level above has metadata, so that empty tiles are not sent.
    block
        Values per access.
    offsets
        Whether an innermost rank of offsets stores them (``Semantics.innermost_offsets``), which
        Sparseloop does not.
    """
    ranks = len(layout.ranks) if layout else 0
    kind = 0 if isinstance(model, FixedStructured) else 1 if isinstance(model, Uniform) else 2
    codes, compressed = _codes(Same(layout)) if layout else (np.zeros(0, np.int64), False)
    from_inside = layout is not None and layout.from_inside
    rules = _Layout(codes, from_inside, kind, known, block, compressed, offsets)
    fibers, unders = np.ascontiguousarray(fibers), np.ascontiguousarray(unders)
    if kind == 0:
        return Contents(*_weigh_evenly(model.density, tiles, fibers, unders, rules))
    found = Contents(
        np.ones(len(tiles)), np.ones(len(tiles)), model.maximum(tiles) if layout else tiles.copy(),
        np.zeros((len(tiles), ranks, 2)), np.zeros((len(tiles), ranks, 2)), np.ones(len(tiles)),
    )  # fmt: skip
    for k in range(len(tiles)):
        occupancies = model.occupancies(int(tiles[k]))
        one = slice(k, k + 1)
        asked = np.append(occupancies.values, found.values[k])
        empty = (
            model.p_empty_within(unders[k], int(tiles[k]), asked)[None]
            if kind == 2
            else np.zeros((1, 1, 1))
        )
        _weigh(
            occupancies.values[None].astype(np.float64), occupancies.probabilities[None],
            tiles[one], found.values[one], fibers[one], unders[one], empty, rules,
            _Weighed(
                found.density[one], found.present[one], found.words[one], found.most_words[one],
                found.row_waste[one],
            ),
        )  # fmt: skip
    if kind == 1:
        # The mean is known; a sum over many occupancies would be off in the last digits.
        found.density[:] = model.density / found.present
    return found


@lru_cache(maxsize=256)
def _codes(layout: Same[Format]) -> tuple[Ints, bool]:
    """Return the codes of a format's ranks, innermost first, and whether it leaves out zeros."""
    codes = [FORMAT_NAMES.index(rank.format) for rank in reversed(layout.it.ranks)]
    return np.array(codes, np.int64), any(rank.format != "UOP" for rank in layout.it.ranks)


class _Layout(NamedTuple):
    """Codes of a format's ranks, innermost first, whether the innermost chooses its loops first,
    the kind of density model (even, uniform, any other), whether the level above has metadata,
    values per access, whether zeros are left out, and whether innermost offsets are stored.
    """

    codes: Ints
    from_inside: bool
    kind: int
    known: bool
    block: int
    compressed: bool
    offsets: bool


class _Weighed(NamedTuple):
    """Fields of :class:`~leanspike.hardware.model.contents.Contents` that are filled."""

    density: Reals
    present: Reals
    words: Reals
    most_words: Reals
    row_waste: Reals


@kernel
def _weigh_evenly(
    share: float, tiles: Ints, fibers: Ints, unders: Ints, layout: _Layout
) -> tuple[Reals, Reals, Ints, Reals, Reals, Reals]:
    """Return what tiles hold when every one holds ``share`` of its values, rounded down or up."""
    count, ranks = len(tiles), len(layout.codes)
    density, present, row_waste = np.ones(count), np.ones(count), np.ones(count)
    words, most_words = np.zeros((count, ranks, 2)), np.zeros((count, ranks, 2))
    most = tiles.copy()
    values, chances = np.empty((count, 2)), np.empty((count, 2))
    for k in range(count):
        exact = tiles[k] * share
        low = floor(exact)
        values[k, 0], values[k, 1] = low, low + 1.0
        chances[k, 0], chances[k, 1] = 1.0 - (exact - low), exact - low
        if ranks > 0:
            most[k] = ceil(exact)
    _weigh(
        values, chances, tiles, most, fibers, unders, np.zeros((count, 1, 1)), layout,
        _Weighed(density, present, words, most_words, row_waste),
    )  # fmt: skip
    return density, present, most, words, most_words, row_waste


@inlined
def _rows_are_full(tile: int, density: float, block: int) -> bool:
    """Return whether a tile's last, partly filled row is less than 1 % of its rows.

    On average ``(block - 1) / 2`` values of a row are missing, of ``tile * density``. Timeloop
    v3.0.3 ignores the waste then, with the density rounded down to tenths
    (include/model/buffer.hpp, VectorWidthCoefficientTable).
    """
    tenths = max(1, floor(density / 0.1)) / 10
    return tile // block >= ceil((block - 1) / (2 * block * tenths) / 0.01)


@kernel
def _weigh(
    values: Reals,
    chances: Reals,
    tiles: Ints,
    most: Ints,
    fibers: Ints,
    unders: Ints,
    subtiles_empty: Reals,
    layout: _Layout,
    found: _Weighed,
) -> None:
    """Fill what tiles hold from their occupancies [K, V] and the chances of these.

    ``subtiles_empty`` [K, V + 1, R + 1] is the chance that the tile under a rank's coordinate is
    empty when the tile holds so much (last: as much as it can); only kind 2 needs it.
    """
    codes, from_inside, kind, known, block, compressed, offsets = layout
    density, present, words, most_words, row_waste = found
    certain = np.ones(1)
    for k in range(len(tiles)):
        tile = tiles[k]
        weights = chances[k].copy()
        p_empty = 0.0
        for v in range(len(weights)):
            if values[k, v] == 0:
                p_empty += weights[v]
        if known and p_empty > 0:
            present[k] = 1.0 - p_empty
            for v in range(len(weights)):
                weights[v] = 0.0 if values[k, v] == 0 else weights[v] / max(1.0 - p_empty, 1e-300)
        held = 0.0
        for v in range(len(weights)):
            held += values[k, v] * weights[v]
        density[k] = held / tile
        if kind != 0 and len(codes) > 0:
            # Sums over many occupancies are off in the last digits; a ceiling would see that.
            density[k] = round(density[k], 12)
        if len(codes) == 0:
            continue
        words[k] = _expected_words(
            codes, fibers[k], unders[k], tile, from_inside, offsets, kind, subtiles_empty[k],
            values[k], weights,
        )  # fmt: skip
        largest = np.full(1, float(most[k]))
        most_words[k] = _expected_words(
            codes, fibers[k], unders[k], tile, from_inside, offsets, kind,
            subtiles_empty[k][-1:], largest, certain,
        )  # fmt: skip
        if kind != 0:
            words[k] = np.round(words[k], 9)
            most_words[k] = np.round(most_words[k], 9)
        wasteful = compressed and block > 1 and density[k] < 1.0
        if wasteful and not _rows_are_full(tile, density[k], block):
            rows = 0.0
            for v in range(len(weights)):
                rows += np.ceil(values[k, v] / block) * chances[k, v]
            row_waste[k] = rows / (tile * density[k] / block) if density[k] > 0 else 1.0


@helper
def _expected_words(
    codes: Ints,
    fiber: Ints,
    under: Ints,
    tile: int,
    from_inside: bool,
    offsets: bool,
    kind: int,
    subtiles_empty: Reals,
    values: Reals,
    chances: Reals,
) -> Reals:
    ranks = len(codes)
    total = np.zeros((ranks, 2))
    words = np.zeros((ranks, 2))
    for v in range(len(values)):
        if chances[v] <= 0.0:
            continue
        fibers = 1.0
        p_fiber = 0.0 if values[v] == 0 else 1.0
        if kind == 2:
            p_fiber = 1.0 - subtiles_empty[v, ranks]
        for rank in range(ranks - 1, -1, -1):
            p_under = 1.0 - _p_subtile_empty(
                under[rank], tile, values[v], kind, subtiles_empty[v, rank] if kind == 2 else 0.0
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
                if not (offsets and codes[rank] == UOP):
                    words[rank, 1] = 0.0
                break
        total += words * chances[v]
    return total


@helper
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
