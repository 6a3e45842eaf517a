"""Cycles a level's bandwidth needs, as Timeloop v3.0.3 counts them.

Facts from src/model/buffer.cpp, ComputePerformance: accesses are rounded to whole words tensor by
tensor, and it is rates per cycle that are summed and compared with the bandwidth.
"""

from __future__ import annotations

from math import ceil, floor

import numpy as np

from leanspike.arrays import Reals
from leanspike.hardware.compiling import inlined
from leanspike.hardware.model.actions import (
    FILL,
    GATED,
    READ,
    UPDATE,
    NestArrays,
    Row,
    RowPlan,
    metadata_bits,
)


@inlined
def sparseloop_cycles(
    level: int,
    plan: RowPlan,
    nest: NestArrays,
    present: Reals,
    state: Reals,
    compute_cycles: float,
    whole: bool,
    row: Row,
) -> float:
    """Return the cycles one level needs: the compute's, or more where its bandwidth is short.

    Words of actual and gated accesses count; ``row.demand`` is filled with those that one instance
    of the level is read and written. Each instance used holds a tile with probability ``present``
    [L, X]. ``state`` [L, 2] are membrane values read and written: Timeloop has none. ``whole``:
    words and cycles are whole.
    """
    data, metadata, demand = row.data, row.metadata, row.demand
    word_bits, value_bits, bandwidth = plan.word_bits, plan.value_bits, plan.bandwidth[level]
    instances = float(nest.instances[level])
    demand[level, 0], demand[level, 1] = state[level, 0], state[level, 1]
    read_rate = write_rate = 0.0
    if compute_cycles > 0:
        read_rate, write_rate = state[level, 0] / compute_cycles, state[level, 1] / compute_cycles
    for x in range(nest.tile.shape[1]):
        if nest.tile[level, x] == 0:
            continue
        reads = data[level, x, READ] + data[level, x, READ + GATED]
        writes = read_bits = write_bits = 0.0
        for outcome in (0, GATED):
            read_bits += metadata_bits(metadata, word_bits, level, x, READ + outcome)
            for kind in (FILL, UPDATE):
                writes += data[level, x, kind + outcome]
                write_bits += metadata_bits(metadata, word_bits, level, x, kind + outcome)
        read_words = read_bits / value_bits[level, x]
        write_words = write_bits / value_bits[level, x]
        if whole:
            crowd = instances / (instances * present[level, x]) if present[level, x] > 0 else np.inf
            reads = ceil((reads + floor(read_words)) / crowd)
            writes = ceil((writes + floor(write_words)) / crowd)
        else:
            reads = (reads + read_words) * present[level, x]
            writes = (writes + write_words) * present[level, x]
        demand[level, 0] += reads
        demand[level, 1] += writes
        if compute_cycles > 0:
            read_rate += reads / compute_cycles
            write_rate += writes / compute_cycles
    speed = 1.0
    if bandwidth[0] < read_rate:
        speed = min(speed, bandwidth[0] / read_rate)
    if bandwidth[1] < write_rate:
        speed = min(speed, bandwidth[1] / write_rate)
    if bandwidth[2] < write_rate + read_rate:
        speed = min(speed, bandwidth[2] / (write_rate + read_rate))
    return ceil(compute_cycles / speed) if whole else compute_cycles / speed
