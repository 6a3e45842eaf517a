"""Membrane traffic against hand counts."""

from __future__ import annotations

import pytest

from leanspike.hardware.architecture import Architecture
from leanspike.hardware.case import Case
from leanspike.hardware.layer import Layer
from leanspike.hardware.mapping import Mapping
from leanspike.hardware.membrane import membrane_traffic
from leanspike.hardware.semantics import Semantics

ALL = ["Weights", "Inputs", "Outputs"]
LAYER = Layer(name="l", T=5, C=3, M=4, P=2)
NEURONS = 4 * 2


def case_of(state, fanout=None):
    chip = Architecture(
        name="x",
        levels=[
            {"name": "DRAM", "keeps": ALL, "fanout": fanout or {}},
            {"name": "buffer", "keeps": ["Outputs"]},
        ],
        neuron={"energy": 2.0, "state": state},
    )
    return Case.of(LAYER, chip, Semantics())


def traffic(case, *lines):
    mapping = Mapping.from_text(case.plan.problem.dims, list(lines))
    return membrane_traffic(case.plan, mapping)


def test_one_read_and_write_per_neuron_and_step():
    found = traffic(case_of(["DRAM"]), "T=5 M=4 P=2 C=3", "")
    assert found.updates == 5 * NEURONS
    assert found.reads.tolist() == found.writes.tolist() == [5 * NEURONS, 0]


def test_time_innermost_keeps_the_state_at_home():
    found = traffic(case_of(["DRAM", "buffer"]), "M=4 P=2 T=5 C=3", "")
    assert found.reads.tolist() == [0, 5 * NEURONS]


def test_time_outermost_moves_every_state_out_and_in_between_steps():
    found = traffic(case_of(["DRAM", "buffer"]), "T=5 M=4 P=2 C=3", "")
    # Brought in for steps 2 to 5: the first is zero; written back but for the last.
    assert found.reads.tolist() == [4 * NEURONS, 5 * NEURONS + 4 * NEURONS]
    assert found.writes.tolist() == [4 * NEURONS, 5 * NEURONS + 4 * NEURONS]


def test_a_buffer_that_holds_all_of_it_moves_nothing():
    found = traffic(case_of(["DRAM", "buffer"]), "T=5 C=3", "M=4 P=2")
    assert found.reads.tolist() == [0, 5 * NEURONS]
    assert found.tile.tolist() == [NEURONS, NEURONS]


def test_steps_side_by_side_share_one_read():
    found = traffic(case_of(["DRAM"], {"x": 5}), "M=4 P=2 C=3 | | T=5", "")
    assert found.updates == 5 * NEURONS
    assert found.reads.tolist() == [NEURONS, 0]


def test_neurons_cost_their_updates_and_flipping_the_switch_frees_them():
    lines = ["T=5 M=4 P=2 C=3", ""]
    case = case_of(["DRAM"])
    cost = case.cost(Mapping.from_text(case.plan.problem.dims, lines))
    neuron = {item.action: item for item in cost.energy if item.component == "neuron"}
    assert neuron["neuron_update"].pj == pytest.approx(2.0 * 5 * NEURONS)
    assert cost.neuron_updates == 5 * NEURONS
    off = Case.of(LAYER, case.plan.architecture, Semantics().flipped("membrane_state"))
    assert off.cost(Mapping.from_text(case.plan.problem.dims, lines)).neuron_updates == 0
