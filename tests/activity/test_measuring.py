"""Densities and shapes against counts made by hand, on models whose values are known."""

import warnings

import pytest
import torch
from torch import Tensor, nn

from leanspike.activity import measure, profile
from leanspike.compress import CompressionConfig, StateConfig, prepare, prepare_state
from leanspike.errors import InputError
from leanspike.hardware.price import price
from leanspike.hardware.workload.workload import Workload
from leanspike.nn import NetworkConfig, build_network


class Threshold(nn.Module):
    """A neuron without memory: spikes where its input exceeds 0."""

    def forward(self, x: Tensor) -> Tensor:
        return (x > 0).float()


class Flattening(nn.Module):
    """Takes [T, N, ...] and runs its layers on [T * N, ...]."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class Looping(nn.Module):
    """Takes [T, N, ...] and runs its layers once per time step."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.layers(step) for step in x])


def layers(*, seed: int = 0) -> list[nn.Module]:
    torch.manual_seed(seed)
    return [
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        Threshold(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 5, bias=False),
        Threshold(),
    ]


def spikes(*shape: int, seed: int = 0, rate: float = 0.2) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < rate).float()


def by_hand(modules: list[nn.Module], x: Tensor) -> dict[str, tuple[float, float]]:
    """Mean and maximum densities over (t, n), one sample and step at a time, in plain loops."""
    conv, norm, fire, pool, flat, dense, out = (m.eval() for m in modules)
    seen: dict[str, list[float]] = {"in1": [], "out1": [], "in2": [], "out2": []}
    for step in x:
        for sample in step:
            one = sample[None]
            first = fire(norm(conv(one)))
            pooled = flat(pool(first))
            for key, v in zip(seen, (one, first, pooled, out(dense(pooled))), strict=True):
                seen[key].append(sum(1 for e in v.flatten().tolist() if e != 0) / v.numel())
    return {key: (sum(v) / len(v), max(v)) for key, v in seen.items()}


@pytest.mark.parametrize("style", [Flattening, Looping])
def test_densities_are_hand_counts(style: type[nn.Module]) -> None:
    modules = layers()
    x = spikes(3, 2, 2, 6, 6)
    expected = by_hand(modules, x)
    first, second = measure(style(*modules), [x]).layers
    for density, key in (
        (first.density.inputs, "in1"),
        (first.density.outputs, "out1"),
        (second.density.inputs, "in2"),
        (second.density.outputs, "out2"),
    ):
        assert (density.mean, density.max) == pytest.approx(expected[key])
    assert first.bounds == {"T": 3, "N": 1, "C": 2, "M": 4, "P": 6, "Q": 6, "R": 3, "S": 3}
    assert second.bounds == {"T": 3, "N": 1, "C": 36, "M": 5, "P": 1, "Q": 1, "R": 1, "S": 1}
    assert first.padding == (1, 1)


def test_several_batches_are_one() -> None:
    model = Flattening(*layers())
    x = spikes(3, 7, 2, 6, 6)
    whole = measure(model, [x])
    pieces = measure(model, [x[:, :4], x[:, 4:5], x[:, 5:]])
    assert pieces.layers == whole.layers


def test_layouts_agree() -> None:
    modules = layers()
    x = spikes(3, 2, 2, 6, 6)
    expected = measure(Flattening(*modules), [x]).layers
    stepwise = measure(nn.Sequential(*modules), [x], step_by_step=True).layers
    samples_first = measure(Flattening(*modules), [x.transpose(0, 1)], time_axis=1).layers
    for one, two, three in zip(expected, stepwise, samples_first, strict=True):
        assert one.density == two.density == three.density
        assert one.bounds == two.bounds == three.bounds


def test_a_model_that_makes_its_own_steps() -> None:
    class Static(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.loop = Looping(*layers())

        def forward(self, x: Tensor) -> Tensor:
            return self.loop(x.expand(5, *x.shape))

    workload = measure(Static(), [spikes(2, 2, 6, 6)], time_axis=None)
    assert [layer.T for layer in workload.layers] == [5, 5]


def test_sequences_to_dense_layers_and_tokens() -> None:
    dense = nn.Linear(3, 2)
    x = torch.ones(4, 2, 3)
    x[0, 0, 0] = 0
    layer = measure(nn.Sequential(dense), [x]).layers[0]
    assert (layer.T, layer.Q, layer.density.inputs.mean) == (4, 1, 23 / 24)
    tokens = torch.ones(4, 2, 6, 3)
    tokens[1, 1] = 0
    layer = measure(nn.Sequential(dense), [tokens]).layers[0]
    assert (layer.T, layer.Q) == (4, 6)
    assert layer.density.inputs.mean == pytest.approx(7 / 8)


def test_samples_of_a_transposed_call_are_not_mixed_with_steps() -> None:
    # As in temporal attention: [N, T, L] with time steps as channels. One call per sample.
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(3, 3, 4, padding="same", bias=False)

        def forward(self, x: Tensor) -> Tensor:
            z: Tensor = self.conv(x.transpose(0, 1))
            return z

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, on padding='same', once a process
        layer = measure(Attention(), [spikes(3, 2, 8)]).layers[0]
    assert (layer.T, layer.C, layer.M, layer.P, layer.Q, layer.S) == (1, 3, 3, 1, 8, 4)
    assert layer.neurons is False


def test_reused_neuron_and_functional_readout() -> None:
    class Reuse(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = (nn.Linear(4, 4, bias=False) for _ in range(3))
            self.fire = Threshold()

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.c(self.fire(self.b(self.fire(self.a(x)))))
            return result

    torch.manual_seed(0)
    model = Reuse()
    x = spikes(6, 5, 4, rate=0.5)
    a, b, c = measure(model, [x]).layers
    first = (model.a(x) > 0).float()
    second = (model.b(first) > 0).float()
    assert a.density.outputs.mean == pytest.approx(float(first.mean()))
    assert b.density.outputs.mean == pytest.approx(float(second.mean()))
    assert c.density.outputs.mean == pytest.approx(float((model.c(second) != 0).float().mean()))


def test_layer_called_on_all_steps_before_a_neuron_that_loops() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(4, 3, bias=False)
            self.fire = Threshold()

        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([self.fire(step) for step in self.dense(x)])

    torch.manual_seed(0)
    model = Mixed()
    x = spikes(6, 5, 4, rate=0.5)
    layer = measure(model, [x]).layers[0]
    out = (model.dense(x) > 0).float().mean(2)
    assert layer.density.outputs.mean == pytest.approx(float(out.mean()))
    assert layer.density.outputs.max == pytest.approx(float(out.max()))


def test_prepared_weights_are_measured_quantized_and_masked() -> None:
    model = prepare(Flattening(*layers()), CompressionConfig(weight_bits=2, sparsity=0.5))
    workload = measure(model, [spikes(2, 2, 2, 6, 6)])
    for layer, module in zip(workload.layers, (model.layers[0], model.layers[5]), strict=True):
        nonzero = sum(1 for w in module.weight.flatten().tolist() if w != 0)
        assert layer.density.weights.mean == nonzero / module.weight.numel()
        assert layer.bits.weights == 2


def test_weight_bits_given_by_name_or_for_all() -> None:
    model = Flattening(*layers())
    x = [spikes(2, 2, 2, 6, 6)]
    assert [w.bits.weights for w in measure(model, x).layers] == [32, 32]
    assert [w.bits.weights for w in measure(model, x, weight_bits=8).layers] == [8, 8]
    named = measure(model, x, weight_bits={"layers.5": 3}).layers
    assert [w.bits.weights for w in named] == [32, 3]


def test_input_bits_follow_the_values() -> None:
    x = spikes(2, 2, 2, 6, 6)
    model = Flattening(*layers())
    assert measure(model, [x]).layers[0].bits.inputs == 1
    assert measure(model, [x * 5]).layers[0].bits.inputs == 3
    assert measure(model, [x * 0.5]).layers[0].bits.inputs == 32
    assert measure(model, [x, x * 9]).layers[0].bits.inputs == 4


def test_stride_dilation_groups() -> None:
    model = nn.Sequential(nn.Conv2d(4, 8, (3, 5), (2, 1), (1, 2), (1, 2), groups=2))
    layer = measure(model, [spikes(2, 3, 4, 9, 12)], step_by_step=True).layers[0]
    out = model[0](torch.zeros(1, 4, 9, 12)).shape
    assert (*out[2:], 3, 5) == (layer.P, layer.Q, layer.R, layer.S)
    assert (layer.stride, layer.padding, layer.dilation) == ((2, 1), (1, 2), (1, 2))
    assert layer.groups == 2


def test_mode_and_hooks_are_as_before() -> None:
    model = Flattening(*layers())
    model.train()
    state = {k: v.clone() for k, v in model.state_dict().items()}
    measure(model, [spikes(2, 2, 2, 6, 6)])
    assert model.training
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
    assert all(torch.equal(state[k], v) for k, v in model.state_dict().items())


def test_written_and_read(tmp_path: object) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    workload = measure(Flattening(*layers()), [spikes(2, 2, 2, 6, 6)], weight_bits=8)
    workload.save(tmp_path / "w.yaml")
    assert Workload.load(tmp_path / "w.yaml") == workload
    workload.to_csv(tmp_path / "w.csv")
    read = Workload.load(tmp_path / "w.csv")
    assert [x.density.inputs.mean for x in read.layers] == pytest.approx(
        [x.density.inputs.mean for x in workload.layers]
    )


def test_bad_input() -> None:
    model = Flattening(*layers())
    with pytest.raises(InputError, match="no batch was given"):
        measure(model, [])
    with pytest.raises(InputError, match="nothing ran that can be priced"):
        measure(nn.Sequential(nn.ReLU()), [spikes(2, 2, 3)])
    with pytest.raises(InputError, match="time_axis"):
        measure(model, [spikes(2, 2, 2, 6, 6)], time_axis=2)
    with pytest.raises(InputError, match="is empty"):
        measure(model, [spikes(2, 0, 2, 6, 6)])
    with pytest.raises(InputError, match="too few axes"):
        measure(model, [spikes(2, 2)])
    with pytest.raises(InputError, match="equal time steps"):
        measure(model, [spikes(2, 2, 2, 6, 6), spikes(3, 2, 2, 6, 6)])


@pytest.mark.parametrize(
    ("options", "depth"),
    [({"padding": 1}, 4), ({"stride": (2, 1, 1), "groups": 2}, 1), ({"dilation": (1, 2, 1)}, 2)],
)
def test_a_3d_convolution_is_measured_slice_by_slice(options: dict, depth: int) -> None:
    torch.manual_seed(0)
    conv = nn.Conv3d(2, 4, 3, bias=False, **options)
    x = spikes(3, 2, 2, 4, 6, 6)  # [T, N, C, D, H, W]
    activity = profile(Flattening(conv, Threshold()), [x])
    record, layer = activity.layers[0], activity.workload.layers[0]
    out = conv(x.flatten(0, 1))
    assert out.shape[2] == depth
    assert layer.T == 3
    assert depth == layer.N
    assert layer.C == 6
    assert layer.volume("Weights") == conv.weight.numel()
    assert layer.volume("Outputs") * 2 == out.numel()
    assert layer.accumulates == 3 * out[0].numel() * conv.weight[0].numel()
    # Of the input slices that an output slice reads, those that are padding are empty.
    pad, deep = options.get("padding", 0), 3
    read = sum(pad <= p * conv.stride[0] + r < pad + 4 for p in range(depth) for r in range(deep))
    assert layer.density.inputs.mean == pytest.approx(float(x.mean()) * read / (depth * deep))
    assert layer.density.outputs.mean == pytest.approx(float((out > 0).double().mean()))
    # Every pair of a spike and a weight adds one to a convolution of ones.
    ones = nn.Conv3d(2, 4, 3, bias=False, **options)
    nn.init.ones_(ones.weight)
    assert record.operations == pytest.approx(ones(x.flatten(0, 1)).sum().item() / 2)


def test_a_3d_convolution_is_priced() -> None:
    activity = profile(Flattening(nn.Conv3d(1, 2, 3), Threshold()), [spikes(2, 1, 1, 4, 6, 6)])
    cost = price(activity.workload, "eyeriss_snn")
    assert cost.layers[0].energy_pj > 0


def test_the_width_of_membranes_is_measured() -> None:
    net = build_network(NetworkConfig(shape=(2, 16, 16), channels=4, hidden=8, T=2), seed=0)
    x = torch.rand(2, 1, 2, 16, 16)
    assert {layer.bits.state for layer in measure(net, [x]).layers} == {16}
    prepare_state(net, StateConfig(membrane_bits=5))
    assert {layer.bits.state for layer in measure(net, [x]).layers if layer.neurons} == {5}


def test_what_the_model_gives_is_handed_on():
    net, x = Flattening(*layers()), spikes(3, 5, 2, 6, 6)
    given: list[Tensor] = []
    workload = measure(net, [x[:, :2], x[:, 2:]], on_output=given.append)
    assert workload == measure(net, [x[:, :2], x[:, 2:]])
    with torch.no_grad():
        assert torch.equal(torch.cat(given, dim=1), net.eval()(x))
    steps: list[Tensor] = []
    measure(net.layers, [x], step_by_step=True, on_output=steps.append)
    assert torch.equal(torch.stack(steps), torch.cat(given, dim=1))
