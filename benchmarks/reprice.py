"""The studies behind the claims, priced anew from the activity that is stored of them.

`benchmarks/results/claims/NAME-points.csv` and `NAME-layers.csv` hold of every trained network its
accuracy and, layer by layer, bits, zeros and densities. Shapes and the widths of activations follow
from the network itself, which is built from `NAME.yaml` and run once on frames of the same width.
What else the training left (which recordings are right) is not there, so claims on accuracy alone
are kept as they were judged.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import torch
import yaml

from leanspike.activity import measure
from leanspike.errors import InputError
from leanspike.files import write_whole
from leanspike.hardware.workload.layer import Bits, Densities
from leanspike.hardware.workload.workload import Workload
from leanspike.nn import build_network
from leanspike.study import Point, PointResult, Results, StudyFile
from leanspike.study.records import (
    LayerWeights,
    MeasureResult,
    PriceResult,
    Provenance,
    StudyData,
    plain,
)
from leanspike.study.records import read as as_record
from leanspike.study.work.networks import network_config
from leanspike.study.work.pricing import price_points

CLAIMS = Path(__file__).parent / "results" / "claims"
#: By study: name, shape, classes and largest event count of a frame (as its bits say) of its data.
#: With these the version that made the tables priced every layer as it stands there.
DATA: dict[str, tuple[str, tuple[int, int, int], int, int]] = {
    "gestures": ("gestures-synthetic:64", (2, 64, 64), 11, 31),
    "nmnist": ("nmnist10", (2, 34, 34), 10, 15),
    "digits": ("digits-dvs", (2, 34, 34), 10, 7),
}


def stored_results(name: str, kept: Path) -> Results:
    """Return a study's results, its prices those of this version.

    Parameters
    ----------
    name
        One of `DATA`.
    kept
        A file for the prices, point by point: what it has is not priced again.
    """
    file = study_file(name)
    points = tuple(_points(name, file, kept))
    title, shape, classes, _ = DATA[name]
    return Results(
        where=str(CLAIMS),
        file=file,
        data=StudyData(title, "", classes, shape, file.data.T, (0, 0, points[0].samples)),
        provenance=Provenance("", None, "", {}, ""),
        points=points,
        planned=len(points),
        failures=(),
    )


def study_file(name: str) -> StudyFile:
    """Read a study's file."""
    path = CLAIMS / f"{name}.yaml"
    return as_record(StudyFile, yaml.safe_load(path.read_text("utf-8")), where=path.name)


@torch.no_grad()
def geometry(name: str) -> Workload:
    """Return a study's network as a workload whose densities and weights are yet to come."""
    file, (_, shape, classes, most) = study_file(name), DATA[name]
    steps = file.data.T
    config = network_config(file.network, shape=shape, classes=classes, T=steps)
    net = build_network(config, seed=0)
    for key, value in net.state_dict().items():  # every layer is to fire, for its width to be seen
        if key.endswith("running_var"):
            value.fill_(0.01)
        if key.startswith("dense"):
            value.mul_(30)
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(0, most + 1, (steps, 2, *shape), generator=generator).float()
    frames[0, 0, 0, 0, 0] = most
    return measure(net, [frames], weight_bits=8, name=name)


def _points(name: str, file: StudyFile, kept: Path) -> Iterator[PointResult]:
    network = geometry(name)
    priced = json.loads(kept.read_text("utf-8")) if kept.exists() else {}

    def key(row: dict[str, str]) -> tuple[str, ...]:
        return row["strategy"], row["weight_bits"], row["sparsity"], row["seed"]

    layers = {k: list(rows) for k, rows in groupby(read(f"{name}-layers.csv"), key)}
    for point, found in groupby(read(f"{name}-points.csv"), key):
        row, label = next(found), ", ".join(point)
        workload = measured(network, {each["layer"]: each for each in layers[point]})
        if label not in priced:
            (found_price,) = price_points([(workload, True)], file.hardware)
            if isinstance(found_price, InputError):
                raise found_price
            priced[label] = plain(found_price)
            write_whole(kept, json.dumps(priced), parents=True)
        bits = int(row["weight_bits"]) if row["weight_bits"] else None
        samples = int(row["samples"])
        right = round(float(row["accuracy"]) * samples)
        yield PointResult(
            key=label,
            point=Point(row["strategy"], bits, float(row["sparsity"]), int(row["seed"])),
            measured=MeasureResult(
                right="1" * right + "0" * (samples - right),
                validation_accuracy=float(row["validation_accuracy"]),
                weight_bits=bits,
                sha256=row["checkpoint_sha256"],
                checkpoint="",
                layers=tuple(
                    LayerWeights(
                        each["layer"],
                        int(each["weights"]),
                        int(each["bits"]),
                        float(each["weight_zeros"]),
                    )
                    for each in layers[point]
                ),
                workload=workload,
            ),
            unquantized_bits=file.hardware.unquantized_bits,
            costs=as_record(PriceResult, priced[label], where=kept.name).costs,
        )


def measured(network: Workload, stored: dict[str, dict[str, str]]) -> Workload:
    """Return a network's workload with the bits and densities of rows by layer."""
    layers = []
    for layer in network.layers:
        row = stored[layer.name]
        density = {
            tensor: {one: float(row[f"{tensor}_{one}"]) for one in ("mean", "max")}
            for tensor in ("inputs", "outputs")
        }
        densities = Densities(weights=1 - float(row["weight_zeros"]), **density)
        bits = Bits(**{**dict(layer.bits), "weights": int(row["bits"])})
        layers.append(layer.replace(density=densities, bits=bits))
    return network.replace(layers=tuple(layers))


def read(file: str) -> list[dict[str, str]]:
    """Read one of the stored tables."""
    with (CLAIMS / file).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))
