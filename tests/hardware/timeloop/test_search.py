"""Searching Timeloop inputs: tensors that may be kept or bypassed are tried both ways."""

from __future__ import annotations

import copy
from itertools import product

import pytest
import yaml

from leanspike.errors import InputError
from leanspike.hardware.search.exhaustive import search_cases
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.timeloop.read import read_timeloop
from leanspike.hardware.timeloop.report import timeloop_case, timeloop_report
from leanspike.hardware.timeloop.search import search_timeloop
from leanspike.hardware.timeloop.write import timeloop_document

RULES = Semantics.preset("sparseloop")
TENSORS = ("A", "B", "Z")


def actions(*names: str, pj: float) -> list[dict]:
    return [{"name": name, "energy": pj} for name in names]


BASE = {
    "architecture": {
        "version": 0.3,
        "subtree": [{"name": "chip", "local": [
            {"name": "DRAM", "class": "DRAM",
             "attributes": {"width": 8, "datawidth": 8, "block_size": 1}},
            {"name": "pad", "class": "storage",
             "attributes": {"depth": 6, "width": 8, "datawidth": 8}},
            {"name": "MAC", "class": "intmac", "attributes": {"datawidth": 8}},
        ]}],
    },
    "ERT": {"version": 0.3, "tables": [
        {"name": "chip.DRAM", "actions": actions("read", "write", "update", pj=20)},
        {"name": "chip.pad", "actions": actions("read", "write", "update", pj=12)},
        {"name": "chip.MAC", "actions": actions("compute", pj=1)},
    ]},
    "problem": {
        "shape": {
            "name": "mm", "dimensions": ["M", "K"],
            "data-spaces": [
                {"name": "A", "projection": [[["M"]], [["K"]]]},
                {"name": "B", "projection": [[["K"]]]},
                {"name": "Z", "projection": [[["M"]]], "read-write": True},
            ],
        },
        "instance": {"M": 4, "K": 8},
    },
    "mapspace_constraints": {"targets": [{"target": "DRAM", "type": "temporal", "factors": ""}]},
}  # fmt: skip


def write(tmp_path, *targets: dict, name: str = "mapper.yaml"):
    data = copy.deepcopy(BASE)
    data["mapspace_constraints"]["targets"] += targets
    path = tmp_path / name
    path.write_text(yaml.safe_dump(data))
    return path


def bypass(keep, skip) -> dict:
    return {"target": "pad", "type": "bypass", "keep": list(keep), "bypass": list(skip)}


def test_what_is_not_said_is_free_but_for_the_outermost_level(tmp_path):
    assert read_timeloop(write(tmp_path)).free == (("pad", "A"), ("pad", "B"), ("pad", "Z"))
    given = read_timeloop(write(tmp_path, bypass(["Z"], ["A"])))
    assert given.free == (("pad", "B"),)
    assert given.architecture.levels[1].keeps == ("B", "Z")


@pytest.mark.parametrize("objective", ["edp", "energy", "latency"])
def test_the_best_of_all_choices_is_found(tmp_path, objective):
    found = search_timeloop(write(tmp_path), RULES, objective)
    alone = []
    for flags in product((True, False), repeat=3):
        kept = [t for t, flag in zip(TENSORS, flags, strict=True) if flag]
        path = write(tmp_path, bypass(kept, set(TENSORS) - set(kept)), name="given.yaml")
        alone.append(search_cases([timeloop_case(read_timeloop(path), RULES)], objective)[0])
    scores = {
        "edp": [one.edp for one in alone],
        "energy": [one.energy_pj for one in alone],
        "latency": [one.cycles for one in alone],
    }[objective]
    mine = {"edp": found.edp, "energy": found.energy_pj, "latency": found.cycles}[objective]
    assert mine == min(scores)
    assert found.mappings_total == sum(one.mappings_total for one in alone)
    assert found.mappings_legal == sum(one.mappings_legal for one in alone)
    # A pad that costs more than half of a DRAM access is not worth it for values used once.
    if objective == "energy":
        assert "A" not in found.case.plan.architecture.levels[1].keeps


def test_the_front_is_that_of_all_choices(tmp_path):
    found = search_timeloop(write(tmp_path), RULES, "pareto")
    energies = [energy for energy, _, _ in found.front]
    assert energies == sorted(energies)
    assert energies[0] == search_timeloop(write(tmp_path), RULES, "energy").energy_pj


def test_too_many_free_tensors_are_named(tmp_path):
    data = copy.deepcopy(BASE)
    local = data["architecture"]["subtree"][0]["local"]
    for name in ("first", "second"):
        local.insert(1, {**copy.deepcopy(local[-2]), "name": name})
    path = tmp_path / "deep.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(InputError, match=r"deep.yaml, mapspace.* 9 tensors may be .* B at pad"):
        search_timeloop(path, RULES)


def two_axes(tmp_path, *, spatial: str = "", along_y: int = 2):
    """A file with four pads in a square and one loop, M, that could fill both axes."""
    data = copy.deepcopy(BASE)
    tree = data["architecture"]["subtree"][0]
    pad, unit = tree["local"][1:]
    for part in (pad, unit):
        part["attributes"]["meshX"] = 4 // along_y
    tree["local"] = tree["local"][:1]
    tree["subtree"] = [{"name": "PE[0..3]", "local": [pad, unit]}]
    data["problem"]["instance"] = {"M": 4, "K": 3}
    targets = data["mapspace_constraints"]["targets"]
    targets.append(bypass(TENSORS, ()))
    if spatial:
        targets.append({"target": "DRAM", "type": "spatial", "factors": spatial})
    path = tmp_path / "square.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_a_loop_runs_along_one_axis_as_timeloops_do(tmp_path):
    """M=4 over a 2 x 2 array is two by two only with two loops over M, which Timeloop has not."""
    path = two_axes(tmp_path)
    found = search_timeloop(path, RULES, "latency")
    assert found.cycles == 6
    y, x = found.mapping.factors[1], found.mapping.factors[2]
    assert not ((y > 1) & (x > 1)).any()
    data = yaml.safe_load(path.read_text())
    del data["mapspace_constraints"]
    written = timeloop_document(found.case.plan, found.case.pricing, {}, mapping=found.mapping)
    data["mapping"] = written["mapping"]
    path.write_text(yaml.safe_dump(data))
    assert timeloop_report(path)["cycles"] == 6
    # Four in a row are one loop.
    assert search_timeloop(two_axes(tmp_path, along_y=1), RULES, "latency").cycles == 3


@pytest.mark.parametrize(("spatial", "spread"), [("M=2", 2), ("M=1", 1), ("M<=1", 1), ("M>=2", 2)])
def test_factors_without_a_split_hold_for_both_axes_together(tmp_path, spatial, spread):
    found = search_timeloop(two_axes(tmp_path, spatial=spatial), RULES, "latency")
    assert (found.mapping.factors[1] * found.mapping.factors[2]).tolist() == [spread, 1]


def test_what_a_choice_makes_timeloop_refuse_is_left_out(tmp_path):
    """Kept in the pad, A arrives compressed there and cannot be unpacked; passing by is fine."""
    data = copy.deepcopy(BASE)
    dram = data["architecture"]["subtree"][0]["local"][0]["attributes"]
    dram.update(metadata_storage_width=32, metadata_storage_depth=999)
    ranks = [{"format": "RLE", "flattened-rankIDs": [["M", "K"]], "metadata-word-bits": 4}]
    formats = {"data-spaces": [{"name": "A", "ranks": ranks}]}
    data["sparse_optimizations"] = {"targets": [{"name": "DRAM", "representation-format": formats}]}
    path = tmp_path / "compressed.yaml"
    path.write_text(yaml.safe_dump(data))
    found = search_timeloop(path, RULES, "latency")
    assert "A" not in found.case.plan.architecture.levels[1].keeps
