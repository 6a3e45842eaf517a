"""Which recordings train, which validate: drawn by class, from a seed."""

from __future__ import annotations

import numpy as np

from leanspike.arrays import Ints


def draw_split(labels: Ints, fraction: float, *, seed: int) -> tuple[Ints, Ints]:
    """Draw about `fraction` of each class.

    Of a class with n recordings ``round(fraction * n)`` are drawn, at least one where n >= 2, so
    that every class is on both sides. Both answers keep the order of `labels`.

    Parameters
    ----------
    labels
        Class of each recording [S].
    fraction
        Between 0 and 1.
    seed
        The same seed draws the same recordings.

    Returns
    -------
    Ints of the recordings that stay, and of those drawn.

    >>> stay, drawn = draw_split(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 0.25, seed=0)
    >>> len(stay), len(drawn)
    (6, 2)
    """
    generator = np.random.default_rng(seed)
    drawn = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = round(fraction * len(members))
        if len(members) >= 2:
            count = min(max(count, 1), len(members) - 1)
        drawn[generator.permutation(members)[:count]] = True
    return np.flatnonzero(~drawn), np.flatnonzero(drawn)


def first_of_each(labels: Ints, limit: int) -> Ints:
    """Pick `limit` recordings, taken from the classes in turn, in the order of `labels`.

    >>> first_of_each(np.array([0, 0, 0, 1, 1, 2]), 4)
    array([0, 1, 3, 5])
    """
    rank = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = np.arange(len(members))
    order = np.lexsort((labels, rank))
    return np.sort(order[:limit])
