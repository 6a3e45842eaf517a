from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from leanspike.compress import CompressionConfig, compress_one_shot, convert, prepare, summary
from leanspike.compress.second_order import eliminate, patches
from leanspike.errors import InputError
from leanspike.nn import NetworkConfig, build_network


def problem(n: int = 6, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A row and a Hessian of correlated inputs."""
    random = np.random.default_rng(seed)
    mix = random.normal(size=(n, n))
    x = random.normal(size=(40, n)) @ mix
    return random.normal(size=n), x.T @ x


def cost(move: np.ndarray, hessian: np.ndarray) -> float:
    return float(move @ hessian @ move) / 2


def best_with(fixed: dict[int, float], weight: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """Least of the quadratic with some weights fixed, by its normal equations."""
    free = [i for i in range(len(weight)) if i not in fixed]
    held = list(fixed)
    result = weight.copy()
    result[held] = [fixed[i] for i in held]
    push = hessian[np.ix_(free, held)] @ (weight[held] - result[held])
    result[free] += np.linalg.solve(hessian[np.ix_(free, free)], push)
    return result


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("step", [0.0, 0.7])
def test_every_weight_set_is_the_cheapest_and_the_others_make_up_for_it(
    seed: int, step: float
) -> None:
    weight, hessian = problem(seed=seed)
    fixed: dict[int, float] = {}
    total, now = 0.0, weight.copy()
    for count in range(1, len(weight) + 1):
        # By brute force: which next weight, set to its value, leaves the least rise.
        tried = {}
        for p in set(range(len(weight))) - set(fixed):
            near = step * np.clip(np.rint(now[p] / step), -1, 1) if step else 0.0
            there = best_with({**fixed, p: near}, weight, hessian)
            tried[p] = (cost(there - weight, hessian), near)
        p = min(tried, key=lambda p: tried[p][0])
        total, fixed[p] = tried[p]
        now = best_with(fixed, weight, hessian)
        found, free, losses = weight.copy(), np.ones(len(weight), bool), np.empty(count)
        eliminate(found, np.linalg.inv(hessian), free, count, step, 1, losses)
        np.testing.assert_allclose(found, now, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(losses.sum(), total, rtol=1e-8)
        assert {int(i) for i in np.flatnonzero(~free)} == set(fixed)


LAYERS = [
    nn.Linear(5, 3),
    nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2),
    nn.Conv2d(3, 4, (3, 1), padding="same", dilation=(2, 1)),
    nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular", groups=2),
    nn.Conv3d(2, 3, 2, stride=(1, 2, 1)),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_patches_times_weights_are_a_layer_s_outputs(layer: nn.Module) -> None:
    torch.manual_seed(0)
    sizes = (5,) if isinstance(layer, nn.Linear) else (layer.in_channels, 6, 7, 8)
    x = torch.randn(2, *sizes[: layer.weight.dim() - 1])
    output = layer(x) - (
        layer.bias if isinstance(layer, nn.Linear) else layer.bias.view(-1, *[1] * (x.dim() - 2))
    )
    axis = -1 if isinstance(layer, nn.Linear) else 1
    by_use = output.movedim(axis, -1).reshape(-1, output.shape[axis])
    index = torch.randperm(len(by_use))[:7]
    met = patches(layer, x, index)
    rows = layer.weight.flatten(1)
    group = [r * met.shape[1] // len(rows) for r in range(len(rows))]
    found = torch.stack([met[:, g] @ row for g, row in zip(group, rows, strict=True)], 1)
    torch.testing.assert_close(found, by_use[index])


def correlated(count: int, n: int, *, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    few = torch.randn(count, n // 3, generator=generator)
    mixed = few @ torch.randn(n // 3, n, generator=generator)
    return mixed + 0.3 * torch.randn(count, n, generator=generator)


@pytest.mark.parametrize("bits", [None, 4])
def test_a_dense_layer_s_rise_is_what_its_outputs_lose(bits: int | None) -> None:
    torch.manual_seed(0)
    net, x = nn.Linear(24, 6), correlated(600, 24)
    with torch.no_grad():
        before = net(x)
        rise = compress_one_shot(
            net, CompressionConfig(sparsity=0.5, weight_bits=bits, initializer="mse"), [x]
        )
        lost = float((net(x) - before).square().sum()) / 2
    assert rise[""] == pytest.approx(lost, rel=0.15)
    assert summary(net).layers[0].pruned == 0.5


def test_it_loses_less_than_magnitude_and_bakes_what_it_says() -> None:
    torch.manual_seed(0)
    x = correlated(600, 30)
    net = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 5))
    by_size = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 5))
    by_size.load_state_dict(net.state_dict())
    config = CompressionConfig(sparsity=0.7, weight_bits=4, initializer="mse")
    with torch.no_grad():
        wanted = net(x)
        prepare(by_size, config)
        compress_one_shot(net, config, [x[:300], x[300:]])
        outputs = net(x)
        loss = float((outputs - wanted).square().mean())
        assert loss < 0.5 * float((by_size(x) - wanted).square().mean())
        convert(net)
        torch.testing.assert_close(net(x), outputs)
    layers = summary(net).layers
    assert [layer.bits for layer in layers] == [4, 4]
    assert sum(layer.sparsity * layer.weights for layer in layers) >= 0.7 * summary(net).weights


@pytest.mark.parametrize("scope", ["global", "lamp", "erk"])
def test_a_spiking_network_ends_at_its_sparsity_the_same_each_time(scope: str) -> None:
    config = CompressionConfig(sparsity=0.6, weight_bits=2, initializer="mse", scope=scope)
    generator = torch.Generator().manual_seed(0)
    batches = [(torch.rand(4, 20, 2, 8, 8, generator=generator) < 0.3).float() for _ in range(8)]
    ended = []
    for _ in range(2):
        net = build_network(NetworkConfig(shape=(2, 8, 8), channels=4, hidden=8), seed=0)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter *= 3  # so that spikes come through
        compress_one_shot(net, config, batches, seed=3)
        ended.append(net.state_dict())
        found = summary(net)
        assert round(sum(x.pruned * x.weights for x in found.layers)) == round(0.6 * found.weights)
        assert all(len(layer.weight.unique()) <= 3 for layer in (net.conv1, net.dense2))
        assert not any(module._forward_hooks for module in (net.conv1, net.dense1))
    for key, value in ended[0].items():
        assert torch.equal(value, ended[1][key]), key


def test_a_frozen_network_is_only_quantized_where_no_sparsity_is_asked_for() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 5)).requires_grad_(False)
    x = correlated(300, 30)
    wanted = net(x)
    compress_one_shot(net, CompressionConfig(weight_bits=4, initializer="mse"), [x])
    assert [(layer.bits, layer.pruned) for layer in summary(net).layers] == [(4, 0.0)] * 2
    assert float((net(x) - wanted).detach().square().mean()) < 0.05 * float(wanted.var())


def test_what_it_cannot_do_is_one_error() -> None:
    net = nn.Sequential(nn.Linear(30, 20), nn.Linear(20, 2))
    x = correlated(100, 30)
    wrong = [
        (CompressionConfig(), [x], "nothing to do"),
        (CompressionConfig(structure="2:4"), [x], "single weights"),
        (CompressionConfig(weight_bits=2, quantizer="twn"), [x], "twn"),
        (CompressionConfig(sparsity=0.5), [], "no batch"),
        (CompressionConfig(sparsity=0.5), [x[:1]], "1 uses cannot tell"),
        (CompressionConfig(sparsity=0.999, scope="layerwise"), [x], "would be left"),
    ]
    before = {k: v.clone() for k, v in net.state_dict().items()}
    for config, batches, what in wrong:
        with pytest.raises(InputError, match=what):
            compress_one_shot(net, config, batches)
    for key, value in before.items():
        assert torch.equal(net.state_dict()[key], value)
    prepare(net, CompressionConfig(sparsity=0.5))
    with pytest.raises(InputError, match="prepared already"):
        compress_one_shot(net, CompressionConfig(sparsity=0.5), [x])
