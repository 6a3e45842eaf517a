"""Batches of frames: whole batches are cut from the split's array, without workers or collation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from leanspike.events import FrameSplit


class Batches:
    """Iterates over a split in batches of frames [N, T, C, H, W] and labels [N].

    Counts stay uint8 or int32 (torch has no uint16 arithmetic) until `network_input` turns them
    into floats where the network is.

    Parameters
    ----------
    split
        What to iterate over.
    batch_size
        Recordings per batch; the last may be smaller.
    seed
        Shuffles anew each epoch; the order depends on `seed` and `epoch` alone, so that a resumed
        training sees the batches it would have seen. None keeps the split's order.
    shift
        Move each recording by up to so many pixels in x and in y; needs a `seed`.
    rank, ranks
        Give only this process's share of every batch: all ranks together give the whole. A rank
        for which a last, small batch has no recording gets its first one.
    """

    def __init__(
        self,
        split: FrameSplit,
        batch_size: int,
        *,
        seed: int | None = None,
        shift: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        if shift and seed is None:
            raise ValueError("shift needs a seed")
        self.split = split
        self.batch_size = batch_size
        self.seed = seed
        self.shift = shift
        self.rank = rank
        self.ranks = ranks
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self.split) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self.seed is None:
            order = np.arange(len(self.split))
        else:
            generator = np.random.default_rng((self.seed, self.epoch))
            order = generator.permutation(len(self.split))
        for start in range(0, len(order), self.batch_size):
            whole = order[start : start + self.batch_size]
            mine = slice(self.rank if self.rank < len(whole) else 0, None, self.ranks)
            chosen = whole[mine]
            frames: np.ndarray = self.split.frames[chosen]
            if self.shift:
                moves = generator.integers(-self.shift, self.shift + 1, (len(whole), 2))
                frames = moved(frames, moves[mine])
            if frames.dtype == np.uint16:
                frames = frames.astype(np.int32)
            yield (
                torch.from_numpy(np.ascontiguousarray(frames)),
                torch.from_numpy(self.split.labels[chosen]),
            )


def moved(frames: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Move each recording [T, C, H, W] of `frames` by its (down, right) of `moves` [N, 2].

    What leaves the frame is lost, what comes in is empty.

    >>> moved(np.arange(3).reshape(1, 1, 1, 1, 3), np.array([[0, 1]])).ravel()
    array([0, 0, 1])
    """
    result = np.zeros_like(frames)
    height, width = frames.shape[-2:]
    for source, target, (down, right) in zip(frames, result, moves, strict=True):
        if abs(down) >= height or abs(right) >= width:
            continue
        target[..., max(0, down) : height + down, max(0, right) : width + right] = source[
            ..., max(0, -down) : height - down, max(0, -right) : width - right
        ]
    return result


def network_input(frames: Tensor) -> Tensor:
    """Turn a batch of frames [N, T, C, H, W] into a network's input: float32 [T, N, C, H, W].

    Its [T*N, C, H, W] view is channels-last, the layout in which convolutions are fastest. Other
    frames, such as [N, T, F], are only turned.
    """
    batch, steps = frames.shape[:2]
    flat = frames.transpose(0, 1).flatten(0, 1)
    if flat.dim() != 4:
        return flat.to(torch.float32).unflatten(0, (steps, batch))
    flat = flat.to(torch.float32, memory_format=torch.channels_last)
    return flat.unflatten(0, (steps, batch))
