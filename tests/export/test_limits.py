"""Membranes and accumulators of few bits in whole numbers, against the float network's."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from leanspike.compress import CompressionConfig, StateConfig, prepare, prepare_state
from leanspike.compress.state import Overflow, fixed_point
from leanspike.export import Membrane, export_integers, integer_network
from leanspike.nn import Neuron, NeuronConfig


class Chain(nn.Module):
    """Takes [T, N, ...]; a negative gain of the norm turns a channel's weights over."""

    def __init__(self, config: NeuronConfig, *, norm: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(2, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6, eps=0.0) if norm else nn.Identity()
        self.fire1 = Neuron(config)
        self.dense = nn.Linear(216, 10, bias=False)
        self.fire2 = Neuron(config)
        with torch.no_grad():
            self.conv.weight.mul_(8)
            self.dense.weight.mul_(12)
            if norm:
                self.norm.weight.copy_(torch.tensor([1.0, -1.0, 2.0, -0.5, 0.0, 1.0]))

    def forward(self, x: Tensor) -> Tensor:
        steps = x.shape[0]
        y = self.fire1(self.norm(self.conv(x.flatten(0, 1))).unflatten(0, (steps, -1)))
        result: Tensor = self.fire2(self.dense(y.flatten(2)))
        return result


def counts(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    x = torch.randint(0, 3, shape, generator=generator).double()
    return x * (torch.rand(shape, generator=generator) < 0.4)


OVERFLOWS: tuple[Overflow, ...] = ("saturate", "wrap")


@given(st.integers(-5000, 5000), st.integers(1, 300), st.integers(2, 8), st.sampled_from(OVERFLOWS))
def test_whole_numbers_round_and_overflow_like_floats(
    value: int, step: int, bits: int, overflow: Overflow
) -> None:
    kept = Membrane(bits, np.array([step]), overflow).keep(np.array([[value]]))
    expected = fixed_point(torch.tensor([[value]]).double(), bits, step, overflow)
    assert kept.tolist() == expected.tolist()


@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize(
    "neuron",
    [NeuronConfig(), NeuronConfig(reset="soft"), NeuronConfig(kind="if", v_reset=-0.25)],
)
def test_membranes_are_exact(neuron: NeuronConfig, bits: int, overflow: Overflow) -> None:
    net = Chain(neuron).double().eval()
    prepare(net, CompressionConfig(weight_bits=3, power_of_two_scale=True, sparsity=0.3))
    x = counts(16, 5, 2, 6, 6)
    free = net(x)
    prepare_state(net, StateConfig(membrane_bits=bits, overflow=overflow))
    with torch.no_grad():
        expected = net(x)
    recording = integer_network(net, x).run(x.numpy())
    assert 0.02 < float(expected.mean()) < 0.98
    assert bits == 8 or not torch.equal(free, expected)
    assert np.array_equal(recording.output, expected.numpy())
    for potentials in recording.potentials.values():
        assert len(np.unique(potentials)) <= 2**bits


@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("quantizer", ["duq", "power-of-two"])
@pytest.mark.parametrize("norm", [False, True])
def test_accumulators_are_exact(quantizer: str, norm: bool, overflow: Overflow) -> None:
    net = Chain(NeuronConfig(), norm=norm).double().eval()
    prepare(net, CompressionConfig(weight_bits=3, quantizer=quantizer, power_of_two_scale=True))
    x = counts(12, 5, 2, 6, 6)
    free = net(x)
    prepare_state(net, StateConfig(accumulator_bits=4, overflow=overflow))
    with torch.no_grad():
        expected = net(x)
    network = integer_network(net, x, fraction_bits=20)
    recording = network.run(x.numpy())
    assert not torch.equal(free, expected)
    assert 0.01 < float(expected.mean()) < 0.99
    assert np.array_equal(recording.output, expected.numpy())
    turned = recording.accumulated["conv"] * network.layers[0].accumulator.sign[:, None, None]
    assert turned.min() >= -8 and turned.max() <= 7  # noqa: PT018
    assert network.layers[0].accumulator_bits() == 4


def test_files_hold_the_widths(tmp_path: Path) -> None:
    net = Chain(NeuronConfig()).double().eval()
    prepare(net, CompressionConfig(weight_bits=3, power_of_two_scale=True))
    prepare_state(net, StateConfig(membrane_bits=3, accumulator_bits=6, overflow="wrap"))
    x = counts(6, 2, 2, 6, 6)
    network = integer_network(net, x)
    path = export_integers(network, x.numpy(), tmp_path)
    conv = json.loads(path.read_text())["layers"][0]
    assert (conv["membrane_bits"], conv["membrane_overflow"]) == (3, "wrap")
    assert (conv["accumulator_bits"], conv["accumulator_overflow"]) == (6, "wrap")
    words = (tmp_path / "conv.membrane_step.mem").read_text().split()
    steps = np.array([int(word, 16) for word in words])
    assert np.array_equal(steps, network.layers[0].membrane.step)
    golden = np.load(tmp_path / "golden.npz")
    # What is stored of a potential: a code of three bits.
    codes, rest = np.divmod(golden["conv.potentials"], steps[:, None, None])
    assert not rest.any()
    assert set(np.unique(codes)) <= set(range(-4, 4))
    expected = net(x).detach().numpy()
    assert np.array_equal(golden["dense.spikes"], expected)


@pytest.mark.parametrize(
    ("neuron", "power_of_two"),
    [(NeuronConfig(kind="if", threshold=0.7), False), (NeuronConfig(), True)],
)
def test_a_scale_shared_by_weights_and_membrane(neuron: NeuronConfig, power_of_two: bool) -> None:
    net = Chain(neuron).double().eval()
    prepare(net, CompressionConfig(weight_bits=2, power_of_two_scale=power_of_two))
    x = counts(16, 5, 2, 6, 6)
    prepare_state(net, StateConfig(membrane_bits=3, shared_scale=True), example=x)
    with torch.no_grad():
        expected = net(x)
    network = integer_network(net, x, fraction_bits=4)
    assert (network.layers[0].membrane.step == 16).all()  # one weight unit
    assert 0.02 < float(expected.mean()) < 0.98
    assert np.array_equal(network.run(x.numpy()).output, expected.numpy())
