"""The front that the search finds beside the uniform grid's, at equal numbers of trainings.

    python benchmarks/search_vs_grid.py --data FOLDER --out FILE

A study per seed: the small network trained in float once; from it a uniform grid (every layer the
same bits and fraction pruned: quantized alone, and jointly quantized and pruned), and a search for
bits and fraction layer by layer with as many trainings. The search sees nothing of the grid. The
seed is that of the networks and of the search. Each side's front is chosen by validation accuracy
and energy; its hypervolume is that of the chosen points' test accuracies. The reference point is
fixed beforehand: the float network's energy (its weights at 8 bits) and 90 % accuracy, about eight
points below float: what nobody would ship. Two other accuracies are shown beside it, and the
ideal: the float network's test accuracy at the energy of the cheapest network of both sides, which
a better search could exceed by chance only. The same is shown for the weights' size, which the
search did not look at. A run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from leanspike.study import MainReading, PointResult, Results, StudyFile, hypervolume, on_front
from leanspike.study.run import run_study

#: Accuracy of the reference point; the first is the one that counts.
REFERENCES = (0.90, 0.10, 0.95)


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads)
    seeds = {}
    for seed in options.seeds:
        study = study_of(options, seed)
        results = run_study(study, out=options.work / f"seed{seed}", jobs=1)
        seeds[seed] = {**compare(results), "provenance": dict(results.provenance)}
        plain_study = study.plain()
        plain_study["data"]["source"] = options.data.name
        report = {
            "what": "hypervolume (accuracy as a fraction times uJ, or kB) of the front chosen by "
            "validation accuracy and cost, from test accuracies; the first reference counts",
            "command": f"python benchmarks/search_vs_grid.py --data {options.data.name} --out FILE "
            f"--seeds {' '.join(map(str, options.seeds))}",
            "date": datetime.date.today().isoformat(),
            "summary": summary(list(seeds.values())),
            "study": plain_study,
            "seeds": seeds,
        }
        options.out.write_text(json.dumps(report, indent=1) + "\n")
    for row in report["summary"]:
        print(", ".join(f"{name} {value}" for name, value in row.items()))


def summary(seeds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and deviation over seeds of search over grid, and of the best that could be."""
    rows = []
    for alike in zip(*(seed["references"] for seed in seeds), strict=True):
        row = {"reference": f"{alike[0]['accuracy']:.0%} accuracy, {alike[0]['cost']} of float"}
        for name, over in (("search / grid", "search"), ("ideal / grid", "ideal")):
            ratios = [one[over] / one["grid"] for one in alike if one["grid"]]
            row[name] = (
                "none"
                if not ratios
                else f"{fmean(ratios):.3f}"
                + (f" +- {stdev(ratios):.3f}" if len(ratios) > 1 else "")
            )
        rows.append(row)
    return rows


def study_of(options: argparse.Namespace, seed: int) -> StudyFile:
    return StudyFile(
        name="search against grid",
        data={"source": str(options.data), "limit": options.limit},
        training={"epochs": options.epochs},
        compression={
            "strategies": ["quantize", "joint"],
            "bits": [2, 4],
            "pruning": [0.8, 0.9, 0.95],
            "epochs": options.fine_epochs,
            "scope": "layerwise",
        },
        hardware={"formats": ["RLE"], "statistics": ["mean"], "assumptions": False},
        search={
            "method": options.method,
            "trainings": 8,
            "generation": 4,
            "bits": [2, 3, 4, 8],
            "sparsity": [0.0, 0.5, 0.8, 0.9, 0.95],
            "seed": seed,
        },
        seeds=[seed],
    )


def compare(results: Results) -> dict[str, Any]:
    main_reading = MainReading.of(results)
    points = results.priced
    start = next(point for point in points if point.point.strategy == "float")
    sides = {
        "grid": [p for p in points if p.point.strategy in ("quantize", "joint")],
        "search": [p for p in points if p.point.strategy == "search"],
    }
    costs: dict[str, Callable[[PointResult], float]] = {
        "energy_uj": lambda point: main_reading.cost(point).energy_pj * 1e-6,
        "weights_kb": lambda point: point.stored_bits / 8000,
    }
    references = [
        {
            "accuracy": accuracy,
            "cost": name,
            "most": cost(start),
            **{side: volume(sides[side], cost, accuracy, start) for side in sides},
            "ideal": max(0.0, start.accuracy - accuracy)
            * (cost(start) - min(cost(point) for side in sides.values() for point in side)),
        }
        for name, cost in costs.items()
        for accuracy in REFERENCES
    ]
    return {
        "trainings": {name: len(side) for name, side in sides.items()},
        "references": references,
        "float": plain(start, main_reading),
        **{name: [plain(point, main_reading) for point in side] for name, side in sides.items()},
    }


def volume(
    side: Sequence[PointResult],
    cost: Callable[[PointResult], float],
    accuracy: float,
    start: PointResult,
) -> float:
    """Hypervolume of a side's front, chosen by validation and measured on test."""
    best = on_front([(point.validation_accuracy, -cost(point)) for point in side])
    chosen = [point for point, is_best in zip(side, best, strict=True) if is_best]
    measured = [(point.accuracy, -cost(point)) for point in chosen]
    return hypervolume(measured, reference=(accuracy, -cost(start)))


def plain(result: PointResult, main_reading: MainReading) -> dict[str, Any]:
    return {
        "setting": result.point.setting,
        "layers": {layer.name: [layer.bits, layer.sparsity] for layer in result.point.layers},
        "validation": result.validation_accuracy,
        "test": result.accuracy,
        "energy_uj": main_reading.cost(result).energy_pj * 1e-6,
        "weights_kb": result.stored_bits / 8000,
        "seconds": result.seconds,
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train.npz, test.npz")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of results")
    parser.add_argument("--work", type=Path, default=Path("runs/search_vs_grid"))
    parser.add_argument("--method", default="nsga2", choices=["nsga2", "tpe", "sensitivity"])
    parser.add_argument("--epochs", type=int, default=7, help="of the float network")
    parser.add_argument("--fine-epochs", type=int, default=3, help="of every training after it")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--limit", type=int, default=None, help="recordings per split")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
