"""From dense counts to what Sparseloop makes of them: compressed, gated and skipped accesses.

For every level and tensor the dense reads, fills and updates are thinned three times:

1. where a level has metadata about a tensor, values that are zero are never touched;
2. a condition (skip or gate) stops a fraction ``p`` of a level's reads: the probability
   that the leader tile is empty. What is stopped there never reaches the levels inside;
3. computes follow the operands that arrive, and the compute unit's own gating and skipping.

Facts from Timeloop v3.0.3, src/sparse-analysis/storage-optimization-combiner.cpp and
compute-gs-analyzer.cpp. With ``whole`` every thinning rounds to whole accesses as there; without
it expectations stay fractions, which is what the search's bounds start from.
"""

from __future__ import annotations

from math import ceil, floor

from leanspike.arrays import Bools, Ints, Reals
from leanspike.hardware.compiling import helper, inlined
from leanspike.hardware.model.actions import (
    GATED,
    GATES,
    NOTHING,
    READ,
    SKIPPED,
    UPDATE,
    ContentArrays,
    RowPlan,
)


@helper
def _down(value: float, whole: bool) -> float:
    return floor(value) if whole else value


@helper
def _up(value: float, whole: bool) -> float:
    return ceil(value) if whole else value


@inlined
def sparseloop_actions(
    plan: RowPlan,
    tile: Ints,
    content: ContentArrays,
    whole: bool,
    chained: bool,
    dense: Reals,
    data: Reals,
    metadata: Reals,
) -> float:
    """Thin the dense counts of every level and tensor; return the computes let through.

    Parameters
    ----------
    tile
        Values of the tile each level keeps, int64 [L, X]; 0 where it keeps none.
    whole, chained
        ``Semantics.whole_accesses`` and ``Semantics.chained_metadata``.
    dense
        Dense reads, fills and updates of one instance, [L, X, 3].
    data
        Filled, [L, X, KINDS]: kind + outcome, such as ``READ + SKIPPED``.
    metadata
        Filled, [L, X, KINDS, R, 2], in words.
    """
    levels, tensors = tile.shape
    written, computes = plan.written, plan.computes
    has_metadata, ranks, density = content.has_metadata, content.ranks, content.density
    words, remedy, p_left = content.words, content.remedy, content.p_left
    data[:] = 0.0
    metadata[:] = 0.0
    for x in range(tensors):
        for level in range(levels):
            if tile[level, x] == 0:
                continue
            for kind in range(3):
                count = dense[level, x, kind]
                if has_metadata[level, x]:
                    data[level, x, kind] = count - _down(count * (1.0 - density[level, x]), whole)
                    for rank in range(ranks[level, x]):
                        for part in range(2):
                            per_tile = words[level, x, rank, part]
                            metadata[level, x, kind, rank, part] = _up(
                                per_tile * (count / tile[level, x]), whole
                            )
                else:
                    data[level, x, kind] = count
        level = 0
        while level < levels and remedy[level, x] == NOTHING:
            level += 1
        if level < levels:
            _thin_reads(level, x, p_left[level, x], remedy[level, x], x == written, tile, ranks,
                         whole, chained, data, metadata)  # fmt: skip
        while level < levels:
            p = p_left[level, x]
            inner = level + 1
            while inner < levels:
                if tile[inner, x] > 0:
                    follow = chained or ranks[level, x] == 1
                    _never_arrives(inner, x, p, follow, ranks, whole, chained, data, metadata)
                if remedy[inner, x] != NOTHING:
                    break
                inner += 1
            if inner == levels:
                if x != written:
                    computes -= _down(computes * p, whole)
            else:
                # p counts from the whole tensor; of what still arrives, the inner level leaves
                # this share: below zero where it leaves less than the outer one.
                share = 1.0 - (1.0 - p_left[inner, x]) / (1.0 - p) if p < 1.0 else 0.0
                if not chained:
                    metadata[inner, x, READ] = metadata[inner, x, UPDATE]
                _thin_reads(inner, x, share, remedy[inner, x], x == written, tile, ranks, whole,
                             chained, data, metadata)  # fmt: skip
            level = inner
    return computes


@helper
def _never_arrives(
    level: int,
    x: int,
    p: float,
    follow: bool,
    ranks: Ints,
    whole: bool,
    chained: bool,
    data: Reals,
    metadata: Reals,
) -> None:
    """Take away what a level outside has stopped; ``follow``: its metadata goes with it."""
    for kind in range(3):
        data[level, x, kind] -= _down(data[level, x, kind] * p, whole)
        if not follow or (kind == UPDATE and not chained):
            continue
        for rank in range(ranks[level, x] if chained else min(1, ranks[level, x])):
            for part in range(2):
                count = metadata[level, x, kind, rank, part]
                metadata[level, x, kind, rank, part] -= _down(count * p, whole)


@helper
def _thin_reads(
    level: int,
    x: int,
    p: float,
    remedy: int,
    is_written: bool,
    tile: Ints,
    ranks: Ints,
    whole: bool,
    chained: bool,
    data: Reals,
    metadata: Reals,
) -> None:
    """Move the share ``p`` of a level's reads (and updates) to gated or skipped.

    With a share below zero more is accessed than arrives, as in Timeloop; its unsigned counts of
    gated or skipped accesses wrap around then, ours are none.
    """
    outcome = GATED if remedy == GATES else SKIPPED
    for kind in (READ, UPDATE):
        count = data[level, x, kind]
        left = _up(count * p, whole) if is_written and kind == READ else _down(count * p, whole)
        data[level, x, kind + outcome] += max(left, 0.0)
        data[level, x, kind] -= left
    # Only the ranks that the next level inside stores too are sent with a read.
    sent = ranks[level, x]
    if not chained:
        for inner in range(level + 1, tile.shape[0]):
            if tile[inner, x] > 0:
                sent = ranks[inner, x]
                break
    for kind in (READ, UPDATE):
        for rank in range(sent):
            for part in range(2):
                count = metadata[level, x, kind, rank, part]
                left = _down(count * p, whole)
                metadata[level, x, kind + outcome, rank, part] += max(left, 0.0)
                metadata[level, x, kind, rank, part] -= left


@inlined
def sparseloop_computes(
    computes: float,
    density: Reals,
    has_metadata: Bools,
    followed: Bools,
    p_left: Reals,
    gates: bool,
    skips: bool,
    whole: bool,
    outcome: Reals,
) -> None:
    """Split the computes of two operands into actual, gated and skipped, [3].

    Parameters
    ----------
    computes
        Those that the storage levels let through.
    density, has_metadata
        Of each operand at its innermost level, [2]: a zero there either arrives or, with
        metadata, does not.
    followed, p_left
        Whether the operand's innermost level stops reads, bool [2], and how often, [2].
    gates, skips
        What the compute unit does itself.
    """
    # Of the computes let through, operand i is non-zero with probability nonzero[i]: the empty
    # leader tiles it was the condition of are gone.
    nonzero = density.copy()
    if followed[0]:
        nonzero[1] = _conditioned(density[1], p_left[0])
    if followed[1]:
        nonzero[0] = _conditioned(density[0], p_left[1])
    both = nonzero[0] * nonzero[1]
    gated = skipped = absent = 0.0
    for first in range(3):  # 0: non-zero, 1: a zero that arrives, 2: a zero that does not
        for second in range(3):
            p = _state(first, nonzero[0], has_metadata[0])
            p *= _state(second, nonzero[1], has_metadata[1])
            if first == 0 and second == 0:
                continue
            if first == 2 and second == 2:
                absent += p
            elif skips and (first == 2 or second == 2):
                skipped += p
            elif gates:
                gated += p
            else:
                both += p
    outcome[1] = _down(computes * gated, whole)
    outcome[2] = _down(computes * skipped, whole)
    outcome[0] = computes - outcome[1] - outcome[2] - _down(computes * absent, whole)


@helper
def _conditioned(density: float, p_empty: float) -> float:
    return min(1.0, density / (1.0 - p_empty)) if p_empty < 1.0 else 0.0


@helper
def _state(state: int, nonzero: float, has_metadata: bool) -> float:
    if state == 0:
        return nonzero
    return 1.0 - nonzero if has_metadata == (state == 2) else 0.0
