"""What a training leaves behind besides weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Parameters
    ----------
    epoch
        Counted from 0.
    train_loss
        Mean over the epoch's training recordings, as the weights changed.
    validation_loss, validation_accuracy
        Over the validation split, after the epoch; accuracy 0 to 1.
    lr
        Learning rate after the epoch's last step.
    seconds
        Wall time of the epoch with its validation.
    final
        Whether masks were then as tight as the training makes them; others are not kept.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    lr: float
    seconds: float
    final: bool = True

    def better_than(self, other: EpochRecord | None) -> bool:
        """Whether validation was more accurate, or as accurate with less loss."""
        if other is None:
            return True
        if self.final != other.final:
            return self.final
        mine = (self.validation_accuracy, -self.validation_loss)
        return mine > (other.validation_accuracy, -other.validation_loss)


@dataclass(frozen=True)
class FitResult:
    """One training.

    Parameters
    ----------
    best_epoch
        Epoch whose weights were kept, counted from 0.
    validation_accuracy
        After that epoch, 0 to 1.
    history
        All epochs, those before a resume included; none where a phase only compressed.
    checkpoint
        The kept weights, ``best.safetensors``.
    seconds
        Wall time of all epochs.
    """

    best_epoch: int
    validation_accuracy: float
    history: tuple[EpochRecord, ...]
    checkpoint: Path
    seconds: float

    @classmethod
    def of(cls, history: tuple[EpochRecord, ...], checkpoint: Path) -> FitResult:
        """Sum up a history of at least one epoch."""
        best = history[0]
        for record in history[1:]:
            if record.better_than(best):
                best = record
        seconds = sum(record.seconds for record in history)
        return cls(best.epoch, best.validation_accuracy, history, checkpoint, seconds)
