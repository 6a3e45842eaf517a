"""Structured pruning: whole output channels, and N of every M neighbours.

Drawing pruning masks: from scores to which weights stay, with exact counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from leanspike.compress.allocation import count_lowest, erk_shares, lamp_shares, uniform_shares
from leanspike.compress.config import parse_structure
from leanspike.errors import InputError


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


def draw_masks(
    scores: Mapping[str, Tensor],
    sparsity: float,
    *,
    scope: str = "global",
    structure: str = "element",
    before: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Draw masks that keep the weights of highest score.

    Exactly ``round(sparsity * weights)`` weights are pruned in total; with ``structure="channel"``
    ``round(sparsity * channels)`` channels, and one at least is left in every layer. Ties go to
    the weight that comes first. With ``scope="layerwise"`` each layer's own count is within one of
    its share, unless that would leave it no channel.

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
        A layer was already pruned further than asked for now, a score is NaN, or more channels
        were asked for than leave one in every layer.

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
    shapes = [tuple(score.shape) for score in scores.values()]
    if structure == "channel":
        worth = channel_scores(ranked)
        kept = _draw(worth, sparsity, scope, shapes, spared=1)
        return {
            name: mask.reshape(-1, *[1] * (scores[name].dim() - 1))
            .expand(scores[name].shape)
            .logical_and(torch.isfinite(ranked[name]))
            for name, mask in kept.items()
        }
    return _draw(ranked, sparsity, scope, shapes)


def _draw(
    scores: Mapping[str, Tensor],
    sparsity: float,
    scope: str,
    shapes: Sequence[tuple[int, ...]],
    *,
    spared: int = 0,
) -> dict[str, Tensor]:
    """Draw masks of scores; with `spared` the best of every layer stays whatever the others'."""
    flat = [score.flatten() for score in scores.values()]
    for name, score in zip(scores, flat, strict=True):
        if bool(score.isnan().any()):
            raise InputError("a score is NaN", where=f"layer {name!r}")
    sizes = [len(score) for score in flat]
    most = [size - spared for size in sizes]
    total = round(sparsity * sum(sizes))
    if total > sum(most):
        raise InputError(
            f"{total} of {sum(sizes)} channels in {len(sizes)} layers were asked for, and one "
            "must be left in every layer",
            where="sparsity",
            remedy=f"Ask for at most {sum(most) / sum(sizes):.3g}",
        )
    if scope == "lamp":
        _check_before(sum(map(_gone, flat)), total, sum(sizes), where="the network")
        shares = [
            lamp_shares(np.sort(score.cpu().numpy()))[:m]
            for score, m in zip(flat, most, strict=True)
        ]
        counts = count_lowest(shares, total)
    elif scope == "erk":
        counts = share_out(erk_shares(shapes, sparsity, sizes=sizes), total, most=most)
    elif scope == "layerwise":
        counts = share_out(uniform_shares(sizes, sparsity), total, most=most)
    if spared:
        flat = [_spare_the_best(score) for score in flat]
    if scope == "global":
        kept = _keep_highest(torch.cat(flat), total, where="the network").split(sizes)
    else:
        kept = tuple(
            _keep_highest(score, count, where=f"layer {name!r}")
            for name, score, count in zip(scores, flat, counts, strict=True)
        )
    return {
        name: piece.reshape(score.shape)
        for (name, score), piece in zip(scores.items(), kept, strict=True)
    }


def _spare_the_best(score: Tensor) -> Tensor:
    best = score.clone()
    best[score.argmax()] = torch.inf
    return best


def _gone(score: Tensor) -> int:
    return int((score == -torch.inf).sum())


def _check_before(gone: int, pruned: int, of: int, *, where: str) -> None:
    if gone > pruned:
        raise InputError(
            f"{gone} of {of} are pruned already, and {pruned} were asked for",
            where=where,
            remedy="A mask only ever tightens: ask for at least the sparsity it has",
        )


def _keep_highest(score: Tensor, pruned: int, *, where: str) -> Tensor:
    """Mark all but the `pruned` lowest of a flat score."""
    _check_before(_gone(score), pruned, len(score), where=where)
    if not pruned:
        return torch.ones_like(score, dtype=torch.bool)
    edge = float(np.partition(score.cpu().numpy(), pruned - 1)[pruned - 1])
    kept = score >= edge
    ties = pruned - int((~kept).sum())
    kept[(score == edge).nonzero().flatten()[:ties]] = False
    return kept


def share_out(shares: list[float], total: int, *, most: Sequence[int] | None = None) -> list[int]:
    """Round shares to whole numbers that add up to a total (largest remainder).

    Parameters
    ----------
    shares
        What each should get; they add up to about `total`.
    total
        What the whole numbers add up to.
    most
        What each can get at most; no limit by default.

    >>> share_out([1.5, 1.5, 1.0], 4), share_out([1.5, 1.5, 1.0], 4, most=[1, 9, 9])
    ([2, 1, 1], [1, 2, 1])
    """
    counts = [int(share) for share in shares]
    if most is not None:
        counts = [min(count, limit) for count, limit in zip(counts, most, strict=True)]
    for _ in range(total - sum(counts)):
        free = [i for i in range(len(shares)) if most is None or counts[i] < most[i]]
        counts[max(free, key=lambda i: shares[i] - counts[i])] += 1
    return counts
