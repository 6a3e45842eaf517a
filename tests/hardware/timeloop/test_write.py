"""What is written as a Timeloop input reads back as the same costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.case import Case
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.timeloop.read import read_timeloop
from leanspike.hardware.timeloop.report import timeloop_case, timeloop_report
from leanspike.hardware.timeloop.write import write_timeloop
from leanspike.hardware.workload.layer import Layer

CASES = Path(__file__).parents[4] / "shared" / "reference" / "timeloop"
FOUND = sorted(CASES.glob("*/input.yaml"))


@pytest.mark.parametrize("case", FOUND, ids=lambda path: path.parent.name)
def test_reference_cases_round_trip(case, tmp_path):
    found = read_timeloop(case)
    compiled = timeloop_case(found, Semantics.preset("sparseloop"))
    path = tmp_path / "written.yaml"
    write_timeloop(path, compiled.plan, compiled.pricing, found.densities, mapping=found.mapping)
    first, second = timeloop_report(case), timeloop_report(path)
    assert second.keys() == first.keys()
    assert second["counts"] == first["counts"]
    assert second["energy_total_pJ"] == pytest.approx(first["energy_total_pJ"])
    assert second["cycles_per_level"] == first["cycles_per_level"]


def test_a_preset_and_its_rules_can_be_written(tmp_path):
    chip = Architecture.load("eyeriss_snn")
    layer = Layer(name="c", T=4, C=8, M=16, P=8, Q=8, R=3, S=3, stride=(2, 2))
    case = Case.of(layer, chip, Semantics.preset("sparseloop"))
    densities = {"Weights": ("fixed-structured", {"density": 0.5})}
    path = tmp_path / "mapper.yaml"
    write_timeloop(path, case.plan, case.pricing, densities)
    found = read_timeloop(path)
    assert found.mapping is None
    assert found.problem.coefficients.tolist() == case.plan.problem.coefficients.tolist()
    glb = found.architecture.levels[1]
    assert glb.x.dims is not None
    assert "Q" in glb.x.dims
    assert found.architecture.instances(len(found.architecture.levels)) == 768


def test_a_mapping_of_ours_keeps_its_counts(tmp_path):
    chip = Architecture(
        name="chip",
        levels=[
            {"name": "DRAM", "keeps": ["Weights", "Inputs", "Outputs"], "width": 32,
             "word_bits": 8, "energy": {"read": 9, "write": 8, "update": 7},
             "fanout": {"x": 2, "y": 3}},
            {"name": "pad", "keeps": ["Weights"], "word_bits": 8, "depth": 64,
             "energy": {"read": 1}},
        ],
        compute={"energy": {"compute": 2}},
    )  # fmt: skip
    layer = Layer(name="c", C=4, M=6, P=6, R=3)
    case = Case.of(layer, chip, Semantics.preset("sparseloop"))
    mapping = Mapping.from_text(case.plan.problem.dims, ["C=4 M=2 | M=3 | P=2", "P=3 R=3"])
    expected = case.cost(mapping)
    path = tmp_path / "model.yaml"
    densities = {"Weights": ("fixed-structured", {"density": 1.0})}
    write_timeloop(path, case.plan, case.pricing, densities, mapping=mapping)
    report = timeloop_report(path)
    assert report["cycles"] == expected.cycles
    assert report["energy_total_pJ"] == pytest.approx(expected.energy_pj)


def test_a_loop_along_both_axes_is_refused(tmp_path):
    chip = Architecture(
        name="chip",
        levels=[
            {"name": "DRAM", "keeps": ["Weights", "Inputs", "Outputs"], "fanout": {"x": 2, "y": 2}}
        ],
    )
    case = Case.of(Layer(name="c", C=1, M=4), chip, Semantics.preset("sparseloop"))
    mapping = Mapping.from_text(case.plan.problem.dims, ["| M=2 | M=2"])
    with pytest.raises(InputError, match="M runs along x and y at once"):
        write_timeloop(tmp_path / "x.yaml", case.plan, case.pricing, {}, mapping=mapping)
