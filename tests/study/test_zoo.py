"""Networks of other frameworks through the main job: one command, a report, nothing silent."""

from __future__ import annotations

import importlib.util
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import yaml

from leanspike.cli.main import run
from leanspike.compress import summary
from leanspike.events import DataReading, collect, keep_frames
from leanspike.study import Results
from leanspike.study.work.own_network import own_code

NETS = Path(__file__).parent / "zoo" / "nets.py"
STEPS = 4

pytestmark = pytest.mark.filterwarnings("ignore")


def made_up(
    shape: tuple[int, ...], folder: Path, *, classes: int = 4, static: bool = False
) -> Path:
    """Five recordings a class that differ in where their spikes are."""
    generator = np.random.default_rng(0)
    count = 5 * classes
    labels = np.arange(count) % classes
    size = (count, *shape) if static else (count, STEPS, *shape)
    x = (generator.random(size) < 0.25).astype(np.float32)
    for i, label in enumerate(labels):
        x[i].reshape(-1)[label::classes] += generator.random(x[i].size)[label::classes] < 0.4
    x = np.minimum(x, 1)
    reading = DataReading(T=STEPS, axes="CHW" if static else None)
    return keep_frames(collect((x, labels), reading=reading, name="made up"), folder)


def study_of(name: str, data: Path, tmp_path: Path, **compression: object) -> Results:
    """Run the study as a user would."""
    plain = {
        "name": "zoo",
        "data": {"source": str(data), "T": STEPS},
        "training": {"epochs": 1, "warmup_epochs": 0, "batch_size": 8},
        "compression": {"strategies": ["joint"], "bits": [2], "pruning": [0.5], "epochs": 2,
                        "lr": 1e-3, **compression},
        "hardware": {"architectures": ["eyeriss_snn"], "formats": ["RLE"], "statistics": ["mean"],
                     "assumptions": False},
    }  # fmt: skip
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(plain))
    out = tmp_path / "out"
    line = ["study", str(file), "--network", name, "--out", str(out), "--jobs", "1"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert run([*line, "--debug"]) == 0
    assert (out / "report.html").stat().st_size > 1000
    return Results.load(out)


def check_nothing_silent(results: Results, name: str) -> None:
    """Every weight of the network is priced or named, every cost a number above zero."""
    assert len(results.priced) == results.planned == 2
    assert not results.failures
    net = own_code(name).build(0)
    layers = {layer.name for layer in summary(net).layers}
    for point in results.priced:
        named = " ".join(point.left_out)
        priced = {part for layer in point.layers for part in layer.name.split("+")}
        assert {layer for layer in layers if layer not in priced and layer not in named} == set()
        assert point.stored_bits > 0
        for cost in point.costs:
            assert math.isfinite(cost.energy_pj)
            assert cost.energy_pj > 0
            assert {layer.name for layer in cost.layers} == {layer.name for layer in point.layers}
    joint = results.priced[1]
    assert joint.sparsity >= 0.45


@pytest.mark.peer
@pytest.mark.parametrize(
    ("name", "package", "shape", "runs"),
    [
        pytest.param(
            "gesture_net",
            "spikingjelly",
            (2, 128, 128),
            "SpikingJelly, all steps a call",
            marks=pytest.mark.slow,
        ),
        ("sew_resnet18", "spikingjelly", (3, 32, 32), "SpikingJelly, all steps a call"),
        ("spikformer", "spikingjelly", (2, 16, 16), "SpikingJelly, all steps a call"),
        pytest.param(
            "spiking_vgg11",
            "spikingjelly",
            (3, 32, 32),
            "SpikingJelly, one step a call",
            marks=pytest.mark.slow,
        ),
        ("Tutorial5", "snntorch", (1, 28, 28), "makes its own steps, input flattened"),
        ("tutorial7", "snntorch", (2, 34, 34), "one step a call, output (spikes, membranes)"),
        ("RecurrentLeaky", "snntorch", (20,), "output (spikes, membranes): using spikes"),
        ("NorseConvNet", "norse", (1, 28, 28), "Norse, makes its own steps"),
        ("norse_sequence", "norse", (2, 16, 16), "one step a call, state handed on"),
        ("sinabs_from_model", "sinabs", (2, 16, 16), "batch and time in one axis"),
        ("RecurrentSHD", "torch", (20,), "batch first, output (membranes, other)"),
    ],
)
def test_zoo(name: str, package: str, shape: tuple[int, ...], runs: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs {package}")
    classes = 11 if name == "gesture_net" else 4  # its head is that wide
    static = name in ("Tutorial5", "NorseConvNet")
    data = made_up(shape, tmp_path / "data", classes=classes, static=static)
    results = study_of(f"{NETS}:{name}", data, tmp_path)
    assert runs in results.file.network.runs
    check_nothing_silent(results, f"{NETS}:{name}")
