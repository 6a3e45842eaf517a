"""Words of a level, what its metadata and wires cost, and Timeloop's version of 2022."""

from __future__ import annotations

from typing import Any

import pytest

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture, Level
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.cost import LayerCost
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Layer

EVERYTHING = ["Weights", "Inputs", "Outputs"]
CHEAP = {"read": 1.0, "write": 1.0, "update": 1.0}
PRICES = {"read": 10.0, "write": 20.0, "update": 30.0, "metadata_read": 1.0}
LINES = ["T=2 M=4", "M=2 C=8"]


def layer(bits: int = 2, **more: Any) -> Layer:
    return Layer(
        name="dense", T=2, C=8, M=8, neurons=False,
        bits={"weights": bits, "inputs": 4, "outputs": 4, "partial_sums": 16}, **more,
    )  # fmt: skip


def chip(**outer: Any) -> Architecture:
    return Architecture(name="chip", levels=[
        {"name": "memory", "keeps": EVERYTHING, "width": 64, "energy": PRICES, **outer},
        {"name": "buffer", "keeps": EVERYTHING, "energy": CHEAP},
    ])  # fmt: skip


def cost(one: Layer, machine: Architecture, semantics: str | Semantics = "sparseloop") -> LayerCost:
    rules = semantics if isinstance(semantics, Semantics) else Semantics.preset(semantics)
    case = Case.of(one, machine, rules)
    return case.cost(Mapping.from_text(case.plan.problem.dims, LINES))


def count(found: LayerCost, tensor: str, action: str, component: str = "memory") -> float:
    return sum(
        item.count
        for item in found.energy
        if (item.component, item.tensor, item.action) == (component, tensor, action)
    )


@pytest.mark.parametrize("semantics", ["physical", "sparseloop", "timeloop2022"])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_words_of_the_weights_bits_are_words_of_so_many_bits(bits: int, semantics: str) -> None:
    named, given = (cost(layer(bits), chip(word_bits=w), semantics) for w in ("weights", bits))
    assert (named.energy, named.cycles) == (given.energy, given.cycles)


def test_every_tensor_shrinks_with_the_weights() -> None:
    """The artefact of the published table: 32 values a row in 2-bit words, 8 in 8-bit ones."""
    for bits, rows in ((2, 1 / 32), (8, 1 / 8)):
        found = cost(layer(bits), chip(word_bits="weights"), "physical")
        values = {"Weights": 2 * 64, "Inputs": 2 * 8}
        for tensor, read in values.items():
            assert count(found, tensor, "read") == pytest.approx(read * rows)


def test_words_differ_by_tensor_and_the_rest_keeps_its_bits() -> None:
    found = cost(layer(2), chip(word_bits={"Inputs": "weights", "Weights": 8}), "physical")
    assert count(found, "Inputs", "read") == pytest.approx(16 * 2 / 64)
    assert count(found, "Weights", "read") == pytest.approx(128 * 8 / 64)
    assert count(found, "Outputs", "update") == pytest.approx(16 * 4 / 64)  # finished: 4 bits


def test_values_wider_than_their_words_are_named() -> None:
    assert cost(layer(8), chip(word_bits="weights")).notes == (
        "memory counts one word for a value that is wider: outputs (16 bits in 8)",
    )
    assert cost(layer(2), chip(word_bits={"Inputs": 3})).notes == (
        "memory counts one word for a value that is wider: inputs (4 bits in 3)",
    )
    assert cost(layer(2), chip()).notes == ()


def test_words_need_a_tensor_there_is_and_rows_a_width() -> None:
    with pytest.raises(InputError, match="no tensor 'Weight'"):
        cost(layer(), chip(word_bits={"Weight": 8}))
    with pytest.raises(InputError, match="found 32, expected at least word_bits = 64"):
        Level(name="memory", keeps=EVERYTHING, width=32, word_bits={"Inputs": 64})
    with pytest.raises(InputError, match="a depth alone says no capacity"):
        Level(name="memory", keeps=EVERYTHING, depth=8, word_bits="weights")


@pytest.mark.parametrize("semantics", ["physical", "sparseloop"])
def test_wires_are_paid_per_value_however_it_is_packed(semantics: str) -> None:
    energy = {**PRICES, "wire": 5.0}
    one = [cost(layer(), chip(energy=energy, word_bits=w), semantics) for w in (2, 8, 32)]
    for found in one:
        wires = {item.tensor: item.pj for item in found.energy if item.action == "wire"}
        # Each weight crosses once per step, each input and output once.
        assert wires == {"Weights": 5.0 * 128, "Inputs": 5.0 * 16, "Outputs": 5.0 * 16}
    rows = [count(found, "Weights", "read") for found in one]
    assert rows == [128 / 32, 128 / 8, 128 / 2]


def test_wires_carry_what_is_not_zero_alone() -> None:
    machine = chip(energy={"wire": 5.0}, formats={"Weights": ["UBM"]})
    found = cost(layer(density={"weights": 0.25}), machine, "physical")
    assert count(found, "Weights", "wire") == pytest.approx(0.25 * 128)


@pytest.mark.parametrize("semantics", ["physical", "sparseloop"])
def test_free_metadata_leaves_zeros_out_and_costs_nothing(semantics: str) -> None:
    sparse = layer(density={"weights": 0.25})
    ranks = [{"format": "RLE", "metadata_bits": 16, "loops": [["M"], ["C"]]}] * 2
    formats = {"Weights": ranks}
    rates = {"read": 0.02}
    paid = cost(sparse, chip(formats=formats, bandwidth=rates), semantics)
    free = cost(sparse, chip(formats=formats, bandwidth=rates, metadata="free"), semantics)
    assert count(paid, "Weights", "metadata_read") > 0
    assert count(free, "Weights", "metadata_read") == 0
    assert count(free, "Weights", "read") == count(paid, "Weights", "read")
    assert free.cycles < paid.cycles
    assert free.storage_bits["memory"] < paid.storage_bits["memory"]


def test_the_version_of_2022_fills_partial_sums_before_their_first_use() -> None:
    before, after = cost(layer(), chip(), "sparseloop"), cost(layer(), chip(), "timeloop2022")
    assert count(before, "Outputs", "write", "buffer") == 0
    assert count(after, "Outputs", "write", "buffer") == 16  # every output, once


@pytest.mark.parametrize("payload", [4, 16])
def test_offsets_of_an_innermost_rank_can_be_charged(payload: int) -> None:
    """One fiber of 64 weights, 65 offsets, read twice; Timeloop charges none of them."""
    machine = chip(
        formats={"Weights": [{"format": "UOP", "payload_bits": payload, "loops": ["M", "C"]}]},
        metadata={"width": 1},
    )
    rules = Semantics.preset("timeloop2022")
    assert count(cost(layer(), machine, rules), "Weights", "metadata_read") == 0
    charged = cost(layer(), machine, rules.flipped("innermost_offsets"))
    assert count(charged, "Weights", "metadata_read") == 2 * 65 * payload


def test_a_format_has_the_ranks_that_its_level_lists() -> None:
    offsets = {"format": "UOP", "payload_bits": 4}
    machine = chip(formats={"Weights": {
        "ranks": [{"format": "UOP"}, {"format": "RLE", "metadata_bits": 24}],
        "choices": {"UOP": [offsets, offsets]},
    }})  # fmt: skip
    ranks = {n: machine.with_formats(n).levels[0].formats["Weights"].ranks for n in ("UOP", "CP")}
    assert [rank.payload_bits for rank in ranks["UOP"]] == [4, 4]
    assert [(rank.format, rank.metadata_bits) for rank in ranks["CP"]] == [
        ("UOP", None),
        ("CP", None),
    ]
