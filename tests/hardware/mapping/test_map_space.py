"""The map space against brute force over all factor tuples and orders."""

from __future__ import annotations

from itertools import permutations, product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.hardware.mapping.map_space import LoopGroup, MapSpace
from leanspike.hardware.mapping.walk import Limit, Nests, walk, why_empty

Nest = tuple[tuple[tuple[str, int], ...], ...]


def brute(space: MapSpace) -> set[Nest]:
    """Every loop nest by trying every factor from 1 to the bound in every group and order."""
    names = list(space.bounds)
    per_dimension = []
    for name in names:
        bound = space.bounds[name]
        rows = []
        for row in product(range(1, bound + 1), repeat=len(space.groups)):
            fixed = prod(group.fixed.get(name, 1) or 1 for group in space.groups)
            if prod(row) == bound and all(
                allowed(group, name, factor, bound / fixed)
                for group, factor in zip(space.groups, row, strict=True)
            ):
                rows.append(row)
        per_dimension.append(rows)
    nests: set[Nest] = set()
    for rows in product(*per_dimension):
        groups = []
        for g, group in enumerate(space.groups):
            loops = [(n, row[g]) for n, row in zip(names, rows, strict=True) if row[g] > 1]
            groups.append([o for o in permutations(loops) if in_order(group, o)])
            if group.spatial:
                groups[-1] = [tuple(sorted(loops))]
        nests.update(product(*groups))
    return nests


def allowed(group: LoopGroup, name: str, factor: int, rest: float) -> bool:
    given_factor = group.fixed.get(name, factor)
    return (
        factor == (given_factor or rest)
        and factor >= group.least.get(name, 1)
        and factor <= group.most.get(name, factor)
        and (group.only is None or name in group.only or factor == 1)
    )


def in_order(group: LoopGroup, order: tuple[tuple[str, int], ...]) -> bool:
    """Whether an order, outermost first, has the given ends; unit loops are nowhere."""
    names = [name for name, _ in reversed(order)]
    inner = [n for n in group.inner if n in names]
    outer = [n for n in group.outer if n in names]
    return names[: len(inner)] == inner and names[len(names) - len(outer) :] == outer


def walked(space: MapSpace, limits: tuple[Limit, ...] = (), rows: int = 64) -> list[Nest]:
    names = space.dimensions
    nests = []
    for block in walk(space, limits, rows=rows):
        orders = block.orders[block.order].tolist()
        for factors, order in zip(block.nests.factors().tolist(), orders, strict=True):
            nest = tuple(
                tuple((names[d], f[d]) for d in o if f[d] > 1)
                for f, o in zip(factors, order, strict=True)
            )
            nests.append(
                tuple(
                    tuple(sorted(part)) if group.spatial else part
                    for group, part in zip(space.groups, nest, strict=True)
                )
            )
    return nests


@st.composite
def spaces(draw: st.DrawFn) -> MapSpace:
    names = ("C", "M", "T")
    bounds = {n: draw(st.sampled_from([1, 2, 3, 4, 6, 8])) for n in names}
    groups = []
    for g in range(3):
        spatial = g == 1 and draw(st.booleans())
        fixed = draw(
            st.dictionaries(st.sampled_from(names), st.sampled_from([0, 1, 2]), max_size=1)
        )
        most = draw(st.dictionaries(st.sampled_from(names), st.sampled_from([1, 2, 4]), max_size=1))
        least = draw(st.dictionaries(st.sampled_from(names), st.just(2), max_size=1))
        given_order = draw(st.permutations(names))
        cut = draw(st.integers(0, 3))
        last = draw(st.integers(cut, 3))
        groups.append(
            LoopGroup(
                f"level {g}",
                fixed=fixed,
                most=most,
                least=least if draw(st.booleans()) else {},
                only=frozenset(draw(st.sets(st.sampled_from(names), min_size=1)))
                if draw(st.booleans())
                else None,
                inner=tuple(given_order[:cut]),
                outer=tuple(given_order[last:]),
                instances=draw(st.sampled_from([2, 4, 8])) if spatial else None,
            )
        )
    try:
        return MapSpace(bounds, tuple(groups))
    except InputError:  # contradictory constraints: their message has its own test
        return MapSpace(bounds, (LoopGroup("outer"), LoopGroup("inner")))


@settings(max_examples=150, deadline=None)
@given(spaces())
def test_walk_finds_what_brute_force_finds_once(space: MapSpace) -> None:
    expected = brute(space)
    assert space.total == len(expected)
    fanned = {
        nest
        for nest in expected
        if all(
            group.instances is None or prod(f for _, f in part) <= group.instances
            for group, part in zip(space.groups, nest, strict=True)
        )
    }
    found = walked(space)
    assert len(found) == len(set(found))
    assert set(found) == fanned


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(1, 48))
def test_limits_drop_only_what_breaks_them(space: MapSpace, words: int) -> None:
    def tile(nests: Nests) -> np.ndarray:
        c, m, t = (nests.inside(1, d) for d in range(3))
        return c * m + m * t <= words

    limited = set(walked(space, (Limit("buffer", tile),)))
    kept = set()
    for nest in walked(space):
        inside = {n: prod(f for part in nest[1:] for m, f in part if m == n) for n in space.bounds}
        if inside["C"] * inside["M"] + inside["M"] * inside["T"] <= words:
            kept.add(nest)
    assert limited == kept


def test_walk_is_the_same_every_time_and_for_every_block_size() -> None:
    space = MapSpace(
        {"C": 12, "M": 6}, (LoopGroup("a"), LoopGroup("b", instances=4), LoopGroup("c"))
    )
    assert walked(space, rows=7) == walked(space, rows=7)
    assert set(walked(space, rows=1)) == set(walked(space, rows=1 << 20))


def test_a_bound_that_cannot_be_split_names_the_constraints() -> None:
    with pytest.raises(InputError, match="no split of C = 6 satisfies a C=4, b C<=1"):
        MapSpace({"C": 6}, (LoopGroup("a", fixed={"C": 4}), LoopGroup("b", most={"C": 1})))


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (LoopGroup("a", fixed={"K": 2}), "dimension 'K', expected one of C, M"),
        (LoopGroup("a", inner=("C",), outer=("C",)), "order names C 2 times"),
        (LoopGroup("a", fixed={"C": -1}), "found the factor C = -1"),
    ],
)
def test_a_constraint_that_means_nothing_is_refused(group: LoopGroup, message: str) -> None:
    with pytest.raises(InputError, match=message):
        MapSpace({"C": 4, "M": 2}, (group,))


def test_an_empty_space_names_the_limit_that_emptied_it() -> None:
    space = MapSpace({"C": 4}, (LoopGroup("outer", fixed={"C": 1}), LoopGroup("inner")))
    small = Limit("buffer of 2 words", lambda nests: nests.factor(1, 0) <= 2)
    large = Limit("buffer of 8 words", lambda nests: nests.factor(1, 0) <= 8)
    error = why_empty(space, [small, large])
    assert "no mapping is left by buffer of 2 words" in str(error)
    assert "8 words" not in str(error)


def test_limits_that_only_together_leave_nothing_are_all_named() -> None:
    space = MapSpace({"C": 4}, (LoopGroup("outer"), LoopGroup("inner")))
    outer = Limit("outer of 1", lambda nests: nests.factor(0, 0) <= 1)
    inner = Limit("inner of 1", lambda nests: nests.factor(1, 0) <= 1)
    # Each is monotone and meets some split alone; no split meets both.
    assert not list(walk(space, [outer, inner]))
    assert "outer of 1 and inner of 1 together" in str(why_empty(space, [outer, inner]))


def test_the_paper_s_layer_has_the_space_its_constraints_declare() -> None:
    """Conv4 by row-stationary constraints: C and M are free over 4 groups each, all else given."""
    given_factors = [
        ("DRAM temporal", {"T": 20}, "CM"),
        ("buffer temporal", {"P": 0}, "CM"),
        ("buffer across x", {"Q": 0}, ""),
        ("buffer across y", {"S": 0}, "CM"),
        ("weights temporal", {"R": 0}, "C"),
        ("sums temporal", {}, "M"),
    ]
    names = "TNCMPQRS"
    groups = tuple(
        LoopGroup(
            name,
            fixed={d: factors.get(d, 1) for d in names if d not in free},
            inner=tuple(names),
            instances={"buffer across x": 32, "buffer across y": 24}.get(name),
        )
        for name, factors, free in given_factors
    )
    bounds = dict(zip(names, (20, 1, 128, 128, 16, 16, 3, 3), strict=True))
    space = MapSpace(bounds, groups)
    # 2^7 over four groups: choose 3 of 10, for C and for M.
    assert space.total == 120 * 120
    assert sum(len(block) for block in walk(space)) == len(set(walked(space, rows=4096)))
