"""The study's loss (PAPER.md, "Compression"): how far firing rates are from the right class."""

from __future__ import annotations

import torch
from torch import Tensor


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
