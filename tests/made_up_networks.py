"""Spiking networks of no framework, for tests that find out how a network is called."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Leaky(nn.Module):
    """A neuron whose state stays in it until it is reset."""

    def __init__(self) -> None:
        super().__init__()
        self.v: Tensor | None = None

    def reset(self) -> None:
        self.v = None

    def forward(self, x: Tensor) -> Tensor:
        self.v = x if self.v is None else 0.5 * self.v + x
        spikes = (self.v > 0.3).float()
        self.v = self.v * (1 - spikes)
        return spikes


class Stepwise(nn.Sequential):
    """One step a call, `[N, features]` to spikes `[N, classes]`."""

    def __init__(self, features: int, classes: int) -> None:
        torch.manual_seed(0)
        super().__init__(nn.Linear(features, 16), Leaky(), nn.Linear(16, classes), Leaky())
