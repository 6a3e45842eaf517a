"""Structured pruning: whole output channels, and N of every M neighbours."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from leanspike.errors import InputError


def parse_structure(structure: str) -> tuple[int, int] | None:
    """Read an N:M structure.

    Returns
    -------
    (n, m) or None
        None for ``"element"`` and ``"channel"``.

    Raises
    ------
    InputError
        Anything else, or N not from 1 to below M.

    >>> parse_structure("2:4"), parse_structure("channel")
    ((2, 4), None)
    """
    if structure in ("element", "channel"):
        return None
    found = re.fullmatch(r"(\d+):(\d+)", structure)
    if not found or not 0 < int(found[1]) < int(found[2]):
        raise InputError(
            f"{structure!r} is neither 'element' nor 'channel' nor N:M with N from 1 to below M",
            where="structure",
        )
    return int(found[1]), int(found[2])


def draw_n_of_m(score: Tensor, n: int, m: int) -> Tensor:
    """Keep the n highest of every m neighbours in a neuron's inputs.

    Neighbours are consecutive input channels at one kernel position, as sparse tensor cores and
    vector processors read them. A last group shorter than m keeps its share, rounded up.

    Parameters
    ----------
    score
        Worth of each weight, ``[M, C, ...]``.
    n, m
        How many of how many stay.

    Returns
    -------
    Tensor
        Bool, of the score's shape.

    >>> draw_n_of_m(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2, 4)
    tensor([[False,  True,  True, False]])
    """
    channels_last = score.detach().movedim(1, -1)
    rows = channels_last.reshape(score.shape[0], -1)
    kept = torch.zeros_like(rows, dtype=torch.bool)
    for first in range(0, rows.shape[1], m):
        group = rows[:, first : first + m]
        stay = -(-group.shape[1] * n // m)
        best = group.argsort(dim=1, descending=True, stable=True)[:, :stay]
        kept[:, first : first + m].scatter_(1, best, True)
    return kept.reshape(channels_last.shape).movedim(-1, 1).contiguous()


def channel_scores(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Average scores over each output channel, ``[M, C, ...]`` to ``[M]``, comparable by layer.

    Each layer's channel averages are divided by their root mean square, so that a global ranking
    compares channels within what is usual in their layer. Weights at minus infinity (pruned
    before) count as 0; a channel is there only where all of its weights are.
    """
    result = {}
    for name, score in scores.items():
        rows = score.detach().flatten(1)
        gone = rows == -torch.inf
        mean = rows.masked_fill(gone, 0.0).mean(1).masked_fill(gone.all(1), -torch.inf)
        finite = mean[torch.isfinite(mean)]
        usual = finite.square().mean().sqrt() if len(finite) else mean.new_ones(())
        result[name] = mean / usual.clamp(min=torch.finfo(mean.dtype).tiny)
    return result
