"""How much of each layer to prune: the same share, Erdos-Renyi kernel, or by LAMP's ranking."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor


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


def layer_share(score: Tensor) -> Tensor:
    """Turn a layer's scores into ones that compare across layers (LAMP, arXiv 2010.07611).

    ``s ** 2 / sum(t ** 2)``, t going over the layer's scores that rank no lower, s among them
    (equation 3, with the score in the weight's stead): the fraction that would be lost of what
    the layer still has, were all lower ones gone. A layer's highest gets 1 and outlives the
    others.

    Parameters
    ----------
    score
        Worth of a layer's weights, ``[weights]``; those at minus infinity (pruned before) or
        infinity (never to be) stay there, and negative ones count as 0.

    Returns
    -------
    Tensor
        ``[weights]``, in the same order by size.

    >>> layer_share(torch.tensor([1.0, 3.0, 2.0])).tolist()  # 1/14, 9/9, 4/13
    [0.0714285746216774, 1.0, 0.3076923191547394]
    """
    finite = torch.isfinite(score)
    squares = score[finite].clamp(min=0).double().square()
    order = squares.argsort(descending=True, stable=True)
    kept = squares[order].cumsum(0).clamp(min=torch.finfo(torch.float64).tiny)
    shares = torch.empty_like(squares)
    shares[order] = squares[order] / kept
    result = score.clone()
    result[finite] = shares.to(score)
    return result
