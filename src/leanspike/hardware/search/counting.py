"""What a block of mappings makes of a problem, whatever the densities, formats, bits and prices.

Cases that agree in :func:`count_key` share these counts, so that a study's formats, statistics
and networks, and most switches of the semantics, count every mapping once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leanspike.arrays import Ints, Reals
from leanspike.hardware.mapping.walk import Block
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.evaluate import count_traffic
from leanspike.hardware.model.leader_tiles import Spreads
from leanspike.hardware.model.membrane import membrane_traffic, no_membrane
from leanspike.hardware.model.skipping import condition_rows, leader_tiles


@dataclass(frozen=True)
class BlockCounts:
    """BlockCounts of n mappings; K (level, tensor) pairs keep something, outermost level first.

    Attributes
    ----------
    tile, arriving, leaving, partition
        As :func:`~leanspike.hardware.model.traffic.count_nests` fills them, [n, K].
    instances
        Instances used of every level, the compute units last, int64 [n, L + 1].
    leader
        Descriptions of all leader tiles (see :mod:`~leanspike.hardware.model.leader_tiles`),
        int64 [n, descriptions * (2 + groups)].
    passes
        What units do in a pass, int64 [n, 5].
    reads, writes, held
        The membrane's values read, written (all instances) and held at every level, [n, L].
    spread
        Instances of every level that hold different membranes, int64 [n, L].
    """

    tile: Ints
    arriving: Reals
    leaving: Reals
    partition: Ints
    instances: Ints
    leader: Ints
    passes: Ints
    reads: Reals
    writes: Reals
    held: Reals
    spread: Ints


def kept_pairs(case: Case) -> list[tuple[int, int]]:
    """Return the (level, tensor) pairs that keep something."""
    keep = case.plan.keep
    return [(int(i), int(x)) for i, x in zip(*np.nonzero(keep), strict=True)]


def count_key(case: Case) -> tuple[object, ...]:
    """Return what two cases of one walk must share to have equal counts."""
    plan, neuron = case.plan, case.plan.architecture.neuron
    return (
        _conditions(case).tobytes(),
        (neuron.state, plan.neuron_maps) if case.neurons and neuron is not None else (),
        case.semantics.exact_overlap,
        case.semantics.exact_leader,
        case.semantics.links_neighbors,
        case.semantics.load_imbalance,
        plan.mesh.tobytes(),
    )


def count_block(case: Case, block: Block, spreads: Spreads) -> BlockCounts:
    """Count a block of mappings; of the case only what :func:`count_key` names matters.

    ``spreads`` numbers what leader tiles vary by, for all blocks of a walk.
    """
    plan, loops, n = case.plan, block.arrays, len(block)
    pairs = np.flatnonzero(plan.keep)
    traffic = count_traffic(plan, loops, case.semantics)
    leaders = np.zeros((n, 0), np.int64)
    if not case.dense:
        leaders = leader_tiles(plan, loops, spreads, exact=case.semantics.exact_leader)
    membrane = no_membrane(n, len(plan.keep))
    if case.neurons:
        membrane = membrane_traffic(plan, loops)
    return BlockCounts(
        traffic.tile.reshape(n, -1).take(pairs, axis=1),
        traffic.arriving.reshape(n, -1).take(pairs, axis=1),
        traffic.leaving.reshape(n, -1).take(pairs, axis=1),
        traffic.partition.reshape(n, -1).take(pairs, axis=1),
        traffic.instances, leaders.reshape(n, -1), traffic.passes * case.semantics.load_imbalance,
        membrane.reads, membrane.writes, membrane.tile, membrane.instances,
    )  # fmt: skip


def _conditions(case: Case) -> Ints:
    """Return what leader tiles depend on; nothing where zeros are ignored."""
    return condition_rows(case.plan)[: 0 if case.dense else None]
