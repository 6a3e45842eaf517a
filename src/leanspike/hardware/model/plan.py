"""An architecture and a problem as arrays: everything that no mapping and no density changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf, prod

import numpy as np

from leanspike.arrays import Bools, Ints, Reals
from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import (
    Architecture,
    Condition,
    Format,
    Level,
    Rank,
)
from leanspike.hardware.model.actions import GATES, SKIPS
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.problem import Problem


@dataclass(frozen=True)
class Follow:
    """A condition by indices: ``level`` stops reads of ``target`` while ``leaders`` are empty."""

    level: int
    target: int
    leaders: tuple[int, ...]
    remedy: int


@dataclass(frozen=True)
class Bits:
    """Bits of a value of each tensor, of an output while it is a partial sum, of a membrane."""

    values: dict[str, int]
    partial_sums: int
    state: int = 16


@dataclass(frozen=True)
class Plan:
    """Arrays over L levels (0 the outermost), X tensors, R ranks and D loops.

    Attributes
    ----------
    keep
        Which tensors a level keeps, bool [L, X].
    formats
        Format of each level and tensor, None where values are stored with their zeros.
    ranks, compressed, from_inside
        Ranks of the formats, int64 [L, X]; whether one leaves out zeros and whether its innermost
        rank chooses first, bool [L, X].
    flattens
        Loops each rank may flatten, int64 [X, L, R, D], rank 0 the innermost: those of the same
        number together, 0 not at all.
    passes
        Whether a level's innermost ranks have the formats of the next level inside, bool [L, X].
    word_bits
        Bits of metadata and payload words, [L, X, R, 2].
    follows
        Conditions, gating ones first, each group from the innermost level outward.
    value_bits
        Bits of a value, [L, X]; of an output while it is a partial sum. Of a level with
        ``word_bits`` they are those of its words.
    finished_bits, state_bits
        Bits of an output that enters a level finished, and of a membrane value, [L].
    block
        Values in a row, [L, X]: below 1 where a value takes several rows.
    finished_block
        Outputs in a row as they enter a level finished, [L].
    stored_bits, stored_state_bits
        Bits of rows that a value takes, [L, X], and that a membrane value takes, [L].
    finished_share
        Room of outputs where only finished ones arrive, over that of partial sums, [L].
    metadata_width
        Bits of a metadata row, int64 [L].
    capacity, metadata_capacity
        Bits one instance holds, [L]; infinite where there is no limit. Metadata shares the data's
        rows where ``metadata_capacity`` is negative.
    bandwidth
        Read, write and shared bits per cycle (under Sparseloop's rules: values), [L, 3], infinite
        without a limit.
    neuron_maps
        Rows and columns of the neurons where these are not the outputs' own.
    mesh
        Instances below one instance along y and x, int64 [L, 2].
    """

    architecture: Architecture
    problem: Problem
    bits: Bits
    keep: Bools
    formats: tuple[tuple[Format | None, ...], ...]
    ranks: Ints
    compressed: Bools
    from_inside: Bools
    flattens: Ints
    passes: Bools
    word_bits: Reals
    follows: tuple[Follow, ...]
    value_bits: Reals
    finished_bits: Reals
    state_bits: Reals
    block: Reals
    finished_block: Reals
    stored_bits: Reals
    stored_state_bits: Reals
    finished_share: Reals
    metadata_width: Ints
    capacity: Reals
    metadata_capacity: Reals
    bandwidth: Reals
    mesh: Ints
    neuron_maps: tuple[int, int] | None = None

    @classmethod
    def of(
        cls,
        architecture: Architecture,
        problem: Problem,
        bits: Bits,
        semantics: Semantics,
        *,
        neuron_maps: tuple[int, int] | None = None,
    ) -> Plan:
        """Compile an architecture for a problem.

        ``neuron_maps`` are the rows and columns of the neurons where pooling stands before them.

        Raises
        ------
        InputError
            When the architecture names a tensor or loop the problem does not have, or keeps a
            tensor nowhere.
        """
        levels, tensors = architecture.levels, problem.tensors
        for level in levels:
            _check_names(level, problem)
        keep = np.array([[name in level.keeps for name in tensors] for level in levels])
        if not semantics.activation_dram and len(levels) > 1:
            for x, name in enumerate(tensors):
                if name in ("Inputs", "Outputs") and keep[1:, x].any():
                    keep[0, x] = False
        for x, name in enumerate(tensors):
            if not keep[:, x].any():
                raise InputError(
                    f"no level keeps {name}", where="levels",
                    remedy=f"Add it to the keeps of one of {', '.join(v.name for v in levels)}",
                )  # fmt: skip
        formats = tuple(
            tuple(level.formats.get(name) if keep[i, x] else None for x, name in enumerate(tensors))
            for i, level in enumerate(levels)
        )
        most = max([len(layout.ranks) for row in formats for layout in row if layout], default=1)
        shape = (len(levels), len(tensors))
        ranks, compressed, from_inside = (
            np.zeros(shape, np.int64), np.zeros(shape, np.bool_), np.zeros(shape, np.bool_),
        )  # fmt: skip
        flattens = np.zeros((len(tensors), len(levels), most, len(problem.dims)), np.int64)
        word_bits = np.zeros((*shape, most, 2))
        value_bits, block, stored_bits = np.zeros(shape), np.ones(shape), np.zeros(shape)
        finished_bits = np.zeros(len(levels))
        state_bits = np.array(
            [float(_word(level, "State", bits) or bits.state) for level in levels]
        )
        inside = _finished_level(architecture)
        outputs = tensors[problem.written]
        for i, level in enumerate(levels):
            partial = _word(level, outputs, bits) or bits.partial_sums
            finished = _word(level, outputs, bits) or bits.values[outputs]
            finished_bits[i] = finished if semantics.spikes_leave and i < inside else partial
            for x, name in enumerate(tensors):
                is_output = x == problem.written
                word = partial if is_output else _word(level, name, bits) or bits.values[name]
                value_bits[i, x] = word
                block[i, x] = values_per_row(level.width, value_bits[i, x])
                stored_bits[i, x] = bits_in_rows(level.width, value_bits[i, x])
                layout = formats[i][x]
                if layout is None:
                    continue
                ranks[i, x] = len(layout.ranks)
                compressed[i, x] = layout.leaves_out_zeros
                from_inside[i, x] = layout.from_inside
                for r, rank in enumerate(reversed(layout.ranks)):
                    if not level.free_metadata:
                        word_bits[i, x, r] = _word_bits(rank, _metadata_width(level))
                    if rank.loops is not None:
                        flattens[x, i, r] = [rank.group_of(dim) for dim in problem.dims]
                    elif not layout.from_inside:
                        flattens[x, i, r] = 1
        plan = cls(
            architecture=architecture,
            problem=problem,
            bits=bits,
            keep=keep,
            formats=formats,
            ranks=ranks,
            compressed=compressed,
            from_inside=from_inside,
            flattens=flattens,
            passes=_passes(formats, keep),
            word_bits=word_bits,
            follows=_follows(architecture, problem),
            value_bits=value_bits,
            finished_bits=finished_bits,
            state_bits=state_bits,
            block=block,
            finished_block=np.array(
                [
                    values_per_row(level.width, b)
                    for level, b in zip(levels, finished_bits, strict=True)
                ]
            ),
            stored_bits=stored_bits,
            stored_state_bits=np.array(
                [bits_in_rows(level.width, b) for level, b in zip(levels, state_bits, strict=True)]
            ),
            finished_share=np.ones(len(levels)),
            metadata_width=np.array([_metadata_width(level) for level in levels], np.int64),
            capacity=np.array([_capacity(level) for level in levels]),
            metadata_capacity=np.array([_metadata_capacity(level) for level in levels]),
            bandwidth=_bandwidth(architecture, keep, value_bits, state_bits, semantics),
            mesh=np.array([[level.fanout.y, level.fanout.x] for level in levels], np.int64),
            neuron_maps=neuron_maps,
        )
        if semantics.spikes_leave:
            for i in range(inside):
                stored = bits_in_rows(levels[i].width, finished_bits[i]) * plan.neurons_per_output
                plan.finished_share[i] = stored / stored_bits[i, problem.written]
        return plan

    @property
    def finished_level(self) -> int:
        """The first level that outputs do not enter finished: the neurons are there."""
        return _finished_level(self.architecture)

    @property
    def neurons_per_output(self) -> float:
        """Neurons over output positions: below 1 where pooling stands between them."""
        if self.neuron_maps is None:
            return 1.0
        bounds = dict(zip(self.problem.dims, self.problem.bounds.tolist(), strict=True))
        return prod(self.neuron_maps) / (bounds["P"] * bounds["Q"])

    @property
    def neuron_updates(self) -> float:
        """Membrane updates: one per neuron and time step."""
        outputs = self.problem.tensors[self.problem.written]
        return self.problem.volumes()[outputs] * self.neurons_per_output

    @property
    def fans_out(self) -> Bools:
        """Return whether each level feeds several instances, bool [L]."""
        return np.asarray(self.mesh.prod(axis=1) > 1)

    def child(self, level: int, x: int) -> int:
        """Return the next level inside that keeps a tensor; the number of levels if none does."""
        for inner in range(level + 1, len(self.keep)):
            if self.keep[inner, x]:
                return inner
        return len(self.keep)

    def parent(self, level: int, x: int) -> int:
        """Return the next level outside that keeps a tensor, or -1."""
        for outer in range(level - 1, -1, -1):
            if self.keep[outer, x]:
                return outer
        return -1


def _passes(formats: Sequence[Sequence[Format | None]], keep: Bools) -> Bools:
    """Return whether each level's innermost ranks are those of the next level inside, [L, X]."""
    passes = np.ones((len(formats), len(formats[0])), np.bool_)
    inside: list[Format | None] = [None] * len(formats[0])
    for i in range(len(formats) - 1, -1, -1):
        for x, layout in enumerate(formats[i]):
            child = inside[x]
            if layout is not None and child is not None and child.leaves_out_zeros:
                mine = [rank.format for rank in layout.ranks[-len(child.ranks) :]]
                passes[i, x] = mine == [rank.format for rank in child.ranks]
            if keep[i, x]:
                inside[x] = layout
    return passes


def _word(level: Level, tensor: str, bits: Bits) -> int | None:
    """Return the bits of a tensor's words at a level, None where it has none of its own."""
    given = level.word_bits
    words = given.values() if isinstance(given, dict) else (given,)
    if "Weights" not in bits.values and "weights" in words:
        raise InputError(
            "words as wide as the weights, but the problem has no tensor Weights",
            where=f"{level.name}.word_bits",
        )
    return level.word_of(tensor, bits.values.get("Weights", 0))


def values_per_row(width: int | None, value_bits: float) -> float:
    """Return how many values one access moves; a value wider than a row takes several.

    >>> values_per_row(64, 8), values_per_row(8, 16), values_per_row(None, 5)
    (8.0, 0.5, 1.0)
    """
    if width is None:
        return 1.0
    return float(width // value_bits) if width >= value_bits else 1.0 / ceil(value_bits / width)


def bits_in_rows(width: int | None, value_bits: float) -> float:
    """Return the bits of rows that a value takes: a row holds whole values, a value whole rows.

    >>> bits_in_rows(16, 9), bits_in_rows(64, 3), bits_in_rows(8, 12), bits_in_rows(None, 5)
    (16.0, 3.0476190476190474, 16.0, 5.0)
    """
    return float(value_bits) if width is None else width / values_per_row(width, value_bits)


def _finished_level(architecture: Architecture) -> int:
    # Without neurons outputs are finished when they reach the outermost level.
    neurons = architecture.neuron_level
    return 1 if neurons is None else neurons


def _bandwidth(
    architecture: Architecture,
    keep: Bools,
    value_bits: Reals,
    state_bits: Reals,
    semantics: Semantics,
) -> Reals:
    """Return read, write and shared bits (or values, as Timeloop does) per cycle, [L, 3]."""
    found = np.full((len(keep), 3), inf)
    state = architecture.neuron.state if architecture.neuron else ()
    for i, level in enumerate(architecture.levels):
        kept = value_bits[i, keep[i]].tolist() + [state_bits[i]] * (level.name in state)
        # Words that differ by tensor are as wide as the widest.
        own = level.word_bits if isinstance(level.word_bits, int) else None
        if level.word_bits is None:
            own = level.width
        word = level.bandwidth.word_bits or own or max(kept, default=1.0)
        for way, words in enumerate(
            (level.bandwidth.read, level.bandwidth.write, level.bandwidth.shared)
        ):
            if words is not None:
                found[i, way] = words if semantics.whole_accesses else words * word
    return found


def _follows(architecture: Architecture, problem: Problem) -> tuple[Follow, ...]:
    found = []
    for remedy in (GATES, SKIPS):
        for i in range(len(architecture.levels) - 1, -1, -1):
            level = architecture.levels[i]
            for condition in level.gates if remedy == GATES else level.skips:
                found.append(_follow(architecture, problem, i, condition, remedy))
    return tuple(found)


def _follow(
    architecture: Architecture, problem: Problem, level: int, condition: Condition, remedy: int
) -> Follow:
    # A level that does not keep the target acts where the target comes from.
    source = level
    while source >= 0 and condition.target not in architecture.levels[source].keeps:
        source -= 1
    if source < 0:
        raise InputError(
            f"no level outside keeps {condition.target}, so it cannot be skipped or gated here",
            where=architecture.levels[level].name,
        )
    leaders = tuple(problem.tensors.index(name) for name in condition.when_empty)
    return Follow(source, problem.tensors.index(condition.target), leaders, remedy)


def _check_names(level: Level, problem: Problem) -> None:
    named = [("keeps", level.keeps), ("formats", tuple(level.formats))]
    if isinstance(level.word_bits, dict):
        named.append(("word_bits", tuple(name for name in level.word_bits if name != "State")))
    for key, conditions in (("skips", level.skips), ("gates", level.gates)):
        named.append((key, tuple(c.target for c in conditions)))
        named.append((key, tuple(name for c in conditions for name in c.when_empty)))
    for key, names in named:
        for name in names:
            if name not in problem.tensors:
                raise InputError(
                    f"no tensor {name!r}", where=f"{level.name}.{key}",
                    remedy=f"Tensors: {', '.join(problem.tensors)}",
                )  # fmt: skip
    for name in level.formats:
        if name not in level.keeps:
            raise InputError(
                f"has a format for {name}, which it does not keep", where=f"{level.name}.formats"
            )


def _word_bits(rank: Rank, row: int) -> tuple[int, int]:
    """Return the widths of a rank's words; those not given are the published study's."""
    metadata, payload = rank.metadata_bits, rank.payload_bits
    if metadata is None:
        metadata = {"UBM": 1, "CP": 8, "RLE": 4}.get(rank.format, 0)
    return metadata, min(16, row) if payload is None else payload


def _metadata_width(level: Level) -> int:
    if level.free_metadata:
        return 0
    return level.metadata_rows.width if level.metadata_rows is not None else level.width or 8


def _capacity(level: Level) -> float:
    if level.depth is None:
        return inf
    return float(level.depth * (level.row_bits or 1))


def _metadata_capacity(level: Level) -> float:
    if level.depth is None:
        return inf
    if level.free_metadata:
        return inf
    rows = level.metadata_rows
    if rows is None:
        return -1.0
    return inf if rows.depth is None else float(rows.depth * rows.width)
