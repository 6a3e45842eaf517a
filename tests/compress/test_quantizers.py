import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leanspike.compress import DuQ, Grid, ewgs, straight_through
from leanspike.errors import InputError


def by_hand(w: float, a: float, c: float, bits: int) -> float:
    n = 2 ** (bits - 1)
    return c * round(max(-1.0, min(1.0, w / a)) * (n - 1)) / (n - 1)


def duq(bits: int, a: float, c: float) -> DuQ:
    quantizer = DuQ(Grid(bits, straight_through)).double()
    quantizer.a.data.fill_(a)
    quantizer.c.data.fill_(c)
    return quantizer


@given(
    st.lists(st.floats(-4, 4), min_size=1, max_size=30),
    st.floats(0.1, 3),
    st.floats(0.1, 3),
    st.integers(2, 8),
)
def test_duq_is_its_formula(ws: list[float], a: float, c: float, bits: int) -> None:
    got = duq(bits, a, c)(torch.tensor(ws, dtype=torch.float64)).tolist()
    assert got == pytest.approx([by_hand(w, a, c, bits) for w in ws], rel=1e-12, abs=1e-300)


def test_duq_gradients_in_closed_form() -> None:
    # Inside the clip: dq/dw = c/a, dq/da = -c w/a^2, dq/dc = q/c; outside: 0, 0, +-1.
    a, c, bits = 0.8, 0.5, 3
    w = torch.tensor([0.3, -0.55, 1.2, -2.0], dtype=torch.float64, requires_grad=True)
    for i, inside in enumerate([True, True, False, False]):
        q = duq(bits, a, c)
        w.grad = None
        q(w)[i].backward()
        wi = w[i].item()
        assert w.grad is not None
        assert q.a.grad is not None
        assert q.c.grad is not None
        assert float(w.grad[i]) == pytest.approx(c / a if inside else 0)
        assert float(q.a.grad) == pytest.approx(-c * wi / a**2 if inside else 0)
        assert q.c.grad.item() == pytest.approx(by_hand(wi, a, c, bits) / c)


def test_duq_scale_gradient_against_finite_differences() -> None:
    w = torch.linspace(-2, 2, 41, dtype=torch.float64)
    q = duq(4, 0.9, 0.7)
    q(w).square().sum().backward()
    h = 1e-6
    up, down = (duq(4, 0.9, c)(w).square().sum() for c in (0.7 + h, 0.7 - h))
    assert q.c.grad is not None
    assert float(q.c.grad) == pytest.approx(float((up - down).detach() / (2 * h)), rel=1e-6)


def test_parameters_below_zero_turn_nothing_over() -> None:
    w = torch.linspace(-2, 2, 41, dtype=torch.float64)
    assert torch.equal(duq(3, -0.9, -0.7)(w), duq(3, 0.9, 0.7)(w))


def test_duq_with_ewgs_composes() -> None:
    q = DuQ(Grid(3, lambda x: ewgs(x, delta=0.4))).double()
    q.a.data.fill_(0.8)
    q.c.data.fill_(0.5)
    w = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    q(w).backward()
    x = 0.3 / 0.8 * 3
    inner = 0.5 / 3  # gradient that reaches the rounding
    assert w.grad is not None
    assert float(w.grad) == pytest.approx(inner * (1 + 0.4 * (x - round(x))) * 3 / 0.8)


def test_duq_starts_at_three_sigma() -> None:
    w = torch.randn(500, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.05
    q = DuQ(Grid(2, straight_through))
    q.start(w)
    mean, sigma = float(np.mean(w.numpy())), float(np.std(w.numpy()))
    expected = max(abs(mean - 3 * sigma), abs(mean + 3 * sigma))
    assert q.a.item() == pytest.approx(expected, rel=1e-5)
    assert q.c.item() == q.a.item()


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
def test_codes_decode_to_the_quantized_weights(bits: int) -> None:
    w = torch.randn(1000, generator=torch.Generator().manual_seed(1))
    q = DuQ(Grid(bits, straight_through))
    q.start(w)
    codes = q.codes(w)
    assert torch.equal(q.decode(codes, q.scale(w)), q(w))
    assert torch.equal(codes, codes.round())
    assert codes.abs().max() <= 2 ** (bits - 1) - 1
    assert len(q(w).unique()) <= 2**bits - 1


def test_ternary_sparsity_of_a_gaussian_is_the_normal_integral() -> None:
    # a = 3 sigma and the threshold is a / 2: P(|w| < 1.5 sigma).
    w = torch.randn(200_000, generator=torch.Generator().manual_seed(2))
    q = DuQ(Grid(2, straight_through))
    q.start(w)
    zeros = float((q(w) == 0).double().mean())
    assert zeros == pytest.approx(math.erf(1.5 / math.sqrt(2)), abs=0.005)


def test_constant_zero_weights_give_no_scale() -> None:
    with pytest.raises(InputError, match="all zero"):
        DuQ(Grid(2, straight_through)).start(torch.zeros(5))


@pytest.mark.parametrize("bits", [1, 17])
def test_bits_out_of_range(bits: int) -> None:
    with pytest.raises(InputError, match="2 to 16"):
        DuQ(Grid(bits, straight_through))
