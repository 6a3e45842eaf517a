"""Membrane traffic against hand counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.membrane import membrane_traffic
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Layer

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
    found = membrane_traffic(case.plan, mapping.arrays)
    first = {name: getattr(found, name)[0] for name in ("reads", "writes", "tile", "instances")}
    return replace(found, **first)


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


POOLED = Layer(name="p", T=5, C=3, M=4, P=8, Q=6, neuron_size=(4, 3))
POOLED_NEURONS = 4 * 4 * 3


def pooled_case(state, layer=POOLED):
    return Case.of(layer, case_of(state).plan.architecture, Semantics())


def test_neurons_behind_pooling_are_as_many_as_there_are():
    case = pooled_case(["DRAM", "buffer"])
    home = traffic(case, "M=4 P=8 Q=6 T=5 C=3", "")
    assert home.updates == POOLED.neuron_updates == 5 * POOLED_NEURONS
    assert home.reads.tolist() == home.writes.tolist() == [0, 5 * POOLED_NEURONS]
    away = traffic(case, "T=5 M=4 P=8 Q=6 C=3", "")
    assert away.reads.tolist() == [4 * POOLED_NEURONS, 9 * POOLED_NEURONS]


@pytest.mark.parametrize(
    ("inside", "held"),
    # Rows times columns of neurons that some of 8 x 6 sums belong to, pooled 2 x 2.
    [("P=8 Q=6", 4 * 3), ("P=8", 4 * 1), ("Q=6", 1 * 3), ("P=2 Q=3", 1 * 2), ("M=4 P=4", 4 * 2)],
)
def test_a_level_holds_the_membranes_of_its_neurons(inside, held):
    left = {"P": 8, "Q": 6, "M": 4, "T": 5, "C": 3}
    for loop in inside.split():
        left[loop[0]] //= int(loop[2:])
    outside = " ".join(f"{dim}={steps}" for dim, steps in left.items())
    assert traffic(pooled_case(["DRAM", "buffer"]), outside, inside).tile.tolist() == [
        POOLED_NEURONS,
        held,
    ]


def test_pooled_spikes_leave_and_partial_sums_do_not_shrink():
    def updates(layer, *lines):
        case = pooled_case(["buffer"], layer)
        cost = case.cost(Mapping.from_text(case.plan.problem.dims, list(lines)))
        return {
            item.component: item.count
            for item in cost.energy
            if (item.tensor, item.action) == ("Outputs", "update")
        }

    sums = 5 * 4 * 8 * 6
    lines = ["T=5 M=4 P=8 Q=6", "C=3"]
    assert updates(POOLED.replace(neuron_size=None), *lines) == {"DRAM": sums, "buffer": 3 * sums}
    assert updates(POOLED, *lines) == {"DRAM": 5 * POOLED_NEURONS, "buffer": 3 * sums}
    # Sums that go out before they are finished are not pooled yet.
    split = ["C=3 T=5 M=4 P=8 Q=6", ""]
    assert updates(POOLED, *split)["DRAM"] == 2 * sums + 5 * POOLED_NEURONS


def test_finished_outputs_are_kept_as_narrow_as_they_are():
    def memory(*lines):
        case = pooled_case(["buffer"])
        cost = case.cost(Mapping.from_text(case.plan.problem.dims, list(lines)))
        return cost.storage_bits["DRAM"]

    # Weights of 8 bits, spikes in, and spikes of the neurons or partial sums of 16 bits.
    others = 8 * 3 * 4 + 5 * 3 * 8 * 6
    assert memory("T=5 M=4 P=8 Q=6", "C=3") == others + 5 * POOLED_NEURONS
    assert memory("C=3 T=5 M=4 P=8 Q=6", "") == others + 16 * 5 * 4 * 8 * 6


def test_neurons_cost_their_updates_and_flipping_the_switch_frees_them():
    lines = ["T=5 M=4 P=2 C=3", ""]
    case = case_of(["DRAM"])
    cost = case.cost(Mapping.from_text(case.plan.problem.dims, lines))
    neuron = {item.action: item for item in cost.energy if item.component == "neuron"}
    assert neuron["neuron_update"].pj == pytest.approx(2.0 * 5 * NEURONS)
    assert cost.neuron_updates == 5 * NEURONS
    off = Case.of(LAYER, case.plan.architecture, Semantics().flipped("membrane_state"))
    assert off.cost(Mapping.from_text(case.plan.problem.dims, lines)).neuron_updates == 0
