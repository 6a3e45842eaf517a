"""The compiled pass against the quantizers' own modules."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leanspike.compress.quantizers import LSQ, DuQ, Grid, Uniform, fused
from leanspike.compress.quantizers.rounding import rounding


def made(kind, bits, name, shape, dtype, *, reach=None):
    weight = torch.randn(shape, dtype=dtype)
    scales = (shape[0], *[1] * (len(shape) - 1)) if reach == "channel" else ()
    quantizer = kind(Grid(bits, rounding(name, delta=0.1), scales)).to(dtype)
    quantizer.start(weight * 0.7)
    return quantizer, weight


@given(
    kind=st.sampled_from([DuQ, Uniform]),
    bits=st.integers(2, 8),
    name=st.sampled_from(["ste", "ewgs"]),
    shape=st.sampled_from([(3, 2, 3, 3), (5, 7), (1, 1), (4, 3, 5)]),
    channel=st.booleans(),
    masked=st.booleans(),
    seed=st.integers(0, 2**31),
)
@settings(deadline=None, max_examples=80)
def test_one_pass_equals_the_modules(kind, bits, name, shape, channel, masked, seed):
    torch.manual_seed(seed)
    quantizer, weight = made(
        kind, bits, name, shape, torch.float64, reach="channel" if channel else None
    )
    if kind is DuQ:  # the sign of a learned range does not count
        quantizer.a.data.mul_(-1)
    weight.requires_grad_()
    mask = torch.rand(shape) < 0.5 if masked else None
    upstream = torch.randn(shape, dtype=torch.float64)
    inputs = [weight, *quantizer.parameters()]
    assert fused.fits(quantizer, weight)
    found = fused.quantize(quantizer, weight, mask)
    right = quantizer(weight) if mask is None else quantizer(weight) * mask
    torch.testing.assert_close(found, right, rtol=0, atol=0)
    torch.testing.assert_close(
        torch.autograd.grad(found, inputs, upstream), torch.autograd.grad(right, inputs, upstream)
    )


def test_float32_weights_are_the_same_to_the_last_bit():
    for kind in (DuQ, Uniform):
        quantizer, weight = made(kind, 3, "ewgs", (64, 100), torch.float32)
        assert torch.equal(fused.quantize(quantizer, weight, None), quantizer(weight))


def test_gradient_on_the_edge_of_the_clip():
    """torch's hardtanh has none there, its clamp has."""
    weight = torch.tensor([[1.0, -1.0, 0.5]], requires_grad=True)
    for kind in (DuQ, Uniform):
        quantizer = kind(Grid(2, rounding("ste")))
        (found,) = torch.autograd.grad(fused.quantize(quantizer, weight, None).sum(), weight)
        (right,) = torch.autograd.grad(quantizer(weight).sum(), weight)
        assert torch.equal(found, right)


def test_nan_weights_show():
    quantizer = DuQ(Grid(2, rounding("ewgs")))
    weight = torch.tensor([float("nan"), 0.9], requires_grad=True)
    out = fused.quantize(quantizer, weight, torch.tensor([True, True]))
    assert out.isnan().tolist() == [True, False]


@pytest.mark.parametrize(
    ("quantizer", "weight"),
    [
        (LSQ(Grid(3, rounding("ste"))), torch.ones(2, 2)),
        (DuQ(Grid(3, rounding("tanh"))), torch.ones(2, 2)),
        (DuQ(Grid(3, rounding("ste"))), torch.ones(2, 3).T),
        (DuQ(Grid(3, rounding("ste"))), torch.ones(2, 2).bfloat16()),
        (DuQ(Grid(3, rounding("ste"))), torch.ones(0)),
        (type("Own", (DuQ,), {})(Grid(3, rounding("ste"))), torch.ones(2, 2)),
    ],
)
def test_others_are_left_to_the_modules(quantizer, weight):
    assert not fused.fits(quantizer, weight)
