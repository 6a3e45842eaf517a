"""Whole networks of four frameworks, counted by hooks and patches that know nothing of the package.

Every convolution, dense product and product of activations is seen by replacing torch's own
functions; every neuron by a hook. What goes in, what fires, how many neurons there are and how
often a non-zero input meets a weight must be what the measured workload says.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leanspike.activity import profile, reset_states
from leanspike.compress import CompressionConfig, prepare, summary
from leanspike.hardware.price import price
from leanspike.hardware.workload.workload import Layer, Workload
from leanspike.nn import NetworkConfig, Neuron, NeuronConfig, build_network

pytestmark = pytest.mark.peer

STEPS, SAMPLES = 3, 2


@pytest.fixture(autouse=True)
def _their_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def need(name: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"needs {name}")


@dataclass
class Truth:
    """What was counted, over all samples and steps."""

    inputs: int = 0  # non-zero inputs, of every product
    effective: int = 0  # a non-zero input meets a non-zero weight
    spikes: int = 0
    neurons: int = 0  # of all neuron modules, each once


@contextmanager
def counted(net: nn.Module, kinds: tuple[type, ...], truth: Truth) -> Iterator[None]:
    """Count while a network runs."""
    seen: set[int] = set()
    busy = [False]

    def fired(module: nn.Module, _: Any, output: Any) -> None:
        spikes = output[0] if isinstance(output, tuple) else output
        truth.spikes += int(spikes.count_nonzero())
        if id(module) not in seen:
            seen.add(id(module))
            # All steps at once, as [T, N, ...] or [N, T, ...] or [N * T, ...], or one step.
            whole = spikes.shape[:2] in ((STEPS, SAMPLES), (SAMPLES, STEPS))
            whole = whole or spikes.shape[0] == STEPS * SAMPLES
            truth.neurons += spikes.numel() // (SAMPLES * (STEPS if whole else 1))

    def alone(function: Callable[..., Any], count: Callable[..., tuple[int, int]]) -> Any:
        def patched(*args: Any, **kwargs: Any) -> Any:
            if not busy[0]:
                busy[0] = True
                inputs, effective = count(*args, **kwargs)
                truth.inputs += inputs
                truth.effective += effective
                result = function(*args, **kwargs)
                busy[0] = False
                return result
            return function(*args, **kwargs)

        return patched

    def convolution(function: Callable[..., Tensor]) -> Callable[..., tuple[int, int]]:
        def count(x: Tensor, w: Tensor, bias: Any = None, *rest: Any, **more: Any) -> Any:
            met = function((x != 0).double(), (w != 0).double(), None, *rest, **more)
            return int(x.count_nonzero()), int(met.sum().round())

        return count

    def linear(x: Tensor, w: Tensor, bias: Any = None) -> tuple[int, int]:
        met = (x != 0).double() @ (w != 0).double().T
        return int(x.count_nonzero()), int(met.sum().round())

    def matmul(a: Tensor, b: Tensor) -> tuple[int, int]:
        met = real_matmul((a != 0).double(), (b != 0).double())
        return int(a.count_nonzero() + b.count_nonzero()), int(met.sum().round())

    real_matmul = torch.matmul
    handles = [m.register_forward_hook(lambda *_: None) for m in net.modules()]
    handles += [
        m.register_forward_hook(fired)
        for name, m in net.named_modules()
        if isinstance(m, kinds) and "analog" not in name
    ]
    with pytest.MonkeyPatch.context() as patch:
        for name in ("conv1d", "conv2d", "conv3d"):
            function = getattr(F, name)
            patch.setattr(F, name, alone(function, convolution(function)))
        patch.setattr(F, "linear", alone(F.linear, linear))
        patch.setattr(torch, "matmul", alone(torch.matmul, matmul))
        patch.setattr(Tensor, "__matmul__", alone(Tensor.__matmul__, matmul))
        yield
    for handle in handles:
        handle.remove()


def pairs(layer: Layer) -> int:
    """Count the pairs of an input that is there and a weight, per sample and step, in plain loops.

    Of one output channel and one input channel, then times the channels.
    """
    met = []
    for axis, (out, kernel) in enumerate(((layer.P, layer.R), (layer.Q, layer.S))):
        size = layer.input_size[axis] if layer.input_size else 1
        met.append(
            sum(
                0 <= p * layer.stride[axis] + r * layer.dilation[axis] - layer.padding[axis] < size
                for p in range(out)
                for r in range(kernel)
            )
        )
    return met[0] * met[1] * layer.M * layer.C // layer.groups * layer.N


def said(workload: Workload) -> Truth:
    """Say what a workload's densities and shapes mean, over all samples."""
    inputs = effective = spikes = 0.0
    neurons = 0
    for layer in workload.layers:
        rows, columns = layer.input_size or (1, 1)
        values = layer.T * layer.N * layer.C * rows * columns
        inputs += layer.density.inputs.mean * values
        if layer.operand == "activations":
            inputs += layer.density.weights.mean * layer.volume("Weights")
        met = layer.density.inputs.mean * layer.density.weights.mean
        effective += met * layer.T * pairs(layer)
        if layer.neurons:
            neurons += layer.volume("State")
            spikes += layer.density.outputs.mean * layer.neuron_updates
    return Truth(
        round(inputs * SAMPLES), round(effective * SAMPLES), round(spikes * SAMPLES), neurons
    )


def check(
    net: nn.Module,
    x: Tensor,
    kinds: tuple[type, ...],
    *,
    time_axis: int = 0,
    step_by_step: bool = False,
    tolerance: float = 0.05,
    priced: bool = False,
) -> Workload:
    """Compare; `tolerance` is for effective accumulates, whose densities say where non-zeros are.

    A density spreads the non-zeros evenly. Where they are at the border, or meet another
    activation (in attention), what it expects is not what happens to be. What is `priced` must be
    what the densities expect, which the hardware model counts in its own way.
    """
    net.eval()
    truth = Truth()
    with torch.no_grad(), counted(net, kinds, truth):
        reset_states(net)
        if step_by_step:
            for step in x.unbind(time_axis):
                net(step)
        else:
            net(x)
        reset_states(net)
    activity = profile(net, [x], time_axis=time_axis, step_by_step=step_by_step)
    workload = activity.workload
    found = said(workload)
    assert truth.spikes > 0
    assert truth.effective > 0
    assert found.neurons == truth.neurons
    assert found.spikes == truth.spikes
    assert found.inputs == truth.inputs
    assert round(activity.operations * SAMPLES) == truth.effective
    assert found.effective == pytest.approx(truth.effective, rel=tolerance)
    assert workload.left_out == ()
    if priced:
        cost = price(workload, "eyeriss_snn")
        made = sum(layer.computes["actual"] for layer in cost.layers)
        assert made * SAMPLES == pytest.approx(found.effective, rel=1e-3)
        assert sum(layer.neuron_updates for layer in cost.layers) == STEPS * truth.neurons
    return workload


def frames(size: int = 16, channels: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (STEPS, SAMPLES, channels, size, size)
    return (torch.rand(*shape, generator=generator) < 0.3).float()


def enliven(net: nn.Module, gain: float = 3.0) -> nn.Module:
    """Make neurons fire at random weights."""
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.constant_(module.weight, gain)
            nn.init.uniform_(module.bias, 0, 0.3)
    return net


def spikingjelly(build: Callable[[], nn.Module], gain: float) -> tuple[nn.Module, type]:
    need("spikingjelly")
    from spikingjelly.activation_based import functional, neuron

    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        # Some of its models import torchvision, which only downloads weights for them.
        loader = ModuleType("torchvision._internally_replaced_utils")
        loader.load_state_dict_from_url = None  # type: ignore[attr-defined]
        patch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
        patch.setitem(sys.modules, loader.__name__, loader)
        net = enliven(build(), gain)
    functional.set_step_mode(net, "m")
    return net, neuron.BaseNode


def test_gesture_net() -> None:
    def build() -> nn.Module:
        from spikingjelly.activation_based import neuron
        from spikingjelly.activation_based.model.parametric_lif_net import DVSGestureNet

        return DVSGestureNet(channels=8, spiking_neuron=neuron.LIFNode)

    net, kind = spikingjelly(build, 4)
    check(net, frames(128), (kind,))


def test_sew_resnet() -> None:
    def build() -> nn.Module:
        from spikingjelly.activation_based import neuron
        from spikingjelly.activation_based.model import sew_resnet

        return sew_resnet.sew_resnet18(cnf="ADD", spiking_neuron=neuron.IFNode, num_classes=5)

    net, kind = spikingjelly(build, 2)
    check(net, frames(32, 3), (kind,))


@pytest.mark.slow
def test_sew_resnet_priced() -> None:
    def build() -> nn.Module:
        from spikingjelly.activation_based import neuron
        from spikingjelly.activation_based.model import sew_resnet

        return sew_resnet.sew_resnet18(cnf="ADD", spiking_neuron=neuron.IFNode, num_classes=5)

    net, kind = spikingjelly(build, 2)
    check(net, frames(32, 3), (kind,), priced=True)


def test_spikformer() -> None:
    def build() -> nn.Module:
        from spikingjelly.activation_based.model.spikformer import Spikformer

        return Spikformer(
            T=STEPS, in_channels=2, img_size_h=16, img_size_w=16, patch_size=4, num_classes=5,
            embed_dims=32, num_heads=4, depths=1,
        )  # fmt: skip

    net, kind = spikingjelly(build, 12)
    workload = check(net, frames(), (kind,), tolerance=0.3)
    assert sum(layer.operand == "activations" for layer in workload.layers) == 2


def test_spiking_vgg() -> None:
    def build() -> nn.Module:
        from spikingjelly.activation_based import neuron
        from spikingjelly.activation_based.model import spiking_vgg

        return spiking_vgg.spiking_vgg11_bn(spiking_neuron=neuron.IFNode, num_classes=5)

    net, kind = spikingjelly(build, 2)
    check(net, frames(32, 3), (kind,))


def test_snntorch_tutorial() -> None:
    snn = need("snntorch")

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.conv1, self.lif1 = nn.Conv2d(2, 12, 5), snn.Leaky(beta=0.5, threshold=0.3)
            self.conv2, self.lif2 = nn.Conv2d(12, 16, 3), snn.Leaky(beta=0.5, threshold=0.2)
            self.fc1, self.lif3 = nn.Linear(64, 10), snn.Leaky(beta=0.5, threshold=0.1)

        def forward(self, x: Tensor) -> Tensor:
            m1, m2, m3 = (lif.reset_mem() for lif in (self.lif1, self.lif2, self.lif3))
            out = []
            for step in x:
                s, m1 = self.lif1(F.max_pool2d(self.conv1(step), 2), m1)
                s, m2 = self.lif2(F.max_pool2d(self.conv2(s), 2), m2)
                s, m3 = self.lif3(self.fc1(s.flatten(1)), m3)
                out.append(s)
            return torch.stack(out)

    workload = check(Net(), frames(), (snn.SpikingNeuron,), priced=True)
    assert [layer.neuron_maps for layer in workload.layers] == [(6, 6), (2, 2), (1, 1)]


@pytest.mark.parametrize("conv", [False, True])
def test_snntorch_recurrent(conv: bool) -> None:
    snn = need("snntorch")
    options: dict[str, Any] = {"linear_features": 20}
    if conv:
        options = {"conv2d_channels": 4, "kernel_size": 3}

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.fc = nn.Conv2d(2, 4, 3, padding=1) if conv else nn.Linear(512, 20)
            self.lif = snn.RLeaky(beta=0.9, threshold=0.3, **options)

        def forward(self, x: Tensor) -> Tensor:
            s, m = self.lif.reset_mem()
            for step in x:
                s, m = self.lif(self.fc(step if conv else step.flatten(1)), s, m)
            return s

    workload = check(Net(), frames(), (snn.SpikingNeuron,), tolerance=0.06)
    assert len(workload.layers) == 1


class NorseLoop(nn.Module):
    def __init__(self, step: nn.Module) -> None:
        super().__init__()
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        state, out = None, []
        for one in x:
            s, state = self.step(one, state)
            out.append(s)
        return torch.stack(out)


def test_norse() -> None:
    norse = need("norse.torch")
    torch.manual_seed(0)
    p = norse.LIFParameters(v_th=torch.tensor(0.1))
    net = NorseLoop(
        norse.SequentialState(
            nn.Conv2d(2, 8, 5, bias=False), norse.LIFCell(p), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(288, 10, bias=False), norse.LICell(),
        )
    )  # fmt: skip
    check(net, frames(), (norse.LIFCell, norse.LICell))


def test_norse_recurrent() -> None:
    norse = need("norse.torch")
    torch.manual_seed(0)
    p = norse.LIFParameters(v_th=torch.tensor(0.05))
    net = NorseLoop(norse.SequentialState(nn.Flatten(), norse.LIFRecurrentCell(512, 30, p)))
    (layer,) = check(net, frames(), (norse.LIFRecurrentCell,)).layers
    assert (layer.C, layer.M) == (542, 30)


@pytest.mark.parametrize("pooled", ["avg", "none"])
def test_sinabs(pooled: str) -> None:
    need("sinabs")
    import sinabs.layers as sl
    from sinabs.from_torch import from_model

    torch.manual_seed(0)
    pool = [nn.AvgPool2d(2)] if pooled == "avg" else []
    analog = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1, bias=False), *pool, nn.ReLU(), nn.Conv2d(8, 8, 3, bias=False),
        nn.ReLU(), nn.Flatten(), nn.Linear(288 if pool else 1568, 10, bias=False), nn.ReLU(),
    )  # fmt: skip

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = from_model(analog, num_timesteps=STEPS, spike_threshold=0.2)

        def forward(self, x: Tensor) -> Tensor:  # [N, T, ...]
            return self.net(x.flatten(0, 1)).unflatten(0, x.shape[:2])

    net = Net()
    check(net, frames().transpose(0, 1), (sl.StatefulLayer,), time_axis=1)
    # The container holds the analog network too, which never runs.
    assert summary(net).weights == summary(analog).weights
    before = {name: p.clone() for name, p in net.net.analog_model.named_parameters()}
    prepare(net, CompressionConfig(weight_bits=2, sparsity=0.5))
    assert summary(net).pruned == pytest.approx(0.5, abs=1e-3)
    after = dict(net.net.analog_model.named_parameters())
    assert all(torch.equal(after[name], p) for name, p in before.items())


def test_sinabs_recurrent() -> None:
    need("sinabs")
    import sinabs.layers as sl

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.fc = nn.Linear(512, 20)
            rec = nn.Linear(20, 20)
            self.lif = sl.LIFRecurrent(tau_mem=4.0, rec_connect=rec, spike_threshold=0.05)

        def forward(self, x: Tensor) -> Tensor:
            return self.lif(self.fc(x.flatten(2)))

    x = frames().transpose(0, 1)
    (layer,) = check(Net(), x, (sl.LIFRecurrent,), time_axis=1).layers
    assert layer.name == "fc+lif.rec_connect"


def test_a_synaptic_filter_and_a_recurrent_container() -> None:
    def build() -> nn.Module:
        from spikingjelly.activation_based import layer, neuron

        lif = neuron.LIFNode(v_threshold=0.1)
        again = layer.LinearRecurrentContainer(
            neuron.LIFNode(v_threshold=0.1), in_features=20, out_features=20
        )
        return nn.Sequential(
            layer.Flatten(), layer.Linear(512, 20), layer.SynapseFilter(tau=2.0), lif, again
        )

    net, kind = spikingjelly(build, 1)
    check(net, frames(), (kind,))


@pytest.mark.parametrize("kind", ["small", "tcja", "recurrent"])
def test_ours(kind: str) -> None:
    neuron = NeuronConfig(threshold=0.1, recurrent=kind == "recurrent")
    name = "tcja" if kind == "tcja" else "small"
    size = 64 if kind == "tcja" else 16
    channels = {"channels": 4} if kind != "tcja" else {"channels": (4,) * 5}
    net = build_network(
        NetworkConfig(name=name, shape=(2, size, size), T=STEPS, neuron=neuron, **channels),
        seed=0,
    )
    enliven(net, 2)
    workload = check(net, frames(size), (Neuron,), tolerance=0.1, priced=kind == "small")
    merged = [layer.name for layer in workload.layers if "+" in layer.name]
    assert bool(merged) == (kind == "recurrent")


def test_pairs_by_brute_force() -> None:
    layer = Layer(name="c", C=2, M=3, P=4, Q=4, R=3, S=3, padding=(1, 1), input_size=(4, 4))
    met = F.conv2d(torch.ones(1, 2, 4, 4), torch.ones(3, 2, 3, 3), padding=1).sum()
    assert pairs(layer) == int(met)
    assert np.prod(layer.input_extent) == 36
