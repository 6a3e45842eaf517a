"""A table of accuracies: rows of compression, each trained from one float network per seed.

Not a script: `compression_accuracy.py` and `nmnist_accuracy.py` hand their rows to `fill`. Every
point is a file of its own in the work folder, held by a lock while it is trained, so several
processes started alike share the points, and a stopped one continues. A row starts from the float
network of its seed; the validation split is drawn from train.npz by the seed; the test split is
evaluated once per point, with the weights that validated best.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import dataclasses
import datetime
import fcntl
import functools
import importlib.metadata
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from leanspike.compress import StateConfig, Strategy, prepare, prepare_state, summary
from leanspike.events import FrameConfig, FrameData, load_data
from leanspike.nn import NetworkConfig, build_network
from leanspike.training import (
    Batches,
    EpochRecord,
    TrainingConfig,
    evaluate,
    fit,
    network_input,
    run_strategy,
)

Scores = Callable[[nn.Module, list[tuple[Tensor, Tensor]]], dict[str, Tensor]]
SETTINGS = (
    "epochs",
    "fine_epochs",
    "lr",
    "fine_lr",
    "prune_lr",
    "batch_size",
    "shift",
    "steps",
    "threads",
)


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: a strategy; scores that need data; membranes of few bits.

    Rows of a lower `group` are trained first, for all seeds.
    """

    strategy: Strategy
    scores: Scores | None = None
    state: StateConfig | None = None
    group: int = 0


def parser(what: str) -> argparse.ArgumentParser:
    """Options that every table has."""
    made = argparse.ArgumentParser(description=what)
    made.add_argument("--data", required=True, help="folder with train.npz and test.npz, or a name")
    made.add_argument("--out", type=Path, required=True, help="JSON file of results")
    made.add_argument("--work", type=Path, help="points and trainings; runs/<name of --out>")
    made.add_argument("--seeds", type=int, default=3)
    made.add_argument("--points", type=int, default=-1, help="stop after so many new points")
    made.add_argument("--steps", type=int, default=10, help="frames per recording")
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--remark", default="", help="kept with the results")
    made.add_argument("--markdown", action="store_true", help="show what --out holds, and stop")
    return made


def fill(rows: Mapping[str, Row], options: argparse.Namespace, *, what: str) -> None:
    """Train every point that is not there yet and print the table."""
    if options.markdown:
        print(markdown(json.loads(options.out.read_text())))
        return
    torch.set_num_threads(options.threads)
    options.work = options.work or Path("runs") / options.out.stem
    settings = {name: value for name, value in vars(options).items() if name in SETTINGS}
    check_settings(options.work / "settings.json", settings)
    left = options.points
    for seed, name in plan(rows, options.seeds):
        file = options.work / f"seed{seed}" / f"{plain(name)}.json"
        with held(file.with_suffix(".lock")) as mine:
            if not mine or file.exists() or left == 0:
                continue
            print(f"-- {name}, seed {seed}", flush=True)
            save(file, run_point(name, rows.get(name), seed, options))
            left -= 1
        gather(rows, options, settings, what)
    for name, row in gather(rows, options, settings, what)["summary"].items():
        print(f"{name:36s} test {row['test_mean']:6.2f} % (+- {row['test_spread']:.2f})")


def plan(rows: Mapping[str, Row], seeds: int) -> list[tuple[int, str]]:
    """Float networks first, then group by group, and within a group seed by seed."""
    points = [(seed, "float") for seed in range(seeds)]
    for group in sorted({row.group for row in rows.values()}):
        names = [name for name, row in rows.items() if row.group == group]
        points += [(seed, name) for seed in range(seeds) for name in names]
    return points


def run_point(name: str, row: Row | None, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train one point and measure it."""
    data = load(options.data, options.steps, seed)
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
    with held(work / "float.training", wait=True):
        results = [fit(net, data, training, out=work / "float", seed=seed, progress=show)]
    if row is not None:
        if row.state is not None:
            prepare_state(net, row.state)
        if row.scores is not None:
            draw_by(row.scores, net, row.strategy, data)
        results = run_strategy(
            net,
            data,
            row.strategy,
            training=training,
            out=work / plain(name),
            seed=seed,
            progress=show,
        )
    weighed = summary(net)
    return {
        "seed": seed,
        "validation": results[-1].validation_accuracy,
        "test": evaluate(net, data.test),
        "best_epoch": results[-1].best_epoch,
        "epochs": sum(len(result.history) for result in results),
        "seconds": round(sum(result.seconds for result in results), 1),
        "size_kB": round(weighed.size_bits / 8000, 2),
        "sparsity": {layer.name: round(layer.sparsity, 4) for layer in weighed.layers},
    }


@functools.lru_cache(maxsize=1)
def load(source: str, steps: int, seed: int) -> FrameData:
    """Give the frames with the seed's validation split."""
    return load_data(source, frames=FrameConfig(T=steps), seed=seed)


def draw_by(scores: Scores, net: nn.Module, strategy: Strategy, data: FrameData) -> None:
    """Draw the first phase's mask by scores from four batches; the phase then keeps it."""
    compression = strategy.phases[0].compression
    assert compression is not None
    batches = []
    for frames, labels in Batches(data.train, 64):
        batches.append((network_input(frames), labels))
        if len(batches) == 4:
            break
    prepare(net, compression, scores=scores(copy.deepcopy(net), batches))


def gather(
    rows: Mapping[str, Row], options: argparse.Namespace, settings: dict[str, Any], what: str
) -> dict[str, Any]:
    """Write all points so far into one file, with each row's mean and spread in percent."""
    with held(options.work / "gather.lock", wait=True):
        points: dict[str, Any] = {}
        means: dict[str, Any] = {}
        for name in ("float", *rows):
            mine = {
                f"{name}, seed {seed}": json.loads(file.read_text())
                for seed in range(options.seeds)
                if (file := options.work / f"seed{seed}" / f"{plain(name)}.json").exists()
            }
            points |= mine
            if mine:
                means[name] = mean_and_spread(list(mine.values()))
        results = {**describe(options, settings, what), "summary": means, "points": points}
        save(options.out, results)
    return results


def markdown(results: dict[str, Any]) -> str:
    """Show the table as a page of the docs does."""
    lines = ["| network | epochs | seeds | test accuracy |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {row['epochs']} | {row['seeds']} | "
        f"{row['test_mean']:.2f} +- {row['test_spread']:.2f} % |"
        for name, row in results["summary"].items()
    ]
    return "\n".join(lines)


def mean_and_spread(points: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and sample standard deviation over seeds, in percent."""
    test = [100 * point["test"] for point in points]
    return {
        "seeds": len(points),
        "test_mean": round(statistics.mean(test), 3),
        "test_spread": round(statistics.stdev(test), 3) if len(test) > 1 else 0.0,
        "validation_mean": round(100 * statistics.mean(p["validation"] for p in points), 3),
        "epochs": points[0]["epochs"],
        "size_kB": points[0]["size_kB"],
    }


def describe(options: argparse.Namespace, settings: dict[str, Any], what: str) -> dict[str, Any]:
    """Say what was measured, how, with what, where and when."""
    packages = ("leanspike", "torch", "lightning", "numba", "numpy")
    script = Path(sys.argv[0]).name
    return {
        "what": f"{what}; frames by equal event count; test accuracy in percent from the weights "
        "that validated best; spread is the sample standard deviation over seeds; sizes count "
        "zeros",
        "command": f"python benchmarks/{script} --data FOLDER --out FILE --seeds {options.seeds} "
        + " ".join(f"--{name.replace('_', '-')} {value}" for name, value in settings.items()),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
        "date": datetime.date.today().isoformat(),
        "remark": options.remark,
        "settings": settings,
    }


def check_settings(file: Path, settings: dict[str, Any]) -> None:
    """Keep the settings beside the points; refuse to mix points of different ones."""
    if not file.exists():
        save(file, settings)
    kept = json.loads(file.read_text())
    if kept != settings:
        sys.exit(f"{file.parent} holds points of other settings: {kept}")


@contextlib.contextmanager
def held(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a lock file that lets go when the process ends; gives False where another holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(content, indent=1) + "\n")
    partial.replace(path)


def plain(name: str) -> str:
    """Make a row's name a file's."""
    return "".join(c if c.isalnum() or c in ".+:-" else "_" for c in name)


def show(record: EpochRecord) -> None:
    """Print one line per epoch."""
    print(
        f"epoch {record.epoch}: train loss {record.train_loss:.4f}, validation "
        f"{100 * record.validation_accuracy:.2f} %, {record.seconds:.1f} s",
        flush=True,
    )
