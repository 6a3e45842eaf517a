"""Accesses of rows from the counts of one mapping and one configuration."""

from __future__ import annotations

from math import ceil

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.model.actions import FILL, READ, UPDATE

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
    rows: Reals,
    metadata: Reals,
    row_waste: Reals,
    word_bits: Reals,
    metadata_width: Ints,
    packs: Reals,
    whole: bool,
    accesses: Reals,
) -> None:
    """Fill the accesses of one instance per action, [L, X, 21], of rows rather than values.

    The actions are in the order of ``STORAGE_ACTIONS``. ``data`` and ``rows`` [L, X, 9] are those
    of values and, were every row full, of rows, ``word_bits`` [L, X, R, 2] the width of metadata
    words, ``metadata_width`` [L] that of metadata rows (0: metadata costs nothing), ``packs``
    [L, X, 2] the values unpacked and packed.
    """
    levels, tensors = tile.shape
    accesses[:] = 0.0
    for level in range(levels):
        for x in range(tensors):
            if tile[level, x] == 0:
                continue
            for kind in range(9):
                accesses[level, x, kind] = _up(rows[level, x, kind], whole) * row_waste[level, x]
                if metadata_width[level] > 0:
                    bits = metadata_bits(metadata[level, x], word_bits[level, x], kind)
                    accesses[level, x, 9 + kind] = _up(bits / metadata_width[level], whole)
            accesses[level, x, 18] = packs[level, x, 0]
            accesses[level, x, 19] = packs[level, x, 1]
            for kind in (READ, FILL, UPDATE):
                accesses[level, x, 20] += data[level, x, kind]
