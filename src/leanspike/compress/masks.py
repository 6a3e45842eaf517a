"""Drawing pruning masks: from scores to which weights stay, with exact counts."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from leanspike.compress.allocation import erk_shares, layer_share, uniform_shares
from leanspike.compress.structure import channel_scores, draw_n_of_m, parse_structure
from leanspike.errors import InputError


def draw_masks(
    scores: Mapping[str, Tensor],
    sparsity: float,
    *,
    scope: str = "global",
    structure: str = "element",
    before: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Draw masks that keep the weights of highest score.

    Exactly ``round(sparsity * weights)`` weights are pruned in total (``round(sparsity *
    channels)`` channels with ``structure="channel"``, one at least left in every layer); ties go
    to the weight that comes first. With ``scope="layerwise"`` each layer's own count is within
    one of its share.

    Parameters
    ----------
    scores
        Per layer, the worth of each weight, any shape.
    sparsity
        Fraction to prune; not used with an N:M structure, which says it itself.
    scope
        ``"global"``, ``"layerwise"``, ``"erk"`` or ``"lamp"``.
    structure
        ``"element"``, ``"channel"`` or N:M.
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
    ranked = {name: score.detach().float() for name, score in scores.items()}
    for name, mask in (before or {}).items():
        if name in ranked:
            ranked[name] = ranked[name].masked_fill(~mask, -torch.inf)
    pattern = parse_structure(structure)
    if pattern is not None:
        drawn = {name: draw_n_of_m(score, *pattern) for name, score in ranked.items()}
        return {name: mask & torch.isfinite(ranked[name]) for name, mask in drawn.items()}
    if structure == "channel":
        worth = channel_scores(ranked)
        safe = {name: _spare_the_best(score) for name, score in worth.items()}
        kept = _draw_elements(safe, sparsity, scope)
        return {
            name: mask.reshape(-1, *[1] * (scores[name].dim() - 1))
            .expand(scores[name].shape)
            .logical_and(torch.isfinite(ranked[name]))
            for name, mask in kept.items()
        }
    return _draw_elements(ranked, sparsity, scope)


def _draw_elements(scores: Mapping[str, Tensor], sparsity: float, scope: str) -> dict[str, Tensor]:
    shapes = [tuple(score.shape) for score in scores.values()]
    sizes = [score.numel() for score in scores.values()]
    total = round(sparsity * sum(sizes))
    flat = [score.flatten() for score in scores.values()]
    if scope == "lamp":
        flat = [layer_share(score) for score in flat]
    if scope in ("global", "lamp"):
        kept = _keep_highest(torch.cat(flat), total, where="the network").split(sizes)
    else:
        shares = (erk_shares if scope == "erk" else uniform_shares)(shapes, sparsity)
        counts = share_out(shares, total)
        kept = tuple(
            _keep_highest(score, count, where=f"layer {name!r}")
            for name, score, count in zip(scores, flat, counts, strict=True)
        )
    return {
        name: piece.reshape(shape) for name, piece, shape in zip(scores, kept, shapes, strict=True)
    }


def _spare_the_best(score: Tensor) -> Tensor:
    """Make sure that one channel of a layer is kept whatever the others' scores."""
    best = score.clone()
    best[score.argmax()] = torch.inf
    return best


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
            f"{gone} of {score.numel()} are pruned already, and {pruned} were asked for",
            where=where,
            remedy="A mask only ever tightens: ask for at least the sparsity it has",
        )
    kept = torch.ones_like(score, dtype=torch.bool)
    kept[score.argsort(stable=True)[:pruned]] = False
    return kept
