"""Single mappings whose counts follow from a closed form or by hand."""

from __future__ import annotations

import numpy as np
import pytest

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.actions import FILL, READ, SKIPPED, UPDATE
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.cost import LayerCost
from leanspike.hardware.search.exhaustive import search
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.sparsity.density import Measured, Uniform
from leanspike.hardware.workload.layer import Layer

ALL = ["Weights", "Inputs", "Outputs"]
WEIGHTS, INPUTS, OUTPUTS = 0, 1, 2
SKIP_WEIGHTS = {"target": "Weights", "when_empty": ["Inputs"]}


def priced(layer: Layer, levels: list[dict], *lines: str, **described) -> LayerCost:
    chip = Architecture(
        name="chip",
        levels=[{"name": f"level{i}", "keeps": ALL, **level} for i, level in enumerate(levels)],
        **described,
    )
    case = Case.of(layer, chip, Semantics())
    return case.cost(Mapping.from_text(case.plan.problem.dims, list(lines)))


PADDED = Layer(
    name="conv", C=4, M=4, P=4, Q=4, R=3, S=3, padding=(1, 1), neurons=False,
    density={"inputs": 0.1},
)  # fmt: skip
NEST = "C=4 M=4 P=4 Q=4 R=3 S=3"


def test_padding_is_no_accumulate():
    # Along each axis 10 of 12 pairs of output and kernel index meet a value.
    found = priced(PADDED, [{"skips": [SKIP_WEIGHTS]}], NEST)
    assert found.computes["actual"] == pytest.approx(4 * 4 * 10 * 10 * 0.1)
    assert found.cycles == pytest.approx(160)


def test_measured_inputs_and_their_density_agree_on_padding():
    layer = PADDED.replace(density={"inputs": 0.25})
    held = np.zeros((1, 1, 4, 6, 6))
    held[0, 0, 0, 1:5, 1:5] = 1
    chip = Architecture(name="chip", levels=[{"name": "one", "keeps": ALL}])
    known = Case.of(layer, chip, Semantics(), models={"Inputs": Measured(held)})
    given = Case.of(layer, chip, Semantics())
    mapping = Mapping.from_text(known.plan.problem.dims, [NEST])
    assert known.models[INPUTS].density == given.models[INPUTS].density == 0.25
    assert known.cost(mapping).energy == given.cost(mapping).energy


def test_padding_is_neither_read_nor_held():
    found = priced(PADDED, [{}, {"width": 8, "depth": 999}], "", NEST)
    row = found.evaluation.row
    assert row.data[0, INPUTS, READ] == pytest.approx(4 * 16)
    assert row.data[1, INPUTS, READ] == pytest.approx(16 * 100)
    weights, inputs, outputs = 144 * 8, -(-4 * 16 // 8) * 8, 64 * 16
    assert found.storage_bits["level1"] == pytest.approx(weights + inputs + outputs)


def test_a_unit_that_does_not_skip_is_idle_for_padding():
    found = priced(PADDED.replace(density={}), [{}], NEST)
    assert found.computes["actual"] == pytest.approx(1600)
    assert found.computes["gated"] == pytest.approx(16 * (144 - 100))
    assert found.cycles == 16 * 144


def test_zeros_that_a_transposed_convolution_puts_between_cost_nothing():
    # Three values, every other place: rows 1 and 3 of 5 hold padding's kind of zeros.
    layer = Layer(
        name="up", C=1, M=1, P=5, R=1, upsampling=(2, 1), input_size=(3, 1), neurons=False
    )
    found = priced(layer, [{}, {}], "P=5", "")
    assert found.computes["actual"] == pytest.approx(3)
    assert found.evaluation.row.data[0, INPUTS, READ] == pytest.approx(3)


def test_conditions_on_different_leaders_multiply():
    # Outputs wait for inputs (0.25) outside and for weights (0.9) inside.
    layer = Layer(name="dense", C=10, M=4, neurons=False, density={"inputs": 0.25, "weights": 0.9})
    outer = {"skips": [{"target": "Outputs", "when_empty": ["Inputs"]}]}
    inner = {"skips": [{"target": "Outputs", "when_empty": ["Weights"]}]}
    data = priced(layer, [outer, inner], "C=10 M=4", "").evaluation.row.data
    assert (data >= 0).all()
    assert data[0, OUTPUTS, UPDATE] == pytest.approx(40 * 0.25)
    assert data[1, OUTPUTS, UPDATE] == pytest.approx(40 * 0.25 * 0.9)
    assert data[1, OUTPUTS, UPDATE + SKIPPED] == pytest.approx(40 * 0.25 * 0.1)


def test_two_conditions_at_one_level_both_hold():
    layer = Layer(name="dense", C=10, M=4, neurons=False, density={"inputs": 0.2, "weights": 0.5})
    both = {"skips": [{"target": "Outputs", "when_empty": ["Inputs", "Weights"]}]}
    apart = {"skips": [{"target": "Outputs", "when_empty": [name]} for name in ALL[:2]]}
    for level in (both, apart):
        data = priced(layer, [level], "C=10 M=4").evaluation.row.data
        assert data[0, OUTPUTS, UPDATE] == pytest.approx(40 * 0.1)


def test_no_search_returns_counts_below_zero():
    layer = Layer(name="dense", C=8, M=8, neurons=False, density={"inputs": 0.25, "weights": 0.875})
    energy = {"read": 1.0, "write": 1.0, "update": 1.0}
    chip = Architecture(name="chip", levels=[
        {"name": "outer", "keeps": ALL, "energy": energy,
         "skips": [{"target": "Outputs", "when_empty": ["Inputs"]}]},
        {"name": "inner", "keeps": ALL, "energy": energy,
         "skips": [{"target": "Outputs", "when_empty": ["Weights"]}]},
    ])  # fmt: skip
    found = search(layer, chip, objective="energy")
    assert (found.cost.evaluation.row.data >= 0).all()
    assert found.cost.energy_pj == pytest.approx(found.energy_pj)


def test_what_leaves_a_level_is_read_there():
    layer = Layer(name="dense", C=1, M=4, neurons=False)
    found = priced(layer, [{}, {}], "M=4", "")
    data = found.evaluation.row.data
    assert data[1, OUTPUTS, UPDATE] == data[0, OUTPUTS, UPDATE] == data[1, OUTPUTS, READ] == 4
    assert data[0, OUTPUTS, READ] == 0  # nothing lies outside


def test_reading_what_leaves_takes_time_and_energy():
    layer = Layer(name="dense", C=1, M=4, neurons=False)
    inner = {"energy": {"read": 5.0}, "bandwidth": {"read": 1.0, "word_bits": 4}, "width": 16}
    found = priced(layer, [{}, inner], "M=4", "")
    outputs = [e for e in found.energy if e.tensor == "Outputs" and e.action == "read"]
    assert [(e.component, e.count, e.pj) for e in outputs] == [("level1", 4.0, 20.0)]
    # Four rows of outputs, two of weights, a quarter of one of inputs, of 16 bits each.
    assert found.level_cycles["level1"] == pytest.approx((4 + 4 / 2 + 4 / 16) * 16 / 4)


def test_a_row_is_read_when_any_of_its_values_is_needed():
    # Eight weights in a row along the channels, inputs at a tenth.
    layer = Layer(name="dense", C=1600, M=32, neurons=False, density={"inputs": 0.1})
    found = priced(layer, [{"width": 64, "skips": [SKIP_WEIGHTS]}], "M=32 C=1600")
    weights = found.evaluation.row.accesses[0, WEIGHTS]
    needed = 1.0 - float(Uniform(1600, 160).p_empty(8))
    assert weights[READ] == pytest.approx(6400 * needed)
    assert weights[READ] == pytest.approx(3645, rel=3e-3)
    assert weights[READ] + weights[READ + SKIPPED] == pytest.approx(6400)
    assert found.evaluation.row.data[0, WEIGHTS, READ] == pytest.approx(5120)


def test_a_row_along_channels_out_is_read_for_one_input():
    layer = Layer(name="dense", C=1600, M=32, neurons=False, density={"inputs": 0.1})
    found = priced(layer, [{"width": 64, "skips": [SKIP_WEIGHTS]}], "C=1600 M=32")
    assert found.evaluation.row.accesses[0, WEIGHTS, READ] == pytest.approx(640)


@pytest.mark.parametrize("lines", ["M=8 C=64", "C=64 M=8", "M=4 C=64 M=2"])
@pytest.mark.parametrize("weights", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("inputs", [0.05, 0.2, 0.5])
def test_rows_of_nonzeros_hold_what_lies_apart(lines: str, weights: float, inputs: float):
    # Eight weights in a row, zeros left out: those that lie next to each other meet the same input
    # or another one, as the loops have it. Drawn and packed here, walk by walk.
    levels = [{"width": 64, "formats": {"Weights": "UBM"}, "skips": [SKIP_WEIGHTS]}]
    outer, *inner = lines.split(" M=2")
    if inner:
        levels.append({"keeps": []})
    density = {"weights": weights, "inputs": inputs}
    layer = Layer(name="dense", C=64, M=8, neurons=False, density=density)
    found = priced(layer, levels, outer, *(["M=2"] if inner else []))
    random = np.random.default_rng(1)
    walks = {
        "M=8 C=64": np.arange(512) % 64,
        "C=64 M=8": np.arange(512) // 8,
        "M=4 C=64 M=2": np.arange(512) // 2 % 64,
    }
    rows = []
    for _ in range(2000):
        spikes = random.random(64) < inputs
        held = spikes[walks[lines][random.random(512) < weights]]
        padded = np.concatenate([held, np.zeros(-len(held) % 8, bool)]).reshape(-1, 8)
        rows.append(padded.any(axis=1).sum())
    model = found.evaluation.row.accesses[0, WEIGHTS, READ]
    # The last row, filled in part, is taken for a full one.
    assert model == pytest.approx(np.mean(rows), rel=0.05, abs=0.45)


def test_equal_tiles_below_a_bypassed_fan_out_share_a_read():
    # Rows 0 to 3 of the input for two outputs and three kernel rows: 4 values, 6 units.
    layer = Layer(name="conv", C=1, M=1, P=2, R=3, neurons=False)
    levels = [{"fanout": {"x": 2}}, {"keeps": ["Weights"], "fanout": {"x": 3}}, {}]
    found = priced(layer, levels, "| | P=2", "| | R=3", "")
    assert found.evaluation.row.data[0, INPUTS, READ] == 4


def test_a_density_is_not_rounded_up():
    layer = Layer(name="dense", C=100, M=1, neurons=False, density={"inputs": 0.003})
    found = priced(layer, [{"skips": [SKIP_WEIGHTS]}], "C=100")
    assert found.computes["actual"] == pytest.approx(0.3)


def test_a_read_shared_along_a_diagonal_waits_for_all_its_receivers():
    # Input row 0 goes to one unit, row 1 to two, row 2 to one; one of two weights is there.
    layer = Layer(name="conv", C=1, M=1, P=2, R=2, neurons=False, density={"weights": 0.5})
    skip = {"target": "Inputs", "when_empty": ["Weights"]}
    found = priced(layer, [{"fanout": {"x": 4}, "skips": [skip]}, {}], "| | P=2 R=2", "")
    data, units = found.evaluation.row.data, found.evaluation.nest.instances[1]
    assert data[0, INPUTS, READ] == pytest.approx(0.5 + 1 + 0.5)
    assert data[1, INPUTS, FILL] * units == pytest.approx(0.5 + 2 * 1 + 0.5)
