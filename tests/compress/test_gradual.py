import copy
import itertools

import pytest
import torch
from torch import nn

from leanspike.compress import (
    CompressionConfig,
    Strategy,
    begin_phase,
    cumulative_strategy,
    gradual_strategy,
    iterative_strategy,
    rewind,
    summary,
)
from leanspike.compress.layers import latent_weight
from leanspike.errors import InputError

PRUNED = CompressionConfig(sparsity=0.9)
BOTH = CompressionConfig(weight_bits=2, sparsity=0.9)


def network(*, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(20, 30), nn.BatchNorm1d(30), nn.Linear(30, 10))


def run(strategy: Strategy, net: nn.Module) -> list[float]:
    """Go through the phases with noise in the place of training; give the sparsities."""
    start = copy.deepcopy(net.state_dict())
    seen = []
    before: dict[str, torch.Tensor] = {}
    for phase in strategy.phases:
        begin_phase(net, phase, start=start)
        masks = {k: v.clone() for k, v in net.state_dict().items() if k.endswith("mask")}
        for key, mask in before.items():
            assert not (masks[key] & ~mask).any()
        before = masks
        seen.append(summary(net).pruned)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return seen


def test_cubic_schedule() -> None:
    seen = run(gradual_strategy(PRUNED, steps=6), network())
    expected = [0.9 * (1 - (1 - k / 6) ** 3) for k in range(1, 7)]
    assert seen == pytest.approx(expected, abs=1 / 900)


def test_iterative_prunes_the_same_fraction_of_what_is_left() -> None:
    seen = run(iterative_strategy(PRUNED, rounds=4, rewind=False), network())
    left = [1.0] + [1 - s for s in seen]
    ratios = [after / before for before, after in itertools.pairwise(left)]
    assert ratios == pytest.approx([0.1 ** (1 / 4)] * 4, abs=0.01)


def test_rewind_restores_weights_and_keeps_masks() -> None:
    net = network()
    start = copy.deepcopy(net.state_dict())
    strategy = iterative_strategy(BOTH, rounds=2)
    begin_phase(net, strategy.phases[0], start=start)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter))
    begin_phase(net, strategy.phases[1], start=start)
    for i in (0, 2):
        assert torch.equal(latent_weight(net[i]), start[f"{i}.weight"])
    assert torch.equal(net[1].weight, start["1.weight"])
    assert summary(net).pruned == pytest.approx(0.9, abs=1e-3)


def test_rewind_refuses_another_network() -> None:
    with pytest.raises(InputError, match="layer '0'"):
        rewind(network(), {})


def test_both_cumulative_orders() -> None:
    assert run(cumulative_strategy(BOTH), network()) == pytest.approx([0.9, 0.9], abs=1e-3)
    net = network()
    assert run(cumulative_strategy(BOTH, first="quantize"), net)[0] == 0
    assert summary(net).pruned == pytest.approx(0.9, abs=1e-3)
    first, second = cumulative_strategy(BOTH, first="quantize", epochs=7).phases
    assert first.compression is not None
    assert first.compression.weight_bits == 2
    assert first.epochs + second.epochs == 7


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: gradual_strategy(CompressionConfig(weight_bits=2)), "sparsity"),
        (lambda: gradual_strategy(CompressionConfig(structure="2:4")), "structure"),
        (lambda: gradual_strategy(PRUNED, steps=1), "steps"),
        (lambda: iterative_strategy(PRUNED, rounds=0), "rounds"),
        (lambda: cumulative_strategy(PRUNED), "bits"),
    ],
)
def test_bad_recipes(make: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        make()  # type: ignore[operator]
