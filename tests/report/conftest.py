"""A made-up study's database: numbers from simple formulas, through the real store."""

import random

import pytest

from leanspike.study import Results, StudyFile
from leanspike.study.plan import plan
from leanspike.study.store import Store

LAYERS = (("conv1", 288), ("conv2", 4608), ("conv3", 9216), ("dense1", 65536), ("dense2", 12800))
PARTS = ("DRAM", "buffer", "input scratchpad", "weight scratchpad", "sum scratchpad", "compute")
FORMATS = {"none": 1.6, "RLE": 1.0, "UOP": 1.1, "UBM": 1.05, "CP": 1.25}
SWITCHES = {"membrane_state": 0.8, "run_overflow": 0.99, "load_imbalance": 1.0}
INDUCED = {2: 0.6, 3: 0.3, 4: 0.15}


def measured(recipe, draw):
    bits, sparsity = recipe["weight_bits"], recipe["sparsity"]
    zeros = 1 - (1 - sparsity) * (1 - INDUCED.get(bits, 0.01))
    loss = 0.002 * (bits == 2) + (0.05 * (sparsity - 0.75) if sparsity > 0.9 else 0)
    # Hard recordings are hard for every network.
    right = [draw.gauss(0.0, 0.3) + (i - 20) / 40 > loss * 10 for i in range(400)]
    layers = [
        {"name": name, "weights": n, "bits": bits or 32, "sparsity": zeros, "pruned": sparsity}
        for name, n in LAYERS
    ]
    densities = [
        {"name": name, "T": 10, "C": 16, "M": n // 16, "bits": {"weights": bits or 32},
         "density": {"weights": {"mean": 1 - zeros, "max": 1 - zeros},
         "inputs": {"mean": 0.1, "max": 0.3}, "outputs": {"mean": 0.08, "max": 0.2}}}
        for name, n in LAYERS
    ]  # fmt: skip
    return {"right": "".join("01"[mark] for mark in right), "validation_accuracy": 0.95,
            "weight_bits": bits, "sha256": "0" * 64, "checkpoint": "best.safetensors",
            "layers": layers,
            "workload": {"name": "made-up", "layers": densities}}  # fmt: skip


def priced(measured, hardware):
    bits = measured["weight_bits"] or hardware["unquantized_bits"]
    kept = 1 - measured["layers"][0]["sparsity"]
    main = (hardware["formats"][0], hardware["statistics"][0])
    readings = [(f, s, None) for f in hardware["formats"] for s in hardware["statistics"]]
    if hardware["assumptions"]:
        readings += [(*main, name) for name in SWITCHES]
    costs = []
    for format_, statistic, flipped in readings:
        factor = FORMATS[format_] * (1.8 if statistic == "max" else 1) * SWITCHES.get(flipped, 1)
        layers = []
        for name, weights in LAYERS:
            energy = factor * weights * (20 + 60 * kept * (0.4 + 0.075 * bits))
            components = {part: energy / 2 ** (i + 1) for i, part in enumerate(PARTS)}
            layers.append({"name": name, "energy_pj": sum(components.values()),
                           "cycles": weights * 3.0, "computes": weights * 2.0,
                           "components": components})  # fmt: skip
        energy = sum(layer["energy_pj"] for layer in layers)
        latency = sum(layer["cycles"] for layer in layers) * 5e-9
        costs.append({"architecture": hardware["architectures"][0], "format": format_,
                      "statistic": statistic, "flipped": flipped, "energy_pj": energy,
                      "cycles": latency / 5e-9, "latency_s": latency,
                      "edp_js": energy * 1e-12 * latency, "layers": layers})  # fmt: skip
    return {"costs": costs}


def make(path, study, *, until=None):
    """Write a study's database, with the first `until` tasks done or all of them."""
    draw = random.Random(0)
    store = Store(path, create=True)
    data = {"name": "made-up", "fingerprint": "ab" * 32, "classes": 10, "shape": [2, 34, 34],
            "T": 10, "recordings": [1200, 200, 400]}  # fmt: skip
    provenance = {"leanspike": "0", "git": None, "python": "3.11", "packages": {"torch": "2"},
                  "machine": "made up"}  # fmt: skip
    tasks = plan(study, fingerprint=data["fingerprint"])
    store.begin(study, tasks, data=data, provenance=provenance)
    for _ in tasks if until is None else range(until):
        task = store.claim("test:1")
        if task.kind == "train":
            result = {}
        elif task.kind == "measure":
            result = measured(task.recipe, draw)
        else:
            result = priced(store.result(task.needs), task.recipe)
        store.finish(task.key, "test:1", result, seconds=0)
    store.close()
    return path


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """Three seeds of the default grid, all done."""
    path = tmp_path_factory.mktemp("made-up") / "study.db"
    return make(path, StudyFile(name="made <up> & quoted", seeds=(0, 1, 2)))


@pytest.fixture(scope="session")
def results(database):
    return Results.load(database)


@pytest.fixture
def made(tmp_path):
    """Make another study's database."""

    def of(study, **options):
        return make(tmp_path / "other.db", study, **options)

    return of
