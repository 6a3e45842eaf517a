import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from leanspike.activity import profile
from leanspike.compress import CompressionConfig, StateConfig, convert, prepare, prepare_state
from leanspike.compress.fixed_point import SharedScale
from leanspike.errors import InputError
from leanspike.nn import NetworkConfig, Neuron, NeuronConfig, build_network


def by_hand(value: float, bits: int, step: float, overflow: str) -> float:
    """Two's complement in plain integers."""
    code, half = round(value / step), 2 ** (bits - 1)
    if overflow == "saturate":
        return max(-half, min(half - 1, code)) * step
    code &= 2**bits - 1
    return (code - 2**bits if code >= half else code) * step


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


def mint(neuron: NeuronConfig) -> nn.Sequential:
    """A network of shared scales: takes [T, N, 12]."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(12, 20), Neuron(neuron), nn.Linear(20, 5), Neuron(neuron))
    for i in (0, 2):
        nn.init.zeros_(net[i].bias)
        nn.init.normal_(net[i].weight)
    prepare(net, CompressionConfig(weight_bits=2, quantizer="lsq", granularity="channel"))
    return prepare_state(net, StateConfig(membrane_bits=2, shared_scale=True))  # type: ignore[return-value]


def test_a_shared_scale_is_the_weights() -> None:
    net = mint(NeuronConfig(kind="if", threshold=1.5))
    v = 3 * torch.randn(7, 20, generator=torch.Generator().manual_seed(0))
    scale = net[0].parametrizations.weight[0].quantizer.step.detach().abs().flatten()
    kept = net[1].membrane(v)
    assert torch.equal((kept / scale).round().unique(), torch.arange(-2.0, 2.0))
    assert torch.allclose(kept, (v / scale).round().clamp(-2, 1) * scale)
    with torch.no_grad():  # it follows the scale
        net[0].parametrizations.weight[0].quantizer.step.mul_(2)
    assert torch.allclose(net[1].membrane(v), (v / scale / 2).round().clamp(-2, 1) * scale * 2)


def test_a_shared_scale_trains_copies_and_outlives_the_quantizer() -> None:
    net = mint(NeuronConfig())
    x = (torch.rand(6, 4, 12, generator=torch.Generator().manual_seed(0)) < 0.4).float()
    keys = set(net.state_dict())
    net(x).sum().backward()
    assert net[0].parametrizations.weight.original.grad.abs().sum() > 0
    twin = copy.deepcopy(net)
    with torch.no_grad():
        net[0].parametrizations.weight[0].quantizer.step.mul_(3)
    assert not torch.equal(net[1].membrane.steps(), twin[1].membrane.steps())
    assert set(twin.state_dict()) == keys
    expected = twin(x)
    assert 0 < expected.mean().item() < 1
    assert torch.equal(convert(twin)(x), expected)
    assert isinstance(twin[1].membrane, SharedScale)


def test_a_shared_scale_needs_one() -> None:
    with pytest.raises(InputError, match="shared_scale"):
        StateConfig(shared_scale=True)
    with pytest.raises(InputError, match="shared_scale"):
        StateConfig(membrane_bits=2, membrane_step=0.5, shared_scale=True)
    shared = StateConfig(membrane_bits=2, shared_scale=True)
    plain = nn.Sequential(nn.Linear(2, 2), Neuron())
    with pytest.raises(InputError, match="neuron '1': the layer before it has no quantizer"):
        prepare_state(plain, shared)
    assert plain[1].membrane is None
    normed = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), Neuron())
    prepare(normed, CompressionConfig(weight_bits=2))
    with pytest.raises(InputError, match="neuron '2': the batch norm '1' lies between"):
        prepare_state(normed, shared)


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
