import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leanspike.compress import ewgs, rounding, straight_through
from leanspike.errors import InputError

values = st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=20)


@given(values, st.integers(0, 99))
def test_ewgs_gradient_is_the_formula(xs: list[float], seed: int) -> None:
    x = torch.tensor(xs, dtype=torch.float64, requires_grad=True)
    g = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    ewgs(x, delta=0.3).backward(g)
    expected = [
        gi * (1 + 0.3 * ((gi > 0) - (gi < 0)) * (xi - round(xi)))  # halves to even, as torch
        for xi, gi in zip(x.tolist(), g.tolist(), strict=True)
    ]
    assert x.grad is not None
    assert x.grad.tolist() == pytest.approx(expected, rel=1e-12, abs=1e-15)


@given(values)
def test_all_roundings_round(xs: list[float]) -> None:
    x = torch.tensor(xs)
    expected = torch.tensor([float(round(v)) for v in x.tolist()])
    for function in (straight_through, ewgs):
        assert torch.equal(function(x), expected)


def test_straight_through_passes_the_gradient() -> None:
    x = torch.tensor([0.2, -1.7], requires_grad=True)
    straight_through(x).backward(torch.tensor([3.0, -4.0]))
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, -4.0]


def test_ewgs_without_strength_is_straight_through() -> None:
    x = torch.randn(30, requires_grad=True)
    g = torch.randn(30)
    ewgs(x, delta=0.0).backward(g)
    assert x.grad is not None
    assert torch.equal(x.grad, g)


def test_unknown_rounding_names_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'floor'.*ste, ewgs"):
        rounding("floor")
