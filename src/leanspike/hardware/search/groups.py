"""Searching cases of one structure together: numbers of tiles and chains are shared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from leanspike.arrays import Ints, Ints32, Reals
from leanspike.hardware.mapping.map_space import MapSpace
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.mapping.walk import Block
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.rows import MappingCounts
from leanspike.hardware.search.counting import BlockCounts, count_key, kept_pairs
from leanspike.hardware.search.numbering import Numbers, first_of_equal, number_classes
from leanspike.hardware.search.walks import Walk, walk_key
from leanspike.hardware.sparsity.density import Measured

# Mappings counted before they are priced: some 100 MB.
_BATCH = 1 << 18


@dataclass(frozen=True)
class CountedBlock:
    """Mappings that differ in something that matters to a case, the first of each kind.

    Attributes
    ----------
    block, rows
        The block they are of, and which of its mappings they are, [n].
    stands_for
        How many mappings of equal counts each stands for, [n].
    counts
        What compiled code takes of them.
    reads, writes
        The membrane's values that all instances read and write, [n, L].
    """

    block: Block
    rows: Ints
    stands_for: Ints
    counts: MappingCounts
    reads: Reals
    writes: Reals

    def __len__(self) -> int:
        return len(self.rows)

    def mapping(self, space: MapSpace, n: int) -> Mapping:
        """Return the n-th mapping."""
        row = self.rows[n]
        factors = self.block.nests[np.array([row])].factors()[0].astype(np.int64)
        order = self.block.orders[self.block.order[row]].astype(np.int64)
        return Mapping(space.dimensions, factors, order)


class Batch:
    """Some blocks of a walk, with the numbers of what is in them.

    ``walked`` is how many mappings the walk had, those that no format can divide included.
    """

    def __init__(self, case: Case, walk: Walk) -> None:
        self.numbers = Numbers(case, walk.spreads(case))
        self.blocks: list[CountedBlock] = []
        self.walked = 0

    def add(self, case: Case, block: Block, counts: BlockCounts) -> None:
        """Add the mappings of a block that the formats can divide."""
        self.walked += len(block)
        classes = number_classes(case, block, counts, self.numbers)
        if len(classes[0]):
            self.blocks.append(_counted(case, block, counts, *classes))


def batches(case: Case, walk: Walk) -> Iterator[Batch]:
    """Walk a map space in batches of blocks; ``case`` is any one of its group."""
    batch = Batch(case, walk)
    for block, counts in walk.blocks(case):
        batch.add(case, block, counts)
        if batch.walked >= _BATCH:
            yield batch
            batch = Batch(case, walk)
    yield batch


def _counted(
    case: Case, block: Block, counts: BlockCounts, rows: Ints, tiles: Ints32, computes: Ints32
) -> CountedBlock:
    """Keep one of all mappings that are equal in everything that matters to a case."""
    keys = (
        tiles, computes[:, None], counts.arriving[rows].view(np.int64),
        counts.leaving[rows].view(np.int64), counts.partition[rows], counts.instances[rows],
        counts.reads[rows].view(np.int64), counts.writes[rows].view(np.int64),
        counts.held[rows].view(np.int64), counts.spread[rows],
    )  # fmt: skip
    first, which = first_of_equal(np.concatenate(keys, axis=1, dtype=np.int64))
    stands_for = np.bincount(which, block.stands_for[rows], len(first))
    rows = rows[first]
    chip = case.plan.architecture
    clusters = [chip.instances(i) // level.cluster for i, level in enumerate(chip.levels)]
    arriving, partition = counts.arriving[rows], counts.partition[rows]
    written = np.array([x == case.plan.problem.written for _, x in kept_pairs(case)])
    instances = counts.instances[rows]
    moved = np.stack((counts.reads[rows], counts.writes[rows]), axis=-1)
    found = MappingCounts(
        tile=counts.tile[rows],
        arriving=arriving,
        leaving=counts.leaving[rows],
        partition=partition,
        instances=instances,
        tile_class=tiles[first],
        compute_class=computes[first],
        new=np.where((arriving > 0) & written, partition, 0).astype(np.float64),
        used=np.minimum(instances[:, :-1], clusters).astype(np.float64),
        held=counts.held[rows],
        state=moved / counts.spread[rows, :, None],
    )
    return CountedBlock(
        block, rows, np.rint(stands_for).astype(np.int64), found, counts.reads[rows],
        counts.writes[rows],
    )  # fmt: skip


def structure(case: Case) -> tuple[object, ...]:
    """Return what two cases of one walk must share to be searched together.

    That is everything the counts and the numbers of tiles and chains see: conditions, the ranks
    of formats, and switches.
    """
    plan, chip = case.plan, case.plan.architecture
    arrays = (plan.ranks, plan.compressed, plan.from_inside, plan.flattens, plan.passes, plan.mesh)
    return (
        count_key(case),
        tuple((array.shape, array.tobytes()) for array in arrays),
        plan.follows,
        tuple(level.cluster for level in chip.levels),
        case.semantics.first_fill,
        case.semantics.whole_accesses,
        case.dense,
        any(isinstance(model, Measured) for model in case.models),
    )


def grouped(cases: Sequence[Case]) -> list[list[list[int]]]:
    """Return the indices of cases by walk, then by structure, each in the order of its first."""
    groups: dict[tuple[object, ...], dict[tuple[object, ...], list[int]]] = {}
    rules: dict[int, str] = {}
    keys: dict[tuple[object, ...], tuple[tuple[object, ...], tuple[object, ...]]] = {}
    for index, case in enumerate(cases):
        chip = case.plan.architecture
        measured = any(isinstance(model, Measured) for model in case.models)
        # Many cases share an architecture: its rules are put into words once.
        if id(chip) not in rules:
            rules[id(chip)] = repr(
                [(level.time, level.y, level.x, level.one_axis) for level in chip.levels]
            )
        same = (id(case.plan), id(case.semantics), case.dense, case.neurons, measured)
        if same not in keys:
            keys[same] = walk_key(case, rules[id(chip)]), structure(case)
        by_walk, by_structure = keys[same]
        groups.setdefault(by_walk, {}).setdefault(by_structure, []).append(index)
    return [list(mine.values()) for mine in groups.values()]
