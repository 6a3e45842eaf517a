"""How much of each layer to prune: the same share, Erdos-Renyi kernel, or a ranking of all."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from leanspike.arrays import Reals

_BLOCK = 1 << 20


def uniform_shares(sizes: Sequence[int], sparsity: float) -> list[float]:
    """Give each layer the same fraction of its weights (or channels) to prune."""
    return [sparsity * size for size in sizes]


def erk_shares(
    shapes: Sequence[tuple[int, ...]], sparsity: float, *, sizes: Sequence[int] | None = None
) -> list[float]:
    """Give each layer its share by the Erdos-Renyi kernel rule, in weights to prune.

    A layer's density is proportional to ``sum(shape) / prod(shape)`` (Evci et al., RigL,
    arXiv 1911.11134, section 3), so that wide layers are pruned most; where that exceeds 1 a
    layer stays dense and the others make up for it.

    Parameters
    ----------
    shapes
        Shapes of the weights.
    sparsity
        Fraction of all to prune.
    sizes
        How many there are to prune of in each layer; all weights by default.

    >>> [round(share) for share in erk_shares([(10, 10), (100, 100)], 0.9)]
    [8, 9082]
    """
    raw = [sum(shape) / prod(shape) for shape in shapes]
    sizes = [prod(shape) for shape in shapes] if sizes is None else sizes
    dense: set[int] = set()
    while True:
        keep = (1 - sparsity) * sum(sizes) - sum(sizes[i] for i in dense)
        rest = [i for i in range(len(sizes)) if i not in dense]
        scale = keep / sum(raw[i] * sizes[i] for i in rest)
        full = {i for i in rest if scale * raw[i] >= 1}
        if not full or len(full) == len(rest):
            break
        dense |= full
    return [
        0.0 if i in dense else sizes[i] * (1 - min(1.0, scale * raw[i])) for i in range(len(sizes))
    ]


def lamp_shares(ordered: NDArray[np.float32]) -> Reals:
    """Turn a layer's scores into ones that compare across layers (LAMP, arXiv 2010.07611).

    ``s ** 2 / sum(t ** 2)``, t going over the layer's scores that rank no lower, s among them
    (equation 3, with the score in the weight's stead): the fraction that would be lost of what
    the layer still has, were all lower ones gone. A layer's highest gets 1 and outlives the
    others.

    Parameters
    ----------
    ordered
        Worth of a layer's weights in ascending order; those at minus infinity (pruned before)
        or infinity (never to be) stay there, and negative ones count as 0.

    Returns
    -------
    float64
        One each, in ascending order too.

    >>> lamp_shares(np.float32([1, 2, 3])).round(3).tolist()  # 1/14, 4/13, 9/9
    [0.071, 0.308, 1.0]
    """
    shares = ordered.astype(np.float64)
    first = int(np.searchsorted(ordered, -np.inf, "right"))
    last = int(np.searchsorted(ordered, np.inf, "left"))
    above = 0.0
    # From the highest down, in blocks: a large layer's squares need not be there all at once.
    for stop in range(last, first, -_BLOCK):
        start = max(first, stop - _BLOCK)
        squares = np.square(ordered[start:stop].clip(min=0), dtype=np.float64)
        kept = squares[::-1].cumsum()[::-1] + above
        above = float(kept[0])
        shares[start:stop] = squares / np.maximum(kept, np.finfo(np.float64).tiny)
    return shares


def count_lowest(ordered: Sequence[NDArray[np.floating]], total: int) -> list[int]:
    """Count how many of each layer are among the lowest of all; ties go to the first layer.

    Parameters
    ----------
    ordered
        Per layer, keys in ascending order.
    total
        How many there are among the lowest.

    >>> count_lowest([np.array([1.0, 4.0]), np.array([2.0, 3.0, 9.0])], 3)
    [1, 2]
    """
    # Bisect over the bits of a float64, which sort as integers do once negative ones are turned.
    low, high = _rank(-np.inf), _rank(np.inf)
    while low < high:
        middle = (low + high) // 2
        edge = _value(middle)
        if sum(int(np.searchsorted(keys, edge, "right")) for keys in ordered) >= total:
            high = middle
        else:
            low = middle + 1
    edge = _value(low)
    counts = [int(np.searchsorted(keys, edge, "left")) for keys in ordered]
    for i, keys in enumerate(ordered):
        ties = int(np.searchsorted(keys, edge, "right")) - counts[i]
        counts[i] += min(ties, total - sum(counts))
    return counts


def _rank(value: float) -> int:
    bits = int(np.float64(value).view(np.int64))
    return bits if bits >= 0 else bits ^ 0x7FFFFFFFFFFFFFFF


def _value(rank: int) -> float:
    bits = rank if rank >= 0 else rank ^ 0x7FFFFFFFFFFFFFFF
    return float(np.int64(bits).view(np.float64))
