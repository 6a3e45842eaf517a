from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from leanspike.compress import CompressionConfig, Regrowth, RegrowthConfig, prepare, summary
from leanspike.compress.layers import latent_weight
from leanspike.compress.parametrization import compressed
from leanspike.compress.regrowth import exchange
from leanspike.errors import InputError


def mask_of(layer: nn.Module) -> torch.Tensor:
    compression = compressed(layer)
    assert compression is not None
    assert compression.mask is not None
    return compression.mask


@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("density", [0.05, 0.4, 0.9, 1.0])
def test_an_exchange_is_that_of_a_sorted_list(fraction: float, density: float) -> None:
    torch.manual_seed(3)
    weight, worth = torch.randn(6, 20), torch.rand(6, 20)
    mask = torch.rand(6, 20) < density
    there = [i for i in range(120) if mask.flatten()[i]]
    free = [i for i in range(120) if not mask.flatten()[i]]
    size = weight.flatten().abs().tolist()
    count = min(math.floor(fraction * len(there)), len(free))
    dropped = sorted(there, key=lambda i: size[i])[:count]
    grown = sorted(free, key=lambda i: -worth.flatten()[i].item())[:count]
    expected = weight.flatten().clone()
    expected[dropped + grown] = 0
    assert exchange(weight, mask, worth, fraction) == count
    assert {int(i) for i in mask.flatten().nonzero()} == (set(there) - set(dropped)) | set(grown)
    assert torch.equal(weight.flatten(), expected)


@pytest.mark.parametrize("bits", [None, 2])
def test_growth_sees_the_gradient_of_pruned_weights_too(bits: int | None) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(12, 5)
    prepare(layer, CompressionConfig(sparsity=0.5, weight_bits=bits, initializer="mse"))
    plain = layer.weight.detach().clone().requires_grad_()
    x = torch.randn(7, 12)
    nn.functional.linear(x, plain, layer.bias.detach()).square().sum().backward()
    before = mask_of(layer).clone()
    regrowth = Regrowth(layer, RegrowthConfig(every=1, fraction=0.4), steps=2)
    regrowth.before(1)
    layer(x).square().sum().backward()
    regrowth.after(1)
    assert plain.grad is not None
    grown = mask_of(layer) & ~before
    count = int(RegrowthConfig(every=1, fraction=0.4).fraction_at(1, 2) * int(before.sum()))
    assert int(grown.sum()) == count > 0
    free = plain.grad.abs().masked_fill(before, -1).flatten()
    assert set(free.topk(count).indices.tolist()) == set(
        grown.flatten().nonzero().flatten().tolist()
    )


@pytest.mark.parametrize("by", ["gradient", "random", None])
def test_regrowth_finds_the_weights_that_a_wrong_mask_lacks(by: str | None) -> None:
    """A sparse teacher is learned from, beginning with a mask that has none of its weights."""
    torch.manual_seed(1)
    true = torch.zeros(4, 40)
    true[:, :4] = torch.randn(4, 4).sign() * 2
    student = nn.Linear(40, 4, bias=False)
    scores = {"": torch.rand(4, 40) * (true == 0)}
    prepare(student, CompressionConfig(sparsity=0.9, scope="layerwise"), scores=scores)
    assert not (mask_of(student) & (true != 0)).any()
    optimizer = torch.optim.Adam(student.parameters(), lr=0.05)
    regrowth = None
    if by is not None:
        regrowth = Regrowth(student, RegrowthConfig(by=by, every=20, fraction=0.5), steps=800)
    for step in range(1, 801):
        if regrowth is not None:
            regrowth.before(step)
        x = torch.randn(32, 40)
        optimizer.zero_grad()
        (student(x) - x @ true.T).square().mean().backward()
        optimizer.step()
        if regrowth is not None:
            regrowth.after(step)
    assert summary(student).layers[0].pruned == 0.9
    found = int((mask_of(student) & (true != 0)).sum())
    assert found == 16 if by == "gradient" else found >= 8 if by == "random" else found == 0


def test_what_cannot_regrow_is_refused() -> None:
    net = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    with pytest.raises(InputError, match="no layer has a mask"):
        Regrowth(net, RegrowthConfig(), steps=10)
    prepare(net, CompressionConfig(structure="2:4"))
    with pytest.raises(InputError, match="2:4"):
        Regrowth(net, RegrowthConfig(), steps=10)
    for wrong in ({"by": "magic"}, {"every": 0}, {"fraction": 0.0}, {"until": 1.5}):
        with pytest.raises(InputError):
            RegrowthConfig(**wrong)  # type: ignore[arg-type]


def test_a_dropped_weight_is_zero_and_comes_back_from_zero() -> None:
    layer = nn.Linear(4, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[4.0, 3.0, 2.0, 1.0]]))
    prepare(layer, CompressionConfig(sparsity=0.5))
    exchange(latent_weight(layer), mask_of(layer), torch.tensor([[0.0, 0.0, 9.0, 8.0]]), 0.5)
    assert layer.weight.tolist() == [[4.0, 0.0, 0.0, 0.0]]
    assert mask_of(layer).tolist() == [[True, False, True, False]]
