"""Leader tiles against the referee: what really must be empty for a read to be left alone."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from loop_walk import Walk
from nests import mappings, problems

from leanspike.hardware.counts.leader import leader_sizes, leader_values
from leanspike.hardware.counts.nest import list_loops


def model_leader(problem, mapping, target, condition, level, child) -> int:
    loops = np.empty((mapping.factors.size, 3), np.int64)
    count = list_loops(mapping.factors, mapping.order, loops)
    sizes = np.ones(len(problem.dims), np.int64)
    spread = mapping.factors.reshape(mapping.levels, 3, -1)[:, 1:]
    fans_out = (spread > 1).any(axis=(1, 2))
    usable = leader_sizes(
        True, problem.coefficients, target, condition, level, child, 1, mapping.factors,
        mapping.order, loops, count, fans_out, mapping.along_x, sizes,
    )  # fmt: skip
    return leader_values(True, problem.coefficients, condition, sizes) if usable else 0


def walked_leaders(walk, target, condition, level, child) -> set[int]:
    """Sizes of what every read of the target from ``level`` waits for."""
    groups: dict = {}
    for place in walk.offsets(child, space=True):
        groups.setdefault(walk.trajectory(target, child, place), []).append(place)
    leaders = set()
    for tiles, members in groups.items():
        met: set = set()
        held = None
        for tile, time in zip(tiles, walk.offsets(child, space=False), strict=True):
            if held is not None and (tile != held or child == walk.levels):
                leaders.add(len(met))
                met = set()
            held = tile
            for place in members:
                met |= walk.touched(condition, child, place + time)
        leaders.add(len(met))
    return leaders


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
    above = (mapping.factors[:3] > 1).any(axis=0)
    for rank in problem.coefficients[target]:
        # Two loops over one rank reach the same tile in two ways: some reads then wait for more
        # than others, and the model takes the least.
        assume((above & (rank > 0)).sum() <= 1)
    walk = Walk(problem, mapping, np.ones((levels, 3), bool))
    found = model_leader(problem, mapping, target, condition, 0, 1)
    assert walked_leaders(walk, target, condition, 0, 1) == {found}
