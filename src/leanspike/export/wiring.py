"""Where a layer's input comes from: one earlier layer, or several joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from math import prod
from typing import Literal

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from leanspike.errors import InputError
from leanspike.export.layer import Integers

INPUT = ""
"""The network's input, where a layer's name could stand."""


@dataclass(frozen=True)
class Join:
    """Several values made one, all of whole numbers, so that nothing is rounded.

    Attributes
    ----------
    how
        ``"add"`` (a skip connection), ``"multiply"`` (spikes that gate spikes), ``"concat"``
        along the channels, or ``"max-pool"`` of one value.
    parts
        Names of layers (their spikes, pooled where they are), `INPUT`, or joins.
    pool
        (kernel, stride) of max pooling.
    """

    how: Literal["add", "multiply", "concat", "max-pool"]
    parts: tuple[Source, ...]
    pool: tuple[int, int] | None = None

    def __str__(self) -> str:
        return f"{self.how}({', '.join(str(part) or 'input' for part in self.parts)})"


Source = str | Join
Values = dict[Source, Tensor]


def gather(source: Source, values: Mapping[str, Integers]) -> Integers:
    """Compute a layer's input.

    Parameters
    ----------
    source
        Where it comes from.
    values
        By layer name, ``[T, N, ...]``.
    """
    if isinstance(source, str):
        return values[source]
    parts = [gather(part, values) for part in source.parts]
    if len({part.shape[3:] for part in parts}) > 1:  # flattened before a dense layer
        parts = [part.reshape(*part.shape[:2], -1) for part in parts]
    if source.how == "concat":
        joined: Integers = np.concatenate(parts, axis=2)
        return joined
    if source.how == "max-pool":
        assert source.pool is not None
        return max_pool(parts[0], *source.pool)
    return reduce(np.add if source.how == "add" else np.multiply, parts)


def max_pool(values: Integers, kernel: int, stride: int) -> Integers:
    """Pool the last two axes."""
    windows = sliding_window_view(values, (kernel, kernel), axis=(-2, -1))
    pooled: Integers = windows[..., ::stride, ::stride, :, :].max((-2, -1))
    return pooled


def names(source: Source) -> set[str]:
    """Give the layers that a source is made of.

    >>> sorted(names(Join("add", ("conv1", Join("concat", ("", "conv2"))))))
    ['', 'conv1', 'conv2']
    """
    return {source} if isinstance(source, str) else set().union(*map(names, source.parts))


def find(given: Tensor, values: Values, *, trailing: int, where: str) -> Source | None:
    """Find out by its values what a tensor was made of.

    Parameters
    ----------
    given
        What a module was given, ``[..., C, ...]``.
    values
        What there was before, the latest last.
    trailing
        How many of its last axes are one entry's.
    where
        The module, for errors.

    Returns
    -------
    Source or None
        The latest equal value; else the two whose sum, product or concatenation it is.

    Raises
    ------
    InputError
        Several pairs fit, since too few neurons fired.
    """
    for source in reversed(values):
        if _same(given, values[source]):
            return source
    found = [*_pairs(given, values), *_concatenations(given, values, trailing)]
    if len(found) > 1:
        raise InputError(
            f"its input may be {' or '.join(map(str, found[:3]))}",
            where=where,
            remedy="Trace with an example in which more neurons fire",
        )
    return found[0] if found else None


def _same(one: Tensor, two: Tensor) -> bool:
    return one.numel() == two.numel() and torch.equal(one.flatten(), two.flatten())


def _pairs(given: Tensor, values: Values) -> Iterator[Join]:
    flat = {s: v.flatten() for s, v in values.items() if v.numel() == given.numel()}
    for (one, x), (two, y) in combinations(flat.items(), 2):
        if torch.equal(x + y, given.flatten()):
            yield Join("add", (one, two))
        elif torch.equal(x * y, given.flatten()):
            yield Join("multiply", (one, two))


def _concatenations(given: Tensor, values: Values, trailing: int) -> Iterator[Join]:
    shape = given.shape[given.dim() - trailing :]
    entries, inner = given.numel() // prod(shape), prod(shape[1:])
    whole = given.reshape(entries, shape[0], inner)

    def rest(first: int) -> Iterator[tuple[Source, ...]]:
        if first == shape[0]:
            yield ()
            return
        for source, value in values.items():
            channels, odd = divmod(value.numel(), entries * inner)
            part = whole[:, first : first + channels]
            if not odd and 0 < channels == part.shape[1] and _same(part, value):
                yield from ((source, *more) for more in rest(first + channels))

    yield from (Join("concat", parts) for parts in rest(0) if len(parts) > 1)
