"""How a network is trained: the settings, checked when made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leanspike.errors import InputError

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Settings of one training; the defaults are the study's in PAPER.md where it names one.

    Parameters
    ----------
    epochs
        Passes over the training split.
    lr
        Adam's peak learning rate, reached after the warm-up (PAPER.md: 1e-3 or 1e-4).
    warmup_epochs
        Epochs of linear warm-up before the cosine decay (PAPER.md: 2 or 5).
    batch_size
        Recordings per step (PAPER.md: 16).
    shift
        Each training recording is moved by up to so many pixels in x and in y, drawn anew each
        epoch; 0 leaves it alone.
    precision
        As lightning names it; ``"16-mixed"`` needs a GPU.
    accelerator
        As lightning names it: ``"auto"``, ``"cpu"``, ``"gpu"``, ...
    devices
        How many, 1 by default; or a tuple with the index of the one device to use, such as
        ``(1,)``. Several work on one training by torch's distributed data parallel: `fit` is then
        called in as many processes, which torchrun starts, and each takes its share of every
        batch.

    Examples
    --------
    >>> TrainingConfig(epochs=10).lr
    0.001
    """

    epochs: int
    lr: float = 1e-3
    warmup_epochs: int = 2
    batch_size: int = 16
    shift: int = 0
    precision: Precision = "32-true"
    accelerator: str = "auto"
    devices: int | tuple[int] = 1

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("warmup_epochs", 0), ("batch_size", 1), ("shift", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(
                    f"{value!r} is not a whole number of at least {least}", where=f"training {name}"
                )
        if self.warmup_epochs > self.epochs:
            raise InputError(
                f"{self.warmup_epochs} is more than the {self.epochs} epochs there are",
                where="training warmup_epochs",
            )
        if not 0 < self.lr < float("inf"):
            raise InputError(f"{self.lr!r} is not a positive number", where="training lr")
        if self.precision not in ("32-true", "bf16-mixed", "16-mixed"):
            raise InputError(
                f"{self.precision!r} is none of 32-true, bf16-mixed, 16-mixed",
                where="training precision",
            )
        if self.precision == "16-mixed" and self.accelerator == "cpu":
            raise InputError(
                "float16 needs a GPU", where="training precision", remedy="On a CPU use bf16-mixed"
            )
        one = isinstance(self.devices, tuple) and len(self.devices) == 1
        several = isinstance(self.devices, int) and not isinstance(self.devices, bool)
        if not one and not (several and int(self.devices) >= 1):  # type: ignore[arg-type]
            raise InputError(
                f"{self.devices!r} is neither a number of devices nor the index of one, "
                "such as (1,)",
                where="training devices",
            )
        if several and int(self.devices) > self.batch_size:  # type: ignore[arg-type]
            raise InputError(
                f"{self.devices} devices for batches of {self.batch_size} recordings",
                where="training devices",
            )
