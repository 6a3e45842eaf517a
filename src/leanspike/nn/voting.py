"""From the output neurons' spikes to one rate per class."""

from __future__ import annotations

from torch import Tensor


def vote(spikes: Tensor, classes: int) -> Tensor:
    """Return each class's firing rate ``[N, classes]`` from spikes ``[T, N, classes * voters]``.

    The mean over time and over the class's group of neighbouring output neurons, between 0
    and 1 (the voting of arXiv 2302.04174 and of SpikingJelly's ``VotingLayer``).

    >>> import torch
    >>> vote(torch.tensor([[[1.0, 0.0, 1.0, 1.0]]]), 2)
    tensor([[0.5000, 1.0000]])
    """
    return spikes.mean(0).unflatten(-1, (classes, -1)).mean(-1)
