"""Counts of one forward pass put in order by time step and sample."""

from __future__ import annotations

import torch
from torch import Tensor


def by_step(counts: list[Tensor], samples: int, steps: int, *, time_first: bool) -> Tensor:
    """Arrange the counts of one forward pass by time step and sample.

    Parameters
    ----------
    counts
        One vector per call.
    samples, steps
        Extents; their product divides the number of counts, and what is over (the tokens of a
        dense layer, say) is innermost and summed.
    time_first
        Whether entries of a single call run over time first (else samples first). Several calls
        are time steps, always.

    Returns
    -------
    Tensor
        int64 ``[steps, samples]``.

    >>> by_step([torch.tensor([1, 2, 3, 4])], 2, 2, time_first=False)
    tensor([[1, 3],
            [2, 4]])
    """
    flat = torch.cat(counts)
    if len(counts) > 1 or time_first:
        return flat.reshape(steps, samples, -1).sum(-1)
    return flat.reshape(samples, steps, -1).sum(-1).T
