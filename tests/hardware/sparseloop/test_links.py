"""Transfers between neighbors: by hand, and the same for one mapping as for a search."""

from __future__ import annotations

import pytest
from every_mapping import best_of, legal_costs

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.evaluate import count_nest
from leanspike.hardware.search.exhaustive import search_cases
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Layer

RULES = Semantics.preset("sparseloop")
TENSORS = ["Weights", "Inputs", "Outputs"]


def case_of(layer: Layer, rules: Semantics, *, x: int, y: int = 1, pads: bool = False) -> Case:
    energy = {"read": 3.0, "write": 2.0, "update": 2.5}
    memory = {"name": "memory", "keeps": TENSORS, "energy": energy, "fanout": {"x": x, "y": y}}
    pad = {"name": "pad", "keeps": ["Inputs"], "energy": energy}
    levels = [memory, pad] if pads else [memory]
    return Case.of(layer, Architecture(name="chip", levels=levels), rules)


def counts(case: Case, *lines: str) -> dict[str, list[int]]:
    nest = count_nest(case.plan, Mapping.from_text(case.plan.problem.dims, lines), case.semantics)
    return {
        tensor: [*nest.leaving[:, k].tolist(), *nest.arriving[1:, k].tolist()]
        for k, tensor in enumerate(case.plan.problem.tensors)
    }


@pytest.mark.parametrize(("links", "reads"), [(True, 5), (False, 5 * 3)])
def test_an_operand_that_stays_goes_from_unit_to_unit(links, reads):
    """Four units share each input for three steps over T x M: read once, then handed on.

    Units lie along x, M=4; the loop M=3 moves weights, not inputs: 5 inputs, one per C.
    """
    rules = RULES if links else RULES.flipped("neighbor_links")
    case = case_of(Layer(name="l", C=5, M=12), rules, x=4)
    found = counts(case, "C=5 M=3 | | M=4")
    assert found["Inputs"] == [reads]
    assert found["Weights"] == [60]


def test_a_single_unit_has_no_neighbor():
    found = counts(case_of(Layer(name="l", C=5, M=12), RULES, x=4), "C=5 M=12")
    assert found["Inputs"] == [60]


def test_a_window_moves_on_by_one_pad():
    """Pads hold one input each, at Q + S for S = 0..2 along x; each step of Q shifts all by one.

    The memory sends three inputs at first and one in each of the other five steps: the eight
    different ones. Two pads take theirs from a neighbor in these steps, ten transfers in all. On
    average a pad reads 6 values for its unit and 10 / 3 for neighbors, and takes in 8 / 3 from
    the memory and 10 / 3 from neighbors.
    """
    case = case_of(Layer(name="l", C=1, M=1, Q=6, S=3), RULES, x=3, pads=True)
    assert counts(case, "Q=6 | | S=3", "")["Inputs"] == [8, 9, 6]


def test_hardware_shares_nothing_between_neighbors():
    assert not Semantics().links_neighbors
    # Timeloop's transfers are defined for its own overlaps alone.
    assert not Semantics().flipped("neighbor_links").links_neighbors


@pytest.mark.parametrize("pads", [False, True])
@pytest.mark.parametrize(
    "layer",
    [Layer(name="l", C=2, M=4), Layer(name="l", C=2, M=1, Q=4, S=3)],
    ids=lambda x: f"S{x.S}",
)
def test_a_search_counts_as_one_mapping_does(layer, pads):
    case = case_of(layer, RULES, x=2, y=2, pads=pads)
    found = search_cases([case], "energy")[0]
    assert found.energy_pj == pytest.approx(best_of(legal_costs(case), "energy"))
    assert case.cost(found.mapping).energy_pj == pytest.approx(found.energy_pj)
