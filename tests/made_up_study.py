"""A made-up study's database: numbers from simple formulas, through the real store."""

import random

import pytest

from leanspike.hardware.workload.workload import Layer, Workload
from leanspike.study import Results, StudyFile
from leanspike.study.plan.tasks import plan
from leanspike.study.records import (
    Cost,
    LayerPrice,
    LayerWeights,
    MeasureResult,
    PriceResult,
    StudyData,
)
from leanspike.study.work.pricing import readings
from leanspike.study.work.store import Store
from made_up_records import PROVENANCE, Made

LAYERS = (("conv1", 288), ("conv2", 4608), ("conv3", 9216), ("dense1", 65536), ("dense2", 12800))
PARTS = ("DRAM", "buffer", "input scratchpad", "weight scratchpad", "sum scratchpad", "compute")
FORMATS = {"none": 1.6, "RLE": 1.0, "UOP": 1.1, "UBM": 1.05, "CP": 1.25, "own": 1.0}
SWITCHES = {"membrane_state": 0.8, "run_overflow": 0.99, "load_imbalance": 1.0}
NARROW = 0.75  # of the energy, with narrow membranes
INDUCED = {2: 0.6, 3: 0.3, 4: 0.15}


def measured(point, draw):
    bits, sparsity = point.weight_bits, point.sparsity
    zeros = 1 - (1 - sparsity) * (1 - INDUCED.get(bits, 0.01))
    loss = 0.002 * (bits == 2) + (0.05 * (sparsity - 0.75) if sparsity > 0.9 else 0)
    # Hard recordings are hard for every network.
    right = [draw.gauss(0.0, 0.3) + (i - 20) / 40 > loss * 10 for i in range(400)]
    layers = [LayerWeights(name, n, bits or 32, zeros, sparsity) for name, n in LAYERS]
    workload = Workload(
        name="made-up",
        layers=tuple(
            Layer(
                name=name, T=10, C=16, M=n // 16, bits={"weights": bits or 32},
                density={"weights": {"mean": 1 - zeros, "max": 1 - zeros},
                         "inputs": {"mean": 0.1, "max": 0.3},
                         "outputs": {"mean": 0.08, "max": 0.2}},
            )
            for name, n in LAYERS
        ),
    )  # fmt: skip
    return MeasureResult(
        "".join("01"[mark] for mark in right), 0.95, bits, "0" * 64, "best.safetensors",
        tuple(layers), workload,
    )  # fmt: skip


def priced(measured, hardware):
    bits = measured.weight_bits or hardware.unquantized_bits
    kept = 1 - measured.layers[0].sparsity
    main = (hardware.architectures[0], hardware.formats[0], hardware.statistics[0])
    asked = hardware.model_copy(update={"assumptions": False})
    every = [(r.architecture, r.format, r.statistic, None) for r in readings(asked)]
    if hardware.assumptions:
        every += [(*main, name) for name in SWITCHES]
    costs = []
    for architecture, format_, statistic, flipped in every:
        factor = FORMATS[format_] * (1.8 if statistic == "max" else 1) * SWITCHES.get(flipped, 1)
        factor *= 1 + hardware.architectures.index(architecture)
        layers = []
        for name, weights in LAYERS:
            energy = factor * weights * (20 + 60 * kept * (0.4 + 0.075 * bits))
            parts = {part: energy / 2 ** (i + 1) for i, part in enumerate(PARTS)}
            price = (sum(parts.values()), weights * 3.0, weights * 2.0)
            tensors = {"Weights": 0.3 * price[0], "State": 0.7 * price[0]}
            layers.append(LayerPrice(name, *price, parts, tensors=tensors))
        energy = sum(layer.energy_pj for layer in layers)
        latency = sum(layer.cycles for layer in layers) * 5e-9
        total = (energy, latency / 5e-9, latency, energy * 1e-12 * latency)
        reading = (architecture, format_, statistic, flipped)
        costs.append(Cost(*reading, *total, tuple(layers)))
    return PriceResult(tuple(costs), narrow_pj=NARROW * costs[0].energy_pj)


def make(path, study, *, until=None):
    """Write a study's database, with the first `until` tasks done or all of them."""
    draw = random.Random(0)
    store = Store(path, create=True)
    data = StudyData("made-up", "ab" * 32, 10, (2, 34, 34), 10, (1200, 200, 400))
    tasks = plan(study, fingerprint=data.fingerprint)
    store.begin(study, tasks, data=data, provenance=PROVENANCE)
    for _ in tasks if until is None else range(until):
        task = store.claim("test:1")
        if task.kind == "train":
            result = Made()
        elif task.kind == "measure":
            result = measured(task.recipe, draw)
        else:
            result = priced(store.result(task.needs, MeasureResult), task.recipe)
        store.finish(task.key, "test:1", result, seconds=0)
    store.close()
    return path


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """Three seeds of the published recipe's grid, all done."""
    path = tmp_path_factory.mktemp("made-up") / "study.db"
    compression = {"recipe": "published"}
    return make(
        path, StudyFile(name="made <up> & quoted", compression=compression, seeds=(0, 1, 2))
    )


@pytest.fixture(scope="session")
def results(database):
    return Results.load(database)


@pytest.fixture
def made(tmp_path):
    """Make another study's database."""

    def of(study, **options):
        return make(tmp_path / "other.db", study, **options)

    return of
