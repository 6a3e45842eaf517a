"""Dense counts against the referee that walks the loops, and hand-counted cases."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_walk import Walk
from nests import nests

from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.distinct import distinct_sums
from leanspike.hardware.model.traffic import count_nests
from leanspike.hardware.workload.problem import Problem


def count(problem: Problem, mapping: Mapping, keep: np.ndarray, *, exact: bool = True):
    tile, partition = np.zeros((2, 1, *keep.shape), np.int64)
    arriving, leaving = np.zeros((2, 1, *keep.shape))
    instances = np.zeros((1, len(keep) + 1), np.int64)
    count_nests(
        mapping.arrays, problem.coefficients, keep, exact, problem.masked, problem.real, tile,
        arriving, leaving, partition, instances,
    )  # fmt: skip
    return tile[0], arriving[0], leaving[0], partition[0], instances[0]


@settings(max_examples=150, deadline=None)
@given(nests())
def test_every_dense_count_equals_the_walk(nest):
    problem, mapping, keep = nest
    walk = Walk(problem, mapping, keep)
    tile, arriving, leaving, partition, instances = count(problem, mapping, keep)
    for level, x in product(*map(range, keep.shape)):
        if not keep[level, x]:
            assert tile[level, x] == arriving[level, x] == leaving[level, x] == 0
            continue
        places = list(walk.offsets(level, space=True))
        assert instances[level] == len(places)
        for place in (places[0], places[-1]):
            assert tile[level, x] == len(walk.tile(x, level, place))
            assert leaving[level, x] == walk.leaving(x, level, place)
            expected = 0 if walk.is_outermost(x, level) else walk.arriving(x, level, place)
            assert arriving[level, x] == expected
            if x == problem.written:
                assert partition[level, x] == walk.ever_held(x, level, place)
    assert instances[-1] == sum(1 for _ in walk.offsets(len(keep), space=True))


@settings(max_examples=60, deadline=None)
@given(nests())
def test_timeloop_overlap_keeps_at_most_the_exact_one(nest):
    problem, mapping, keep = nest
    exact = count(problem, mapping, keep)[1]
    extrapolated = count(problem, mapping, keep, exact=False)[1]
    assert (extrapolated >= exact).all()


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 6)), min_size=0, max_size=4)
)  # fmt: skip
def test_distinct_sums_equals_the_set(groups):
    steps, lengths = (np.array([g[i] for g in groups], np.int64) for i in (0, 1))
    sums = {
        sum(s * i for s, i in zip(steps, at, strict=True))
        for at in product(*(range(n) for n in lengths))
    }
    assert distinct_sums(steps, lengths, len(groups)) == len(sums)


def test_sliding_window_fetches_only_the_new_column():
    shapes = {"W": ((("R", 1),),), "I": ((("P", 1), ("R", 1)),), "O": ((("P", 1),),)}
    problem = Problem.build({"P": 8, "R": 3}, shapes, written="O")
    mapping = Mapping.from_text(problem.dims, ["P=8", "R=3"])
    keep = np.ones((2, 3), bool)
    _, arriving, leaving, *_ = count(problem, mapping, keep)
    assert arriving[1].tolist() == [3, 10, 8]  # weights stay; 3 + 7 inputs; each output once
    assert leaving[0].tolist() == [3, 10, 8]
    assert leaving[1].tolist() == [24, 24, 24]


@pytest.mark.parametrize(("text", "reads"), [("| | M=4", 1), ("| M=2 | M=2", 1), ("M=4 | |", 4)])
def test_children_of_equal_tiles_share_one_read(text, reads):
    shapes = {"A": ((("K", 1),),), "B": ((("K", 1),), (("M", 1),)), "Z": ((("M", 1),),)}
    problem = Problem.build({"M": 4, "K": 1}, shapes, written="Z")
    mapping = Mapping.from_text(problem.dims, [text])
    leaving = count(problem, mapping, np.ones((1, 3), bool))[2]
    assert leaving[0].tolist() == [reads, 4, 4]
