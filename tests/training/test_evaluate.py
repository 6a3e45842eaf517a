from __future__ import annotations

import numpy as np
import pytest
import torch
from small import small_net, split
from torch import Tensor, nn

from leanspike.events import FrameSplit
from leanspike.training import evaluate


class FirstPixel(nn.Module):
    """Rates from the first three pixels of the first frame."""

    def forward(self, x: Tensor) -> Tensor:
        return x[0, :, 0, 0, :3]


def test_accuracy_is_the_counted_fraction() -> None:
    frames = np.zeros((5, 2, 1, 1, 4), np.uint8)
    frames[:, 0, 0, 0, :3] = [[1, 0, 0], [0, 2, 0], [0, 0, 1], [1, 1, 0], [0, 0, 0]]
    labels = np.array([0, 1, 0, 0, 0])
    # Right, right, wrong, a tie for the lower class, a tie of all.
    for batch_size in (1, 2, 5, 100):
        assert evaluate(FirstPixel(), FrameSplit(frames, labels), batch_size=batch_size) == 0.8


def test_mode_and_statistics_are_left_alone() -> None:
    net = small_net().train()
    net.norm.eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    evaluate(net, split(20, 0))
    assert net.training
    assert not net.norm.training
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])


def test_dropout_is_off_and_batches_do_not_matter() -> None:
    net, data = small_net(dropout=0.9), split(40, 0)
    assert evaluate(net, data, batch_size=3) == evaluate(net, data, batch_size=40)


def test_empty_split() -> None:
    empty = FrameSplit(np.zeros((0, 1, 1, 1, 4), np.uint8), np.zeros(0, np.int64))
    with pytest.raises(ValueError, match="empty"):
        evaluate(FirstPixel(), empty)
