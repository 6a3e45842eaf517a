"""Architectures: what is accepted, and how what is not is refused."""

from __future__ import annotations

import pytest

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture, Level, preset_names
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.case import Case
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Layer

ALL = ["Weights", "Inputs", "Outputs"]
TINY = """
name: tiny
levels:
  - name: DRAM
    keeps: [Weights, Inputs, Outputs]
    component: {class: dram, type: LPDDR4}
    width: 64
"""


def chip(**level):
    return Architecture(name="tiny", levels=[{"name": "DRAM", "keeps": ALL, **level}])


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_loads_and_says_what_it_follows(name):
    found = Architecture.load(name)
    assert found.name == name
    assert found.source
    assert found.leaves_out


def test_instances_multiply_down_the_levels():
    found = Architecture.load("eyeriss_snn")
    assert [found.instances(i) for i in range(len(found.levels) + 1)] == [
        1, 1, 32, 768, 768, 768, 768,
    ]  # fmt: skip


def test_with_formats_changes_the_innermost_rank_only():
    found = Architecture.load("eyeriss_snn").with_formats("CP")
    ranks = [rank.format for rank in found.levels[0].formats["Inputs"].ranks]
    assert ranks == ["UOP", "UOP", "CP"]
    assert not Architecture.load("eyeriss_snn").with_formats("U").levels[0].formats
    with pytest.raises(InputError, match="found 'LZ4'"):
        found.with_formats("LZ4")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("    widht: 64", r"levels\[0\].widht: unknown key"),
        ("    word_bits: 0", r"levels\[0\].word_bits: found 0"),
        ("    depth: -4", r"levels\[0\].depth: found -4"),
        ("    word_bits: 8\n    depth: .nan", r"levels\[0\].depth: found nan"),
        ("    energy: {reed: 1}", r"levels\[0\].energy: unknown action 'reed'"),
        ("    energy: {read: -1}", r"levels\[0\].energy.read: found -1"),
        ("    formats: {Inputs: [LZ]}", r"found 'LZ'"),
        ("    skips: [{target: Inputs, when_empty: [Inputs]}]", "conditioned on itself"),
        ("    time: {factors: {C: 4}, most: {C: 2}}", "contradicts its least or most"),
        ("    time: {least: {C: 4}, most: {C: 2}}", "least 4 is larger than most 2"),
        ("    time: {outer: [C], inner: [C]}", "C is both outer and inner"),
        ("    x: {dims: [M], factors: {C: 2}}", "is not one of dims"),
        ("    bandwidth: {read: 0}", r"levels\[0\].bandwidth.read: found 0"),
        ("    fanout: {x: 0}", r"levels\[0\].fanout.x: found 0"),
    ],
)
def test_what_does_not_fit_names_file_and_key(tmp_path, change, message):
    path = tmp_path / "chip.yaml"
    path.write_text(TINY + change + "\n")
    with pytest.raises(InputError, match=message) as error:
        Architecture.load(path)
    assert str(path) in str(error.value)


def test_neither_preset_nor_file():
    with pytest.raises(InputError, match="neither a preset nor a file: eyeris"):
        Architecture.load("eyeris")


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ([{"name": "A", "keeps": ALL}, {"name": "A"}], "the name 'A' twice"),
        ([], "levels"),
        ([{"name": "A", "keeps": ALL, "depth": 4}], "a depth alone says no capacity"),
        ([{"name": "A", "formats": {"Inputs": "RLE"}}], "keeps no tensor"),
        ([{"name": "A", "width": 4, "word_bits": 8}], "expected at least word_bits"),
    ],
)
def test_levels_that_contradict_themselves(levels, message):
    with pytest.raises(InputError, match=message):
        Architecture(name="x", levels=levels)


def test_state_must_be_kept_at_a_level():
    with pytest.raises(InputError, match=r"neuron\.state: no level 'DRAMM'"):
        Architecture(name="x", levels=[{"name": "DRAM", "keeps": ALL}], neuron={"state": ["DRAMM"]})


def case_of(architecture: Architecture) -> Case:
    return Case.of(Layer(name="l", C=4, M=4), architecture, Semantics.preset("sparseloop"))


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ({"keeps": ["Weights", "Inputs"]}, "no level keeps Outputs"),
        ({"keeps": [*ALL, "Wights"]}, "DRAM.keeps: no tensor 'Wights'"),
        ({"skips": [{"target": "Inputs", "when_empty": ["Wights"]}]}, "no tensor 'Wights'"),
    ],
)
def test_tensors_are_checked_against_the_layer(level, message):
    with pytest.raises(InputError, match=message):
        case_of(chip(**level))


def test_a_level_too_small_names_what_it_needs_and_has():
    small = chip(depth=2, width=64, word_bits=8)
    case = case_of(small)
    with pytest.raises(InputError, match=r"level DRAM: the mapping needs 192 bits for values, "
                       r"expected at most 128"):  # fmt: skip
        case.cost(Mapping.from_text(case.plan.problem.dims, ["C=4 M=4"]))


def test_a_mapping_must_fit_bounds_and_array():
    case = case_of(chip())
    dims = case.plan.problem.dims
    with pytest.raises(InputError, match="the factors of C multiply to 2, expected its bound 4"):
        case.cost(Mapping.from_text(dims, ["C=2 M=4"]))
    with pytest.raises(InputError, match="spreads 4 instances along x, expected at most 1"):
        case.cost(Mapping.from_text(dims, ["C=4 | | M=4"]))
    with pytest.raises(InputError, match="expected LETTER=steps"):
        Mapping.from_text(dims, ["C=0"])
    with pytest.raises(InputError, match="no loop 'X'"):
        Mapping.from_text(dims, ["X=2"])


def test_a_component_of_unknown_class():
    with pytest.raises(InputError, match=r"component\.class"):
        case_of(chip(component={"class": "dramm"}, width=64))


def test_rows_need_a_width_before_a_depth_means_something():
    assert Level(name="a", keeps=ALL, depth=4, width=16).depth == 4
