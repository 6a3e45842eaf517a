"""Through NIR and back: equal outputs, compression in the metadata."""

import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from leanspike.compress import CompressionConfig, StateConfig, prepare, prepare_state, summary
from leanspike.errors import InputError
from leanspike.export import from_nir, to_nir, write_nir
from leanspike.nn import Neuron, NeuronConfig

nir = pytest.importorskip("nir", reason="needs the package nir (extra interop)")


class Net(nn.Module):
    """Takes [T, N, C, H, W]."""

    def __init__(
        self,
        neuron: NeuronConfig | None = None,
        *,
        norm: bool = False,
        pool: nn.Module | None = None,
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(2, 6, 3, padding=1, stride=1, bias=False)
        self.norm = nn.BatchNorm2d(6) if norm else nn.Identity()
        self.fire1 = Neuron(neuron)
        self.pool = pool or nn.MaxPool2d(2)
        self.dense = nn.Linear(96, 10)
        self.fire2 = Neuron(neuron)
        with torch.no_grad():
            self.conv.weight.mul_(6)
            self.dense.weight.mul_(8)
            if norm:
                self.norm.running_var.uniform_(0.5, 2)
                self.norm.weight.normal_(1)

    def forward(self, x: Tensor) -> Tensor:
        steps = x.shape[0]
        y = self.norm(self.conv(x.flatten(0, 1)))
        y = self.pool(self.fire1(y.unflatten(0, (steps, -1))).flatten(0, 1))
        result: Tensor = self.fire2(self.dense(y.flatten(1)).unflatten(0, (steps, -1)))
        return result


def frames() -> Tensor:
    return (torch.rand(7, 5, 2, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.4).float()


@pytest.mark.parametrize(
    "neuron",
    [
        NeuronConfig(),
        NeuronConfig(tau=3.0, threshold=0.8),
        NeuronConfig(kind="if"),
        NeuronConfig(tau=5.0, v_reset=-0.2),
        NeuronConfig(kind="plif"),
    ],
)
def test_round_trip_gives_equal_outputs(tmp_path: Path, neuron: NeuronConfig) -> None:
    net = Net(neuron).double().eval()
    x = frames().double()
    expected = net(x)
    assert 0.01 < expected.mean() < 0.99
    file = write_nir(net, x, tmp_path / "net.nir")
    back = from_nir(file).eval()
    assert torch.equal(back(x), expected)
    again = from_nir(to_nir(back, x))
    assert torch.equal(again(x), expected)


def test_batch_norm_is_folded() -> None:
    net = Net(norm=True).double().eval()
    x = frames().double()
    graph = to_nir(net, x)
    assert not any("norm" in name for name in graph.nodes)
    assert torch.equal(from_nir(graph)(x), net(x))


def test_average_pooling() -> None:
    net = Net(pool=nn.AvgPool2d(2)).double().eval()
    x = frames().double()
    assert torch.equal(from_nir(to_nir(net, x))(x), net(x))


@pytest.mark.parametrize("step_mode", ["m", "s"])
@pytest.mark.parametrize("pool", ["MaxPool2d", "AvgPool2d"])
def test_spikingjelly(tmp_path: Path, step_mode: str, pool: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("spikingjelly", reason="needs spikingjelly")
        from spikingjelly.activation_based import functional, layer, neuron

        torch.manual_seed(0)
        net = nn.Sequential(
            layer.Conv2d(2, 6, 3, bias=False),
            layer.BatchNorm2d(6),
            neuron.LIFNode(v_threshold=0.3),
            getattr(layer, pool)(2),
            layer.Flatten(),
            layer.Linear(54, 10),
            neuron.IFNode(v_threshold=0.5),
        )
        net = net.double().eval()
        functional.set_step_mode(net, step_mode)

    def run(model: nn.Module, x: Tensor) -> Tensor:
        functional.reset_net(model)
        if step_mode == "m":
            return torch.as_tensor(model(x))
        return torch.stack([model(one) for one in x])

    x = frames().double()
    expected = run(net, x).detach()
    assert 0.02 < expected.mean() < 0.98
    file = write_nir(net, x, tmp_path / "net.nir", run=run)
    assert torch.equal(from_nir(file)(x), expected)


def test_maximum_of_spikes_is_the_sum_above_a_half() -> None:
    graph = to_nir(Net(), frames())
    kinds = [type(node).__name__ for node in graph.nodes.values()]
    assert kinds == [
        "Input", "Conv2d", "LIF", "SumPool2d", "Threshold", "Flatten", "Affine", "LIF", "Output",
    ]  # fmt: skip
    graph.infer_types()
    assert graph.check_types()


@pytest.mark.parametrize("quantizer", ["duq", "twn"])
def test_quantization_and_sparsity_travel(tmp_path: Path, quantizer: str) -> None:
    config = CompressionConfig(weight_bits=2, sparsity=0.5, quantizer=quantizer)
    net = prepare(Net(norm=True), config).eval()
    back = from_nir(write_nir(net, frames(), tmp_path / "net.nir"))
    for layer, name in zip(summary(net).layers, ("conv", "dense"), strict=True):
        facts = back.compression[name]
        assert facts["bits"] == 2
        assert facts["quantizer"].lower() == quantizer
        assert facts["sparsity"] == pytest.approx(layer.sparsity)
        weight = back.get_submodule(name).weight.detach()
        scale = torch.tensor(facts["scale"]).reshape(-1, *[1] * (weight.dim() - 1))
        codes = weight / scale
        assert torch.allclose(codes, codes.round(), atol=1e-5)
        assert set(codes.round().unique().tolist()) <= {-1.0, 0.0, 1.0}


def test_time_step_is_kept(tmp_path: Path) -> None:
    net = Net().eval()
    graph = to_nir(net, frames(), dt=1e-3)
    assert np.allclose(graph.nodes["fire1"].tau, 2e-3)
    nir.write(str(tmp_path / "net.nir"), graph)
    assert from_nir(tmp_path / "net.nir").get_submodule("fire1").config.tau == 2.0


def test_resistance_and_leak_by_hand() -> None:
    one = np.ones(1)
    graph = nir.NIRGraph.from_list(
        nir.Linear(np.array([[1.0]])),
        nir.LIF(tau=4e-4 * one, r=3 * one, v_leak=0.5 * one, v_threshold=2 * one),
    )
    net = from_nir(graph)
    x = torch.tensor([1.0, 0.0, 2.5, 1.0, 1.0]).reshape(5, 1, 1)
    v, spikes = 0.0, []
    for value in x.flatten().tolist():
        v += (0.5 - v + 3 * value) / 4
        spikes.append(float(v >= 2))
        v = 0.0 if v >= 2 else v
    assert net(x.double()).flatten().tolist() == spikes
    assert 0 < sum(spikes) < 5


def test_a_graph_that_branches() -> None:
    nodes = {
        "input": nir.Input({"input": np.array([3])}),
        "a": nir.Linear(np.eye(3)),
        "b": nir.Linear(2 * np.eye(3)),
        "output": nir.Output({"output": np.array([3])}),
    }
    edges = [("input", "a"), ("input", "b"), ("a", "output"), ("b", "output")]
    net = from_nir(nir.NIRGraph(nodes, edges, {}))
    x = torch.rand(2, 4, 3, dtype=torch.float64)
    assert torch.allclose(net(x), 3 * x)


def test_sequence_of_tokens_flattens() -> None:
    nodes = [nir.Flatten({"input": np.array([2, 3, 3])}, 0, -1), nir.Linear(np.ones((1, 18)))]
    x = torch.rand(2, 4, 2, 3, 3, dtype=torch.float64)
    net = from_nir(nir.NIRGraph.from_list(*nodes))
    assert torch.allclose(net(x)[..., 0], x.sum((2, 3, 4)))


# Bad input.


def test_what_nir_cannot_say() -> None:
    x = frames()
    net = prepare(Net(), CompressionConfig(weight_bits=4))
    prepare_state(net, StateConfig(accumulator_bits=6))
    with pytest.raises(InputError, match="layer 'conv': its accumulator has few bits"):
        to_nir(net, x)
    net = Net()
    net.conv.padding_mode = "reflect"
    with pytest.raises(InputError, match="layer 'conv': it pads with padding_mode='reflect'"):
        to_nir(net, x)
    pool = nn.AvgPool2d(2, padding=1, count_include_pad=False)
    net = Net(pool=pool)
    net.dense = nn.Linear(150, 10)
    with pytest.raises(InputError, match="NIR's average counts the padding"):
        to_nir(net, x)


def test_soft_reset_cannot_be_said() -> None:
    with pytest.raises(InputError, match="neuron 'fire1': it resets by subtraction"):
        to_nir(Net(NeuronConfig(reset="soft")), frames())


def test_unsupported_nodes_and_cycles() -> None:
    one = np.ones(2)
    with pytest.raises(InputError, match=r"node 'cubali': CubaLI is not supported"):
        from_nir(nir.NIRGraph.from_list(
            nir.Linear(np.eye(2)),
            nir.CubaLI(tau_mem=one, tau_syn=one, r=one, v_leak=one, w_in=one),
        ))  # fmt: skip
    nodes = {
        "input": nir.Input({"input": np.array([2])}),
        "a": nir.Linear(np.eye(2)),
        "output": nir.Output({"output": np.array([2])}),
    }
    loop = nir.NIRGraph(nodes, [("input", "a"), ("a", "a"), ("a", "output")], {}, type_check=False)
    with pytest.raises(InputError, match="form a cycle"):
        from_nir(loop)


def test_neurons_that_differ() -> None:
    one = np.ones(2)
    lif = nir.LIF(tau=one, r=one, v_leak=0 * one, v_threshold=np.array([1.0, 2.0]))
    with pytest.raises(InputError, match="node 'lif': v_threshold differs"):
        from_nir(nir.NIRGraph.from_list(nir.Linear(np.eye(2)), lif))


def test_no_nir_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.nir: no such file"):
        from_nir(tmp_path / "none.nir")
    file = tmp_path / "text.nir"
    file.write_text("no")
    with pytest.raises(InputError, match=r"text\.nir: is no NIR file"):
        from_nir(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_nir(nn.Sequential(nn.Linear(4, 3), Neuron(NeuronConfig())), torch.rand(2, 1, 4),
                     tmp_path / "net.nir")  # fmt: skip


def test_a_file_takes_no_data_of_other_files(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(48))
    with h5py.File(file, "r+") as opened:
        place = next(name for name in found(opened) if name.endswith("weight"))
        del opened[place]
        opened.create_dataset(place, (3, 4), "f4", external=[(str(secret), 0, 48)])
    with pytest.raises(InputError, match=r"weight: holds data of other files"):
        from_nir(file)


@pytest.mark.parametrize("soft", [True, False])
def test_a_file_follows_no_links(file: Path, soft: bool) -> None:
    with h5py.File(file, "r+") as opened:
        place = next(name for name in found(opened) if name.endswith("weight"))
        del opened[place]
        opened[place] = h5py.SoftLink("/x") if soft else h5py.ExternalLink("/etc/hosts", "/x")
    with pytest.raises(InputError, match=r"weight: a link to data elsewhere"):
        from_nir(file)


def test_a_file_declares_no_more_than_it_has(file: Path) -> None:
    with h5py.File(file, "r+") as opened:
        place = next(name for name in found(opened) if name.endswith("weight"))
        del opened[place]
        opened.create_dataset(place, (1 << 20, 1 << 20), "f4", chunks=(1024, 1024))
    with pytest.raises(InputError, match=r"declares 4398046511\d\d\d bytes of arrays"):
        from_nir(file)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(file: Path, bad: float) -> None:
    with h5py.File(file, "r+") as opened:
        place = next(name for name in found(opened) if name.endswith("weight"))
        opened[place][0, 0] = bad
    with pytest.raises(InputError, match=r"node '0': its weight has values that are not finite"):
        from_nir(file)


def found(opened: h5py.File) -> list[str]:
    names: list[str] = []
    opened.visit(names.append)
    return names
