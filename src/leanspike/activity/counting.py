"""Counting what a tensor holds, entry by entry and value by value, in one pass over its memory.

Counts of one forward pass put in order by time step and sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Counts:
    """What a tensor of several entries holds.

    Attributes
    ----------
    by_entry
        int64 ``[entries]``: non-zeros of each; NaN counts as one.
    by_value
        int64 ``[values]``: in how many entries each value is not zero.
    largest
        The largest value where all are whole numbers from 0, else None.
    """

    by_entry: Tensor
    by_value: Tensor
    largest: float | None


def count(values: Tensor, entries: int) -> Counts:
    """Count a tensor whose leading axes hold `entries` entries.

    Parameters
    ----------
    values
        Any type, device and memory layout; read where it lies where one pass can.
    entries
        Product of one or more leading extents.
    """
    values = values.detach()
    if not values.numel():
        flat = values.reshape(entries, -1)
        return Counts(flat.count_nonzero(1).cpu(), flat.count_nonzero(0).cpu(), 0.0)
    if values.device.type == "cpu" and values.dtype in (torch.float32, torch.float64):
        return _in_one_pass(values, entries)
    flat = values.reshape(entries, -1)
    whole = not _has_parts(flat) or bool(
        ((flat >= 0) & (flat == flat.round()) & flat.isfinite()).all()
    )
    return Counts(
        flat.count_nonzero(dim=1).cpu(),
        flat.count_nonzero(dim=0).cpu(),
        float(flat.max()) if whole else None,
    )


def _has_parts(flat: Tensor) -> bool:
    """Whether values of this type can be negative or broken numbers."""
    return flat.dtype not in (torch.bool, torch.uint8)


def _in_one_pass(values: Tensor, entries: int) -> Counts:
    split, held = 0, 1
    while held < entries:
        held *= values.shape[split]
        split += 1
    # Channels-last tensors are read as they lie; only what was counted is put in order.
    strides = values.stride()
    order = sorted(range(split, values.dim()), key=lambda axis: -strides[axis])
    lying = values.permute(*range(split), *order)
    extents = lying.shape[split:]
    by_entry, by_value, spikes = _count(lying.reshape(entries, -1).numpy())
    ordered = torch.from_numpy(by_value).reshape(extents)
    back = [order.index(axis) for axis in range(split, values.dim())]
    largest = 1.0 if spikes else _largest_whole(lying.reshape(-1).numpy())
    if spikes and not by_entry.any():
        largest = 0.0
    return Counts(
        torch.from_numpy(by_entry),
        ordered.permute(back).reshape(-1),
        largest if largest >= 0 else None,
    )


@njit(cache=True, nogil=True)
def _count(
    values: NDArray[np.floating],
) -> tuple[NDArray[np.int64], NDArray[np.int64], bool]:
    """Return non-zeros of each row and column, and whether all values are 0 or 1."""
    rows, columns = values.shape
    by_row = np.zeros(rows, np.int64)
    by_column = np.zeros(columns, np.int32)
    others = np.int32(0)
    for i in range(rows):
        row = values[i]
        found = np.int32(0)
        other = np.int32(0)
        for j in range(columns):
            nonzero = np.int32(row[j] != 0)
            by_column[j] += nonzero
            found += nonzero
            other |= nonzero & np.int32(row[j] != 1)
        by_row[i] = found
        others |= other
    return by_row, by_column.astype(np.int64), others == 0


@njit(cache=True, nogil=True)
def _largest_whole(values: NDArray[np.floating]) -> float:
    """Return the largest value where all are whole numbers from 0, else -1, at the first other."""
    largest = 0.0
    for value in values:
        if not (0 <= value < np.inf and value == np.floor(value)):
            return -1.0
        largest = max(largest, value)
    return largest


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
