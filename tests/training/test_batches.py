from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import split

from leanspike.events import FrameSplit
from leanspike.training import Batches, network_input
from leanspike.training.batches import moved


def test_an_epoch_is_every_recording_once() -> None:
    data = split(50, 0)
    batches = Batches(data, 16, seed=1)
    drawn = list(batches)
    assert [len(labels) for _, labels in drawn] == [16, 16, 16, 2]
    assert len(batches) == 4
    frames = np.concatenate([f.numpy() for f, _ in drawn])
    labels = np.concatenate([y.numpy() for _, y in drawn])
    assert not np.array_equal(labels, data.labels)
    known = {f.tobytes(): y for f, y in zip(data.frames, data.labels, strict=True)}
    assert len({f.tobytes() for f in frames}) == 50
    assert [known[f.tobytes()] for f in frames] == labels.tolist()


def test_order_depends_on_seed_and_epoch_alone() -> None:
    data = split(50, 0)

    def order(seed: int, epoch: int) -> list[int]:
        batches = Batches(data, 7, seed=seed)
        batches.epoch = epoch
        return [int(x) for frames, _ in batches for x in frames.sum((1, 2, 3, 4))]

    assert order(3, 5) == order(3, 5)
    assert order(3, 5) != order(3, 6)
    assert order(3, 5) != order(4, 5)


def test_without_a_seed_the_order_is_the_splits() -> None:
    data = split(10, 0)
    labels = torch.cat([y for _, y in Batches(data, 4)])
    np.testing.assert_array_equal(labels, data.labels)
    with pytest.raises(ValueError, match="needs a seed"):
        Batches(data, 4, shift=1)


def test_network_input_is_time_first_and_channels_last() -> None:
    frames = torch.randint(0, 9, (3, 4, 2, 5, 6), dtype=torch.uint8)
    x = network_input(frames)
    assert x.shape == (4, 3, 2, 5, 6)
    assert x.dtype == torch.float32
    assert x.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(x, frames.transpose(0, 1))


def test_counts_past_a_byte_reach_the_network() -> None:
    frames = np.full((2, 1, 2, 3, 3), 40_000, np.uint16)
    ((batch, _),) = Batches(FrameSplit(frames, np.zeros(2, np.int64)), 4)
    assert (network_input(batch) == 40_000).all()


@given(st.integers(-6, 6), st.integers(-6, 6))
def test_moved_equals_roll_with_the_edge_cleared(down: int, right: int) -> None:
    frames = np.random.default_rng(0).integers(1, 9, (1, 2, 2, 5, 4)).astype(np.uint8)
    expected = np.zeros_like(frames)
    for y in range(5):
        for x in range(4):
            if 0 <= y - down < 5 and 0 <= x - right < 4:
                expected[..., y, x] = frames[..., y - down, x - right]
    np.testing.assert_array_equal(moved(frames, np.array([[down, right]])), expected)


def test_shift_draws_anew_each_epoch_from_the_seed() -> None:
    data = split(8, 0)
    batches = Batches(data, 8, seed=0, shift=2)
    ((first, _),) = batches
    ((again, _),) = batches
    assert torch.equal(first, again)
    batches.epoch = 1
    ((other, _),) = batches
    assert not torch.equal(first.sum((1, 2)).sort(0).values, other.sum((1, 2)).sort(0).values)
