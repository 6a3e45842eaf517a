"""Strategies beyond the study's four: both cumulative orders, gradual and iterative pruning."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from leanspike.compress.config import CompressionConfig
from leanspike.compress.strategy import Phase, Strategy
from leanspike.errors import InputError


def cumulative_strategy(
    compression: CompressionConfig,
    *,
    first: Literal["prune", "quantize"] = "prune",
    epochs: int = 50,
    lr: float = 1e-3,
    warmup_epochs: int = 2,
) -> Strategy:
    """Do one, train, then do the other and train again.

    Parameters
    ----------
    compression
        Bits and sparsity at the end.
    first
        What comes first. Quantizing first draws the mask from the float weights behind the
        quantizer.
    epochs
        Of both phases together.
    lr, warmup_epochs
        Of each phase.

    >>> both = CompressionConfig(weight_bits=2, sparsity=0.8)
    >>> [p.compression.sparsity for p in cumulative_strategy(both, first="quantize").phases]
    [0.0, 0.8]
    """
    _need(compression, bits=True)
    alone = (
        replace(compression, weight_bits=None, layer_bits=())
        if first == "prune"
        else replace(compression, sparsity=0.0, layer_sparsity=(), structure="element")
    )
    half = epochs // 2
    return Strategy(
        f"cumulative, {first} first",
        tuple(
            Phase(epochs=n, lr=lr, warmup_epochs=min(warmup_epochs, n // 3), compression=what)
            for n, what in ((half, alone), (epochs - half, compression))
        ),
    )


def gradual_strategy(
    compression: CompressionConfig,
    *,
    steps: int = 8,
    epochs_per_step: int = 1,
    epochs: int = 20,
    lr: float = 1e-3,
    warmup_epochs: int = 2,
) -> Strategy:
    """Prune little by little while training, then train on.

    Step k of n prunes to ``s * (1 - (1 - k / n) ** 3)`` (Zhu and Gupta, arXiv 1710.01878,
    equation 1, from no sparsity): much at first, when much is redundant, little at the end. Each
    step keeps what the steps before pruned. Bits, if any, are on from the first step.

    Parameters
    ----------
    compression
        Bits and sparsity at the end.
    steps
        How many times to prune.
    epochs_per_step
        Epochs after each but the last.
    epochs
        Epochs after the last.
    lr, warmup_epochs
        Of each phase; short phases have no warm-up.

    >>> phases = gradual_strategy(CompressionConfig(sparsity=0.8), steps=4).phases
    >>> [round(p.compression.sparsity, 4) for p in phases]
    [0.4625, 0.7, 0.7875, 0.8]
    """
    _need(compression)
    if steps < 2:
        raise InputError(f"{steps} is not at least 2", where="steps")
    phases = []
    for k in range(1, steps + 1):
        last = k == steps
        fraction = 1.0 if last else 1 - (1 - k / steps) ** 3
        n = epochs if last else epochs_per_step
        phases.append(
            Phase(
                epochs=n,
                lr=lr,
                warmup_epochs=min(warmup_epochs, n // 3),
                compression=replace(compression, sparsity=compression.sparsity * fraction),
            )
        )
    return Strategy("gradual", tuple(phases))


def iterative_strategy(
    compression: CompressionConfig,
    *,
    rounds: int = 5,
    epochs_per_round: int = 10,
    lr: float = 1e-3,
    warmup_epochs: int = 2,
    rewind: bool = True,
) -> Strategy:
    """Prune the same fraction of what is left in every round, train, rewind and go on.

    After round k of n the density is ``d ** (k / n)``, d the density at the end. From the second
    round on the weights are rewound to where the strategy began (Frankle and Carbin, arXiv
    1803.03635; rewinding to trained weights: arXiv 1903.01611).

    Parameters
    ----------
    compression
        Bits and sparsity at the end.
    rounds
        How many times to prune.
    epochs_per_round
        Epochs after each.
    lr, warmup_epochs
        Of each round.
    rewind
        Whether to rewind; without it each round goes on from the last.

    >>> phases = iterative_strategy(CompressionConfig(sparsity=0.75), rounds=2).phases
    >>> [p.compression.sparsity for p in phases], [p.rewind for p in phases]
    ([0.5, 0.75], [False, True])
    """
    _need(compression)
    if rounds < 1:
        raise InputError(f"{rounds} is not at least 1", where="rounds")
    density = 1 - compression.sparsity
    return Strategy(
        "iterative",
        tuple(
            Phase(
                epochs=epochs_per_round,
                lr=lr,
                warmup_epochs=min(warmup_epochs, epochs_per_round // 3),
                compression=replace(
                    compression,
                    sparsity=compression.sparsity if k == rounds else 1 - density ** (k / rounds),
                ),
                rewind=rewind and k > 1,
            )
            for k in range(1, rounds + 1)
        ),
    )


def _need(compression: CompressionConfig, *, bits: bool = False) -> None:
    if compression.sparsity == 0:
        raise InputError("needs a sparsity above 0", where="compression")
    if ":" in compression.structure and not bits:
        raise InputError("an N:M structure is pruned at once, not in steps", where="structure")
    if bits and compression.weight_bits is None and not compression.layer_bits:
        raise InputError("needs bits", where="compression")
