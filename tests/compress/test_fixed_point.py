import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leanspike.compress.state import fixed_point


def by_hand(value: float, bits: int, step: float, overflow: str) -> float:
    """Two's complement in plain integers."""
    code, half = round(value / step), 2 ** (bits - 1)
    if overflow == "saturate":
        return max(-half, min(half - 1, code)) * step
    code &= 2**bits - 1
    return (code - 2**bits if code >= half else code) * step


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=20),
    st.integers(2, 12),
    st.sampled_from([0.125, 0.3, 1.0]),
    st.sampled_from(["saturate", "wrap"]),
)
def test_values_are_twos_complement(xs: list[float], bits: int, step: float, overflow: str) -> None:
    got = fixed_point(torch.tensor(xs, dtype=torch.float64), bits, step, overflow)  # type: ignore[arg-type]
    expected = [by_hand(x, bits, step, overflow) for x in xs]
    assert got.tolist() == pytest.approx(expected, abs=1e-9)


def test_gradients() -> None:
    x = torch.tensor([0.2, 5.0, -7.0], requires_grad=True)
    fixed_point(x, 3, 1.0, "saturate").sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1, 0, 0]
    x.grad = None
    fixed_point(x, 3, 1.0, "wrap").sum().backward()
    assert x.grad.tolist() == [1, 1, 1]
