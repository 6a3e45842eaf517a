"""Leader tiles against the referee: what really must be empty for a read to be left alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_walk import Walk
from nests import mappings

from leanspike.hardware.counts.leader import leader_sizes
from leanspike.hardware.counts.nest import list_loops, tile_size
from leanspike.hardware.problem import Problem


def model_leader(problem, mapping, target, condition, level, child) -> int:
    loops = np.empty((mapping.factors.size, 3), np.int64)
    count = list_loops(mapping.factors, mapping.order, loops)
    sizes = np.ones(len(problem.dims), np.int64)
    fans_out = bool((mapping.factors[-2:] > 1).any())
    usable = leader_sizes(
        True, problem.coefficients, target, condition, level, child, 1, mapping.factors,
        mapping.order, loops, count, fans_out, sizes,
    )  # fmt: skip
    return tile_size(problem.coefficients, condition, sizes) if usable else 0


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
                met |= walk.tile(condition, child, place + time)
        leaders.add(len(met))
    return leaders


@st.composite
def cases(draw):
    bounds = {dim: draw(st.sampled_from([1, 2, 3, 4])) for dim in "MNK"}
    one = {dim: ((dim, 1),) for dim in bounds}
    problem = Problem.build(
        bounds,
        {"A": (one["M"], one["K"]), "B": (one["N"], one["K"]), "Z": (one["M"], one["N"])},
        written="Z",
    )
    levels = draw(st.integers(1, 2))
    return problem, draw(mappings(problem, levels)), draw(st.permutations([0, 1]))


@settings(max_examples=200, deadline=None)
@given(cases())
def test_leader_is_what_the_shared_reads_wait_for(case):
    problem, mapping, (target, condition) = case
    levels = len(mapping.factors) // 3
    walk = Walk(problem, mapping, np.ones((levels, 3), bool))
    found = model_leader(problem, mapping, target, condition, 0, 1)
    assert walked_leaders(walk, target, condition, 0, 1) == {found}
