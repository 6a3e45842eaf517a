from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture, Bandwidth, preset_names
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.cost import WorkloadCost
from leanspike.hardware.plots import plot_costs, plot_layers, plot_roofline
from leanspike.hardware.price import price
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Layer
from leanspike.hardware.workload.workload import Workload


def priced(**bandwidth: float) -> tuple[WorkloadCost, Architecture]:
    access = {"read": 1.0, "write": 1.0, "update": 1.0}
    chip = Architecture(
        name="tiny",
        levels=[
            {
                "name": "DRAM",
                "keeps": ["Weights", "Inputs", "Outputs"],
                "width": 8,
                "word_bits": 8,
                "bandwidth": bandwidth,
                "energy": access,
            }
        ],
    )
    case = Case.of(
        Layer(name="dense", C=4, M=2, neurons=False), chip, Semantics.preset("sparseloop")
    )
    layer = case.cost(Mapping.from_text(case.plan.problem.dims, ["M=2 C=4"]))
    cost = WorkloadCost("w", "tiny", "sparseloop", None, "mean", (layer,), {}, {})
    return cost, chip


def drawn(figure: Figure) -> tuple[list[list[float]], dict[str, float]]:
    """Read points (intensity, speed) and slopes of the slanted roofs off a figure."""
    axes = figure.axes[0]
    slopes = {}
    for line in axes.lines:
        x, y = (np.asarray(values, float) for values in line.get_data())
        if len(x) > 2:
            slopes[str(line.get_label())] = float((y / x).max())
    return np.asarray(axes.collections[0].get_offsets()).tolist(), slopes


def test_a_dense_layer_moves_its_values(tmp_path: Path) -> None:
    cost, chip = priced(shared=4)
    # 8 weights, 8 inputs, 8 updates of 2 sums with 6 reads back (the first needs none): 30 values
    # through a port of 4 a cycle.
    figure = plot_roofline(cost, chip, level="DRAM")
    points, slopes = drawn(figure)
    assert points == [[pytest.approx(8 / 30), pytest.approx(8 / 8)]]
    assert slopes == {"DRAM: 4 values per cycle": pytest.approx(4)}
    for name, other in (("l", plot_layers(cost)), ("c", plot_costs({"a": cost}, by="tensor"))):
        other.savefig(tmp_path / f"{name}.png")
        assert other.axes[0].containers


def test_a_layer_that_waits_for_a_level_lies_on_its_roof() -> None:
    """Counted by hand: 20-bit values in rows of 32 bits, half a row a cycle."""
    chip = Architecture(
        name="tiny",
        levels=[
            {
                "name": "DRAM",
                "keeps": ["Weights", "Inputs", "Outputs"],
                "width": 32,
                "bandwidth": {"read": 0.5, "write": 1000},
                "energy": {"read": 1.0, "write": 1.0, "update": 1.0},
            }
        ],
    )
    layer = Layer(name="dense", C=4, M=2, neurons=False, bits={"weights": 20, "inputs": 20})
    case = Case.of(layer, chip, Semantics())
    found = case.cost(Mapping.from_text(case.plan.problem.dims, ["M=2 C=4"]))
    cost = WorkloadCost("w", "tiny", "physical", None, "mean", (found,), {}, {})
    # A row holds one 20-bit value, so 8 + 8 rows are read; of partial sums (16 bits, two a row) 6
    # come back in 3 rows: 19 rows at half a row per cycle.
    assert found.cycles == pytest.approx(19 / 0.5)
    points, slopes = drawn(plot_roofline(cost, chip, level="DRAM"))
    assert points == [[pytest.approx(8 / (19 * 32)), pytest.approx(8 / 38)]]
    assert slopes == {"DRAM: 16 bits per cycle": pytest.approx(16)}
    assert under_its_roofs(cost, chip) == pytest.approx(1)


def under_its_roofs(cost: WorkloadCost, chip: Architecture) -> float:
    """Return how close the nearest layer comes to the roofs of any level, 1 at the most."""
    nearest = 0.0
    limited = [level for level in chip.levels if level.bandwidth != Bandwidth()]
    assert limited
    for level in limited:
        points, slopes = drawn(plot_roofline(cost, chip, level=level.name))
        peak = chip.instances(len(chip.levels))
        for intensity, speed in points:
            nearest = max(nearest, speed / min(peak, max(slopes.values()) * intensity))
    return nearest


CHIPS = [
    n
    for n in preset_names()
    if any(x.bandwidth != Bandwidth() for x in Architecture.load(n).levels)
]


@pytest.mark.parametrize(
    ("name", "semantics"), [*((name, "physical") for name in CHIPS), ("eyeriss_snn", "sparseloop")]
)
def test_no_layer_is_above_its_roof(name: str, semantics: str) -> None:
    layers = (
        Layer(
            name="conv", T=4, C=2, M=8, P=8, Q=8, R=3, S=3, padding=(1, 1), bits={"inputs": 4},
            density={"inputs": 0.1, "weights": 0.5},
        ),
        Layer(name="dense", T=4, C=128, M=16, density={"inputs": 0.05, "outputs": 0.1}),
    )  # fmt: skip
    chip = Architecture.load(name)
    cost = price(Workload(layers=layers), chip, semantics=semantics)
    assert 0 < under_its_roofs(cost, chip) <= 1 + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "semantics"), [*((name, "physical") for name in CHIPS), ("eyeriss_snn", "sparseloop")]
)
def test_no_published_layer_is_above_its_roof(name: str, semantics: str) -> None:
    chip = Architecture.load(name)
    cost = price("published", chip, semantics=semantics)
    assert 0 < under_its_roofs(cost, chip) <= 1 + 1e-9


def test_layers_without_work_are_named() -> None:
    layers = (
        Layer(name="some", C=8, M=8),
        Layer(name="none", C=8, M=8, density={"weights": 0}),
    )
    chip = Architecture.load("eyeriss_snn")
    cost = price(Workload(name="w", layers=layers), chip)
    figure = plot_roofline(cost, chip, level="shared_glb")
    assert "without none: nothing accumulated or moved" in figure.axes[0].get_title(loc="left")


def test_no_bandwidth_no_roof() -> None:
    cost, chip = priced()
    with pytest.raises(InputError, match="level DRAM: has no bandwidth"):
        plot_roofline(cost, chip, level="DRAM")
