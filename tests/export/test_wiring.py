"""Networks that are no chains, against the float network's spikes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from leanspike.compress import CompressionConfig, prepare
from leanspike.errors import InputError
from leanspike.export import Join, export_integers, from_nir, integer_network, to_nir
from leanspike.nn import Neuron, NeuronConfig


class Branches(nn.Module):
    """Takes [T, N, 2, 6, 6]; two spiking layers are joined before the third."""

    def __init__(self, how: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.how = how
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        wide = {"concat": 8, "dense": 4}.get(how, 4)
        self.conv3 = nn.Conv2d(wide, 5, 3, bias=False)
        self.pool = nn.MaxPool2d(2)
        features = 5 * 16 + (144 if how == "dense" else 0)
        self.dense = nn.Linear(features if how != "pool" else 20, 10, bias=False)
        for k in range(1, 5):
            self.add_module(f"fire{k}", Neuron(NeuronConfig()))
        with torch.no_grad():
            for layer, gain in (
                (self.conv1, 12),
                (self.conv2, 10),
                (self.conv3, 14),
                (self.dense, 14),
            ):
                layer.weight.mul_(gain)
        if how == "pool":
            self.conv3 = nn.Conv2d(4, 5, 2, bias=False)
            nn.init.normal_(self.conv3.weight)

    def join(self, one: Tensor, two: Tensor) -> Tensor:
        if self.how == "multiply":
            return one * (1 * two)
        if self.how == "concat":
            return torch.cat([two, one], dim=1)
        if self.how == "dense":
            return two
        return self.pool(one + two) if self.how == "pool" else one + two

    def forward(self, x: Tensor) -> Tensor:
        def fire(neuron: nn.Module, y: Tensor) -> Tensor:
            spikes: Tensor = neuron(y.unflatten(0, x.shape[:2])).flatten(0, 1)
            return spikes

        one = fire(self.fire1, self.conv1(x.flatten(0, 1)))
        two = fire(self.fire2, self.conv2(one))
        y = fire(self.fire3, self.conv3(self.join(one, two))).flatten(1)
        if self.how == "dense":
            y = torch.cat([y, one.flatten(1)], dim=1)
        return fire(self.fire4, self.dense(y)).unflatten(0, x.shape[:2])


def frames(*, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(8, 4, 2, 6, 6, generator=generator) < 0.4).double()


def prepared(how: str) -> nn.Module:
    net = Branches(how).double().eval()
    return prepare(net, CompressionConfig(weight_bits=4, power_of_two_scale=True))


@pytest.mark.parametrize(
    ("how", "source"),
    [
        ("add", Join("add", ("conv1", "conv2"))),
        ("multiply", Join("multiply", ("conv1", "conv2"))),
        ("concat", Join("concat", ("conv2", "conv1"))),
        ("pool", Join("max-pool", (Join("add", ("conv1", "conv2")),), (2, 2))),
    ],
)
def test_joined_spikes_are_exact(how: str, source: Join) -> None:
    net = prepared(how)
    network = integer_network(net, frames())
    assert network.sources == ("", "conv1", source, "conv3")
    x = frames(seed=1)  # not what it was traced with
    with torch.no_grad():
        expected = net(x).numpy()
    recording = network.run(x.numpy())
    assert 0.02 < expected.mean() < 0.98
    assert np.array_equal(recording.output, expected)
    assert recording.entering["conv3"].max() == (2 if how in ("add", "pool") else 1)


def test_a_skip_into_a_dense_layer() -> None:
    net = prepared("dense")
    network = integer_network(net, frames())
    assert network.sources[-1] == Join("concat", ("conv3", "conv1"))
    with torch.no_grad():
        expected = net(frames(seed=1)).numpy()
    assert np.array_equal(network.run(frames(seed=1).numpy()).output, expected)


def test_files_say_where_inputs_come_from(tmp_path: Path) -> None:
    network = integer_network(prepared("add"), frames())
    path = export_integers(network, frames().numpy(), tmp_path)
    layers = json.loads(path.read_text())["layers"]
    assert [layer["source"] for layer in layers] == [
        "",
        "conv1",
        {"how": "add", "parts": ["conv1", "conv2"]},
        "conv3",
    ]
    golden = np.load(tmp_path / "golden.npz")
    total = golden["conv1.spikes"].astype(int) + golden["conv2.spikes"]
    assert np.array_equal(golden["conv3.inputs"], total)
    # A sum of two spikes needs a wider accumulator.
    conv3 = network.layers[2]
    assert layers[2]["accumulator_bits"] == conv3.accumulator_bits(2)


def test_a_skip_through_nir() -> None:
    net = prepared("add")
    back = from_nir(to_nir(net, frames()))
    with torch.no_grad():
        expected = net(frames(seed=1))
        found = back(frames(seed=1).to(next(back.parameters()).dtype))
    assert 0.02 < float(expected.mean()) < 0.98
    assert torch.equal(found.to(expected.dtype), expected)


# Bad input.


def test_silent_neurons_tell_nothing() -> None:
    net = prepared("add")
    with torch.no_grad():
        net.conv2.parametrizations.weight.original.zero_()
    with pytest.raises(InputError, match="layer 'conv2': nothing was found that takes its spikes"):
        integer_network(net, frames())


def test_nir_says_no_to_concatenation() -> None:
    with pytest.raises(InputError, match="layer 'conv3': its input is concat"):
        to_nir(prepared("concat"), frames())


def test_what_is_added_before_a_neuron() -> None:
    class Shortcut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 6)
            self.fire1, self.fire2 = Neuron(), Neuron()

        def forward(self, x: Tensor) -> Tensor:
            s = self.fire1(self.one(x))
            return self.fire2(self.two(s) + s)

    torch.manual_seed(0)
    net = prepare(Shortcut(), CompressionConfig(weight_bits=4))
    with pytest.raises(InputError, match="module 'fire2': its input is not the output of two"):
        integer_network(net, 3 * torch.rand(4, 2, 6).round())
