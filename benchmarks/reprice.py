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
from typing import Any

import torch
import yaml

from leanspike.activity import measure
from leanspike.files import write_whole
from leanspike.hardware.layer import Bits, Densities
from leanspike.hardware.workload import Workload
from leanspike.nn import build_network
from leanspike.study import Results
from leanspike.study.file import HardwareSection, NetworkSection
from leanspike.study.networks import network_config
from leanspike.study.point_result import PointResult, point_result
from leanspike.study.pricing import price_point

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
    file = yaml.safe_load((CLAIMS / f"{name}.yaml").read_text(encoding="utf-8"))
    network = geometry(name, file)
    points = tuple(_points(name, network, file, kept))
    data = {"name": DATA[name][0], "shape": list(DATA[name][1])}
    return Results(str(CLAIMS), file, data, {}, points, len(points), ())


@torch.no_grad()
def geometry(name: str, file: dict[str, Any]) -> Workload:
    """Return a study's network as a workload whose densities and weights are yet to come."""
    _, shape, classes, most = DATA[name]
    steps = file["data"]["T"]
    section = NetworkSection(**file["network"])
    net = build_network(network_config(section, shape=shape, classes=classes, T=steps), seed=0)
    for key, value in net.state_dict().items():  # every layer is to fire, for its width to be seen
        if key.endswith("running_var"):
            value.fill_(0.01)
        if key.startswith("dense"):
            value.mul_(30)
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(0, most + 1, (steps, 2, *shape), generator=generator).float()
    frames[0, 0, 0, 0, 0] = most
    return measure(net, [frames], weight_bits=8, name=name)


def _points(
    name: str, network: Workload, file: dict[str, Any], kept: Path
) -> Iterator[PointResult]:
    hardware = HardwareSection(**file["hardware"])
    priced = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    keys = ("strategy", "weight_bits", "sparsity", "seed")

    def key(row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row[one] for one in keys)

    layers = {k: list(rows) for k, rows in groupby(read(f"{name}-layers.csv"), key)}
    for point, found in groupby(read(f"{name}-points.csv"), key):
        row = next(found)
        bits = int(row["weight_bits"]) if row["weight_bits"] else None
        own = {each["layer"]: each for each in layers[point]}
        workload = _measured(network, own)
        label = ", ".join(point)
        if label not in priced:
            priced[label] = price_point(workload, hardware, quantized=True)
            write_whole(kept, json.dumps(priced), parents=True)
        samples = int(row["samples"])
        right = round(float(row["accuracy"]) * samples)
        yield point_result(
            {
                "strategy": row["strategy"],
                "weight_bits": bits,
                "sparsity": float(row["sparsity"]),
                "seed": int(row["seed"]),
            },
            {
                "right": "1" * right + "0" * (samples - right),
                "validation_accuracy": float(row["validation_accuracy"]),
                "layers": [
                    {
                        "name": layer["layer"],
                        "weights": int(layer["weights"]),
                        "bits": int(layer["bits"]),
                        "sparsity": float(layer["weight_zeros"]),
                    }
                    for layer in own.values()
                ],
                "workload": workload.model_dump(mode="json"),
                "sha256": row["checkpoint_sha256"],
            },
            priced[label],
            unquantized_bits=hardware.unquantized_bits,
        )


def _measured(network: Workload, stored: dict[str, dict[str, str]]) -> Workload:
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
