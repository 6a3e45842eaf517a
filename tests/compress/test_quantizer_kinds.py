"""Each quantizer against its paper's formula, in plain Python, and what all of them share."""

import math
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from torch import Tensor

from leanspike.compress import QUANTIZERS, Grid, Quantizer, straight_through
from leanspike.compress.config import KINDS, InitializerName, RoundingName
from leanspike.compress.quantizers import LSQ, REACHES, TWN, XNOR, Affine, PowerOfTwo, Uniform
from leanspike.compress.quantizers.rounding import ROUNDINGS
from leanspike.errors import InputError


def test_what_can_be_named_is_what_there_is() -> None:
    assert {name: (kind.fewest_bits, kind.most_bits) for name, kind in QUANTIZERS.items()} == {
        name: (kind.fewest_bits, kind.most_bits) for name, kind in KINDS.items()
    }
    assert list(ROUNDINGS) == list(get_args(RoundingName))
    assert list(REACHES) == list(get_args(InitializerName))


def weights(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 0.3


def started(
    name: str, bits: int, w: Tensor, *, channel: bool = False, **options: object
) -> Quantizer:
    shape = (w.shape[0], *[1] * (w.dim() - 1)) if channel else ()
    quantizer = QUANTIZERS[name](Grid(bits, straight_through, shape, **options)).to(w)  # type: ignore[arg-type]
    quantizer.start(w)
    return quantizer


def kinds() -> list[tuple[str, int]]:
    return [
        (name, bits)
        for name, kind in QUANTIZERS.items()
        for bits in (1, 2, 3, 4, 8)
        if kind.fewest_bits <= bits <= kind.most_bits
    ]


@pytest.mark.parametrize(("name", "bits"), kinds())
@pytest.mark.parametrize("channel", [False, True])
def test_what_all_share(name: str, bits: int, channel: bool) -> None:
    w = weights(4, 3, 5, seed=1).requires_grad_()
    q = started(name, bits, w.detach(), channel=channel)
    out = q(w)
    assert out.shape == w.shape
    assert out.dtype == w.dtype
    groups = list(out) if channel else [out]
    assert all(len(group.unique()) <= 2**bits for group in groups)
    codes = q.codes(w.detach())
    assert torch.equal(codes, codes.round())
    assert torch.equal(q.decode(codes, q.scale(w.detach())), out.detach())
    assert codes.max() - codes.min() < 2**bits or name == "xnor"
    out.square().sum().backward()
    assert w.grad is not None
    assert torch.isfinite(w.grad).all()
    assert (w.grad != 0).any()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in q.parameters())


@pytest.mark.parametrize(("name", "bits"), kinds())
def test_per_channel_is_per_tensor_on_each_channel(name: str, bits: int) -> None:
    w = weights(3, 20, seed=2) * torch.tensor([[1.0], [5.0], [0.1]])
    together = started(name, bits, w, channel=True)(w)
    for i in range(3):
        assert torch.allclose(together[i], started(name, bits, w[i])(w[i]), rtol=1e-6)


@pytest.mark.parametrize("name", ["duq", "lsq", "lsq+", "uniform", "affine", "power-of-two"])
def test_more_bits_less_error(name: str) -> None:
    w = weights(2000)
    widths = (2, 3, 4, 6) if name == "power-of-two" else (2, 3, 4, 6, 8)
    errors = [float((started(name, b, w)(w) - w).square().mean().detach()) for b in widths]
    if name == "power-of-two":  # its steps near the top never get finer
        assert errors[0] > errors[1] > 0
    else:
        assert errors == sorted(errors, reverse=True)


@settings(max_examples=50)
@given(st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=20), st.floats(0.05, 1))
def test_lsq_formula_and_gradients(ws: list[float], step: float) -> None:
    bits, n, p = 3, 4, 3
    q = LSQ(Grid(bits, straight_through)).double()
    q.step.data.fill_(step)
    w = torch.tensor(ws, dtype=torch.float64, requires_grad=True)
    q(w).sum().backward()
    g = 1 / math.sqrt(len(ws) * p)
    values, slope, passed = [], 0.0, []
    for v in ws:  # equations 1 to 3 of the paper
        x = v / step
        values.append(round(max(-n, min(p, x))) * step)
        slope += -n if x <= -n else p if x >= p else round(x) - x
        passed.append(1.0 if -n <= x <= p else 0.0)
    assert q(w).tolist() == pytest.approx(values)
    assert w.grad is not None
    assert w.grad.tolist() == pytest.approx(passed)
    assert q.step.grad is not None
    # At the very edge of the clip both formulas are right for one side.
    if all(abs(abs(v / step) - e) > 1e-9 for v in ws for e in (n, p)):
        assert q.step.grad.item() == pytest.approx(slope * g, abs=1e-9)


def test_lsq_starts_by_the_papers_rule() -> None:
    w = weights(100)
    expected = 2 * float(w.abs().mean()) / math.sqrt(7)
    assert started("lsq", 4, w).step.item() == pytest.approx(expected, rel=1e-6)


def test_twn_by_hand() -> None:
    w = torch.tensor([0.9, -0.2, 0.1, -0.8, 0.5])  # mean |w| = 0.5, threshold 0.35
    scale = (0.9 + 0.8 + 0.5) / 3
    out = TWN(Grid(2, straight_through))(w)
    assert out.tolist() == pytest.approx([scale, 0, 0, -scale, scale])


def test_twn_gradient_is_straight_through() -> None:
    w = weights(10).requires_grad_()
    g = torch.randn(10)
    TWN(Grid(2, straight_through))(w).backward(g)
    assert w.grad is not None
    assert torch.equal(w.grad, g)


def test_xnor_scale_is_the_least_squares_one() -> None:
    # XNOR-Net: sign(w) and mean |w| minimise |w - s b|^2 over s and b.
    w = weights(50)
    out = XNOR(Grid(1, straight_through))(w)
    best = minimize_scalar(lambda s: float(((w.sign() * s - w) ** 2).sum()))
    assert out.abs().max().item() == pytest.approx(best.x, rel=1e-4)
    assert torch.equal(XNOR(Grid(1, straight_through)).codes(torch.zeros(3)), torch.ones(3))


def test_xnor_gradient() -> None:
    # d/dw_i of sum_j g_j sign(w_j) m, m = mean |w|: sign(w_i)/n * sum_j g_j sign(w_j), and
    # straight through where |w| <= 1.
    w = torch.tensor([0.5, -2.0, 0.2], dtype=torch.float64, requires_grad=True)
    g = torch.tensor([1.0, 2.0, -3.0], dtype=torch.float64)
    XNOR(Grid(1, straight_through))(w).backward(g)
    sign = w.detach().sign()
    m = float(w.detach().abs().mean())
    expected = sign / 3 * (g * sign).sum() + g * m * torch.tensor([1, 0, 1])
    assert w.grad is not None
    assert torch.allclose(w.grad, expected)


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
def test_power_of_two_takes_the_nearest_value(bits: int) -> None:
    w = weights(500, seed=3)
    q = started("power-of-two", bits, w)
    assert isinstance(q, PowerOfTwo)
    top = q.top.item()
    assert math.log2(top) == round(math.log2(float(w.abs().max())))
    grid = [0.0] + [s * top * 2.0**-k for k in range(2 ** (bits - 1) - 1) for s in (1, -1)]
    nearest = [min(grid, key=lambda v: abs(v - x)) for x in w.tolist()]
    assert q(w).tolist() == pytest.approx(nearest, rel=1e-6)


def test_affine_keeps_zero_and_covers_the_range() -> None:
    w = torch.cat([weights(50).abs(), torch.tensor([-0.05, 0.0])])
    for bits in (2, 4, 8):
        q = started("affine", bits, w)
        assert isinstance(q, Affine)
        step = q.step.item()
        out = q(w)
        assert out[-1] == 0
        assert (out - w).abs().max() <= step + 1e-6
        assert step == pytest.approx(float(w.max() - w.min()) / (2**bits - 1), rel=1e-5)
    error = {k: float((started(k, 3, w)(w) - w).square().mean()) for k in ("affine", "uniform")}
    assert error["affine"] < error["uniform"] / 2  # one-sided weights


def test_uniform_by_hand() -> None:
    w = torch.tensor([-0.7, 0.3, 0.1, 0.35])
    q = started("uniform", 4, w)  # step 0.1
    assert q(w).tolist() == pytest.approx([-0.7, 0.3, 0.1, 0.4], abs=1e-6)


def test_initializers() -> None:
    w = weights(2, 5000, seed=4)
    assert torch.equal(REACHES["max"](w, levels=1), w.abs().max(1).values)
    # The smallest magnitude that at least 99.9 % do not exceed, counted.
    found = REACHES["percentile"](w, levels=1)
    for row, p in zip(w.abs(), found, strict=True):
        assert int((row <= p).sum()) == math.ceil(0.999 * 5000)
    mean, sigma = np.mean(w.numpy(), 1), np.std(w.numpy(), 1)
    expected = np.maximum(abs(mean - 3 * sigma), abs(mean + 3 * sigma))
    assert np.allclose(REACHES["three-sigma"](w, levels=1), expected, rtol=1e-4)


@pytest.mark.parametrize("levels", [1, 3, 7])
def test_mse_initializer_finds_the_minimum(levels: int) -> None:
    w = weights(1, 3000, seed=5).double()

    def error(reach: float) -> float:
        step = reach / levels
        return float(((w / step).round().clamp(-levels, levels) * step - w).square().mean())

    found = float(REACHES["mse"](w, levels=levels))
    dense = min(error(float(r)) for r in np.linspace(0.02, float(w.abs().max()), 5000))
    assert error(found) <= dense * 1.002


def test_initializer_choice_reaches_the_quantizer() -> None:
    w = weights(1000)
    clipped = started("uniform", 4, w, reach="mse")
    assert isinstance(clipped, Uniform)
    full = started("uniform", 4, w)
    assert float((clipped(w) - w).square().mean()) < float((full(w) - w).square().mean())


@pytest.mark.parametrize("name", ["duq", "lsq", "uniform", "affine", "twn", "xnor"])
def test_power_of_two_scales(name: str) -> None:
    w = weights(4, 30, seed=6)
    bits = {"twn": 2, "xnor": 1}.get(name, 4)
    q = started(name, bits, w, channel=True, power_of_two=True)
    exponents = q.scale(w).detach().log2()
    assert torch.equal(exponents, exponents.round())


@pytest.mark.parametrize(("name", "bits"), kinds())
def test_all_zero_weights_are_refused(name: str, bits: int) -> None:
    with pytest.raises(InputError, match="weights are all zero"):
        started(name, bits, torch.zeros(4, 3))
    dead = weights(4, 3)
    dead[2] = 0
    with pytest.raises(InputError, match="1 of its 4 channels"):
        started(name, bits, dead, channel=True)
