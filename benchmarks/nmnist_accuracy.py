"""What quantizing and pruning cost in accuracy on a subset of N-MNIST.

    python benchmarks/nmnist_accuracy.py --data FOLDER --out FILE

For each seed: the small network trained in float, then from it ternary weights (2 bits), 80 %
pruned, and both jointly; then 80 % pruned by one global ranking. FOLDER has train.npz and
test.npz. The validation split is drawn from train.npz by the seed; the test split is evaluated
once per point, with the weights that validated best. Points already in FILE are not repeated, a
stopped training continues.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import sys
from pathlib import Path
from typing import Any

import torch

from leanspike.compress import CompressionConfig, paper_strategy, summary
from leanspike.events import FrameConfig, FrameData, load_data
from leanspike.nn import NetworkConfig, build_network
from leanspike.training import EpochRecord, TrainingConfig, evaluate, fit, run_strategy

# Layerwise masks; the study's global ranking beside them in the last row.
LAYERWISE = CompressionConfig(scope="layerwise")
STRATEGIES: dict[str, dict[str, Any]] = {
    "ternary": {"name": "quantize", "weight_bits": 2},
    "pruned 80 %": {"name": "prune", "sparsity": 0.8, "compression": LAYERWISE},
    "joint 2 b 80 %": {
        "name": "joint",
        "weight_bits": 2,
        "sparsity": 0.8,
        "compression": LAYERWISE,
    },
    "pruned 80 % globally": {"name": "prune", "sparsity": 0.8},
}


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads)
    results = open_results(options)
    known = len(results["points"])
    names = ("float", *STRATEGIES)
    plan = [(seed, name) for seed in range(options.seeds) for name in names[:-1]]
    plan += [(seed, names[-1]) for seed in range(options.seeds)]
    for seed, name in plan:
        key = f"{name}, seed {seed}"
        if key in results["points"] or len(results["points"]) >= known + options.points:
            continue
        print(f"-- {key}", flush=True)
        data = load_data(options.data, frames=FrameConfig(T=options.steps), seed=seed)
        results["points"][key] = run_point(name, data, seed, options)
        summarize(results)
        save(options.out, results)
    summarize(results)
    for name, row in results["summary"].items():
        print(f"{name:16s} test {row['test_mean']:.2f} % (+- {row['test_spread']:.2f})")


def run_point(name: str, data: FrameData, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train one point and measure it."""
    network = NetworkConfig(name="small", shape=data.shape, classes=data.classes, T=data.T)
    net = build_network(network, seed=seed)
    training = TrainingConfig(
        epochs=options.epochs,
        lr=options.lr,
        warmup_epochs=1,
        batch_size=options.batch_size,
        shift=options.shift,
        accelerator="cpu",
    )
    work = options.work / f"seed{seed}"
    results = [fit(net, data, training, out=work / "float", seed=seed, progress=show)]
    if name != "float":
        strategy = paper_strategy(
            **STRATEGIES[name], epochs=options.fine_epochs, lr=options.lr, warmup_epochs=1
        )
        out = work / name.replace(" %", "").replace(" ", "-")
        results = run_strategy(
            net, data, strategy, training=training, out=out, seed=seed, progress=show
        )
    layers = summary(net).layers
    return {
        "seed": seed,
        "validation": results[-1].validation_accuracy,
        "test": evaluate(net, data.test),
        "best_epoch": results[-1].best_epoch,
        "epochs": sum(len(result.history) for result in results),
        "seconds": round(sum(result.seconds for result in results), 1),
        "sparsity": {layer.name: round(layer.sparsity, 4) for layer in layers},
    }


def summarize(results: dict[str, Any]) -> None:
    """Mean and sample standard deviation over seeds, in percent."""
    for name in ("float", *STRATEGIES):
        points = [p for key, p in results["points"].items() if key.startswith(f"{name},")]
        if points:
            test = [100 * p["test"] for p in points]
            results["summary"][name] = {
                "seeds": len(points),
                "test_mean": round(statistics.mean(test), 3),
                "test_spread": round(statistics.stdev(test), 3) if len(test) > 1 else 0.0,
                "validation_mean": round(100 * statistics.mean(p["validation"] for p in points), 3),
                "seconds_per_epoch": round(
                    sum(p["seconds"] for p in points) / sum(p["epochs"] for p in points), 1
                ),
            }


def open_results(options: argparse.Namespace) -> dict[str, Any]:
    settings = {
        name: getattr(options, name)
        for name in ("epochs", "fine_epochs", "lr", "batch_size", "shift", "steps", "threads")
    }
    if options.out.exists():
        results: dict[str, Any] = json.loads(options.out.read_text())
        if results["settings"] != settings:
            sys.exit(f"{options.out} has other settings: {results['settings']}")
        return results
    packages = ("leanspike", "torch", "lightning", "numba", "numpy")
    return {
        "what": "N-MNIST subset (5,000 train, 1,000 test, both from N-MNIST's train part), "
        "small network 16-32-32-128, frames by equal event count; test accuracy in percent from "
        "the weights that validated best; spread is the sample standard deviation over seeds",
        "command": f"python benchmarks/nmnist_accuracy.py --data FOLDER --out FILE "
        f"--seeds {options.seeds} "
        + " ".join(f"--{name.replace('_', '-')} {value}" for name, value in settings.items()),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
        "date": datetime.date.today().isoformat(),
        "remark": options.remark,
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
    parser.add_argument("--data", type=Path, required=True, help="folder with train.npz, test.npz")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of results")
    parser.add_argument("--work", type=Path, default=Path("runs/nmnist_accuracy"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--points", type=int, default=99, help="stop after so many new points")
    parser.add_argument("--epochs", type=int, default=7, help="of the float network")
    parser.add_argument("--fine-epochs", type=int, default=4, help="of each strategy")
    parser.add_argument("--lr", type=float, default=4e-3, help="peak, of every training")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--shift", type=int, default=0, help="pixels of random shift in training")
    parser.add_argument("--steps", type=int, default=10, help="frames per recording")
    parser.add_argument("--remark", default="", help="kept with the results")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
