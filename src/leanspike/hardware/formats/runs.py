"""Run-length overflow: entries that store no non-zero because a run did not fit its word.

A run word of b bits counts 0 to 2^b - 1 empty coordinates. A longer run is broken by entries
that store one more, empty, coordinate (a zero value), as Eyeriss (ISSCC 2016) and EIE (ISCA 2016)
do: each covers W = 2^b empty coordinates, so a run of L before a stored coordinate costs
``floor(L / W)`` of them. Empty coordinates at a fiber's end cost nothing: its length is known.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from leanspike.hardware.density.model import DensityModel, Reals, Sizes


def expected_overflow(shape: Sizes, below: Sizes, run_bits: int, model: DensityModel) -> Reals:
    """Mean overflow entries of one fiber.

    The k-th entry before a non-empty coordinate exists when the kW coordinates before it are all
    empty, so the mean is the sum over k of ``(shape - kW) (P(kW empty) - P(kW + 1 empty))``:
    exact when any arrangement of a tile's non-zeros is as likely as any other.

    Parameters
    ----------
    shape, below
        Coordinates per fiber and values under one coordinate, both of shape [K].
    run_bits
        Width b of a run word.
    model
        Where the non-zeros lie.
    """
    window = 1 << run_bits
    overflow = np.zeros(len(shape))
    for size in np.unique(below):
        here = below == size
        longest = (shape[here] - 1) // window
        k = np.arange(1, int(longest.max()) + 1)
        gone = model.p_empty(k * window * size) - model.p_empty((k * window + 1) * size)
        total = np.concatenate([[0.0], np.cumsum(gone)])
        weighted = np.concatenate([[0.0], np.cumsum(k * gone)])
        overflow[here] = shape[here] * total[longest] - window * weighted[longest]
    return np.maximum(overflow, 0.0)


def most_entries(
    fibers: npt.NDArray[np.int64], shape: Sizes, stored: Sizes, run_bits: int
) -> Sizes:
    """Largest number of entries, overflow included, that ``stored`` coordinates can take.

    Over all ways of spreading them on ``fibers`` fibers of ``shape`` coordinates (arrays [K]).
    One in each fiber, at its end, overflows most; further ones are free of cost to the overflow
    as long as they fit beside whole windows, and then each window's first one takes an entry away.
    """
    window = 1 << run_bits
    windows = np.maximum(shape - 1, 0) // window
    beside = np.maximum(shape - 1 - windows * window, 0)
    used = np.minimum(fibers, stored)
    extra = stored - used
    free = np.minimum(extra, fibers * beside)
    rest = extra - free
    return used * (1 + windows) + free + rest - -(-rest // window)
