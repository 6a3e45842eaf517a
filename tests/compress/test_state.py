import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from leanspike.activity import profile
from leanspike.compress import (
    CompressionConfig,
    StateConfig,
    convert,
    fold_batchnorm,
    prepare,
    prepare_state,
)
from leanspike.compress.state import SharedScale, accumulator_of
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
    config = StateConfig(membrane_bits=2, shared_scale=True)
    return prepare_state(net, config, example=torch.zeros(3, 1, 12))  # type: ignore[return-value]


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
    x = torch.zeros(3, 1, 2)
    with pytest.raises(InputError, match="Give an input"):
        prepare_state(plain, shared)
    with pytest.raises(InputError, match="neuron '1': '0', which feeds it, has no quantizer"):
        prepare_state(plain, shared, example=x)
    assert plain[1].membrane is None
    normed = nn.Sequential(nn.Linear(2, 2), nn.Unflatten(1, (2, 1)), nn.BatchNorm1d(2), Neuron())
    prepare(normed, CompressionConfig(weight_bits=2))
    with pytest.raises(InputError, match="neuron '3': the batch norm '2' lies between"):
        prepare_state(normed, shared, example=torch.zeros(1, 2))
    prepare(plain, CompressionConfig(weight_bits=2))
    wide = StateConfig(membrane_bits=2, shared_scale=True, accumulator_bits=4)
    with pytest.raises(InputError, match="Give an input"):
        prepare_state(plain, wide)
    assert accumulator_of(plain[0]) is None


class Backwards(nn.Module):
    """Modules defined in another order than the data passes them."""

    def __init__(self, *, both: bool = False, skip: bool = False, recurrent: bool = False) -> None:
        super().__init__()
        self.both, self.skip = both, skip
        self.neuron1 = Neuron(NeuronConfig(recurrent=recurrent), channels=6)
        self.second = nn.Linear(6, 6, bias=False)
        self.first = nn.Linear(4, 6, bias=False)
        self.neuron2 = Neuron()
        self.pool = nn.MaxPool1d(2)
        with torch.no_grad():
            self.first.weight.copy_(torch.linspace(-1, 1, 24).reshape(6, 4))
            self.second.weight.copy_(torch.linspace(-8, 8, 36).reshape(6, 6))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu_(self.first(x))  # in place
        s = self.neuron1(y)
        z = self.second(s)
        z = z + self.first(x) if self.both else z + s if self.skip else z
        out: Tensor = self.neuron2(self.pool(z))
        return out


def test_a_shared_scale_is_that_of_the_layer_the_data_passed() -> None:
    net = prepare(Backwards(), CompressionConfig(weight_bits=4, quantizer="uniform"))
    shared = StateConfig(membrane_bits=4, shared_scale=True)
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    prepare_state(net, shared, example=torch.zeros(2, 1, 4))
    assert net.neuron1.membrane.steps().item() == pytest.approx(1 / 7)
    assert net.neuron2.membrane.steps().item() == pytest.approx(8 / 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"both": True}, "neuron 'neuron2': its input comes from 'first', 'second'; a scale"),
        ({"skip": True}, "neuron 'neuron2': its input comes from 'neuron1', 'second'; a scale"),
        ({"recurrent": True}, "neuron 'neuron1': its input comes from 'first' and from recurrent"),
    ],
)
def test_no_scale_is_shared_with_several(options: dict[str, bool], message: str) -> None:
    net = prepare(Backwards(**options), CompressionConfig(weight_bits=4))
    shared = StateConfig(membrane_bits=4, shared_scale=True)
    with pytest.raises(InputError, match=message):
        prepare_state(net, shared, example=torch.zeros(2, 1, 4))
    assert net.neuron1.membrane is None


def test_a_shared_scale_in_a_network_of_ours() -> None:
    net = build_network(NetworkConfig(shape=(2, 12, 12), channels=6, T=5), seed=0)
    fold_batchnorm(net, frames())
    prepare(net, CompressionConfig(weight_bits=4, quantizer="lsq"))
    state = StateConfig(membrane_bits=4, shared_scale=True)
    prepare_state(net, state, example=torch.zeros(5, 1, 2, 12, 12))
    layers = ["conv1", "conv2", "conv3", "dense1", "dense2"]
    for k, name in enumerate(layers, start=1):
        step = net.get_submodule(name).parametrizations.weight[0].quantizer.step.detach().abs()
        assert torch.equal(net.get_submodule(f"neuron{k}").membrane.steps(), step.flatten())


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_convert_keeps_accumulators(overflow: str, granularity: str) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 6, 3), nn.Flatten(), nn.Linear(54, 4))
    config = CompressionConfig(weight_bits=4, sparsity=0.3, granularity=granularity)  # type: ignore[arg-type]
    prepare(net, config)
    x = torch.randint(0, 4, (5, 3, 5, 5), generator=torch.Generator().manual_seed(1)).float()
    wide = net(x)
    prepare_state(net, StateConfig(accumulator_bits=4, overflow=overflow))  # type: ignore[arg-type]
    expected = net(x).detach()
    assert not torch.allclose(wide, expected)
    twin = copy.deepcopy(net)
    convert(net)
    assert torch.equal(net(x), expected)
    assert torch.equal(copy.deepcopy(net)(x), expected)
    with torch.no_grad():  # the copy's accumulator is of the copy's layer
        twin[0].parametrizations.weight[0].quantizer.c.mul_(2)
    assert not torch.equal(twin(x), expected)
    assert torch.equal(net(x), expected)
    prepare(net, config)  # again: the unit is the new quantizer's
    quantizer = net[0].parametrizations.weight[0].quantizer
    unit = quantizer.scale(net[0].weight).detach().flatten()
    assert torch.equal(accumulator_of(net[0]).steps(), unit)


def test_an_accumulator_takes_a_single_image() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 6, 3))
    prepare(net, CompressionConfig(weight_bits=4, granularity="channel"))
    prepare_state(net, StateConfig(accumulator_bits=4))
    x = torch.rand(3, 5, 5)
    assert torch.allclose(net(x), net(x[None])[0])


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
