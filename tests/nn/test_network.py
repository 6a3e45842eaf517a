import pytest
import torch

from leanspike.errors import InputError
from leanspike.nn import NetworkConfig, NeuronConfig, build_network

SMALL = NetworkConfig(shape=(2, 8, 8), channels=(3, 4, 5), hidden=6, classes=2, T=3)


def test_the_papers_network_has_the_papers_eleven_weight_layers():
    """The layers and sizes of arXiv 2302.04174, 128 channels, DVS128 Gesture."""
    net = build_network(NetworkConfig("tcja", (2, 128, 128), classes=11, T=20), seed=0)
    weights = {
        name: tuple(module.weight.shape)
        for name, module in net.named_modules()
        if isinstance(module, torch.nn.Conv1d | torch.nn.Conv2d | torch.nn.Linear)
    }
    assert weights == {
        "conv1": (128, 2, 3, 3),
        "conv2": (128, 128, 3, 3),
        "conv3": (128, 128, 3, 3),
        "conv4": (128, 128, 3, 3),
        "tcja1_t": (20, 20, 4),
        "tcja1_c": (128, 128, 4),
        "conv5": (128, 128, 3, 3),
        "tcja2_t": (20, 20, 4),
        "tcja2_c": (128, 128, 4),
        "dense1": (512, 2048),
        "dense2": (110, 512),
    }
    counts = 128 * 2 * 9 + 4 * 128 * 128 * 9 + 2 * (20 * 20 + 128 * 128) * 4
    counts += 2048 * 512 + 512 * 110
    norms = 5 * 2 * 128
    assert sum(p.numel() for p in net.parameters()) == counts + norms
    assert not any(name.endswith("bias") for name in net.state_dict() if "norm" not in name)


def test_weight_layers_are_called_in_the_papers_order():
    net = build_network(NetworkConfig("tcja", (2, 32, 32), classes=3, T=4, channels=2), seed=0)
    called = []
    for name, module in net.named_modules():
        if hasattr(module, "weight") and "norm" not in name:
            module.register_forward_hook(lambda *_, name=name: called.append(name))
    net(torch.rand(4, 1, 2, 32, 32))
    expected = "conv1 conv2 conv3 conv4 tcja1_t tcja1_c conv5 tcja2_t tcja2_c dense1 dense2"
    assert called == expected.split()


def test_rates_are_the_mean_over_time_and_voters():
    net = build_network(SMALL, seed=1)
    seen = []
    net.neuron5.register_forward_hook(lambda module, args, out: seen.append(out))
    rates = net(8 * torch.rand(3, 4, 2, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert rates.shape == (4, 2)
    spikes = seen[0]
    for n in range(4):
        for c in range(2):
            votes = spikes[:, n, 10 * c : 10 * c + 10]
            torch.testing.assert_close(rates[n, c], votes.mean())


def test_the_same_seed_gives_the_same_weights_and_leaves_torchs_generator_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first, second, other = (build_network(SMALL, seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


@pytest.mark.parametrize("name", ["small", "tcja"])
def test_every_parameter_gets_a_gradient(name):
    config = NetworkConfig(
        name, (2, 33, 35), classes=2, T=4, channels=4, neuron=NeuronConfig("plif")
    )
    net = build_network(config, seed=0)
    net(20 * torch.rand(4, 2, 2, 33, 35)).square().sum().backward()
    # Nothing may be left out of the graph; zero gradients may happen.
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_dropout_is_the_same_at_every_step_and_off_in_evaluation():
    config = NetworkConfig(shape=(2, 8, 8), channels=4, hidden=64, dropout=0.5)
    net = build_network(config, seed=0)
    inputs = []
    net.dense2.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    with torch.no_grad():
        net.dense1.weight.fill_(10.0)
    x = 10 * torch.rand(6, 3, 2, 8, 8)
    torch.manual_seed(0)
    net(x)
    steps = inputs[0].unflatten(0, (6, 3))
    fired = steps.amax(0)
    assert set(fired.unique().tolist()) == {0.0, 2.0}
    # All hidden neurons are alike: at each step all those not dropped fire, or none does.
    for step in steps:
        for sample, mask in zip(step, fired, strict=True):
            assert not sample.any() or torch.equal(sample, mask)
    assert steps.any(dim=2).any(dim=1).sum() > 1
    net.eval()
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((0, 1, 2, 8, 8), "T = 0"),
        ((3, 1, 2, 8, 9), "expected \\[T, N, 2, 8, 8\\]"),
    ],
)
def test_frames_that_do_not_fit_are_named(shape, message):
    with pytest.raises(InputError, match=message):
        build_network(SMALL, seed=0)(torch.zeros(shape))


def test_attention_is_bound_to_its_steps():
    net = build_network(NetworkConfig("tcja", (2, 32, 32), T=4, channels=2), seed=0)
    with pytest.raises(InputError, match=r"has 3 steps, the attention was built for 4"):
        net(torch.zeros(3, 1, 2, 32, 32))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "resnet"}, "name is 'resnet'"),
        ({"shape": (2, 7, 34)}, "at least 8"),
        ({"name": "tcja", "shape": (2, 31, 34)}, "at least 32"),
        ({"classes": 0}, "classes is 0"),
        ({"T": 0}, "T is 0"),
        ({"channels": (1, 2)}, "channels has 2 values"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"backend": "cupy"}, "backend is 'cupy'"),
    ],
)
def test_wrong_sizes_are_refused(fields, message):
    with pytest.raises(InputError, match=message):
        NetworkConfig(**fields)


@pytest.mark.parametrize("backend", ["numba", "torch"])
@pytest.mark.parametrize("train", [True, False])
def test_an_empty_batch_gives_an_empty_batch(backend, train):
    config = NetworkConfig(shape=(2, 8, 8), channels=4, T=3, backend=backend)
    net = build_network(config, seed=0).train(train)
    rates = net(torch.zeros(3, 0, 2, 8, 8))
    rates.sum().backward()
    assert rates.shape == (0, 10)
    assert net.norm1.running_var.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_a_sample_with_nan_shows_it_and_the_others_do_not(backend):
    net = build_network(NetworkConfig(shape=(2, 8, 8), backend=backend), seed=0).eval()
    x = torch.rand(3, 2, 2, 8, 8)
    x[0, 0, 0, 0, 0] = torch.nan
    rates = net(x)
    assert rates[0].isnan().all()
    assert not rates[1].isnan().any()


def test_frames_in_any_memory_layout_give_the_same():
    net = build_network(SMALL, seed=0).eval()
    x = 10 * torch.rand(3, 2, 2, 8, 8)
    scattered = x.permute(4, 3, 2, 1, 0).contiguous().permute(4, 3, 2, 1, 0)
    assert not scattered.is_contiguous()
    assert torch.equal(net(scattered), net(x))
