"""Drawing pruning masks: from scores to which weights stay, with exact counts."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from leanspike.errors import InputError


def draw_masks(
    scores: Mapping[str, Tensor],
    sparsity: float,
    *,
    scope: str = "global",
    before: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Draw masks that keep the weights of highest score.

    Exactly ``round(sparsity * weights)`` weights are pruned in total; ties go to the weight that
    comes first. With ``scope="layerwise"`` each layer's own count is within one of its share.

    Parameters
    ----------
    scores
        Per layer, the worth of each weight, any shape.
    sparsity
        Fraction to prune.
    scope
        ``"global"`` or ``"layerwise"``.
    before
        Masks drawn earlier: what they pruned stays pruned, and counts.

    Returns
    -------
    dict of bool tensors
        Per layer, of its scores' shape, True where the weight stays.

    Raises
    ------
    InputError
        A layer was already pruned further than asked for now.

    >>> draw_masks({"a": torch.tensor([3.0, 1.0]), "b": torch.tensor([2.0, 4.0])}, 0.5)
    {'a': tensor([ True, False]), 'b': tensor([False,  True])}
    """
    ranked = dict(scores)
    for name, mask in (before or {}).items():
        if name in ranked:
            ranked[name] = ranked[name].masked_fill(~mask, -torch.inf)
    sizes = [score.numel() for score in ranked.values()]
    if scope == "global":
        flat = torch.cat([score.detach().flatten().float() for score in ranked.values()])
        kept = _keep_highest(flat, round(sparsity * sum(sizes)), where="the network")
        pieces = kept.split(sizes)
    else:
        counts = share_out([sparsity * size for size in sizes], round(sparsity * sum(sizes)))
        pieces = tuple(
            _keep_highest(score.detach().flatten().float(), count, where=f"layer {name!r}")
            for (name, score), count in zip(ranked.items(), counts, strict=True)
        )
    return {
        name: piece.reshape(score.shape)
        for (name, score), piece in zip(ranked.items(), pieces, strict=True)
    }


def share_out(shares: list[float], total: int) -> list[int]:
    """Round shares to whole numbers that add up to a total (largest remainder).

    Parameters
    ----------
    shares
        What each should get; they add up to about `total`.
    total
        What the whole numbers add up to.

    >>> share_out([1.5, 1.5, 1.0], 4)
    [2, 1, 1]
    """
    counts = [int(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: counts[i] - shares[i])
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts


def _keep_highest(score: Tensor, pruned: int, *, where: str) -> Tensor:
    """Mark all but the `pruned` lowest of a flat score."""
    gone = int((score == -torch.inf).sum())
    if gone > pruned:
        raise InputError(
            f"{gone} of {score.numel()} weights are pruned already, and {pruned} were asked for",
            where=where,
            remedy="A mask only ever tightens: ask for at least the sparsity it has",
        )
    kept = torch.ones_like(score, dtype=torch.bool)
    kept[score.argsort(stable=True)[:pruned]] = False
    return kept
