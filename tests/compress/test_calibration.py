import pytest
import torch
from torch import nn

from leanspike.compress import CompressionConfig, calibrate, prepare
from leanspike.errors import InputError


def spikes(*shape: int, seed: int = 0) -> torch.Tensor:
    rates = torch.linspace(0.01, 0.9, shape[-1])
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < rates).float()


def network() -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(40, 30, bias=False))
    with torch.no_grad():
        net[0].weight[0, 0] = 3.0  # an outlier on an input that hardly fires
    return net


@pytest.mark.parametrize("quantizer", ["duq", "lsq", "lsq+", "uniform"])
@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_outputs_come_closer(quantizer: str, granularity: str) -> None:
    x = spikes(500, 40)
    exact = network()(x)
    net = prepare(
        network(),
        CompressionConfig(weight_bits=3, quantizer=quantizer, granularity=granularity),  # type: ignore[arg-type]
    )
    before = (net(x) - exact).square().mean()
    (change,) = calibrate(net, [x[:250], x[250:]]).values()
    assert change[1] <= change[0]
    assert (net(x) - exact).square().mean() <= before * 1.01


def test_outlier_that_never_fires_is_clipped() -> None:
    x = spikes(500, 40)
    exact = network()(x)
    net = prepare(network(), CompressionConfig(weight_bits=4, quantizer="uniform"))
    before = (net(x) - exact).square().mean()
    calibrate(net, [x])
    assert (net(x) - exact).square().mean() < before / 4


def test_error_is_the_outputs_for_uncorrelated_inputs() -> None:
    # One input at a time: then the weighted weight error is exactly the output's.
    net = prepare(network(), CompressionConfig(weight_bits=3))
    x = torch.eye(40)
    exact = network()(x)
    before, after = calibrate(net, [x])["0"]
    got = (net(x) - exact).square().mean().item()  # over 40 samples and 30 outputs
    assert after == pytest.approx(got, rel=1e-4)
    assert after < before


def test_masked_weights_do_not_matter() -> None:
    net = prepare(network(), CompressionConfig(weight_bits=3, sparsity=0.5))
    mask = net.state_dict()["0.weight_mask"].clone()
    calibrate(net, [spikes(50, 40)])
    assert torch.equal(net.state_dict()["0.weight_mask"], mask)
    assert (net[0].weight[~mask] == 0).all()


def test_nothing_to_calibrate() -> None:
    for config in (
        CompressionConfig(sparsity=0.5),
        CompressionConfig(weight_bits=2, quantizer="twn"),
    ):
        with pytest.raises(InputError, match="no layer has a quantizer with a range"):
            calibrate(prepare(network(), config), [spikes(5, 40)])
