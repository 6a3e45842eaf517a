from pathlib import Path

import pytest

from leanspike.errors import InputError
from leanspike.hardware.architecture import Architecture
from leanspike.hardware.case import Case
from leanspike.hardware.cost import WorkloadCost
from leanspike.hardware.layer import Layer
from leanspike.hardware.mapping import Mapping
from leanspike.hardware.plots.costs import moved_bits, plot_costs, plot_layers, plot_roofline
from leanspike.hardware.semantics import Semantics


def priced() -> tuple[WorkloadCost, Architecture]:
    access = {"read": 1.0, "write": 1.0, "update": 1.0}
    chip = Architecture(
        name="tiny",
        levels=[
            {
                "name": "DRAM",
                "keeps": ["Weights", "Inputs", "Outputs"],
                "width": 8,
                "word_bits": 8,
                "bandwidth": {"shared": 4},
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


def test_a_dense_layer_moves_its_values(tmp_path: Path) -> None:
    cost, chip = priced()
    # 8 weights, 8 inputs, 8 updates of 2 sums with 6 reads back (the first needs none): 30 bytes.
    assert moved_bits(cost.layers[0], "DRAM", 8) == pytest.approx(8 * cost.energy_pj)
    assert moved_bits(cost.layers[0], "DRAM", 8) == pytest.approx(30 * 8)
    figure = plot_roofline(cost, chip, level="DRAM")
    assert "DRAM: 32 bits per cycle" in figure.axes[0].get_legend_handles_labels()[1]
    for name, drawn in (("l", plot_layers(cost)), ("c", plot_costs({"a": cost}, by="tensor"))):
        drawn.savefig(tmp_path / f"{name}.png")
        assert drawn.axes[0].containers


def test_no_bandwidth_no_roof() -> None:
    cost, _ = priced()
    bare = Architecture(name="bare", levels=[{"name": "DRAM", "keeps": ["Weights"]}])
    with pytest.raises(InputError, match="level DRAM: has no bandwidth or width"):
        plot_roofline(cost, bare, level="DRAM")
