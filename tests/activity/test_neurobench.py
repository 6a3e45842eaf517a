"""NeuroBench's metrics on the same networks, wherever both define one."""

import warnings

import pytest
import torch
from torch import Tensor, nn

from leanspike.activity import profile
from leanspike.compress import CompressionConfig, convert, footprint, prepare, summary

pytestmark = pytest.mark.peer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    models = pytest.importorskip("neurobench.models", reason="needs neurobench and its snnTorch")
    from neurobench.metrics.static import ConnectionSparsity, Footprint
    from neurobench.metrics.workload import (
        ActivationSparsity,
        ActivationSparsityByLayer,
        SynapticOperations,
    )


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1, stride=2, bias=False),
        nn.ReLU(),
        nn.Conv2d(6, 4, (3, 2), groups=2, dilation=(1, 2), bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(100, 5, bias=False),
        nn.ReLU(),
    )


def spikes(*shape: int) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(1)) < 0.3).float()


@pytest.fixture
def hooked() -> object:
    net = convert(prepare(network(), CompressionConfig(sparsity=0.5)))
    wrapped = models.TorchModel(net)
    wrapped.register_hooks()
    x = spikes(8, 2, 14, 14)
    predictions = wrapped(x)
    yield wrapped, x, predictions
    wrapped.cleanup_hooks()


def test_synaptic_operations(hooked: tuple[object, Tensor, Tensor]) -> None:
    wrapped, x, predictions = hooked
    theirs = SynapticOperations()(wrapped, predictions, (x, torch.zeros(8)))
    net = wrapped.net  # type: ignore[attr-defined]
    ours = profile(net, [x[:3], x[3:]], time_axis=None)
    assert ours.operations == pytest.approx(
        theirs["Effective_ACs"] + theirs["Effective_MACs"], rel=1e-6
    )
    assert ours.dense_operations == pytest.approx(theirs["Dense"], rel=1e-6)
    spiking = [layer.operations for layer in ours.layers if layer.layer.bits.inputs == 1]
    assert spiking == [pytest.approx(theirs["Effective_ACs"], rel=1e-6)]


def test_activation_sparsity(hooked: tuple[object, Tensor, Tensor]) -> None:
    wrapped, x, predictions = hooked
    overall = ActivationSparsity()(wrapped, predictions, (x, None))
    by_layer = ActivationSparsityByLayer()(wrapped, predictions, (x, None))
    ours = profile(wrapped.net, [x], time_axis=None)  # type: ignore[attr-defined]
    for layer, (name, sparsity) in zip(ours.layers, by_layer.items(), strict=True):
        assert layer.activation == name
        assert 1 - layer.layer.density.outputs.mean == pytest.approx(sparsity, rel=1e-9)
    zeros = sum((1 - layer.rates).sum() for layer in ours.layers)
    neurons = sum(len(layer.rates) for layer in ours.layers)
    assert zeros / neurons == pytest.approx(overall, rel=1e-9)


def test_connection_sparsity_and_footprint(hooked: tuple[object, Tensor, Tensor]) -> None:
    wrapped, _, _ = hooked
    net = wrapped.net  # type: ignore[attr-defined]
    assert summary(net).sparsity == pytest.approx(ConnectionSparsity()(wrapped), abs=1e-4)
    assert footprint(net) == Footprint()(wrapped)


def test_spiking_network_over_time() -> None:
    snn = pytest.importorskip("snntorch")

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first = nn.Linear(20, 30, bias=False)
            self.fire1 = snn.Leaky(beta=0.9, threshold=0.3)
            self.second = nn.Linear(30, 10, bias=False)
            self.fire2 = snn.Leaky(beta=0.9, threshold=0.3)

        def forward(self, x: Tensor) -> Tensor:
            m1, m2 = self.fire1.reset_mem(), self.fire2.reset_mem()
            out = []
            for step in x.unbind(1):  # [N, T, features], as NeuroBench has it
                s, m1 = self.fire1(self.first(step), m1)
                s, m2 = self.fire2(self.second(s), m2)
                out.append(s)
            return torch.stack(out, 1)

    net = Net()
    wrapped = models.TorchModel(net)
    wrapped.add_activation_module(snn.SpikingNeuron)
    wrapped.register_hooks()
    x = spikes(4, 6, 20)
    predictions = wrapped(x)
    theirs = SynapticOperations()(wrapped, predictions, (x, torch.zeros(4)))
    sparsity = ActivationSparsityByLayer()(wrapped, predictions, (x, None))
    wrapped.cleanup_hooks()
    ours = profile(net, [x], time_axis=1)
    assert predictions.sum() > 0
    assert ours.operations == pytest.approx(theirs["Effective_ACs"], rel=1e-6)
    assert ours.dense_operations == pytest.approx(theirs["Dense"])
    for layer, name in zip(ours.layers, ("fire1", "fire2"), strict=True):
        assert layer.activation == name
        assert layer.layer.neurons
        assert layer.layer.T == 6
        assert 1 - layer.layer.density.outputs.mean == pytest.approx(sparsity[name], rel=1e-9)
