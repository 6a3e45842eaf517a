"""Leader tiles against the referee: what really must be empty for a read to be skipped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from loop_walk import Walk
from nests import mappings, problems

from leanspike.hardware.model.leader_tiles import READS, VALUE, Spreads, describe, waited_steps
from leanspike.hardware.model.traffic import list_loops


def model_leaders(problem, mapping, target, leader, level, child) -> dict[int, float]:
    """The share of reads with leader tiles of each size."""
    loops = np.empty((mapping.factors.size, 3), np.int64)
    count = list_loops(mapping.factors, mapping.order, loops)
    uses = (problem.coefficients != 0).any(axis=1)
    steps = np.empty(mapping.factors.size, np.int64)
    waited_steps(uses, target, level, child, 0.0, mapping.factors, loops, count, steps)
    spreads = Spreads(problem, len(mapping.factors) // 3)
    found = np.empty(spreads.width, np.int64)
    spreads.known = describe(
        spreads.arrays, target, leader, level, child, VALUE, mapping.factors, loops, count, steps,
        spreads.known, found,
    )  # fmt: skip
    values, _, *numbers = spreads.renumbered(found).tolist()
    sizes = [(values, 1.0)]
    for number in numbers:
        if number >= 0:
            spread = spreads.spread(number)
            sizes = [
                (size * int(n), share * weight)
                for size, share in sizes
                for n, weight in zip(spread.values, spread.weights[READS], strict=True)
                if weight > 0
            ]
    return {n: sum(share for size, share in sizes if size == n) for n, _ in sizes}


def walked_leaders(walk, target, condition, level, child) -> dict[int, float]:
    """The share of reads from ``level`` that wait for so many values."""
    groups: dict = {}
    for place in walk.offsets(child, space=True):
        groups.setdefault(walk.trajectory(target, child, place), []).append(place)
    leaders: list[int] = []
    for tiles, members in groups.items():
        met: set = set()
        held = None
        for tile, time in zip(tiles, walk.offsets(child, space=False), strict=True):
            if held is not None and (tile != held or child == walk.levels):
                leaders.append(len(met))
                met = set()
            held = tile
            for place in members:
                met |= walk.touched(condition, child, place + time)
        leaders.append(len(met))
    return {n: leaders.count(n) / len(leaders) for n in set(leaders)}


@st.composite
def cases(draw):
    problem = draw(problems())
    levels = draw(st.integers(1, 2))
    return problem, draw(mappings(problem, levels)), draw(st.permutations([0, 1]))


@settings(max_examples=200, deadline=None)
@given(cases())
def test_leader_is_what_the_shared_reads_wait_for(case):
    problem, mapping, (target, condition) = case
    levels = len(mapping.factors) // 3
    above = mapping.factors[0] > 1
    for rank in problem.coefficients[target]:
        # Two loops in time over one rank reach the same tile in two ways: some reads then wait for
        # more than others, and the model takes the least.
        assume((above & (rank > 0)).sum() <= 1)
    walk = Walk(problem, mapping, np.ones((levels, 3), bool))
    found = model_leaders(problem, mapping, target, condition, 0, 1)
    assert walked_leaders(walk, target, condition, 0, 1) == pytest.approx(found)
