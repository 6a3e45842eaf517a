"""What a row is made of: its columns by name, and the arrays that compiled code takes and fills.

A *row* is one mapping under one configuration; :mod:`~leanspike.hardware.model.row` fills it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from leanspike.arrays import Bools, Ints, Reals
from leanspike.hardware.architecture.architecture import STORAGE_ACTIONS
from leanspike.hardware.compiling import helper
from leanspike.hardware.model.leader_tiles import VARIANTS

#: Columns of the counts: three kinds of access, each actual, gated or skipped.
READ, FILL, UPDATE = 0, 1, 2
ACTUAL, GATED, SKIPPED = 0, 3, 6
KINDS = 9
#: Columns of the accesses (``STORAGE_ACTIONS``): the kinds of rows, the kinds of metadata, values
#: unpacked on their way in, outputs packed on their way out, values on the wires.
METADATA = STORAGE_ACTIONS.index("metadata_read")
SKIPPED_METADATA = STORAGE_ACTIONS.index("skipped_metadata_read")
UNPACKED = STORAGE_ACTIONS.index("decompression")
PACKED = STORAGE_ACTIONS.index("compression")
WIRE = STORAGE_ACTIONS.index("wire")
ACTIONS = len(STORAGE_ACTIONS)
#: What a level does about a tensor's reads.
NOTHING, GATES, SKIPS = 0, 1, 2
#: Columns of what survives at a level: what arrives there, all of it and what reaches an output
#: for the first and for the last time; then, for each variant of a leader tile, what the level's
#: skipping conditions leave of that, and what all its conditions leave.
ARRIVES, ARRIVES_FIRST, ARRIVES_LAST, LEFT, SURVIVALS = 0, 1, 2, 3, 3 + 2 * VARIANTS
#: Of the computes, by leader: the share that all conditions let through and that skipping ones do;
#: of both the part that meets no padding; what skipping ones inside the innermost fan-out let.
LET, NOT_SKIPPED, LET_REAL, NOT_SKIPPED_REAL, INSIDE, SHARES = 0, 1, 2, 3, 4, 5


def left_column(variant: int, *, gated: bool) -> int:
    """Return the column of what skipping (or, with ``gated``, all) conditions leave."""
    return LEFT + 2 * variant + gated


_NO_PASS = np.zeros(5, np.int64)
_NO_STATE = np.zeros((0, 2))


class RowPlan(NamedTuple):
    """What no mapping changes; shapes as in :class:`~leanspike.hardware.model.plan.Plan`.

    ``operands`` are the two tensors a compute reads, ``innermost`` the levels they come from;
    ``real`` [2] is the fraction of all computes that meet a value of theirs rather than padding.
    ``parent`` [L, X] is the next level outside that keeps a tensor, or -1; ``finished_block`` [L]
    is the outputs per row as they enter a level finished. ``row_bits`` [L, X] and
    ``finished_row_bits`` [L] are the bits of an access, ``state_size`` [L] those of a membrane
    value (1 under Sparseloop's rules). Of the outputs that enter a level finished only the share
    ``leaving_share`` [L] leaves the neurons. ``inside`` is the first level inside the
    innermost fan-out, whose instances wait for each other; -1 where they share work evenly.
    """

    written: int
    operands: Ints
    innermost: Ints
    real: Reals
    parent: Ints
    compressed: Bools
    block: Reals
    finished_block: Reals
    row_bits: Reals
    finished_row_bits: Reals
    state_size: Reals
    leaving_share: Reals
    value_bits: Reals
    word_bits: Reals
    metadata_width: Ints
    bandwidth: Reals
    gates: bool
    skips: bool
    computes: float
    inside: int


class RowRules(NamedTuple):
    """The switches of :class:`~leanspike.hardware.semantics.Semantics` that rows depend on.

    Which rules thin accesses is apart from them: ``whole`` of
    :func:`~leanspike.hardware.model.row.evaluate_row`.
    """

    chained_metadata: bool
    first_fill: bool
    gating_keeps_cycles: bool
    drain_reads: bool


class NestArrays(NamedTuple):
    """Dense counts of one instance, [L, X] and [L + 1]; see ``count_nests``.

    ``pass_shape`` [5] is what compute units do between two deliveries (see
    :func:`~leanspike.hardware.model.imbalance.pass_shapes`); zeros: units do not wait. ``slowest``
    is the cycles of the slowest units of all passes where they are known, else negative. ``state``
    [L, 2] are the membrane values that one instance reads and writes; empty without neurons.
    """

    tile: Ints
    arriving: Reals
    leaving: Reals
    partition: Ints
    instances: Ints
    pass_shape: Ints = _NO_PASS
    slowest: float = -1.0
    state: Reals = _NO_STATE


class ContentArrays(NamedTuple):
    """What tiles hold, and what conditions leave of their traffic.

    ``density``, ``present`` and ``row_waste`` [L, X], ``words`` [L, X, R, 2], ``has_metadata`` and
    ``ranks`` [L, X] as in :class:`~leanspike.hardware.model.contents.Content`;
    ``operand_density`` [2]; ``survive`` [L, X, SURVIVALS] as in ``count_actions`` and ``shares``
    [X, X, SHARES] as in ``count_computes``. Under Sparseloop's rules ``remedy`` and ``p_left``
    [L, X] say what levels do about reads and how often.
    """

    density: Reals
    present: Reals
    row_waste: Reals
    words: Reals
    has_metadata: Bools
    ranks: Ints
    operand_density: Reals
    survive: Reals
    shares: Reals
    remedy: Ints
    p_left: Reals


class RowConditions(NamedTuple):
    """The fields of :class:`ContentArrays` that follow from conditions."""

    survive: Reals
    shares: Reals
    remedy: Ints
    p_left: Reals


def no_conditions(shape: tuple[int, int]) -> RowConditions:
    """Return what holds without conditions, for [L, X] levels and tensors."""
    return RowConditions(
        survive=np.ones((*shape, SURVIVALS)),
        shares=np.ones((shape[1], shape[1], SHARES)),
        remedy=np.zeros(shape, np.int64),
        p_left=np.zeros(shape),
    )


class Row(NamedTuple):
    """What is filled.

    ``dense`` [L, X, 3]; ``data``, ``rows`` and ``bits`` [L, X, KINDS]: values, their rows, and
    what these rows hold; ``metadata`` [L, X, KINDS, R, 2]; ``accesses`` [L, X, ACTIONS];
    ``instances`` [L, X], those that hold a tile; ``computes`` [3], actual, gated and skipped;
    ``demand`` [L, 2], bits that one instance reads and writes (values under Sparseloop's rules);
    ``level_cycles`` [L].
    """

    dense: Reals
    data: Reals
    rows: Reals
    bits: Reals
    metadata: Reals
    accesses: Reals
    instances: Reals
    computes: Reals
    demand: Reals
    level_cycles: Reals


def empty_row(levels: int, tensors: int, ranks: int) -> Row:
    """Return arrays for one row, to be filled again and again."""
    return Row(
        dense=np.zeros((levels, tensors, 3)),
        data=np.zeros((levels, tensors, KINDS)),
        rows=np.zeros((levels, tensors, KINDS)),
        bits=np.zeros((levels, tensors, KINDS)),
        metadata=np.zeros((levels, tensors, KINDS, ranks, 2)),
        accesses=np.zeros((levels, tensors, ACTIONS)),
        instances=np.zeros((levels, tensors)),
        computes=np.zeros(3),
        demand=np.zeros((levels, 2)),
        level_cycles=np.zeros(levels),
    )


@helper
def metadata_bits(metadata: Reals, word_bits: Reals, level: int, x: int, kind: int) -> float:
    """Return the bits of one kind of metadata access of a level and tensor."""
    bits = 0.0
    for rank in range(word_bits.shape[2]):
        for part in range(2):
            bits += metadata[level, x, kind, rank, part] * word_bits[level, x, rank, part]
    return bits
