"""2x2 max pooling of a block of spikes, and its gradient, on the CPU; compiled.

A block is two image rows, each ``[2*Q, C]`` flattened: Q pairs of columns of C channels. A loop
over the C channels of one pair is too short to vectorize well, so the functions run over whole
rows, comparing each value with the one C places on, and drop the half that is not wanted after.
Rows therefore come padded by C values at both ends.
"""

from __future__ import annotations

from typing import Any

from leanspike.nn.compiling import compiled


@compiled
def larger(a: Any, b: Any, out: Any) -> None:
    """Set out = max(a, b), NaN if either is."""
    for i in range(out.size):
        out[i] = a[i] if (a[i] > b[i] or a[i] != a[i]) else b[i]


@compiled
def gather(pairs: Any, C: int, out: Any) -> None:
    """Set out [Q*C] to the left columns of pairs [2*Q*C]."""
    wide = pairs.reshape(-1, 2, C)
    narrow = out.reshape(-1, C)
    for q in range(narrow.shape[0]):
        for c in range(C):
            narrow[q, c] = wide[q, 0, c]


@compiled
def spread(g: Any, C: int, pairs: Any) -> None:
    """Set both columns of each pair in pairs [2*Q*C] to g [Q*C]."""
    wide = pairs.reshape(-1, 2, C)
    narrow = g.reshape(-1, C)
    for q in range(narrow.shape[0]):
        for c in range(C):
            wide[q, 0, c] = narrow[q, c]
        for c in range(C):
            wide[q, 1, c] = narrow[q, c]


@compiled
def mark_right(C: int, right: Any) -> None:
    """Set right to 1 in the right column of each pair, 0 in the left."""
    wide = right.reshape(-1, 2, C)
    for q in range(wide.shape[0]):
        for c in range(C):
            wide[q, 0, c] = 0
            wide[q, 1, c] = 1


@compiled
def fired_in_pair(before: Any, own: Any, after: Any, right: Any, threshold: Any, any_: Any) -> None:
    """Set any_ to whether a neuron or its neighbour in the pair fires.

    ``own`` holds potentials; ``before`` and ``after`` the same, C places earlier and later.
    """
    one, zero = own.dtype.type(1), own.dtype.type(0)
    for i in range(own.size):
        other = before[i] if right[i] > zero else after[i]
        any_[i] = one if (own[i] >= threshold or other >= threshold) else zero


@compiled
def rank_in_pair(before: Any, own: Any, after: Any, right: Any, threshold: Any, rank: Any) -> None:
    """Set rank to 2 for the first neuron of a pair to fire, 1 for the left of a silent pair."""
    zero, one, two = own.dtype.type(0), own.dtype.type(1), own.dtype.type(2)
    for i in range(own.size):
        fires = own[i] >= threshold
        as_right = two if (fires and not before[i] >= threshold) else zero
        as_left = two if fires else (zero if after[i] >= threshold else one)
        rank[i] = as_right if right[i] > zero else as_left


@compiled
def award(g: Any, rank: Any, other_row: Any, upper: bool, gs: Any) -> None:
    """Set gs to the gradient g where the neuron is the window's maximum, else to 0.

    The maximum is the first neuron that fires in reading order, as in torch: left before right,
    upper row before lower, and the upper left one where none fires. ``other_row`` tells where the
    pair in the window's other row fires.
    """
    zero, half, threehalves = g.dtype.type(0), g.dtype.type(0.5), g.dtype.type(1.5)
    if upper:
        for i in range(g.size):
            first = rank[i] > threehalves or (rank[i] > half and other_row[i] < half)
            gs[i] = g[i] if first else zero
    else:
        for i in range(g.size):
            gs[i] = g[i] if (rank[i] > threehalves and other_row[i] < half) else zero
