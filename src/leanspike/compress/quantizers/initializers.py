"""Initializers: where the largest code of a grid should lie, from the weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from leanspike.errors import InputError


def largest_magnitude(rows: Tensor, *, levels: int) -> Tensor:
    """Give the largest magnitude: nothing is clipped."""
    return rows.abs().amax(1)


def three_sigma(rows: Tensor, *, levels: int) -> Tensor:
    """Give ``max(|mean - 3 std|, |mean + 3 std|)``, the study's choice."""
    mean, deviation = rows.mean(1), rows.std(1, correction=0)
    return torch.maximum((mean - 3 * deviation).abs(), (mean + 3 * deviation).abs())


def percentile(rows: Tensor, *, levels: int) -> Tensor:
    """Give the magnitude that 99.9 % of the weights do not exceed."""
    size = rows.abs()
    rank = max(1, -(-size.shape[1] * 999 // 1000))  # rounded up
    return size.kthvalue(rank, dim=1).values


def least_squares(rows: Tensor, *, levels: int) -> Tensor:
    """Give the reach with the least mean squared error on a symmetric uniform grid.

    Tries 400 evenly spaced reaches up to the largest magnitude, of the grid with codes
    ``-levels`` to ``levels``.
    """
    most = rows.abs().amax(1, keepdim=True)
    best, least = most.clone(), torch.full_like(most, torch.inf)
    for i in range(1, 401):
        reach = most * (i / 400)
        step = (reach / levels).clamp(min=torch.finfo(rows.dtype).tiny)
        error = (step * (rows / step).round().clamp(-levels, levels) - rows).square()
        error = error.mean(1, keepdim=True)
        best = torch.where(error < least, reach, best)
        least = torch.minimum(error, least)
    return best.squeeze(1)


REACHES: dict[str, Callable[..., Tensor]] = {
    "max": largest_magnitude,
    "three-sigma": three_sigma,
    "percentile": percentile,
    "mse": least_squares,
}
"""Initializers by name, each from weights ``[scales, weights per scale]`` to ``[scales]``."""


def find_reach(name: str, rows: Tensor, *, levels: int) -> Tensor:
    """Give a reach by the name of its initializer.

    Parameters
    ----------
    name
        One of `REACHES`.
    rows
        Weights, ``[scales, weights per scale]``.
    levels
        The largest code.

    Returns
    -------
    Tensor
        ``[scales]``, all above zero.
    """
    # A percentile of very sparse weights can be zero: the smallest reach that is of use then.
    return REACHES[name](rows, levels=levels).clamp(min=torch.finfo(rows.dtype).tiny * 2**20)


def refuse_dead(rows: Tensor) -> None:
    """Raise where weights give no scale.

    Parameters
    ----------
    rows
        Weights, ``[scales, weights per scale]``.

    Raises
    ------
    InputError
        All weights of a scale are zero.
    """
    dead = int((rows.abs().amax(1) == 0).sum())
    if not dead:
        return
    scales = rows.shape[0]
    raise InputError(
        "its weights are all zero and give no scale"
        if scales == 1
        else f"the weights of {dead} of its {scales} channels are all zero and give no scale",
        remedy="Leave the layer out of the compression, or train it first",
    )
