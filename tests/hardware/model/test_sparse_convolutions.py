"""Sparse convolutions with halo, stride and dilation, against every placement.

The referee places the non-zeros of small inputs and weights in every possible way, walks the nest
over these tensors, and averages what is read, skipped and computed.
"""

from __future__ import annotations

from itertools import combinations, product
from math import comb, prod

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from loop_walk import Walk
from nests import mappings
from sparse_walk import computes, deliveries, nonzero_in

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.actions import FILL, READ, SKIPPED
from leanspike.hardware.model.evaluate import evaluate
from leanspike.hardware.model.plan import Bits, Plan
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.sparsity.density import Uniform
from leanspike.hardware.workload.layer import Layer
from leanspike.hardware.workload.problem import Problem

BITS = Bits(dict.fromkeys(("Weights", "Inputs", "Outputs"), 8), 8)
KEEP = np.ones((2, 3), bool)


@st.composite
def convolutions(draw) -> Problem:
    kernel = draw(st.sampled_from([2, 3]))
    dilation = draw(st.sampled_from([1, 2]))
    layer = Layer(
        name="conv",
        T=draw(st.sampled_from([1, 2])),
        C=draw(st.sampled_from([1, 2])),
        M=draw(st.sampled_from([1, 2])),
        P=draw(st.sampled_from([1, 2, 3])),
        R=kernel,
        # Windows that touch: a tile is a box, and gaps between windows would be in it.
        stride=(draw(st.sampled_from([1, 2])), 1),
        dilation=(dilation, 1),
    )
    return Problem.of(layer)


def chip(*, outer=(), inner=(), formats=False) -> Architecture:
    everything = ["Weights", "Inputs", "Outputs"]
    layout = {"Inputs": "UBM", "Weights": "UBM"} if formats else {}
    return Architecture(
        name="pair",
        levels=[
            {"name": "far", "keeps": everything, "skips": outer, "formats": layout,
             "fanout": {"x": 999, "y": 999}},
            {"name": "near", "keeps": everything, "skips": inner, "formats": layout,
             "fanout": {"x": 999, "y": 999}},
        ],
    )  # fmt: skip


def placements(shape: tuple[int, ...], count: int):
    for places in combinations(range(prod(shape)), count):
        flat = np.zeros(prod(shape), int)
        flat[list(places)] = 1
        yield flat.reshape(shape)


def shape_of(problem: Problem, x: int) -> tuple[int, ...]:
    return tuple(int(n) for n in 1 + problem.coefficients[x] @ (problem.bounds - 1))


def evaluated(problem, mapping, counts, **described):
    volumes = list(problem.volumes().values())
    models = [Uniform(volumes[0], counts[0]), Uniform(volumes[1], counts[1]), Uniform(1, 1)]
    models[2] = Uniform(volumes[2], volumes[2])
    plan = Plan.of(chip(**described), problem, BITS, Semantics())
    return evaluate(plan, mapping, models, Semantics())


def one_way(problem: Problem, mapping: Mapping, target: int) -> bool:
    """Whether every tile of a tensor is reached by one loop over each of its ranks alone."""
    above = (mapping.factors[:3] > 1).any(axis=0)
    return all((above & (rank > 0)).sum() <= 1 for rank in problem.coefficients[target])


@settings(max_examples=60)
@given(convolutions(), st.data())
def test_reads_left_alone(problem, data):
    """Tiles are skipped when all they would meet is zero, and never arrive then."""
    mapping = data.draw(mappings(problem, 2))
    target, leader = data.draw(st.permutations([0, 1]))
    assume(one_way(problem, mapping, target))
    shape = shape_of(problem, leader)
    count = data.draw(st.integers(1, min(3, prod(shape))))
    assume(comb(prod(shape), count) <= 600)
    names = problem.tensors
    condition = [{"target": names[target], "when_empty": [names[leader]]}]
    counts = [prod(shape_of(problem, 0)), prod(shape_of(problem, 1))]
    counts[leader] = count
    found = evaluated(problem, mapping, counts, outer=condition)
    walk = Walk(problem, mapping, KEEP)
    events = deliveries(walk, target, leader)
    read, skipped, filled = [], [], []
    for held in placements(shape, count):
        there = nonzero_in(held)
        alive = [(sent, to) for sent, met, to in events if there(met)]
        read.append(sum(sent for sent, _ in alive))
        skipped.append(sum(sent for sent, _, _ in events) - read[-1])
        filled.append(sum(sent * to for sent, to in alive))
    row, instances = found.row, found.nest.instances
    assert row.data[0, target, READ] == pytest.approx(np.mean(read))
    assert row.data[0, target, READ + SKIPPED] == pytest.approx(np.mean(skipped))
    assert row.data[1, target, FILL] * instances[1] == pytest.approx(np.mean(filled))


@settings(max_examples=60)
@given(convolutions(), st.data())
def test_values_that_are_zero_are_not_touched(problem, data):
    """With metadata only non-zeros move: the halo's are fetched again with their window."""
    mapping = data.draw(mappings(problem, 2))
    x = data.draw(st.sampled_from([0, 1]))
    shape = shape_of(problem, x)
    count = data.draw(st.integers(1, min(3, prod(shape))))
    assume(comb(prod(shape), count) <= 600)
    counts = [prod(shape_of(problem, 0)), prod(shape_of(problem, 1))]
    counts[x] = count
    found = evaluated(problem, mapping, counts, formats=True)
    walk = Walk(problem, mapping, KEEP)
    filled = []
    for held in placements(shape, count):
        total = 0
        for place in walk.offsets(1, space=True):
            before: frozenset = frozenset()
            for tile in walk.trajectory(x, 1, place):
                total += sum(bool(held[i[: held.ndim]]) for i in tile - before)
                before = tile
        filled.append(total)
    assert found.row.data[1, x, FILL] * found.nest.instances[1] == pytest.approx(np.mean(filled))


@settings(max_examples=60)
@given(convolutions(), st.data())
def test_computes_that_are_left(problem, data):
    """Pairs of an input and a weight that are both there, whatever window they meet in."""
    mapping = data.draw(mappings(problem, 2))
    # One compute unit at each near level: a read shared by several would wait for all of them.
    mapping.factors[3] *= mapping.factors[4] * mapping.factors[5]
    mapping.factors[4:] = 1
    shapes = [shape_of(problem, 0), shape_of(problem, 1)]
    counts = [data.draw(st.integers(1, min(2, prod(shape)))) for shape in shapes]
    assume(prod(comb(prod(s), n) for s, n in zip(shapes, counts, strict=True)) <= 800)
    both = [
        {"target": "Weights", "when_empty": ["Inputs"]},
        {"target": "Inputs", "when_empty": ["Weights"]},
    ]
    conditions = data.draw(st.sampled_from([both, both[:1], both[1:]]))
    found = evaluated(problem, mapping, counts, inner=conditions)
    pairs = computes(Walk(problem, mapping, KEEP))
    done = []
    for weights, inputs in product(*map(placements, shapes, counts)):
        there = [nonzero_in(weights), nonzero_in(inputs)]
        waits = {"Weights": 0, "Inputs": 1}
        met = [waits[name] for c in conditions for name in c["when_empty"]]
        done.append(sum(all(there[x](used[x]) for x in met) for used in pairs))
    assert found.row.computes[0] == pytest.approx(np.mean(done))
