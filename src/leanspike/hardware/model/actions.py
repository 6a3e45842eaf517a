"""From dense counts to what really happens: compressed, gated and skipped accesses and computes.

For every level and tensor the dense reads, fills and updates are thinned twice, and all that
follows is exact in expectation:

1. where a level has metadata about a tensor, values that are zero are never touched;
2. what conditions stop (:mod:`~leanspike.hardware.model.survival`) is skipped or gated where they
   stop it, and never reaches the levels inside. A row of several values is accessed when any of
   them is.

Computes follow the operands that arrive, and the compute unit's own gating and skipping.

Compiled, for one mapping and one configuration; expectations stay fractions. What Sparseloop
does instead is :mod:`leanspike.hardware.sparseloop.actions`.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.model.leader_tiles import (
    FINISHED_ROW,
    FIRST_ROW,
    FIRST_VALUE,
    LAST_ROW,
    LAST_VALUE,
    ROW,
    VALUE,
    VARIANTS,
)

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Columns of the counts: three kinds of access, each actual, gated or skipped.
READ, FILL, UPDATE = 0, 1, 2
ACTUAL, GATED, SKIPPED = 0, 3, 6
#: What a level does about a tensor's reads.
NOTHING, GATES, SKIPS = 0, 1, 2
#: Columns of what survives at a level: what arrives there, all of it and what reaches an output
#: for the first and for the last time; then, for each variant of a leader tile, what the level's
#: skipping conditions leave of that, and what all its conditions leave.
ARRIVES, ARRIVES_FIRST, ARRIVES_LAST, LEFT, SURVIVALS = 0, 1, 2, 3, 3 + 2 * VARIANTS
#: Of the computes, by leader: the share that all conditions let through and that skipping ones do;
#: of both the part that meets no padding; what skipping ones inside the innermost fan-out let.
LET, NOT_SKIPPED, LET_REAL, NOT_SKIPPED_REAL, INSIDE, SHARES = 0, 1, 2, 3, 4, 5

# What an operand of a compute is: a value, a zero that arrives, one that metadata leaves out, or
# padding, which is nowhere.
_VALUE, _ZERO, _LEFT_OUT, _PADDING = 0, 1, 2, 3


@njit(cache=True, inline="always")
def left_column(variant: int, gated: bool) -> int:
    """Return the column of what skipping (or, with ``gated``, all) conditions leave."""
    return LEFT + 2 * variant + (1 if gated else 0)


@njit(cache=True)
def count_actions(
    written: int,
    first_fill: bool,
    drains: bool,
    chained: bool,
    tile: Ints,
    arriving: Reals,
    leaving: Reals,
    first: Ints,
    has_metadata: Bools,
    density: Reals,
    words: Reals,
    survive: Reals,
    leaving_share: Reals,
    block: Reals,
    finished_block: Reals,
    row_bits: Reals,
    finished_row_bits: Reals,
    data: Reals,
    rows: Reals,
    bits: Reals,
    metadata: Reals,
) -> None:
    """Thin the dense counts of every level and tensor.

    Parameters
    ----------
    written
        The tensor that accumulates.
    first_fill, drains, chained
        ``Semantics.first_fill``, ``drain_reads`` and ``chained_metadata``.
    tile, arriving, leaving, first
        Dense counts of one instance, [L, X]; ``first`` is the different values an instance ever
        holds. See :func:`~leanspike.hardware.model.traffic.nest_counts`.
    has_metadata, density, words
        Whether a format is used, [L, X]; the expected density of the tiles, [L, X], and the
        metadata and payload words of one tile, [L, X, R, 2].
    survive
        What conditions leave, [L, X, SURVIVALS].
    leaving_share
        Of the outputs that enter a level finished, the share that pooling before the neurons
        leaves, [L].
    block, finished_block, row_bits, finished_row_bits
        Values in a row and its bits, [L, X], and those of a row of finished outputs, [L].
    data, rows, bits
        Filled, [L, X, 9], in values, in rows and in their bits: kind + outcome, such as
        ``READ + SKIPPED``.
    metadata
        Filled, [L, X, 9, R, 2], in words.
    """
    levels, tensors = tile.shape
    data[:] = 0.0
    rows[:] = 0.0
    bits[:] = 0.0
    metadata[:] = 0.0
    parts, done = np.empty(3), np.zeros(9)
    for x in range(tensors):
        for level in range(levels):
            if tile[level, x] == 0:
                continue
            left, size = survive[level, x], block[level, x]
            count, row = data[level, x], rows[level, x]
            came, sent = arriving[level, x], leaving[level, x]
            # An output that is reached for the first time is not read, and not filled.
            new = float(first[level, x]) if x == written else 0.0
            _divide(left, sent, new, VALUE, FIRST_VALUE, ARRIVES_FIRST, parts)
            count[READ], count[READ + GATED], count[READ + SKIPPED] = parts
            _divide(left, sent, new, ROW, FIRST_ROW, ARRIVES_FIRST, parts)
            row[READ], row[READ + GATED], row[READ + SKIPPED] = parts / size
            fills = came * left[ARRIVES]
            if not first_fill and came > 0.0:
                fills -= new * left[ARRIVES_FIRST]
            count[FILL], row[FILL] = fills, fills / size
            if x == written:
                # Each output enters a level finished once; its other updates are partial sums. Of
                # the finished ones pooling before the neurons leaves a share.
                share = leaving_share[level]
                _divide(left, sent, new * (1.0 - share), VALUE, LAST_VALUE, ARRIVES_LAST, parts)
                count[UPDATE], count[UPDATE + GATED], count[UPDATE + SKIPPED] = parts
                _divide(left, sent, new, ROW, LAST_ROW, ARRIVES_LAST, parts)
                row[UPDATE], row[UPDATE + GATED], row[UPDATE + SKIPPED] = parts / size
                done[:] = 0.0
                _divide(left, 0.0, -new * share, ROW, FINISHED_ROW, ARRIVES_LAST, parts)
                parts /= finished_block[level]
                done[UPDATE], done[UPDATE + GATED], done[UPDATE + SKIPPED] = parts
                if drains and came > 0.0:
                    # What leaves for the level outside is read here first.
                    last = new * left[ARRIVES_LAST]
                    count[READ] += came * left[ARRIVES] - last * (1.0 - share)
                    row[READ] += (came * left[ARRIVES] - last) / size
                    done[READ] += last * share / finished_block[level]
                bits[level, x] = row * row_bits[level, x] + done * finished_row_bits[level]
                row += done
            else:
                bits[level, x] = row * row_bits[level, x]
            if not has_metadata[level, x]:
                continue
            for kind in range(9):
                for rank in range(words.shape[2]):
                    for part in range(2):
                        per_value = words[level, x, rank, part] / tile[level, x]
                        metadata[level, x, kind, rank, part] = count[kind] * per_value
            if not chained and left[left_column(VALUE, True)] < left[ARRIVES] < 1.0:
                metadata[level, x, READ] = metadata[level, x, UPDATE]
            count *= density[level, x]
            row *= density[level, x]
            bits[level, x] *= density[level, x]


@njit(cache=True, inline="always")
def _divide(
    left: Reals,
    count: float,
    but: float,
    variant: int,
    but_variant: int,
    but_arrives: int,
    parts: Reals,
) -> None:
    """Fill the actual, gated and skipped of all accesses but the ``but`` first or last of them."""
    skipping = count * left[left_column(variant, False)]
    skipping -= but * left[left_column(but_variant, False)]
    parts[0] = count * left[left_column(variant, True)]
    parts[0] -= but * left[left_column(but_variant, True)]
    parts[1] = skipping - parts[0]
    parts[2] = count * left[ARRIVES] - but * left[but_arrives] - skipping


@njit(cache=True)
def count_computes(
    computes: float,
    operands: Ints,
    written: int,
    density: Reals,
    has_metadata: Bools,
    shares: Reals,
    real: Reals,
    gates: bool,
    skips: bool,
    gating_keeps_cycles: bool,
    outcome: Reals,
) -> None:
    """Split the computes of two operands into actual, gated and skipped, [3].

    Parameters
    ----------
    computes
        Dense computes of all units.
    density, has_metadata, real
        Of each operand, [2]: density of its values, whether its innermost level has metadata, and
        the fraction of computes that meet a value rather than padding.
    shares
        What conditions let through, by target and leader, [X, X, SHARES].
    gates, skips
        What the compute unit does itself. Padding is never an accumulate: a unit that does not
        skip is idle for its cycle.
    gating_keeps_cycles
        Whether what gating stops still passes through the unit, doing nothing.
    """
    state = np.empty((2, 4))
    outcome[:] = 0.0
    share = real[0] * real[1]
    for padded in (False, True):
        # Computes that meet padding, and those that do not: apart from that operands and what
        # conditions on them find are independent.
        part = 1.0 - share if padded else share
        if part <= 0.0:
            continue
        everything = arriving = computes * part
        for x in range(len(shares)):
            # Conditions on the outputs stop no computes.
            let = _least(shares, operands, x, LET, LET_REAL, padded) / part
            everything *= _least(shares, operands, x, NOT_SKIPPED, NOT_SKIPPED_REAL, padded) / part
            if x == written:
                arriving *= let
                continue
            k = 0 if x == operands[0] else 1
            state[k] = 0.0
            if padded and real[k] < 1.0:
                state[k, _PADDING] = let
                continue
            state[k, _VALUE] = min(density[k], let)
            state[k, _LEFT_OUT if has_metadata[k] else _ZERO] = max(0.0, let - density[k])
        for a in range(4):
            for b in range(4):
                count = arriving * state[0, a] * state[1, b]
                everything -= count
                if a >= _LEFT_OUT and b >= _LEFT_OUT:
                    continue
                if a == _VALUE and b == _VALUE:
                    outcome[0] += count
                elif skips and (a >= _LEFT_OUT or b >= _LEFT_OUT):
                    outcome[2] += count
                elif gates or a == _PADDING or b == _PADDING:
                    outcome[1] += count
                else:
                    outcome[0] += count
        if gating_keeps_cycles:
            outcome[1] += max(0.0, everything)


@njit(cache=True, inline="always")
def _least(
    shares: Reals, operands: Ints, leader: int, column: int, real_column: int, padded: bool
) -> float:
    """Return the least that conditions on an operand let through of computes with padding, or of
    those without.
    """
    least = 1.0
    for k in range(2):
        one = shares[operands[k], leader]
        share = one[column] - one[real_column] if padded else one[real_column]
        least = share if k == 0 else min(least, share)
    return least
