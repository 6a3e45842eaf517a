"""Integer inference against the float network's spikes."""

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from leanspike.compress import (
    CompressionConfig,
    StateConfig,
    prepare,
    prepare_state,
    reestimate_batchnorm,
)
from leanspike.errors import InputError
from leanspike.export import IntegerNetwork, integer_network
from leanspike.export.inference import accumulate
from leanspike.nn import NetworkConfig, Neuron, NeuronConfig, build_network


class Chain(nn.Module):
    """Takes [T, N, ...]; weight layers run on [T * N, ...]."""

    def __init__(self, config: NeuronConfig, *, norm: bool, bias: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(2, 6, 3, padding=1, bias=bias)
        self.norm = nn.BatchNorm2d(6) if norm else nn.Identity()
        self.fire1 = Neuron(config, backend="torch")
        self.pool = nn.MaxPool2d(2)
        self.dense = nn.Linear(96, 10, bias=bias)
        self.fire2 = Neuron(config, backend="torch")
        with torch.no_grad():
            self.conv.weight.mul_(8)
            self.dense.weight.mul_(20)
            if norm:
                self.norm.running_mean.normal_(0, 0.1)
                self.norm.running_var.uniform_(0.5, 2)
                self.norm.weight.normal_()  # some channels have a negative gain
                self.norm.weight[0] = 0
                self.norm.bias.normal_(0, 0.3)

    def forward(self, x: Tensor) -> Tensor:
        steps = x.shape[0]
        y = self.norm(self.conv(x.flatten(0, 1)))
        y = self.pool(self.fire1(y.unflatten(0, (steps, -1))).flatten(0, 1))
        result: Tensor = self.fire2(self.dense(y.flatten(1)).unflatten(0, (steps, -1)))
        return result


def counts(*shape: int, most: int = 3, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, most + 1, shape, generator=generator).float()
    return x * (torch.rand(shape, generator=generator) < 0.3)


CONFIGS = [
    NeuronConfig(),
    NeuronConfig(reset="soft"),
    NeuronConfig(kind="if", threshold=2.0),
    NeuronConfig(tau=4.0, threshold=0.75, v_reset=-0.25),
]


@pytest.mark.parametrize("neuron", CONFIGS)
@pytest.mark.parametrize("quantizer", ["duq", "lsq", "uniform", "power-of-two", "twn", "xnor"])
def test_powers_of_two_are_exact(neuron: NeuronConfig, quantizer: str) -> None:
    net = Chain(neuron, norm=False, bias=False).double().eval()
    bits = {"twn": 2, "xnor": 1}.get(quantizer, 3)
    prepare(
        net,
        CompressionConfig(
            weight_bits=bits, quantizer=quantizer, power_of_two_scale=True, sparsity=0.3
        ),
    )
    x = counts(12, 5, 2, 8, 8).double()
    with torch.no_grad():
        expected = net(x)
    network = integer_network(net, x, fraction_bits=24)
    got = network.run(x.numpy()).output
    assert 0.02 < float(expected.mean()) < 0.98
    assert np.array_equal(got, expected.numpy())


@pytest.mark.parametrize("neuron", [*CONFIGS, NeuronConfig(tau=3.0), NeuronConfig(kind="plif")])
def test_batch_norm_and_free_scales_agree(neuron: NeuronConfig) -> None:
    net = Chain(neuron, norm=True, bias=True).double().eval()
    prepare(net, CompressionConfig(weight_bits=4, granularity="channel"))
    x = counts(12, 20, 2, 8, 8).double()
    with torch.no_grad():
        expected = net(x).numpy()
    recording = integer_network(net, x, fraction_bits=20).run(x.numpy())
    assert 0.02 < expected.mean() < 0.98
    assert (recording.output == expected).mean() > 0.999


def test_pooling_after_the_last_neurons_is_in_the_output() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 3), Step(), nn.MaxPool2d(2)).double().eval()
    nn.init.normal_(net[0].weight)
    prepare(net, CompressionConfig(weight_bits=4, power_of_two_scale=True))
    x = counts(1, 5, 2, 8, 8).double()
    recording = integer_network(net, x, run=lambda m, b: m(b[0])).run(x.numpy())
    assert recording.spikes["0"].shape == (1, 5, 3, 6, 6)
    assert np.array_equal(recording.output[0], net(x[0]).detach().numpy())


def test_affine_codes() -> None:
    net = Chain(NeuronConfig(), norm=False, bias=False).double().eval()
    prepare(net, CompressionConfig(weight_bits=4, quantizer="affine", power_of_two_scale=True))
    x = counts(6, 3, 2, 8, 8).double()
    with torch.no_grad():
        expected = net(x).numpy()
    network = integer_network(net, x, fraction_bits=24)
    assert np.array_equal(network.run(x.numpy()).output, expected)
    assert network.layers[0].word_bits in (4, 5)


def test_a_network_of_ours_in_float32() -> None:
    net = build_network(NetworkConfig(shape=(2, 16, 16), channels=8, T=6), seed=0).eval()
    with torch.no_grad():
        net.dense1.weight.mul_(25)
        net.dense2.weight.mul_(25)
    prepare(net, CompressionConfig(weight_bits=3, sparsity=0.3, scope="layerwise"))
    x = counts(6, 8, 2, 16, 16)
    reestimate_batchnorm(net, [x])
    seen: list[Tensor] = []
    handle = net.neuron5.register_forward_hook(lambda m, a, out: seen.append(out))
    with torch.no_grad():
        rates = net(x)
    handle.remove()
    network = integer_network(net, x)
    assert [layer.name for layer in network.layers] == [
        "conv1",
        "conv2",
        "conv3",
        "dense1",
        "dense2",
    ]
    out = network.run(x.numpy()).output
    assert rates.sum() > 0
    assert (out == seen[0].numpy()).mean() > 0.999
    voted = out.mean(0).reshape(8, 10, 10).mean(2)
    assert np.abs(voted - rates.numpy()).max() < 0.05


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 3, padding=1, stride=2, groups=2, bias=False),
        nn.Conv2d(4, 6, (2, 3), dilation=(2, 1), padding=(0, 2), bias=False),
        nn.Conv1d(4, 6, 5, padding=2, bias=False),
        nn.Conv3d(4, 6, (1, 2, 3), stride=(1, 2, 1), bias=False),
        nn.Linear(9, 6, bias=False),
    ],
)
def test_accumulation_is_the_float_layer(layer: nn.Module) -> None:
    net = nn.Sequential(layer, Step()).double()
    prepare(net, CompressionConfig(weight_bits=4, quantizer="uniform"))
    dims = layer.weight.dim() - 2
    shape = (4, *[9] * dims) if dims else (9,)
    x = counts(1, 3, *shape).double()
    network = integer_network(net, x, run=lambda m, b: m(b[0]))
    sums = accumulate(network.layers[0], x[0].long().numpy())
    scale = network.layers[0].scale.reshape(-1, *[1] * dims)
    assert np.allclose(sums * scale, net[0](x[0]).detach().numpy())


class Step(Neuron):
    """One time step, without its axis."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x[None])[0]


def test_spikingjelly() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("spikingjelly", reason="needs spikingjelly")
        from spikingjelly.activation_based import functional, layer, neuron

        torch.manual_seed(0)
        net = nn.Sequential(
            layer.Conv2d(2, 6, 3, bias=False),
            neuron.LIFNode(v_threshold=0.5),
            layer.MaxPool2d(2),
            layer.Flatten(),
            layer.Dropout(0.3),
            layer.Linear(54, 10, bias=False),
            neuron.IFNode(v_threshold=0.5, v_reset=None),
        ).double()
        functional.set_step_mode(net, "m")
        prepare(net, CompressionConfig(weight_bits=3, power_of_two_scale=True))
        x = counts(8, 5, 2, 8, 8).double()
        net.eval()
        with torch.no_grad():
            expected = net(x).numpy()
        functional.reset_net(net)
        network = integer_network(net, x)
        functional.reset_net(net)
    assert expected.mean() > 0.02
    assert np.array_equal(network.run(x.numpy()).output, expected)


def test_no_sum_overflows_its_width() -> None:
    net = Chain(NeuronConfig(), norm=False, bias=False).eval()
    prepare(net, CompressionConfig(weight_bits=3))
    network = integer_network(net, counts(3, 2, 2, 8, 8))
    layer = network.layers[0]
    worst = np.sign(layer.weights[3])[None] * 3  # all taps agree with the sign
    bits = layer.accumulator_bits(3)
    full = int((layer.weights[3] * worst[0]).sum())
    assert full <= 2 ** (bits - 1) - 1
    most = int(np.abs(layer.weights).reshape(6, -1).sum(1).max()) * 3
    assert most > 2 ** (bits - 2) - 1  # one bit fewer would not do


# Bad input.


def test_not_quantized() -> None:
    net = Chain(NeuronConfig(), norm=False, bias=False)
    with pytest.raises(InputError, match="layer 'conv': it is not quantized"):
        integer_network(net, counts(3, 2, 2, 8, 8))


def test_attention_is_no_chain() -> None:
    net = build_network(NetworkConfig("tcja", (2, 32, 32), channels=8, T=4), seed=0)
    prepare(net, CompressionConfig(weight_bits=2))
    with pytest.raises(InputError, match="'tcja1_t': its input is not the output of conv4, nor"):
        integer_network(net, counts(4, 2, 2, 32, 32))


def test_unknown_parts() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid())
    with pytest.raises(InputError, match="module '1': Sigmoid is no weight layer"):
        integer_network(net, counts(3, 2, 4))
    with pytest.raises(InputError, match="layer '0': no neuron follows it"):
        integer_network(prepare(nn.Sequential(nn.Linear(4, 3)), CompressionConfig(weight_bits=2)),
                        counts(3, 2, 4))  # fmt: skip


def test_recurrent_neurons() -> None:
    net = nn.Sequential(nn.Linear(4, 3), Neuron(NeuronConfig(recurrent=True), channels=3))
    prepare(net, CompressionConfig(weight_bits=2))
    with pytest.raises(InputError, match="neuron '1': recurrence"):
        integer_network(net, counts(3, 2, 4))


def test_membranes_finer_than_the_unit() -> None:
    net = nn.Sequential(nn.Linear(4, 3), Neuron())
    prepare_state(prepare(net, CompressionConfig(weight_bits=2)), StateConfig(membrane_bits=12))
    with pytest.raises(InputError, match=r"neuron '1': its membrane's steps .* fraction_bits"):
        integer_network(net, counts(3, 2, 4), fraction_bits=2)


def test_membranes_of_another_kind() -> None:
    net = nn.Sequential(nn.Linear(4, 3), Neuron())
    net[1].membrane = nn.Tanh()
    prepare(net, CompressionConfig(weight_bits=2))
    with pytest.raises(InputError, match="neuron '1': Tanh on its membrane is unknown"):
        integer_network(net, counts(3, 2, 4))


def test_inputs_that_are_not_whole() -> None:
    net = Chain(NeuronConfig(), norm=False, bias=False)
    prepare(net, CompressionConfig(weight_bits=2))
    network: IntegerNetwork = integer_network(net, counts(3, 2, 2, 8, 8))
    with pytest.raises(InputError, match="not whole"):
        network.run(counts(3, 2, 2, 8, 8).numpy() * 0.5)
    with pytest.raises(InputError, match=r"expected \[T, N, 2, 8, 8\]"):
        network.run(counts(3, 2, 2, 8, 9).numpy())
