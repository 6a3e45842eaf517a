"""Accuracy of every kind of compression on a subset of N-MNIST: the large table.

    python benchmarks/compression_accuracy.py --data FOLDER --out FILE

For each seed the small network is trained in float, and every row starts from it. The first rows,
which carry the claims, get `--fine-epochs`; all others, which compare widths, orders, quantizers,
scores and scopes with each other, get half as many. Float networks and claims are trained first,
then the others group by group, each for all seeds. FOLDER has train.npz and test.npz.
Several processes started alike share the points, and a stopped one continues
(`accuracy_table.py`). `--rows joint,erk` keeps rows whose name contains one of these, `--list`
shows them.
"""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

import accuracy_table
from accuracy_table import Row
from torch import Tensor, nn

from leanspike.compress import (
    CompressionConfig,
    Phase,
    StateConfig,
    Strategy,
    activity_scores,
    cumulative_strategy,
    gradient_scores,
    gradual_strategy,
    iterative_strategy,
)
from leanspike.training import rate_loss

# Where ternary weights start matters more than how they are trained: the study's three sigma
# makes 88 % of them zero at once, the least squared error about half.
TERNARY: dict[str, Any] = {"weight_bits": 2, "initializer": "mse"}


def table(epochs: int, lr: float, prune_lr: float) -> dict[str, Row]:
    """Give the rows by name, the claims' first, what the others need least last."""
    fewer = max(2, epochs // 2)
    rows = claims(epochs, lr, prune_lr)
    for group, more in enumerate(
        (
            widths(fewer, lr) | both(fewer, prune_lr),
            quantizers(fewer, lr) | scores(fewer, prune_lr),
            membranes(fewer, lr),
            scopes(fewer, prune_lr),
        ),
        start=1,
    ):
        rows |= {name: dataclasses.replace(row, group=group) for name, row in more.items()}
    return rows


def claims(epochs: int, lr: float, prune_lr: float) -> dict[str, Row]:
    """Ternary, and how weights are chosen from 80 to 97.5 %."""
    rows = {"2 bits": at_once(epochs, lr, **TERNARY)}
    for s in (0.8, 0.95, 0.975):
        pruned = CompressionConfig(sparsity=s, scope="lamp")
        rows[f"{s:.1%} global"] = at_once(epochs, prune_lr, sparsity=s)
        rows[f"{s:.1%} lamp, gradual"] = Row(gradual(pruned, epochs, prune_lr))
    rows["80.0% lamp"] = at_once(epochs, prune_lr, sparsity=0.8, scope="lamp")
    for s in (0.95, 0.975):
        pruned = CompressionConfig(sparsity=s, scope="lamp")
        rows[f"{s:.1%} lamp, iterative"] = Row(iterative(pruned, epochs, prune_lr))
    return rows


def widths(epochs: int, lr: float) -> dict[str, Row]:
    """Vary the bits of the weights."""
    return {f"{bits} bits": at_once(epochs, lr, weight_bits=bits) for bits in (8, 4, 3)}


def membranes(epochs: int, lr: float) -> dict[str, Row]:
    """Membranes of few bits; their neurons run step by step, about three times slower."""
    row = at_once(epochs, lr, **TERNARY)
    return {
        f"2 bits, membrane {bits} bits": dataclasses.replace(
            row, state=StateConfig(membrane_bits=bits)
        )
        for bits in (8, 4, 2)
    }


def both(epochs: int, lr: float) -> dict[str, Row]:
    """Two bits and a sparsity, at once and one after the other; 90 % alone."""
    rows = {
        "90.0% global": at_once(epochs, lr, sparsity=0.9),
        "90.0% lamp": at_once(epochs, lr, sparsity=0.9, scope="lamp"),
    }
    for s in (0.8, 0.9, 0.95):
        config = CompressionConfig(**TERNARY, sparsity=s, scope="lamp")
        rows[f"joint 2 bits {s:.0%}"] = at_once(epochs, lr, **TERNARY, sparsity=s, scope="lamp")
        for first in ("prune", "quantize"):
            rows[f"cumulative 2 bits {s:.0%}, {first} first"] = Row(
                cumulative_strategy(config, first=first, epochs=epochs, lr=lr, warmup_epochs=0)
            )
    return rows


def quantizers(epochs: int, lr: float) -> dict[str, Row]:
    """Each quantizer at two bits, and the one that has a single bit."""
    channel: dict[str, Any] = {"granularity": "channel"}
    return {
        "2 bits duq, mse": at_once(epochs, lr, **TERNARY),
        "2 bits duq, three-sigma": at_once(epochs, lr, weight_bits=2),
        "2 bits lsq": at_once(epochs, lr, weight_bits=2, quantizer="lsq"),
        "2 bits lsq+": at_once(epochs, lr, weight_bits=2, quantizer="lsq+"),
        "2 bits uniform, mse": at_once(epochs, lr, **TERNARY, quantizer="uniform"),
        "2 bits affine": at_once(epochs, lr, weight_bits=2, quantizer="affine"),
        "2 bits power-of-two, mse": at_once(epochs, lr, **TERNARY, quantizer="power-of-two"),
        "2 bits twn": at_once(epochs, lr, weight_bits=2, quantizer="twn"),
        "1 bit xnor, per channel": at_once(epochs, lr, weight_bits=1, quantizer="xnor", **channel),
    }


def scores(epochs: int, lr: float) -> dict[str, Row]:
    """Each way to say what a weight is worth, ranked alike."""
    lamp: dict[str, Any] = {"sparsity": 0.95, "scope": "lamp"}
    row = at_once(epochs, lr, **lamp)
    return {
        "95.0% lamp, magnitude": row,
        "95.0% lamp, random": at_once(epochs, lr, **lamp, score="random"),
        "95.0% lamp, activity": dataclasses.replace(row, scores=by_activity),
        "95.0% lamp, gradient": dataclasses.replace(row, scores=by_gradient),
    }


def scopes(epochs: int, lr: float) -> dict[str, Row]:
    """Spread a sparsity in the other ways."""
    return {
        f"{s:.1%} {scope}": at_once(epochs, lr, sparsity=s, scope=scope)
        for s in (0.8, 0.9, 0.95, 0.975)
        for scope in ("erk", "layerwise")
    }


def at_once(epochs: int, lr: float, **options: Any) -> Row:
    """Compress at once and fine-tune."""
    phase = Phase(
        epochs=epochs,
        lr=lr,
        warmup_epochs=min(1, epochs // 3),
        compression=CompressionConfig(**options),
    )
    return Row(Strategy("at once", (phase,)))


def gradual(config: CompressionConfig, epochs: int, lr: float) -> Strategy:
    """Prune in three steps, an epoch apart."""
    steps = min(3, epochs)
    return gradual_strategy(config, steps=steps, epochs=epochs - steps + 1, lr=lr, warmup_epochs=0)


def iterative(config: CompressionConfig, epochs: int, lr: float) -> Strategy:
    """Prune the same fraction of what is left before every epoch."""
    return iterative_strategy(
        config, rounds=epochs, epochs_per_round=1, lr=lr, warmup_epochs=0, rewind=False
    )


def by_activity(net: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    return activity_scores(net, [frames for frames, _ in batches])


def by_gradient(net: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    return gradient_scores(net, batches, lambda m, b: rate_loss(m(b[0]), b[1]))


def main() -> None:
    options = parse()
    rows = table(options.fine_epochs, options.fine_lr, options.prune_lr)
    chosen = {n: row for n, row in rows.items() if any(p in n for p in options.rows.split(","))}
    if options.list:
        print("\n".join(f"{row.strategy.epochs} epochs  {name}" for name, row in chosen.items()))
        return
    accuracy_table.fill(
        chosen,
        options,
        what="small network 16-32-32-128; rows of as many epochs compare with each other",
    )


def parse() -> argparse.Namespace:
    parser = accuracy_table.parser(__doc__.splitlines()[0])
    parser.add_argument("--rows", default="", help="only rows that contain one of these, by commas")
    parser.add_argument("--list", action="store_true", help="show the rows")
    parser.add_argument("--epochs", type=int, default=8, help="of the float network")
    parser.add_argument("--lr", type=float, default=4e-3, help="peak, of the float network")
    parser.add_argument("--fine-epochs", type=int, default=5, help="of the claims' rows, in all")
    parser.add_argument("--fine-lr", type=float, default=2e-3, help="peak, of quantizing alone")
    parser.add_argument("--prune-lr", type=float, default=4e-3, help="peak, of rows that prune")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--shift", type=int, default=1, help="pixels of random shift in training")
    return parser.parse_args()


if __name__ == "__main__":
    main()
