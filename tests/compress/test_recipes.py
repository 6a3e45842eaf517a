from __future__ import annotations

import pytest
import torch
from torch import nn

from leanspike.compress import (
    RECIPE_NAMES,
    RECIPES,
    CompressionConfig,
    Target,
    apply_phase,
    begin_phase,
    convert,
    parse_target,
    prepare,
    recipe_strategy,
    summary,
)
from leanspike.compress.parametrization import compressed
from leanspike.errors import InputError
from leanspike.nn import NetworkConfig, build_network


@pytest.mark.parametrize(
    "text",
    ["ternary", "80 %", "4 bits, 97.5 %", "membrane 4 bits", "ternary, 95 %, membrane 4 bits"],
)
def test_a_target_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_target(text)) == text


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "not understood"),
        ("95", "not understood"),
        ("100 %", "below 1"),
        ("17 bits", "16"),
        ("1 bits", "duq takes 2"),
        ("membrane 1 bit", "2 to 32"),
        ("ternary, 2 bits", "on top of"),
        ("0 %", "nothing to reach"),
    ],
)
def test_a_bad_target_is_one_error(text: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        parse_target(text)


@pytest.mark.parametrize("name", RECIPE_NAMES)
@pytest.mark.parametrize("text", ["ternary", "80 %", "98 %", "ternary, 95 %", "3 bits, 60 %"])
@pytest.mark.parametrize("epochs", [None, 2, 5, 17])
def test_a_recipe_ends_at_its_target(name: str, text: str, epochs: int | None) -> None:
    target = parse_target(text)
    strategy = recipe_strategy(name, target, epochs=epochs)
    assert (strategy.weight_bits, strategy.sparsity) == (target.weight_bits, target.sparsity)
    assert epochs is None or strategy.epochs == epochs
    net = nn.Sequential(nn.Linear(20, 30), nn.Linear(30, 10))
    for phase in strategy.phases:
        apply_phase(net, phase)
    found = summary(net)
    pruned = sum(layer.pruned * layer.weights for layer in found.layers)
    assert round(pruned) == round(target.sparsity * found.weights)
    assert all(layer.bits == (target.weight_bits or 32) for layer in found.layers)


def test_higher_targets_share_the_first_trainings_of_lower_ones() -> None:
    best = RECIPES["best"]
    lower, higher = (best.strategy(parse_target(t)).phases for t in ("90 %", "99 %"))
    assert higher[: len(lower)] == lower
    ternary = best.strategy(parse_target("ternary, 90 %")).phases
    assert ternary[: len(lower)] == lower


def test_membranes_are_limited_in_the_last_phase() -> None:
    phases = recipe_strategy("best", parse_target("ternary, 80 %, membrane 4 bits")).phases
    assert [p.state.membrane_bits if p.state else None for p in phases] == [None, 4]
    net = build_network(NetworkConfig(shape=(2, 8, 8), channels=2, hidden=4), seed=0)
    for phase in phases:
        begin_phase(net, phase, start={})
    assert net.neuron1.membrane is not None


def test_what_no_recipe_can_do_is_refused() -> None:
    with pytest.raises(InputError, match="there are best, fast"):
        recipe_strategy("better", Target(sparsity=0.9))
    with pytest.raises(InputError, match="at least 1"):
        recipe_strategy("best", Target(sparsity=0.9), epochs=0)
    for name in ("published", "one-shot"):
        with pytest.raises(InputError, match="membranes alone"):
            recipe_strategy(name, Target(membrane_bits=4))


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_ternary_scales_begin_at_the_weights_that_are_left(granularity: str) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(400, 6)
    with torch.no_grad():
        layer.weight[0] *= 1e-3  # all of this channel is pruned
    config = CompressionConfig(
        weight_bits=2, sparsity=0.9, initializer="mse", granularity=granularity
    )
    prepare(layer, config)
    compression = compressed(layer)
    assert compression is not None
    latent = layer.parametrizations.weight.original.detach()
    mask = compression.mask
    for row in range(1, 6) if granularity == "channel" else [...]:
        kept = latent[row][mask[row]]
        (scale,) = layer.weight[row].detach().abs().unique()[-1:]
        error = (layer.weight[row].detach()[mask[row]] - kept).square().sum()
        # No other scale leaves less error, on a finer grid than the initializer's own.
        for other in torch.linspace(0.05, 1.2, 600) * latent[row].abs().max():
            there = other * (kept / other).round().clamp(-1, 1)
            assert error <= (there - kept).square().sum() * 1.001, (float(scale), float(other))
    convert(layer)
    assert not layer.weight[0].any() or granularity == "tensor"
