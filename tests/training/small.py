"""A network and data small enough to train in a test."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from leanspike.events import FrameData, FrameSplit


class RateNet(nn.Module):
    """[T, N, C, H, W] to rates [N, classes]: two weight layers and dropout, no neurons."""

    def __init__(self, classes: int = 3, dropout: float = 0.2) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.dropout = nn.Dropout(dropout)
        self.dense1 = nn.Linear(4 * 6 * 6, classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        steps, batch = x.shape[:2]
        y = torch.relu(self.norm(self.conv1(x.flatten(0, 1)))).flatten(1)
        return torch.sigmoid(self.dense1(self.dropout(y))).unflatten(0, (steps, batch)).mean(0)


def small_net(seed: int = 0, dropout: float = 0.2) -> RateNet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return RateNet(dropout=dropout)


def split(count: int, seed: int, classes: int = 3) -> FrameSplit:
    """Recordings whose class is the third of the rows in which most events lie."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % classes
    frames = generator.poisson(0.3, (count, 2, 2, 6, 6))
    for i, label in enumerate(labels):
        frames[i, :, :, 2 * label : 2 * label + 2] += generator.poisson(0.6, (2, 2, 2, 6))
    return FrameSplit(frames.astype(np.uint8), labels)


def small_data() -> FrameData:
    return FrameData("small", split(90, 1), split(30, 2), split(30, 3), 3, "small-1")
