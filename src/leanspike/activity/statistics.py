"""Densities over (sample, time step), gathered batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from leanspike.hardware.workload import Density


@dataclass
class DensityTally:
    """Running mean and maximum of a density over (sample, time step).

    Attributes
    ----------
    elements
        Values per sample and time step.
    nonzeros
        Non-zeros seen in all.
    most
        Non-zeros of the fullest sample and time step.
    entries
        Samples times time steps seen.
    """

    elements: int = 0
    nonzeros: int = 0
    most: int = 0
    entries: int = 0

    def add(self, counts: Tensor, elements: int) -> None:
        """Add non-zero counts, int64 of any shape, one per sample and time step."""
        self.elements = elements
        self.nonzeros += int(counts.sum())
        self.most = max(self.most, int(counts.max()))
        self.entries += counts.numel()

    @property
    def density(self) -> Density:
        """Mean and maximum fraction of non-zeros."""
        return Density(
            mean=self.nonzeros / (self.entries * self.elements), max=self.most / self.elements
        )


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
