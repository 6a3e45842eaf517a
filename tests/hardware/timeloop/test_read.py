"""Timeloop inputs: what is understood, and what is refused with its place."""

from __future__ import annotations

import copy

import pytest
import yaml

from leanspike.errors import InputError
from leanspike.hardware.timeloop.document import parse_factors, parse_instances
from leanspike.hardware.timeloop.read import read_timeloop
from leanspike.hardware.timeloop.report import timeloop_report

BASE = {
    "architecture": {
        "version": 0.3,
        "subtree": [
            {
                "name": "chip",
                "local": [
                    {"name": "DRAM", "class": "DRAM",
                     "attributes": {"width": 32, "datawidth": 8, "block_size": 4}}
                ],
                "subtree": [
                    {
                        "name": "PE[0..3]",
                        "local": [
                            {"name": "pad", "class": "storage",
                             "attributes": {"depth": 16, "width": 8, "datawidth": 8, "meshX": 4}},
                            {"name": "MAC", "class": "intmac",
                             "attributes": {"datawidth": 8, "meshX": 4}},
                        ],
                    }
                ],
            }
        ],
    },
    "problem": {
        "shape": {
            "name": "mm",
            "dimensions": ["M", "K"],
            "data-spaces": [
                {"name": "A", "projection": [[["M"]], [["K"]]]},
                {"name": "B", "projection": [[["K"]]]},
                {"name": "Z", "projection": [[["M"]]], "read-write": True},
            ],
        },
        "instance": {"M": 4, "K": 8},
    },
    "mapping": [
        {"target": "DRAM", "type": "temporal", "factors": "K=4 M=1", "permutation": "KM"},
        {"target": "DRAM", "type": "spatial", "factors": "M=4 K=1", "permutation": "MK",
         "split": 2},
        {"target": "pad", "type": "temporal", "factors": "K=2 M=1", "permutation": "KM"},
    ],
}  # fmt: skip


def write(tmp_path, change=None):
    data = copy.deepcopy(BASE)
    if change is not None:
        change(data)
    path = tmp_path / "input.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def put(*keys, value):
    """Return a change that sets one key of the file."""

    def change(data):
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = value

    return change


def test_the_tree_becomes_levels_with_fan_outs(tmp_path):
    path = write(tmp_path, put("mapping", 1, "split", value=0))
    with pytest.raises(InputError, match="spreads 4 instances along y, expected at most 1"):
        timeloop_report(path)
    found = read_timeloop(write(tmp_path))
    assert [level.name for level in found.architecture.levels] == ["DRAM", "pad"]
    assert (found.architecture.levels[0].fanout.x, found.architecture.levels[0].fanout.y) == (4, 1)
    assert found.mapping is not None
    assert found.mapping.to_text()[0] == "K=4 | | M=4"


LOCAL = ("architecture", "subtree", 0, "local", 0)
PAD = ("architecture", "subtree", 0, "subtree", 0, "local", 0, "attributes")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("problm", value={}), r"problm: unknown key. Perhaps 'problem'"),
        (put(*PAD, "datawidht", value=8), r"datawidht: unknown key. Perhaps 'datawidth'"),
        (put(*PAD, "depth", value=-1), r"attributes.depth: found -1"),
        (put(*PAD, "datawidth", value=0), r"attributes.datawidth: found 0"),
        (put(*PAD, "width", value=9), "expected a multiple of block x word"),
        (put(*PAD, "meshX", value=3), "expected a divisor of 4 instances"),
        (put("problem", "instance", "M", value=0), r"instance.M: found 0"),
        (put("problem", "instance", value={"M": 4}), r"instance.K: missing"),
        (put("problem", "instance", "densities", value={"A": 1.5}), "expected a fraction"),
        (put("problem", "instance", "densities", value={"A": -0.1}), "found -0.1"),
        (put("problem", "instance", "densities", value={"A": float("nan")}), "found nan"),
        (put("problem", "instance", "densities", value={"C": 0.5}), "no such data-space"),
        (put("problem", "shape", "data-spaces", 2, "read-write", value=False),
         "found 0 read-write data-spaces"),
        (put("mapping", 0, "target", value="DRAMM"), "no storage level 'DRAMM'"),
        (put("mapping", 0, "type", value="temporary"), "found 'temporary'"),
        (put("mapping", 0, "factors", value="X=4"), "found 'X=4'"),
        (put("mapping", 0, "permutation", value="KKM"), "each loop at most once"),
        (put("sparse_optimizations", value={"targets": [{"name": "pud"}]}), "no component 'pud'"),
        (put("sparse_optimizations", value={"targets": [{"name": "pad", "action-optimization": [
            {"type": "skipping-spatial", "target": "A", "condition-on": ["B"]}]}]}),
         "found 'skipping-spatial'"),
        (put("sparse_optimizations", value={"targets": [{"name": "pad", "representation-format": {
            "data-spaces": [{"name": "A", "ranks": [{"format": "LZ"}]}]}}]}), "found 'LZ'"),
        (put(*LOCAL, "class", value="mac"), "expected one compute component"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(tmp_path, change, message):
    path = write(tmp_path, change)
    with pytest.raises(InputError, match=message) as error:
        timeloop_report(path)
    assert str(path) in str(error.value) or "mapping" in str(error.value)


def test_keys_that_are_not_understood_are_listed(tmp_path):
    report = timeloop_report(write(tmp_path, put(*PAD, "favourite_colour", value="blue")))
    assert report["ignored_keys"][0].endswith("attributes.favourite_colour")


def test_a_tile_too_large_for_its_level(tmp_path):
    with pytest.raises(InputError, match=r"level pad: the mapping needs .* expected at most 16"):
        timeloop_report(write(tmp_path, put(*PAD, "depth", value=2)))


def test_without_a_mapping(tmp_path):
    with pytest.raises(InputError, match=r"mapping: missing\. Or use: leanspike search"):
        timeloop_report(write(tmp_path, lambda data: data.pop("mapping")))


def test_names_with_instances():
    assert parse_instances("PE[0..767]", "here") == ("PE", 768)
    with pytest.raises(InputError, match="expected NAME or NAME"):
        parse_instances("PE[3..1]", "here")


def test_factors():
    assert parse_factors("C=2 M4", "CM", "here") == {"C": 2, "M": 4}


def banded(width):
    def change(data):
        shape = data["problem"]["shape"]
        shape["dimensions"].append("N")
        shape["data-spaces"][1]["projection"] = [[["K"]], [["N"]]]
        shape["data-spaces"][2]["projection"] = [[["M"]], [["N"]]]
        data["problem"]["instance"].update(
            N=8, densities={"B": {"distribution": "banded", "band_width": width}}
        )
        data["mapping"][0]["factors"] = "K=4 M=1 N=8"
        compute = {"name": "pad", "action-optimization": [
            {"type": "skipping", "target": "A", "condition-on": ["B"]}]}  # fmt: skip
        data["sparse_optimizations"] = {"targets": [compute]}
        for part in data["architecture"]["subtree"][0]["subtree"][0]["local"][:1]:
            part["attributes"]["depth"] = 64

    return change


@pytest.mark.parametrize("width", [0, 1, 3])
def test_a_banded_matrix_skips_by_its_band(tmp_path, width):
    report = timeloop_report(write(tmp_path, banded(width)))
    inside = sum(abs(i - j) <= width for i in range(8) for j in range(8))
    reads = report["counts"]["pad"]["A"]["reads"]
    assert reads["skipped"] / reads["algorithmic"] == pytest.approx(1 - inside / 64, abs=0.02)
    assert report["counts"]["pad"]["B"]["density_model"] == f"banded-{width}"


def test_only_square_matrices_are_banded(tmp_path):
    def change(data):
        banded(1)(data)
        data["problem"]["instance"]["N"] = 4
        data["mapping"][0]["factors"] = "K=4 M=1 N=4"

    with pytest.raises(InputError, match=r"densities\.B: found the shape \[8, 4\]"):
        timeloop_report(write(tmp_path, change))


def test_a_factor_of_zero_is_what_the_others_leave(tmp_path):
    def change(data):
        data["mapping"][0]["factors"] = "K=0 M=1"

    mapping = read_timeloop(write(tmp_path, change)).mapping
    assert mapping.to_text() == ["K=4 | | M=4", "K=2 | |"]


def test_two_factors_of_zero_are_refused(tmp_path):
    def change(data):
        data["mapping"][0]["factors"] = "K=0 M=1"
        data["mapping"][2]["factors"] = "K=0 M=1"

    with pytest.raises(InputError, match="found 2 factors K=0, expected at most one"):
        read_timeloop(write(tmp_path, change))


def test_a_factor_of_zero_that_leaves_a_fraction_is_refused(tmp_path):
    def change(data):
        data["mapping"][0]["factors"] = "K=0 M=1"
        data["mapping"][2]["factors"] = "K=3 M=1"

    with pytest.raises(InputError, match="multiply to 3, which does not divide its bound 8"):
        read_timeloop(write(tmp_path, change))
