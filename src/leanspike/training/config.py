"""The learning rate: linear warm-up, then cosine decay to zero.

How a network is trained: the settings, checked when made.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from leanspike.errors import InputError
from leanspike.training.loss import LOSSES

Schedule = Literal["cosine", "linear", "constant"]


def lr_factor(
    step: int, *, warmup_steps: int, total_steps: int, schedule: Schedule = "cosine"
) -> float:
    """Fraction of the peak learning rate at optimizer step `step`, counted from 0.

    ``(step + 1) / warmup_steps`` while ``step < warmup_steps``, so that the first step already
    learns; then ``(1 + cos(pi * u)) / 2`` with
    ``u = (step - warmup_steps) / (total_steps - warmup_steps)`` (Loshchilov and Hutter, ICLR 2017,
    equation 5, without restarts); 0 from `total_steps` on. A ``"linear"`` schedule falls by
    ``1 - u``, a ``"constant"`` one stays.

    Examples
    --------
    >>> [round(lr_factor(s, warmup_steps=2, total_steps=6), 3) for s in range(7)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if schedule == "constant":
        return 1.0
    if step >= total_steps:
        return 0.0
    if schedule == "linear":
        return 1 - (step - warmup_steps) / (total_steps - warmup_steps)
    return (1 + math.cos(math.pi * (step - warmup_steps) / (total_steps - warmup_steps))) / 2


OPTIMIZERS = ("adam", "adamw", "sgd")
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
        epoch; 0 does not move it.
    loss
        ``"mse"`` of rates against the one-hot class (PAPER.md), ``"cross-entropy"`` for membranes
        and logits, or a function of scores [N, classes] and labels [N] to a scalar.
    optimizer
        ``"adam"`` (PAPER.md), ``"adamw"``, ``"sgd"`` (with Nesterov momentum 0.9), or a function of
        the parameters and ``lr`` to an optimizer.
    weight_decay
        Of a named optimizer.
    schedule
        After the warm-up: ``"cosine"`` (PAPER.md) or ``"linear"`` to zero, or ``"constant"``.
    augment
        A function of a training batch [T, N, ...] to one of the same shape; it may draw from
        torch's random generator, which every epoch seeds.
    precision
        As lightning names it; ``"16-mixed"`` needs a GPU.
    accelerator
        As lightning names it: ``"auto"``, ``"cpu"``, ``"gpu"``, ...
    devices
        How many, 1 by default; or a tuple with the index of the one device to use, such as
        ``(1,)``. Several work on one training by torch's distributed data parallel: `fit` is then
        called in as many processes, which torchrun starts, and each takes its share of every
        batch.
    threads
        CPU threads of torch; those it has when omitted. torch's sums depend on how many there
        are, to the last bits: the same number gives the same bits.

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
    loss: str | Callable[[Tensor, Tensor], Tensor] = "mse"
    optimizer: str | Callable[..., torch.optim.Optimizer] = "adam"
    weight_decay: float = 0.0
    schedule: Schedule = "cosine"
    augment: Callable[[Tensor], Tensor] | None = None
    precision: Precision = "32-true"
    accelerator: str = "auto"
    devices: int | tuple[int] = 1
    threads: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("warmup_epochs", 0), ("batch_size", 1), ("shift", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(
                    f"{value!r} is not a whole number of at least {least}", where=f"training {name}"
                )
        if self.threads is not None and not 1 <= self.threads <= 1024:
            raise InputError(f"{self.threads!r} is not from 1 to 1024", where="training threads")
        if self.warmup_epochs > self.epochs:
            raise InputError(
                f"{self.warmup_epochs} is more than the {self.epochs} epochs there are",
                where="training warmup_epochs",
            )
        if not 0 < self.lr < float("inf"):
            raise InputError(f"{self.lr!r} is not a positive number", where="training lr")
        names = {"loss": LOSSES, "optimizer": OPTIMIZERS, "schedule": get_args(Schedule)}
        for name, known in names.items():
            value = getattr(self, name)
            if not (callable(value) and name != "schedule") and value not in known:
                raise InputError(
                    f"found {value!r}, expected one of {', '.join(known)}"
                    + ("" if name == "schedule" else ", or a function"),
                    where=f"training {name}",
                )
        if not 0 <= self.weight_decay < float("inf"):
            raise InputError(
                f"{self.weight_decay!r} is not a number from 0", where="training weight_decay"
            )
        if self.augment is not None and not callable(self.augment):
            raise InputError(
                f"found a {type(self.augment).__name__}, expected a function",
                where="training augment",
            )
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
