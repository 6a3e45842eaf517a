"""The expected slowest unit, against closed forms and drawn samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.imbalance import largest_normal, pass_shapes, waiting_factor
from leanspike.hardware.workload.layer import Layer
from leanspike.hardware.workload.problem import Problem


def test_lockstep_units_skip_only_what_all_skip():
    # One compute per pass: the pass is skipped when all four units skip.
    assert waiting_factor(1, 1, 1, 0.2, 1.0, 4) == pytest.approx((1 - 0.8**4) / 0.2)


@given(
    st.integers(1, 400), st.floats(0.01, 0.99), st.floats(0.01, 1.0), st.integers(1, 2000)
)  # fmt: skip
def test_waiting_lies_between_no_wait_and_no_skipping(computes, f, g, units):
    factor = waiting_factor(computes, computes, max(1, computes // 3), f, g, units)
    assert 1.0 <= factor <= 1.0 / (f * g) + 1e-9


@given(st.integers(2, 300), st.floats(0.05, 0.95), st.integers(2, 500))
def test_more_units_wait_longer(computes, f, units):
    fewer = waiting_factor(computes, computes, computes, f, 1.0, units)
    assert waiting_factor(computes, computes, computes, f, 1.0, units + 1) >= fewer - 1e-12


@pytest.mark.parametrize(("reuse", "f"), [(1, 0.1), (8, 0.3)])
def test_one_sided_skipping_is_exact(reuse, f):
    values, units = 24, 96
    random = np.random.default_rng(1)
    held = random.binomial(values, f, (20_000, units))
    expected = (held * reuse).max(axis=1).mean() / (values * reuse * f)
    found = waiting_factor(values * reuse, values, 1, f, 1.0, units)
    assert found == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("trials", [1, 7, 64, 500, 2000])
@pytest.mark.parametrize("p", [1e-4, 0.01, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("units", [2, 168, 100_000])
def test_the_largest_of_binomials_is_the_sum_over_all_outcomes(trials, p, units):
    cumulated = binom.cdf(np.arange(trials), trials, p)
    expected = (-np.expm1(units * np.log(np.maximum(cumulated, 1e-300)))).sum() / (trials * p)
    found = waiting_factor(trials, trials, 1, p, 1.0, units)
    assert found == pytest.approx(max(1.0, expected), rel=1e-6)


def test_two_sided_skipping_is_close_to_drawn_samples():
    # Each unit multiplies every one of 8 inputs with every one of 6 weights.
    inputs, weights, units, f, g = 8, 6, 64, 0.3, 0.5
    random = np.random.default_rng(2)
    a = random.random((4000, units, inputs)) < f
    b = random.random((4000, units, weights)) < g
    left = a.sum(axis=2) * b.sum(axis=2)
    expected = left.max(axis=1).mean() / (inputs * weights * f * g)
    found = waiting_factor(inputs * weights, inputs, weights, f, g, units)
    assert found == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("count", [2, 10, 100, 768])
def test_largest_normal(count):
    random = np.random.default_rng(3)
    drawn = random.standard_normal((40_000_000 // count // 10, count)).max(axis=1).mean()
    assert largest_normal(count) == pytest.approx(drawn, rel=0.05)


def test_a_pass_is_what_runs_inside_the_innermost_fan_out():
    problem = Problem.of(Layer(name="c", C=4, M=8, P=6, R=3))
    mapping = Mapping.from_text(problem.dims, ["P=6 | M=2 | C=2", "C=2 R=3", "M=4"])
    mesh = np.array([[2, 2], [1, 1], [1, 1]])
    (shape,) = pass_shapes(problem, mesh, mapping.arrays)
    # Four units: two sets of weights along M times two along C; inputs differ along C alone.
    assert shape.tolist() == [24, 24, 6, 4, 2]
