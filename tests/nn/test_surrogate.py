from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leanspike.nn.neuron_config import SurrogateName
from leanspike.nn.surrogate import derivative, primitive, spike

NAMES = get_args(SurrogateName)


@pytest.mark.parametrize("name", NAMES)
@given(st.floats(-3, 3), st.floats(0.5, 6))
def test_derivative_is_the_primitives_slope(name, x, alpha):
    if name == "triangle" and min(abs(abs(x) - 1 / alpha), abs(x)) < 1e-5:
        return  # kinks have no slope
    if abs(x) < 1e-5:
        return  # |x| has none either
    at = torch.tensor(x, dtype=torch.float64)
    eps = 1e-6
    slope = (primitive(at + eps, name, alpha) - primitive(at - eps, name, alpha)) / (2 * eps)
    torch.testing.assert_close(derivative(at, name, alpha), slope, rtol=1e-6, atol=1e-7)


def test_atan_is_the_papers_formula():
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)
    expected = (2.0 / 2) / (1 + (torch.pi * 2.0 * x / 2) ** 2)
    torch.testing.assert_close(derivative(x, "atan", 2.0), expected)


@pytest.mark.parametrize("name", NAMES)
def test_spike_is_a_step_with_the_surrogates_gradient(name):
    x = torch.tensor([-1.0, -1e-7, 0.0, 0.3], requires_grad=True)
    s = spike(x, name, 2.0)
    s.sum().backward()
    assert s.tolist() == [0, 0, 1, 1]
    assert torch.equal(x.grad, derivative(x.detach(), name, 2.0))
