"""A small spiking network on scikit-learn's digits: does training recover what compression took?"""

import copy

import pytest
import torch
from torch import Tensor, nn

from leanspike.compress import CompressionConfig, begin_phase, gradual_strategy, prepare
from leanspike.nn import Neuron

pytestmark = pytest.mark.slow
datasets = pytest.importorskip("sklearn.datasets", reason="needs scikit-learn")

STEPS, TRAIN = 6, 1300


class Net(nn.Module):
    """Spikes ``[T, N, 64]`` to firing rates ``[N, 10]``."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.dense1, self.norm1 = nn.Linear(64, 128, bias=False), nn.BatchNorm1d(128)
        self.dense2, self.norm2 = nn.Linear(128, 100, bias=False), nn.BatchNorm1d(100)
        self.fire1, self.fire2 = Neuron(), Neuron()

    def forward(self, x: Tensor) -> Tensor:
        s = self.fire1(self.norm1(self.dense1(x.flatten(0, 1))).unflatten(0, x.shape[:2]))
        s = self.fire2(self.norm2(self.dense2(s.flatten(0, 1))).unflatten(0, x.shape[:2]))
        return s.mean(0).unflatten(1, (10, 10)).mean(2)


class Digits:
    """1,797 digits of 8x8 pixels, each pixel firing with its brightness."""

    def __init__(self) -> None:
        pixels, labels = datasets.load_digits(return_X_y=True)
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
        self.rates = torch.tensor(pixels / 16).float()[order]
        self.labels = torch.tensor(labels)[order]

    def spikes(self, chosen: Tensor, generator: torch.Generator) -> Tensor:
        rates = self.rates[chosen]
        return (torch.rand(STEPS, *rates.shape, generator=generator) < rates).float()

    def train(self, net: nn.Module, epochs: int) -> None:
        generator = torch.Generator().manual_seed(1)
        optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * (TRAIN // 64))
        net.train()
        for _ in range(epochs):
            for chosen in torch.randperm(TRAIN, generator=generator).split(64)[:-1]:
                target = nn.functional.one_hot(self.labels[chosen], 10).float()
                loss = nn.functional.mse_loss(net(self.spikes(chosen, generator)), target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()

    def accuracy(self, net: nn.Module) -> float:
        test = torch.arange(TRAIN, len(self.labels))
        net.eval()
        with torch.no_grad():
            rates = net(self.spikes(test, torch.Generator().manual_seed(2)))
        return float((rates.argmax(1) == self.labels[test]).double().mean())


@pytest.fixture(scope="module")
def digits() -> Digits:
    return Digits()


@pytest.fixture(scope="module")
def trained(digits: Digits) -> Net:
    net = Net()
    digits.train(net, 15)
    return net


def tuned(digits: Digits, trained: Net, config: CompressionConfig, *, epochs: int = 5) -> float:
    net = prepare(copy.deepcopy(trained), config)
    digits.train(net, epochs)
    return digits.accuracy(net)


@pytest.mark.parametrize("quantizer", ["duq", "lsq", "lsq+", "twn", "affine"])
def test_two_bits_stay_within_three_points(digits: Digits, trained: Net, quantizer: str) -> None:
    config = CompressionConfig(weight_bits=2, quantizer=quantizer)
    assert tuned(digits, trained, config) > digits.accuracy(trained) - 0.03


def test_one_bit_stays_within_three_points(digits: Digits, trained: Net) -> None:
    config = CompressionConfig(weight_bits=1, quantizer="xnor", granularity="channel")
    assert tuned(digits, trained, config) > digits.accuracy(trained) - 0.03


def test_magnitude_beats_chance_and_gradual_beats_at_once(digits: Digits, trained: Net) -> None:
    config = CompressionConfig(sparsity=0.95, scope="erk")
    at_once = tuned(digits, trained, config)
    chance = tuned(digits, trained, CompressionConfig(sparsity=0.95, scope="erk", score="random"))
    net = copy.deepcopy(trained)
    for phase in gradual_strategy(config, steps=4, epochs=2).phases:
        begin_phase(net, phase, start=trained.state_dict())
        digits.train(net, phase.epochs)
    assert chance + 0.05 < at_once < digits.accuracy(net)
