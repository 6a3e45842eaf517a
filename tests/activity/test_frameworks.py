"""Networks of other frameworks, measured against running their layers by hand."""

import warnings
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from leanspike.activity import profile
from leanspike.activity.records import LayerActivity

pytestmark = pytest.mark.peer


@pytest.fixture(autouse=True)
def _their_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def need(name: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"needs {name}")


def frames() -> Tensor:
    return (torch.rand(6, 4, 2, 12, 12, generator=torch.Generator().manual_seed(0)) < 0.3).float()


def agrees(layer: LayerActivity, inputs: list[Tensor], outputs: list[Tensor]) -> None:
    """Compare with what went in and came out at each step, ``[N, ...]`` each."""
    for density, steps in (
        (layer.layer.density.inputs, inputs),
        (layer.layer.density.outputs, outputs),
    ):
        counts = torch.stack([(s != 0).flatten(1).float().mean(1) for s in steps])
        assert density.mean == pytest.approx(float(counts.mean()), rel=1e-5)
        assert density.max == pytest.approx(float(counts.max()), rel=1e-5)
    assert len(inputs) == layer.layer.T
    assert 0 < layer.layer.density.outputs.mean < 1


@pytest.mark.parametrize("mode", ["m", "s"])
def test_spikingjelly(mode: str) -> None:
    need("spikingjelly")
    from spikingjelly.activation_based import functional, layer, neuron

    torch.manual_seed(0)
    parts = [
        layer.Conv2d(2, 8, 3, bias=False),
        layer.BatchNorm2d(8),
        neuron.LIFNode(v_threshold=0.3),
        layer.MaxPool2d(2),
        layer.Flatten(),
        layer.Dropout(0.5),
        layer.Linear(200, 10, bias=False),
        neuron.LIFNode(v_threshold=0.1),
    ]
    net = nn.Sequential(*parts)
    x = frames()
    functional.set_step_mode(net, mode)
    conv, dense = profile(net, [x], step_by_step=mode == "s").layers
    functional.set_step_mode(net, "s")
    net.eval()
    seen: list[list[Tensor]] = [[], [], []]
    for step in x:
        first = parts[2](parts[1](parts[0](step)))
        pooled = parts[4](parts[3](first))
        for kept, value in zip(seen, (first, pooled, parts[7](parts[6](pooled))), strict=True):
            kept.append(value)
    functional.reset_net(net)
    agrees(conv, list(x), seen[0])
    agrees(dense, seen[1], seen[2])
    assert (conv.activation, dense.activation) == ("2", "7")


@pytest.mark.parametrize("hidden", [False, True])
def test_snntorch(hidden: bool) -> None:
    snn = need("snntorch")

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.conv = nn.Conv2d(2, 8, 3)
            self.lif1 = snn.Leaky(beta=0.9, threshold=0.5)
            self.fc = nn.Linear(200, 10)
            self.lif2 = snn.Leaky(beta=0.9, threshold=0.5)

        def forward(self, x: Tensor) -> Tensor:
            m1, m2 = self.lif1.reset_mem(), self.lif2.reset_mem()
            for step in x:
                # Pooled before the neuron, as snnTorch's tutorials do.
                s, m1 = self.lif1(nn.functional.max_pool2d(self.conv(step), 2), m1)
                s, m2 = self.lif2(self.fc(s.flatten(1)), m2)
            result: Tensor = s
            return result

    net, x = Net(), frames()
    seen: list[list[Tensor]] = [[], []]
    m1, m2 = net.lif1.reset_mem(), net.lif2.reset_mem()
    for step in x:
        first, m1 = net.lif1(nn.functional.max_pool2d(net.conv(step), 2), m1)
        second, m2 = net.lif2(net.fc(first.flatten(1)), m2)
        seen[0].append(first)
        seen[1].append(second)
    if hidden:
        sequential = nn.Sequential(
            net.conv,
            nn.MaxPool2d(2),
            snn.Leaky(beta=0.9, threshold=0.5, init_hidden=True),
            nn.Flatten(),
            net.fc,
            snn.Leaky(beta=0.9, threshold=0.5, init_hidden=True, output=True),
        )
        conv, dense = profile(sequential, [x], step_by_step=True).layers
    else:
        conv, dense = profile(net, [x]).layers
    agrees(conv, list(x), seen[0])
    agrees(dense, [s.flatten(1) for s in seen[0]], seen[1])
    assert conv.layer.neurons
    assert len(conv.rates) == 200  # neurons after the pooling
    assert conv.layer.P == 10  # what the layer itself puts out


def test_snntorch_recurrent() -> None:
    snn = need("snntorch")

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.fc = nn.Linear(288, 20)
            self.lif = snn.RLeaky(beta=0.9, linear_features=20, threshold=0.3)

        def forward(self, x: Tensor) -> Tensor:
            s, m = self.lif.init_rleaky()
            out = []
            for step in x:
                s, m = self.lif(self.fc(step.flatten(1)), s, m)
                out.append(s)
            return torch.stack(out)

    net, x = Net(), frames()
    activity = profile(net, [x])
    fc, recurrent = activity.layers
    spikes = list(net(x))
    # Both sums go to one neuron, which is the later layer's.
    agrees(recurrent, [torch.zeros(4, 20), *spikes[:-1]], spikes)
    assert (recurrent.name, fc.sums_into) == ("lif.recurrent", "lif.recurrent")
    assert (fc.layer.T, recurrent.layer.T) == (6, 6)
    (both,) = activity.workload.layers
    assert (both.name, both.C, both.M, both.neurons) == ("fc+lif.recurrent", 308, 20, True)
    given = float(x.mean()) * 288 + float(torch.stack(spikes[:-1]).mean()) * 20 * 5 / 6
    assert both.density.inputs.mean == pytest.approx(given / 308)
    assert both.volume("State") == 20


@pytest.mark.parametrize("cells", [True, False])
def test_norse(cells: bool) -> None:
    norse = need("norse.torch")
    torch.manual_seed(0)
    p = norse.LIFParameters(v_th=torch.tensor(0.1))
    conv, fc = nn.Conv2d(2, 8, 3), nn.Linear(200, 10)
    one = norse.SequentialState(
        conv, norse.LIFCell(p), nn.MaxPool2d(2), nn.Flatten(), fc, norse.LIFCell(p)
    )

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = one

        def forward(self, x: Tensor) -> Tensor:
            state, out = None, []
            for step in x:
                s, state = self.net(step, state)
                out.append(s)
            return torch.stack(out)

    x = frames()
    net: nn.Module = Net()
    if not cells:
        net = norse.SequentialState(
            norse.Lift(conv), norse.LIF(p), norse.Lift(nn.MaxPool2d(2)), nn.Flatten(2), fc,
            norse.LIF(p),
        )  # fmt: skip
    first, second = profile(net, [x]).layers
    a, b, s1, s2 = norse.LIFCell(p), norse.LIFCell(p), None, None
    seen: list[list[Tensor]] = [[], [], []]
    for step in x:
        fired, s1 = a(conv(step), s1)
        pooled = nn.functional.max_pool2d(fired, 2).flatten(1)
        out, s2 = b(fc(pooled), s2)
        for kept, value in zip(seen, (fired, pooled, out), strict=True):
            kept.append(value)
    agrees(first, list(x), seen[0])
    agrees(second, seen[1], seen[2])


@pytest.mark.parametrize("squeezed", [True, False])
def test_sinabs(squeezed: bool) -> None:
    need("sinabs")
    import sinabs.layers as sl

    torch.manual_seed(0)
    flat = nn.Linear(288, 30, bias=False)
    last = nn.Linear(30, 10, bias=False)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            kind = sl.IAFSqueeze if squeezed else sl.IAF
            options = {"num_timesteps": 6} if squeezed else {}
            self.parts = nn.Sequential(
                flat,
                kind(spike_threshold=0.4, **options),
                last,
                kind(spike_threshold=0.4, **options),
            )

        def forward(self, x: Tensor) -> Tensor:  # [N, T, ...]
            if not squeezed:
                result: Tensor = self.parts(x.flatten(2))
                return result
            out: Tensor = self.parts(x.flatten(0, 1).flatten(1))
            return out.unflatten(0, x.shape[:2])

    x = frames()
    first, second = profile(Net(), [x.transpose(0, 1)], time_axis=1).layers
    neuron = sl.IAF(spike_threshold=0.4)
    fired = neuron(flat(x.transpose(0, 1).flatten(2)))
    neuron = sl.IAF(spike_threshold=0.4)
    out = neuron(last(fired))
    agrees(first, list(x), list(fired.transpose(0, 1)))
    agrees(second, list(fired.transpose(0, 1)), list(out.transpose(0, 1)))
    most = int(fired.max())
    assert first.layer.bits.outputs == most.bit_length()
    per_step = first.input_by_step
    assert per_step == pytest.approx([float(step.mean()) for step in x])
