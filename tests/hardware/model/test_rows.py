"""One packing rule: what fits a level is what its rows deliver."""

from __future__ import annotations

import pytest

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.case import Case
from leanspike.hardware.search.exhaustive import search
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Layer

ENERGY = {"read": 1.0, "write": 1.0, "update": 1.0}


def chip(width, depth, **level):
    return Architecture(
        name="two",
        levels=[
            {"name": "DRAM", "keeps": ["Weights", "Inputs", "Outputs"], "energy": ENERGY},
            {"name": "pad", "keeps": ["Weights"], "width": width, "depth": depth,
             "energy": ENERGY, **level},
        ],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("bits", "width", "depth", "fits"),
    [(9, 16, 100, 100), (8, 16, 100, 200), (3, 16, 100, 500), (24, 16, 100, 50), (5, 64, 10, 120)],
)
def test_a_level_fits_as_many_values_as_its_rows_deliver(bits, width, depth, fits):
    def priced(count):
        layer = Layer(name="l", C=count, M=1, neurons=False, bits={"weights": bits})
        case = Case.of(layer, chip(width, depth), Semantics())
        return case.cost(Mapping.from_text(case.plan.problem.dims, ["", f"C={count}"]))

    found = priced(fits)
    assert found.storage_bits["pad"] == pytest.approx(width * depth)
    reads = sum(
        item.count
        for item in found.energy
        if (item.component, item.tensor, item.action) == ("pad", "Weights", "read")
    )
    assert reads == pytest.approx(depth)  # every row once
    with pytest.raises(InputError, match="the mapping needs"):
        priced(fits + 1)


@pytest.mark.parametrize("bits", [4, 9, 24])
def test_the_search_packs_alike(bits):
    """The largest tile the search leaves is the largest that fits by hand."""
    layer = Layer(name="l", C=2, M=64, P=2, neurons=False, bits={"weights": bits})
    found = search(layer, chip(16, 10), objective="energy")
    case = Case.of(layer, chip(16, 10), Semantics())
    legal = 0
    for inside in (1, 2, 4, 8, 16, 32, 64):
        for channels in (1, 2):
            outer = f"M={64 // inside} C={2 // channels} P=2"
            mapping = Mapping.from_text(case.plan.problem.dims, [outer, f"M={inside} C={channels}"])
            rows = inside * channels / (16 // bits if bits <= 16 else 0.5)
            if rows <= 10:
                case.cost(mapping)
                legal += 1
            else:
                with pytest.raises(InputError):
                    case.cost(mapping)
    assert legal > 0
    stored = found.cost.storage_bits["pad"]
    assert stored <= 160


def test_membranes_are_packed_in_whole_values():
    layer = Layer(name="l", C=1, M=20, bits={"state": 9})
    machine = Architecture(
        name="two",
        levels=[
            {"name": "DRAM", "keeps": ["Weights", "Inputs", "Outputs"]},
            {"name": "pad", "keeps": ["Inputs"], "width": 16, "depth": 30, "energy": ENERGY},
        ],
        neuron={"state": ["pad"]},
    )
    case = Case.of(layer, machine, Semantics())
    cost = case.cost(Mapping.from_text(case.plan.problem.dims, ["", "M=20"]))
    # Twenty rows of one membrane, one input bit beside them.
    assert cost.storage_bits["pad"] == 20 * 16 + 1
    state = [item for item in cost.energy if (item.component, item.tensor) == ("pad", "State")]
    assert [item.pj for item in state] == [20.0, 20.0]
