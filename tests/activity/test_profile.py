"""What profile tells beyond densities, against plain counts."""

import json

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from torch import Tensor, nn

from leanspike.activity import Activity, count_operations, profile
from leanspike.compress import CompressionConfig, prepare
from leanspike.errors import InputError


class Threshold(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x > 0.2).float()


class Net(nn.Module):
    """Takes [T, N, C, H, W]."""

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv2d(2, 4, 3, bias=False)
        self.fire1 = Threshold()
        self.dense = nn.Linear(64, 7, bias=False)
        self.fire2 = Threshold()

    def forward(self, x: Tensor) -> Tensor:
        y = self.fire1(self.conv(x.flatten(0, 1)))
        result: Tensor = self.fire2(self.dense(y.flatten(1)))
        return result.unflatten(0, x.shape[:2])


def spikes(*shape: int, seed: int = 0) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < 0.3).float()


def profiled(*, seed: int = 0) -> tuple[Net, Tensor, Activity]:
    net = Net(seed=seed)
    x = spikes(5, 6, 2, 6, 6)
    return net, x, profile(net, [x[:, :2], x[:, 2:]])


def test_by_step_by_channel_and_by_neuron() -> None:
    net, x, activity = profiled()
    fired = net.fire1(net.conv(x.flatten(0, 1))).unflatten(0, (5, 6))  # [T, N, M, P, Q]
    conv = activity["conv"]
    assert np.allclose(conv.input_by_step, x.mean((1, 2, 3, 4)))
    assert np.allclose(conv.output_by_step, fired.mean((1, 2, 3, 4)))
    assert np.allclose(conv.by_channel, fired.mean((0, 1, 3, 4)))
    assert np.allclose(conv.rates, fired.mean((0, 1)).flatten())
    assert np.allclose(conv.output_densities, fired.mean((2, 3, 4)))
    dense = activity["dense"]
    assert np.allclose(dense.by_channel, net(x).mean((0, 1)))
    assert (conv.channels, dense.channels) == (4, 7)


def test_dead_and_saturated() -> None:
    net = Net()
    with torch.no_grad():
        net.conv.weight.fill_(1.0)
        net.conv.weight[1] = -1
        net.conv.weight[2] = 0
    conv = profile(net, [torch.ones(3, 2, 2, 6, 6)])["conv"]
    assert (conv.dead, conv.saturated) == (32, 32)


def test_operations_by_brute_force() -> None:
    net, x, _ = profiled()
    prepare(net, CompressionConfig(weight_bits=2))
    activity = profile(net, [x])
    w = net.conv.weight.detach()
    effective = 0
    for entry in x.flatten(0, 1):
        for p in range(4):
            for q in range(4):
                window = entry[:, p : p + 3, q : q + 3] != 0
                effective += int(((w != 0) & window).sum())
    assert activity["conv"].operations == effective / 6
    assert activity["conv"].dense_operations == 5 * w.numel() * 16
    assert activity["dense"].dense_operations == 5 * 64 * 7
    assert activity.operations == sum(layer.operations or 0 for layer in activity.layers)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 3, padding=1, stride=2, groups=2),
        nn.Conv2d(4, 6, (2, 3), dilation=(2, 1), padding=(0, 2)),
        nn.Conv2d(4, 6, 3, padding="same"),
        nn.Conv1d(4, 6, 5, padding=2),
    ],
)
def test_operations_are_the_convolution_of_ones(layer: nn.Conv2d) -> None:
    x = spikes(3, 4, *[9] * (layer.weight.dim() - 2)) * 2.5
    with torch.no_grad():
        layer.weight[torch.rand(layer.weight.shape) < 0.5] = 0
        layer.bias.zero_()
        effective, dense = count_operations(layer, x)
        layer.weight.copy_((layer.weight != 0).float())
        assert effective == int(layer((x != 0).float()).sum())
        layer.weight.fill_(1)
        assert dense == int(layer(torch.ones_like(x)).sum())


def test_distance_is_the_earth_movers() -> None:
    _, _, one = profiled(seed=0)
    _, _, two = profiled(seed=1)
    for name, distance in one.distances(two).items():
        expected = wasserstein_distance(one[name].rates, two[name].rates)
        assert distance == pytest.approx(expected)
        assert distance > 0
    assert set(one.distances(one).values()) == {0.0}


def test_plain_data() -> None:
    _, _, activity = profiled()
    read = json.loads(json.dumps(activity.to_dict()))
    assert read["samples"] == 6
    assert [layer["name"] for layer in read["layers"]] == ["conv", "dense"]
    assert len(read["layers"][0]["output_by_step"]) == 5
    assert activity.workload.layers[0].name == "conv"
    with pytest.raises(InputError, match="no layer 'x'; there are conv, dense"):
        activity["x"]
