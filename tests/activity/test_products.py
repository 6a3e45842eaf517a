"""Every product is a layer or is named: shapes, paddings, pairs and what is left out, by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leanspike.activity import Activity, measure, profile
from leanspike.compress import CompressionConfig, prepare, summary
from leanspike.compress.layers import uncompressed
from leanspike.errors import InputError
from leanspike.hardware.price import price
from leanspike.hardware.workload.layer import Layer
from leanspike.hardware.workload.workload import Workload

T, N = 3, 2


class Spike(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x > 0.1).float()


class Run(nn.Module):
    """Run layers on every step by itself, by a function of the step."""

    def __init__(self, step: Callable[..., Tensor], **parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.step(self, one) for one in x])


def spikes(*shape: int, seed: int = 0, rate: float = 0.3) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < rate).float()


def accounted(activity: Activity, dense: float) -> None:
    """Check that layers and what is left out are all the multiply-accumulates there are."""
    left = sum(one.operations for one in activity.left_out)
    assert activity.dense_operations + left == dense


# Neurons after something that changes the size.


@pytest.mark.parametrize(
    ("between", "size"),
    [
        (nn.MaxPool2d(2), (4, 4)),
        (nn.AvgPool2d(4), (2, 2)),
        (nn.AdaptiveAvgPool2d((3, 2)), (3, 2)),
        (nn.AdaptiveMaxPool2d(1), (1, 1)),
        (nn.Sequential(nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Flatten()), (1, 16)),
        (nn.Upsample(scale_factor=2), (16, 16)),
        (nn.Identity(), None),
    ],
)
@pytest.mark.parametrize("whole", [False, True])
def test_neurons_are_as_many_as_there_are(
    between: nn.Module, size: tuple[int, int] | None, whole: bool
) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), between, Spike()).eval()
    x = spikes(T, N, 2, 8, 8)
    fired = torch.stack([net(step) for step in x])
    model = Run(lambda self, one: self.net(one), net=net)
    if whole:

        class Flat(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.net = net

            def forward(self, x: Tensor) -> Tensor:
                return self.net(x.flatten(0, 1)).unflatten(0, x.shape[:2])

        model = Flat()
    (layer,) = measure(model, [x]).layers
    assert layer.neurons
    assert layer.neuron_size == size
    assert (layer.P, layer.Q) == (8, 8)
    assert layer.volume("State") == fired[0, 0].numel()
    assert layer.density.outputs.mean == pytest.approx(float(fired.mean()))


def test_sliced_before_the_neuron() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 4, 3, padding=1)
    net = Run(lambda self, one: self.fire(self.conv(one)[..., ::2, ::3]), conv=conv, fire=Spike())
    (layer,) = measure(net, [spikes(T, N, 2, 8, 8)]).layers
    assert layer.neuron_size == (4, 3)


def test_neurons_that_channels_do_not_divide_are_said() -> None:
    net = Run(lambda self, one: self.fire(self.fc(one)[:, :5]), fc=nn.Linear(6, 4), fire=Spike())
    net.fc = nn.Linear(6, 8)
    with pytest.warns(UserWarning, match="5 neurons follow 8 channels"):
        (layer,) = measure(net, [spikes(T, N, 6)]).layers
    assert layer.volume("State") == 8


@pytest.mark.parametrize("written", ["compare", "where", "heaviside", "ge"])
def test_a_neuron_written_by_hand(written: str) -> None:
    def fire(v: Tensor) -> Tensor:
        if written == "where":
            return torch.where(v > 0.2, torch.ones_like(v), torch.zeros_like(v))
        if written == "heaviside":
            return torch.heaviside(v - 0.2, torch.zeros(()))
        return v.ge(0.2).to(v) if written == "ge" else (v > 0.2).float()

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.fc = nn.Linear(6, 9)
            self.out = nn.Linear(9, 4)

        def forward(self, x: Tensor) -> Tensor:
            v, out = 0.0, []
            for one in x:
                v = 0.5 * v + self.fc(one)
                s = fire(v)
                v = v - s * 0.2
                seen.append(s)
                out.append(self.out(s))
            return torch.stack(out)

    seen: list[Tensor] = []
    fc, out = measure(Net(), [spikes(T, N, 6)]).layers
    assert (fc.neurons, fc.bits.outputs, out.neurons) == (True, 1, False)
    assert fc.density.outputs.mean == pytest.approx(float(torch.stack(seen).mean()))


def test_a_filter_before_the_neuron_is_no_neuron() -> None:
    class Filter(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 0.5 * x + 0.1

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 9), Filter(), nn.ReLU(), nn.BatchNorm1d(9), Spike()).eval()
    x = spikes(T, N, 6)
    (layer,) = measure(net, [x], step_by_step=True).layers
    assert (layer.neurons, layer.bits.outputs) == (True, 1)
    fired = torch.stack([net(step) for step in x])
    assert layer.density.outputs.mean == pytest.approx(float(fired.mean()))
    (layer,) = measure(net[:3], [x], step_by_step=True).layers
    filtered = torch.stack([net[1](net[0](step)) for step in x])
    assert (layer.neurons, layer.bits.outputs) == (False, 32)
    assert layer.density.outputs.mean == float((filtered != 0).float().mean())


def test_silent_steps_are_steps() -> None:
    net = nn.Sequential(nn.Linear(6, 9, bias=False), Spike())
    nn.init.ones_(net[0].weight)
    x = spikes(T, N, 6)
    x[0], x[1] = 0, 1
    (layer,) = measure(net, [x], step_by_step=True).layers
    assert layer.neurons
    assert layer.density.outputs.mean == pytest.approx(
        float(torch.stack([net(step) for step in x]).mean())
    )


def test_an_image_shown_at_every_step() -> None:
    class Static(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.fire, self.out = nn.Conv2d(2, 3, 3), Spike(), nn.Linear(48, 5)

        def forward(self, x: Tensor) -> Tensor:
            current = self.conv(x)
            return torch.stack(
                [self.out(self.fire(current * (t + 1)).flatten(1)) for t in range(4)]
            )

    conv, out = measure(Static(), [torch.rand(N, 2, 6, 6)], time_axis=None).layers
    assert (conv.T, out.T, out.Q) == (1, 4, 1)
    assert conv.neuron_updates == 4 * 48


@pytest.mark.parametrize("kind", ["weight", "spectral"])
def test_what_weights_are_made_of_is_no_work(kind: str) -> None:
    norms = torch.nn.utils.parametrizations
    make = norms.weight_norm if kind == "weight" else norms.spectral_norm
    net = nn.Sequential(make(nn.Linear(6, 9)), Spike())
    activity = profile(net, [spikes(T, N, 6)], step_by_step=True)
    assert [layer.name for layer in activity.layers] == ["0"]
    accounted(activity, T * 54)


def test_a_factored_weight_is_one_layer() -> None:
    net = Run(
        lambda self, x: F.linear(x, self.a @ self.b),
        a=nn.Parameter(torch.randn(5, 2)), b=nn.Parameter(torch.randn(2, 6)),
    )  # fmt: skip
    activity = profile(net, [spikes(T, N, 6)])
    accounted(activity, T * 30)


# Padding.


def valid_pairs(layer: Layer) -> int:
    """Count the pairs of a weight and an input that is there, of one step, in plain loops."""
    count = 1
    for axis, (out, kernel) in enumerate(((layer.P, layer.R), (layer.Q, layer.S))):
        there = layer.input_mask(axis)
        count *= sum(
            bool(there[p * layer.stride[axis] + r * layer.dilation[axis]])
            for p in range(out)
            for r in range(kernel)
        )
    return count * layer.N * layer.M * layer.C // layer.groups


@pytest.mark.parametrize(
    ("make", "padding", "size"),
    [
        (lambda: nn.Conv2d(2, 3, 3, padding=(1, 2)), (1, 2), (7, 9)),
        (lambda: nn.Conv2d(2, 3, (4, 3), padding="same"), (1, 1), (7, 9)),
        (lambda: nn.Conv2d(2, 3, 3, stride=2, dilation=2, padding=3), (3, 3), (7, 9)),
        (lambda: nn.Sequential(nn.ZeroPad2d((2, 0, 1, 3)), nn.Conv2d(2, 3, 3)), (1, 2), (7, 9)),
        (lambda: nn.Sequential(nn.ConstantPad2d(1, 0.0), nn.Conv2d(2, 3, 3, padding=1)), (2, 2),
         (7, 9)),
        (lambda: nn.Sequential(nn.ConstantPad2d(1, 0.5), nn.Conv2d(2, 3, 3)), (0, 0), (9, 11)),
        (lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), (0, 0), (9, 11)),
        (lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), (0, 0), (9, 11)),
        (lambda: nn.Conv2d(2, 4, 3, padding=1, groups=2), (1, 1), (7, 9)),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_padding_is_no_input(
    make: Callable[[], nn.Module], padding: tuple[int, int], size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    net = make()
    activity = profile(net, [spikes(T, N, 2, 7, 9)], step_by_step=True)
    (layer,) = activity.workload.layers
    assert (layer.padding, layer.input_size) == (padding, size)
    out = net(torch.zeros(1, 2, 7, 9))
    assert tuple(out.shape[1:]) == (layer.M, layer.P, layer.Q)
    # With all inputs there, the mask says how often one meets a weight.
    assert layer.T * valid_pairs(layer) == activity.dense_operations


def test_the_closed_form_of_the_issue() -> None:
    # A padded 4x4 and a 3x3 kernel: of 144 pairs a channel 100 meet an input.
    conv = nn.Conv2d(1, 1, 3, padding=1)
    (layer,) = measure(conv, [spikes(T, N, 1, 4, 4)], step_by_step=True).layers
    assert (layer.accumulates // T, valid_pairs(layer)) == (144, 100)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1),
        lambda: nn.ConvTranspose2d(4, 6, (4, 2), stride=(2, 1), groups=2),
        lambda: nn.ConvTranspose2d(4, 6, 3, stride=3, dilation=2),
        lambda: nn.ConvTranspose1d(4, 6, 5, stride=2, padding=2),
    ],
)
def test_a_transposed_convolution_is_a_convolution(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    net = make()
    flat = isinstance(net, nn.ConvTranspose1d)
    shape = (7,) if flat else (5, 6)
    x = spikes(T, N, 4, *shape)
    activity = profile(net, [x], step_by_step=True)
    (layer,) = activity.workload.layers
    out = net(x[0])
    assert (layer.M, layer.C) == (6, 4)
    assert (layer.P, layer.Q)[flat:] == tuple(out.shape[2:])
    # A transposed convolution uses every weight of a channel once per input, but where it crops.
    ones = make()
    nn.init.ones_(ones.weight)
    nn.init.zeros_(ones.bias)
    assert T * valid_pairs(layer) == pytest.approx(T * ones(torch.ones(1, 4, *shape)).sum().item())
    met = sum(ones(step).sum().item() for step in x) / N
    assert activity.operations == pytest.approx(met)
    assert layer.density.inputs.mean == pytest.approx(float(x.mean()))


def test_one_that_crops_too_much_is_named() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ConvTranspose2d(2, 2, 1, stride=2, padding=1))
    activity = profile(net, [spikes(T, N, 1, 5, 5)], step_by_step=True)
    (left,) = activity.left_out
    assert (left.name, "crops" in left.reason) == ("1", True)
    assert left.operations > 0


# Products that are no module's.


def test_products_with_parameters() -> None:
    torch.manual_seed(0)

    def step(self: nn.Module, x: Tensor) -> Tensor:
        a = Spike()(F.linear(x, self.w))  # [N, 7]
        b = Spike()(a @ self.v)  # [N, 5]
        c = torch.einsum("nk,mk->nm", b, self.u * 2)
        return F.conv1d(c[:, None], self.k, padding=1)

    parts = {"w": (7, 6), "v": (7, 5), "u": (4, 5), "k": (3, 1, 3)}
    net = Run(step, **{name: nn.Parameter(torch.randn(s)) for name, s in parts.items()})
    x = spikes(T, N, 6)
    activity = profile(net, [x])
    layers = {layer.name: layer for layer in activity.workload.layers}
    assert list(layers) == list(parts)
    assert [(x.C, x.M) for x in layers.values()] == [(6, 7), (7, 5), (5, 4), (1, 3)]
    assert [x.neurons for x in layers.values()] == [True, True, False, False]
    assert layers["w"].density.inputs.mean == pytest.approx(float(x.mean()))
    assert layers["k"].padding == (0, 1)
    assert {x.operand for x in layers.values()} == {"parameters"}
    accounted(activity, T * (42 + 35 + 20 + 3 * (4 * 3 - 2)))
    with pytest.raises(InputError, match="no weight layer"):
        summary(net)
    assert [str(one).partition(" ")[0] for one in uncompressed(net)] == list(parts)


def test_a_parameter_on_the_left() -> None:
    net = Run(lambda self, x: self.w @ x, w=nn.Parameter(torch.randn(5, 4)))
    (layer,) = measure(net, [spikes(T, N, 4, 6)]).layers
    assert (layer.C, layer.M, layer.Q, layer.T) == (4, 5, 6, T)


def test_weights_of_each_head() -> None:
    net = Run(
        lambda self, x: torch.einsum("nhd,hde->nhe", x, self.w),
        w=nn.Parameter(torch.randn(3, 4, 5)),
    )
    activity = profile(net, [spikes(T, N, 3, 4)])
    (layer,) = activity.workload.layers
    assert (layer.groups, layer.C, layer.M, layer.Q, layer.T) == (3, 12, 15, 1, T)
    accounted(activity, T * 60)


@pytest.mark.parametrize("fused", [False, True])
def test_attention_by_hand(fused: bool) -> None:
    heads, L, d = 2, 5, 4
    torch.manual_seed(0)

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(8, 24, bias=False)
            self.fire = Spike()

        def forward(self, x: Tensor) -> Tensor:  # [T, N, L, 8]
            y = self.fire(self.qkv(x)).unflatten(-1, (3, heads, d)).permute(3, 0, 1, 4, 2, 5)
            q, k, v = y
            kept.append((q, k, v))
            if fused:
                return F.scaled_dot_product_attention(q, k, v)
            return (q @ k.transpose(-1, -2)) @ v

    kept: list[tuple[Tensor, ...]] = []
    net = nn.Sequential()
    net.add_module("attn", Attention())
    net.add_module("fire", Spike())
    activity = profile(net, [spikes(T, N, L, 8)])
    qkv, scores, mixed = activity.workload.layers
    q, k, v = kept[0]
    assert (qkv.C, qkv.M, qkv.Q, qkv.neurons) == (8, 24, L, True)
    assert [one.name for one in (scores, mixed)] == ["attn.product1", "attn.product2"]
    for layer, inner, outer in ((scores, d, L), (mixed, L, d)):
        assert layer.operand == "activations"
        assert (layer.T, layer.groups, layer.C, layer.M, layer.Q) == (
            T, heads, heads * inner, heads * outer, L,
        )  # fmt: skip
        assert layer.accumulates == T * heads * L * L * d
        assert layer.volume("Weights") == T * heads * inner * outer
    assert (scores.bits.inputs, scores.bits.weights) == ((32, 32) if fused else (1, 1))
    assert scores.density.inputs.mean == pytest.approx(float((q != 0).float().mean()))
    assert scores.density.weights.mean == pytest.approx(float((k != 0).float().mean()))
    assert mixed.density.weights.mean == pytest.approx(float((v != 0).float().mean()))
    assert (scores.neurons, mixed.neurons) == (False, True)
    if not fused:
        met = torch.einsum("tnhld,tnhmd->", (q != 0).double(), (k != 0).double())
        assert activity["attn.product1"].operations == pytest.approx(float(met) / N)


@pytest.mark.parametrize("weights", [False, True])
def test_torchs_own_attention(weights: bool) -> None:
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    net = Run(lambda self, x: self.attn(x, x, x, need_weights=weights)[0], attn=attention)
    activity = profile(net, [spikes(T, N, 5, 8)])
    layers = activity.workload.layers
    assert [layer.name for layer in layers] == [
        "attn.in_proj_weight", "attn.product1", "attn.product2", "attn.out_proj",
    ]  # fmt: skip
    accounted(activity, T * (5 * 8 * 24 + 2 * 2 * 25 * 4 + 5 * 64))
    assert activity.left_out == ()


def test_an_encoder_layer_hides_nothing() -> None:
    net = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
    net = nn.Sequential(net)
    activity = profile(net, [spikes(T, N, 5, 8)], step_by_step=True)
    accounted(activity, T * (5 * 8 * 24 + 2 * 2 * 25 * 4 + 5 * 64 + 2 * 5 * 8 * 16))


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN])
@pytest.mark.parametrize("both", [False, True])
def test_gated_layers_are_named(kind: type[nn.RNNBase], both: bool, tmp_path: Path) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 4)
            self.rnn = kind(4, 5, 2, bidirectional=both)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.rnn(self.fc(x))[0]
            return result

    net = Net()
    activity = profile(net, [spikes(T, N, 6)])
    (left,) = activity.left_out
    gates, ways = {"GRU": 3, "LSTM": 4, "RNN": 1}[kind.__name__], 1 + both
    each = ways * gates * 5 * (4 + 5) + ways * gates * 5 * (5 * ways + 5)
    assert (left.name, left.operations) == ("rnn", T * each)
    assert activity.workload.left_out_share == pytest.approx(each / (each + 24))
    cost = price(activity.workload, "eyeriss_snn")
    assert cost.to_dict()["left_out"][0]["name"] == "rnn"
    assert cost.left_out_share == activity.workload.left_out_share
    activity.workload.save(tmp_path / "w.yaml")
    assert Workload.load(tmp_path / "w.yaml") == activity.workload
    with pytest.raises(InputError, match="Write YAML"):
        activity.workload.to_csv(tmp_path / "w.csv")
    with pytest.warns(UserWarning, match=r"not compressed, rnn \(" + kind.__name__):
        prepare(net, CompressionConfig(weight_bits=2))
    assert "not compressed: rnn" in summary(net).table()


def test_a_bilinear_layer_is_named() -> None:
    net = Run(lambda self, x: self.two(x, self.fc(x)), two=nn.Bilinear(6, 4, 3), fc=nn.Linear(6, 4))
    activity = profile(net, [spikes(T, N, 6)])
    assert [(one.name, one.operations) for one in activity.left_out] == [("two", T * 72)]


def test_an_unknown_operator_is_named() -> None:
    net = Run(lambda self, x: torch.cdist(self.fc(x), x[:, :4]), fc=nn.Linear(6, 4))
    activity = profile(net, [spikes(T, N, 6)])
    assert any("cdist" in one.name for one in activity.left_out)


def test_nothing_but_what_is_left_out() -> None:
    with pytest.raises(InputError, match="nothing ran that can be priced"):
        profile(nn.GRU(4, 5), [spikes(T, N, 4)])


# Sums of layers.


class Recurrent(nn.Module):
    def __init__(self, *, wide: int = 20, bias: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fc, self.rec = nn.Linear(6, wide, bias=bias), nn.Linear(wide, wide, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        v = s = torch.zeros(x.shape[1], self.fc.out_features)
        out = []
        for one in x:
            v = 0.5 * v + self.fc(one) + self.rec(s)
            s = (v > 0.2).float()
            v = v * (1 - s)
            out.append(s)
        return torch.stack(out)


class Concatenated(nn.Module):
    """The same arithmetic as one matrix."""

    def __init__(self, pair: Recurrent) -> None:
        super().__init__()
        self.both = nn.Linear(6 + pair.fc.out_features, pair.fc.out_features, bias=False)
        self.both.weight.data = torch.cat([pair.fc.weight.data, pair.rec.weight.data], 1)

    def forward(self, x: Tensor) -> Tensor:
        v = s = torch.zeros(x.shape[1], self.both.out_features)
        out = []
        for one in x:
            v = 0.5 * v + self.both(torch.cat([one, s], 1))
            s = (v > 0.2).float()
            v = v * (1 - s)
            out.append(s)
        return torch.stack(out)


def test_a_pair_is_the_matrix_it_is() -> None:
    pair = Recurrent()
    x = spikes(T, N, 6)
    assert torch.equal(pair(x), Concatenated(pair)(x))
    one, whole = measure(pair, [x], weight_bits=4), measure(Concatenated(pair), [x], weight_bits=4)
    assert one.layers[0].name == "fc+rec"
    assert one.layers[0].replace(name="both") == whole.layers[0]
    on = "output_stationary"
    assert price(one, on).energy_pj == price(whole, on).energy_pj
    assert price(one, on).cycles == price(whole, on).cycles


def test_a_pair_has_records_of_both() -> None:
    activity = profile(Recurrent(), [spikes(T, N, 6)])
    assert [(one.name, one.sums_into) for one in activity.layers] == [("fc", "rec"), ("rec", "")]
    assert activity.workload.layers[0].C == 26


def test_bits_of_a_pair_are_their_average() -> None:
    pair = Recurrent()
    x = spikes(T, N, 6) * 200
    layer = measure(pair, [x], weight_bits={"fc": 8, "rec": 2}).layers[0]
    assert layer.bits.inputs == math.ceil((6 * 8 + 20 * 1) / 26)
    assert layer.bits.weights == math.ceil((6 * 8 + 20 * 2) / 26)


def test_a_shortcut_with_a_kernel_of_its_own() -> None:
    torch.manual_seed(0)
    net = Run(
        lambda self, x: self.fire(self.norm(self.main(x)) + self.short(x)),
        main=nn.Conv2d(2, 4, 3, padding=1), norm=nn.BatchNorm2d(4), short=nn.Conv2d(2, 4, 1),
        fire=Spike(),
    )  # fmt: skip
    main, short = measure(net, [spikes(T, N, 2, 5, 5)]).layers
    assert (main.neurons, main.bits.outputs) == (False, main.bits.partial_sums)
    assert (short.neurons, short.bits.outputs) == (True, 1)


def test_side_by_side_is_no_sum() -> None:
    torch.manual_seed(0)
    net = Run(
        lambda self, x: self.fire(torch.cat([self.a(x), self.b(x)], 1)),
        a=nn.Linear(6, 3), b=nn.Linear(6, 5), fire=Spike(),
    )  # fmt: skip
    x = spikes(T, N, 6)
    a, b = measure(net, [x]).layers
    assert (a.neurons, b.neurons, a.volume("State"), b.volume("State")) == (True, True, 3, 5)
    for layer, module in ((a, net.a), (b, net.b)):
        fired = float((module(x) > 0.1).float().mean())
        assert layer.density.outputs.mean == pytest.approx(fired)


def test_a_gate_is_no_second_layer_of_the_neuron() -> None:
    torch.manual_seed(0)
    net = Run(
        lambda self, x: self.fire(
            self.conv(x) * torch.sigmoid(self.gate(x.mean((2, 3))))[:, :, None, None]
        ),
        conv=nn.Conv2d(2, 4, 3), gate=nn.Linear(2, 4), fire=Spike(),
    )  # fmt: skip
    layers = {layer.name: layer for layer in measure(net, [spikes(T, N, 2, 6, 6)]).layers}
    assert layers["conv"].neurons
    assert not layers["gate"].neurons


# Modules that are there more than once, or for nothing.


def test_one_module_at_two_sizes() -> None:
    torch.manual_seed(0)
    net = Run(
        lambda self, x: self.head(x).sum((2, 3)) + self.head(x[..., ::2, ::2]).sum((2, 3)),
        head=nn.Conv2d(2, 3, 3),
    )
    activity = profile(net, [spikes(T, N, 2, 9, 9)])
    assert [(one.name, one.P, one.T) for one in activity.workload.layers] == [
        ("head", 7, T), ("head@2", 3, T),
    ]  # fmt: skip


def test_layers_that_never_run_are_named() -> None:
    net = nn.Sequential(nn.Linear(6, 4), nn.ReLU())
    net.spare = nn.Linear(3, 3)  # type: ignore[assignment]
    net.forward = lambda x: net[1](net[0](x))  # type: ignore[method-assign]
    activity = profile(net, [spikes(T, N, 6)])
    assert activity.never_ran == ("spare",)


def test_a_kernel_that_is_not_torchs() -> None:
    class Numpy(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return torch.from_numpy(x.numpy() @ self.weight.detach().numpy().T)

    torch.manual_seed(0)
    (layer,) = measure(nn.Sequential(Numpy(6, 4, bias=False), Spike()), [spikes(T, N, 6)]).layers
    assert (layer.C, layer.M, layer.T) == (6, 4, T)


# Bad input.


def test_what_a_network_cannot_take() -> None:
    net = nn.Sequential(nn.Conv2d(2, 4, 3), Spike())
    with pytest.raises(InputError, match="the network fails on an input of shape"):
        measure(net, [spikes(T, N, 3, 5, 5)], step_by_step=True)
    with pytest.raises(InputError, match="found a str, expected a tensor"):
        measure(net, ["spikes"])  # type: ignore[list-item]
    assert torch.backends.mha.get_fastpath_enabled() is not False
    assert net[0]._forward_hooks == {}


def test_outputs_that_are_no_tensor() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
            return (x,), {"x": x}

    net = nn.Sequential(nn.Linear(6, 4), Two())
    (layer,) = measure(net, [spikes(T, N, 6)], step_by_step=True).layers
    assert layer.T == T
