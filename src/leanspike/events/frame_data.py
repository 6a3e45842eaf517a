"""What a network trains on: frames and labels of three splits."""

from __future__ import annotations

from dataclasses import dataclass

from leanspike.arrays import Ints
from leanspike.events.frames import Frames


@dataclass(frozen=True, eq=False)
class FrameSplit:
    """Frames of one split.

    Parameters
    ----------
    frames
        Event counts [S, T, C, H, W], uint8 or uint16; may be a read-only memory map.
    labels
        int64 [S].
    """

    frames: Frames
    labels: Ints

    def __post_init__(self) -> None:
        if self.frames.ndim != 5 or len(self.frames) != len(self.labels):
            raise ValueError(
                f"frames {self.frames.shape} and labels {self.labels.shape} do not fit: "
                "expected [S, T, C, H, W] and [S]"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Ints) -> FrameSplit:
        """Return a copy of the recordings at `indices`, in that order."""
        return FrameSplit(self.frames[indices], self.labels[indices])


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
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width of a frame."""
        _, _, channels, height, width = self.train.frames.shape
        return int(channels), int(height), int(width)
