"""The referee of the physical model: walks a loop nest over real sparse tensors, event by event.

It knows loops, indices and placements of non-zeros, and none of the engine's formulas: tiles are
sets of index tuples, what a read waits for is collected while its values stay, and expectations
are means over every placement of the non-zeros there is (the tensors' placements are independent,
so a joint mean is taken over all pairs).

The rules it plays by, one for one those of docs/semantics.md:

- Children at the next level inside that keeps a tensor share a read when their tiles are equal all
  along. A delivery brings what the new tile does not share with the one before.
- A delivery happens when each condition on its tensor, at its level and in the deliveries outside
  that it lies within, finds a non-zero among all that its receivers meet while the tile stays. A
  skipping condition that fails skips, else a gating one gates.
- A row holds the values of successive deliveries, those of the innermost loops that move the
  tensor first; it is accessed when one of them is.
- With metadata, zeros are never touched. Padding is never stored, moved or computed with.
- The first use of an output is not read or filled; what leaves for a level outside is read first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, product
from math import comb, prod

import numpy as np

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.workload.layer import Layer

Index = tuple[int, ...]
Values = frozenset[Index]
WEIGHTS, INPUTS, OUTPUTS = 0, 1, 2
NAMES = ("Weights", "Inputs", "Outputs")
KINDS = ("actual", "gated", "skipped")


class Unfit(Exception):
    """The case is one of those that the model is documented to approximate."""


class Placements:
    """Every way of placing ``count`` non-zeros on a tensor's values; ``count`` may be a mean."""

    def __init__(self, values: list[Index], count: float) -> None:
        self.place = {value: i for i, value in enumerate(values)}
        parts, weights = [], []
        low = int(np.floor(count))
        for number, chance in ((low, 1.0 - (count - low)), (low + 1, count - low)):
            if chance <= 0.0 or number > len(values):
                continue
            several = np.zeros((comb(len(values), number), len(values)), bool)
            for k, chosen in enumerate(combinations(range(len(values)), number)):
                several[k, list(chosen)] = True
            parts.append(several)
            weights.append(np.full(len(several), chance / len(several)))
        self.nonzero = np.concatenate(parts)
        self.weights = np.concatenate(weights)
        self._any: dict[Values, np.ndarray] = {}
        self._all: dict[frozenset[Values], np.ndarray] = {}

    def any_of(self, values: Values) -> np.ndarray:
        """Whether each placement has a non-zero among some values (those that are real)."""
        if values not in self._any:
            columns = [self.place[v] for v in values if v in self.place]
            self._any[values] = self.nonzero[:, columns].any(axis=1)
        return self._any[values]

    def all_of(self, sets: frozenset[Values]) -> np.ndarray:
        """Whether each placement has a non-zero in every set."""
        if sets not in self._all:
            found = np.ones(len(self.nonzero), bool)
            for values in sets:
                found = found & self.any_of(values)
            self._all[sets] = found
        return self._all[sets]

    def mean(self, which: np.ndarray) -> float:
        return float(self.weights @ which)


@dataclass(frozen=True)
class Needs:
    """Sets of values that must each hold a non-zero, by leading tensor."""

    sets: tuple[frozenset[Values], ...] = (frozenset(), frozenset(), frozenset())

    def and_of(self, leader: int, values: Values) -> Needs:
        sets = list(self.sets)
        sets[leader] = sets[leader] | {values}
        return Needs(tuple(sets))


@dataclass
class Delivery:
    """What one read brings: ``values`` of a tensor to ``members`` (places of receivers).

    ``arrives``, ``unskipped`` and ``happens`` are what deliveries outside need, what skipping
    conditions here add, and what all of them do; ``skips`` is what skipping conditions alone
    need, outside and here. ``at`` is the place of the sender, the time it starts and the first
    receiver, by loop.
    """

    values: Values
    tile: Values
    members: list[Index]
    arrives: Needs
    unskipped: Needs
    happens: Needs
    skips: Needs
    at: tuple[Index, Index, Index]
    met: dict[int, set] = field(default_factory=dict)


@dataclass(frozen=True)
class LoopStep:
    level: int
    kind: int  # 0 in time, 1 along y, 2 along x
    dim: int
    steps: int
    stride: int


class Walker:
    """A layer on an architecture under a mapping; densities give whole or mean non-zeros.

    Not ``strict``, it also walks what the model approximates: rows that do not divide their loops
    (values are packed one after the other), or that wait for several leaders at once, and tiles
    reached in two ways one after the other.
    """

    def __init__(
        self, layer: Layer, chip: Architecture, mapping: Mapping, *, strict: bool = True
    ) -> None:
        self.layer, self.chip, self.mapping, self.strict = layer, chip, mapping, strict
        self.levels = len(chip.levels)
        self.keep = [[name in level.keeps for name in NAMES] for level in chip.levels]
        self.dims = mapping.dims
        self.bounds = [int(n) for n in np.prod(mapping.factors, axis=0)]
        stride = [1] * len(self.dims)
        loops = []
        for slot in range(3 * self.levels - 1, -1, -1):
            for d in reversed(mapping.order[slot].tolist()):
                steps = int(mapping.factors[slot, d])
                if steps > 1:
                    loops.append(LoopStep(slot // 3, slot % 3, d, steps, stride[d]))
                    stride[d] *= steps
        self.loops = loops[::-1]  # outermost first
        self._touched: dict[tuple[int, int, Index, bool], Values] = {}
        self.placements = [self._placements(x) for x in range(3)]

    # -- the arithmetic of a convolution ------------------------------------------------------

    def index(self, x: int, at: dict[str, int]) -> Index:
        """Which value of a tensor a compute uses."""
        of = {**dict.fromkeys("TNGCMPQRS", 0), **at}
        layer = self.layer
        if x == WEIGHTS:
            return (of["G"], of["M"], of["C"], of["R"], of["S"])
        if x == OUTPUTS:
            return (of["T"], of["N"], of["G"], of["M"], of["P"], of["Q"])
        row = of["P"] * layer.stride[0] + of["R"] * layer.dilation[0]
        column = of["Q"] * layer.stride[1] + of["S"] * layer.dilation[1]
        return (of["T"], of["N"], of["G"], of["C"], row, column)

    def is_real(self, index: Index) -> bool:
        """Whether an input is a value rather than padding."""
        inside = True
        for axis in (0, 1):
            extent, before = self.layer.input_extent[axis], self.layer.padding[axis]
            step = self.layer.upsampling[axis]
            size = self.layer.input_size
            count = -(-max(1, extent - 2 * before) // step) if size is None else size[axis]
            place, rest = divmod(index[4 + axis] - before, step)
            inside &= rest == 0 and 0 <= place < count
        return inside

    def _placements(self, x: int) -> Placements:
        everything = self.values_from(x, 0, (0,) * len(self.dims), box=True)
        real = sorted(v for v in everything if x != INPUTS or self.is_real(v))
        density = self.layer.density_of(NAMES[x])
        count = density * len(real)
        count = round(count) if abs(count - round(count)) < 1e-9 else count
        return Placements(real, count)

    # -- places and tiles ---------------------------------------------------------------------

    def positions(self, first: int, last: int, *, space: bool) -> Iterator[tuple[Index, Index]]:
        """Steps and positions of the loops of levels first to last - 1, in order."""
        chosen = [lp for lp in self.loops if (lp.kind != 0) == space and first <= lp.level < last]
        for steps in product(*(range(lp.steps) for lp in chosen)):
            at = [0] * len(self.dims)
            for step, loop in zip(steps, chosen, strict=True):
                at[loop.dim] += step * loop.stride
            yield steps, tuple(at)

    def values_from(self, x: int, level: int, at: Index, *, box: bool) -> Values:
        """Values of a tensor that loops of ``level`` and inside touch from a position.

        ``box``: with all that lies between them, which is what a tile is.
        """
        key = (x, level, at, box)
        if key not in self._touched:
            sizes = [1] * len(self.dims)
            for slot in range(3 * level, 3 * self.levels):
                for d in range(len(self.dims)):
                    sizes[d] *= int(self.mapping.factors[slot, d])
            found = {
                self.index(x, {n: a + s for n, a, s in zip(self.dims, at, steps, strict=True)})
                for steps in product(*(range(n) for n in sizes))
            }
            if box:
                spans = [range(min(c), max(c) + 1) for c in zip(*found, strict=True)]
                found = set(product(*spans))
            self._touched[key] = frozenset(found)
        return self._touched[key]

    def real_of(self, x: int, values: Values) -> Values:
        return frozenset(v for v in values if self.is_real(v)) if x == INPUTS else values

    # -- deliveries ---------------------------------------------------------------------------

    def child(self, level: int, x: int) -> int:
        return next((i for i in range(level + 1, self.levels) if self.keep[i][x]), self.levels)

    def conditions(self, level: int, x: int) -> list[tuple[bool, int]]:
        """(whether it skips, leader) of every condition on reads of a tensor from a level."""
        found = []
        for i, lv in enumerate(self.chip.levels):
            for skips, conditions in ((True, lv.skips), (False, lv.gates)):
                for condition in conditions:
                    target = NAMES.index(condition.target)
                    source = i
                    while not self.keep[source][target]:
                        source -= 1
                    if (source, target) == (level, x):
                        found += [(skips, NAMES.index(n)) for n in condition.when_empty]
        return found

    @cached_property
    def deliveries(self) -> dict[tuple[int, int], list[Delivery]]:
        """All deliveries by (level, tensor), in order, and what each receiver's time needs."""
        found = {}
        for x in range(3):
            outside: dict[tuple[Index, Index], Delivery] | None = None
            for level in range(self.levels):
                if not self.keep[level][x]:
                    continue
                some, outside = self._deliver(x, level, outside)
                found[level, x] = some
        return found

    def _deliver(
        self, x: int, level: int, outside: dict[tuple[Index, Index], Delivery] | None
    ) -> tuple[list[Delivery], dict[tuple[Index, Index], Delivery]]:
        """All deliveries from a level, and the one that each receiver has at each time."""
        child = self.child(level, x)
        to_compute = child == self.levels
        conditions = self.conditions(level, x)
        leaders = {leader for _, leader in conditions}
        times = list(self.positions(0, child, space=False))
        mine = sum(1 for lp in self.loops if lp.kind == 0 and lp.level < level)
        moves = self._moving(x)
        stepping = [lp.dim in moves for lp in self.loops if lp.kind == 0 and lp.level < child]
        deliveries: list[Delivery] = []
        during: dict[tuple[Index, Index], Delivery] = {}
        for _, place in self.positions(0, level, space=True):
            groups: dict[tuple[Values, ...], list[tuple[Index, Index]]] = {}
            for steps, step in self.positions(level, child, space=True):
                at = add(place, step)
                path = tuple(self.values_from(x, child, add(at, t), box=True) for _, t in times)
                groups.setdefault(path, []).append((steps, at))
            for path, members in groups.items():
                held: Values = frozenset()
                current: list[Delivery] = []
                previous: Index = ()
                for (steps, time), tile in zip(times, path, strict=True):
                    if to_compute or tile != held or not current:
                        new = tile if to_compute else tile - held
                        one = Delivery(
                            self.real_of(x, new), self.real_of(x, tile), [m for _, m in members],
                            Needs(), Needs(), Needs(), Needs(), (place, steps, members[0][0]),
                        )  # fmt: skip
                        if outside is not None:
                            around = outside[place, steps[:mine]]
                            one.arrives, one.skips = around.happens, around.skips
                        one.met = {leader: set() for leader in leaders}
                        deliveries.append(one)
                        current.append(one)
                    elif self.strict and any(
                        a != b and m for a, b, m in zip(steps, previous, stepping, strict=True)
                    ):
                        raise Unfit("a tile reached in two ways one after the other")
                    held, previous = tile, steps
                    for leader in leaders:
                        for _, at in members:
                            current[-1].met[leader] |= self.values_from(
                                leader, child, add(at, time), box=False
                            )
                    for _, at in members:
                        during[at, steps] = current[-1]
        for one in deliveries:
            one.unskipped = one.happens = one.arrives
            for skips, leader in conditions:
                values = frozenset(one.met[leader])
                one.happens = one.happens.and_of(leader, values)
                if skips:
                    one.unskipped = one.unskipped.and_of(leader, values)
                    one.skips = one.skips.and_of(leader, values)
        return deliveries, during

    def _moving(self, x: int) -> set[int]:
        zero = dict.fromkeys(self.dims, 0)
        return {
            d for d, name in enumerate(self.dims)
            if self.index(x, zero) != self.index(x, {**zero, name: 1})
        }  # fmt: skip

    def chance(self, needs: Needs) -> float:
        return prod(p.mean(p.all_of(s)) for p, s in zip(self.placements, needs.sets, strict=True))

    def chance_of_any(self, several: list[Needs]) -> float:
        """Chance that all needs of at least one of several are met: over all pairs."""
        distinct = list(dict.fromkeys(several))
        if len(distinct) == 1:
            return self.chance(distinct[0])
        first, second = (
            [p.all_of(n.sets[x]) for n in distinct]
            for x, p in ((WEIGHTS, self.placements[WEIGHTS]), (INPUTS, self.placements[INPUTS]))
        )
        if any(n.sets[OUTPUTS] for n in distinct):
            raise Unfit("rows that wait for outputs")
        several = len({a.tobytes() for a in first}) > 1 and len({b.tobytes() for b in second}) > 1
        if several and self.strict:
            raise Unfit("a row whose values wait for different values of two leaders")
        either = np.zeros((len(first[0]), len(second[0])), bool)
        for a, b in zip(first, second, strict=True):
            either |= a[:, None] & b
        return float(self.placements[WEIGHTS].weights @ either @ self.placements[INPUTS].weights)

    # -- what is compared ---------------------------------------------------------------------

    def has_metadata(self, level: int, x: int) -> bool:
        return NAMES[x] in self.chip.levels[level].formats

    def value_bits(self, level: int, x: int, *, finished: bool = False) -> int:
        """Bits of a value; outputs are partial sums until they are finished."""
        bits = self.layer.bits
        size = (bits.weights, bits.inputs, bits.partial_sums)[x]
        if x == OUTPUTS and finished and level < max(self.state_levels, default=1):
            size = bits.outputs
        return size

    def values_per_row(self, level: int, x: int, *, finished: bool = False) -> float:
        return self.in_row(level, self.value_bits(level, x, finished=finished))

    def in_row(self, level: int, size: int) -> float:
        """Values of so many bits in a row: below 1 where one takes several rows."""
        width = self.chip.levels[level].width
        if width is None:
            return 1.0
        return float(width // size) if width >= size else 1.0 / -(-size // width)

    @cached_property
    def state_levels(self) -> list[int]:
        return [self.chip.index(n) for n in self.chip.neuron.state] if self.chip.neuron else []

    @cached_property
    def state(self) -> dict[tuple[int, str], float]:
        """Membranes read and written at each level, all instances together.

        A neuron is updated once per step; the loops over what is summed have no part in it.
        """
        found: dict[tuple[int, str], float] = defaultdict(float)
        if not self.layer.neurons or not self.state_levels:
            return found
        summed = [d for d, name in enumerate(self.dims) if name in "CRS"]
        loops = [lp for lp in self.loops if lp.dim not in summed]
        time = self.dims.index("T")

        def walk(first: int, last: int, *, space: bool) -> Iterator[Index]:
            chosen = [lp for lp in loops if (lp.kind != 0) == space and first <= lp.level < last]
            for steps in product(*(range(lp.steps) for lp in chosen)):
                at = [0] * len(self.dims)
                for step, loop in zip(steps, chosen, strict=True):
                    at[loop.dim] += step * loop.stride
                yield tuple(at)

        def neurons(level: int, at: Index) -> frozenset[Index]:
            sizes = [1] * len(self.dims)
            for lp in loops:
                if lp.level >= level:
                    sizes[lp.dim] *= lp.steps
            spans = [range(a, a + n) for a, n in zip(at, sizes, strict=True)]
            spans[time] = range(1)
            return frozenset(product(*spans))

        inner = self.state_levels[-1]
        for place in walk(0, inner, space=True):
            # Receivers below that update one neuron side by side share its access.
            together = {neurons(self.levels, step) for step in walk(inner, self.levels, space=True)}
            for _ in walk(0, self.levels, space=False):
                for way in ("read", "write"):
                    found[inner, way] += len(together)
            del place
        for outer, level in zip(self.state_levels, self.state_levels[1:], strict=False):
            for place in walk(0, level, space=True):
                held: frozenset[Index] = frozenset()
                ever: set[Index] = set()
                again = 0
                for at in walk(0, level, space=False):
                    tile = neurons(level, add(place, at))
                    again += len((tile - held) & ever)
                    ever |= tile
                    held = tile
                # Zero when first brought in; not written back when not needed again.
                for one in (outer, level):
                    for way in ("read", "write"):
                        found[one, way] += again
        return found

    def cycles(self, level: int, instances: int) -> float:
        """Cycles that one instance of a level takes to move its bits.

        Membranes are in the instances of one part of each sum: loops over what is summed put none.
        """
        _, rows = self.traffic
        lv = self.chip.levels[level]
        read = written = 0.0
        for x in range(3):
            for kind in ("actual", "gated"):
                read += rows[level, x, "bits of read", kind]
                written += rows[level, x, "bits of fill", kind]
                written += rows[level, x, "bits of update", kind]
                if lv.metadata is not None:
                    read += rows[level, x, "metadata_read", kind] * lv.metadata.width
                    written += rows[level, x, "metadata_fill", kind] * lv.metadata.width
        bits = self.layer.bits.state
        stored = bits if lv.width is None else lv.width / self.in_row(level, bits)
        summed = [d for d, name in enumerate(self.dims) if name in "CRS"]
        alike = prod(
            lp.steps for lp in self.loops
            if lp.kind != 0 and lp.level < level and lp.dim in summed
        )  # fmt: skip
        read += self.state[level, "read"] * stored * alike
        written += self.state[level, "write"] * stored * alike
        room = lv.bandwidth
        needed = [(read, room.read), (written, room.write), (read + written, room.shared)]
        return max(
            (moved / instances / (rate * room.word_bits) for moved, rate in needed if rate),
            default=0.0,
        )

    @cached_property
    def energy(self) -> float:
        """Energy in pJ, from what a row of each kind takes."""
        _, rows = self.traffic
        names = {"read": "read", "fill": "write", "update": "update"}
        names |= {"metadata_read": "metadata_read", "metadata_fill": "metadata_write"}
        total = 0.0
        for (level, _, action, kind), count in rows.items():
            name = names.get(action)
            if name is None or (kind == "skipped" and "metadata" in name):
                continue
            prefix = "" if kind == "actual" else f"{kind}_"
            total += count * self.chip.levels[level].energy.get(prefix + name, 0.0)
        for (level, way), count in self.state.items():
            per_value = 1.0 / self.in_row(level, self.layer.bits.state)
            total += count * per_value * self.chip.levels[level].energy.get(way, 0.0)
        for kind, count in self.computes.items():
            name = "compute" if kind == "actual" else f"{kind}_compute"
            total += count * self.chip.compute.energy.get(name, 0.0)
        if self.layer.neurons and self.chip.neuron:
            layer = self.layer
            updates = layer.T * layer.N * layer.M * layer.P * layer.Q
            total += updates * (self.chip.neuron.energy or 0.0)
        return total

    @cached_property
    def traffic(self) -> tuple[dict, dict]:
        """Expected values and rows of all instances, by (level, tensor, read/fill/update, kind)."""
        values: dict = defaultdict(float)
        rows: dict = defaultdict(float)
        for (level, x), deliveries in self.deliveries.items():
            child = self.child(level, x)
            dense = 1.0 if not self.has_metadata(level, x) else self.layer.density_of(NAMES[x])
            # A mask bit for every coordinate that moves.
            stated, known_inside = self.mask_rows(level, x), self.mask_rows(child, x)
            seen: dict[Index, set] = defaultdict(set)
            last: dict = {}
            for one in deliveries:
                for value in one.values:
                    last[one.at[0], value] = one
                    for member in one.members:
                        last[member, value, "child"] = one
            received: dict[Index, set] = defaultdict(set)
            for one in deliveries:
                a, s, h = (self.chance(n) for n in (one.arrives, one.unskipped, one.happens))
                shares = dict(zip(KINDS, (h, s - h, a - s), strict=True))
                read = len(one.values)
                if x == OUTPUTS:
                    read -= len(one.values - seen[one.at[0]])
                    seen[one.at[0]] |= one.values
                for kind in KINDS:
                    values[level, x, "read", kind] += read * shares[kind] * dense
                    rows[level, x, "metadata_read", kind] += read * shares[kind] * stated
                    if x == OUTPUTS:
                        values[level, x, "update", kind] += len(one.values) * shares[kind] * dense
                if child == self.levels:
                    continue
                inner = 1.0 if not self.has_metadata(child, x) else self.layer.density_of(NAMES[x])
                for member in one.members:
                    filled = len(one.values)
                    if x == OUTPUTS:
                        filled -= len(one.values - received[member])
                        received[member] |= one.values
                        done = sum(last[member, v, "child"] is one for v in one.values)
                        values[child, x, "read", "actual"] += len(one.values) * h * inner
                        partial = (len(one.values) - done) * h * inner
                        self._add(rows, child, x, "read", "actual", partial, finished=False)
                        self._add(rows, child, x, "read", "actual", done * h * inner, finished=True)
                    values[child, x, "fill", "actual"] += filled * h * inner
                    rows[child, x, "metadata_fill", "actual"] += filled * h * known_inside
                    self._add(rows, child, x, "fill", "actual", filled * h * inner, finished=False)
            self._count_rows(level, x, deliveries, dense, last, rows)
        return values, rows

    def _add(self, rows, level, x, action, kind, count, *, finished) -> None:
        """Count the rows of so many values, and the bits in them."""
        full = count / self.values_per_row(level, x, finished=finished)
        rows[level, x, action, kind] += full
        width = self.chip.levels[level].width or self.value_bits(level, x, finished=finished)
        rows[level, x, "bits of " + action, kind] += full * width

    def mask_rows(self, level: int, x: int) -> float:
        """Rows of metadata that a coordinate's mask bit takes."""
        if level == self.levels or not self.has_metadata(level, x):
            return 0.0
        return 1.0 / self.chip.levels[level].metadata.width

    def _count_rows(self, level, x, deliveries, dense, last, rows) -> None:
        """Add the rows that a level's deliveries take."""
        seen: dict[Index, set] = defaultdict(set)
        child = self.child(level, x)
        finished_block = self.values_per_row(level, x, finished=True)
        for finished, block in ((False, self.values_per_row(level, x)), (True, finished_block)):
            seen.clear()
            for together in self._in_rows(level, child, x, deliveries, block):
                a, s, h = (
                    self.chance_of_any([getattr(one, need) for one in together])
                    for need in ("arrives", "unskipped", "happens")
                )
                shares = dict(zip(KINDS, (h, s - h, a - s), strict=True))
                read = update = 0
                for one in together:
                    new = one.values - seen[one.at[0]] if x == OUTPUTS else frozenset()
                    seen[one.at[0]] |= one.values if x == OUTPUTS else set()
                    read += len(one.values) - len(new)
                    done = sum(last[one.at[0], v] is one for v in one.values)
                    update += done if finished else len(one.values) - done
                for kind in KINDS:
                    share = shares[kind] * dense
                    if not finished:
                        self._add(rows, level, x, "read", kind, read * share, finished=False)
                    if x == OUTPUTS:
                        self._add(rows, level, x, "update", kind, update * share, finished=finished)

    def _in_rows(self, level, child, x, deliveries, block) -> list[list[Delivery]]:
        """Deliveries whose values share rows."""
        sizes = {len(self.values_from(x, child, one.members[0], box=True)) for one in deliveries}
        tile = sizes.pop()
        if block <= tile:
            return [[one] for one in deliveries]
        if self.has_metadata(level, x):
            raise Unfit("a compressed row longer than a tile")
        moves = self._moving(x)
        times = [lp for lp in self.loops if lp.kind == 0 and lp.level < child]
        spaces = [lp for lp in self.loops if lp.kind != 0 and level <= lp.level < child]
        # The loops that a row runs over, innermost first, and how many steps it takes of each.
        inside = [lp for lp in self.loops if level <= lp.level < child and lp.dim in moves][::-1]
        need, taken, divides = block / tile, {}, True
        for loop in inside:
            if need <= 1:
                break
            taken[loop] = min(loop.steps, int(np.ceil(need - 1e-9)))
            divides = divides and loop.steps % taken[loop] == 0
            need /= taken[loop]
        divides = divides and need > 1 - 1e-9
        if not divides and self.strict:
            raise Unfit("a row that does not divide a loop")
        if any(len(set(one.values)) not in (0, tile) for one in deliveries) and x != INPUTS:
            raise Unfit("rows of sliding tiles")
        if x == INPUTS and tile > 1:
            raise Unfit("rows of sliding tiles")
        found: dict = defaultdict(list)
        ways = prod(lp.steps for lp in spaces if lp.dim in moves)
        shared = defaultdict(set)
        for one in deliveries:
            shared[one.at[:2]].add(one.at[2])
        if any(len(s) != ways for s in shared.values()):
            raise Unfit("rows of tiles reached in several ways")
        for one in deliveries:
            place, time, space = one.at
            steps = dict(zip([*times, *spaces], [*time, *space], strict=True))
            at, size, key = 0, 1, [place]
            for loop in inside:
                at += steps.pop(loop) * size
                size *= loop.steps
            key += [at // max(1, int(block / tile)), *steps.values()]
            found[tuple(key)].append(one)
        return list(found.values())

    @cached_property
    def computes(self) -> dict[str, float]:
        """Expected computes that accumulate (or are done anyway), are gated, are skipped."""
        found = dict.fromkeys(KINDS, 0.0)
        assert self.deliveries
        unit = self.chip.compute
        innermost = [max(i for i in range(self.levels) if self.keep[i][x]) for x in (0, 1)]
        hidden = [self.has_metadata(innermost[x], x) for x in (0, 1)]
        served = {
            x: {
                (member, one.at[1]): one
                for one in self.deliveries[innermost[x], x]
                for member in one.members
            }
            for x in (0, 1)
        }
        for _, place in self.positions(0, self.levels, space=True):
            for steps, time in self.positions(0, self.levels, space=False):
                at = dict(zip(self.dims, add(place, time), strict=True))
                sets: list[set] = [set(), set(), set()]
                unskipped: list[set] = [set(), set(), set()]
                for x in (0, 1):
                    one = served[x][place, steps]
                    for y in range(3):
                        sets[y] |= one.happens.sets[y]
                        unskipped[y] |= one.skips.sets[y]
                let = Needs(tuple(frozenset(s) for s in sets))
                states = []
                for x in (0, 1):
                    p, index = self.placements[x], self.index(x, at)
                    all_met = p.all_of(let.sets[x])
                    if index in p.place:
                        here = p.nonzero[:, p.place[index]]
                        zero = "hidden" if hidden[x] else "zero"
                        states.append({"value": p.mean(all_met & here),
                                       zero: p.mean(all_met & ~here)})  # fmt: skip
                    else:
                        states.append({"padding": p.mean(all_met)})
                outputs = self.placements[OUTPUTS]
                third = outputs.mean(outputs.all_of(let.sets[OUTPUTS]))
                for (a, pa), (b, pb) in product(states[0].items(), states[1].items()):
                    kind = self._what_happens(unit, {a, b}, {a, b} <= {"hidden", "padding"})
                    if kind:
                        found[kind] += pa * pb * third
                idle = self.chance(Needs(tuple(frozenset(s) for s in unskipped)))
                found["gated"] += idle - self.chance(let)
        return found

    @staticmethod
    def _what_happens(unit, states: set[str], nothing: bool) -> str | None:
        if nothing:
            return None
        if states == {"value"}:
            return "actual"
        if unit.skips and states & {"hidden", "padding"}:
            return "skipped"
        if unit.gates or "padding" in states:
            return "gated"
        return "actual"


def add(a: Index, b: Index) -> Index:
    return tuple(x + y for x, y in zip(a, b, strict=True))
