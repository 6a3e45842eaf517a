"""Fused batch norm, neurons and pooling against the three modules called one by one."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from leanspike.nn import NetworkConfig, Neuron, NeuronConfig, build_network, fire, set_backend


def run(y, T, neuron, norm, pool):
    y = y.detach().requires_grad_()
    out = fire(y, T, neuron, norm=norm, pool=pool)
    weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(0), dtype=out.dtype)
    (out * weight).sum().backward()
    parts = [m for m in (neuron, norm) if m is not None]
    return out, [y.grad, *(p.grad for m in parts for p in m.parameters())]


@given(
    st.sampled_from(["lif", "plif", "if"]),
    st.tuples(*[st.integers(low, high) for low, high in ((1, 5), (1, 3), (1, 5), (2, 9), (2, 9))]),
    st.sampled_from([(True, True), (True, False), (False, True)]),
    st.sampled_from(["train", "eval", "store"]),
    st.booleans(),
    st.integers(0, 2**31),
)
@settings(deadline=None, max_examples=150)
def test_fused_equals_one_by_one(kind, shape, with_, mode, detach, seed):
    T, N, C, H, W = shape
    torch.manual_seed(seed)
    config = NeuronConfig(kind, tau=tuple(1.5 + c for c in range(C)), detach_reset=detach)
    norm = nn.BatchNorm2d(C).double() if with_[0] else None
    if norm is not None:
        nn.init.uniform_(norm.weight, 0.5, 3)
        nn.init.uniform_(norm.bias, -1, 2)
        norm.running_var.uniform_(0.5, 2)
        norm.train(mode != "eval")
    pool = nn.MaxPool2d(2) if with_[1] else None
    y = 3 * torch.randn(T * N, C, H, W, dtype=torch.float64)
    y = y.contiguous(memory_format=torch.channels_last)
    neuron = Neuron(config, backend="numba", store=mode == "store").double()
    plain, plain_norm = copy.deepcopy(neuron), copy.deepcopy(norm)
    plain.backend = "torch"
    out, grads = run(y, T, neuron, norm, pool)
    expected, expected_grads = run(y, T, plain, plain_norm, pool)
    assert torch.equal(out, expected)
    torch.testing.assert_close(grads, expected_grads, rtol=1e-7, atol=1e-9)
    if norm is not None:
        for name, value in norm.state_dict().items():
            torch.testing.assert_close(value, plain_norm.state_dict()[name])


@pytest.mark.parametrize("channels", [3, 16, 100])
def test_images_wider_than_a_block(channels):
    torch.manual_seed(0)
    y = 3 * torch.randn(4, channels, 3, 2 * 1500 // channels + 3, dtype=torch.float64)
    neuron, plain = Neuron(backend="numba"), Neuron(backend="torch")
    out, grads = run(y, 2, neuron, None, nn.MaxPool2d(2))
    expected, expected_grads = run(y, 2, plain, None, nn.MaxPool2d(2))
    assert torch.equal(out, expected)
    torch.testing.assert_close(grads, expected_grads)


def test_pooling_gives_the_gradient_to_the_window_s_first_spike():
    """All four fire: torch's max pooling, and ours, credit the upper left one."""
    y = torch.full((1, 1, 2, 2), 3.0)
    _, grads = run(y, 1, Neuron(backend="numba"), None, nn.MaxPool2d(2))
    assert (grads[0] != 0).tolist() == [[[[True, False], [False, False]]]]


@pytest.mark.parametrize("name", ["small", "tcja"])
@pytest.mark.parametrize("train", [True, False])
def test_whole_networks_agree_between_backends(name, train):
    config = NetworkConfig(name, (2, 37, 34), classes=3, T=4, channels=6, dropout=0.3)
    net = build_network(config, seed=0).double().train(train)
    plain = set_backend(copy.deepcopy(net), "torch")
    x = 20 * torch.rand(4, 3, 2, 37, 34, dtype=torch.float64)
    rates = []
    for model in (net, plain):
        torch.manual_seed(0)
        rates.append(model(x))
        (rates[-1] - 0.3).square().sum().backward()
    torch.testing.assert_close(rates[0], rates[1])
    for (key, p), q in zip(net.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, msg=lambda text, key=key: f"{key}: {text}")
    for key, value in net.state_dict().items():
        torch.testing.assert_close(value, plain.state_dict()[key])


def test_a_hooked_module_is_called():
    net = build_network(NetworkConfig(shape=(2, 8, 8), channels=4, T=3), seed=0).eval()
    x = 20 * torch.rand(3, 2, 2, 8, 8)
    expected = net(x)
    seen = []
    net.neuron1.register_forward_hook(lambda module, args, out: seen.append(out))
    torch.testing.assert_close(net(x), expected)
    assert seen[0].shape == (3, 2, 4, 8, 8)
    assert set(seen[0].unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize(
    "pool",
    [nn.MaxPool2d(3), nn.MaxPool2d(2, stride=1), nn.MaxPool2d(2, padding=1), nn.AvgPool2d(2)],
)
def test_other_poolings_are_left_to_torch(pool):
    y = 3 * torch.randn(4, 2, 6, 6)
    out = fire(y, 2, Neuron(), pool=pool)
    assert torch.equal(out, pool(Neuron()(y.unflatten(0, (2, 2))).flatten(0, 1)))


def test_nan_survives_norm_and_pooling():
    y = torch.randn(4, 2, 4, 4)
    y[0, 1, 0, 3] = math.nan
    out = fire(y, 2, Neuron(), pool=nn.MaxPool2d(2))
    assert out[0, 1, 0, 1].isnan()
    assert out[2, 1, 0, 1].isnan()
    assert out.isnan().sum() == 2
    assert fire(y, 2, Neuron(), norm=nn.BatchNorm2d(2))[:, 1].isnan().all()


def test_an_empty_batch_passes_in_evaluation():
    net = build_network(NetworkConfig(shape=(2, 8, 8), channels=4, T=3), seed=0).eval()
    assert net(torch.zeros(3, 0, 2, 8, 8)).shape == (0, 10)


def test_a_subclass_of_neurons_is_called():
    class Silent(Neuron):
        def forward(self, x):
            return torch.zeros_like(x)

    y = 10 * torch.rand(4, 2, 4, 4)
    assert not fire(y, 2, Silent(), norm=nn.BatchNorm2d(2), pool=nn.MaxPool2d(2)).any()
