"""The study's loss (PAPER.md, "Compression"): how far firing rates are from the right class.

Learning from another network's firing rates beside the labels.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from leanspike.errors import InputError


def rate_loss(rates: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error of voted firing rates against the one-hot class.

    Parameters
    ----------
    rates
        [N, classes], 0 to 1.
    labels
        int64 [N].

    Returns
    -------
    A scalar, in float32 whatever the precision of `rates`.

    >>> float(rate_loss(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1])))
    0.5
    """
    wanted = torch.zeros_like(rates, dtype=torch.float32)
    wanted.scatter_(1, labels[:, None], 1.0)
    return torch.nn.functional.mse_loss(rates.float(), wanted)


def cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of scores [N, classes], taken for logits, in float32; labels int64 [N].

    >>> round(float(cross_entropy(torch.zeros(1, 4), torch.tensor([0]))), 4)
    1.3863
    """
    return torch.nn.functional.cross_entropy(scores.float(), labels)


Loss = Callable[[Tensor, Tensor], Tensor]
#: Losses by name: mean squared error for rates, cross-entropy for membranes and logits.
LOSSES: dict[str, Loss] = {"mse": rate_loss, "cross-entropy": cross_entropy}


def loss_of(loss: str | Loss) -> Loss:
    """Return a loss by its name, or the function that is given."""
    return LOSSES[loss] if isinstance(loss, str) else loss


@dataclass(frozen=True, eq=False)
class Distillation:
    """A teacher and how much it counts (Hinton, Vinyals, Dean, arXiv 1503.02531, for rates).

    The loss becomes ``(1 - weight) * loss(rates, labels)
    + weight * mean((rates - teacher's rates)**2)``, with the training's own loss.

    Parameters
    ----------
    teacher
        Input [T, N, C, H, W] to firing rates [N, classes]; see `frozen_copy`.
    weight
        0 to 1.
    """

    teacher: nn.Module
    weight: float

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise InputError(f"{self.weight!r} is not from 0 to 1", where="distillation")

    def loss(self, x: Tensor, rates: Tensor, labels: Tensor, *, own: Loss = rate_loss) -> Tensor:
        """Loss of a batch: its input [T, N, C, H, W], the network's rates, and labels [N]."""
        with torch.no_grad():
            wanted = self.teacher(x)
        apart = torch.nn.functional.mse_loss(rates.float(), wanted.float())
        return (1 - self.weight) * own(rates, labels) + self.weight * apart


def frozen_copy(net: nn.Module) -> nn.Module:
    """Copy a network for evaluation; training `net` leaves the copy as it is."""
    return copy.deepcopy(net).eval().requires_grad_(False)
