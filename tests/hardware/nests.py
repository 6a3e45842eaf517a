"""Random small loop nests for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.workload.layer import Layer
from leanspike.hardware.workload.problem import Problem


@st.composite
def problems(draw) -> Problem:
    if draw(st.booleans()):
        bounds = {dim: draw(st.sampled_from([1, 2, 3, 4])) for dim in "MNK"}
        one = {dim: ((dim, 1),) for dim in bounds}
        shapes = {
            "A": (one["M"], one["K"]), "B": (one["N"], one["K"]), "Z": (one["M"], one["N"]),
        }  # fmt: skip
        return Problem.build(bounds, shapes, written="Z")
    small, kernel = st.sampled_from([1, 2, 3, 4]), st.sampled_from([1, 2, 3])
    return Problem.of(
        Layer(
            name="conv", T=draw(st.sampled_from([1, 2])), C=draw(st.sampled_from([1, 2])),
            M=draw(st.sampled_from([1, 2])), P=draw(small), Q=draw(st.sampled_from([1, 2])),
            R=draw(kernel), S=draw(st.sampled_from([1, 2])),
            stride=(draw(st.sampled_from([1, 2])), 1), dilation=(draw(st.sampled_from([1, 2])), 1),
        )
    )  # fmt: skip


@st.composite
def mappings(draw, problem: Problem, levels: int) -> Mapping:
    factors = np.ones((3 * levels, len(problem.dims)), np.int64)
    for d, bound in enumerate(problem.bounds):
        rest = int(bound)
        while rest > 1:
            prime = next(p for p in (2, 3, 5, 7) if rest % p == 0)
            factors[draw(st.integers(0, 3 * levels - 1)), d] *= prime
            rest //= prime
    order = [draw(st.permutations(range(len(problem.dims)))) for _ in range(3 * levels)]
    return Mapping(problem.dims, factors, np.array(order, np.int64))


@st.composite
def keeps(draw, levels: int, tensors: int) -> np.ndarray:
    keep = np.array(draw(st.lists(
        st.lists(st.booleans(), min_size=tensors, max_size=tensors),
        min_size=levels, max_size=levels,
    )))  # fmt: skip
    for x in range(tensors):
        if not keep[:, x].any():
            keep[draw(st.integers(0, levels - 1)), x] = True
    return keep


@st.composite
def nests(draw) -> tuple[Problem, Mapping, np.ndarray]:
    problem, levels = draw(problems()), draw(st.integers(1, 3))
    return problem, draw(mappings(problem, levels)), draw(keeps(levels, 3))
