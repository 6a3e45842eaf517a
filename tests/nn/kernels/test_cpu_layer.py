"""The compiled kernels against plain torch, which the other tests hold to the equations."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leanspike.nn import Neuron, NeuronConfig
from leanspike.nn.kernels import cpu_layer
from leanspike.nn.kernels.cpu_layer import Plan

CONFIGS = st.builds(
    NeuronConfig,
    kind=st.sampled_from(["if", "lif", "plif"]),
    tau=st.sampled_from([1.5, 2.0, 3.7, 8.0]),
    threshold=st.sampled_from([0.5, 1.0, 1.3]),
    reset=st.sampled_from(["hard", "soft"]),
    v_reset=st.sampled_from([0.0, -0.3]),
    surrogate=st.sampled_from(["atan", "sigmoid", "fast_sigmoid", "triangle", "super_spike"]),
    alpha=st.sampled_from([1.0, 2.0, 4.0]),
    detach_reset=st.booleans(),
)
SHAPES = st.one_of(
    st.tuples(st.integers(1, 6), st.integers(0, 4)),
    st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(1, 70)),
    st.tuples(*[st.integers(1, high) for high in (5, 2, 5, 6, 7)]),
)


def spikes_and_gradients(neuron, x, weight):
    x = x.detach().requires_grad_()
    neuron.zero_grad()
    spikes = neuron(x)
    (spikes * weight).sum().backward()
    return spikes, x.grad, [p.grad for p in neuron.parameters()]


@given(CONFIGS, SHAPES, st.booleans(), st.integers(0, 2**31))
@settings(deadline=None, max_examples=150)
def test_kernels_equal_plain_torch(config, shape, store, seed):
    generator = torch.Generator().manual_seed(seed)
    x = 3 * torch.randn(shape, generator=generator, dtype=torch.float64)
    weight = torch.randn(shape, generator=generator, dtype=torch.float64)
    neuron = Neuron(config, backend="numba", store=store).double()
    plain = Neuron(config, backend="torch").double()
    found = spikes_and_gradients(neuron, x, weight)
    right = spikes_and_gradients(plain, x, weight)
    assert torch.equal(found[0], right[0])
    torch.testing.assert_close(found[1], right[1], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found[2], right[2], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["if", "lif"])
@pytest.mark.parametrize("surrogate", ["atan", "fast_sigmoid", "triangle", "super_spike"])
@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("tau", [2.0, 3.0])
def test_float32_agrees_to_the_last_bit(kind, surrogate, reset, tau):
    config = NeuronConfig(kind, surrogate=surrogate, reset=reset, tau=tau)
    x, weight = 3 * torch.randn(20, 3, 500), torch.randn(20, 3, 500)
    found = spikes_and_gradients(Neuron(config, backend="numba"), x, weight)
    right = spikes_and_gradients(Neuron(config, backend="torch"), x, weight)
    assert torch.equal(found[0], right[0])
    assert torch.equal(found[1], right[1])


@pytest.mark.parametrize("kind", ["lif", "plif"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "sliced"])
def test_tau_per_channel_in_every_layout(kind, layout):
    config = NeuronConfig(kind, tau=(1.5, 2.0, 4.0))
    x = 3 * torch.randn(6, 2, 3, 5, 4, dtype=torch.float64)
    if layout == "channels_last":
        x = x.movedim(2, -1).contiguous().movedim(-1, 2)
    if layout == "sliced":
        x = torch.cat([x, x], -1)[..., ::2]
    weight = torch.randn_like(x)
    neuron, plain = (Neuron(config, backend=name).double() for name in ("numba", "torch"))
    found = spikes_and_gradients(neuron, x, weight)
    right = spikes_and_gradients(plain, x, weight)
    assert torch.equal(found[0], right[0])
    torch.testing.assert_close(found[1:], right[1:])


def test_one_step_gradient_is_the_primitives_slope():
    """Without memory of earlier steps, the surrogate's primitive must differentiate to it."""
    from leanspike.nn.surrogate import primitive

    x = torch.linspace(-1, 4, 41, dtype=torch.float64)[None, :, None].requires_grad_()
    Neuron(backend="numba")(x).sum().backward()
    eps = 1e-6

    def smooth(x):
        return primitive(x / 2 - 1, "atan", 2.0)

    with torch.no_grad():
        expected = (smooth(x + eps) - smooth(x - eps)) / (2 * eps)
    torch.testing.assert_close(x.grad, expected, rtol=1e-7, atol=1e-9)


def test_memory_layout_is_kept():
    x = torch.randn(4, 2, 3, 5, 6).movedim(2, -1).contiguous().movedim(-1, 2)
    assert Neuron(backend="numba")(x).stride() == x.stride()
    flat = torch.randn(4, 2, 7)
    assert Neuron(backend="numba")(flat).stride() == flat.stride()


def test_results_do_not_depend_on_the_number_of_threads():
    before = torch.get_num_threads()
    config = NeuronConfig("plif")
    x, weight = 3 * torch.randn(5, 4, 3000), torch.randn(5, 4, 3000)
    results = []
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            results.append(spikes_and_gradients(Neuron(config, backend="numba"), x, weight))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert torch.equal(other[0], results[0][0])
        assert torch.equal(other[1], results[0][1])
        assert torch.equal(other[2][0], results[0][2][0])


def test_bfloat16_is_computed_in_float32():
    x = (3 * torch.randn(6, 2, 40)).bfloat16()
    weight = torch.randn(6, 2, 40).bfloat16()
    found = spikes_and_gradients(Neuron(backend="numba"), x, weight)
    right = spikes_and_gradients(Neuron(backend="numba"), x.float(), weight.float())
    assert found[0].dtype == found[1].dtype == torch.bfloat16
    assert torch.equal(found[0].float(), right[0])
    assert torch.equal(found[1], right[1].bfloat16())


def test_nan_is_handed_on_forwards_and_backwards():
    x = torch.ones(4, 1, 40, requires_grad=True)
    poisoned = x.detach().clone()
    poisoned[1, 0, 5] = math.nan
    poisoned.requires_grad_()
    spikes = Neuron(backend="numba")(poisoned)
    spikes.sum().backward()
    assert spikes[1:, 0, 5].isnan().all()
    assert spikes.isnan().sum() == 3
    assert poisoned.grad[:, 0, 5].isnan().any()
    assert not poisoned.grad[:, 0, 6].isnan().any()


def test_nothing_is_stored_without_gradients():
    with torch.no_grad():
        out = cpu_layer.fire(torch.rand(3, 2, 5), 2.0, None, Plan(NeuronConfig(), store=True))
    assert out.grad_fn is None


@pytest.mark.parametrize("rows", [3, 40, 5000])
def test_moments_are_those_of_every_channel(rows):
    generator = torch.Generator().manual_seed(rows)
    y = 1000 + torch.randn(2, 1, 3, rows, 2, generator=generator)
    mean, variance = cpu_layer.moments(y)
    exact = y.double().movedim(2, 0).flatten(1)
    torch.testing.assert_close(mean.double(), exact.mean(1), rtol=1e-6, atol=0)
    torch.testing.assert_close(variance.double(), exact.var(1, correction=0), rtol=1e-5, atol=0)
