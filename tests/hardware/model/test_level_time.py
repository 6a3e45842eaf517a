"""Cycles of a level by hand: the bits that one instance moves, over its bandwidth."""

from __future__ import annotations

import pytest

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.case import Case
from leanspike.hardware.price import price
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Layer
from leanspike.hardware.workload.workload import Workload

ALL = ["Weights", "Inputs", "Outputs"]
FLAT = {"read": 1.0, "write": 1.0, "update": 1.0}


def cost(layer, levels, lines, *, neuron=None, semantics=None):
    chip = Architecture(name="chip", levels=levels, neuron=neuron)
    case = Case.of(layer, chip, semantics or Semantics())
    return case.cost(Mapping.from_text(case.plan.problem.dims, list(lines)))


def dram(**keys):
    return {"name": "DRAM", "keeps": ALL, "width": 64, "energy": FLAT, **keys}


@pytest.mark.parametrize(
    ("level", "bandwidth", "bits_per_cycle"),
    [
        ({"width": 64}, {}, 64),  # a row
        ({"width": 64, "word_bits": 16}, {}, 16),  # the level's word
        ({"width": 64}, {"word_bits": 8}, 8),  # the bandwidth's own
        ({}, {}, 16),  # the widest value: the partial sum
    ],
)
def test_a_word_is_a_row_unless_said_otherwise(level, bandwidth, bits_per_cycle):
    layer = Layer(name="l", C=64, M=8, neurons=False, bits={"weights": 8, "inputs": 8})
    pad = {"name": "pad", "keeps": ALL, **level, "bandwidth": {"read": 1, **bandwidth}}
    found = cost(layer, [dram(), pad], ["M=8 C=64", ""])
    value = level.get("word_bits", 8)
    partial = level.get("word_bits", 16)
    # Every accumulate reads a weight, an input and, but for the first one, the partial sum; each
    # sum is read once more when it leaves.
    bits = 512 * 2 * value + (512 - 8 + 8) * partial
    assert found.level_cycles["pad"] == pytest.approx(max(512, bits / bits_per_cycle))


def test_membranes_take_the_bandwidth_of_their_level():
    layer = Layer(name="l", T=5, C=1, M=64, bits={"state": 16, "weights": 8})
    slow = {"name": "buffer", "keeps": ["Outputs"], "width": 64, "energy": FLAT}
    lines, neuron = ["T=5 M=64", ""], {"state": ["DRAM", "buffer"]}

    def cycles(semantics, **bandwidth):
        levels = [dram(), {**slow, "bandwidth": {"word_bits": 16, **bandwidth}}]
        found = cost(layer, levels, lines, neuron=neuron, semantics=semantics)
        return found.level_cycles["buffer"]

    # Read and written on each of 320 updates, brought in for steps 2 to 5 and written back after
    # steps 1 to 4: 256 each. Partial sums (320) are written once, and read when they leave.
    on, off = Semantics(), Semantics().flipped("membrane_state")
    assert cycles(on, read=0.25) == pytest.approx((320 + 256 + 320) / 0.25)
    assert cycles(on, write=0.25) == pytest.approx((320 + 256 + 320) / 0.25)
    assert cycles(on, shared=0.25) == pytest.approx(2 * (320 + 256 + 320) / 0.25)
    assert cycles(off, write=0.25) == pytest.approx(320 / 0.25)
    assert cycles(Semantics.preset("sparseloop"), read=0.25) == 320


def test_instances_move_their_membranes_side_by_side():
    layer = Layer(name="l", T=4, C=2, M=8, bits={"state": 16})
    pad = {"name": "pad", "keeps": ["Outputs"], "width": 16, "bandwidth": {"read": 0.1}}
    levels = [dram(fanout={"x": 4}), pad]
    found = cost(layer, levels, ["M=2 T=4 C=2 | | M=4", ""], neuron={"state": ["pad"]})
    # Two neurons a pad: read on each of four steps; each sum is read for its second input and
    # when it leaves.
    assert found.level_cycles["pad"] == pytest.approx((2 * 4 + 2 * 4 + 2 * 4) / 0.1)


def test_metadata_takes_bandwidth_in_bits():
    layer = Layer(name="l", C=64, M=4, neurons=False, density={"weights": 0.25})
    slow = dram(bandwidth={"read": 0.01}, formats={"Weights": ["UBM"]}, metadata={"width": 16})
    pad = {"name": "pad", "keeps": ALL}
    found = cost(layer, [slow, pad], ["", "M=4 C=64"])
    # 64 weights that are not zero in 8 rows of 64 bits, a bit mask of 256, and 64 spikes.
    assert found.level_cycles["DRAM"] == pytest.approx((8 * 64 + 256 + 64) / 0.64)


def test_the_published_first_layer_waits_for_its_membranes():
    """Its state reads alone, 16-bit values at 128 bits a cycle."""
    first = Workload.load("published").layers[0]
    layer = price(Workload(name="first", layers=(first,)), "eyeriss_snn").layers[0]
    reads = sum(
        item.count
        for item in layer.energy
        if (item.component, item.tensor, item.action) == ("shared_glb", "State", "read")
    )
    assert layer.cycles >= reads * 16 / 128


def test_time_without_computes_is_that_of_what_moves():
    layer = Layer(name="l", C=8, M=4, neurons=False, density={"weights": 0.0})
    skip = {"skips": [{"target": "Inputs", "when_empty": ["Weights"]}]}
    levels = [dram(bandwidth={"read": 0.1}), {"name": "pad", "keeps": ALL, **skip}]
    found = cost(layer, levels, ["M=4", "C=8"])
    assert found.computes["actual"] == 0
    # 32 weights with their zeros in four rows, and the inputs once, an eighth of a row.
    assert found.cycles == pytest.approx((4 + 1 / 8) / 0.1)
    assert found.notes[0].startswith("all weights are zero")


def test_a_recurrent_pair_in_one_matrix_sends_nothing_but_spikes():
    """``W1 x + W2 s`` side by side: its partial sums never leave the elements."""
    pair = Layer(name="pair", T=10, C=64 + 128, M=128, density={"inputs": 0.1})
    layer = price(Workload(name="w", layers=(pair,)), "output_stationary").layers[0]
    outside = {
        (item.component, item.action): item.count
        for item in layer.energy
        if item.tensor == "Outputs" and item.component in ("DRAM", "buffer")
    }
    # 64 spikes in a row, up from the elements and out; whatever the mapping, each once.
    assert outside.pop(("DRAM", "update")) == pytest.approx(10 * 128 / 64)
    assert outside.pop(("buffer", "update")) == pytest.approx(10 * 128 / 64)
    assert {action for _, action in outside} <= {"read"}
    assert sum(outside.values()) <= 10 * 128 / 64
