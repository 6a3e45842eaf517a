"""How much of each layer to prune: the same share everywhere, or Erdos-Renyi kernel."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod


def uniform_shares(shapes: Sequence[tuple[int, ...]], sparsity: float) -> list[float]:
    """Give each layer the same fraction of its weights to prune, in weights."""
    return [sparsity * prod(shape) for shape in shapes]


def erk_shares(shapes: Sequence[tuple[int, ...]], sparsity: float) -> list[float]:
    """Give each layer its share by the Erdos-Renyi kernel rule, in weights to prune.

    A layer's density is proportional to ``sum(shape) / prod(shape)`` (Evci et al., RigL,
    arXiv 1911.11134, section 3), so that wide layers are pruned most; where that exceeds 1 a
    layer stays dense and the others make up for it.

    Parameters
    ----------
    shapes
        Shapes of the weights.
    sparsity
        Fraction of all weights to prune.

    >>> [round(share) for share in erk_shares([(10, 10), (100, 100)], 0.9)]
    [8, 9082]
    """
    sizes = [prod(shape) for shape in shapes]
    raw = [sum(shape) / prod(shape) for shape in shapes]
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
