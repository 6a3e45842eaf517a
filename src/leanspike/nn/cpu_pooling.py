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
def award(
    before: Any, own: Any, after: Any, right: Any, threshold: Any, other: Any, g: Any, gs: Any
) -> None:
    """Set gs to the gradient g where an upper-row neuron is its window's maximum, else to 0.

    The maximum is the first neuron that fires in reading order, as in torch: left before right,
    upper row before lower, and the upper left one where none fires. ``other`` tells where the pair
    in the lower row fires; the rest is as in ``fired_in_pair``.
    """
    zero, half = g.dtype.type(0), g.dtype.type(0.5)
    for i in range(g.size):
        fires = own[i] >= threshold
        as_right = fires and not before[i] >= threshold
        as_left = fires or (not after[i] >= threshold and other[i] < half)
        first = as_right if right[i] > half else as_left
        gs[i] = g[i] if first else zero


@compiled
def award_lower(
    before: Any, own: Any, right: Any, threshold: Any, other: Any, g: Any, gs: Any
) -> None:
    """Do as ``award`` does for neurons of the lower row; ``other`` tells of the upper."""
    zero, half = g.dtype.type(0), g.dtype.type(0.5)
    for i in range(g.size):
        fires = own[i] >= threshold and other[i] < half
        first = fires and not (right[i] > half and before[i] >= threshold)
        gs[i] = g[i] if first else zero
