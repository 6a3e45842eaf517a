import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from leanspike.activity import profile
from leanspike.compress import CompressionConfig, StateConfig, convert, prepare, prepare_state
from leanspike.compress.fixed_point import fixed_point
from leanspike.errors import InputError
from leanspike.nn import NetworkConfig, Neuron, NeuronConfig, build_network


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


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_membrane_by_hand(overflow: str, reset: str) -> None:
    config = NeuronConfig(reset=reset)  # type: ignore[arg-type]
    neuron = nn.Sequential(Neuron(config))
    prepare_state(neuron, StateConfig(membrane_bits=3, overflow=overflow))  # type: ignore[arg-type]
    x = torch.randn(30, 1, 1, generator=torch.Generator().manual_seed(0)).double() * 2
    v, expected = 0.0, []
    for value in x.flatten().tolist():
        h = v + (value - v) / 2
        s = h >= 1
        v = (h - 1 if reset == "soft" else 0.0) if s else h
        v = by_hand(v, 3, 0.25, overflow)
        expected.append(float(s))
    assert neuron(x).flatten().tolist() == expected
    assert 0 < sum(expected) < 30


def network() -> nn.Module:
    net = build_network(NetworkConfig(shape=(2, 12, 12), channels=6, T=5), seed=0)
    with torch.no_grad():
        for name, buffer in net.named_buffers():
            if name.endswith("running_var"):
                buffer.fill_(0.05)
        net.dense1.weight.mul_(8)
        net.dense2.weight.mul_(8)
    return net


def frames() -> Tensor:
    return (torch.rand(5, 4, 2, 12, 12, generator=torch.Generator().manual_seed(0)) < 0.4).float()


def test_many_bits_change_nothing() -> None:
    net = network().eval()
    expected = net(frames())
    prepare_state(net, StateConfig(membrane_bits=20))
    assert expected.sum() > 0
    assert torch.allclose(net(frames()), expected, atol=0.02)


def test_few_bits_train_and_keep_keys() -> None:
    net = network()
    keys = set(net.state_dict())
    prepare(net, CompressionConfig(weight_bits=2, scope="layerwise"))
    prepare_state(net, StateConfig(membrane_bits=2, accumulator_bits=6))
    net(frames()).sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    activity = profile(net, [frames()])
    assert all(layer.layer.neurons for layer in activity.layers)
    convert(net)
    assert set(net.state_dict()) == keys


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
@pytest.mark.parametrize("dense", [True, False])
def test_accumulators_wrap_as_integers_do(dense: bool, granularity: str) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(40, 6) if dense else nn.Conv2d(4, 6, 3)
    net = nn.Sequential(layer).double()
    prepare(net, CompressionConfig(weight_bits=4, granularity=granularity))  # type: ignore[arg-type]
    shape = (5, 40) if dense else (5, 4, 7, 7)
    x = torch.randint(0, 4, shape, generator=torch.Generator().manual_seed(1)).double()
    full = net(x).detach()
    prepare_state(net, StateConfig(accumulator_bits=5, overflow="wrap"))
    quantizer = net[0].parametrizations.weight[0].quantizer
    scale = quantizer.scale(net[0].weight).detach().expand(6, *[1] * (layer.weight.dim() - 1))
    codes = quantizer.codes(net[0].parametrizations.weight.original).detach().long().numpy()
    bias = net[0].bias.detach().reshape(6, *[1] * (full.dim() - 2))
    unit = scale.reshape(6, *[1] * (full.dim() - 2))
    sums = np.rint(((full - bias) / unit).numpy()).astype(np.int64)
    wrapped = (sums + 16) % 32 - 16
    assert (wrapped != sums).any()
    assert np.abs(codes).max() <= 7
    assert torch.allclose(net(x), torch.as_tensor(wrapped) * unit + bias)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="membrane_bits"):
        StateConfig(membrane_bits=1)
    with pytest.raises(InputError, match="accumulator_bits"):
        StateConfig(accumulator_bits=33)
    with pytest.raises(InputError, match="overflow"):
        StateConfig(overflow="clip")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="membrane_step"):
        StateConfig(membrane_step=0)
    with pytest.raises(InputError, match="no neuron was found"):
        prepare_state(nn.Sequential(nn.Linear(2, 2)), StateConfig(membrane_bits=4))
    with pytest.raises(InputError, match="no layer has a quantizer"):
        prepare_state(nn.Sequential(nn.Linear(2, 2)), StateConfig(accumulator_bits=4))
