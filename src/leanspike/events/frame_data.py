"""What a network trains on: frames and labels of three splits.

Which recordings train, which validate: drawn by class, from a seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from leanspike.arrays import Ints
from leanspike.errors import InputError
from leanspike.events.frames import Frames
from leanspike.events.recordings import Recordings


@dataclass(frozen=True, eq=False)
class FrameSplit:
    """Frames of one split.

    Parameters
    ----------
    frames
        Event counts or values [S, T, C, H, W], or [S, T, F] of inputs in a row: uint8, uint16 or
        float32; may be a read-only memory map.
    labels
        int64 [S].
    """

    frames: Frames
    labels: Ints

    def __post_init__(self) -> None:
        if self.frames.ndim < 3 or len(self.frames) != len(self.labels):
            raise ValueError(
                f"frames {self.frames.shape} and labels {self.labels.shape} do not fit: "
                "expected [S, T, C, H, W] or [S, T, F], and [S]"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Ints) -> FrameSplit:
        """Return a copy of the recordings at `indices`, in that order."""
        frames = self.frames
        if frames.shape[1] > 1 and frames.strides[1] == 0:  # static images, kept once
            chosen: Frames = np.broadcast_to(frames[indices, :1], (len(indices), *frames.shape[1:]))  # type: ignore[assignment]
            return FrameSplit(chosen, self.labels[indices])
        return FrameSplit(frames[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class FrameData:
    """A data set as frames.

    Parameters
    ----------
    name
        What it is called in results.
    train, validation, test
        Three splits that share no recording.
    classes
        Number of classes.
    fingerprint
        sha256 over the content of the recordings and how frames and splits were made.
    """

    name: str
    train: FrameSplit
    validation: FrameSplit
    test: FrameSplit
    classes: int
    fingerprint: str

    @property
    def T(self) -> int:
        """Frames per recording."""
        return int(self.train.frames.shape[1])

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, height and width of a frame, or how many inputs there are in a row."""
        return tuple(int(size) for size in self.train.frames.shape[2:])


VALIDATION_FRACTION = 0.1
TEST_FRACTION = 0.2

Part = TypeVar("Part", Recordings, FrameSplit)


def draw_split(labels: Ints, fraction: float, *, seed: int) -> tuple[Ints, Ints]:
    """Draw about `fraction` of each class.

    Of a class with n recordings ``round(fraction * n)`` are drawn, at least one where n >= 2, so
    that every class is on both sides. Both answers keep the order of `labels`.

    Parameters
    ----------
    labels
        Class of each recording [S].
    fraction
        Between 0 and 1.
    seed
        The same seed draws the same recordings.

    Returns
    -------
    Ints of the recordings that stay, and of those drawn.

    >>> stay, drawn = draw_split(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 0.25, seed=0)
    >>> len(stay), len(drawn)
    (6, 2)
    """
    generator = np.random.default_rng(seed)
    drawn = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = round(fraction * len(members))
        if len(members) >= 2:
            count = min(max(count, 1), len(members) - 1)
        drawn[generator.permutation(members)[:count]] = True
    return np.flatnonzero(~drawn), np.flatnonzero(drawn)


def first_of_each(labels: Ints, limit: int) -> Ints:
    """Pick `limit` recordings, taken from the classes in turn, in the order of `labels`.

    >>> first_of_each(np.array([0, 0, 0, 1, 1, 2]), 4)
    array([0, 1, 3, 5])
    """
    rank = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = np.arange(len(members))
    order = np.lexsort((labels, rank))
    return np.sort(order[:limit])


def complete_splits(parts: Mapping[str, Part], *, seed: int, where: str) -> dict[str, Part]:
    """Draw the splits that `parts` lacks from its training recordings, by class."""
    done = dict(parts)
    wanted = {"test": (TEST_FRACTION, 1), "validation": (VALIDATION_FRACTION, 0)}
    for name, (fraction, salt) in wanted.items():
        if name not in done:
            train = done["train"]
            stay, drawn = draw_split(train.labels, fraction, seed=2 * seed + salt)
            done["train"], done[name] = train.take(stay), train.take(drawn)
    for name, part in done.items():
        if not len(part):
            raise InputError(
                f"no recordings are left for the {name} split",
                where=where,
                remedy="Each class needs at least three recordings, or add the split's own file",
            )
    return done


def limited(parts: Mapping[str, Part], limit: int | None) -> dict[str, Part]:
    """Keep at most so many recordings of each part, balanced over the classes."""
    if limit is None:
        return dict(parts)
    return {name: part.take(first_of_each(part.labels, limit)) for name, part in parts.items()}
