"""Energy and cycles from the counts of one mapping and one configuration."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.counts.actions import FILL, GATED, READ, UPDATE

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]


@njit(cache=True, inline="always")
def _up(value: float, whole: bool) -> float:
    return ceil(value) if whole else value


@njit(cache=True)
def metadata_bits(metadata: Reals, word_bits: Reals, kind: int) -> float:
    """Return the bits of one kind of metadata access; both arrays end in [R, 2]."""
    bits = 0.0
    for rank in range(word_bits.shape[0]):
        for part in range(2):
            bits += metadata[kind, rank, part] * word_bits[rank, part]
    return bits


@njit(cache=True)
def storage_accesses(
    tile: Ints,
    data: Reals,
    metadata: Reals,
    block: Reals,
    row_waste: Reals,
    word_bits: Reals,
    metadata_width: Ints,
    packs: Reals,
    whole: bool,
    accesses: Reals,
) -> None:
    """Fill the accesses of one instance per action, [L, X, 20], of rows rather than values.

    The actions are in the order of ``STORAGE_ACTIONS``. ``block`` is values per row by kind,
    [L, X, 3] (below 1 where a value takes several), ``word_bits`` [L, X, R, 2] the width of
    metadata words, ``metadata_width`` [L] that of metadata rows (0: metadata costs nothing),
    ``packs`` [L, X, 2] the values unpacked and packed.
    """
    levels, tensors = tile.shape
    accesses[:] = 0.0
    for level in range(levels):
        for x in range(tensors):
            if tile[level, x] == 0:
                continue
            for kind in range(9):
                rows = _up(data[level, x, kind] / block[level, x, kind % 3], whole)
                accesses[level, x, kind] = rows * row_waste[level, x]
                if metadata_width[level] > 0:
                    bits = metadata_bits(metadata[level, x], word_bits[level, x], kind)
                    accesses[level, x, 9 + kind] = _up(bits / metadata_width[level], whole)
            accesses[level, x, 18] = packs[level, x, 0]
            accesses[level, x, 19] = packs[level, x, 1]


@njit(cache=True)
def level_demand(
    level: int,
    tile: Ints,
    data: Reals,
    metadata: Reals,
    word_bits: Reals,
    value_bits: Reals,
    present: Reals,
    whole: bool,
    demand: Reals,
) -> None:
    """Fill the words one instance of a level is read and written, [L, 2].

    Actual and gated values and metadata count, skipped ones do not.
    """
    reads = writes = 0.0
    for x in range(tile.shape[1]):
        if tile[level, x] == 0:
            continue
        read = data[level, x, READ] + data[level, x, READ + GATED]
        write = 0.0
        for kind in (FILL, UPDATE):
            write += data[level, x, kind] + data[level, x, kind + GATED]
        read_bits = write_bits = 0.0
        for outcome in (0, GATED):
            read_bits += metadata_bits(metadata[level, x], word_bits[level, x], READ + outcome)
            for kind in (FILL, UPDATE):
                write_bits += metadata_bits(metadata[level, x], word_bits[level, x], kind + outcome)
        read_words = read_bits / value_bits[level, x]
        write_words = write_bits / value_bits[level, x]
        if whole:
            read_words, write_words = floor(read_words), floor(write_words)
        reads += _up((read + read_words) * present[level, x], whole)
        writes += _up((write + write_words) * present[level, x], whole)
    demand[level, 0] = reads
    demand[level, 1] = writes


@njit(cache=True)
def cycles_of(demand: Reals, bandwidth: Reals, compute_cycles: float, whole: bool) -> float:
    """Return the cycles one level needs: the compute's, or more where its bandwidth is short.

    ``demand`` is words read and written, [2]; ``bandwidth`` read, write and shared words per
    cycle of one instance, [3], infinite where there is no limit.
    """
    speed = 1.0
    if compute_cycles > 0:
        read_rate, write_rate = demand[0] / compute_cycles, demand[1] / compute_cycles
        if bandwidth[0] < read_rate:
            speed = min(speed, bandwidth[0] / read_rate)
        if bandwidth[1] < write_rate:
            speed = min(speed, bandwidth[1] / write_rate)
        if bandwidth[2] < read_rate + write_rate:
            speed = min(speed, bandwidth[2] / (read_rate + write_rate))
    return _up(compute_cycles / speed, whole)
