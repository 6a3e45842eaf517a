"""Area and leakage by hand: every instance counts, whatever the layer."""

from __future__ import annotations

import pytest

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.architecture.components import logic_prices, storage_prices
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.footprint import Footprint, UnitBits
from leanspike.hardware.price import price
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Layer
from leanspike.hardware.workload.workload import Workload

ALL = ["Weights", "Inputs", "Outputs"]
ADDER = {"class": "logic", "operations": {"add": 1}}


def chip(*, pad=None, neuron=None, compute=None):
    return Architecture(
        name="array",
        levels=[
            {"name": "DRAM", "keeps": ALL, "fanout": {"x": 4, "y": 2}},
            {"name": "pad", "keeps": ALL, **(pad or {})},
        ],
        compute=compute or {},
        neuron=neuron,
    )


def footprint(found, partial_sums=16, state=16):
    return Footprint.of(found, UnitBits(partial_sums, state))


@pytest.mark.parametrize(
    ("neuron", "units"),
    [
        ({"state": ["pad"]}, 8),
        ({"state": ["DRAM", "pad"]}, 8),
        ({"state": ["DRAM"]}, 1),
        ({}, 1),
        ({"state": ["DRAM"], "units": 5}, 5),
    ],
)
def test_neurons_stand_beside_the_innermost_state(neuron, units):
    found = footprint(chip(neuron={"area": 3.0, "leakage_uw": 0.5, **neuron}))
    assert (found.area["neuron"], found.leakage_uw["neuron"]) == (3.0 * units, 0.5 * units)
    unit = logic_prices(ADDER, technology="45nm", bits=12)
    found = footprint(chip(neuron={"component": ADDER, **neuron}), state=12)
    assert found.area["neuron"] == pytest.approx(units * unit.area.value)
    assert found.leakage_uw["neuron"] == pytest.approx(units * unit.leakage.value)


def test_a_level_without_width_has_rows_of_its_word():
    pad = {"component": {"class": "sram"}, "depth": 64, "word_bits": 8}
    by_hand = storage_prices({"class": "sram"}, technology="45nm", width=8, depth=64)
    for state in (8, 32):
        found = footprint(chip(pad=pad, neuron={"state": ["pad"]}), state=state)
        assert found.area["pad"] == pytest.approx(8 * by_hand.area.value)
        assert found.leakage_uw["pad"] == pytest.approx(8 * by_hand.leakage.value)


def test_a_membrane_value_takes_the_levels_word():
    """``word_bits`` holds for every tensor: a 16-bit state is kept and read in 8 bits."""
    pad = {"energy": {"read": 1.0, "write": 1.0}, "depth": 4, "width": 8, "word_bits": 8}
    case = Case.of(Layer(name="l", C=2, M=1), chip(pad=pad, neuron={"state": ["pad"]}), Semantics())
    assert case.pricing.state[1].tolist() == [1.0, 1.0]


def test_units_are_as_wide_as_the_widest_layer_needs():
    narrow = Layer(name="narrow", C=2, M=2, bits={"partial_sums": 8, "state": 8})
    wide = Layer(name="wide", C=2, M=2, bits={"partial_sums": 24, "state": 12})
    neuron = {"component": ADDER, "state": ["DRAM"]}
    machine = chip(compute={"component": ADDER}, neuron=neuron)
    both = [Workload(name="w", layers=layers) for layers in ([narrow, wide], [wide, narrow])]
    costs = [price(workload, machine) for workload in both]
    assert costs[0].area_um2 == costs[1].area_um2
    add = [logic_prices(ADDER, technology="45nm", bits=bits) for bits in (24, 12)]
    assert costs[0].area_um2["MAC"] == pytest.approx(8 * add[0].area.value)
    assert costs[0].area_um2["neuron"] == pytest.approx(add[1].area.value)
    # The narrow layer waits beside the same silicon: it leaks by the chip, not by its own bits.
    leaking = 8 * add[0].leakage.value + add[1].leakage.value
    for cost in costs:
        for layer in cost.layers:
            assert layer.energy_by("action")["leakage"] == pytest.approx(
                leaking * layer.latency_s * 1e6
            )


def test_free_neurons_are_free():
    neuron = {"component": ADDER, "energy": 0.0, "state": ["DRAM"]}
    layer = Layer(name="l", C=2, M=2)
    case = Case.of(layer, chip(neuron=neuron), Semantics())
    assert case.pricing.neuron == 0.0
    cost = case.cost(Mapping.from_text(case.plan.problem.dims, ["C=2 M=2", ""]))
    assert cost.neuron_updates == 2
    assert cost.energy_by("action")["neuron_update"] == 0.0


@pytest.mark.parametrize("name", ["DRAM", "pad", "MAC"])
def test_a_neuron_has_a_name_of_its_own(name):
    with pytest.raises(InputError, match=f"neuron.name: the name '{name}' twice"):
        chip(neuron={"name": name})
