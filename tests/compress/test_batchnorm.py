import pytest
import torch
from torch import Tensor, nn

from leanspike.compress import CompressionConfig, fold_batchnorm, prepare, reestimate_batchnorm
from leanspike.errors import InputError


def network(*, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 3, 3),
        nn.BatchNorm2d(3, affine=False),
        nn.Flatten(),
        nn.Linear(48, 5),
        nn.ReLU(),
        nn.BatchNorm1d(5),
    )
    with torch.no_grad():
        for norm in (net[1], net[4], net[8]):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.3, 3)
            if norm.affine:
                norm.weight.normal_()
                norm.bias.normal_()
    return net


def test_folding_keeps_the_outputs() -> None:
    net = network().double()
    x = torch.randn(6, 2, 8, 8, dtype=torch.float64)
    net.eval()
    expected = net(x)
    assert fold_batchnorm(net, x) == [("0", "1"), ("3", "4")]  # the last follows a ReLU
    assert isinstance(net[1], nn.Identity)
    assert isinstance(net[8], nn.BatchNorm1d)
    assert torch.allclose(net(x), expected, rtol=1e-9)
    prepare(net, CompressionConfig(weight_bits=8))


def test_folding_a_network_of_ours() -> None:
    from leanspike.nn import NetworkConfig, build_network

    net = build_network(NetworkConfig(shape=(2, 12, 12), channels=6, T=4), seed=0).double().eval()
    with torch.no_grad():
        for name, buffer in net.named_buffers():
            if name.endswith("running_var"):
                buffer.fill_(0.05)
        net.dense1.weight.mul_(8)
        net.dense2.weight.mul_(8)
    x = (torch.rand(4, 3, 2, 12, 12) < 0.4).double()
    expected = net(x)
    assert expected.sum() > 0
    assert [pair[0] for pair in fold_batchnorm(net, x)] == ["conv1", "conv2", "conv3"]
    assert torch.allclose(net(x), expected)


def test_folding_a_prepared_layer_is_refused() -> None:
    net = prepare(network(), CompressionConfig(weight_bits=2))
    with pytest.raises(InputError, match="layer '0': it is prepared already"):
        fold_batchnorm(net, torch.randn(2, 2, 8, 8))


def test_reestimated_statistics_are_the_average_over_batches() -> None:
    net = network()
    batches = [torch.randn(6, 2, 8, 8), torch.randn(6, 2, 8, 8) + 1]
    momentum = net[1].momentum
    weights = {k: v.clone() for k, v in net.named_parameters()}
    reestimate_batchnorm(net, batches)
    means = [net[0](b).mean((0, 2, 3)) for b in batches]
    variances = [net[0](b).transpose(0, 1).flatten(1).var(1) for b in batches]
    assert torch.allclose(net[1].running_mean, sum(means) / 2, atol=1e-5)
    assert torch.allclose(net[1].running_var, sum(variances) / 2, rtol=1e-4)
    assert net[1].momentum == momentum
    assert all(torch.equal(weights[k], v) for k, v in net.named_parameters())


def test_reestimating_fails_without_a_trace() -> None:
    net = network().eval()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    momentum = net[1].momentum

    def unchanged() -> bool:
        return all(torch.equal(v, before[k]) for k, v in net.state_dict().items())

    with pytest.raises(InputError, match="no batch"):
        reestimate_batchnorm(net, [])
    assert unchanged()
    with pytest.raises(RuntimeError):  # the second batch has a channel too many
        reestimate_batchnorm(net, [torch.randn(6, 2, 8, 8), torch.randn(6, 3, 8, 8)])
    assert unchanged()
    assert net[1].momentum == momentum
    assert not net[1].training


def test_a_norm_that_meets_no_data_keeps_its_statistics() -> None:
    net = network()
    net.register_module("unused", nn.BatchNorm2d(3))
    with torch.no_grad():
        net.unused.running_var.fill_(2.5)
    reestimate_batchnorm(net, [torch.randn(6, 2, 8, 8)], run=lambda m, x: m[:9](x))
    assert torch.equal(net.unused.running_var, torch.full((3,), 2.5))
    assert int(net.unused.num_batches_tracked) == 0


def test_reestimating_leaves_modes_alone() -> None:
    net = network().eval()
    net[2].train()
    seen: list[bool] = []
    net[2].register_forward_hook(lambda m, *_: seen.append(m.training))
    reestimate_batchnorm(net, [torch.randn(6, 2, 8, 8)])
    assert seen == [False]
    assert net[2].training
    assert not net[1].training
    assert not net.training


def test_own_way_to_run() -> None:
    net = network()

    def run(model: nn.Module, batch: tuple[Tensor, int]) -> Tensor:
        result: Tensor = model(batch[0])
        return result

    x = torch.randn(6, 2, 8, 8)
    reestimate_batchnorm(net, [(x, 1)], run=run)
    assert torch.allclose(net[1].running_mean, net[0](x).mean((0, 2, 3)), atol=1e-5)
