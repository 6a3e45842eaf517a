"""What every read of a tensor depends on, described so that equal descriptions are equally likely.

A level that skips or gates reads of a *target* on a *leader* stops a read when every value
of the leader that is met while the values read stay is zero: the read's leader tile. How large it
is follows from the loops (:func:`waited_steps`), and where nothing slides that is all: so many
values. It is not the same for every read where

- the leader has padding: fewer of a tile's values are real at a border;
- equal target tiles are reached in several ways side by side (output column and kernel column
  name one input column): a shared read waits for all of its receivers, and there are fewer of
  them at the edges.

Both concern loops that share a rank of some tensor, such as output and kernel rows: a *group*. So
a leader tile is a number of values outside all groups, times a number that varies within each
group, and a :class:`Spread` says how often which number occurs. Groups are independent of each
other. One :class:`Spreads` numbers those of a problem; a description is ``(values, number of the
spread of each group)``, -1 where the group's number is the same for every read and is in
``values`` already.

A row of several values is needed when any of them is: its leader tile is that of all the values
it holds, in the order in which the level's reads walk them, innermost loops first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from leanspike.arrays import Bools, Ints, Reals
from leanspike.hardware.compiling import helper, inlined, kernel
from leanspike.hardware.model.distinct import distinct_sums
from leanspike.hardware.model.padding import real_in
from leanspike.hardware.workload.problem import Problem

#: Leader tiles of one condition and leader: of a value and of a row; of both the first time that
#: an output is reached; of a value, a row, and a row of finished outputs the last time.
VALUE, ROW, FIRST_VALUE, FIRST_ROW, LAST_VALUE, LAST_ROW, FINISHED_ROW = range(7)
VARIANTS = 7
#: Where a description's parts stand: values, run of a row of non-zeros, first spread.
VALUES, RUN, SPREAD = 0, 1, 2
NO_RUN, ENDLESS = 0, -1
#: By what leader tiles are weighted: reads, the values their receivers take, computes, and
#: computes that meet no padding.
READS, TAKEN, COMPUTES, REAL_COMPUTES, WEIGHTS = 0, 1, 2, 3, 4

# How a loop of a group is written in one number: flags, place of its dim in the group, factor and
# steps in the leader tile.
_SHARING, _FIRST, _LAST, _INSIDE = 1, 2, 3, 4
_DIM, _FACTOR, _STEPS = 3, 9, 36
_MASK = (1 << 27) - 1


@kernel
def waited_steps(
    uses: Bools,
    target: int,
    level: int,
    child: int,
    rows: float,
    factors: Ints,
    loops: Ints,
    count: int,
    steps: Ints,
) -> None:
    """Fill how many steps of every loop pass while what is read stays with its readers, [count].

    That is the child's own tile, over the loops in time above it that bring no other target tile,
    up to the first that does, and over the loops in space whose children share the read.

    Parameters
    ----------
    uses
        Which loops index a tensor, bool [X, D].
    level, child
        The level the target is read from, and the next one inside that keeps it.
    rows
        Reads (of whole tiles of the child) whose values share a row; 1 or less: none do;
        infinite: all do.
    loops, count
        From :func:`~leanspike.hardware.model.traffic.list_loops`.
    """
    stays = 3 * child < factors.shape[0]
    for i in range(count):
        slot, d = loops[i, 0], loops[i, 1]
        moves = uses[target, d]
        steps[i] = 1
        if slot >= 3 * child:
            steps[i] = factors[slot, d]
        elif slot % 3 == 0:
            stays = stays and not moves
            if stays:
                steps[i] = factors[slot, d]
        elif not moves and slot >= 3 * level:
            steps[i] = factors[slot, d]
    for i in range(count):
        slot, d = loops[i, 0], loops[i, 1]
        if rows <= 1.0:
            break
        if uses[target, d] and 3 * level <= slot < 3 * child:
            steps[i] = factors[slot, d]
            if rows < steps[i]:
                steps[i] = int(np.ceil(rows - 1e-9))
            rows /= steps[i]


@inlined
def run_of(
    uses: Bools,
    target: int,
    leader: int,
    level: int,
    child: int,
    factors: Ints,
    loops: Ints,
    count: int,
    sent: int,
) -> int:
    """Return how many successive target values meet the same of the leader; ``sent`` in a read."""
    for i in range(count):
        slot, d = loops[i, 0], loops[i, 1]
        if uses[target, d] and 3 * level <= slot < 3 * child:
            if uses[leader, d]:
                return sent
            sent *= factors[slot, d]
    return ENDLESS


class SpreadArrays(NamedTuple):
    """What :func:`describe` needs of :class:`Spreads`.

    ``coefficients`` [X, ranks, D], ``uses`` [X, D]: which dims index a tensor; ``group_of`` [D]:
    the group of every dim, or -1; ``masked``: the tensor with padding; ``keys`` and ``slots``
    number the spreads.
    """

    coefficients: Ints
    uses: Bools
    group_of: Ints
    masked: int
    keys: Ints
    slots: Ints


@inlined
def describe(
    spreads: SpreadArrays,
    target: int,
    leader: int,
    level: int,
    child: int,
    variant: int,
    factors: Ints,
    loops: Ints,
    count: int,
    steps: Ints,
    known: int,
    found: Ints,
) -> int:
    """Fill the description of a leader tile, [2 + groups]; return how many spreads are known.

    ``steps`` are as :func:`waited_steps` fills them. Of ``variant`` it matters whether only the
    first or the last reads of a target value are asked about. There must be room for one more
    spread of every group.
    """
    coefficients, uses, group_of, masked, keys, slots = spreads
    ranks = coefficients.shape[1]
    values = 1
    for i in range(count):
        d = loops[i, 1]
        if group_of[d] < 0 and uses[leader, d]:
            values *= steps[i]
    terms = np.empty((2, count + 1), np.int64)
    for g in range(len(found) - SPREAD):
        found[SPREAD + g] = -1
        touched, together, last = False, 0, -1
        for i in range(count):
            slot, d = loops[i, 0], loops[i, 1]
            if group_of[d] != g:
                continue
            if slot % 3 != 0 and 3 * level <= slot < 3 * child and uses[target, d]:
                together += d != last
                last = d
        for d in range(len(group_of)):
            touched = touched or (group_of[d] == g and uses[leader, d])
        if not touched:
            continue
        if leader != masked and together < 2:
            # The same for every read.
            for r in range(ranks):
                groups = np.int64(0)
                for i in range(count):
                    d = loops[i, 1]
                    step = coefficients[leader, r, d] * loops[i, 2]
                    if group_of[d] == g and step > 0 and steps[i] > 1:
                        terms[0, groups], terms[1, groups] = step, steps[i]
                        groups += 1
                values *= distinct_sums(terms[0], terms[1], groups)
            continue
        row = np.empty(keys.shape[1], np.int64)
        for part in range(len(row)):
            row[part] = 0
        row[0] = (target * coefficients.shape[0] + leader) * len(found) + g
        n = 1
        for i in range(count):
            slot, d = loops[i, 0], loops[i, 1]
            if group_of[d] != g:
                continue
            flags = 0
            if slot >= 3 * child:
                flags = _INSIDE
            elif slot % 3 != 0 and slot >= 3 * level and uses[target, d]:
                flags = _SHARING
            elif slot % 3 == 0 and not uses[target, d] and variant >= FIRST_VALUE:
                flags = _FIRST if variant < LAST_VALUE else _LAST
            place = 0
            for other in range(d):
                place += group_of[other] == g
            row[n] = flags | place << _DIM | factors[slot, d] << _FACTOR | steps[i] << _STEPS
            n += 1
        found[SPREAD + g], known = _number(row, keys, slots, known)
    found[VALUES], found[RUN] = values, NO_RUN
    return known


@kernel
def _number(row: Ints, keys: Ints, slots: Ints, known: int) -> tuple[int, int]:
    """Return the number of a row among ``known`` ones, and how many are known then."""
    value = np.uint64(1469598103934665603)
    for part in row:
        value = (value ^ np.uint64(part)) * np.uint64(1099511628211)
        value ^= value >> np.uint64(29)
    slot = int(value & np.uint64(0x7FFFFFFFFFFFFFFF)) & (len(slots) - 1)
    while slots[slot] >= 0:
        same = True
        for part in range(len(row)):
            same = same and keys[slots[slot], part] == row[part]
        if same:
            return slots[slot], known
        slot = (slot + 1) & (len(slots) - 1)
    slots[slot] = known
    for part in range(len(row)):
        keys[known, part] = row[part]
    return known, known + 1


@kernel
def _walk_group(
    coefficients: Ints,
    dims: Ints,
    bounds: Ints,
    target: int,
    leader: int,
    masked: int,
    real: Ints,
    row: Ints,
    spread: Reals,
) -> None:
    """Fill how often leader tiles of every number of values occur within a group, [4, n].

    Walks the group's loops: every place that is not inside the leader tile, and at each the
    receivers side by side, those of equal target tiles together. ``dims`` and ``bounds`` are the
    group's.
    """
    ranks = coefficients.shape[1]
    count = 0
    while count + 1 < len(row) and row[count + 1] > 0:
        count += 1
    # Every loop as steps within the leader tile and steps outside it.
    dim, inner = np.empty(count, np.int64), np.empty(count, np.int64)
    outer, step = np.empty(count, np.int64), np.empty(count, np.int64)
    flags = np.empty(count, np.int64)
    stride, stands = np.empty(len(dims), np.int64), np.empty(len(dims), np.int64)
    inside_tile = np.empty(len(dims), np.int64)
    for j in range(len(dims)):
        stride[j] = inside_tile[j] = 1
        stands[j] = 0
    for i in range(count):
        word = row[i + 1]
        flags[i] = word & 7
        dim[i] = (word >> _DIM) & 63
        factor, inner[i] = (word >> _FACTOR) & _MASK, word >> _STEPS
        step[i] = stride[dim[i]]
        stride[dim[i]] *= factor
        outer[i] = -(-factor // inner[i])
        if flags[i] == _FIRST or flags[i] == _LAST:
            stands[dim[i]] += (outer[i] - 1) * step[i] * inner[i] if flags[i] == _LAST else 0
            outer[i] = 1
    shares, moves = np.empty(count, np.bool_), np.empty(count, np.bool_)
    for i in range(count):
        shares[i] = flags[i] == _SHARING
        moves[i] = not shares[i]
    # Ranks of a tensor with padding, and of the target where it has padding, within the group.
    padded, sent_from = np.empty(ranks, np.bool_), np.empty(ranks, np.bool_)
    for r in range(ranks):
        padded[r] = sent_from[r] = False
        for j in range(len(dims)):
            if masked >= 0 and coefficients[masked, r, dims[j]] != 0:
                padded[r] = True
                sent_from[r] = target == masked
    sharing = staying = places = 1
    for i in range(count):
        staying *= inner[i]
        if flags[i] == _SHARING:
            sharing *= outer[i]
        else:
            places *= outer[i]
        if flags[i] == _INSIDE:
            inside_tile[dim[i]] *= inner[i]
    extent, values = np.empty((2, ranks), np.int64), 1  # the whole leader's, one target tile's
    for r in range(ranks):
        extent[0, r] = extent[1, r] = 1
        for k in range(len(dims)):
            extent[0, r] += coefficients[leader, r, dims[k]] * (bounds[k] - 1)
            extent[1, r] += coefficients[target, r, dims[k]] * (inside_tile[k] - 1)
        values *= extent[0, r]
    seen = np.empty(values, np.int64)
    for value in range(values):
        seen[value] = 0
    stamp = 0
    at, here = np.empty(len(dims), np.int64), np.empty(len(dims), np.int64)
    there = np.empty(len(dims), np.int64)
    codes = np.empty((sharing, ranks), np.int64)
    exists = np.empty(sharing, np.bool_)
    for place in range(places):
        _locate(place, dim, outer, step, inner, moves, at)
        for j in range(len(dims)):
            at[j] += stands[j]
        for k in range(sharing):
            _locate(k, dim, outer, step, inner, shares, here)
            exists[k] = True
            for j in range(len(dims)):
                exists[k] = exists[k] and at[j] + here[j] < bounds[j]
            for r in range(ranks):
                codes[k, r] = 0
                for j in range(len(dims)):
                    codes[k, r] += coefficients[target, r, dims[j]] * (at[j] + here[j])
        for k in range(sharing):
            if not exists[k]:
                continue
            exists[k] = False
            stamp += 1
            members, met, taps, real_taps = 0, 0, 0, 0
            for other in range(k, sharing):
                same = other == k or exists[other]
                for r in range(ranks):
                    same = same and codes[k, r] == codes[other, r]
                if not same:
                    continue
                exists[other] = False
                members += 1
                _locate(other, dim, outer, step, inner, shares, here)
                for tap in range(staying):
                    _locate_inside(tap, dim, inner, step, there)
                    value, is_real, in_bounds = 0, True, True
                    for j in range(len(dims)):
                        in_bounds = in_bounds and at[j] + here[j] + there[j] < bounds[j]
                    if not in_bounds:
                        continue
                    for r in range(ranks):
                        index = 0
                        for j in range(len(dims)):
                            index += coefficients[leader, r, dims[j]] * (at[j] + here[j] + there[j])
                        value = value * extent[0, r] + index
                        if padded[r]:
                            index = 0
                            for j in range(len(dims)):
                                far = at[j] + here[j] + there[j]
                                index += coefficients[masked, r, dims[j]] * far
                            is_real = is_real and real_in(real, r, index, 1) > 0
                    taps += 1
                    real_taps += is_real
                    if (is_real or leader != masked) and seen[value] != stamp:
                        seen[value] = stamp
                        met += 1
            sent = 1
            for r in range(ranks):
                if sent_from[r]:
                    sent *= real_in(real, r, codes[k, r], extent[1, r])
            spread[READS, met] += sent
            spread[TAKEN, met] += sent * members
            spread[COMPUTES, met] += taps
            spread[REAL_COMPUTES, met] += real_taps


@helper
def _locate(
    number: int,
    dim: Ints,
    outer: Ints,
    step: Ints,
    inner: Ints,
    here: Bools,
    at: Ints,
) -> None:
    """Fill where the steps outside the leader tile stand, [group's dims], of the loops ``here``."""
    for j in range(len(at)):
        at[j] = 0
    for i in range(len(dim)):
        if here[i]:
            at[dim[i]] += (number % outer[i]) * step[i] * inner[i]
            number //= outer[i]


@inlined
def _locate_inside(number: int, dim: Ints, inner: Ints, step: Ints, at: Ints) -> None:
    """Fill where the steps inside the leader tile stand, [group's dims]."""
    for j in range(len(at)):
        at[j] = 0
    for i in range(len(dim)):
        at[dim[i]] += (number % inner[i]) * step[i]
        number //= inner[i]


@dataclass(frozen=True)
class Spread:
    """How many values the leader tiles within a group meet: ``values`` [n], and how often.

    ``weights`` [4, n] are by reads, values taken, computes, and computes that meet no padding (a
    fraction of all computes); each of the first three sums to 1.
    """

    values: Ints
    weights: Reals


class Spreads:
    """Numbers the spreads that occur under mappings of one problem.

    ``keys`` and ``slots`` are :func:`describe`'s; equal spreads get one number in
    :meth:`canonical`.
    """

    def __init__(self, problem: Problem, levels: int) -> None:
        self.problem = problem
        self.group_of = groups_of(problem)
        groups = int(self.group_of.max(initial=-1)) + 1
        self._dims = [np.flatnonzero(self.group_of == g) for g in range(groups)]
        #: Fraction of the computes that meet no padding, by group.
        self.real = [self._real_of(dims) for dims in self._dims]
        longest = max([len(dims) for dims in self._dims], default=0)
        self.keys: Ints = np.zeros((64, 1 + 3 * levels * longest), np.int64)
        self.slots: Ints = np.full(256, -1, np.int64)
        self.known = 0
        self._spreads: list[Spread] = []
        self._same: dict[bytes, int] = {}
        self._canonical: list[int] = []

    @property
    def arrays(self) -> SpreadArrays:
        """Return what compiled code takes; it changes when room is made."""
        coefficients = self.problem.coefficients
        uses = (coefficients != 0).any(axis=1)
        return SpreadArrays(
            coefficients, uses, self.group_of, self.problem.masked, self.keys, self.slots
        )

    @property
    def groups(self) -> int:
        """How many groups of loops there are."""
        return len(self._dims)

    @property
    def width(self) -> int:
        """How many numbers a description has."""
        return SPREAD + self.groups

    def room_for(self, more: int) -> None:
        """Make room for so many further spreads."""
        if self.known + more <= len(self.keys):
            return
        keys = np.zeros((2 * (self.known + more), self.keys.shape[1]), np.int64)
        self.slots = np.full(1 << int(4 * len(keys)).bit_length(), -1, np.int64)
        known = 0
        for row in self.keys[: self.known]:
            _, known = _number(row, keys, self.slots, known)
        self.keys = keys

    def canonical(self) -> Ints:
        """Return the number in :meth:`spread` of every number that ``describe`` has given."""
        for number in range(len(self._canonical), self.known):
            one = self._walk(self.keys[number])
            key = one.values.tobytes() + b"|" + np.round(one.weights, 12).tobytes()
            if key not in self._same:
                self._same[key] = len(self._spreads)
                self._spreads.append(one)
            self._canonical.append(self._same[key])
        return np.array(self._canonical, np.int64)

    def renumbered(self, described: Ints) -> Ints:
        """Return descriptions [..., 2 + groups] with the canonical numbers of their spreads."""
        found = described.copy()
        canonical = self.canonical()
        if len(canonical):
            numbers = found[..., SPREAD:]
            found[..., SPREAD:] = np.where(numbers >= 0, canonical[np.maximum(numbers, 0)], -1)
        return found

    def typical(self, described: Ints) -> Ints:
        """Return one size of leader tile for each of n descriptions: the largest there is."""
        sizes = described[:, VALUES].copy()
        for k, row in enumerate(described[:, SPREAD:]):
            for number in row[row >= 0]:
                sizes[k] *= self.spread(int(number)).values.max()
        return sizes

    def spread(self, number: int) -> Spread:
        """Return a spread by its canonical number."""
        return self._spreads[number]

    def _real_of(self, dims: Ints) -> float:
        problem = self.problem
        if problem.masked < 0:
            return 1.0
        real = problem.real.copy()
        real[~(problem.coefficients[problem.masked][:, dims] > 0).any(axis=1), 0] = -1
        return problem.share_meeting(real)

    def _walk(self, row: Ints) -> Spread:
        problem = self.problem
        g = int(row[0]) % self.width
        target, leader = divmod(int(row[0]) // self.width, len(problem.tensors))
        dims = self._dims[g]
        extents = 1 + problem.coefficients[leader][:, dims] @ (problem.bounds[dims] - 1)
        counts = np.zeros((WEIGHTS, int(extents.prod()) + 1))
        _walk_group(
            problem.coefficients, dims, problem.bounds[dims], target, leader, problem.masked,
            problem.real, row, counts,
        )  # fmt: skip
        computes = counts[COMPUTES].sum()
        counts[REAL_COMPUTES] /= computes
        for weight in (READS, TAKEN, COMPUTES):
            counts[weight] /= max(counts[weight].sum(), 1e-300)
        values = np.flatnonzero(counts.any(axis=0))
        return Spread(values, counts[:, values])


def groups_of(problem: Problem) -> Ints:
    """Return the group of every dim that shares a rank of some tensor with another, else -1."""
    group = np.arange(len(problem.dims))
    padded = np.zeros(len(problem.dims), np.bool_)
    for x, ranks in enumerate(problem.coefficients):
        for r, rank in enumerate(ranks):
            has_padding = x == problem.masked and problem.real[r, 0] >= 0
            shared = np.flatnonzero((rank > 0) & ((problem.bounds > 1) | has_padding))
            padded[shared] |= has_padding
            for d in shared[1:]:
                group[group == group[d]] = group[shared[0]]
    numbers = np.full(len(group), -1, np.int64)
    known: dict[int, int] = {}
    for d, one in enumerate(group):
        if (group == one).sum() > 1 or padded[d]:
            numbers[d] = known.setdefault(int(one), len(known))
    return numbers
