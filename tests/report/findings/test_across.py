"""On which hardware what pays, against numbers worked out by hand."""

import pytest
from made_up import results

import made_up_records as records
from leanspike.report.findings import findings, hardware_table, on_every_hardware
from leanspike.report.findings.finding import Reader
from leanspike.study import Point, PointResult, StudyFile
from leanspike.study.records import Cost, LayerPrice, Refused

#: Energy in uJ of (float, quantized, pruned, joint) by accelerator.
ENERGIES = {"near": (20, 10, 15, 9), "far": (100, 99, 98, 97), "swift": (40, 41, 20, 19)}
SECONDS = {"near": 1.0, "far": 1.0, "swift": 0.01}
POINTS = (("float", None, 0.0, 950), ("quantize", 2, 0.0, 949), ("prune", None, 0.8, 950),
          ("joint", 2, 0.8, 600))  # fmt: skip


def study(formats=("RLE", "own"), refused=()):
    points = []
    for i, (strategy, bits, sparsity, right) in enumerate(POINTS):
        costs = []
        for chip, energies in ENERGIES.items():
            for format_ in formats:
                pj = energies[i] * 1e6 * (3 if format_ == "RLE" else 1)
                layer = LayerPrice(
                    "l", pj, 1, 1, {"c": pj}, tensors={"State": 0.6 * pj, "Weights": 0.4 * pj}
                )
                edp = pj * 1e-12 * SECONDS[chip]
                costs.append(Cost(chip, format_, "mean", None, pj, 1, SECONDS[chip], edp, (layer,)))
        layer = records.weights(count=8000, bits=bits or 8, sparsity=sparsity)
        measured = records.measured((n < right for n in range(1000)), [layer])
        point = Point(strategy, bits, sparsity, 0)
        points.append(PointResult("m", point, measured, 8, tuple(costs), refused))
    hardware = {"architectures": list(ENERGIES), "formats": list(formats), "statistics": ["mean"],
                "assumptions": False}  # fmt: skip
    return results(StudyFile(hardware=hardware), tuple(points))


def test_every_accelerator_in_its_own_formats_with_what_loses_nothing():
    near, far, swift = on_every_hardware(Reader(study()))
    assert (near.architecture, near.format, near.baseline_pj) == ("near", "own", 20e6)
    assert (near.quantization, near.pruning) == (0.5, 0.75)
    assert near.together is None  # the joint network loses accuracy, whatever it saves
    assert near.best.name == "quantize 2b"
    assert (far.best.name, swift.best.name) == ("prune 80%", "prune 80%")
    assert near.shares == (("membranes", pytest.approx(0.6)), ("weights", pytest.approx(0.4)))
    assert on_every_hardware(Reader(study(("RLE",))))[0].baseline_pj == 60e6


def test_the_finding_answers_where_it_pays_and_which_pair_is_best():
    text = findings(study())[0].text
    assert (
        "Pruning alone without loss pays on near (-25 %), swift (-50 %), not on far (-2 %)" in text
    )
    assert (
        "Quantization alone without loss pays on near (-50 %), not on far (-1 %), swift (+2 %)"
        in text
    )
    assert "The best pair is quantize (2-bit weights) on near: 10 µJ" in text
    assert "the least energy-delay product has swift (2e-07 J s)" in text
    assert "membranes on near (60 %)" in text


def test_the_table_fits_a_terminal():
    lines = hardware_table(study()).splitlines()
    assert [line.split()[0] for line in lines] == ["hardware", *ENERGIES]
    assert max(map(len, lines)) <= 80
    assert lines[1].split()[2:5] == ["-25%", "-50%", "-"]


def test_hardware_without_a_mapping_is_named_with_the_reason():
    refused = (Refused("tiny", "own", "mean", None, "conv1: no mapping fits"),)
    found = {each.title: each.text for each in findings(study(refused=refused))}
    assert "tiny: conv1: no mapping fits" in found["Not priced"]
    assert "Not priced" not in {each.title for each in findings(study())}
