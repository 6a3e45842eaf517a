"""Accuracy of every kind of compression on a subset of N-MNIST: the large table.

    python benchmarks/compression_accuracy.py --data FOLDER --out FILE [--rows joint,erk]

For each seed the small network is trained in float, and every row starts from it. FOLDER has
train.npz and test.npz. The validation split is drawn from train.npz by the seed; the test split is
evaluated once per point, with the weights that validated best. Points already in FILE are not
repeated, a stopped training continues from its last epoch. `--list` shows the rows.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
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
    prepare,
    prepare_state,
    summary,
)
from leanspike.events import FrameConfig, FrameData, load_data
from leanspike.nn import NetworkConfig, build_network
from leanspike.training import (
    Batches,
    EpochRecord,
    TrainingConfig,
    evaluate,
    fit,
    network_input,
    rate_loss,
    run_strategy,
)

LR = 1e-3
Scores = Callable[[nn.Module, list[tuple[Tensor, Tensor]]], dict[str, Tensor]]


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: a strategy of so many epochs; scores that need data; membranes."""

    strategy: Callable[[int], Strategy]
    scores: Scores | None = None
    state: StateConfig | None = None


def at_once(**options: Any) -> Row:
    """Compress at once and fine-tune."""
    config = CompressionConfig(**options)
    return Row(
        lambda n: Strategy(
            "at once", (Phase(epochs=n, lr=LR, warmup_epochs=min(1, n // 3), compression=config),)
        )
    )


def by_activity(net: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    return activity_scores(net, [frames for frames, _ in batches])


def by_gradient(net: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    return gradient_scores(net, batches, lambda m, b: rate_loss(m(b[0]), b[1]))


def table() -> dict[str, Row]:
    rows: dict[str, Row] = {f"{b} bits": at_once(weight_bits=b) for b in (8, 4, 3, 2)}
    for s in (0.8, 0.9, 0.95, 0.975):
        for scope in ("global", "layerwise", "erk"):
            rows[f"{s:.1%} {scope}"] = at_once(sparsity=s, scope=scope)
    for s in (0.95, 0.975):
        pruned = CompressionConfig(sparsity=s, scope="erk")
        rows[f"{s:.1%} gradual"] = Row(lambda n, c=pruned: gradual(c, n))  # type: ignore[misc]
        rows[f"{s:.1%} iterative"] = Row(lambda n, c=pruned: iterative(c, n))  # type: ignore[misc]
    for s in (0.8, 0.9, 0.95):
        both = CompressionConfig(weight_bits=2, sparsity=s, scope="erk")
        rows[f"joint 2 bits {s:.0%}"] = at_once(weight_bits=2, sparsity=s, scope="erk")
        for first in ("prune", "quantize"):
            rows[f"cumulative 2 bits {s:.0%}, {first} first"] = Row(
                lambda n, c=both, f=first: cumulative_strategy(  # type: ignore[misc]
                    c, first=f, epochs=n, lr=LR, warmup_epochs=1
                )
            )
    for quantizer in ("lsq", "lsq+", "uniform", "affine", "power-of-two", "twn"):
        rows[f"2 bits {quantizer}"] = at_once(weight_bits=2, quantizer=quantizer)
    rows["1 bit xnor, per channel"] = at_once(
        weight_bits=1, quantizer="xnor", granularity="channel"
    )
    for rounding in ("ste", "psgd", "tanh"):
        rows[f"2 bits duq, {rounding}"] = at_once(weight_bits=2, rounding=rounding)
    rows["2 bits duq, per channel"] = at_once(weight_bits=2, granularity="channel")
    erk = {"sparsity": 0.95, "scope": "erk"}
    rows["95.0% erk, random"] = at_once(**erk, score="random")
    rows["95.0% erk, activity"] = dataclasses.replace(at_once(**erk), scores=by_activity)
    rows["95.0% erk, gradient"] = dataclasses.replace(at_once(**erk), scores=by_gradient)
    rows["95.0% erk, distilled"] = Row(
        lambda n: Strategy(
            "distilled",
            (
                Phase(
                    epochs=n,
                    lr=LR,
                    warmup_epochs=min(1, n // 3),
                    compression=CompressionConfig(**erk),
                    distillation=0.5,
                ),
            ),
        )
    )
    for bits in (8, 4, 2):
        state = StateConfig(membrane_bits=bits)
        rows[f"2 bits, membrane {bits} bits"] = dataclasses.replace(
            at_once(weight_bits=2), state=state
        )
    rows["2:4"] = at_once(structure="2:4")
    rows["50% of channels"] = at_once(
        sparsity=0.5, structure="channel", scope="layerwise", layers=("conv*", "dense1")
    )
    return rows


def gradual(config: CompressionConfig, epochs: int) -> Strategy:
    """Prune in one-epoch steps during the first half."""
    steps = max(2, epochs // 2 + 1)
    return gradual_strategy(
        config, steps=steps, epochs=max(1, epochs - steps + 1), lr=LR, warmup_epochs=1
    )


def iterative(config: CompressionConfig, epochs: int) -> Strategy:
    """Three rounds from where the round before ended, the same number of epochs in all."""
    return iterative_strategy(
        config,
        rounds=3,
        epochs_per_round=max(1, epochs // 3),
        lr=LR,
        warmup_epochs=0,
        rewind=False,
    )


def main() -> None:
    options = parse()
    rows = table()
    if options.list:
        print("\n".join(rows))
        return
    wanted = [name for name in rows if any(part in name for part in options.rows.split(","))]
    torch.set_num_threads(options.threads)
    results = open_results(options)
    left = options.points
    for seed in range(options.seeds):
        data = load_data(
            options.data, frames=FrameConfig(T=options.steps), seed=seed, limit=options.limit
        )
        for name in ("float", *wanted):
            key = f"{name}, seed {seed}"
            if key in results["points"] or left == 0:
                continue
            print(f"-- {key}", flush=True)
            results["points"][key] = run_point(name, rows.get(name), data, seed, options)
            left -= 1
            summarize(results, rows)
            save(options.out, results)
    for name, row in results["summary"].items():
        print(f"{name:36s} test {row['test_mean']:6.2f} % (+- {row['test_spread']:.2f})")


def run_point(
    name: str, row: Row | None, data: FrameData, seed: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Train one point and measure it."""
    network = NetworkConfig(name="small", shape=data.shape, classes=data.classes, T=data.T)
    net = build_network(network, seed=seed)
    training = TrainingConfig(
        epochs=options.epochs,
        lr=LR,
        warmup_epochs=min(1, options.epochs),
        batch_size=options.batch_size,
        shift=options.shift,
        accelerator=options.accelerator,
    )
    work = options.work / f"seed{seed}"
    results = [fit(net, data, training, out=work / "float", seed=seed, progress=show)]
    if row is not None:
        out = work / "".join(c if c.isalnum() or c in ".+:-" else "_" for c in name)
        strategy = row.strategy(options.fine_epochs)
        if row.state is not None:
            prepare_state(net, row.state)
        if row.scores is not None:
            with_scores(net, strategy, row.scores, data)
        results = run_strategy(
            net, data, strategy, training=training, out=out, seed=seed, progress=show
        )
    weighed = summary(net)
    return {
        "seed": seed,
        "validation": results[-1].validation_accuracy,
        "test": evaluate(net, data.test),
        "epochs": sum(len(result.history) for result in results),
        "seconds": round(sum(result.seconds for result in results), 1),
        "size_kB": round(weighed.size_bits / 8000, 2),
        "sparsity": {layer.name: round(layer.sparsity, 4) for layer in weighed.layers},
    }


def with_scores(net: nn.Module, strategy: Strategy, scores: Scores, data: FrameData) -> None:
    """Draw the first phase's mask from scores on training data; begin_phase then keeps it."""
    compression = strategy.phases[0].compression
    assert compression is not None
    batches = []
    for i, (frames, labels) in enumerate(Batches(data.train, 64)):
        batches.append((network_input(frames), labels))
        if i == 3:
            break
    worth = scores(copy.deepcopy(net), batches)
    prepare(net, compression, scores=worth)


def summarize(results: dict[str, Any], rows: dict[str, Row]) -> None:
    """Mean and sample standard deviation over seeds, in percent."""
    results["summary"] = {}
    for name in ("float", *rows):
        points = [p for key, p in results["points"].items() if key.rsplit(", seed", 1)[0] == name]
        if points:
            test = [100 * p["test"] for p in points]
            results["summary"][name] = {
                "seeds": len(points),
                "test_mean": round(statistics.mean(test), 3),
                "test_spread": round(statistics.stdev(test), 3) if len(test) > 1 else 0.0,
                "validation_mean": round(100 * statistics.mean(p["validation"] for p in points), 3),
                "size_kB": points[0]["size_kB"],
            }


def open_results(options: argparse.Namespace) -> dict[str, Any]:
    names = ("epochs", "fine_epochs", "batch_size", "shift", "steps", "threads", "limit")
    settings = {name: getattr(options, name) for name in names}
    if options.out.exists():
        results: dict[str, Any] = json.loads(options.out.read_text())
        if results["settings"] != settings:
            sys.exit(f"{options.out} has other settings: {results['settings']}")
        return results
    packages = ("leanspike", "torch", "lightning", "numba", "numpy")
    return {
        "what": "test accuracy in percent from the weights that validated best, small network "
        "16-32-32-128, frames by equal event count; spread is the sample standard deviation over "
        "seeds; sizes count zeros",
        "command": "python benchmarks/compression_accuracy.py --data FOLDER --out FILE "
        + " ".join(f"--{k.replace('_', '-')} {v}" for k, v in settings.items() if v is not None),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
        "date": datetime.date.today().isoformat(),
        "settings": settings,
        "summary": {},
        "points": {},
    }


def save(path: Path, results: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=1) + "\n")
    partial.replace(path)


def show(record: EpochRecord) -> None:
    print(
        f"epoch {record.epoch}: train loss {record.train_loss:.4f}, validation "
        f"{100 * record.validation_accuracy:.2f} %, {record.seconds:.1f} s",
        flush=True,
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=str, default="digits-dvs", help="folder, or a name")
    parser.add_argument("--out", type=Path, default=Path("compression_accuracy.json"))
    parser.add_argument("--work", type=Path, default=Path("runs/compression_accuracy"))
    parser.add_argument("--rows", default="", help="only rows that contain one of these, by commas")
    parser.add_argument("--list", action="store_true", help="show the rows")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--points", type=int, default=-1, help="stop after so many new points")
    parser.add_argument("--epochs", type=int, default=15, help="of the float network")
    parser.add_argument("--fine-epochs", type=int, default=6, help="of each row, in all phases")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--shift", type=int, default=1, help="pixels of random shift in training")
    parser.add_argument("--steps", type=int, default=10, help="frames per recording")
    parser.add_argument("--limit", type=int, help="recordings to use, for a trial")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--accelerator", default="cpu")
    return parser.parse_args()


if __name__ == "__main__":
    main()
