"""The frontier of compression: what each recipe reaches, on a subset of N-MNIST.

    python benchmarks/frontier.py --data FOLDER --out FILE

For each seed the small network is trained in float; every row starts from it and goes through the
phases of its recipe. Rows that begin alike share the trainings they have in common, several
processes started alike share the work, and a stopped one continues. The validation split is drawn
from train.npz by the seed and chooses the epoch of every phase; the test split is evaluated once
per row, with its last phase's weights. FOLDER has train.npz and test.npz; `--data digits-dvs`
needs no files. `--list` shows the rows, `--markdown` the table in --out.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import importlib.metadata
import json
import math
import statistics
from pathlib import Path
from typing import Any

import torch
from accuracy_table import held, load, parser, plain, save, show
from torch import nn

from leanspike.compress import (
    Phase,
    dump_strategy,
    parse_target,
    recipe_strategy,
    summary,
)
from leanspike.compress.strategy import Strategy
from leanspike.events import FrameData
from leanspike.nn import NetworkConfig, build_network
from leanspike.training import (
    Batches,
    FitResult,
    TrainingConfig,
    fit,
    frozen_copy,
    network_input,
    run_phase,
)
from leanspike.training.evaluate import evaluating

FLOAT = {"epochs": 8, "lr": 4e-3, "warmup_epochs": 1}
T = 10


def rows() -> dict[str, Strategy]:
    """Give every row's strategy by its name, those that carry the claims first."""
    made = {
        text: recipe_strategy("best", parse_target(text))
        for text in (
            "90 %",
            "95 %",
            "97.5 %",
            "ternary, 90 %",
            "ternary, 95 %",
            "ternary, 97.5 %",
            "80 %",
            "ternary, 80 %",
            "ternary",
            "99 %",
            "ternary, membrane 4 bits",
        )
    }
    rows = {f"best: {text}": strategy for text, strategy in made.items()}
    control = Phase(epochs=10, lr=4e-3, warmup_epochs=0, distillation=0.5)
    rows["float, 10 epochs more"] = Strategy("float, 10 epochs more", (control,))
    for text in ("90 %", "97 %", "80 %"):
        rows[f"one-shot: {text}"] = recipe_strategy("one-shot", parse_target(text))
    for text in ("ternary, 80 %", "ternary, 90 %"):
        rows[f"fast: {text}"] = recipe_strategy("fast", parse_target(text))
    return rows


def training(phase: Phase | None, options: argparse.Namespace) -> TrainingConfig:
    """Say how a phase, or the float network, is trained."""
    own = FLOAT
    if phase is not None:
        own = {"epochs": max(1, phase.epochs), "lr": phase.lr, "warmup_epochs": phase.warmup_epochs}
    return TrainingConfig(
        **own,  # type: ignore[arg-type]
        batch_size=options.batch_size,
        shift=options.shift,
        accelerator="cpu",
    )


def train_float(seed: int, options: argparse.Namespace) -> tuple[nn.Module, FrameData, FitResult]:
    """Train the float network of a seed, or take it up."""
    data = load(options.data, T, seed)
    config = NetworkConfig(name="small", shape=data.shape, classes=data.classes, T=data.T)
    net = build_network(config, seed=seed)
    work = options.work / f"seed{seed}"
    with held(work / "float.training", wait=True):
        result = fit(
            net, data, training(None, options), out=work / "float", seed=seed, progress=show
        )
    return net, data, result


def run_row(strategy: Strategy | None, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train a row, phase by phase, and measure it once."""
    net, data, result = train_float(seed, options)
    origin = frozen_copy(net)
    epochs = 0
    done: tuple[Phase, ...] = ()
    for phase in strategy.phases if strategy is not None else ():
        done = (*done, phase)
        epochs += phase.epochs
        key = hashlib.sha256(dump_strategy(Strategy("", done)).encode()).hexdigest()[:12]
        folder = options.work / f"seed{seed}" / key
        with held(folder.with_suffix(".training"), wait=True):
            print(f"   {key}: {phase.compression} {phase.epochs} epochs", flush=True)
            result = run_phase(
                net,
                data,
                phase,
                training=training(phase, options),
                out=folder,
                seed=seed,
                origin=origin,
                progress=show,
            )
    given: list[int] = []
    with evaluating(net):
        for frames, _ in Batches(data.test, 50):
            given += net(network_input(frames)).argmax(dim=1).tolist()
    right = [found == wanted for found, wanted in zip(given, data.test.labels, strict=True)]
    weighed = summary(net)
    return {
        "seed": seed,
        "epochs": epochs,
        "validation": result.validation_accuracy,
        "right": "".join("01"[mark] for mark in right),
        "pruned": round(sum(x.pruned * x.weights for x in weighed.layers) / weighed.weights, 5),
        "zeros": round(weighed.sparsity, 5),
        "bits": sorted({layer.bits for layer in weighed.layers}),
        "layers": {layer.name: round(layer.sparsity, 4) for layer in weighed.layers},
    }


def gather(names: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """Put all points so far into one file, each row beside its seeds' float networks."""
    points: dict[str, dict[int, dict[str, Any]]] = {}
    for name in names:
        for seed in range(options.seeds):
            file = options.work / f"seed{seed}" / f"{plain(name)}.json"
            if file.exists():
                points.setdefault(name, {})[seed] = json.loads(file.read_text())
    table = {name: compare(found, points["float"]) for name, found in points.items()}
    packages = ("leanspike", "torch", "lightning", "numba", "numpy")
    results = {
        "what": "small network 16-32-32-128, T=10; float 8 epochs; test accuracy in percent from "
        "the weights that validated best, once a row; below: points below the float network of "
        "the same seed, mean and sample standard deviation over seeds; p: exact sign test "
        "(McNemar) over the recordings of all seeds on which the two differ",
        "command": f"python benchmarks/frontier.py --data FOLDER --out FILE --seeds "
        f"{options.seeds}",
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "date": datetime.date.today().isoformat(),
        "remark": options.remark,
        "table": table,
        "points": {
            f"{name}, seed {seed}": point
            for name, found in points.items()
            for seed, point in found.items()
        },
    }
    save(options.out, results)
    return results


def compare(found: dict[int, dict[str, Any]], floats: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Compare a row's points with the float networks of their seeds."""
    accuracy, below, won, lost = [], [], 0, 0
    for seed, point in found.items():
        pairs = list(zip(point["right"], floats[seed]["right"], strict=True))
        accuracy.append(100 * point["right"].count("1") / len(pairs))
        lost += pairs.count(("0", "1"))
        won += pairs.count(("1", "0"))
        below.append(100 * (pairs.count(("0", "1")) - pairs.count(("1", "0"))) / len(pairs))
    return {
        "seeds": len(found),
        "epochs": next(iter(found.values()))["epochs"],
        "test": round(statistics.mean(accuracy), 2),
        "below": round(statistics.mean(below), 2),
        "spread": round(statistics.stdev(below), 2) if len(below) > 1 else None,
        "p": round(sign_test(won, lost), 4),
        "validation": round(100 * statistics.mean(p["validation"] for p in found.values()), 2),
        "zeros": round(statistics.mean(p["zeros"] for p in found.values()), 4),
    }


def sign_test(won: int, lost: int) -> float:
    """Two-sided exact probability of a split at least as uneven by chance."""
    n, k = won + lost, min(won, lost)
    return min(1.0, 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n)


def markdown(results: dict[str, Any]) -> str:
    """Show the table as a page of the docs does."""
    lines = [
        "| network | epochs | seeds | test | points below float | p |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in results["table"].items():
        spread = "" if row["spread"] is None else f" +- {row['spread']:.2f}"
        chance = f"{row['p']:.2g}" if row["p"] >= 1e-4 else "< 0.0001"
        lines.append(
            f"| {name} | {row['epochs']} | {row['seeds']} | {row['test']:.2f} % | "
            f"{row['below']:.2f}{spread} | {chance} |"
        )
    return "\n".join(lines)


def main() -> None:
    made = parser(__doc__.splitlines()[0])
    made.add_argument("--only-seeds", default="", help="train these, by commas; all by default")
    made.add_argument("--rows", default="", help="only rows whose name contains one of these, by |")
    made.add_argument("--list", action="store_true", help="show the rows")
    made.add_argument("--batch-size", type=int, default=16)
    made.add_argument("--shift", type=int, default=1)
    options = made.parse_args()
    if options.markdown:
        print(markdown(json.loads(options.out.read_text())))
        return
    table: dict[str, Strategy | None] = {"float": None, **rows()}
    names = [n for n in table if n == "float" or any(p in n for p in options.rows.split("|"))]
    if options.list:
        for name in names:
            strategy = table[name]
            print(f"{strategy.epochs if strategy else 0:3} epochs  {name}")
        return
    torch.set_num_threads(options.threads)
    options.work = options.work or Path("runs") / options.out.stem
    seeds = [int(s) for s in options.only_seeds.split(",") if s] or list(range(options.seeds))
    for name in names:
        for seed in seeds:
            file = options.work / f"seed{seed}" / f"{plain(name)}.json"
            with held(file.with_suffix(".lock")) as mine:
                if not mine or file.exists():
                    continue
                print(f"-- {name}, seed {seed}", flush=True)
                save(file, run_row(table[name], seed, options))
    with held(options.work / "gather.lock", wait=True):
        print(markdown(gather(list(table), options)))


if __name__ == "__main__":
    main()
