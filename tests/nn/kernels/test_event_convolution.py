"""Convolutions computed from events, against torch's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

from leanspike.nn import NetworkConfig, build_network, convolve, set_backend
from leanspike.nn.kernels import event_convolution as events


def few_events(*shape, share=0.1, dtype=torch.float64):
    x = torch.randn(shape, dtype=dtype) * (torch.rand(shape) < share)
    return x.contiguous(memory_format=torch.channels_last)


def made(C, M, **options):
    return nn.Conv2d(C, M, 3, padding=1, bias=False, **options)


@pytest.fixture
def called(monkeypatch):
    """What was computed from events."""
    calls = []
    real = events._Convolution.apply

    def apply(x, weight):
        calls.append(x.shape)
        return real(x, weight)

    monkeypatch.setattr(events._Convolution, "apply", apply)
    return calls


@given(
    N=st.integers(1, 3),
    C=st.integers(1, 40),
    H=st.integers(1, 9),
    W=st.integers(1, 9),
    vectors=st.integers(1, 3),
    share=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    seed=st.integers(0, 2**31),
)
@settings(deadline=None, max_examples=60)
def test_outputs_and_gradients_are_torchs(N, C, H, W, vectors, share, seed):
    torch.manual_seed(seed)
    layer = made(C, 16 * vectors).double()
    x = few_events(N, C, H, W, share=share).requires_grad_()
    y, expected = events._Convolution.apply(x, layer.weight), layer(x)
    torch.testing.assert_close(y, expected)
    g = torch.randn_like(y)
    torch.testing.assert_close(
        torch.autograd.grad(y, [x, layer.weight], g),
        torch.autograd.grad(expected, [x, layer.weight], g),
    )


def test_images_of_several_bands():
    layer = made(3, 16).double()
    x = few_events(2, 3, 37, 130)
    assert events._units(x) > 2
    y, expected = events._Convolution.apply(x, layer.weight), layer(x)
    torch.testing.assert_close(y, expected)
    g = torch.randn_like(y)
    (found,) = torch.autograd.grad(y, layer.weight, g)
    torch.testing.assert_close(found, torch.autograd.grad(expected, layer.weight, g)[0])


def test_results_do_not_depend_on_the_number_of_threads():
    layer = made(32, 32)
    x = few_events(40, 32, 12, 12, dtype=torch.float32)
    found, before = [], torch.get_num_threads()
    for threads in (1, 3):
        torch.set_num_threads(threads)
        y = events._Convolution.apply(x, layer.weight)
        found.append((y.detach(), torch.autograd.grad(y.square().sum(), layer.weight)[0]))
    torch.set_num_threads(before)
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


def test_it_is_used_where_events_are_few(called):
    layer = made(32, 32)
    sparse, dense = few_events(2, 32, 8, 8, share=0.05), few_events(2, 32, 8, 8, share=0.9)
    torch.testing.assert_close(convolve(layer, sparse.float()), layer(sparse.float()))
    convolve(layer, dense.float())
    assert len(called) == 1


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_density_counts_non_zeros(share):
    x = few_events(2, 5, 7, 3, share=share)
    assert events.density(x) == pytest.approx(float((x != 0).double().mean()))


def test_nan_is_handed_on():
    x = few_events(1, 32, 5, 5, share=0.0).float()
    x[0, 3, 2, 2] = float("nan")
    y = convolve(made(32, 16), x)
    assert y.isnan()[0, 0].sum() == 9


def test_parametrized_weights_get_their_gradient(called):
    layer = made(32, 16)
    parametrize.register_parametrization(layer, "weight", nn.Tanh())
    convolve(layer, few_events(1, 32, 6, 6).float()).sum().backward()
    assert layer.parametrizations.weight.original.grad.abs().sum() > 0
    assert called


@pytest.mark.parametrize(
    "layer",
    [
        made(32, 10),
        made(32, 16, stride=2),
        made(32, 16, groups=2),
        made(32, 16, padding_mode="circular"),
        nn.Conv2d(32, 16, 5, padding=1, bias=False),
        nn.Conv2d(32, 16, 3, padding=1),
        type("Own", (nn.Conv2d,), {"forward": lambda self, x: x})(32, 16, 3, padding=1, bias=False),
    ],
)
def test_other_layers_are_called(layer, called):
    x = few_events(1, 32, 6, 6).float()
    assert torch.equal(convolve(layer, x), layer(x))
    assert not called


def test_other_numbers_and_backends_are_torchs(called):
    layer, x = made(32, 16), few_events(1, 32, 6, 6).float()
    with torch.autocast("cpu", torch.bfloat16):
        assert convolve(layer, x).dtype == torch.bfloat16
    convolve(layer.bfloat16(), x.bfloat16())
    layer.float()
    convolve(layer, x, backend="torch")
    convolve(layer, x[:0])
    assert not called


def test_a_hooked_layer_is_called(called):
    layer, seen = made(32, 16), []
    layer.register_forward_hook(lambda *_: seen.append(1))
    convolve(layer, few_events(1, 32, 6, 6).float())
    assert seen
    assert not called


def test_networks_use_it_and_agree_with_plain_torch(called):
    config = NetworkConfig("small", (2, 16, 16), channels=(32, 32, 32), T=4)
    net = build_network(config, seed=0).double()
    x = (torch.rand(4, 3, 2, 16, 16) < 0.05).double()
    rates = net(x)
    assert called
    torch.testing.assert_close(rates, set_backend(net, "torch")(x))
