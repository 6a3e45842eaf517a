"""Costs of single mappings against hand counts, switch by switch."""

from __future__ import annotations

import json

import pytest

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.case import Case
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Bits, Layer

ALL = ["Weights", "Inputs", "Outputs"]
FLAT = {"read": 1.0, "write": 1.0, "update": 1.0}


def chip(dram=None, **extra):
    return Architecture(
        name="two",
        levels=[
            {"name": "DRAM", "keeps": ALL, "width": 8, "energy": FLAT, **(dram or {})},
            {"name": "pad", "keeps": ALL, "width": 8, "energy": FLAT},
        ],
        compute={"energy": {"compute": 3.0}},
        **extra,
    )


def cost(layer, architecture, semantics, *lines):
    case = Case.of(layer, architecture, semantics)
    return case.cost(Mapping.from_text(case.plan.problem.dims, list(lines)))


def count(found, component, tensor, action):
    return sum(
        item.count
        for item in found.energy
        if (item.component, item.tensor, item.action) == (component, tensor, action)
    )


def test_energy_adds_up_in_every_direction_and_is_json():
    layer = Layer(name="l", C=4, M=2, neurons=False)
    found = cost(layer, chip(), Semantics(), "M=2", "C=4")
    for key in ("component", "tensor", "action"):
        assert sum(found.energy_by(key).values()) == pytest.approx(found.energy_pj)
    assert found.energy_by("component")["MAC"] == pytest.approx(3.0 * 8)
    assert json.loads(json.dumps(found.to_dict()))["cycles"] == found.cycles == 8
    assert found.edp == pytest.approx(found.energy_pj * 1e-12 * 8)


def test_rows_hold_as_many_values_as_their_bits_allow():
    # 8-bit rows: eight spikes, one weight, half a 16-bit partial sum.
    layer = Layer(name="l", C=8, M=1, neurons=False, bits=Bits(weights=8, inputs=1))
    found = cost(layer, chip(), Semantics(), "", "C=8")
    assert count(found, "DRAM", "Inputs", "read") == pytest.approx(1)
    assert count(found, "DRAM", "Weights", "read") == pytest.approx(8)
    assert count(found, "pad", "Outputs", "update") == pytest.approx(16)


def test_spikes_leave_narrow_and_partial_sums_stay_wide():
    layer = Layer(name="l", C=4, M=8, neurons=False, bits=Bits(outputs=1, partial_sums=16))
    on = cost(layer, chip(), Semantics(), "M=8", "C=4")
    off = cost(layer, chip(), Semantics().flipped("spikes_leave"), "M=8", "C=4")
    assert count(on, "DRAM", "Outputs", "update") == pytest.approx(1)
    assert count(off, "DRAM", "Outputs", "update") == pytest.approx(16)
    # Sums that are not finished go out and come back at full width.
    split = cost(layer, chip(), Semantics(), "C=4 M=8", "")
    assert count(split, "DRAM", "Outputs", "update") == pytest.approx(1 + 3 * 16)
    assert count(split, "DRAM", "Outputs", "read") == pytest.approx(3 * 16)


def test_activation_dram_off_starts_and_ends_in_the_next_level():
    layer = Layer(name="l", C=4, M=2, neurons=False)
    found = cost(layer, chip(), Semantics().flipped("activation_dram"), "M=2", "C=4")
    dram = {item.tensor for item in found.energy if item.component == "DRAM"}
    assert dram == {"Weights"}
    assert count(found, "pad", "Inputs", "write") == 0


def test_first_fill_writes_the_zeros_partial_sums_start_from():
    layer = Layer(name="l", C=4, M=2, neurons=False)
    off = cost(layer, chip(), Semantics(), "C=4 M=2", "")
    on = cost(layer, chip(), Semantics().flipped("first_fill"), "C=4 M=2", "")
    assert count(off, "pad", "Outputs", "write") == pytest.approx(2 * 6)
    assert count(on, "pad", "Outputs", "write") == pytest.approx(2 * 8)


def test_the_threshold_is_compared_per_step_or_per_accumulate():
    neuron = {"energy": 5.0, "compare_energy": 1.0, "state": ["DRAM"]}
    layer = Layer(name="l", T=2, C=4, M=2)
    on = cost(layer, chip(neuron=neuron), Semantics(), "T=2 M=2", "C=4")
    off = cost(
        layer, chip(neuron=neuron), Semantics().flipped("compare_per_step"), "T=2 M=2", "C=4"
    )
    assert on.energy_by("action")["neuron_update"] == pytest.approx(4 * 5.0)
    assert off.energy_by("action")["neuron_update"] == pytest.approx(4 * 4.0)
    assert on.energy_by("action")["compute"] == pytest.approx(16 * 3.0)
    assert off.energy_by("action")["compute"] == pytest.approx(16 * 4.0)


def test_bandwidth_stretches_the_cycles():
    slow = chip(dram={"bandwidth": {"read": 0.5}})
    layer = Layer(name="l", C=8, M=1, neurons=False)
    found = cost(layer, slow, Semantics(), "C=8", "")
    assert found.compute_cycles == 8
    # A row per weight and one of all 8 spikes at half a row per cycle; the partial sum stays in
    # the pad, and leaves as a spike.
    assert found.level_cycles["DRAM"] == pytest.approx(2 * (8 + 1))
    assert found.cycles == pytest.approx(18)
    # Timeloop counts values, of whatever width.
    assert cost(layer, slow, Semantics.preset("sparseloop"), "C=8", "").cycles == 2 * 16


def test_leakage_grows_with_time():
    leaky = Architecture(
        name="leaky",
        cycle_ns=10.0,
        levels=[{"name": "DRAM", "keeps": ALL, "leakage_uw": 2.0, "area": 7.0}],
    )
    layer = Layer(name="l", C=8, M=1, neurons=False)
    found = cost(layer, leaky, Semantics(), "C=8")
    assert found.latency_s == pytest.approx(80e-9)
    assert found.energy_by("action")["leakage"] == pytest.approx(2.0 * 80e-9 * 1e6)


def test_units_that_skip_alone_take_longer_than_on_average():
    skip = {"target": "Weights", "when_empty": ["Inputs"]}
    array = Architecture(
        name="array",
        levels=[
            {"name": "DRAM", "keeps": ALL, "fanout": {"x": 4}},
            {"name": "pad", "keeps": ALL, "skips": [skip]},
        ],
    )
    layer = Layer(name="l", C=8, M=4, P=4, neurons=False, density={"inputs": 0.5})
    even = cost(layer, array, Semantics().flipped("load_imbalance"), "M=4 | | P=4", "C=8")
    waiting = cost(layer, array, Semantics(), "M=4 | | P=4", "C=8")
    assert even.compute_cycles == pytest.approx(4 * 4.0)
    assert 4 * 4.0 < waiting.compute_cycles < 4 * 8.0
    # Units that share their inputs skip together: no one waits.
    shared = cost(layer, array, Semantics(), "P=4 | | M=4", "C=8")
    assert shared.compute_cycles == pytest.approx(4 * 4.0)


@pytest.mark.parametrize("preset", ["physical", "sparseloop"])
def test_every_switch_can_be_flipped(preset):
    layer = Layer(name="l", T=2, C=4, M=4, P=4, density={"inputs": 0.2, "weights": 0.5})
    rules = Semantics.preset(preset)
    found = Architecture.load("eyeriss_snn")
    for switch in vars(rules):
        case = Case.of(layer, found, rules.flipped(switch))
        priced = case.cost(
            Mapping.from_text(case.plan.problem.dims, ["T=2", "P=4", "", "", "C=4", "M=4"])
        )
        assert priced.energy_pj > 0
